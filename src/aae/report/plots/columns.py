"""The distribution of each column of a table, data beside samples."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from aae.model.table import Table
from aae.report.plots.drawing import STYLE, add_legend, new_figure, set_title, style_axes
from aae.report.plots.names import drawable, shorten
from aae.system.errors import AAEError

__all__ = ["column_distributions"]

MOST = 24  # columns
ACROSS = 4
BINS = 20
VALUES = 8  # of a category; the rest counts as one


def column_distributions(table: Table, rows: np.ndarray, samples: np.ndarray, order: Sequence[int]) -> Figure:
    """Histograms of numbers and shares of categories.

    Args:
        table: The columns.
        rows: Rows of the data ``(N, columns)``, NaN where a cell is empty.
        samples: Rows of the model ``(M, columns)``.
        order: Which columns come first, if there are more than 24.

    Raises:
        AAEError: No rows.
    """
    if not len(rows) or not len(samples):
        raise AAEError("The distributions of columns need rows and samples; there are none.")
    shown = sorted(order[:MOST])
    across = min(ACROSS, len(shown))
    lines = math.ceil(len(shown) / across)
    figure = new_figure(2.3 * across + 0.2, 1.5 * lines + 0.6)
    titles = shorten([drawable(str(name)) or f"column {k}" for k, name in enumerate(table.names)], 18)
    for place, axes in enumerate(figure.subplots(lines, across, squeeze=False).ravel()):
        axes.set_visible(place < len(shown))
        if place < len(shown):
            k = shown[place]
            _draw(axes, table, k, rows[:, k], samples[:, k])
            set_title(axes, titles[k])
    handles = [Patch(facecolor=STYLE["rest"]), Patch(facecolor="none", edgecolor=STYLE["second"], linewidth=1.6)]
    add_legend(figure, handles, ["test rows", "samples"], loc="outside upper left", ncols=2)
    return figure


def _draw(axes: Axes, table: Table, k: int, rows: np.ndarray, samples: np.ndarray) -> None:
    column = table.columns[k]
    style_axes(axes)
    axes.set_yticks([])
    if "values" in column or column.get("kind") == "boolean":
        names = column.get("values") or column.get("texts") or ["false", "true"]
        _bars(axes, list(names), rows, samples)
        return
    known, drawn = (cells[~np.isnan(cells)].astype(np.float64) for cells in (rows, samples))
    if not len(known) or not len(drawn):
        return
    low, high = np.quantile(np.concatenate([known, drawn]), [0.005, 0.995])
    edges = _edges(low, high, known)
    for cells, look in ((known, {"color": STYLE["rest"]}),
                        (drawn, {"histtype": "step", "color": STYLE["second"], "linewidth": 1.6})):
        axes.hist(cells.clip(low, high), edges, weights=np.full(len(cells), 1 / len(cells)), **look)
    if column.get("kind") in ("date", "time"):
        axes.set_xticks([])
    axes.locator_params(axis="x", nbins=4) if column.get("kind") not in ("date", "time") else None


def _edges(low: float, high: float, cells: np.ndarray) -> np.ndarray:
    """Edges of bins; of whole numbers as wide as a whole number of them."""
    if not high > low:
        return np.linspace(low - 0.5, low + 0.5, 2)
    if (cells == np.round(cells)).all() and high - low < 1e6:
        step = max(1, math.ceil((high - low + 1) / BINS))
        return np.arange(math.floor(low) - 0.5, math.ceil(high) + step + 0.5, step)
    return np.linspace(low, high, BINS + 1)


def _bars(axes: Axes, names: list[str], rows: np.ndarray, samples: np.ndarray) -> None:
    """Shares of the most frequent values, the others and empty cells."""
    shares = []
    for cells in (rows, samples):
        index = np.where(np.isnan(cells) | (cells < 0), len(names), np.nan_to_num(cells)).astype(int)
        shares.append(np.bincount(index, minlength=len(names) + 1) / len(cells))
    order = np.argsort(-shares[0][:-1], kind="stable")
    top, rest = order[:VALUES], order[VALUES:]
    texts = [drawable(names[k]) or f"{k}" for k in top]
    bars = [[share[k] for k in top] for share in shares]
    if len(rest):
        texts.append("other")
        bars = [[*bar, share[rest].sum()] for bar, share in zip(bars, shares, strict=True)]
    if shares[0][-1] or shares[1][-1]:
        texts.append("empty")
        bars = [[*bar, share[-1]] for bar, share in zip(bars, shares, strict=True)]
    places = np.arange(len(texts))
    axes.bar(places, bars[0], 0.8, color=STYLE["rest"])
    axes.bar(places, bars[1], 0.8, facecolor="none", edgecolor=STYLE["second"], linewidth=1.6)
    axes.set_xticks(places, shorten(texts, 6 if len(texts) > 4 else 10), rotation=90 if len(texts) > 4 else 0)
    for label in axes.get_xticklabels():
        label.set_parse_math(False)
