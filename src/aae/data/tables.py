"""Parquet files as rows: numeric columns, read a piece at a time, so that the file may be larger than memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aae.errors import AAEError

__all__ = ["ParquetRows", "pyarrow_parquet"]

PIECE = 4096  # rows decoded together
BUFFER = 65_536  # bytes read ahead of each column; without it a whole row group would be held


def pyarrow_parquet() -> Any:
    """The Parquet module.

    Raises:
        AAEError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        sentence = "Parquet needs pyarrow; `pip install 'adversarial-autoencoder[tables]'`, or use .npz."
        raise AAEError(sentence) from error
    return pyarrow.parquet


class ParquetRows:
    """The rows of a Parquet file, ``(N, columns)`` float32; made to be walked over from front to back.

    Args:
        path: The file.

    Raises:
        AAEError: The file is damaged, or a column holds something else than numbers.
    """

    def __init__(self, path: Path) -> None:
        parquet = pyarrow_parquet()
        import pyarrow as pa
        from pyarrow import types

        try:
            self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER)
        except (OSError, pa.ArrowException) as error:
            raise AAEError(f"{path} is not a readable Parquet file ({str(error)[:200]}).") from error
        for field in self._file.schema_arrow:
            if not (types.is_integer(field.type) or types.is_floating(field.type) or types.is_boolean(field.type)):
                raise AAEError(
                    f"{path}: column {field.name!r} holds {field.type}, and every column must hold numbers; "
                    "leave it out or turn it into numbers."
                )
        self._path, self._errors = path, (OSError, pa.ArrowException)
        self.shape = (self._file.metadata.num_rows, len(self._file.schema_arrow))
        self.dtype, self.ndim = np.dtype(np.float32), 2
        self._next = -1  # the row that reading has come to
        self._held = np.empty((0, self.shape[1]), np.float32)  # rows that were decoded and not yet asked for

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        if start != self._next:
            self._go_to(start)
        while len(self._held) < stop - start:
            self._held = np.concatenate([self._held, next(self._pieces)])
        found, self._held = np.split(self._held, [max(0, stop - start)])
        self._next = max(start, stop)
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _go_to(self, row: int) -> None:
        """Start reading at the row group that holds the row, and drop what comes before it."""
        groups = [self._file.metadata.row_group(k).num_rows for k in range(self._file.metadata.num_row_groups)]
        ends = np.cumsum(groups)
        first = min(int(np.searchsorted(ends, row, side="right")), max(len(groups) - 1, 0))
        self._pieces = self._read(range(first, len(groups)))
        before = row - (int(ends[first]) - groups[first] if groups else 0)
        self._held = self._held[:0]
        while len(self._held) < before:
            # Of the pieces that are passed over, only the last one's end is wanted.
            before -= len(self._held)
            self._held = next(self._pieces)
        self._held = self._held[before:]

    def _read(self, groups: range) -> Iterator[np.ndarray]:
        try:
            for piece in self._file.iter_batches(PIECE, row_groups=list(groups)):
                columns = [column.to_numpy(zero_copy_only=False) for column in piece.columns]
                # An empty cell becomes NaN, which the check of the rows names.
                yield np.stack(columns, 1, dtype=np.float32, casting="unsafe")
        except self._errors as error:
            raise AAEError(f"{self._path} is damaged and cannot be read to its end ({str(error)[:200]}).") from error
