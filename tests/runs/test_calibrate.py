import numpy as np
import pytest

import aae
from aae.evaluation import inference
from aae.evaluation.calibration import fit_power, raised
from aae.runs import calibrate
from aae.runs.measure import evaluate
from aae.runs.open import open_run
from aae.runs.train import resume_run, train_preset
from helpers.runs import SMALL

CHANGES = {**SMALL, "network": "mlp"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    return train_preset("few-labels", "digits", changes=CHANGES, steps=40, out=out, progress=False)


def test_held_out_labels_set_the_power_and_it_is_saved(run):
    rows = run.split.validation
    power = run.model.calibration
    run.model.calibration = 1.0
    plain = inference.classify(run.model, run.data.test_x)
    assert power == pytest.approx(fit_power(inference.classify(run.model, run.data.x[rows]), run.data.y[rows]))
    assert power != 1
    run.model.calibration = power
    np.testing.assert_allclose(inference.classify(run.model, run.data.test_x), raised(plain, power), atol=1e-6)
    assert aae.load(run.path / "model").calibration == power
    resume_run(run.path, progress=False)
    assert aae.load(run.path / "model").calibration == power


def test_the_calibration_error_is_of_the_probabilities_that_are_given(run):
    opened = open_run(run.path)
    found = evaluate(opened)["calibration_error"]
    expected = aae.evaluation.calibration.calibration_error(opened.probabilities, opened.data.test_y)
    assert found == pytest.approx(expected, abs=1e-3)


def test_test_rows_help_where_few_validation_rows_are_labelled(run, monkeypatch):
    monkeypatch.setattr(calibrate, "ENOUGH", 10**6)
    x, y = calibrate._unlearned(run)
    assert len(x) == len(y) == len(run.split.validation) + len(run.data.test_x)


def test_a_model_without_classes_is_left_alone():
    result = train_preset("vae", "digits", changes={"hidden": [8]}, steps=2, progress=False)
    assert result.model.calibration == 1
