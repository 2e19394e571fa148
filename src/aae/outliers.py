"""The score of an outlier: how badly a row is reconstructed and how unlikely its code is, together."""

import numpy as np
from sklearn.mixture import GaussianMixture

__all__ = ["OutlierScore"]

PARTS = 20  # Gaussians of the density of codes, at most
ROWS_PER_PART = 20  # training rows that a Gaussian needs
FLOOR = 0.05  # added to their variances, for codes of standard deviation 1


class OutlierScore:
    """Adds a row's squared error and the negative log-density of its code, each in standard deviations.

    The density is a mixture of Gaussians fitted to training codes: the aggregated posterior is near the
    prior but not on it, and what lies between its parts is unlikely too.

    Args:
        seed: Seed of the mixture's start.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, codes: np.ndarray, held_codes: np.ndarray, held_errors: np.ndarray) -> "OutlierScore":
        """Learn the density of codes, and the usual size of both parts on rows that were not trained on.

        Args:
            codes: Codes of training rows ``(N, D)``.
            held_codes: Codes of other rows ``(M, D)``.
            held_errors: Squared errors of those, ``(M,)``.
        """
        self.centre, self.scale = codes.mean(0), codes.std(0).clip(1e-6)
        parts = int(np.clip(len(codes) // ROWS_PER_PART, 1, PARTS))
        self.density = GaussianMixture(parts, reg_covar=FLOOR, max_iter=50, random_state=self.seed)
        self.density.fit((codes - self.centre) / self.scale)
        parts_of = np.stack([held_errors, self._surprise(held_codes)])
        self.usual, self.spread = parts_of.mean(1), parts_of.std(1).clip(1e-12)
        return self

    def __call__(self, codes: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Score of each row, ``(N,)``; higher is stranger."""
        error, surprise = (np.stack([errors, self._surprise(codes)]) - self.usual[:, None]) / self.spread[:, None]
        return error + surprise

    def _surprise(self, codes: np.ndarray) -> np.ndarray:
        return -self.density.score_samples((codes - self.centre) / self.scale)
