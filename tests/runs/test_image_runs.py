"""A run remembers how its images became rows, and reads others in the same way."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from aae.data.dataset import ReadOptions
from aae.model.artifact import load
from aae.model.pictures import PictureFormat
from aae.runs.open import open_run
from aae.runs.outputs import codes, read_input, reconstructions
from aae.runs.train import resume_run, train_preset
from aae.system.errors import AAEError
from aae.system.files import read_json, write_checksummed
from helpers.written import write_picture

RNG = np.random.default_rng(0)
CHANGES = {"hidden": [8], "network": "mlp"}
RAMP = np.linspace(0, 1, 144).reshape(12, 12)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))
    return tmp_path


def train(place, data="data", **reading):
    train_preset("semi-supervised", place / data, steps=2, changes=CHANGES, out=place / "run", progress=False,
                 reading=ReadOptions(**reading))  # fmt: skip
    return load(place / "run")


def fill(place, size, name="data", value=None):
    for kind in ("cat", "dog"):
        for k in range(10):
            pixels = RNG.integers(0, 256, size, dtype=np.uint8) if value is None else value(k)
            write_picture(place / name / kind / f"{k}.png", pixels)


@pytest.mark.parametrize("fit", [None, "crop", "pad", "stretch"])
def test_the_way_to_make_images_square(place, fit):
    fill(place, (12, 40))
    model = train(place, fit=fit)
    assert model.pictures == PictureFormat(fit or "pad")
    new = np.full((20, 80), 250, np.uint8)
    new[:, 74:] = 0
    write_picture(place / "new" / "a.png", new)
    x = read_input(str(place / "new"), model).rows[0]
    whole = model.shape[0]
    assert (x.min() < 60) == (fit != "crop")
    assert (np.ptp(x[:, -1]) > 100) == (fit in (None, "pad"))
    single = read_input(str(place / "new" / "a.png"), load(place / "run" / "model")).rows[0]
    assert np.array_equal(single, x)
    other = open_run(place / "run", str(place / "new")).data
    assert other.pictures == model.pictures.for_others()
    own = open_run(place / "run").data
    assert own.shape == (whole, whole)
    resume_run(place / "run", progress=False)


def test_the_range_of_values(place):
    fill(place, None, value=lambda k: np.round(np.roll(RAMP, k) * 4095).astype(np.uint16))
    model = train(place)
    assert model.pictures == PictureFormat("crop", None, (0, 4095))
    write_picture(place / "new.png", np.full((12, 12), 1000, np.uint16))
    assert (read_input(str(place / "new.png"), model).rows == 62).all()


def test_the_background(place, capsys):
    def strokes(k, ink=255):
        pixels = np.zeros((12, 12, 2), np.uint8)
        pixels[..., 0] = ink
        pixels[k, :, 1] = 255
        return pixels

    fill(place, None, value=strokes)
    model = train(place)
    assert model.pictures == PictureFormat("crop", "black")
    for k, ink in enumerate((255, 0)):
        Image.fromarray(strokes(3, ink)).save(place / f"{k}.png")
    light, dark = (read_input(str(place / f"{k}.png"), model).rows[0] for k in (0, 1))
    assert (light[3].min(), light[5].max(), dark.max()) == (255, 0, 0)  # dark strokes do not choose another


def test_a_background_for_each_image_is_kept_with_the_model(place):
    def strokes(k):
        pixels = np.zeros((12, 12, 2), np.uint8)
        pixels[..., 0] = 255 * (k % 2)
        pixels[k, :, 1] = 255
        return pixels

    fill(place, None, value=strokes)
    model = train(place)
    assert model.pictures == PictureFormat("crop", "each")
    together = read_input(str(place / "data"), model)
    for name, row in zip(together.files, together.rows, strict=True):
        assert np.array_equal(read_input(str(place / "data" / name), model).rows[0], row)
        assert np.ptp(row) == 255


def test_images_that_come_later_change_nothing_about_the_others(place):
    fill(place, (12, 12))
    before = train(place), open_run(place / "run").data
    for k in range(30):
        write_picture(place / "data" / "cat" / f"wide{k}.png", RNG.integers(0, 256, (12, 40, 3), dtype=np.uint8))
    data = open_run(place / "run").data
    assert data.shape == before[0].shape == (12, 12)
    assert data.pictures == PictureFormat("crop").for_others()
    rows = {row.tobytes() for row in (*data.x, *data.test_x)}
    assert rows >= {row.tobytes() for row in (*before[1].x, *before[1].test_x)}


def test_a_model_of_an_older_version_cuts_as_it_did(place):
    fill(place, (12, 40))
    train(place, fit="crop", image_size=12)
    run = place / "old"
    shutil.copytree(place / "run", run)
    spec = read_json(run / "model" / "spec.json")
    del spec["model"]["pictures"], spec["checksum"]
    (run / "model" / "spec.json").write_text(json.dumps(spec))
    config = read_json(run / "config.json")
    del config["reading"]
    write_checksummed(run / "config.json", config)
    assert load(run).pictures is None
    assert np.array_equal(open_run(run).data.x, open_run(place / "run").data.x)
    write_picture(place / "new.png", RNG.integers(0, 256, (12, 40), dtype=np.uint8))
    old, new = (read_input(str(place / "new.png"), load(one)).rows for one in (run, place / "run"))
    assert np.array_equal(old, new)


def test_names_of_classes_of_images_to_predict(place):
    fill(place, (12, 12))
    model = train(place)
    files = ["a/b/bird/2.png", "a/b/cat/1.png", "a/b/unlabeled/3.png"]
    for name in files:
        write_picture(place / "new" / name, np.zeros((12, 12), np.uint8))
    found = read_input(str(place / "new"), model)
    assert (found.names, found.files) == ([None, "cat", None], files)


def test_images_that_cannot_be_read_are_told_and_refused_if_strict(place, capsys):
    fill(place, (12, 12))
    model = train(place)
    fill(place, (12, 12), "new")
    (place / "new" / "cat" / "3.png").write_bytes(b"")
    run, new = place / "run", str(place / "new")
    open_run(run, new)
    assert "Note: 1 image could not be read and was left out: cat/3.png" in capsys.readouterr().err
    for call in (lambda: open_run(run, new, strict=True),
                 lambda: read_input(new, model, ReadOptions(strict=True))):  # fmt: skip
        with pytest.raises(AAEError, match=r"cat/3.png cannot be read .*; remove it, or read without --strict"):
            call()
    codes(run, new, place / "codes.npz")
    reconstructions(run, new, place / "x.npz")
    files = read_input(new, model).files
    for name in ("codes", "x"):
        assert np.load(place / f"{name}.npz")["file"].tolist() == files
    codes(run, new, place / "codes.parquet")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(place / "codes.parquet")
    assert table.column("file").to_pylist() == files
    assert table.column_names[-1] == "file"


def test_arrays_keep_the_range_of_the_training(place, capsys):
    x = (RNG.integers(0, 4096, (40, 12, 12))).astype(np.uint16)
    np.savez(place / "data.npz", x=x, y=np.arange(40) % 2)
    model = train(place, "data.npz")
    np.savez(place / "dim.npz", x=x // 8, y=np.arange(40) % 2)
    np.save(place / "axis.npy", x[:, None] // 8)
    dim = open_run(place / "run", str(place / "dim.npz")).data
    for rows in (read_input(str(place / "dim.npz"), model).rows, read_input(str(place / "axis.npy"), model).rows):
        assert rows.max() <= 32
        assert {row.tobytes() for row in rows} == {row.tobytes() for row in dim.test_x}
    x[0] = 9000
    np.savez(place / "over.npz", x=x)
    read_input(str(place / "over.npz"), model)
    assert "1 of 40 images has values above 4095" in capsys.readouterr().err
    open_run(place / "run")


def test_a_model_with_an_axis_for_one_channel_takes_grey_images_without(place):
    x, y = RNG.integers(0, 256, (40, 12, 12), dtype=np.uint8), np.arange(40) % 2
    np.savez(place / "data.npz", x=x[..., None], y=y)
    model = train(place, "data.npz")
    assert model.shape == (12, 12, 1)
    np.savez(place / "new.npz", x=x, y=y)
    assert open_run(place / "run", str(place / "new.npz")).data.shape == (12, 12, 1)
    codes(place / "run", str(place / "new.npz"), place / "codes.npz")
