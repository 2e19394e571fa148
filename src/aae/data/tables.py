"""CSV and Parquet files as columns and rows.

A column is an array: numbers as float64 with NaN for empty cells, texts as objects with None for empty cells.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aae.model.table import Table
from aae.system.errors import AAEError, first_line, unknown
from aae.system.files import csv_text

__all__ = [
    "ENDINGS",
    "MAX_CATEGORIES",
    "Columns",
    "ParquetRows",
    "choose_columns",
    "describe_columns",
    "parquet_size",
    "pyarrow_parquet",
    "read_chunks",
    "read_columns",
    "table_kind",
    "take_labels",
    "unscaled_table",
]

ENDINGS = (".csv", ".parquet")
CSV_ENDINGS = (".csv", ".tsv", ".txt")  # each also compressed, as .csv.gz
PARQUET_ENDINGS = (".parquet", ".pq")
CHUNK = 4096  # rows decoded together
BUFFER = 65_536  # bytes read ahead of each column; without it a whole row group would be in memory
MAX_COLUMNS = 100_000
MAX_HEADER = 2**24  # characters in the line of column names
LIMITS = {"thrift_string_size_limit": 2**26, "thrift_container_size_limit": 2**24}  # of a Parquet file's metadata
MAX_CATEGORIES = 100  # different texts in a column of categories

Columns = dict[str, np.ndarray]


def table_kind(path: str | Path) -> Literal["csv", "parquet"] | None:
    """Whether a path is a text table, a Parquet file or a folder of Parquet parts; None if it is neither."""
    path = Path(path)
    if path.is_dir():
        return "parquet" if parquet_parts(path) else None
    name = path.name.lower()
    if name.removesuffix(".gz").endswith(CSV_ENDINGS):
        return "csv"
    return "parquet" if name.endswith(PARQUET_ENDINGS) else None


def parquet_parts(folder: Path) -> list[Path]:
    """The Parquet files of a folder and of the folders in it; none if it also holds other files.

    Files whose names begin with a point or an underscore do not count: Spark and Hadoop write such beside the parts.
    """
    parts = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        for name in sorted(names):
            if name.startswith((".", "_")):
                continue
            if not name.lower().endswith(PARQUET_ENDINGS):
                return []
            parts.append(Path(place, name))
    return parts


def pyarrow_parquet() -> Any:
    """The module `pyarrow.parquet`.

    Raises:
        AAEError: pyarrow is not installed.
    """
    _import_pyarrow("Parquet")
    import pyarrow.parquet

    return pyarrow.parquet


def _import_pyarrow(what: str) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        sentence = f"{what} needs pyarrow; `pip install 'adversarial-autoencoder[tables]'`, or use .npz."
        raise AAEError(sentence) from error
    return pyarrow


def read_columns(path: Path) -> Columns:
    """Every column of a ``.csv`` or ``.parquet`` file.

    Raises:
        AAEError: pyarrow is missing, the file is damaged or has no rows, or a column's type cannot be used.
    """
    _import_pyarrow("A CSV file" if path.suffix == ".csv" else "Parquet")
    with _readable(path):
        if path.suffix == ".csv":
            table = _read_csv(path)
        else:
            with pyarrow_parquet().ParquetFile(path, **LIMITS) as file:
                _check_columns(path, file.metadata.num_columns)
                table = file.read()
        double = next((name for name, count in Counter(table.column_names).items() if count > 1), None)
        if double is not None:
            raise AAEError(f"{path} has two columns called {double!r}; rename one.")
        if not table.num_rows:
            raise AAEError(f"{path}: there are no rows.")
        columns = {name: _cells(table[name], f"{path}: column {name!r}") for name in table.column_names}
    return _without_apostrophes(columns) if path.suffix == ".csv" else columns


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn the errors that pyarrow and Python raise on a damaged file into an `AAEError`.

    Raises:
        AAEError: The file is damaged.
    """
    from pyarrow import ArrowException

    try:
        yield
    except AAEError:
        raise
    except (OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError, csv.Error, ArrowException) as error:
        raise AAEError(f"{path} is not a readable table ({first_line(error)}).") from error


def _check_columns(path: Path, count: int) -> None:
    if count > MAX_COLUMNS:
        raise AAEError(f"{path} has {count} columns, but at most {MAX_COLUMNS} can be read; leave some out.")


def _read_csv(path: Path) -> Any:
    from pyarrow import csv as arrow_csv

    with path.open(encoding="utf-8-sig", newline="") as stream:
        head = stream.readline(MAX_HEADER)
    if len(head) == MAX_HEADER:
        raise AAEError(f"The first line of {path} is longer than {MAX_HEADER} characters; it should name the columns.")
    delimiter = max(",;\t", key=head.count)
    names = next(csv.reader([head], delimiter=delimiter), [])
    _check_columns(path, len(names))
    if names and all(_is_number(name) for name in names):
        raise AAEError(f"The first line of {path} holds numbers, not the names of columns; add a line of names.")
    return arrow_csv.read_csv(
        path,
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(strings_can_be_null=True),
    )


def _without_apostrophes(columns: Columns) -> Columns:
    """Columns without the apostrophes in names and texts that keep a spreadsheet from computing them."""
    return {
        csv_text(name): np.array([value and csv_text(value) for value in cells], dtype=object)
        if cells.dtype == object else cells
        for name, cells in columns.items()
    }  # fmt: skip


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cells(column: Any, where: str) -> np.ndarray:
    """One column of an Arrow table: float64 with NaN, or texts with None."""
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = kind.value_type
    if types.is_null(kind):
        return np.full(len(column), np.nan)
    if types.is_temporal(kind):
        column = column.cast(pa.timestamp("s"), safe=False) if types.is_date(kind) else column
        column = column.cast(pa.int64()) if not types.is_time32(kind) else column.cast(pa.int32())
    elif types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return np.array([text or None for text in column.to_pylist()], dtype=object)  # an empty text is an empty cell
    elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)):
        raise AAEError(f"{where} holds {kind}, but only numbers and texts can be read; leave it out.")
    return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def take_labels(columns: Columns, name: str, where: str) -> tuple[Columns, np.ndarray]:
    """The other columns, and the labels in column ``name``: texts or whole numbers, None for empty cells.

    Raises:
        UsageError: There is no such column.
        AAEError: It holds numbers that are not whole.
    """
    if name not in columns:
        raise unknown(f"column of {where} called", name, columns)
    values = columns[name]
    if values.dtype != object:
        fractions = np.flatnonzero(~np.isnan(values) & (values != np.round(values)))
        if len(fractions):
            raise AAEError(
                f"{where}: the label column {name!r} holds {values[fractions[0]]:g}; labels are texts or whole numbers."
            )
        values = np.array([None if v != v else int(v) for v in values.tolist()], dtype=object)
    return {other: cells for other, cells in columns.items() if other != name}, values


def describe_columns(columns: Columns, where: str) -> tuple[np.ndarray, list[str], dict[int, list[str]], list[str]]:
    """Rows, names of the columns, values of the categories by column number, and notes on columns left out.

    Raises:
        AAEError: No column is left.
    """
    names, values, notes = choose_columns(columns, where)
    return unscaled_table(names, values).read({name: columns[name] for name in names}, where), names, values, notes


def unscaled_table(names: Sequence[str], values: Mapping[int, Sequence[str]]) -> Table:
    """A table to read columns with; its means and scales are fitted to the training rows later."""
    columns = [{"name": n, "values": values[k]} if k in values else {"name": n, "mean": 0.0, "scale": 1.0}
               for k, n in enumerate(names)]  # fmt: skip
    return Table(columns)


def choose_columns(
    columns: Columns, where: str, rows: int | None = None
) -> tuple[list[str], dict[int, list[str]], list[str]]:
    """Names, values and notes as in `describe_columns`; ``columns`` may be a sample of cells for all ``rows``.

    Raises:
        AAEError: No column is left.
    """
    names: list[str] = []
    values: dict[int, list[str]] = {}
    notes = []
    for name, cells in columns.items():
        texts = sorted({value for value in cells if value is not None}) if cells.dtype == object else None
        if not len(texts) if texts is not None else np.isnan(cells).all():
            notes.append(f"The column {name!r} of {where} is empty and was left out.")
            continue
        if texts is not None and len(texts) > max(10, min(MAX_CATEGORIES, len(cells) // 2)):
            count = f"{len(texts)} different texts" if rows is None else f"more than {MAX_CATEGORIES} different texts"
            notes.append(
                f"The column {name!r} of {where} holds {count} in {rows or len(cells)} rows, such as {texts[0]!r}; it "
                "was left out, because it identifies rows and not kinds of row."
            )
            continue
        if texts is not None:
            values[len(names)] = texts
        names.append(name)
    if not names:
        raise AAEError(f"{where} has no column of numbers or categories to learn from.")
    return names, values, notes


def read_chunks(path: Path) -> Iterator[tuple[int, Columns]]:
    """The columns of a Parquet file, some thousand rows at a time, each with the number of its first row.

    Raises:
        AAEError: The file is damaged, or a column holds neither numbers nor texts.
    """
    start = 0
    with _readable(path), pyarrow_parquet().ParquetFile(path, pre_buffer=False, buffer_size=BUFFER, **LIMITS) as file:
        for chunk in file.iter_batches(CHUNK):
            columns = zip(chunk.schema.names, chunk.columns, strict=True)
            yield start, {name: _cells(column, f"{path}: column {name!r}") for name, column in columns}
            start += chunk.num_rows


def parquet_size(path: Path) -> tuple[int, int]:
    """Rows and columns of a Parquet file.

    Raises:
        AAEError: The file is damaged.
    """
    parquet = pyarrow_parquet()
    with _readable(path), parquet.ParquetFile(path, **LIMITS) as file:
        metadata = file.metadata
        rows = sum(metadata.row_group(k).num_rows for k in range(metadata.num_row_groups))
        if metadata.num_rows != rows or metadata.num_rows < 0:
            raise AAEError(f"{path} should hold {metadata.num_rows} rows but holds {rows}; copy it again.")
        _check_columns(path, metadata.num_columns)
        return metadata.num_rows, metadata.num_columns


class ParquetRows:
    """The rows of a Parquet file, ``(N, columns)`` float32; made to be read from front to back.

    Args:
        path: The file.
        table: How the model reads the columns; if None, every column must hold numbers.

    Raises:
        AAEError: The file is damaged, or a column does not hold numbers.
    """

    def __init__(self, path: Path, table: Table | None = None) -> None:
        parquet_size(path)
        parquet = pyarrow_parquet()
        from pyarrow import types

        with _readable(path):
            self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER, **LIMITS)
        self._table = table if table is not None and table.named else None
        self.named = self._table is not None
        for field in self._file.schema_arrow if self._table is None else ():
            if not (types.is_integer(field.type) or types.is_floating(field.type) or types.is_boolean(field.type)):
                raise AAEError(
                    f"{path}: column {field.name!r} holds {field.type}, but every column must hold numbers; "
                    "leave it out or turn it into numbers."
                )
        self._path = path
        columns = len(self._file.schema_arrow) if self._table is None else len(self._table.columns)
        self.shape = (self._file.metadata.num_rows, columns)
        self.dtype, self.ndim = np.dtype(np.float32), 2
        self._next = -1  # the row that follows those already read
        self._buffer = np.empty((0, columns), np.float32)  # rows that are decoded but not yet read

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        if start != self._next:
            self._seek(start)
        while len(self._buffer) < stop - start:
            self._buffer = np.concatenate([self._buffer, self._next_chunk()])
        rows, self._buffer = np.split(self._buffer, [max(0, stop - start)])
        self._next = max(start, stop)
        return rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _seek(self, row: int) -> None:
        """Start reading at the row group that holds the row, and skip the rows before it."""
        groups = [self._file.metadata.row_group(k).num_rows for k in range(self._file.metadata.num_row_groups)]
        ends = np.cumsum(groups)
        first = min(int(np.searchsorted(ends, row, side="right")), max(len(groups) - 1, 0))
        self._chunks = self._read(range(first, len(groups)))
        before = row - (int(ends[first]) - groups[first] if groups else 0)
        self._buffer = self._buffer[:0]
        while len(self._buffer) < before:
            # Of the chunks that are skipped, only the end of the last one is needed.
            before -= len(self._buffer)
            self._buffer = self._next_chunk()
        self._buffer = self._buffer[before:]

    def _next_chunk(self) -> np.ndarray:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise AAEError(f"{self._path} should hold {len(self)} rows but holds fewer; copy it again.")
        return chunk

    def _read(self, groups: range) -> Iterator[np.ndarray]:
        start = sum(self._file.metadata.row_group(k).num_rows for k in range(groups.start))
        with _readable(self._path):
            for chunk in self._file.iter_batches(CHUNK, row_groups=list(groups)):
                yield self._rows(chunk, start)
                start += chunk.num_rows

    def _rows(self, chunk: Any, start: int) -> np.ndarray:
        if self._table is None:
            columns = [column.to_numpy(zero_copy_only=False) for column in chunk.columns]
            # An empty cell becomes NaN, which the check of the rows reports.
            return np.stack(columns, 1, dtype=np.float32, casting="unsafe")
        known = set(self._table.names)
        where = f"{self._path} from row {start} on" if start else str(self._path)
        cells = {name: _cells(column, f"{where}: column {name!r}")
                 for name, column in zip(chunk.schema.names, chunk.columns, strict=True) if name in known}  # fmt: skip
        return self._table.read(cells, where)
