"""How certain a share of rows is: its number of rows and its 95 % interval."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

__all__ = ["LEVEL", "Share", "wilson"]

LEVEL = 0.95


def wilson(counts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The 95 % intervals of shares (Wilson, JASA 1927); they have a width even where no row or every row counts.

    `scipy.stats.binomtest` gives the same, a millisecond for each.

    Args:
        counts: How many rows count ``(K,)``.
        rows: Of how many rows ``(K,)``.

    Returns:
        Edges ``(K, 2)`` in percent; NaN where there are no rows.
    """
    n = np.where(rows, rows, np.nan)
    share, z = counts / n, ndtri((1 + LEVEL) / 2)
    middle = share + z**2 / (2 * n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    # Exactly at the ends, so that rounding never puts the share outside.
    return 100 * np.stack([np.where(share == 0, 0.0, low), np.where(share == 1, 1.0, high)], -1)


class Share(NamedTuple):
    """A share of rows, such as an error or an accuracy.

    Args:
        percent: The share, in percent.
        rows: Of how many rows; at least one.
    """

    percent: float
    rows: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval in percent (see `wilson`).

        Example:
            >>> [round(edge, 2) for edge in Share(0.0, 9).interval]
            [0.0, 29.91]
        """
        ((low, high),) = wilson(np.array([round(self.percent * self.rows / 100)]), np.array([self.rows])).tolist()
        return low, high

    def entries(self, name: str) -> dict[str, float]:
        """The entries of `aae evaluate --json`: ``NAME``, ``NAME_rows``, ``NAME_low`` and ``NAME_high``."""
        low, high = self.interval
        return {name: self.percent, f"{name}_rows": self.rows, f"{name}_low": low, f"{name}_high": high}
