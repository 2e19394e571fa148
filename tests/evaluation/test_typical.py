"""Rows to label next: they cover the data, spare what is labelled, and differ from each other."""

import numpy as np
import pytest

from aae.evaluation.typical import comparable, typical_rows, uncertain_rows, uncertainty


@pytest.fixture
def groups():
    """Four groups of 40, 30, 20 and 10 directions, and which row is in which."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), [40, 30, 20, 10])
    x = np.eye(4)[group] + 0.1 * rng.normal(size=(100, 4))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), group


def test_each_group_is_represented_the_largest_first(groups):
    features, group = groups
    found = typical_rows(features, 4)
    assert group[found.rows].tolist() == [0, 1, 2, 3]
    assert found.sizes.tolist() == [40, 30, 20, 10]
    for row in typical_rows(features, 4, width=0.3).rows:  # narrow, so that each is in the middle of its group
        same = features[group == group[row]]
        distances = np.linalg.norm(same[:, None] - same, axis=2).mean(1)
        assert np.linalg.norm(same - features[row], axis=1).mean() < np.median(distances)


def test_groups_with_a_label_are_left_out(groups):
    features, group = groups
    found = typical_rows(features, 2, np.flatnonzero(group == 0)[:1].tolist() + np.flatnonzero(group == 2)[:1].tolist())
    assert group[found.rows].tolist() == [1, 3]


def test_every_row_can_be_asked_for_once(groups):
    features, _ = groups
    found = typical_rows(features, 97, [0, 1, 2])
    assert np.array_equal(np.sort(np.r_[found.rows, 0, 1, 2]), np.arange(100))
    assert len(np.unique(typical_rows(np.ones((5, 2), dtype=np.float32), 5).rows)) == 5
    assert np.array_equal(typical_rows(features, 5).rows, typical_rows(features, 5).rows)


def test_the_gain_is_that_of_a_search_over_all_rows(groups):
    features, _ = groups
    similarity = np.exp(-np.square(features[:, None] - features).sum(2, dtype=np.float64) / 2)
    first = int(similarity.sum(1).argmax())
    gains = np.maximum(similarity, similarity[first]).sum(1)
    assert typical_rows(features, 2, width=1.0).rows.tolist() == [first, int(gains.argmax())]


def test_units_of_features_do_not_matter(groups):
    features, _ = groups
    other = features * [1, 10, 0.1, 5] + [3, 0, 0, 100]
    assert typical_rows(comparable(features), 6).rows.tolist() == typical_rows(comparable(other), 6).rows.tolist()
    assert np.isfinite(comparable(np.ones((4, 3)))).all()


def test_uncertainty():
    p = np.array([[0.5, 0.5, 0], [1, 0, 0], [0.4, 0.3, 0.3]])
    assert np.allclose(uncertainty(p), [1, 0, 0.9])
    assert uncertainty(np.ones((3, 1))).tolist() == [0, 0, 0]


def test_uncertain_rows_are_of_different_kinds(groups):
    features, group = groups
    doubt = np.where(group == 0, 0.5, np.where(group == 3, 0.55, 0.99))  # groups 0 and 3 are uncertain
    rows = uncertain_rows(features, np.c_[doubt, 1 - doubt], 2)
    assert sorted(group[rows].tolist()) == [0, 3] or sorted(group[rows].tolist()) == [0, 0]
    most = uncertain_rows(features[:50], np.c_[doubt, 1 - doubt][:50], 5, labelled=[0, 1])
    assert len(np.unique(most)) == 5
    assert not {0, 1} & set(most.tolist())
    same = uncertain_rows(np.ones((40, 3)), np.full((40, 2), 0.5), 3)
    assert len(np.unique(same)) == 3
