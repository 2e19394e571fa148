"""How sure a share of rows is: its number of rows and its 95 % interval."""

from typing import NamedTuple

from scipy.stats import binomtest

__all__ = ["LEVEL", "Share"]

LEVEL = 0.95


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
        """The 95 % interval in percent (Wilson, JASA 1927); it has a width even where no row or every row counts.

        Example:
            >>> [round(edge, 2) for edge in Share(0.0, 9).interval]
            [0.0, 29.91]
        """
        found = binomtest(round(self.percent * self.rows / 100), self.rows).proportion_ci(LEVEL, method="wilson")
        return max(0.0, 100 * float(found.low)), min(100.0, 100 * float(found.high))

    def entries(self, name: str) -> dict[str, float]:
        """The entries of `aae evaluate --json`: ``NAME``, ``NAME_rows``, ``NAME_low`` and ``NAME_high``."""
        low, high = self.interval
        return {name: self.percent, f"{name}_rows": self.rows, f"{name}_low": low, f"{name}_high": high}
