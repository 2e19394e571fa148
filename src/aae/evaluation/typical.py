"""Which rows to label next: typical ones of what no label covers yet, or those that a classifier is least certain of.

Typical rows are chosen as MaxHerding does (Bae et al., arXiv 2407.12212, section 3), by features of a network that has
seen all rows. On digits it was better in the worst case than TypiClust (Hacohen et al., arXiv 2202.02794), and much
better than the most typical row of each cluster that the network found.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import euclidean_distances

from aae.system.rows import evenly

__all__ = ["Typical", "comparable", "typical_rows", "uncertain_rows", "uncertainty"]

WIDTH = 0.7  # of the similarity, as a share of the median distance of two rows; from 0.5 to 1 little changes
SAMPLE = 1000  # rows of which that median is taken
BLOCK = 1000  # rows that are compared with all others at a time
CANDIDATES = 10  # uncertain rows for each one that is chosen
STARTS = 10  # of k-means

Rows = Sequence[int] | np.ndarray


def comparable(features: np.ndarray) -> np.ndarray:
    """Features ``(N, D)`` whose distances can be compared: each standardised, then each row scaled to length 1."""
    features = (features - features.mean(0)) / np.maximum(features.std(0), 1e-6)
    return (features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)).astype(np.float32)


class Typical(NamedTuple):
    """Row numbers ``(n,)``, the most useful first, and how many rows are most similar to each of them."""

    rows: np.ndarray
    sizes: np.ndarray


def typical_rows(features: np.ndarray, n: int, labelled: Rows = (), width: float | None = None) -> Typical:
    """Rows that raise the mean similarity of all rows to their nearest labelled one the most, one after another.

    The similarity is a Gaussian of the distance. Nothing is random.

    Args:
        features: Features ``(N, D)``, such as those of `comparable`.
        n: Number of rows to choose, at most as many as have no label.
        labelled: Numbers of the rows that have a label.
        width: Standard deviation of the Gaussian; 0.7 times the median distance of two rows if None.
    """
    width = _width(features) if width is None else width
    known = [int(row) for row in labelled]
    covered, nearest = np.zeros(len(features), dtype=np.float32), np.full(len(features), -1)
    for _, rows in _blocks(features[known]):
        covered = np.maximum(covered, _similarity(rows, features, width).max(0))
    chosen: list[int] = []
    similarities = np.concatenate([_similarity(rows, features, width) for _, rows in _blocks(features)])
    for place in range(n):
        gain = np.concatenate([np.maximum(similarities[start : start + len(rows)] - covered, 0).sum(1)
                               for start, rows in _blocks(features)])  # fmt: skip
        gain[[*known, *chosen]] = -1
        best = int(gain.argmax())
        chosen.append(best)
        nearest[similarities[best] > covered] = place
        covered = np.maximum(covered, similarities[best])
    sizes = np.bincount(nearest[nearest >= 0], minlength=n)
    return Typical(np.array(chosen, dtype=np.int64), sizes)


def _width(features: np.ndarray) -> float:
    some = features[evenly(len(features), SAMPLE)]
    return max(WIDTH * float(np.median(euclidean_distances(some))), 1e-6)


def _blocks(rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(rows), BLOCK):
        yield start, rows[start : start + BLOCK]


def _similarity(some: np.ndarray, features: np.ndarray, width: float) -> np.ndarray:
    """Similarity of rows ``(M, D)`` to all rows, ``(M, N)``."""
    return np.exp(-euclidean_distances(some, features, squared=True) / (2 * width**2)).astype(np.float32)


def uncertainty(probabilities: np.ndarray) -> np.ndarray:
    """1 minus the difference of the two largest class probabilities ``(N, K)``: ``(N,)``, 1 for a tie."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    top = np.sort(probabilities, axis=1)[:, -2:]
    return 1 - (top[:, 1] - top[:, 0])


def uncertain_rows(
    features: np.ndarray, probabilities: np.ndarray, n: int, labelled: Rows = (), seed: int = 0
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
    parts = min(n, len(np.unique(features[some], axis=0)))  # equal rows share a cluster
    cluster = KMeans(parts, n_init=STARTS, random_state=seed).fit_predict(features[some])
    chosen = [some[cluster == k][np.argmax(doubt[some[cluster == k]])] for k in np.unique(cluster)]
    rest = some[~np.isin(some, chosen)]
    chosen += list(rest[: n - len(chosen)])
    order = np.argsort(-doubt[chosen], kind="stable")
    return np.array(chosen, dtype=np.int64)[order]
