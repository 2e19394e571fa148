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


@pytest.mark.parametrize("wanted", [[0.5, 0.3, 0.2], [0.9, 0.1, 0.0], [0.0, 1.0, 0.0]])
def test_a_class_of_frequency_zero_gets_nothing(wanted):
    p = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    wanted = np.array(wanted)
    found = with_frequencies(p, wanted)
    assert_close(found.sum(1), np.ones(50), terms=3)
    assert (found[:, wanted == 0] == 0).all()


def test_independent_rows_and_classes_meet_their_frequencies_at_once():
    """Rows that are all alike: their probabilities become the frequencies in one round."""
    wanted = np.array([0.6, 0.3, 0.1])
    found = with_frequencies(np.tile([0.2, 0.2, 0.6], (7, 1)), wanted, rounds=1)
    assert_close(found, np.tile(wanted, (7, 1)), terms=10)


def test_frequencies_that_are_met_change_nothing():
    p = np.eye(4)[np.arange(20) % 4] * 0.6 + 0.1
    assert_close(with_frequencies(p, np.full(4, 0.25)), p, terms=40)


@pytest.mark.parametrize("zero", [0, 2])
def test_a_frequency_of_zero_in_the_mixture(zero):
    x, y = groups()
    frequencies = np.where(np.arange(3) == zero, 0, 0.5)
    labels = only(y, 3)
    for p in (VectorMixture(x).fit_labels(labels, frequencies),
              VectorMixture(x).fit_labels(np.where(labels == zero, -1, labels), frequencies),
              VectorMixture(x).fit_clusters(frequencies)):  # fmt: skip
        assert np.isfinite(p).all()
        assert (p[:, zero] == 0).all()


def test_labels_of_one_class_alone():
    x, y = groups()
    p = VectorMixture(x).fit_labels(np.where(only(y, 3) == 0, 0, -1), THIRDS)
    assert np.isfinite(p).all()
    assert p[y == 0, 0].mean() > p[y != 0, 0].mean()


@pytest.mark.parametrize("rows", [2, 3, 5])
def test_fewer_rows_than_clusters(rows):
    p = VectorMixture(groups()[0][:rows]).fit_clusters(np.full(6, 1 / 6))
    assert p.shape == (rows, 6)
    assert_close(p.sum(1), np.ones(rows), terms=6)


@pytest.mark.parametrize("different", [1, 2])
def test_fewer_rows_that_differ_than_clusters(different):
    x = np.repeat(groups()[0][:different], 10, 0)
    p = VectorMixture(x).fit_clusters(THIRDS)
    assert np.isfinite(p).all()
    assert_close(p, np.repeat(p[::10], 10, 0), terms=300, size=1)  # equal rows are of the same clusters


def test_rows_of_zeros_among_others_leave_the_others_in_their_classes():
    x, y = groups()
    x[-20:] = 0
    p = VectorMixture(x).fit_labels(only(y, 3), THIRDS)
    assert np.isfinite(p).all()
    assert (p.argmax(1) == y)[:-20].mean() > 0.95


def test_more_columns_than_components_and_fewer_rows():
    x, y = groups(rows=30)
    mixture = VectorMixture(x)
    assert mixture.z.shape == (30, 30)
    assert VectorMixture(groups()[0]).z.shape == (300, 128)
    lengths = np.linalg.norm(mixture.z, axis=1)
    assert_close(lengths, np.ones(30), terms=35)
    assert (mixture.fit_labels(only(y, 4), THIRDS).argmax(1)[only(y, 4) >= 0] == y[only(y, 4) >= 0]).all()


def test_names_of_classes_do_not_matter():
    x, y = groups(apart=1.0)
    swap = np.array([2, 0, 1])
    labels = only(y, 3)
    first = VectorMixture(x).fit_labels(labels, THIRDS)
    other = VectorMixture(x).fit_labels(np.where(labels < 0, -1, swap[labels]), THIRDS)
    assert (swap[first.argmax(1)] == other.argmax(1)).all()
