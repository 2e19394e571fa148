"""Projection of rows to two dimensions by t-SNE."""

import numpy as np

from aae.system.errors import AAEError

__all__ = ["FEWEST", "neighbour_plane", "principal_components"]

FEWEST = 5
COMPONENTS = 50  # principal components in which neighbours are searched
PERPLEXITY = 30.0
ITERATIONS = 500  # 1,000 take twice as long and separate the groups only a little more


def neighbour_plane(rows: np.ndarray, seed: int = 0) -> np.ndarray:
    """Project rows to the plane so that neighbours stay neighbours: t-SNE (van der Maaten and Hinton, JMLR 2008).

    It is initialised with the first two principal components, which determine the overall layout. Distances between
    groups and their sizes still mean little. Identical rows share one point.

    Args:
        rows: ``(N, D)``, at least 5; the time grows slightly faster than their number.
        seed: Seed of the random numbers.

    Returns:
        Points ``(N, 2)``, float32.

    Raises:
        AAEError: Too few rows, or rows that are not finite.

    Example:
        >>> neighbour_plane(np.random.default_rng(0).normal(size=(20, 8))).shape
        (20, 2)
    """
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or len(rows) < FEWEST:
        raise AAEError(f"The map of features needs at least {FEWEST} rows (N, D); these have shape {rows.shape}.")
    if not np.isfinite(rows).all():
        raise AAEError("A map of neighbours needs finite rows; these hold NaN or infinity: the training diverged.")
    spread = np.ptp(rows, axis=0).max(initial=0)
    if spread <= 1e-6 * np.abs(rows).max(initial=0):  # identical rows, up to rounding
        return np.zeros((len(rows), 2), np.float32)
    return _arrange(principal_components((rows - rows.mean(0)) / spread), seed)


def principal_components(rows: np.ndarray) -> np.ndarray:
    """Rows ``(N, D)`` in at most 50 of their principal components, with at least two columns."""
    from sklearn.decomposition import PCA

    if rows.shape[1] == 1:
        return np.hstack([rows, np.zeros_like(rows)])
    most = min(COMPONENTS, len(rows))
    return PCA(most, random_state=0).fit_transform(rows) if rows.shape[1] > most else rows


def _arrange(rows: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)  # must be less than the number of rows
    tsne = TSNE(perplexity=perplexity, init="pca", max_iter=ITERATIONS, random_state=seed)
    # Its threads synchronise several times in each of many short iterations: on a busy processor, two threads take
    # several times as long as one.
    with threadpool_limits(1, user_api="openmp"):
        return tsne.fit_transform(rows.astype(np.float32))
