"""Rows with categories, texts, truth values and dates: read as a table, written as the data frame they came from."""

import datetime
import re
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aae.data.frames import category_names, frame_advice, frame_library, known_frame, table_of
from aae.data.raw import RawData
from aae.data.summary import column_notes
from aae.data.table_files import learned_columns
from aae.data.tables import readable
from aae.model.table import Table
from aae.runs.table_output import arrow_column, cell_texts
from aae.system.errors import AAEError

__all__ = ["FrameFormat", "empty_notes", "learn_rows", "not_a_number", "types_of", "warn"]

_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
LISTED = 5  # columns that a sentence lists


def not_a_number(rows: Any) -> AAEError | None:
    """The error for the first date or missing value of pandas among the rows, which scikit-learn does not name."""
    polars = hasattr(rows, "columns") and callable(getattr(rows, "rows", None))
    cells = np.asarray(rows.rows() if polars else rows, dtype=object)
    for place, value in np.ndenumerate(cells):
        if isinstance(value, _DATES) or type(value).__module__.partition(".")[0] == "pandas":
            names = getattr(rows, "columns", None)
            column = place[-1] if names is None else repr(names[place[-1]])
            return AAEError(
                f"Row {place[0]} has {str(value)!r} ({type(value).__name__}) in column {column}, which is not a "
                "number; turn dates into numbers, such as days, and fill in what is missing."
            )
    return None


def types_of(rows: Any) -> list[Any]:
    """The types of the columns, if the rows are a frame."""
    return list(rows.dtypes) if hasattr(rows, "columns") else []


def warn(notes: Iterable[str]) -> None:
    """Say what was done to the rows, as warnings of the line that called scikit-learn or an estimator."""
    for note in notes:
        level, frame = 1, sys._getframe()
        while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("aae.", "sklearn.")):
            level, frame = level + 1, frame.f_back
        warnings.warn(frame_advice(note), stacklevel=level)


def empty_notes(rows: np.ndarray, table: Table, names: Sequence[str | int]) -> list[str]:
    """A sentence on the columns of rows ``(N, columns)`` with empty cells (NaN) that had none in training."""
    counts = np.isnan(rows).sum(0)
    found = [f"{names[k]!r} ({counts[k]:,})" for k, column in enumerate(table.columns)
             if counts[k] and not column.get("missing")]  # fmt: skip
    if not found:
        return []
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return [f"X: cells of {', '.join(found[:LISTED])}{more} are empty, which none of the training was; they count as "
            "the mean, or as no category."]  # fmt: skip


def learn_rows(x: Any) -> tuple["FrameFormat", RawData[np.ndarray], list[str]]:
    """Rows ``(N, columns)`` to learn from, what their columns are, and notes on them.

    Args:
        x: A data frame, or an array of mixed cells.

    Raises:
        AAEError: Cells cannot be used, or no column is left.
    """
    file = table_of(x, "X")
    try:
        with readable("X"):
            raw = learned_columns(file, "X", "X", typed=True)
    except AAEError as error:
        raise AAEError(frame_advice(str(error))) from error
    notes = [*raw.notes, *(f"X: {note}" for note in column_notes(raw.x, raw.columns or []))]
    return FrameFormat.of(x, list(file.columns)), raw, notes


@dataclass
class FrameFormat:
    """How the rows of a fit were held: library, names and types of the columns, and their categories.

    Args:
        library: ``"pandas"``, ``"polars"``, or None for an array.
        columns: The names as the library has them: pandas' index of columns, polars' list.
        names: The names as a `Table` has them.
        types: The type of each column; none for an array.
    """

    library: str | None
    columns: Any
    names: list[str]
    types: list[Any]

    @classmethod
    def of(cls, x: Any, names: list[str]) -> "FrameFormat":
        """That of a data frame or array."""
        library = frame_library(x)
        return cls(library, x.columns if library else None, names, list(x.dtypes) if library else [])

    def read(self, x: Any, table: Table) -> tuple[np.ndarray, list[str]]:
        """Rows ``(N, columns)`` of a fitted table from others with the same columns in the same order, and notes.

        Raises:
            AAEError: A column holds cells of another kind.
        """
        rows, notes = known_frame(x, "X", self.names, table)
        return rows, [*notes, *empty_notes(rows, table, table.names)]

    def write(self, rows: np.ndarray, table: Table) -> Any:
        """The data frame, or array of objects ``(N, D)``, that holds rows ``(N, columns)``; empty where not learned."""
        known = {str(column["name"]): (column, _cells_of(column, rows[:, k])) for k, column in enumerate(table.columns)}
        if self.library is None:
            cells = np.full((len(rows), len(self.names)), None, dtype=object)
            for k, name in enumerate(self.names):
                if name in known:
                    cells[:, k] = arrow_column(*known[name]).to_pylist()
            return cells
        make = _pandas_series if self.library == "pandas" else _polars_series
        series = [make(known.get(name), dtype, len(rows)) for name, dtype in zip(self.names, self.types, strict=True)]
        if self.library == "pandas":
            import pandas as pd

            frame = pd.DataFrame(dict(enumerate(series)), index=range(len(rows)))
            frame.columns = self.columns
            return frame
        import polars as pl

        return pl.DataFrame(dict(zip(self.columns, series, strict=True)))


def in_double(rows: np.ndarray) -> np.ndarray:
    """Numbers of float32 as float64 with the decimals that they are written with: 0.9 in place of 0.8999999762."""
    return rows.astype(str).astype(np.float64) if rows.dtype == np.float32 else rows


def _cells_of(column: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    number = "values" not in column and column.get("kind", "number") == "number"
    return in_double(values) if number else values


Known = tuple[Mapping[str, Any], np.ndarray]


def _texts(column: Mapping[str, Any], values: np.ndarray) -> list[str | None]:
    if "values" in column:
        return [column["values"][int(value)] if value >= 0 else None for value in values]
    return [text or None for text in cell_texts(column, values)]


def _pandas_series(known: Known | None, dtype: Any, count: int) -> Any:
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype):
        codes = np.full(count, -1)
        if known is not None:
            number = {name: k for k, name in reversed(list(enumerate(category_names(dtype.categories))))}
            codes = np.array([number.get(text, -1) for text in _texts(*known)], dtype=np.int64)
        return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype))
    if known is None:
        whole = getattr(dtype, "kind", "O") in "iub" and isinstance(dtype, np.dtype)
        return pd.Series([None] * count, dtype=np.float64 if whole else dtype)
    if isinstance(dtype, pd.StringDtype):
        return pd.Series(_texts(*known), dtype=dtype)
    if dtype.kind == "m":
        return pd.Series(pd.to_timedelta(known[1].astype(np.float64), unit="s")).astype(dtype)
    cells = arrow_column(*_within(known, dtype))
    if dtype.kind == "O" and not isinstance(dtype, pd.ArrowDtype):
        series = pd.Series(cells.to_pylist(), dtype=object)
    elif dtype.kind == "M":
        series = pd.Series(cells.to_numpy(zero_copy_only=False))
        series = series.dt.tz_localize("UTC") if getattr(dtype, "tz", None) is not None else series
    else:
        series = pd.Series(cells.to_numpy(zero_copy_only=False))
    try:
        return series.astype(dtype)
    except (TypeError, ValueError, NotImplementedError):  # a type whose values are known as texts alone
        return series


def _polars_series(known: Known | None, dtype: Any, count: int) -> Any:
    import polars as pl

    if known is None:
        return pl.Series([None] * count, dtype=dtype)
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return pl.Series(_texts(*known), dtype=pl.String).cast(dtype)
    if dtype == pl.Duration:
        microseconds = np.round(known[1].astype(np.float64) * 1e6).astype(np.int64)
        return pl.Series(microseconds).cast(pl.Duration("us")).cast(dtype)
    if dtype == pl.Object:
        return pl.Series(arrow_column(*known).to_pylist(), dtype=pl.Object)
    return pl.Series(pl.from_arrow(arrow_column(*_within(known, dtype)))).cast(dtype)


def _within(known: Known, dtype: Any) -> Known:
    """Numbers within the range of a type of whole numbers."""
    column, values = known
    name = str(getattr(dtype, "name", dtype)).lower()
    if re.fullmatch(r"u?int(8|16|32|64)", name) and "values" not in column:
        limits = np.iinfo(name)
        values = values.astype(np.float64).clip(limits.min, limits.max)
    return column, values
