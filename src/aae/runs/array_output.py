"""Arrays as files, written part by part: ``.npz``, and codes as columns of a Parquet file."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from aae.data.tables import pyarrow_parquet

__all__ = ["Parts", "parquet_writer", "write_npz"]

ROW_GROUP = 10_000  # rows of a row group of a Parquet file

Parts = Iterator[dict[str, np.ndarray]]


def write_npz(file: BinaryIO, parts: Parts, count: int, folder: Path) -> None:
    """Write an ``.npz`` with one part in memory at a time."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".aae-") as place, ExitStack() as opened:
        arrays: dict[str, BinaryIO] = {}
        for part in parts:
            for name, value in part.items():
                if name not in arrays:
                    arrays[name] = opened.enter_context(Path(place, f"{name}.npy").open("wb"))
                    kind = value.dtype.newbyteorder("<").str
                    header = {"descr": kind, "fortran_order": False, "shape": (count, *value.shape[1:])}
                    np.lib.format.write_array_header_1_0(arrays[name], header)
                arrays[name].write(value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes())
        opened.close()
        with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            for name in arrays:
                archive.write(Path(place, f"{name}.npy"), f"{name}.npy")


def parquet_writer() -> Callable[[BinaryIO, Parts, int, Path], None]:
    """A function that writes codes, one column for each dimension, and texts as one column.

    Raises:
        AAEError: pyarrow is not installed.
    """
    parquet = pyarrow_parquet()
    import pyarrow as pa

    def write(file: BinaryIO, parts: Parts, count: int, folder: Path) -> None:
        with ExitStack() as opened:
            writer = None
            for table in _row_groups(parts):
                columns: dict[str, object] = {}
                for name, code in table.items():
                    columns |= {f"{name}_{k}": code[:, k] for k in range(code.shape[1])} if code.ndim > 1 else {
                        name: code.tolist()}  # fmt: skip
                if writer is None:
                    writer = opened.enter_context(parquet.ParquetWriter(file, pa.table(columns).schema))
                writer.write_table(pa.table(columns))

    return write


def _row_groups(parts: Parts) -> Parts:
    """Join parts to at least ten thousand rows: a row group for each part would be slow to read."""
    held: list[dict[str, np.ndarray]] = []
    count = 0
    for part in parts:
        held.append(part)
        count += len(next(iter(part.values())))
        if count >= ROW_GROUP:
            yield {name: np.concatenate([some[name] for some in held]) for name in part}
            held, count = [], 0
    if held:
        yield {name: np.concatenate([some[name] for some in held]) for name in held[0]}
