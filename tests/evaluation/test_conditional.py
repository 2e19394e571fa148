from dataclasses import replace

import numpy as np
import pytest

from aae.data.sources import load_data
from aae.evaluation import conditional, inference
from aae.evaluation.conditional import conditional_accuracy
from aae.runs.open import open_run


def test_samples_of_the_right_class_are_told_from_those_of_another(trained, monkeypatch):
    """The judge sees what is shown: test rows in place of samples, with their classes or with the next ones."""
    model, data = open_run(trained("semi-supervised")).model, load_data("digits")
    for shift, least, most in ((0, 90, 100), (1, 0, 10)):
        monkeypatch.setattr(inference, "sample", lambda _, n, labels, shift=shift: np.stack(
            [data.test_x[data.test_y == (label + shift) % 10][0] for label in labels]))
        found = conditional_accuracy(model, data)
        assert least <= found["conditional_accuracy"] <= most
        assert found["conditional_accuracy_rows"] == conditional.SAMPLES
        assert found["judge_accuracy"] > 90


@pytest.mark.parametrize(("name", "there"), [("conditioned", True), ("clustering", False), ("aae", False),
                                             ("vae", False)])
def test_models_that_can_sample_from_a_class(name, there, trained):
    found = conditional_accuracy(open_run(trained(name)).model, load_data("digits"))
    assert ("conditional_accuracy" in found) == there


def test_a_judge_that_knows_too_little_does_not_judge(trained):
    model, data = open_run(trained("semi-supervised")).model, load_data("digits")
    few = replace(data, y=np.where(np.arange(len(data.y)) < 40, data.y, -1))
    shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
    assert conditional_accuracy(model, few) == conditional_accuracy(model, shuffled) == {}
    assert conditional_accuracy(model, replace(data, test_y=np.full_like(data.test_y, -1))) == {}
