"""Data frames, and arrays of mixed cells, as Arrow columns: what a column of them is, is decided as for a file."""

import re
import sys
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from numbers import Number
from typing import Any, Literal

import numpy as np

from aae.data.cells import number_text
from aae.data.columns import category_texts
from aae.data.dataset import ReadOptions
from aae.data.labels import is_missing
from aae.data.table_files import known_rows
from aae.data.tables import TableFile, import_pyarrow, readable
from aae.data.text_columns import Style
from aae.model.table import Table
from aae.system.errors import AAEError

__all__ = [
    "DataFrame",
    "category_names",
    "column_names",
    "frame_advice",
    "frame_library",
    "frame_notes",
    "holds_cells",
    "is_mixed",
    "known_frame",
    "table_of",
]

DataFrame = Any  # of pandas or polars, neither of which has to be installed
# What the options of the command line do is done to the data frame itself.
_FLAG = r"(?:'[^']*'|\S+?)(?=[ .;,]|$)"
_ADVICE = (
    (r"(name the decimal mark|say which) with --decimal( , or --decimal \.)?", "turn the column into numbers"),
    (rf"name (it|them) with --missing(?: (?!if ){_FLAG})?", r"replace \1 by None"),
    (r"say so with --missing", "replace it by None"),
    (rf"leave it out with --ignore( {_FLAG})?", "leave it out"),
    (rf"(say|read (it|them|the column) as categories with) --kind {_FLAG}( and so on)?",
     "give the column the type category"),
)
CONTAINERS = (dict, list, tuple, set, frozenset, bytes, np.ndarray)


def frame_library(x: Any) -> Literal["pandas", "polars"] | None:
    """The library that a data frame is of; None if it is no data frame."""
    libraries: tuple[Literal["pandas", "polars"], ...] = ("pandas", "polars")
    for name in libraries:  # neither is imported for this
        kind = getattr(sys.modules.get(name), "DataFrame", None)
        if kind is not None and isinstance(x, kind):
            return name
    return None


def frame_advice(sentence: str) -> str:
    """A message on a table as one on a data frame: options of the command line become what is done to the frame."""
    for pattern, instead in _ADVICE:
        sentence = re.sub(pattern, instead, sentence)
    return sentence


def frame_notes(x: DataFrame) -> list[str]:
    """A sentence if a data frame has an index other than the numbers of the rows, which is not read."""
    if frame_library(x) != "pandas" or (type(x.index).__name__ == "RangeIndex" and x.index.name is None):
        return []
    names = ", ".join(repr(name) for name in x.index.names if name is not None)
    return [f"The index of the data frame{f' ({names})' if names else ''} is ignored; reset_index() makes it columns."]


def is_mixed(x: Any) -> bool:
    """Whether a data frame has columns of other types than numbers."""
    library = frame_library(x)
    if library == "polars":
        return not all(dtype.is_numeric() for dtype in x.dtypes)
    return library == "pandas" and not all(getattr(dtype, "kind", "O") in "iufc" for dtype in x.dtypes)


def holds_cells(x: Any) -> bool:
    """Whether an array or a list of rows holds texts or dates, perhaps with numbers, and nothing else."""
    if frame_library(x) is not None:
        return False
    if isinstance(x, list | tuple):
        x = np.array(x, dtype=object)
    if not isinstance(x, np.ndarray) or x.ndim != 2:
        return False
    if x.dtype != object or any(isinstance(value, CONTAINERS) for value in x.flat):
        return x.dtype.kind in "UMm"
    return not all(isinstance(value, Number) or is_missing(value) for value in x.flat)


def column_names(x: Any, where: str) -> list[str]:
    """The names of a data frame's columns as texts without blanks at their ends; ``c0``, ``c1``, ... for an array.

    Raises:
        AAEError: Two columns have the same name.
    """
    if frame_library(x) is None:
        return [f"c{k}" for k in range(x.shape[1])]
    names = [str(name).strip() for name in x.columns]
    double = next((name for name, count in Counter(names).items() if count > 1), None)
    if double is not None:
        raise AAEError(f"{where} has two columns called {double!r}; rename one.")
    return names


def table_of(
    x: Any, where: str, names: Sequence[str] | None = None, used: Container[str] | None = None
) -> TableFile:
    """The columns of a data frame, or of an array ``(N, D)``, as those of a file.

    Args:
        x: A data frame of pandas or polars, or an array of objects, texts or dates.
        where: What it is called in errors.
        names: Names of the columns; by default those of `column_names`.
        used: The names of the columns that are needed; by default all.

    Raises:
        AAEError: pyarrow is missing, two columns have the same name, or cells cannot be used.
    """
    pa = import_pyarrow("A data frame of other columns than numbers", "turn them into numbers")
    library = frame_library(x)
    names = column_names(x, where) if names is None else names
    read = {"pandas": _pandas_column, "polars": _polars_column, None: lambda x, k, place: _cells(x[:, k], place)}
    columns = {name: read[library](x, k, f"{where}: column {name!r}") for k, name in enumerate(names)
               if used is None or name in used}  # fmt: skip
    columns = {name: pa.chunked_array([column]) if isinstance(column, pa.Array) else column
               for name, column in columns.items()}  # fmt: skip
    return TableFile(columns, Style(), categories=[n for n, c in columns.items() if pa.types.is_dictionary(c.type)])


def known_frame(x: Any, where: str, names: Sequence[str], table: Table) -> tuple[np.ndarray, list[str]]:
    """Rows ``(N, columns)`` of a data frame whose columns a model knows, and notes.

    Args:
        x: A data frame, or an array as `table_of` takes it.
        where: What it is called in errors.
        names: Names of its columns.
        table: What the model knows.

    Raises:
        AAEError: A column is missing, or holds cells of another kind.
    """
    file = table_of(x, where, names, set(map(str, table.names)))
    try:
        with readable(where):
            return known_rows(file, where, ReadOptions(), table)
    except AAEError as error:
        raise AAEError(frame_advice(str(error))) from error


def category_names(categories: Iterable[Any]) -> list[str | None]:
    """The texts by which a `Table` knows the categories of a data frame; None for one that stands for an empty cell."""
    import pyarrow as pa

    return list(category_texts(pa.array(_names(categories), pa.string()), "", Style()).tolist())


def _names(categories: Iterable[Any]) -> list[str]:
    """Categories as texts: numbers as those in files are named, others as Python writes them."""
    return [number_text(float(value)) if isinstance(value, int | float | np.number) and not isinstance(value, bool)
            else str(value) for value in categories]  # fmt: skip


def _pandas_column(frame: Any, k: int, place: str) -> Any:
    import pyarrow as pa

    column = frame.iloc[:, k]
    kind = type(column.dtype).__name__
    if kind == "CategoricalDtype":
        codes = column.cat.codes.to_numpy().astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), _names(column.cat.categories))
    if kind == "SparseDtype":
        column = column.sparse.to_dense()
    if kind == "PeriodDtype":  # a month is its first day
        column = column.dt.to_timestamp()
    if getattr(column.dtype, "kind", "O") == "c":
        raise AAEError(f"{place} holds complex numbers, but only numbers, texts and dates can be read; leave it out.")
    return _cells(column, place)


def _polars_column(frame: Any, k: int, place: str) -> Any:
    import polars as pl
    import pyarrow as pa

    column = frame.to_series(k)
    if column.dtype == pl.Object:
        return _cells(column.to_list(), place)
    if column.dtype.is_integer() and column.dtype not in (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16,
                                                          pl.UInt32, pl.UInt64):  # fmt: skip
        column = column.cast(pl.Float64)
    return pa.chunked_array([column.to_arrow(compat_level=pl.CompatLevel.oldest())])


def _cells(cells: Any, place: str) -> Any:
    """Cells as an Arrow column; those of several types as texts, as a file would hold them.

    Raises:
        AAEError: A cell holds several values.
    """
    import pyarrow as pa

    if isinstance(cells, np.ndarray) and cells.dtype.kind == "U":
        cells = cells.astype(object)
    try:
        column = pa.array(np.ascontiguousarray(cells) if isinstance(cells, np.ndarray) else cells, from_pandas=True)
        if not isinstance(column.type, pa.BaseExtensionType):
            return column
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        pass
    values = list(cells)
    odd = next((value for value in values if isinstance(value, CONTAINERS)), None)
    if odd is not None:
        raise AAEError(f"{place} holds {str(odd)!r:.60} ({type(odd).__name__}), but only numbers, texts and dates can "
                       "be read; leave it out.")  # fmt: skip
    return pa.array([None if is_missing(value) else str(value) for value in values], pa.string())
