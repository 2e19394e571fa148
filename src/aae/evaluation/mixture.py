"""A Gaussian mixture of unit vectors whose components share one covariance and agree with their nearest neighbours."""

import warnings
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize

from aae.evaluation.spreading import row_graph, spread_labels

__all__ = ["VectorMixture", "with_frequencies"]

COMPONENTS = 128  # principal components that the mixture sees
ROUNDS = 10  # of expectation maximisation from labels
CLUSTER_ROUNDS = 30  # from clusters, which are further from where they end
TEMPERATURE = 2.0  # of the densities: with so many dimensions they are far too certain
AGREEMENT = 4.0  # nats for a row all of whose neighbours are of one class
RIDGE = 0.1  # of the mean variance, added to the covariance
STARTS = 5  # of k-means
SMALLEST = 1e-9


class VectorMixture:
    """Classes or clusters of vectors that other encoders made, as a mixture that all rows fit together.

    Every class is a Gaussian of the first principal components of the rows (centred and scaled to length 1), and all
    share one covariance: linear discriminant analysis that also learns from rows without labels. Its start is
    what `spread_labels` says, or k-means without labels. In every round of expectation maximisation, rows also
    follow the classes of their nearest rows, and the classes are held to their frequencies (Sinkhorn iterations, as in
    Hu et al., arXiv 2006.03806).

    Args:
        x: Rows ``(N, D)``.
        seed: Seed of the principal components and of k-means.

    Attributes:
        rows: The rows, centred and scaled to length 1 ``(N, D)``.
    """

    def __init__(self, x: np.ndarray, seed: int = 0) -> None:
        self.seed = seed
        self.rows = normalize(x - x.mean(0))
        count = min(COMPONENTS, *self.rows.shape)
        with np.errstate(invalid="ignore"):  # scikit-learn divides by the variance, which equal rows have none of
            scores = PCA(count, random_state=seed, svd_solver="randomized").fit_transform(self.rows)
        self.z = normalize(scores).astype(np.float32)
        self.graph: Any = row_graph(torch.from_numpy(self.z))

    def fit_labels(self, y: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        """Class probabilities ``(N, K)`` of all rows by labels ``(N,)``, -1 where unknown."""
        start = spread_labels(self.graph, y, frequencies)
        return self._fit(start, frequencies, AGREEMENT, ROUNDS, y)

    def fit_clusters(self, frequencies: np.ndarray) -> np.ndarray:
        """Cluster probabilities ``(N, K)`` of all rows."""
        means = KMeans(min(len(frequencies), len(self.z)), n_init=STARTS, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer rows that differ than clusters
            found = means.fit_predict(self.z)
        # Neighbours would hold the rows to the clusters of k-means.
        return self._fit(np.eye(len(frequencies))[found], frequencies, 0.0, CLUSTER_ROUNDS, np.full(len(self.z), -1))

    def _fit(
        self, start: np.ndarray, frequencies: np.ndarray, agreement: float, rounds: int, y: np.ndarray
    ) -> np.ndarray:
        known = y >= 0
        links = self.graph.multiply(1 / np.maximum(self.graph.sum(1), 1)).tocsr().astype(np.float32)
        scatter = self.z.T @ self.z / len(self.z)
        p = (0.9 * start + 0.1 * frequencies).astype(np.float32)
        for _ in range(rounds):
            p[known] = np.eye(len(frequencies), dtype=np.float32)[y[known]]
            logits = self._log_densities(p, scatter) / TEMPERATURE
            if agreement:
                logits = logits + agreement * (links @ p)
            p = with_frequencies(softmax(logits, 1), frequencies).astype(np.float32)
        return p.astype(np.float64)

    def _log_densities(self, p: np.ndarray, scatter: np.ndarray) -> np.ndarray:
        """Log densities ``(N, K)``, up to a number for each row."""
        counts = np.maximum(p.sum(0), SMALLEST)
        means = (p.T @ self.z) / counts[:, None]
        within = scatter - (means.T * (counts / counts.sum())) @ means
        within = within + (RIDGE * np.trace(within) / len(within) + SMALLEST) * np.eye(len(within), dtype=within.dtype)
        directions = np.linalg.solve(within, means.T)  # (D, K)
        return np.asarray(self.z @ directions - 0.5 * (means.T * directions).sum(0))


def with_frequencies(probabilities: np.ndarray, frequencies: np.ndarray, rounds: int = 5) -> np.ndarray:
    """Probabilities ``(N, K)`` scaled by class and by row in turn, until their means are nearly the frequencies."""
    p = probabilities + SMALLEST
    for _ in range(rounds):
        p = p * (frequencies / np.maximum(p.mean(0), SMALLEST))  # of a frequency of 0 nothing is left
        p = p / p.sum(1, keepdims=True)
    return p
