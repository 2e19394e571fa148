"""Numpy files as rows: read at once, or slice by slice if they may be larger than memory."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import RawIOBase
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, TypeVar
from zipfile import ZipFile, is_zipfile

import numpy as np

from aae.data.idx import MAX_EXPANSION, MIN_LIMIT
from aae.data.parquet_rows import ParquetRows
from aae.system.errors import AAEError, first_line

__all__ = ["NpyRows", "Rows", "check_finite", "check_kind", "check_rows", "list_arrays", "open_rows", "read_numpy",
           "same_images", "shape_remedy"]  # fmt: skip

BLOCK = 2**20  # bytes
CHUNK = 16_384  # rows checked together


class NpyRows:
    """The rows of an ``.npy`` file, read from the disk slice by slice.

    A memory map would do the same, but its pages count as memory of the process long after they were
    used. Like an array, it has ``shape``, ``dtype``, a length and slices.

    Args:
        path: The file.

    Raises:
        ValueError: The file is damaged, or its rows are not contiguous.
    """

    def __init__(self, path: Path) -> None:
        header = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(header, np.memmap) or not header.flags.c_contiguous or not header.ndim:
            raise ValueError("its rows are not contiguous")
        self.shape, self.dtype, self.ndim = header.shape, header.dtype, header.ndim
        self._path, self._offset = path, header.offset
        self._row = math.prod(self.shape[1:]) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return len(self) * self._row

    @property
    def block(self) -> int:
        """Number of neighbouring rows that are worth reading together."""
        return max(1, BLOCK // max(1, self._row))

    def __getitem__(self, part: slice | np.ndarray) -> np.ndarray:
        """The rows of a slice, or of an array of row numbers."""
        if isinstance(part, slice):
            start, stop, _ = part.indices(len(self))
            runs = [(0, start, max(0, stop - start))]
        else:
            runs = list(_runs(part))
        rows = np.empty((sum(length for *_, length in runs), *self.shape[1:]), self.dtype)
        bytes_of = rows.reshape(-1).view(np.uint8).data if rows.size else memoryview(b"")
        places = np.argsort(part, kind="stable") if not isinstance(part, slice) else None
        with self._path.open("rb", buffering=0) as file:
            for place, start, length in runs:
                file.seek(self._offset + start * self._row)
                self._fill(file, bytes_of[place * self._row : (place + length) * self._row])
        return _reorder(rows, places)

    def _fill(self, file: RawIOBase, piece: memoryview) -> None:
        while piece:  # the system reads at most 2 GiB at a time
            read = file.readinto(piece)
            if not read:
                raise AAEError(f"{self._path} is shorter than its header says; copy it again.")
            piece = piece[read:]

    def prefetch(self, start: int, stop: int) -> None:
        """Tell the system that these rows are needed soon; what it reads ahead is not memory of the process."""
        if hasattr(os, "posix_fadvise"):
            with self._path.open("rb", buffering=0) as file:
                where = self._offset + start * self._row
                os.posix_fadvise(file.fileno(), where, (stop - start) * self._row, os.POSIX_FADV_WILLNEED)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


def _runs(numbers: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Runs of neighbouring rows among sorted row numbers: place in the result, first row, length."""
    if not len(numbers):
        return
    ordered = np.sort(numbers)
    edges = np.flatnonzero(np.diff(ordered) != 1) + 1
    for start, stop in pairwise([0, *edges.tolist(), len(ordered)]):
        yield start, int(ordered[start]), stop - start


def _reorder(rows: np.ndarray, places: np.ndarray | None) -> np.ndarray:
    """Bring rows from the order of the file into the requested order."""
    if places is None:
        return rows
    reordered = np.empty_like(rows)
    reordered[places] = rows
    return reordered


Rows = np.ndarray | NpyRows | ParquetRows
AnyRows = TypeVar("AnyRows", bound=Rows)


def list_arrays(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the arrays in an ``.npz`` file; the array of an ``.npy`` file is ``x``.

    Raises:
        AAEError: The file is damaged.
    """
    with _readable(path), path.open("rb") as stream:
        if not is_zipfile(stream):
            stream.seek(0)
            return {"x": _read_header(stream)[0]}
        with ZipFile(stream) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name[: -len(".npy")]: _member_shape(archive, name) for name in names}


def read_numpy(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays with these names in an ``.npz`` file; the array of an ``.npy`` file is ``x``.

    Raises:
        AAEError: The file is damaged, or an array holds Python objects.
    """
    with _readable(path), path.open("rb") as stream:  # opened by hand: np.load leaves a damaged file open
        if not is_zipfile(stream):
            _check_header(stream, path.stat().st_size)
            return {"x": np.load(path, allow_pickle=False)}
        with ZipFile(stream) as archive:
            present = [name for name in names if f"{name}.npy" in archive.namelist()]
            return {name: _read_member(archive, f"{name}.npy") for name in present}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn the errors that numpy and zipfile raise on a damaged file into an `AAEError`."""
    try:
        yield
    except AAEError:
        raise
    except Exception as error:  # damaged headers, which numpy reads as Python literals, and zip files raise many kinds
        raise AAEError(f"{path} is not a readable numpy file of plain arrays ({first_line(error)}).") from error


def _member_shape(archive: ZipFile, name: str) -> tuple[int, ...]:
    with archive.open(name) as stream:
        return _read_header(stream)[0]


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype


def _read_member(archive: ZipFile, name: str) -> np.ndarray:
    """Read one array of an archive, after a check that its sizes are possible."""
    info = archive.getinfo(name)
    if info.file_size > max(MIN_LIMIT, MAX_EXPANSION * info.compress_size):
        raise ValueError(f"{name} would unpack to {info.file_size} bytes, more than {MAX_EXPANSION} times its size")
    with archive.open(name) as stream:
        _check_header(stream, info.file_size, f"{name.removesuffix('.npy')} holds")
    with archive.open(name) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _check_header(stream: IO[bytes], size: int, what: str = "it holds") -> None:
    """Check that a header describes an array of plain values that fits into ``size`` bytes."""
    stream.seek(0)
    shape, dtype = _read_header(stream)
    if dtype.kind not in "biufUSM":
        how = "; save labels as texts, '' for none" if dtype.kind == "O" else ""
        raise ValueError(f"{what} {dtype}; only numbers, bytes, texts and dates can be read{how}")
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize > size - stream.tell():
        raise ValueError(f"{what.replace('holds', 'should hold')} {shape} values of {dtype}, but is too short for them")
    stream.seek(0)


def open_rows(path: Path) -> Rows:
    """The rows of an ``.npy`` file, left on the disk if possible.

    Raises:
        AAEError: The file is damaged or holds Python objects.
    """
    try:
        return NpyRows(path)
    except Exception:  # read_numpy raises the error with its reason
        return read_numpy(path, ("x",))["x"]


def same_images(shape: Sequence[int], other: Sequence[int]) -> bool:
    """Whether rows of two shapes differ at most in an axis for the one channel of grey images."""
    grey = [tuple(one[:-1]) if len(one) == 3 and one[-1] == 1 else tuple(one) for one in (shape, other)]
    return grey[0] == grey[1]


def shape_remedy(shape: Sequence[int]) -> str:
    """What to do with rows that do not have the shape of a model's; empty if these are no images."""
    if len(shape) < 2:
        return ""
    colours = "in colour" if len(shape) == 3 and shape[2] > 1 else "in grey"
    folder = ", or give a folder of images, which are scaled" if shape[0] == shape[1] else ""
    return f"; scale the images to {shape[0]} x {shape[1]} pixels {colours}{folder}"


def check_kind(x: Rows, where: str) -> None:
    """Check that an array is of bytes (images) or numbers (vectors), without reading its values.

    Raises:
        AAEError: Wrong type or shape, or no rows.
    """
    if x.ndim and not len(x):
        raise AAEError(f"{where}: there are no rows.")
    if not (x.dtype == np.uint8 and x.ndim in (3, 4)) and (x.ndim != 2 or x.dtype.kind not in "fiub"):
        raise AAEError(
            f"{where}: expected images of bytes (N, H, W[, C]) or vectors (N, D), not {x.dtype} of shape {x.shape}."
        )


def check_finite(x: np.ndarray, numbers: np.ndarray, where: str) -> np.ndarray:
    """Check that rows are finite; ``numbers`` are their row numbers.

    Raises:
        AAEError: A row holds NaN or infinity (the first is named).
    """
    if x.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(x).all(1))
        if len(bad):
            cell = _bad_cell(x[bad[0]], int(numbers[bad[0]]))
            raise AAEError(f"{where}, {cell}; correct it, or leave the row out.")
    return x


def check_rows(x: AnyRows, where: str) -> AnyRows:
    """Check that an array is of bytes (images) or finite numbers (vectors), some rows at a time.

    Raises:
        AAEError: Wrong type or shape, or a row holds NaN or infinity (the first is named).
    """
    check_kind(x, where)
    if x.ndim > 2:
        return x
    first, count = "", 0
    for start in range(0, len(x), CHUNK):
        with np.errstate(over="ignore"):  # values beyond float32 become infinite
            some = x[start : start + CHUNK].astype(np.float32)
            bad = np.flatnonzero(~np.isfinite(some).all(axis=1))
        if len(bad):
            first, count = first or _bad_cell(some[bad[0]], start + int(bad[0])), count + len(bad)
    if count:
        more = f" ({count:,} such rows)" if count > 1 else ""
        raise AAEError(f"{where}, {first}{more}; correct or remove {'them' if count > 1 else 'it'}.")
    return x


def _bad_cell(row: np.ndarray, number: int) -> str:
    """The first number of a row that is not finite, with its place."""
    k = int(np.flatnonzero(~np.isfinite(row))[0])
    return f"row {number}, column {k}: {'NaN' if np.isnan(row[k]) else 'infinity'} is no number"
