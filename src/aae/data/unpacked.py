"""A Parquet file too large for memory, decoded once into rows that can be read in any order.

Parquet columns can only be read from front to back. The rows are stored in the user's cache as float32, together with
the labels, under a key that depends on the file, its size and its date.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from aae.data.arrays import NpyRows
from aae.data.tables import (
    MAX_CATEGORIES,
    Columns,
    choose_columns,
    parquet_size,
    read_chunks,
    take_labels,
    unscaled_table,
)
from aae.model.component import describe
from aae.model.table import Table
from aae.system.cache import cache_folder
from aae.system.errors import AAEError
from aae.system.files import read_json, write_atomically, write_json
from aae.system.progress import row_progress

__all__ = ["UnpackedTable", "unpack"]


@dataclass
class UnpackedTable:
    """Rows on the disk and a description of their columns; ``labels`` holds an index into ``label_names`` per row."""

    rows: NpyRows
    names: list[str]
    values: dict[int, list[str]]
    notes: list[str]
    labels: np.ndarray | None
    label_names: list[Any]


def unpack(path: Path, label_column: str | None, table: Table | None) -> UnpackedTable:
    """Decode a Parquet file, or load it from the cache.

    Args:
        path: The file.
        label_column: Column that holds the labels; it is then not part of the rows.
        table: How a model reads the columns; if None, it is learned from the file.

    Raises:
        AAEError: The file is damaged, a column cannot be used, or the cache cannot be written.
    """
    stat = path.stat()
    source = [str(path.resolve()), stat.st_size, stat.st_mtime_ns, label_column, describe(table)]
    key = hashlib.sha256(json.dumps(source).encode()).hexdigest()[:32]
    folder = cache_folder() / "tables" / key
    with suppress(AAEError, OSError, ValueError, KeyError, TypeError):
        return _load_cached(folder, label_column)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{folder} cannot be made ({error.strerror})"
        raise AAEError(f"{path} must be decoded into the cache, but {reason}; set XDG_CACHE_HOME to another folder."
                       ) from error  # fmt: skip
    count = parquet_size(path)[0]
    if table is None:
        names, values, notes = choose_columns(_representative_cells(path, label_column, count), str(path), count)
        facts = {"names": names, "values": values, "notes": notes}
        table = unscaled_table(names, values)
    else:
        facts = {"names": [str(name) for name in table.names], "values": {}, "notes": []}
    label_names = _write(path, folder, label_column, table, count)
    # Written last: without this file the cache entry is not complete.
    write_json(folder / "facts.json", {**facts, "seen": label_names})
    return _load_cached(folder, label_column)


def _load_cached(folder: Path, label_column: str | None) -> UnpackedTable:
    facts = read_json(folder / "facts.json")
    labels = np.load(folder / "labels.npy", allow_pickle=False) if label_column is not None else None
    values = {int(k): texts for k, texts in facts["values"].items()}
    return UnpackedTable(NpyRows(folder / "rows.npy"), facts["names"], values, facts["notes"], labels, facts["seen"])


def _representative_cells(path: Path, label_column: str | None, count: int) -> Columns:
    """A few cells of every column that stand for all of them: empty if all are empty, with the same texts."""
    texts: dict[str, set[str]] = {}
    filled: dict[str, bool] = {}
    with row_progress("Looking at the columns", count) as advance:
        for _, cells in read_chunks(path):
            for name, values in cells.items():
                if values.dtype != object:
                    filled[name] = filled.get(name, False) or not np.isnan(values).all()
                elif len(texts.setdefault(name, set())) <= MAX_CATEGORIES:
                    texts[name] |= {value for value in values.tolist() if value is not None}
            advance(len(values))
    sample: Columns = {name: np.array([0.0 if full else np.nan]) for name, full in filled.items()}
    # So many cells that `choose_columns` judges the number of different texts as in a long column.
    sample |= {name: np.array([*some, None] * (2 * MAX_CATEGORIES), dtype=object) for name, some in texts.items()}
    return take_labels(sample, label_column, str(path))[0] if label_column is not None else sample


def _write(path: Path, folder: Path, label_column: str | None, table: Table, count: int) -> list[Any]:
    """Write rows and labels; returns the different labels, None for empty cells."""
    labels = np.full(count if label_column is not None else 0, -1, np.int32)
    numbers: dict[Any, int] = {}

    def write(file: BinaryIO) -> None:
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, len(table.columns))}
        np.lib.format.write_array_header_1_0(file, header)
        with row_progress("Decoding", count) as advance:
            for start, cells in read_chunks(path):
                where = f"{path} from row {start} on"
                if label_column is not None:
                    cells, names = take_labels(cells, label_column, where)
                    new = [numbers.setdefault(name, len(numbers)) for name in names.tolist()]
                    labels[start : start + len(new)] = new
                rows = table.read(cells, where)
                file.write(rows.astype("<f4", copy=False).tobytes())
                advance(len(rows))

    write_atomically(folder / "rows.npy", write)
    write_atomically(folder / "labels.npy", lambda file: np.save(file, labels))
    return list(numbers)
