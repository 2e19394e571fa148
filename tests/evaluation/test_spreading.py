import numpy as np
import pytest
import torch

from aae.evaluation.spreading import NEIGHBOURS, row_graph, spread_labels

HALF = np.array([0.5, 0.5])


def groups(rows=40, apart=20.0):
    y = np.arange(2 * rows) % 2
    x = np.random.default_rng(0).normal(size=(2 * rows, 3)) + apart * y[:, None]
    return torch.from_numpy(x).float(), y


def only(y, *rows):
    """Labels of some rows alone."""
    found = np.full(len(y), -1)
    found[list(rows)] = y[list(rows)]
    return found


@pytest.mark.parametrize("shape", [(80, 3), (80, 6, 8)])
def test_rows_are_linked_both_ways_to_their_nearest(shape):
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    graph = row_graph(x).toarray()
    assert (graph == graph.T).all()
    assert set(np.unique(graph)) == {0.0, 1.0}
    assert (graph.sum(1) >= NEIGHBOURS).all()
    assert not graph.diagonal().any()
    if x.dim() == 2:
        distances = torch.cdist(x, x).fill_diagonal_(np.inf)
        nearest = distances.topk(NEIGHBOURS, largest=False).indices
        assert graph[np.arange(80)[:, None], nearest.numpy()].all()


def test_two_rows_have_one_link():
    assert row_graph(torch.tensor([[0.0], [1.0]])).toarray().tolist() == [[0, 1], [1, 0]]


def test_one_label_reaches_its_whole_group():
    x, y = groups()
    found = spread_labels(row_graph(x), only(y, 4, 7), HALF)
    assert (found.argmax(1) == y).all()
    assert np.allclose(found.sum(1), 1)
    assert np.allclose(found.mean(0), HALF, atol=0.05)


def test_frequencies_settle_what_labels_do_not():
    """One group and two labels in it: the rarer class gets the smaller part."""
    x, y = groups(apart=0.0)
    graph = row_graph(x)
    rare = [spread_labels(graph, only(y, 4, 7), np.array([1 - share, share])).argmax(1).mean() for share in (0.1, 0.5)]
    assert rare[0] < rare[1]


def test_rows_that_no_label_reaches_have_the_frequencies():
    x, y = groups()
    shares = np.array([0.3, 0.7])
    found = spread_labels(row_graph(x), only(y, 0, 2), shares)  # class 0 alone is labelled
    assert np.allclose(found[y == 1], shares)
