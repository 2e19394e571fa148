import numpy as np
import pytest
import torch

from aae.evaluation.calibration import misfit
from aae.evaluation.committee import Committee, mixture_weights, sharpened

MEMBERS = ["logistic_regression", "random_forest", "extra_trees", "label_spreading"]


def test_a_mixture_favours_what_makes_the_labels_likely():
    """With equal likelihoods all are equal; a thousand rows outweigh the prior, ten do not."""
    likelihoods = np.array([0.9, 0.5, 0.1])
    assert np.allclose(mixture_weights(np.full((50, 3), 0.4)), 1 / 3)
    many, few = (mixture_weights(np.tile(likelihoods, (n, 1))) for n in (1000, 10))
    assert many[0] > 0.97 > 0.8 > few[0] > few[1] > few[2] > 0.1


def test_powers_sharpen():
    p = np.array([[0.6, 0.4]])
    assert sharpened(p, 1)[0, 0] == pytest.approx(0.98 * 0.6 + 0.01)
    assert sharpened(p, 6)[0, 0] > 0.9
    assert sharpened(np.array([[1.0, 0.0]]), 1)[0, 1] == pytest.approx(0.01)


def test_the_misfit_is_the_mean_negative_log_likelihood():
    assert misfit(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1])) == pytest.approx(-np.log([0.5, 0.75]).mean())
    assert misfit(np.zeros((0, 2)), np.arange(0)) == 0


def partly(y, labelled):
    return np.where(np.arange(len(y)) < labelled, y, -1)


def test_classes_that_are_apart_are_learned():
    """Of class 2 there is no row, of class 3 a single label."""
    y = np.concatenate([[3], np.arange(199) % 2])
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(200, 3)) + 8 * y[:, None]).float()
    found = Committee().fit(x, partly(y, 41), np.array([0.49, 0.49, 0.01, 0.01]))
    assert found.errors == dict.fromkeys(MEMBERS, 0.0)
    assert list(found.weights) == MEMBERS
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.probabilities.shape == (200, 4)
    assert np.allclose(found.probabilities.sum(1), 1)
    assert (found.probabilities.argmax(1) == y).all()
    assert list(found.reported()) == MEMBERS[:2]


def test_what_logistic_regression_cannot_learn_is_left_to_the_others():
    """Class 1 is a shell around class 0."""
    x = np.random.default_rng(0).normal(size=(300, 4))
    y = np.arange(300) % 2
    x *= (np.where(y, 3.0, 0.5) / np.linalg.norm(x, axis=1))[:, None]
    found = Committee().fit(torch.from_numpy(x).float(), partly(y, 200), np.full(2, 0.5))
    assert found.errors["logistic_regression"] > 30 > 10 > found.errors["random_forest"]
    assert found.weights["logistic_regression"] < 0.1


def test_rows_without_labels_are_learned_from():
    """Two rings of 150 rows and three labels each: spread labels alone follow them, and count for most."""
    angle, y = np.random.default_rng(0).uniform(0, 2 * np.pi, 300), np.arange(300) % 2
    x = torch.from_numpy((1 + y)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)).float()
    found = Committee().fit(x, partly(y, 20), np.full(2, 0.5))
    assert found.errors["label_spreading"] == 0
    assert found.weights["label_spreading"] == max(found.weights.values())
    assert (found.probabilities.argmax(1) == y).all()


def test_one_label_of_each_class_leaves_all_members_equal():
    x, y = torch.tensor([[0.0], [9.0], [0.1], [9.1]]), np.array([0, 1, -1, -1])
    found = Committee().fit(x, y, np.full(2, 0.5))
    assert found.errors == {}
    assert np.allclose(list(found.weights.values()), 0.25)
    assert found.probabilities.argmax(1).tolist() == [0, 1, 0, 1]


def test_class_weights_raise_a_class():
    y = np.repeat([0, 1], [90, 10])
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(100, 2)) + y[:, None]).float()
    half = np.full(2, 0.5)
    plain, weighted = (Committee().fit(x, y, half, weights).probabilities[:, 1].mean() for weights in (None, [1, 9]))
    assert weighted > plain
