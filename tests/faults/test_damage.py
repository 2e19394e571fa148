"""Files of a run that are cut short or hold a wrong byte."""

import shutil

import numpy as np
import pytest

from aae.model.artifact import load
from aae.model.component import describe
from aae.runs.open import open_run
from aae.runs.train import resume_run
from aae.system.errors import AAEError
from aae.training.checkpoints import latest_checkpoint
from helpers.harness import many, tally
from helpers.runs import differences, train_small

FILES = ("newest checkpoint", "config.json", "metrics.csv", "model/spec.json", "model/weights.safetensors",
         "rows.npz")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train_small("vae", steps=6, out=tmp_path_factory.mktemp("whole") / "run", checkpoint_every=0.0).path


def place(run, name):
    return max((run / "checkpoints").glob("step-*")) if name == FILES[0] else run / name


def harmless_or_refused(run, whole):
    """Whether the run is refused with a sentence, or gives what the whole one gives."""
    good = []
    for work in (_resumed, _loaded, _opened):
        try:
            good.append(work(run, whole))
        except AAEError as error:
            good.append(str(error).endswith("."))
    return all(good)


def _loaded(run, whole):
    one, other = load(run), load(whole)
    return describe(one) == describe(other) and not differences(one.state_dict(), other.state_dict())


def _opened(run, whole):
    return np.array_equal(open_run(run).split.labelled, open_run(whole).split.labelled)


def _resumed(run, whole):
    """The model is left out: it is read before it is written again."""
    twin = run.with_name("resumed")
    shutil.copytree(run, twin)
    try:
        resume_run(twin, progress=False)
        states = [latest_checkpoint(folder / "checkpoints")[0]["model"] for folder in (twin, whole)]
        return not differences(*states)
    finally:
        shutil.rmtree(twin)


@pytest.mark.parametrize("name", FILES)
def test_cut_short(name, whole, tmp_path):
    rng = np.random.default_rng(FILES.index(name))
    with tally(f"File cut short: {name}") as count:
        for k in range(many(3, 20)):
            run = tmp_path / str(k)
            shutil.copytree(whole, run)
            path = place(run, name)
            path.write_bytes(path.read_bytes()[: rng.integers(0, path.stat().st_size)])
            count.add(harmless_or_refused(run, whole))


@pytest.mark.parametrize("name", FILES)
def test_one_wrong_byte(name, whole, tmp_path):
    rng = np.random.default_rng(10 + FILES.index(name))
    with tally(f"One wrong byte: {name}") as count:
        for k in range(many(5, 200)):
            run = tmp_path / str(k)
            shutil.copytree(whole, run)
            path = place(run, name)
            raw = bytearray(path.read_bytes())
            raw[rng.integers(len(raw))] ^= rng.integers(1, 256)
            path.write_bytes(raw)
            count.add(harmless_or_refused(run, whole))
            shutil.rmtree(run)
