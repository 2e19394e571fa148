from types import SimpleNamespace

import numpy as np
import pytest

from aae.evaluation.undertrained import signs_of_undertraining
from helpers.models import FAMILIES

NO_STYLE = SimpleNamespace(category=None, style=None)
NAN = np.nan


@pytest.mark.parametrize(("errors", "rows", "rising"), [
    ([50, 40, 30, 20, 15, 12, 9, 6], 1000, True),
    ([50, NAN, 30, NAN, 15, NAN, NAN, 6], 1000, True),  # measured now and then
    ([50, 20, 10, 6, 5.2, 5.1, 5.0, 5.0], 10_000, False),  # as good as it gets
    ([50, 20, 10, 6, 5.2, 6.0, 5.0, 4.0], 100, False),  # a row or two: noise
    ([5, 5, 5, 5, 5, 6, 7, 8], 1000, False),  # falling accuracy is something else
    ([NAN] * 8, 1000, False), ([9, 3], 1000, False), ([], 1000, False),
])
def test_accuracy_that_still_rises_at_the_end(errors, rows, rising):
    history = {"step": np.arange(1.0, 1 + len(errors)), "validation_error": np.array(errors, float)}
    found = signs_of_undertraining(NO_STYLE, history, {"validation_labelled": rows})
    assert (found.keys() == {"accuracy"}) == rising
    assert not rising or found["accuracy"].endswith("train longer.")


def test_the_error_on_its_labels_shows_it_where_few_rows_validate():
    history = {"step": np.arange(1.0, 5), "validation_error": np.array([79.0, 77, 75, 72]),
               "train_error": np.array([80.0, 76.5, 70, 57])}  # fmt: skip
    found = signs_of_undertraining(NO_STYLE, history, {"validation_labelled": 39, "labels": 200})
    assert "training error 70.0 %, then 57.0 %" in found["accuracy"]
    assert signs_of_undertraining(NO_STYLE, history, {"validation_labelled": 39, "labels": 10}) == {}


@pytest.mark.parametrize(("family", "leak", "said"), [
    ("conditional", 60.0, True), ("conditional", 20.0, False), ("supervised", 60.0, False), ("aae", 60.0, False),
])
def test_a_style_that_still_shows_the_class(family, leak, said):
    model = FAMILIES[family]()
    found = signs_of_undertraining(model, {}, {"style_leak": leak, "style_leak_chance": 10.0})
    assert ("style" in found) == said
    assert not said or f"accuracy: {leak:.1f} %, chance: 10.0 %" in found["style"]
    assert signs_of_undertraining(model, {}, {}) == {}
