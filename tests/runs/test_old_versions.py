"""Runs that aae 0.1 wrote: they open, predict and evaluate as they did; training cannot be continued.

The runs in ``tests/data/version-0.1`` were trained for twelve steps, two of them with options whose names have changed.
"""

import csv
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import aae
from aae.evaluation.figures import evaluate
from aae.presets.options import RENAMED
from aae.runs.open import open_run
from aae.runs.outputs import predictions
from aae.runs.train import resume_run
from aae.system.errors import AAEError
from aae.system.files import read_checksummed, write_checksummed

OLD = Path(__file__).parents[1] / "data" / "version-0.1"
INPUTS = {"semi-supervised": "digits", "clustering": "digits", "table": str(OLD / "table" / "rows.csv")}


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", INPUTS)
def test_a_model_predicts_as_it_did(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the user need not know of old names in a run
        predictions(OLD / name, INPUTS[name], tmp_path / "now.csv")
    before = rows_of(OLD / name / "predictions.csv")
    now = rows_of(tmp_path / "now.csv")[: len(before)]
    assert [row["label"] for row in now] == [row["label"] for row in before]
    # Six digits were written; sums of some hundred float32 numbers round in the seventh.
    numbers = [[float(value) for key, value in row.items() if key.startswith("p_")] for row in (*now, *before)]
    assert np.allclose(numbers[: len(now)], numbers[len(now) :], rtol=0, atol=5e-6)


@pytest.mark.parametrize("name", ["semi-supervised", "clustering"])
def test_a_run_is_evaluated_as_it_was(name):
    run = open_run(OLD / name)
    found, before = evaluate(run.model, run.data, run.split), json.loads((OLD / name / "evaluation.json").read_text())
    for key in ("test_error", "cluster_error", "validation_error"):
        if key in before:  # a row between two equally probable classes may change
            assert found[key] == pytest.approx(before[key], abs=100 / len(run.data.test_x))
    assert found["reconstruction_loss"] == pytest.approx(before["reconstruction_loss"], rel=1e-4)


def test_a_run_on_a_table_opens_with_its_data(monkeypatch):
    monkeypatch.chdir(OLD / "table")
    run = open_run(".")
    assert run.data.classes == ["cat", "dog"]
    assert aae.classify(run.model, run.data.test_x).shape == (len(run.data.test_x), 2)


@pytest.mark.parametrize("name", INPUTS)
def test_training_is_not_continued(name, tmp_path, monkeypatch):
    shutil.copytree(OLD / name, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    with pytest.raises(AAEError, match="written by an older version of aae and cannot be continued"):
        resume_run(tmp_path / "run", progress=False)


def test_a_run_with_the_option_names_of_before_opens_and_continues(copied):
    path = copied("aae")
    config = read_checksummed(path / "config.json")
    old = {new: name for name, new in RENAMED.items()}
    changes = config["changes"] | {"ema_decay": config["options"]["ema_decay"]}
    for name, options in (("changes", changes), ("options", config["options"])):
        config[name] = {old.get(option, option): value for option, value in options.items()}
    write_checksummed(path / "config.json", config)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = open_run(path)
        assert {"beta1", "vat_radius", "conditional"} <= run.config["options"].keys()
        assert run.config["changes"] == changes
        assert resume_run(path, progress=False).step == 2


def test_old_names_of_classes_still_work():
    assert aae._RENAMED
    for old, new in aae._RENAMED.items():
        with pytest.warns(FutureWarning, match=f"aae.{old} is now called aae.{new}"):
            assert getattr(aae, old) is getattr(aae, new)
    with pytest.raises(AttributeError):
        aae.Nonsense  # noqa: B018
