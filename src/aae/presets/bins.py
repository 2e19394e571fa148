"""Bins of a piecewise-linear encoding, from the rows that are to be encoded."""

import numpy as np
import torch

from aae.data.dataset import Dataset
from aae.model.ensembles import PiecewiseLinear
from aae.system.rows import evenly

__all__ = ["quantile_bins"]

MAX_ROWS = 10_000


def quantile_bins(data: Dataset, bins: int) -> PiecewiseLinear | None:
    """Bins with equally many rows of every column that is not just two values; None without any.

    Args:
        data: The data set.
        bins: Bins of a column; it has fewer if quantiles coincide. 0: None.
    """
    if not bins or data.is_image:
        return None
    chosen = evenly(len(data.x), MAX_ROWS)
    rows = torch.from_numpy(np.asarray(data.x[chosen]))
    x = rows.float() if data.table is None else data.table(rows)
    edges = [_edges(column, bins) for column in x.numpy().T]
    if not any(edges):
        return None
    means = 0.5 + PiecewiseLinear(edges)(x).mean(0) / 2
    return PiecewiseLinear(edges, means.tolist())


def _edges(column: np.ndarray, bins: int) -> list[float] | None:
    values = np.unique(column)
    if len(values) < 3:
        return None
    edges = np.unique(np.quantile(column, np.linspace(0, 1, bins + 1)))
    if len(edges) < 3:  # most rows have one value
        edges = np.unique(np.quantile(values, np.linspace(0, 1, min(bins, len(values) - 1) + 1)))
    return edges.astype(np.float64).tolist()
