import json

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from aae.evaluation.by_class import ENTRIES, ByClass, by_class
from aae.evaluation.figures import evaluate
from aae.runs.open import open_run

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_shares_are_those_of_scikit_learn(classes):
    true = np.r_[np.arange(classes), RNG.integers(0, classes, 500)]
    predicted = np.where(RNG.random(len(true)) < 0.7, true, RNG.permutation(true))
    predicted[:classes] = np.arange(classes)
    found = ByClass(list(range(classes)), confusion_matrix(true, predicted))
    precision, recall, _, support = precision_recall_fscore_support(true, predicted)
    assert found.precision == pytest.approx(100 * precision)
    assert found.recall == pytest.approx(100 * recall)
    assert np.array_equal(found.support, support)
    assert sorted(found.worst()) == list(range(classes))
    assert np.all(np.diff(found.recall[found.worst()]) >= 0)
    mistakes = found.mistaken()
    assert sum(rows for *_, rows in mistakes) == (true != predicted).sum()
    assert all(rows == ((true == a) & (predicted == b)).sum() for a, b, rows in mistakes)
    assert [rows for *_, rows in mistakes] == sorted((rows for *_, rows in mistakes), reverse=True)


def test_classes_without_rows():
    """One that is never predicted, one without test rows, and one that has neither and is not listed."""
    found = ByClass(["a", "b", "c", 7], np.array([[3, 0, 1, 0], [2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]))
    entries = found.entries()
    assert tuple(entries) == ENTRIES
    assert entries["recall"] == {"a": 75.0, "b": 0.0, "c": None, "7": None}
    edges = [entries[f"class_recall_{edge}"] for edge in ("low", "high")]
    assert edges == [{"a": 30.0642, "b": 0.0, "c": None, "7": None}, {"a": 95.4413, "b": 65.7620, "c": None, "7": None}]
    assert entries["class_precision_high"] == {"a": 88.2379, "b": None, "c": 79.3451, "7": None}
    assert entries["class_precision"] == {"a": 60.0, "b": None, "c": 0.0, "7": None}
    assert entries["support"] == {"a": 4, "b": 2, "c": 0, "7": 0}
    assert json.loads(json.dumps(entries, allow_nan=False)) == entries
    assert found.worst() == [1, 0, 2]
    assert found.mistaken() == [(1, 0, 2), (0, 2, 1)]


@pytest.mark.parametrize("name", ["semi-supervised", "clustering"])
def test_it_agrees_with_the_error(name, trained):
    run = open_run(trained(name))
    found = by_class(run.model, run.data, run.split)
    assert np.array_equal(found.confusion, run.by_class.confusion)
    assert found.support.sum() == len(run.data.test_y)
    error = 100 * (1 - found.confusion.trace() / found.confusion.sum())
    figures = evaluate(run.model, run.data, run.split)
    assert figures["test_error" if name == "semi-supervised" else "cluster_error"] == pytest.approx(error)
    assert figures["recall_3"] == pytest.approx(found.recall[3])


@pytest.mark.parametrize("name", ["vae", "supervised", "autoencoder"])
def test_models_that_name_no_classes(name, trained):
    run = open_run(trained(name))
    assert by_class(run.model, run.data, run.split) is None
    assert run.by_class is None
