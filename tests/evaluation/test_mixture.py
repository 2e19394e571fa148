import numpy as np
import pytest

from aae.evaluation.mixture import VectorMixture, with_frequencies
from helpers.close import assert_close
from helpers.vectors import THIRDS, groups, only

pytestmark = pytest.mark.numeric

def test_all_rows_shape_the_classes():
    x, y = groups()
    p = VectorMixture(x).fit_labels(only(y, 2), THIRDS)
    assert (p.argmax(1) == y).mean() > 0.95
    assert_close(p.sum(1), np.ones(len(y)), terms=3)


def test_labelled_rows_keep_their_class_in_every_round_and_the_scale_of_rows_does_not_matter():
    x, y = groups(apart=0.3)
    longer = VectorMixture(4 * x).fit_labels(only(y, 3), THIRDS)
    assert (VectorMixture(x).fit_labels(only(y, 3), THIRDS).argmax(1) == longer.argmax(1)).all()


def test_clusters_are_found_without_labels():
    x, y = groups(apart=1.0)
    found = VectorMixture(x).fit_clusters(THIRDS).argmax(1)
    pairs = {(int(a), int(b)) for a, b in zip(found, y, strict=True)}
    assert len(pairs) == 3


@pytest.mark.parametrize("rows", [2, 5])
def test_few_rows_equal_rows_and_rows_of_zeros(rows):
    y = np.array([0, 1, -1, -1, -1])[:rows]
    for x in (np.zeros((rows, 300)), np.ones((rows, 300)), np.eye(rows, 300)):
        p = VectorMixture(x.astype(np.float32)).fit_labels(y, np.array([0.5, 0.5]))
        assert np.isfinite(p).all()


def test_a_class_without_a_label_gets_its_share():
    x, y = groups()
    labels = np.where(only(y, 3) == 2, -1, only(y, 3))
    assert np.isfinite(VectorMixture(x).fit_labels(labels, THIRDS)).all()


def test_frequencies_are_met():
    p = np.random.default_rng(0).dirichlet(np.ones(3), 200)
    wanted = np.array([0.5, 0.3, 0.2])
    found = with_frequencies(p, wanted, rounds=100)
    assert_close(found.mean(0), wanted, terms=200)
    assert_close(found.sum(1), np.ones(200), terms=3)
