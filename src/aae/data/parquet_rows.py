"""The rows of a Parquet file, decoded some thousand at a time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aae.data.column_kinds import ignored_names
from aae.data.known_columns import column_names, rows_of, unused_note
from aae.data.tables import LIMITS, index_columns, parquet_size, pyarrow_parquet, readable, style_of
from aae.data.text_columns import Style
from aae.model.table import Table
from aae.model.unseen import UnseenValues, row_name
from aae.system.errors import AAEError

if TYPE_CHECKING:
    from aae.data.dataset import ReadOptions

__all__ = ["CHUNK", "ParquetRows", "read_chunks", "row_names"]

CHUNK = 4096  # rows decoded together
BUFFER = 65_536  # bytes read ahead of each column; without it a whole row group would be in memory


def read_chunks(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The columns of a Parquet file, some thousand rows at a time, each with the number of its first row.

    Raises:
        AAEError: The file is damaged.
    """
    start = 0
    with readable(path), pyarrow_parquet().ParquetFile(path, pre_buffer=False, buffer_size=BUFFER, **LIMITS) as file:
        for chunk in file.iter_batches(CHUNK):
            yield start, dict(zip(map(str.strip, chunk.schema.names), chunk.columns, strict=True))
            start += chunk.num_rows


def row_names(start: int) -> Callable[[int], str]:
    """What the rows of a chunk are called that begins with the row ``start``."""
    return lambda row: row_name(start + row)


class ParquetRows:
    """The rows of a Parquet file, ``(N, columns)`` float32; made to be read from front to back.

    Args:
        path: The file.
        table: How the model reads the columns; if it has no names, every column must hold numbers.
        reading: How the model's own data were written; ``strict`` refuses categories that it does not know.

    Attributes:
        notes: Columns that were left out, and values that the model does not know.

    Raises:
        AAEError: The file is damaged, or a column does not hold numbers.
    """

    def __init__(
        self, path: Path, table: Table | None = None, reading: "ReadOptions | None" = None
    ) -> None:
        parquet_size(path)
        parquet = pyarrow_parquet()
        from pyarrow import types

        with readable(path):
            self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER, **LIMITS)
        self._table = table if table is not None and table.named else None
        self.named = self._table is not None
        for field in self._file.schema_arrow if self._table is None else ():
            if not (types.is_integer(field.type) or types.is_floating(field.type) or types.is_boolean(field.type)):
                raise AAEError(
                    f"{path}: column {field.name!r} holds {field.type}, but every column must hold numbers; "
                    "leave it out or turn it into numbers."
                )
        self._path, self._style = path, Style() if reading is None else style_of(reading, hints=True)
        self.dtype, self.ndim = np.dtype(np.float32) if table is None else table.dtype, 2
        columns = len(self._file.schema_arrow) if self._table is None else len(self._table.columns)
        self.shape = (self._file.metadata.num_rows, columns)
        self._next = -1  # the row that follows those already read
        self._buffer = np.empty((0, columns), self.dtype)  # rows that are decoded but not yet read
        self.notes = [] if self._table is None else self._look(self._table, reading)

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
        with readable(self._path):
            for chunk in self._file.iter_batches(CHUNK, row_groups=list(groups)):
                yield self._rows(chunk, start)
                start += chunk.num_rows

    def _rows(self, chunk: Any, start: int) -> np.ndarray:
        if self._table is None:
            columns = [column.to_numpy(zero_copy_only=False) for column in chunk.columns]
            # An empty cell becomes NaN, which the check of the rows reports.
            return np.stack(columns, 1, dtype=self.dtype, casting="unsafe")
        style = replace(self._style, row_name=row_names(start))
        cells = dict(zip(map(str.strip, chunk.schema.names), chunk.columns, strict=True))
        return rows_of(self._table, cells, str(self._path), style, UnseenValues(total=start))

    def _look(self, table: Table, reading: "ReadOptions | None") -> list[str]:
        """Read the columns once, to tell all that the model's training had not before the model is used."""
        where, names = str(self._path), [name.strip() for name in self._file.schema_arrow.names]
        used = set(column_names(table, names, where).values())
        unseen = UnseenValues()
        columns = [name for name in self._file.schema_arrow.names if name.strip() in used]
        with readable(self._path):
            for chunk in self._file.iter_batches(CHUNK, columns=columns):
                cells = dict(zip(map(str.strip, chunk.schema.names), chunk.columns, strict=True))
                style = replace(self._style, row_name=row_names(unseen.total))
                rows_of(table, cells, where, style, unseen)
        index = index_columns(self._file.schema_arrow)
        if reading is not None:
            index += [str(reading.label_column), *ignored_names(reading)]
            if reading.strict:
                unseen.refuse(where)
        ignored = unused_note(table, [name for name in names if name not in index], where)
        return [*ignored, *unseen.file_notes(where), *unseen.notes(where)]
