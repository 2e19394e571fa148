"""The score of an outlier, from a model and the rows it was trained on."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from sklearn.neighbors import LocalOutlierFactor

__all__ = ["OutlierScore"]

REFERENCES = 10_000  # training rows that are compared with, at most


class OutlierScore:
    """How far a row lies from all that the model decodes of its training codes, for the crowd around it.

    The local outlier factor (Breunig et al., 2000) of a row among the reconstructions of the training rows,
    which stand for the model's own density: a row that cannot be reconstructed is far from all of them, and
    one whose code is rare has neighbours that lie far apart. The logarithm is averaged over several numbers
    of neighbours.

    Args:
        neighbours: The numbers of neighbours.
    """

    def __init__(self, neighbours: Sequence[int] = (20, 50, 100)) -> None:
        self.neighbours = neighbours

    def fit(self, decoded: np.ndarray) -> Self:
        """Take reconstructions ``(N, D)`` of training rows to compare with."""
        counts = sorted({min(count, len(decoded) - 1) for count in self.neighbours})
        self.factors = [LocalOutlierFactor(count, novelty=True).fit(decoded) for count in counts]
        return self

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Score of rows ``(M, D)``: ``(M,)``, about 0 for usual rows, higher for strange ones."""
        found = np.stack([np.log(-factor.score_samples(rows)) for factor in self.factors])
        return found.mean(0, dtype=np.float64)
