"""Numpy files as rows: read whole, or a slice at a time where they may be larger than memory."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from aae.data.tables import ParquetRows
from aae.errors import AAEError

__all__ = ["NpyRows", "Rows", "check_rows", "open_rows", "read_numpy"]

CHUNK = 16_384  # rows looked at together


class NpyRows:
    """The rows of an ``.npy`` file, read from the disk slice by slice.

    A memory map would do the same, but its pages stay counted to the process long after they were
    used. It has what of an array is needed to walk over it: ``shape``, ``dtype``, length, slices.

    Args:
        path: The file.

    Raises:
        ValueError: The file is damaged, or its rows do not lie one after the other.
    """

    def __init__(self, path: Path) -> None:
        header = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(header, np.memmap) or not header.flags.c_contiguous:
            raise ValueError("its rows do not lie one after the other")
        self.shape, self.dtype, self.ndim = header.shape, header.dtype, header.ndim
        self._path, self._offset = path, header.offset

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        count = math.prod(self.shape[1:])
        offset = self._offset + start * count * self.dtype.itemsize
        rows = np.fromfile(self._path, self.dtype, max(0, stop - start) * count, offset=offset)
        return rows.reshape(-1, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


Rows = np.ndarray | NpyRows | ParquetRows
AnyRows = TypeVar("AnyRows", bound=Rows)


def read_numpy(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Arrays of those names in an ``.npz`` file, ``x`` at least; the array of an ``.npy`` file is its ``x``.

    Raises:
        AAEError: The file is damaged, holds Python objects, or has no ``x``.
    """
    try:
        # Opened by hand: np.load leaves a damaged file open.
        with path.open("rb") as stream:
            found = np.load(stream, allow_pickle=False)
            arrays = {"x": found} if isinstance(found, np.ndarray) else {k: found[k] for k in names if k in found}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile, ZlibError) as error:
        raise AAEError(f"{path} is not a readable numpy file of plain arrays ({error}).") from error
    if "x" not in arrays:
        raise AAEError(f"{path} holds no array called 'x'; save it with numpy.savez(path, x=rows, y=labels).")
    return arrays


def open_rows(path: Path) -> Rows:
    """The rows of an ``.npy`` file, left on the disk where that is possible.

    Raises:
        AAEError: The file is damaged or holds Python objects.
    """
    try:
        return NpyRows(path)
    except (OSError, ValueError, EOFError):
        return read_numpy(path, ())["x"]


def check_rows(x: AnyRows, where: str) -> AnyRows:
    """Check that an array is bytes (images) or finite numbers (vectors), some rows at a time.

    Raises:
        AAEError: Wrong type or shape, or NaN or infinity (the row is named).
    """
    if x.ndim and not len(x):
        raise AAEError(f"{where}: there are no rows.")
    if x.dtype == np.uint8 and x.ndim in (3, 4):
        return x
    if x.ndim != 2 or x.dtype.kind not in "fiub":
        raise AAEError(
            f"{where}: expected images of bytes (N, H, W[, C]) or vectors (N, D), found {x.dtype} of shape {x.shape}."
        )
    first, count = -1, 0
    for start in range(0, len(x), CHUNK):
        bad = np.flatnonzero(~np.isfinite(x[start : start + CHUNK].astype(np.float32)).all(axis=1))
        if len(bad):
            first, count = start + int(bad[0]) if first < 0 else first, count + len(bad)
    if count:
        raise AAEError(f"{where}: row {first} holds NaN or infinity ({count} such rows); remove or fill them.")
    return x
