"""Labels spread over nearest rows: what a graph of the data says of the classes, without any network."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import kneighbors_graph
from sklearn.semi_supervised import LabelSpreading
from torch import Tensor

from aae.objectives.neighbours import NearestRows

__all__ = ["row_graph", "spread_labels"]

NEIGHBOURS = 10
CHUNK = 256  # rows whose neighbours are searched at once
ROUNDS = 30  # after which a label has reached all rows for which it counts
SMALLEST = 1e-12
CLAMPING = 0.95  # how much of a row's classes comes from its neighbours in each round


def row_graph(x: Tensor) -> Any:
    """Links between rows and their nearest rows, in both directions, as a sparse matrix ``(N, N)`` of ones.

    Args:
        x: Rows ``(N, *shape)``. Images are compared by `NearestRows`, columns by Euclidean distance.
    """
    count = min(NEIGHBOURS, len(x) - 1)
    if x.dim() < 3:
        links = kneighbors_graph(x.cpu().numpy(), count)
    else:
        from scipy import sparse

        stored = NearestRows(x)
        near = np.concatenate([stored.nearest(part, count + 1)[:, 1:].cpu().numpy() for part in x.split(CHUNK)])
        place = (np.repeat(np.arange(len(x)), near.shape[1]), near.ravel())
        links = sparse.csr_matrix((np.ones(near.size), place), (len(x), len(x)))
    return links.maximum(links.T).tocsr()


def spread_labels(graph: Any, labels: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Class probabilities of every row by the labels around it (Zhou et al., 2004, by `LabelSpreading`).

    Each class is then scaled to its frequency (class mass normalisation: Zhu et al., *Semi-Supervised Learning Using
    Gaussian Fields and Harmonic Functions*, 2003), because labels in the middle of a crowd reach most rows.

    Args:
        graph: What `row_graph` returned.
        labels: Class numbers ``(N,)``, -1 where unknown.
        frequencies: Of the classes ``(K,)``.

    Returns:
        Probabilities ``(N, K)``. A row that no label reaches has the frequencies.
    """
    # The kernel is given, so that the rows may be anything; a step limit needs no warning.
    model = LabelSpreading(kernel=lambda *_: graph, alpha=CLAMPING, max_iter=ROUNDS, tol=0)
    found = np.zeros((len(labels), len(frequencies)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = model.fit(np.arange(len(labels))[:, None], labels)
    found[:, fitted.classes_] = fitted.label_distributions_
    found *= frequencies / np.maximum(found.mean(0), SMALLEST)
    total = found.sum(1, keepdims=True)
    return np.where(total > 0, found / np.maximum(total, SMALLEST), frequencies)
