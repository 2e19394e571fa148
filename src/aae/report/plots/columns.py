"""The distribution of each column of a table, data beside samples."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from aae.model.table import Table
from aae.report.plots.drawing import STYLE, add_legend, new_figure, style_axes, tick_style
from aae.report.plots.names import drawable, shorten
from aae.runs.table_output import cell_texts
from aae.system.errors import AAEError

__all__ = ["column_distributions"]

MOST = 24  # columns
ACROSS = 4
BINS = 20
VALUES = 8  # of a category; the rest counts as one


def column_distributions(
    table: Table, rows: np.ndarray, samples: np.ndarray, order: Sequence[int], what: str = "test rows"
) -> Figure:
    """Histograms of numbers and shares of categories.

    Args:
        table: The columns.
        rows: Rows of the data ``(N, columns)``, NaN where a cell is empty.
        samples: Rows of the model ``(M, columns)``.
        order: Which columns come first, if there are more than 24.
        what: What the rows of the data are, for the legend.

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
            style_axes(axes, titles[k])
            _draw(axes, table, k, rows[:, k], samples[:, k])
    handles = [Patch(facecolor=STYLE["rest"]), Patch(facecolor="none", edgecolor=STYLE["second"], linewidth=1.6)]
    add_legend(figure, handles, [what, "samples"], loc="outside upper left", ncols=2)
    return figure


def _draw(axes: Axes, table: Table, k: int, rows: np.ndarray, samples: np.ndarray) -> None:
    column = table.columns[k]
    kind = column.get("kind", "number")
    axes.set_yticks([])
    known, drawn = (cells[~np.isnan(cells)].astype(np.float64) for cells in (rows, samples))
    distinct = np.unique(np.concatenate([known, drawn]))
    if "values" in column:
        _bars(axes, list(column["values"]), rows, samples)
    elif kind == "boolean":
        _bars(axes, list(column.get("texts", ["false", "true"])), rows, samples)
    elif kind in ("number", "whole") and 0 < len(distinct) <= VALUES:
        first, second = (np.where(np.isnan(cells), np.nan, np.searchsorted(distinct, cells))
                         for cells in (rows, samples))
        _bars(axes, [f"{value:g}" for value in distinct], first, second, ordered=True)
    elif len(known) and len(drawn):
        low, high = np.quantile(np.concatenate([known, drawn]), [0.005, 0.995])
        edges = _edges(low, high, known).tolist()
        for cells, look in ((known, {"color": STYLE["rest"]}),
                            (drawn, {"histtype": "step", "color": STYLE["second"], "linewidth": 1.6})):
            axes.hist(cells.clip(low, high), edges, weights=np.full(len(cells), 1 / len(cells)), **look)
        if kind in ("date", "time"):
            _date_ticks(axes, column, low, high)
        else:
            axes.locator_params(axis="x", nbins=4)


def _date_ticks(axes: Axes, column: Mapping[str, Any], low: float, high: float) -> None:
    """Dates and times at the two ends, instead of seconds."""
    axes.set_xticks([low, high], cell_texts(column, np.array([low, high])))
    first, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")


def _edges(low: float, high: float, cells: np.ndarray) -> np.ndarray:
    """Edges of bins; of whole numbers as wide as a whole number of them."""
    if not high > low:
        return np.linspace(low - 0.5, low + 0.5, 2)
    if (cells == np.round(cells)).all() and high - low < 1e6:
        step = max(1, math.ceil((high - low + 1) / BINS))
        return np.arange(math.floor(low) - 0.5, math.ceil(high) + step + 0.5, step)
    return np.linspace(low, high, BINS + 1)


def _bars(
    axes: Axes, names: Sequence[str], rows: np.ndarray, samples: np.ndarray, ordered: bool = False
) -> None:  # fmt: skip
    """Shares of the most frequent values, of the others and of empty cells."""
    shares = []
    for cells in (rows, samples):
        index = np.where(np.isnan(cells) | (cells < 0), len(names), np.nan_to_num(cells)).astype(int)
        shares.append(np.bincount(index, minlength=len(names) + 1) / len(cells))
    order = np.arange(len(names)) if ordered else np.argsort(-shares[0][:-1], kind="stable")
    top, rest = order[:VALUES], order[VALUES:]
    texts, bars = [drawable(names[k]) or f"{k}" for k in top], [share[top] for share in shares]
    if len(rest):
        texts, bars = [*texts, "other"], [np.append(bar, s[rest].sum()) for bar, s in zip(bars, shares, strict=True)]
    if shares[0][-1] or shares[1][-1]:
        texts, bars = [*texts, "empty"], [np.append(bar, s[-1]) for bar, s in zip(bars, shares, strict=True)]
    places = np.arange(len(texts))
    axes.bar(places, bars[0], 0.8, color=STYLE["rest"])
    axes.bar(places, bars[1], 0.8, facecolor="none", edgecolor=STYLE["second"], linewidth=1.6)
    many = len(texts) > 4
    axes.set_xticks(places, shorten(texts, 6 if many else 8), rotation=90 if many and not ordered else 0,
                    **tick_style(texts))  # fmt: skip
