"""Outlier scores, from a model and the rows it was trained on."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from sklearn.neighbors import LocalOutlierFactor

__all__ = ["OutlierScore"]

MAX_REFERENCES = 10_000  # training rows to compare with


class OutlierScore:
    """Local outlier factor (Breunig et al., 2000) of a row among the reconstructions of the training rows.

    The reconstructions represent the model's own density: a row that cannot be reconstructed is far from all
    of them, and one whose code is rare has neighbours that are far apart. The logarithm is averaged over
    several numbers of neighbours.

    Args:
        neighbours: The numbers of neighbours.
    """

    def __init__(self, neighbours: Sequence[int] = (20, 50, 100)) -> None:
        self.neighbours = neighbours

    def fit(self, decoded: np.ndarray) -> Self:
        """Store reconstructions ``(N, D)`` of training rows to compare with."""
        counts = sorted({min(count, len(decoded) - 1) for count in self.neighbours})
        self.factors = [LocalOutlierFactor(count, novelty=True).fit(decoded) for count in counts]
        return self

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Score of rows ``(M, D)``: ``(M,)``, about 0 for usual rows, higher for outliers."""
        scores = np.stack([np.log(-factor.score_samples(rows)) for factor in self.factors])
        return scores.mean(0, dtype=np.float64)
