"""Outlier scores: near and far distances, what is left out, scaling, reconstructions."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from aae.evaluation.outliers import OutlierScore


def fitted(rows, **options):
    return OutlierScore().fit(rows, rows + 100, **options)  # reconstructions that are of no use


@pytest.fixture(scope="module")
def usual():
    return np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)


def test_rows_at_one_distance_from_each_other_score_zero():
    corners = np.eye(12, dtype=np.float32)
    assert fitted(corners)(corners) == pytest.approx(np.zeros(12), abs=1e-3)
    assert (fitted(corners)(np.full((1, 12), 1 / 12)) < 0).all()  # the middle is nearer to all of them


def test_the_farther_the_higher(usual):
    direction = np.eye(6)[0]
    scores = fitted(usual)(np.outer([0, 4, 8, 16, 1000], direction))
    assert (np.diff(scores) > 0).all()
    assert scores[0] < 0 < 2 < scores[1]


def test_training_rows_have_the_same_score_again(usual):
    score = fitted(usual)
    alone = np.concatenate([score(usual[k : k + 1]) for k in range(20)])
    assert np.allclose(alone, score(usual)[:20], atol=1e-5)
    assert abs(np.median(score(usual))) < 0.5  # each is left out of its own neighbours
    new = np.random.default_rng(1).normal(size=(400, 6))
    assert np.median(score(new)) == pytest.approx(np.median(score(usual)), abs=0.2)


@pytest.mark.parametrize("copies", [2, 10, 50])
def test_copies_of_rows(copies):
    kinds = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    score = fitted(np.repeat(kinds, copies, 0))
    scores = score(np.r_[kinds, kinds[:1] + 30])
    assert np.isfinite(scores).all()
    assert scores[-1] > scores[:-1].max()


def test_rows_that_are_all_equal():
    score = fitted(np.ones((20, 3), np.float32))
    assert score(np.ones((2, 3))) == pytest.approx([0, 0])
    assert score(np.full((1, 3), 2)) > 10


@pytest.mark.parametrize("count", [2, 3, 7])
def test_few_rows(usual, count):
    score = fitted(usual[:count])
    assert score(usual[:count] + 50).min() > score(usual[:count]).max()


def test_units_and_constant_columns_do_not_matter(usual):
    new = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    expected = fitted(usual)(new)
    units = 10.0 ** np.arange(-2, 4, dtype=np.float32)
    assert np.allclose(fitted(usual * units)(new * units), expected, atol=1e-3)
    score = fitted(np.c_[usual, np.ones((len(usual), 3), np.float32)])
    assert np.allclose(score(np.c_[new, np.ones((50, 3))]), expected, atol=1e-3)
    assert (score(np.c_[new, np.full((50, 3), 9)]) > expected).all()  # but nobody has another value there


def test_numbers_of_one_unit_keep_their_unit(usual):
    rows = usual * np.float32([1, 1, 1, 1, 1, 0.01])  # as a pixel at the edge
    moved = 0.1 * np.eye(6)[5:]  # ten of its standard deviations
    assert fitted(rows)(moved) > 3
    assert fitted(rows, one_unit=True)(moved) < 1


def test_heavy_tails():
    rng = np.random.default_rng(0)
    rows = np.c_[rng.standard_cauchy((500, 2)).clip(-20, 20), rng.normal(size=(500, 4))].astype(np.float32)
    score = fitted(rows)
    far = np.zeros((4, 6)) + np.outer([0, 6, 12, 20], np.eye(6)[0])
    assert (np.diff(score(far)) > 0).all()
    odd = np.zeros((1, 6)) + 6 * np.eye(6)[5]  # what is usual in one column is not in another
    assert score(odd) > score(far[1:2])


@pytest.mark.parametrize("width", [0.001, 0.3, 3])
def test_outliers_among_the_training_rows(usual, width):
    rng = np.random.default_rng(1)
    outliers = (4 + width * rng.normal(size=(40, 6))).astype(np.float32)  # one group, in which all are near each other
    score = fitted(np.r_[usual, outliers[:20]])
    new = rng.normal(size=(200, 6))
    assert roc_auc_score(np.repeat([0, 1], [200, 20]), score(np.r_[new, outliers[20:]])) > 0.98


def test_a_row_between_two_groups():
    rng = np.random.default_rng(0)
    groups = np.r_[rng.normal(size=(200, 4)) - 8, rng.normal(size=(200, 4)) + 8].astype(np.float32)
    score = fitted(groups)
    assert score(np.zeros((1, 4))) > np.quantile(score(groups), 0.99)


def test_rows_are_compared_with_reconstructions_that_are_nearer_than_their_neighbours(usual):
    outliers = np.full((20, 6), 4, np.float32)
    rows = np.r_[usual, outliers]
    decoded = np.r_[0.95 * usual, usual[:20]]  # those of outliers are usual rows
    score = OutlierScore().fit(rows, decoded, one_unit=True)
    assert score(outliers).min() > np.quantile(score(usual), 0.99)
    poor = np.roll(usual, 1, 0)
    expected = fitted(usual, one_unit=True)(usual)
    assert np.allclose(OutlierScore().fit(usual, poor, one_unit=True)(usual), expected)


def test_many_rows_are_scored_by_a_sample():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 4)).astype(np.float32)
    scores = fitted(rows)(np.r_[rng.normal(size=(100, 4)), rng.normal(size=(100, 4)) + 6])
    assert scores[:100].max() < scores[100:].min()
