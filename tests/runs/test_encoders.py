"""Runs on vectors of a frozen encoder: they find it again, refuse another, and show what it read."""

import csv
import json
import shutil

import numpy as np
import pytest

from aae.data.dataset import ReadOptions
from aae.explorer.explore import write_explorer
from aae.model.artifact import load
from aae.report.gallery import PICTURES, write_run_report
from aae.runs.measure import measure_run
from aae.runs.onnx import export_onnx
from aae.runs.open import open_run
from aae.runs.outputs import predictions
from aae.runs.suggest import suggest
from aae.runs.train import resume_run, train_preset
from aae.system.errors import AAEError
from aae.system.files import write_checksummed
from helpers.encoders import image_encoder, text_encoder
from helpers.written import write_picture

COLOURS = {"red": 0, "blue": 2}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))
    return tmp_path / "cache"


def photo(path, colour, seed):
    pixels = np.random.default_rng(seed).integers(0, 80, (12, 12, 3), dtype=np.uint8)
    pixels[..., COLOURS[colour]] += 150
    write_picture(path, pixels)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on photos of two colours, with the folder of its encoder."""
    root = tmp_path_factory.mktemp("photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platformdirs.user_cache_dir", lambda name: str(root / "cache"))
        for k in range(40):
            colour = list(COLOURS)[k % 2]
            photo(root / "photos" / "train" / colour / f"{k}.png", colour, k)
            photo(root / "photos" / "test" / colour / f"{k}.png", colour, 100 + k)
        image_encoder(root / "encoder")
        train_preset("few-labels", root / "photos", reading=ReadOptions(features=str(root / "encoder")), steps=60,
                     changes={"restarts": 1}, out=root / "run", progress=False)  # fmt: skip
    return root


@pytest.fixture
def run(trained, tmp_path):
    """A copy of everything, so that a test may change it; the run names the copies."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    rewrite(tmp_path / "run", lambda text: text.replace(str(trained), str(tmp_path)))
    return tmp_path / "run"


def rewrite(run, change):
    """Change the configuration of a run, as a text."""
    config = json.loads(change((run / "config.json").read_text()))
    del config["checksum"]
    write_checksummed(run / "config.json", config)


def rows_of(out):
    with out.open() as file:
        return list(csv.DictReader(file))


def test_the_run_and_its_model_keep_which_encoder_it_was(run, tmp_path):
    entry = json.loads((run / "config.json").read_text())["encoder"]
    assert entry | {"sha256": ""} == {"name": "encoder", "sha256": "", "output": "pooler_output", "kind": "image",
                                      "path": str(tmp_path / "encoder")}  # fmt: skip
    model = load(run)
    assert (model.frozen_encoder.sha256, model.frozen_encoder.name) == (entry["sha256"], "encoder")
    assert model.shape == (3,)


def test_new_photos_are_predicted_by_the_encoder_of_the_run(run, tmp_path):
    new = tmp_path / "new"
    for k in range(6):
        photo(new / f"{k}.png", list(COLOURS)[k % 2], 200 + k)
    predictions(run, str(new), tmp_path / "out.csv")
    found = rows_of(tmp_path / "out.csv")
    assert [(row["file"], row["label"]) for row in found] == [(f"{k}.png", list(COLOURS)[k % 2]) for k in range(6)]
    predictions(run, str(new / "1.png"), tmp_path / "one.csv")
    assert rows_of(tmp_path / "one.csv") == [found[1]]


def test_it_is_evaluated_on_its_own_data_and_on_others(run, tmp_path, capfd):
    assert measure_run(open_run(run))["test_error"] < 20
    assert "changed" not in capfd.readouterr().err
    other = open_run(run, str(tmp_path / "photos" / "test"))
    assert len(other.data.test_x) == 40
    assert measure_run(other)["test_error"] < 20


def test_an_encoder_that_changed_is_refused(run, tmp_path):
    image_encoder(tmp_path / "encoder", scale=1.5)
    new = photo(tmp_path / "new.png", "red", 1)
    for use in (lambda: open_run(run), lambda: predictions(run, str(new), tmp_path / "out.csv"),
                lambda: open_run(run, str(tmp_path / "photos")), lambda: suggest(run, 2)):  # fmt: skip
        with pytest.raises(AAEError, match="is not the encoder that the model was trained with") as error:
            use()
        assert str(tmp_path / "encoder") in str(error.value)
    assert not (tmp_path / "out.csv").exists()


def test_an_encoder_that_moved_is_named_and_vectors_in_the_cache_do_not_need_it(run, tmp_path, cli):
    assert len(open_run(run).data.x) == 40
    (tmp_path / "encoder").rename(tmp_path / "elsewhere")
    assert len(open_run(run).data.x) == 40
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(AAEError, match="name the encoder encoder that the model was trained with by --features"):
        open_run(run)
    given = ReadOptions(features=str(tmp_path / "elsewhere"))
    assert len(open_run(run, given=given).data.x) == 40
    for words in (["plot", run, "curves", "--out", tmp_path / "c.png"], ["report", run]):
        shutil.rmtree(tmp_path / "cache")
        assert cli(*words).code == 1
        assert cli(*words, "--features", tmp_path / "elsewhere").code == 0
    new = photo(tmp_path / "new.png", "blue", 1)
    predictions(run, str(new), tmp_path / "out.csv", given=given)
    assert rows_of(tmp_path / "out.csv")[0]["label"] == "blue"


def test_what_else_does_not_fit(run, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(AAEError, match="is a table, and the model was trained on images; give images"):
        predictions(run, str(tmp_path / "rows.csv"), tmp_path / "out.csv")
    with pytest.raises(AAEError, match="No data at"):
        predictions(run, str(tmp_path / "absent" / "x.png"), tmp_path / "out.csv")
    rewrite(run, lambda text: json.dumps(json.loads(text) | {"encoder": ["what"]}))
    with pytest.raises(AAEError, match="does not say which frozen encoder it used"):
        open_run(run)


def test_a_model_without_an_encoder_takes_none(tmp_path):
    train_preset("aae", "digits", steps=1, out=tmp_path / "plain", progress=False)
    given = ReadOptions(features=str(tmp_path))
    for use in (lambda: predictions(tmp_path / "plain", str(tmp_path), tmp_path / "out.csv", given=given),
                lambda: open_run(tmp_path / "plain", given=given)):  # fmt: skip
        with pytest.raises(AAEError, match="was trained without a frozen encoder; drop --features"):
            use()


def test_a_run_goes_on(tmp_path, trained):
    reading = ReadOptions(features=str(trained / "encoder"))
    train_preset("few-labels", trained / "photos", reading=reading, steps=4, changes={"restarts": 1},
                 out=tmp_path / "run", progress=False)  # fmt: skip
    assert resume_run(tmp_path / "run", progress=False).step == 4


def test_the_report_shows_photos_and_no_vectors(run, monkeypatch):
    some = ("typical", "neighbours", "mistakes", "samples")
    monkeypatch.setattr("aae.report.gallery.PICTURES", {kind: PICTURES[kind] for kind in some})
    opened = open_run(run)
    opened.probabilities = np.roll(opened.probabilities, 1, axis=1)  # so that there are mistakes
    page = write_run_report(opened, measure_run(opened)).read_text("utf-8")
    for shown in ("with the highest confidence", "most like it to the model", "The most confident mistakes"):
        assert shown in page
    assert "Decoded samples" not in page
    for kind in ("reconstructions", "samples", "styles", "manifold", "columns"):
        with pytest.raises(AAEError, match="vectors of a frozen encoder"):
            PICTURES[kind][0](opened)


def test_the_explorer_shows_photos_and_says_why_there_is_no_decoder(run):
    said = write_explorer(run, run / "page.html", 30)
    assert "no decoder: the rows are vectors of the frozen encoder encoder, which cannot be turned back" in said
    payload = json.loads((run / "page.html").read_text("utf-8").partition('id="payload"')[2].partition(">")[2]
                         .partition("</script>")[0])  # fmt: skip
    assert payload["data"] == "images"
    assert payload["thumbnails"]["tile"] == [12, 12]
    assert payload["columns"] == []


def test_the_export_says_that_the_encoder_is_not_in_it(run, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("aae.runs.onnx._to_onnx", lambda *_: b"")
    monkeypatch.setattr("aae.runs.onnx._difference", lambda *_: 0.0)
    export_onnx(run, tmp_path / "onnx")
    assert "the frozen encoder encoder is not in these files" in capfd.readouterr().err
    description = json.loads((tmp_path / "onnx" / "model.json").read_text())
    assert description["frozen_encoder"]["name"] == "encoder"
    assert "not included" in description["preprocessing"]


def test_texts_from_training_to_predictions(tmp_path, monkeypatch):
    monkeypatch.setattr("aae.report.gallery.PICTURES", {})
    text_encoder(tmp_path / "encoder")
    rows = [("good" if k % 2 else "bad", "film" if k % 3 else "book", "yes" if k % 2 else "no") for k in range(80)]
    lines = [f"{judged} {what},{liked}" for judged, what, liked in rows]
    (tmp_path / "reviews.csv").write_text("\n".join(["review,liked", *lines]) + "\n")
    reading = ReadOptions(features=str(tmp_path / "encoder"), text_column="review", label_column="liked")
    train_preset("few-labels", tmp_path / "reviews.csv", reading=reading, steps=40, labels=20, changes={"restarts": 1},
                 out=tmp_path / "run", progress=False)  # fmt: skip
    (tmp_path / "new.csv").write_text("review\ngood book\nbad film\n")
    predictions(tmp_path / "run", str(tmp_path / "new.csv"), tmp_path / "out.csv")
    assert [row["label"] for row in rows_of(tmp_path / "out.csv")] == ["yes", "no"]
    (tmp_path / "note.txt").write_text("good good film")
    predictions(tmp_path / "run", str(tmp_path / "note.txt"), tmp_path / "one.csv")
    assert [(row["file"], row["label"]) for row in rows_of(tmp_path / "one.csv")] == [("note.txt", "yes")]
    opened = open_run(tmp_path / "run")
    opened.probabilities = np.roll(opened.probabilities, 1, axis=1)
    page = write_run_report(opened, measure_run(opened)).read_text("utf-8")
    assert "bad book" in page or "good film" in page
    write_explorer(tmp_path / "run", tmp_path / "page.html", 20)
    assert '"good film"' in (tmp_path / "page.html").read_text("utf-8")
