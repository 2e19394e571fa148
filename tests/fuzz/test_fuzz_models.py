"""Models and runs from strangers."""

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from safetensors.torch import save

from aae.data.dataset import Dataset
from aae.evaluation import inference
from aae.evaluation.figures import evaluate
from aae.model.artifact import load, pack, unpack
from aae.model.table_fit import fit_table
from aae.presets.presets import PRESETS
from aae.runs import train as runs
from aae.runs.open import open_run
from aae.runs.prepare import prepare
from aae.runs.train import resume_run, train_preset
from aae.training.rundir import History
from aae.training.train import Result
from helpers.fuzzing import JSON, changed, damaged, parts, try_all
from helpers.runs import SMALL

RNG = np.random.default_rng(0)
SMALLEST = {**SMALL, "hidden": [3], "discriminator_hidden": [3]}


def data(images):
    """Thirty rows of three classes: images, or columns of which one is a category."""
    if images:
        x = RNG.integers(0, 256, (30, 8, 8), dtype=np.uint8)
        return Dataset("few", x, np.arange(30) % 3, x[:9], np.arange(9) % 3, ["a", "b", 3])
    x = np.stack([RNG.random(30), RNG.integers(0, 2, 30)], 1).astype(np.float32)
    table = fit_table(x, ["size", "colour"], {1: ["red", "blue"]})
    return Dataset("few", x, np.arange(30) % 3, x[:9], np.arange(9) % 3, ["a", "b", 3], table=table)


def made(preset, images, **changes):
    labels = None if PRESETS[preset].labels is None else min(PRESETS[preset].labels, 9)
    model = prepare(preset, data(images), labels, "random", 0, {**SMALLEST, **changes}, {"steps": 1})[0]
    return model.eval()


MODELS = [
    # An embedding spreads its heads in 500 rounds each time it is built, which is too slow for thousands of times.
    *(made(preset, images=False) for preset in PRESETS if preset != "embedding"),
    made("aae", images=True, network="conv"),
    made("aae", images=True, prior="ring", z=2),
]
SPECS = [json.loads(json.dumps(pack(model)[0])) for model in MODELS]
WEIGHTS = [save({name: value.contiguous() for name, value in model.state_dict().items()}) for model in MODELS]


def use(model):
    """What is done with a model that was loaded: it encodes rows, and draws some."""
    rows = torch.zeros(2, *model.shape).numpy()
    inference.encode(model, rows)
    inference.sample(model, 2)


@parts
def test_specifications(part):
    wrong = st.integers(0, len(SPECS) - 1).flatmap(
        lambda k: st.tuples(st.just(k), st.one_of(*[changed(SPECS[k], JSON)] * 4, JSON))
    )
    try_all("model: spec.json", wrong, lambda given: use(unpack(given[1], WEIGHTS[given[0]])), 200, 2500)


@parts
def test_weights(part):
    wrong = st.tuples(st.integers(0, 2), damaged(WEIGHTS[:3]))
    try_all("model: weights", wrong, lambda given: use(unpack(SPECS[given[0]], given[1])), 150, 2000)


@parts
def test_folders(tmp_path, part):
    """The bytes of the files, whose checksums notice what a reader would not."""
    spec = json.dumps(SPECS[0]).encode()

    def read(files):
        for name, raw in zip(("spec.json", "weights.safetensors"), files, strict=True):
            (tmp_path / name).write_bytes(raw)
        use(load(tmp_path))

    wrong = st.tuples(damaged([spec]), st.just(WEIGHTS[0])) | st.tuples(st.just(spec), damaged(WEIGHTS[:1]))
    try_all("model: files", wrong, read, 100, 1000)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a file of thirty rows."""
    folder = tmp_path_factory.mktemp("run")
    np.savez(folder / "few.npz", x=RNG.random((30, 4), dtype=np.float32), y=np.arange(30) % 3)
    train_preset("semi-supervised", folder / "few.npz", steps=1, labels=9, out=folder / "run", changes=SMALLEST,
                 device="cpu", precision="32", progress=False)  # fmt: skip
    return folder / "run"


@pytest.fixture
def opened(run, tmp_path, monkeypatch):
    """Write a run's configuration, then open, evaluate and go on with it as far as to the training itself."""
    folder = shutil.copytree(run, tmp_path / "run")
    def stopped(model, data, settings, *, split, **more):
        return Result(model, History(), data, split, 0, 0.0, interrupted=2)

    monkeypatch.setattr(runs, "train", stopped)

    def read(config):
        (folder / "config.json").write_text(json.dumps(config))
        for work in (lambda: _evaluated(open_run(folder)), lambda: resume_run(folder)):
            try:
                work()
            except runs.AAEError as error:
                last = error
                continue
            last = None
        if last is not None:
            raise last

    return read


def _evaluated(run):
    evaluate(run.model, run.data, run.split)


@parts
def test_configurations(run, opened, part):
    config = json.loads((run / "config.json").read_text())
    del config["checksum"]
    try_all("run: config.json", st.one_of(*[changed(config, JSON)] * 4, JSON), opened, 60, 500)


@parts
def test_histories(run, file, part):
    samples = [(run / "metrics.csv").read_bytes(), b"step,epoch\n1,2\n2,\n"]
    try_all("run: metrics.csv", damaged(samples), lambda raw: History.read(file(".csv", raw)).columns(), 100, 1000)
