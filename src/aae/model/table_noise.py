r"""What the cells of a table vary by around the decoder's mean: draws of rows from :math:`p(x \mid z)`.

The decoder gives the mean of a number, and, trained by squared error on one-hots, the probability of a category and of
an empty cell. Numbers get Gaussian noise, correlated between columns as the residuals of the training rows are, and
categories are drawn. A monotone map then gives each column of numbers the distribution of the training's cells, so
that whole numbers, rounded ones and frequent values come out as such, and none is beyond the range seen.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aae.model.component import component
from aae.model.table import Table

__all__ = ["KNOTS", "LEAST", "TableNoise"]

KNOTS = 256  # points of the curves of a column's distribution
LEAST = 1e-3  # probability of a category or an empty cell, below which the decoder's output is not believed


@component
class TableNoise(nn.Module):
    """Draws the cells of a `Table` around the decoder's mean; `aae.evaluation.noise.fit_noise` fits it.

    Args:
        numbers: Number of columns of numbers ``n``.
        marked: Number of columns that may be empty ``m``.
        values: Number of values of each category.
        knots: Points of each curve.
    """

    spread: Tensor
    factor: Tensor
    drawn: Tensor
    levels: Tensor
    cells: Tensor
    stepped: Tensor
    steps: Tensor
    offsets: Tensor

    def __init__(self, numbers: int, marked: int, values: Sequence[int], knots: int = KNOTS) -> None:
        super().__init__()
        self.numbers, self.marked, self.values, self.knots = numbers, marked, list(values), knots
        scores = numbers + marked + len(self.values)
        # Residuals: their standard deviation in the networks' units, and a factor of the correlation of all columns.
        self.register_buffer("spread", torch.zeros(numbers))
        self.register_buffer("factor", torch.eye(scores))
        # Quantiles of noisy numbers at equal levels, and those of the training's cells at levels of their own.
        self.register_buffer("drawn", torch.zeros(numbers, knots))
        self.register_buffer("levels", torch.zeros(numbers, knots))
        self.register_buffer("cells", torch.zeros(numbers, knots, dtype=torch.float64))
        self.register_buffer("stepped", torch.zeros(numbers, dtype=torch.bool))  # few values, with nothing between
        self.register_buffer("steps", torch.zeros(numbers, dtype=torch.float64))  # 10^decimals, 0: not rounded
        # Added to log-probabilities, so that empty cells and categories are as frequent as in the training.
        self.register_buffer("offsets", torch.zeros(marked + sum(self.values)))

    def draw(self, table: Table, mean: Tensor, normal: Tensor | None = None) -> Tensor:
        """Rows ``(B, columns)`` in the table's own units.

        Args:
            table: The columns.
            mean: The decoder's mean ``(B, width)``.
            normal: Draws from a standard normal distribution, one for each number, column with empty cells and
                category; new ones if not given.
        """
        if normal is None:
            normal = torch.randn(len(mean), len(self.factor), device=mean.device)
        scores = normal @ self.factor.T
        numbers, marked, categories = scores.split([self.numbers, self.marked, len(self.values)], 1)
        cells = iter(self._numbers(self.noisy(mean, numbers)).T)
        empty = torch.special.ndtr(marked) > 1 - self.empty_probabilities(mean)
        drawn = [self._category(p, u) for p, u in zip(self.probabilities(mean), categories.T, strict=True)]
        chosen = iter(drawn)
        columns = [next(chosen) if "values" in column else next(cells) for column in table.columns]
        rows = torch.stack([column.double() for column in columns], 1)
        places = [k for k, column in enumerate(table.columns) if column.get("missing")]
        rows[:, places] = torch.where(empty, torch.nan, rows[:, places])
        return rows if table.float64 else rows.float()

    def noisy(self, mean: Tensor, scores: Tensor) -> Tensor:
        """Numbers with noise, in the networks' units ``(B, n)``."""
        return mean[:, : self.numbers] + self.spread * scores

    def empty_probabilities(self, mean: Tensor) -> Tensor:
        """How probable an empty cell is ``(B, m)``."""
        p = mean[:, self.numbers : self.numbers + self.marked].clamp(LEAST, 1 - LEAST)
        return (p.logit() + self.offsets[: self.marked]).sigmoid()

    def probabilities(self, mean: Tensor) -> list[Tensor]:
        """Of every category the probability of its values ``(B, values)``."""
        logits = mean[:, self.numbers + self.marked :].clamp(min=LEAST).log() + self.offsets[self.marked :]
        return [part.softmax(1) for part in logits.split(self.values, 1)]

    def _category(self, probabilities: Tensor, score: Tensor) -> Tensor:
        edges = probabilities.cumsum(1)[:, :-1].contiguous()
        return torch.searchsorted(edges, torch.special.ndtr(score)[:, None]).squeeze(1)

    def _numbers(self, noisy: Tensor) -> Tensor:
        """Cells ``(B, n)`` of the same rank among the training's as the noisy numbers have among themselves."""
        every = torch.linspace(0, 1, self.knots, device=noisy.device).expand(self.numbers, -1).contiguous()
        rank = _interpolate(noisy.T.contiguous(), self.drawn, every)
        place = torch.searchsorted(self.levels, rank).clamp(max=self.knots - 1)
        stepped = self.cells.gather(1, place)
        smooth = _interpolate(rank, self.levels, self.cells)
        cells = torch.where(self.stepped[:, None], stepped, smooth)
        steps = self.steps[:, None]
        return torch.where((steps > 0) & ~self.stepped[:, None], (cells * steps).round() / steps, cells).T


def _interpolate(x: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """Piecewise-linear functions ``(n, B)`` of ``x`` ``(n, B)``, of given values at rising places ``(n, knots)``."""
    upper = torch.searchsorted(places, x).clamp(1, places.shape[1] - 1)
    low, high = places.gather(1, upper - 1), places.gather(1, upper)
    share = ((x - low) / (high - low).clamp(min=1e-12)).clamp(0, 1).to(values.dtype)
    return values.gather(1, upper - 1).lerp(values.gather(1, upper), share)
