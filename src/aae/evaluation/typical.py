"""Which rows to label next: typical ones of what no label covers yet, or those that a classifier is least certain of.

Typical rows are those of TypiClust (Hacohen et al., arXiv 2202.02794, section 3); `herded_rows` are those of MaxHerding
(Bae et al., arXiv 2407.12212, section 3.2). Both work on features of a network that has seen all rows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

__all__ = ["Typical", "herded_rows", "normalised", "typical_rows", "typicality", "uncertain_rows", "uncertainty"]

NEIGHBOURS = 20  # among which a row is typical
SMALL = 5  # rows of a cluster below which it is passed over while there are others
CANDIDATES = 10  # uncertain rows for each one that is chosen
STARTS = 10  # of k-means


def normalised(features: np.ndarray) -> np.ndarray:
    """Features ``(N, D)`` scaled to length 1."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def typicality(features: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """How dense the features ``(N, D)`` are around each row: 1 / mean distance of its nearest rows, ``(N,)``."""
    count = min(neighbours, len(features) - 1)
    if count < 1:
        return np.ones(len(features))
    distances, _ = NearestNeighbors(n_neighbors=count).fit(features).kneighbors()
    return 1 / np.maximum(distances.mean(1), 1e-12)


class Typical(NamedTuple):
    """Row numbers ``(n,)``, the most useful first, and how many rows each of them stands for."""

    rows: np.ndarray
    sizes: np.ndarray


def typical_rows(features: np.ndarray, n: int, labelled: Sequence[int] | np.ndarray = (), seed: int = 0) -> Typical:
    """The most typical row of each of ``n`` clusters that hold no labelled row, the largest clusters first.

    The rows are divided by k-means into as many clusters as there will be labels.

    Args:
        features: Features ``(N, D)``.
        n: Number of rows to choose, at most as many as have no label.
        labelled: Numbers of the rows that have a label.
        seed: Seed of k-means.
    """
    known = np.zeros(len(features), dtype=bool)
    known[np.asarray(labelled, dtype=np.int64)] = True
    parts = min(len(features), n + int(known.sum()))
    cluster = KMeans(parts, n_init=STARTS, random_state=seed).fit_predict(features)
    chosen: list[int] = []
    sizes: list[int] = []
    while len(chosen) < n:  # a second round where fewer clusters than n are without labels
        open_clusters = _uncovered(cluster, known)
        for k in open_clusters[: n - len(chosen)]:
            rows = np.flatnonzero(cluster == k)
            free = ~known[rows]
            best = int(rows[free][np.argmax(typicality(features[rows])[free])])
            chosen.append(best)
            sizes.append(len(rows))
            known[best] = True
    return Typical(np.array(chosen, dtype=np.int64), np.array(sizes, dtype=np.int64))


def _uncovered(cluster: np.ndarray, known: np.ndarray) -> list[int]:
    """Clusters that still have a row without a label: of those with the fewest labels the largest, small ones last."""
    labels = np.bincount(cluster[known], minlength=cluster.max() + 1)
    sizes = np.bincount(cluster)
    left = [k for k in range(len(sizes)) if sizes[k] > labels[k]]
    fewest = min(labels[k] for k in left)
    left = [k for k in left if labels[k] == fewest]
    return sorted(left, key=lambda k: (sizes[k] < SMALL, -sizes[k]))


def herded_rows(
    features: np.ndarray, n: int, labelled: Sequence[int] | np.ndarray = (), width: float = 1.0
) -> np.ndarray:
    """Rows that raise the mean similarity of all rows to their nearest labelled one the most, one after another.

    Args:
        features: Features ``(N, D)``.
        n: Number of rows to choose, at most as many as have no label.
        labelled: Numbers of the rows that have a label.
        width: Distance at which the similarity, a Gaussian, falls to exp(-1/2).

    Returns:
        Row numbers ``(n,)``, the most useful first.
    """
    x = features.astype(np.float32)
    squares = np.square(x).sum(1)
    similarity = np.exp(-np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0) / (2 * width**2))
    known = list(np.asarray(labelled, dtype=np.int64))
    covered = similarity[known].max(0) if known else np.zeros(len(x), dtype=np.float32)
    chosen: list[int] = []
    for _ in range(n):
        gain = np.maximum(similarity - covered, 0).mean(1)
        gain[known] = -1
        best = int(gain.argmax())
        chosen.append(best)
        known.append(best)
        covered = np.maximum(covered, similarity[best])
    return np.array(chosen, dtype=np.int64)


def uncertainty(probabilities: np.ndarray) -> np.ndarray:
    """1 minus the difference of the two largest class probabilities ``(N, K)``: ``(N,)``, 1 for a tie."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    top = np.sort(probabilities, axis=1)[:, -2:]
    return 1 - (top[:, 1] - top[:, 0])


def uncertain_rows(
    features: np.ndarray, probabilities: np.ndarray, n: int, labelled: Sequence[int] | np.ndarray = (), seed: int = 0
) -> np.ndarray:
    """Rows that a classifier is uncertain of, unlike each other: the least certain of each of ``n`` clusters of them.

    Args:
        features: Features ``(N, D)``.
        probabilities: Class probabilities ``(N, K)``.
        n: Number of rows to choose, at most as many as have no label.
        labelled: Numbers of the rows that have a label.
        seed: Seed of k-means.

    Returns:
        Row numbers ``(n,)``, the least certain first.
    """
    doubt = uncertainty(probabilities)
    free = np.setdiff1d(np.arange(len(features)), labelled)
    some = free[np.argsort(-doubt[free], kind="stable")][: CANDIDATES * n]
    if len(some) <= n:
        return some
    weights = np.maximum(doubt[some], 1e-6)
    cluster = KMeans(n, n_init=STARTS, random_state=seed).fit_predict(features[some], sample_weight=weights)
    chosen = [some[cluster == k][np.argmax(doubt[some[cluster == k]])] for k in np.unique(cluster)]
    rest = np.setdiff1d(some, chosen)
    chosen += list(rest[np.argsort(-doubt[rest], kind="stable")][: n - len(chosen)])  # equal rows share a cluster
    order = np.argsort(-doubt[chosen], kind="stable")
    return np.array(chosen, dtype=np.int64)[order]
