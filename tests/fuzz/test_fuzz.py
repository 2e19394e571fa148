"""Whatever is read, the only outcomes are success and an error of ours with a sentence. ``AAE_FUZZ=all`` tries more."""

import gzip
import io
import json
import os
import resource
import time

import numpy as np
import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from PIL import Image

from aae.artifact import load
from aae.data import images
from aae.data.idx import read_idx
from aae.data.sources import Reading, load_data
from aae.errors import AAEError
from aae.exports import read_input
from aae.runs import _as_before, open_run
from mutations import changed, changed_json
from reliability import record
from runs import train_small

ALL = os.environ.get("AAE_FUZZ") == "all"
MEMORY = 1000  # MB
PARTS = range(8 if ALL else 1)  # each with a seed of its own, to be shared out among processes
RNG = np.random.default_rng(0)


def fuzz(part, number, examples, strategy, work):
    """Let ``work`` meet inputs; put on record how many, and how much memory was taken."""
    found, start = [0, 0], time.monotonic()
    check = settings(max_examples=examples // 8 if ALL else 60, deadline=None, database=None, derandomize=not ALL,
                     suppress_health_check=list(HealthCheck))  # fmt: skip

    def one(value):
        found[0] += 1
        try:
            work(value)
        except AAEError as error:
            sentence = str(error)
            if len(sentence) < 10:
                raise RuntimeError(f"no sentence: {sentence!r}") from error
        found[1] += 1

    test = check(given(strategy)(one))
    (seeded(number)(test) if ALL else test)()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    record(part, found[0], found[1], seconds=time.monotonic() - start)
    print(f"{part}, seed {number}: {found[0]} inputs, peak {peak:.0f} MB")
    assert peak < MEMORY or not ALL


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write bytes to a file of that name, and give its path; nothing is kept in a cache."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))

    def write(name, raw):
        (tmp_path / name).write_bytes(raw)
        return tmp_path / name

    return write


def idx_samples():
    for shape in ((3, 4, 5), (6,), (2, 3, 4, 3)):
        raw = b"\x00\x00\x08" + bytes([len(shape)]) + np.array(shape, ">u4").tobytes()
        raw += RNG.integers(0, 256, shape, dtype=np.uint8).tobytes()
        yield raw
        yield gzip.compress(raw)
    yield gzip.compress(b"\x00\x00\x08\x01" + (2**26).to_bytes(4, "big") + bytes(2**20))


@pytest.mark.parametrize("number", PARTS)
def test_idx(file, number):
    fuzz("IDX", number, 80_000, changed(list(idx_samples())), lambda raw: read_idx(file("rows", raw)))


def numpy_samples():
    x = RNG.random((12, 5)).astype(np.float32)
    arrays = [x, x.astype(np.float64), RNG.integers(0, 9, (12, 8, 8), dtype=np.uint8), x > 0.5, x.astype(complex),
              np.asfortranarray(x), np.zeros((0, 5)), np.arange(3), np.array(["a", "b"]), np.float32(3),
              np.zeros(3, [("a", "<f4"), ("b", "<i2")]), np.zeros(3, "M8[s]"), np.array([{}, None])]  # fmt: skip
    for array in arrays:
        stream = io.BytesIO()
        np.save(stream, array)
        yield ".npy", stream.getvalue()
    labels = [np.arange(12) % 3, np.array(list("abc") * 4), np.arange(12) / 2, np.full(12, np.nan), np.arange(12) > 5,
              np.array([b"a"] * 12), np.arange(12).reshape(3, 4), np.array([None] * 12)]  # fmt: skip
    for save in (np.savez, np.savez_compressed):
        for y in labels:
            stream = io.BytesIO()
            save(stream, x=x, y=y, x_test=x[:3], y_test=y[:3])
            yield ".npz", stream.getvalue()


@pytest.mark.parametrize("number", PARTS)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_numpy(file, number, suffix):
    samples = [raw for kind, raw in numpy_samples() if kind == suffix]
    fuzz(f"numpy {suffix}", number, 24_000, changed(samples), lambda raw: load_data(file("rows" + suffix, raw)))


CSV = [
    b"a,b,label\n1,2,x\n3,,y\n5,6,\n7,8,x\n9,1,y\n",
    b'a;b;label\r\n1,5;"te;xt";1\r\n2;"li\nne";2\r\n3;c;1\r\n',
    b"\xef\xbb\xbfname\tlabel\nred\t1\nblue\t2\nred\t\n'=1\t2\n",
    b"a,b,label\n2020-01-01,true,x\n2021-01-01 10:00:00,false,y\n,,\n",
    "ä,b,label\nß,1e308,x\n€,-inf,y\nß,nan,x\n".encode(),
]


@pytest.mark.parametrize("number", PARTS)
@pytest.mark.parametrize("labels", [None, "label"])
def test_csv(file, number, labels):
    reading = Reading(label_column=labels)
    fuzz("CSV", number, 16_000, changed(CSV), lambda raw: load_data(file("rows.csv", raw), reading))


def parquet_samples():
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"a": [1.5, None, 3.0, 4.0], "b": ["x", "y", None, "x"], "label": ["p", "q", "p", None]}
    nested = {**columns, "list": [[1], [2, 3], None, []], "map": [{"k": 1}] * 4}
    numbers = {"label": pa.array([1, 2, 1, 2], pa.decimal128(5, 1))}
    plain = {"use_dictionary": False, "compression": "none"}
    for table in map(pa.table, (columns, nested, numbers)):
        for options in ({}, {"compression": "gzip", "row_group_size": 2}, plain):
            stream = io.BytesIO()
            parquet.write_table(table, stream, **options)
            yield stream.getvalue()


@pytest.mark.parametrize("number", PARTS)
def test_parquet(file, number):
    def work(raw):
        path = file("rows.parquet", raw)
        load_data(path, Reading(label_column="label"))
        read_input(str(path)).rows[:]

    fuzz("Parquet", number, 16_000, changed(list(parquet_samples())), work)


def image_samples():
    for mode, shape in (("L", (9, 10)), ("RGB", (9, 10, 3)), ("RGBA", (9, 10, 4))):
        picture = Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8), mode=None)
        for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
            if (mode, kind) == ("RGBA", "JPEG"):
                continue
            stream = io.BytesIO()
            frames = {"save_all": True, "append_images": [picture] * 2} if kind in ("GIF", "TIFF") else {}
            picture.save(stream, kind, **frames)
            yield stream.getvalue()
    picture.convert("L").save(stream := io.BytesIO(), "EPS")
    yield stream.getvalue()


@pytest.mark.parametrize("number", PARTS)
def test_images(tmp_path, number):
    def work(raw):
        (tmp_path / "a.png").write_bytes(raw)
        images._read(["a.png"], tmp_path, 8, None)

    fuzz("Images", number, 24_000, changed(list(image_samples())), work)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Model folders of a few presets."""
    folder = tmp_path_factory.mktemp("models")
    names = ("semi-supervised", "few-labels", "vae", "supervised", "conditioned")
    return {name: train_small(name, steps=1, out=folder / name).path for name in names}


@pytest.mark.parametrize("number", PARTS)
def test_specifications(models, tmp_path, number):
    specs = [json.loads((run / "model" / "spec.json").read_text()) for run in models.values()]
    for spec in specs:
        del spec["checksum"]
    (tmp_path / "weights.safetensors").write_bytes((models["vae"] / "model" / "weights.safetensors").read_bytes())

    def work(spec):
        (tmp_path / "spec.json").write_text(json.dumps(spec))
        load(tmp_path)

    fuzz("Model specification", number, 24_000, changed_json(specs), work)


@pytest.mark.parametrize("number", PARTS)
def test_model_bytes(models, tmp_path, number):
    spec, weights = ((models["vae"] / "model" / name).read_bytes() for name in ("spec.json", "weights.safetensors"))

    def work(files):
        for name, raw in zip(("spec.json", "weights.safetensors"), files, strict=True):
            (tmp_path / name).write_bytes(raw)
        load(tmp_path)

    one = st.tuples(changed([spec]), st.just(weights))
    other = st.tuples(st.just(spec), changed([weights, weights[:2000]]))
    fuzz("Model files", number, 24_000, one | other, work)


@pytest.mark.parametrize("number", PARTS)
def test_configurations(models, tmp_path, number, monkeypatch):
    """Of a run that is opened, reported on or gone on with."""
    digits = load_data("digits")
    monkeypatch.setattr("aae.runs.load_data", lambda spec, *how: digits if spec == "digits" else load_data(spec, *how))
    configs = [json.loads((run / "config.json").read_text()) for run in models.values()]
    for config in configs:
        del config["checksum"]
    (tmp_path / "model").mkdir()
    for name in ("spec.json", "weights.safetensors"):
        (tmp_path / "model" / name).write_bytes((models["vae"] / "model" / name).read_bytes())

    def work(config):
        (tmp_path / "config.json").write_text(json.dumps(config))
        run = open_run(tmp_path)
        if "preset" in run.config:
            _as_before(run.config, tmp_path)

    fuzz("Configuration of a run", number, 8_000, changed_json(configs), work)
