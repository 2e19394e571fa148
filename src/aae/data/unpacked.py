"""A Parquet file too large for memory, decoded once into rows that can be read in any order.

Parquet gives its columns from front to back only. The rows are kept in the user's cache as float32, with
the labels beside them, under a name that stands for the file, its size and its date.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import platformdirs

from aae.data.arrays import NpyRows
from aae.data.tables import MOST, Columns, choose_columns, parquet_size, pieces, reading_table, take_labels
from aae.model.component import describe
from aae.model.table import Table
from aae.system.errors import AAEError
from aae.system.files import read_json, write_atomically, write_json
from aae.system.progress import counted

__all__ = ["Unpacked", "unpack"]


@dataclass
class Unpacked:
    """Rows on the disk and what their columns are; ``labels`` holds a place in ``seen`` for each row."""

    rows: NpyRows
    names: list[str]
    values: dict[int, list[str]]
    notes: list[str]
    labels: np.ndarray | None
    seen: list[Any]


def unpack(path: Path, label_column: str | None, table: Table | None) -> Unpacked:
    """Decode a Parquet file, or take what an earlier reading kept.

    Args:
        path: The file.
        label_column: Column that holds the labels, which is then none of the rows'.
        table: What the columns mean to a model; learned from the file if not given.

    Raises:
        AAEError: The file is damaged, a column cannot be used, or the cache cannot be written.
    """
    stat = path.stat()
    source = [str(path.resolve()), stat.st_size, stat.st_mtime_ns, label_column, describe(table)]
    key = hashlib.sha256(json.dumps(source).encode()).hexdigest()[:32]
    place = Path(platformdirs.user_cache_dir("aae")) / "tables" / key
    with suppress(AAEError, OSError, ValueError, KeyError, TypeError):
        return _kept(place, label_column)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{place} cannot be made ({error.strerror})"
        raise AAEError(f"{path} is decoded into the cache, but {reason}; set XDG_CACHE_HOME to another.") from error
    count = parquet_size(path)[0]
    if table is None:
        names, values, notes = choose_columns(_standing_for_all(path, label_column, count), str(path), count)
        facts = {"names": names, "values": values, "notes": notes}
        table = reading_table(names, values)
    else:
        facts = {"names": [str(name) for name in table.names], "values": {}, "notes": []}
    seen = _write(path, place, label_column, table, count)
    # Written last: without it nothing counts as kept.
    write_json(place / "facts.json", {**facts, "seen": seen})
    return _kept(place, label_column)


def _kept(place: Path, label_column: str | None) -> Unpacked:
    facts = read_json(place / "facts.json")
    labels = np.load(place / "labels.npy", allow_pickle=False) if label_column is not None else None
    values = {int(k): found for k, found in facts["values"].items()}
    return Unpacked(NpyRows(place / "rows.npy"), facts["names"], values, facts["notes"], labels, facts["seen"])


def _standing_for_all(path: Path, label_column: str | None, count: int) -> Columns:
    """A few cells of every column that tell of it what all of them would: whether it is empty, and its texts."""
    texts: dict[str, set[str]] = {}
    filled: dict[str, bool] = {}
    with counted("Looking at the columns", count) as advance:
        for _, cells in pieces(path):
            for name, values in cells.items():
                if values.dtype != object:
                    filled[name] = filled.get(name, False) or not np.isnan(values).all()
                elif len(texts.setdefault(name, set())) <= MOST:
                    texts[name] |= {value for value in values.tolist() if value is not None}
            advance(len(values))
    found: Columns = {name: np.array([0.0 if full else np.nan]) for name, full in filled.items()}
    # As many cells as it takes for the number of different texts to be judged as in a long column.
    found |= {name: np.array([*some, None] * (2 * MOST), dtype=object) for name, some in texts.items()}
    return take_labels(found, label_column, str(path))[0] if label_column is not None else found


def _write(path: Path, place: Path, label_column: str | None, table: Table, count: int) -> list[Any]:
    """Write rows and labels; returns the different labels, None for an empty cell."""
    labels = np.full(count if label_column is not None else 0, -1, np.int32)
    numbers: dict[Any, int] = {}

    def write(file: BinaryIO) -> None:
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, len(table.columns))}
        np.lib.format.write_array_header_1_0(file, header)
        with counted("Decoding", count) as advance:
            for start, cells in pieces(path):
                where = f"{path} from row {start} on"
                if label_column is not None:
                    cells, names = take_labels(cells, label_column, where)
                    found = [numbers.setdefault(name, len(numbers)) for name in names.tolist()]
                    labels[start : start + len(found)] = found
                rows = table.read(cells, where)
                file.write(rows.astype("<f4", copy=False).tobytes())
                advance(len(rows))

    write_atomically(place / "rows.npy", write)
    write_atomically(place / "labels.npy", lambda file: np.save(file, labels))
    return list(numbers)
