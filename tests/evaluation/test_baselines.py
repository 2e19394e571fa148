import dataclasses

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from aae.evaluation.baselines import (
    BASELINES,
    REPORTED,
    Baselines,
    _mixture_weights,
    baseline_errors,
    fold_numbers,
)
from aae.runs.open import open_run


def test_folds_are_stratified_and_a_single_row_is_always_learned():
    y = np.repeat([0, 1, 2], [11, 5, 1])
    folds = fold_numbers(y, 0)
    assert sorted(np.bincount(folds[y == 0]).tolist()) == [2, 2, 2, 2, 3]
    assert sorted(folds[y == 1].tolist()) == [0, 1, 2, 3, 4]
    assert folds[y == 2].tolist() == [-1]
    assert np.ptp(np.bincount(folds[folds >= 0])) <= 1


def test_a_mixture_favours_what_makes_the_labels_likely():
    """With equal likelihoods all are equal; a thousand rows outweigh the prior, ten do not."""
    likelihoods = np.array([0.9, 0.5, 0.1])
    assert np.allclose(_mixture_weights(np.full((50, 3), 0.4)), 1 / 3)
    many, few = (_mixture_weights(np.tile(likelihoods, (n, 1))) for n in (1000, 10))
    assert many[0] > 0.97 > 0.8 > few[0] > few[1] > few[2] > 0.1


@pytest.fixture
def groups():
    generator = np.random.default_rng(0)
    y = np.repeat([0, 1, 3], [20, 20, 1])  # of class 2 there is no row, of class 3 a single one
    return (generator.normal(size=(41, 3)) + 8 * y[:, None]).astype(np.float32), y


def test_classes_that_are_apart_are_learned(groups):
    x, y = groups
    found = Baselines().fit(x, y, 4)
    assert found.errors == dict.fromkeys(BASELINES, 0.0)
    assert sum(found.weights.values()) == pytest.approx(1)
    probabilities = found.predict_proba(x)
    assert probabilities.shape == (41, 4)
    assert np.allclose(probabilities.sum(1), 1)
    assert (probabilities.argmax(1) == y).mean() > 0.97
    assert not probabilities[:, 2].any()


def test_what_logistic_regression_cannot_learn_is_left_to_forests():
    """Class 1 is a shell around class 0."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 4))
    y = np.repeat([0, 1], 150)
    x *= (np.where(y, 3.0, 0.5) / np.linalg.norm(x, axis=1))[:, None]
    found = Baselines().fit(x.astype(np.float32), y, 2)
    assert found.errors["logistic_regression"] > 30
    assert found.errors["random_forest"] < 10
    assert found.weights["logistic_regression"] < 0.1


def test_class_weights_raise_a_class():
    generator = np.random.default_rng(0)
    y = np.repeat([0, 1], [90, 10])
    x = (generator.normal(size=(100, 2)) + y[:, None]).astype(np.float32)
    plain, weighted = (Baselines().fit(x, y, 2, weights).predict_proba(x)[:, 1].mean() for weights in (None, [1, 9]))
    assert weighted > plain + 0.05


def test_errors_beside_a_models(trained):
    """They learn from the labelled rows of the training alone, and are tested on its test rows."""
    run = open_run(trained("semi-supervised"))
    found = baseline_errors(run.model, run.data, run.split)
    x, y = (run.data.x[run.split.labelled].reshape(len(run.split.labelled), -1) / 255, run.data.y[run.split.labelled])
    forest = RandomForestClassifier(random_state=0).fit(x.astype(np.float32), y)
    test = (run.data.test_x.reshape(len(run.data.test_x), -1) / 255).astype(np.float32)
    assert found["random_forest"] == pytest.approx(100 * np.mean(forest.predict(test) != run.data.test_y))
    assert list(found) == list(REPORTED)


def test_without_labelled_test_rows_there_is_nothing_to_say(trained):
    run = open_run(trained("semi-supervised"))
    blank = dataclasses.replace(run.data, test_y=np.full(len(run.data.test_y), -1))
    assert baseline_errors(run.model, blank, run.split) == {}
