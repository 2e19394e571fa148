"""Fits a `Table` to rows: means and scales of numbers, without the few cells that are far from all others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aae.model.table import Table
from aae.model.unseen import row_name
from aae.system.rows import evenly

__all__ = ["are_vectors", "extreme_notes", "fit_table", "fit_vectors", "needs_double"]

MIN_PIXELS = 16  # with fewer columns, numbers of one unit are not taken for an image or spectrum
LEAST_VECTOR = 256  # columns of an embedding
SEEN = 1000  # rows that are looked at
MAX_WHOLE = 0.01  # of its numbers besides 0 are whole
MAX_RATIO = 20.0  # of the spreads of its columns, but for a twentieth at each end
MAX_BEYOND = 10.0  # times the largest number of those rows, in all rows
CLIP = 20.0  # scales from the mean at which the networks' input ends
FAR = 200.0  # robust spreads from the median beyond which a cell does not count for mean and scale
FAR_FILL = 8.0  # the same for numbers that programs write into empty cells, as -9999, if no other cell is near them
DOUBLE = 1e4  # scales that a mean may be away from zero before float32 is too coarse: it has seven digits
MAX_FAR = 0.05  # share of a column's cells that can be far from the others
SAMPLE = 50_000  # rows whose median and spread stand for those of all
FILLS = [*(float(10**k - 1) for k in range(3, 16)), 999.9, 9999.9, 99999.9, 999.99, 9999.99, 32767.0, 32768.0,
         2147483647.0, 2147483648.0]  # fmt: skip
LISTED = 5  # columns that a sentence lists


def fit_table(
    rows: np.ndarray,
    names: Sequence[str] | None = None,
    values: Mapping[int, Sequence[str]] | None = None,
    kinds: Mapping[int, Mapping[str, Any]] | None = None,
) -> Table:
    """Learn mean and scale of every column.

    Numbers of one unit (none negative, and half of the columns that are not constant with about the same maximum,
    as pixels have) are divided by their largest value; other columns are standardised one by one. Cells hundreds of
    spreads away from all others count neither for mean nor for scale. Means and scales are computed in double.

    Args:
        rows: Rows to learn from, ``(N, columns)``; NaN where a cell is empty.
        names: Names of the columns; their numbers if not given.
        values: Known values of the columns that are categories.
        kinds: What else a `Table` keeps of a column, by column number.
    """
    values, kinds = values or {}, kinds or {}
    if not values and are_vectors(rows):
        return fit_vectors(rows, names, kinds)
    numbers = [k for k in range(rows.shape[1]) if k not in values]
    with np.errstate(over="ignore"):
        single = rows.astype(np.float32, copy=False)
    empty = np.isnan(rows)
    plain = not values and not empty.any()
    bounded = plain and _one_unit(single, empty)
    ignored = empty if bounded else empty | _far_cells(rows, numbers)
    double = not bounded and _needs_double(rows[:, numbers], ignored[:, numbers])
    kept = rows if double else single
    bounded = bounded or (plain and not double and _one_unit(kept, ignored))
    means, spreads = _means_and_spreads(kept, ignored)
    changing = _changing(kept, ignored)
    largest = float(kept[:, changing].max(where=~ignored[:, changing], initial=0)) if bounded else 1.0
    columns: list[dict[str, Any]] = []
    for k in range(rows.shape[1]):
        column: dict[str, Any] = {"name": k if names is None else names[k]}
        if k in values:
            column["values"] = list(values[k])
        elif bounded:
            column |= {"mean": 0.0 if changing[k] else float(means[k]), "scale": largest}
        else:
            column |= _standardised(kept[:, k], empty[:, k], ignored[:, k], float(means[k]), float(spreads[k]))
        if empty[:, k].any():
            column["missing"] = True
        columns.append(column | dict(kinds.get(k, {})))
    return Table(columns, bounded, None if bounded else CLIP, float64=double)


def fit_vectors(
    rows: np.ndarray, names: Sequence[str] | None = None, kinds: Mapping[int, Mapping[str, Any]] | None = None
) -> Table:
    """Learn the mean of every column and one scale for all: columns of an encoder's vectors are on one scale.

    If no number is negative, these are of the square roots.

    Args:
        rows: Vectors to learn from, ``(N, columns)``.
        names: Names of the columns; their numbers if not given.
        kinds: What else a `Table` keeps of a column, by column number.
    """
    # Few large numbers among many near zero, as a ReLU leaves, would outweigh the rest (Hu et al., arXiv 2006.03806).
    roots = bool(rows.min() >= 0)
    rows = np.sqrt(rows) if roots else rows
    means, squares = rows.mean(0, dtype=np.float64), np.square(rows, dtype=np.float64).mean(0)
    scale = float(np.sqrt((squares - means**2).clip(0).mean())) or 1.0
    more = kinds or {}
    columns = [{"name": k if names is None else names[k], "mean": float(mean), "scale": scale, **more.get(k, {})}
               for k, mean in enumerate(means)]  # fmt: skip
    return Table(columns, vectors=True, roots=roots)


def are_vectors(rows: np.ndarray) -> bool:
    """Whether the rows of an array look like vectors that another encoder made, as embeddings of images or texts.

    They have at least 256 columns of numbers on one scale, hardly any of them whole, without empty cells or columns
    that stand out, and are no pixels.

    Args:
        rows: ``(N, columns)``.
    """
    if rows.ndim != 2 or rows.shape[1] < LEAST_VECTOR or len(rows) < 2 or rows.dtype.kind != "f":
        return False
    some = rows[evenly(len(rows), SEEN)].astype(np.float64)
    if not np.isfinite(some).all() or ((some == np.round(some)) & (some != 0)).mean() > MAX_WHOLE:
        return False
    spreads = np.sort(some.std(0))
    low, high = spreads[len(spreads) // 20], spreads[-1 - len(spreads) // 20]
    alike = low > 0 and high <= MAX_RATIO * low and not _one_unit(some, np.isnan(some))
    # NaN compares false. A fill value such as -9999 would widen the one scale of all columns.
    return bool(alike and max(rows.max(), -rows.min()) <= MAX_BEYOND * np.abs(some).max())


def _standardised(
    cells: np.ndarray, empty: np.ndarray, ignored: np.ndarray, mean: float, spread: float
) -> dict[str, Any]:
    """Mean and scale of a column; where cells are far from the others, also where the networks' input ends."""
    kept = cells[~ignored]
    scale = max(spread, _least_scale(kept)) or 1.0
    found: dict[str, Any] = {"mean": mean, "scale": scale}
    if len(kept) > 1 and bool((kept == kept[0]).all()) and ignored.sum() == empty.sum():
        # Nothing was learned about other numbers: the networks see no more of them than that they differ.
        return found | {"mean": float(kept[0]), "clip": 1.0, "constant": True}
    if len(kept) and ignored.sum() > empty.sum():
        furthest = float(np.abs(kept.astype(np.float64) - mean).max()) / scale
        found["clip"] = min(CLIP, max(1.0, 2 * furthest))
    return found


def _means_and_spreads(rows: np.ndarray, ignored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    filled = np.where(ignored, 0, rows).astype(np.float64)
    count = np.maximum((~ignored).sum(0), 1)
    means = filled.sum(0) / count
    spreads = np.sqrt((np.where(ignored, 0, filled - means) ** 2).sum(0) / count)
    # A constant column stays 0, and one that differs by the rounding of its numbers alone stays near it.
    constant = spreads <= (1e-7 if rows.dtype == np.float32 else 1e-11) * np.abs(means)
    return means, np.where(constant, np.where(spreads == 0, 1.0, np.abs(means)), spreads)


def _needs_double(rows: np.ndarray, ignored: np.ndarray) -> bool:
    """Whether a column's differences are too small beside its mean for float32."""
    if rows.dtype == np.float32 or not rows.size:
        return False
    if np.abs(rows).max(where=~ignored, initial=0) > np.finfo(np.float32).max:
        return True
    means, spreads = _means_and_spreads(rows, ignored)
    return bool(((np.abs(means) > DOUBLE * spreads) & _changing(rows, ignored)).any())


def needs_double(cells: np.ndarray) -> bool:
    """Whether the cells of one column ``(N,)`` of numbers have to be float64 to be distinguished."""
    if cells.dtype == object:
        return False
    rows = cells[:, None]
    return _needs_double(rows, np.isnan(rows) | _far_cells(rows, [0]))


def _changing(rows: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Which columns hold different numbers."""
    low = rows.min(0, where=~ignored, initial=np.inf)
    return np.asarray(rows.max(0, where=~ignored, initial=-np.inf) > low)


def _one_unit(rows: np.ndarray, ignored: np.ndarray) -> bool:
    changing = _changing(rows, ignored)  # constant columns do not count
    if rows.shape[1] < MIN_PIXELS or not changing.any():
        return False
    kept, used = rows[:, changing], ~ignored[:, changing]
    if kept.min(where=used, initial=np.inf) < 0:
        return False
    maxima = kept.max(0, where=used, initial=0)
    return bool(np.median(maxima) >= 0.9 * maxima.max())


def _least_scale(cells: np.ndarray) -> float:
    """Half of the distance of two values; where more than half of the cells are equal, of the others from them.

    A column of few ones among zeros would otherwise be a network input of 10 or more wherever it is one.
    """
    if not len(cells):
        return 0.0
    centre, low, high = np.median(cells), cells.min(), cells.max()
    if (cells == centre).mean() > 0.5:
        others = cells[cells != centre].astype(np.float64)
        return float(np.median(np.abs(others - centre))) / 2 if len(others) else 0.0
    return (float(high) - float(low)) / 2 if ((cells == low) | (cells == high)).all() else 0.0


def _far_cells(rows: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """Which cells are hundreds of spreads away from the others of their column, or mark an empty cell."""
    far = np.zeros(rows.shape, dtype=bool)
    step = max(1, len(rows) // SAMPLE)
    for k in numbers:
        cells = rows[:, k].astype(np.float64)
        some = cells[::step]
        some = some[~np.isnan(some) & ~_fill_like(some)]
        if len(some) < 3:
            continue
        centre = float(np.median(some))
        spread = _robust_spread(some, centre)
        distance = np.abs(cells - centre)
        if not spread > 0 or not np.nanmax(distance) > FAR_FILL * spread:
            continue
        beyond = distance > FAR * spread
        filled = _fill_like(cells) & (distance > FAR_FILL * spread)
        filled &= distance > 2 * np.max(distance, where=~(np.isnan(cells) | beyond | filled), initial=0)
        if (beyond & ~filled).mean() > MAX_FAR:  # two kinds of rows, or a column of every size
            beyond[:] = False
        far[:, k] = beyond | filled
    return far


def _robust_spread(cells: np.ndarray, centre: float) -> float:
    distance = np.abs(cells - centre)
    spread = 1.4826 * float(np.median(distance))  # of a normal distribution, the standard deviation
    if spread > 0:
        return spread
    others = distance[distance > 0]  # more than half are equal
    return float(np.median(others)) if len(others) >= 3 else 0.0


def _fill_like(cells: np.ndarray) -> np.ndarray:
    """Which numbers are such as programs write into empty cells: nines only, the limits of integers, huge ones."""
    size = np.abs(cells)
    return np.isin(size, FILLS) | (size >= 1e20)


def extreme_notes(
    table: Table, rows: np.ndarray, where: str, name_row: Callable[[int], str] = row_name
) -> list[str]:
    """A sentence on the cells that the networks see clipped, because they are far from the rest of their column."""
    found = []
    for k, column in enumerate(table.columns):
        limit = column.get("clip", table.clip)
        if "values" in column or limit is None:
            continue
        cells = table.as_rows(rows[:, k]).astype(np.float64)
        beyond = np.flatnonzero(np.abs(cells - column["mean"]) > limit * column["scale"])
        if len(beyond):
            count = f"{len(beyond):,} in all, the first in {name_row(int(beyond[0]))}"
            found.append(f"{column['name']!r} {rows[beyond[0], k]:g} ({count})")
    if not found:
        return []
    more = f" and in {len(found) - LISTED} more columns" if len(found) > LISTED else ""
    advice = " If a number stands for an empty cell, say so with --missing." if table.named else ""
    return [f"{where}: some numbers are far from all others in their column: {', '.join(found[:LISTED])}{more}; the "
            f"networks see them clipped.{advice}"]  # fmt: skip
