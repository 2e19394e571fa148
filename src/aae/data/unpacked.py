"""A Parquet file too large for memory, decoded once into rows that can be read in any order.

Parquet columns can only be read from front to back. The rows are stored in the user's cache as float32 (float64 if they
need it), together with the labels, under a key that depends on the file, its size and its date.
"""

import datetime
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from aae.data.arrays import NpyRows
from aae.data.cells import is_text
from aae.data.column_kinds import named_ignored, named_kinds
from aae.data.columns import infer_columns
from aae.data.dataset import ReadOptions
from aae.data.known_columns import rows_of
from aae.data.label_columns import label_values
from aae.data.parquet_rows import read_chunks, row_names
from aae.data.table_files import choose_columns, ignored_note, unscaled_table
from aae.data.tables import (
    index_columns,
    parquet_size,
    pyarrow_parquet,
    readable,
    stored_categories,
    style_of,
)
from aae.data.text_columns import Column, Style
from aae.model.component import describe
from aae.model.table import Table
from aae.model.table_fit import needs_double
from aae.model.unseen import UnseenValues
from aae.system.cache import cache_folder, cache_key
from aae.system.errors import AAEError, unknown
from aae.system.files import read_json, write_atomically, write_json
from aae.system.progress import row_progress

__all__ = ["UnpackedTable", "unpack"]

FORMAT = 2  # of the cache; a higher number leaves what older versions wrote unused
SAMPLE = 2000  # different cells of a column from which its kind is told
LATER = 20  # the same of every further chunk


@dataclass
class UnpackedTable:
    """Rows on the disk and a description of their columns; ``labels`` holds an index into ``label_names`` per row.

    ``unseen`` is a note on values that the model does not know, if there are any.
    """

    rows: NpyRows
    names: list[str]
    values: dict[int, list[str]]
    kinds: dict[int, dict[str, Any]]
    notes: list[str]
    labels: np.ndarray | None
    label_names: list[Any]
    unseen: list[str]


def unpack(path: Path, reading: ReadOptions, table: Table | None) -> UnpackedTable:
    """Decode a Parquet file, or load it from the cache.

    Args:
        path: The file.
        reading: Options; the column of labels is not part of the rows.
        table: How a model reads the columns; if None, it is learned from the file.

    Raises:
        AAEError: The file is damaged, a column cannot be used, or the cache cannot be written.
    """
    stat, options = path.stat(), asdict(replace(reading, test=None, strict=False, labels_file=None))
    source = [FORMAT, str(path.resolve()), stat.st_size, stat.st_mtime_ns, options, describe(table)]
    folder = cache_folder() / "tables" / cache_key(source)
    with suppress(AAEError, OSError, ValueError, KeyError, TypeError):
        return _load_cached(folder, reading)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{folder} cannot be made ({error.strerror})"
        raise AAEError(f"{path} must be decoded into the cache, but {reason}; set XDG_CACHE_HOME to another folder."
                       ) from error  # fmt: skip
    with readable(path):  # damage shows when the cells are used
        _unpack(path, folder, reading, table)
    return _load_cached(folder, reading)


def _unpack(path: Path, folder: Path, reading: ReadOptions, table: Table | None) -> None:
    """Decode a Parquet file into a folder of the cache."""
    count, style = parquet_size(path)[0], style_of(reading)
    facts: dict[str, Any] = {"values": {}, "kinds": {}, "notes": []}
    learned = table is None
    if table is None:
        kept, facts["notes"] = _learn(path, reading, style, count)
        table = unscaled_table(kept)
        facts["values"] = {k: c["values"] for k, c in enumerate(table.columns) if "values" in c}
        facts["kinds"] = {k: column.facts for k, column in enumerate(kept)}
        table = Table(table.columns, float64=any(needs_double(column.cells) for column in kept))
    facts["names"] = [str(name) for name in table.names]
    unseen = UnseenValues()
    label_names = _write(path, folder, reading.label_column, table, style, count, unseen)
    # Written last: without this file the cache entry is not complete.
    facts["notes"] += [] if learned else unseen.file_notes(str(path))
    write_json(folder / "facts.json", {**facts, "seen": label_names, "unseen": unseen.notes(str(path))})


def _load_cached(folder: Path, reading: ReadOptions) -> UnpackedTable:
    facts = read_json(folder / "facts.json")
    labels = np.load(folder / "labels.npy", allow_pickle=False) if reading.label_column is not None else None
    values, kinds = ({int(k): value for k, value in facts[name].items()} for name in ("values", "kinds"))
    return UnpackedTable(
        NpyRows(folder / "rows.npy"), facts["names"], values, kinds, facts["notes"], labels, facts["seen"],
        facts["unseen"],
    )  # fmt: skip


def _learn(path: Path, reading: ReadOptions, style: Style, count: int) -> tuple[list[Column], list[str]]:
    """What the columns of a file hold, from a sample of their different cells; and notes."""
    where, label = str(path), reading.label_column
    with readable(path), pyarrow_parquet().ParquetFile(path) as file:
        index = [name.strip() for name in index_columns(file.schema_arrow) if name != label]
    columns, counters = _sample(path, count)
    if label is not None and columns.pop(label.strip(), None) is None:
        raise unknown(f"column of {where} called", label, columns)
    kinds = named_kinds(reading, list(columns), where)
    ignored = named_ignored(reading, list(columns), where)
    kinds = dict.fromkeys(stored_categories(path), "category") | kinds
    index = [name for name in index if name not in (*kinds, *ignored)]
    columns = {name: column for name, column in columns.items() if name not in (*index, *ignored)}
    counted = [name for name in columns if name in counters and name not in kinds]
    found = infer_columns({name: column for name, column in columns.items() if name not in counted}, where, style,
                          kinds)  # fmt: skip
    kept, notes = choose_columns(found, where, count, kinds, sampled=True)
    groups = {"as requested": ignored, "the index of a data frame": index, "row numbers": counted}
    return kept, [*(ignored_note(names, where, why) for why, names in groups.items() if names), *notes]


def _sample(path: Path, count: int) -> tuple[dict[str, Any], set[str]]:
    """Different cells of every column, and the columns that count the rows.

    Of texts there are all up to a limit; of numbers there are some of every chunk.
    """
    import pyarrow as pa
    from pyarrow import compute, types

    found: dict[str, Any] = {}
    counters: dict[str, tuple[int, int]] = {}  # first number and step
    with row_progress("Looking at the columns", count) as advance:
        for start, columns in read_chunks(path):
            for name, column in columns.items():
                if not (is_text(column) or types.is_primitive(column.type) or types.is_dictionary(column.type)):
                    found.setdefault(name, column)  # of a type that cannot be used, which is told by its name
                    continue
                new = compute.unique(column)
                before = found.get(name, new[:0])
                limit = LATER if len(before) >= SAMPLE else SAMPLE
                if not (is_text(column) and len(before) >= SAMPLE):
                    found[name] = compute.unique(pa.concat_arrays([before, new[:limit]]))
                if types.is_integer(column.type) and (start == 0 or name in counters):
                    if start == 0:
                        some = column[:2].to_pylist()
                        counters[name] = (some[0] or 0, (some[-1] or 0) - (some[0] or 0))
                    first, step = counters[name]
                    expected = np.arange(start, start + len(column)) * step + first
                    if column.null_count or step <= 0 or not np.array_equal(column, expected):
                        del counters[name]
            advance(len(column))
    return found, set(counters)


def _write(
    path: Path, folder: Path, label_column: str | None, table: Table, style: Style, count: int, unseen: UnseenValues
) -> list[Any]:
    """Write rows and labels; returns the different labels, None for empty cells."""
    labels = np.full(count if label_column is not None else 0, -1, np.int32)
    numbers: dict[Any, int] = {}
    kind = table.dtype.newbyteorder("<")

    def write(file: BinaryIO) -> None:
        header = {"descr": kind.str, "fortran_order": False, "shape": (count, len(table.columns))}
        np.lib.format.write_array_header_1_0(file, header)
        with row_progress("Decoding", count) as advance:
            for start, columns in read_chunks(path):
                of_chunk = replace(style, row_name=row_names(start))
                if label_column is not None:
                    if label_column.strip() not in columns:
                        raise unknown(f"column of {path} called", label_column, columns)
                    names = label_values(columns.pop(label_column.strip()), str(path), style)
                    new = [numbers.setdefault(_plain(name), len(numbers)) for name in names.tolist()]
                    labels[start : start + len(new)] = new
                rows = rows_of(table, columns, str(path), of_chunk, unseen)
                file.write(rows.astype(kind, copy=False).tobytes())
                advance(len(rows))

    write_atomically(folder / "rows.npy", write)
    write_atomically(folder / "labels.npy", lambda file: np.save(file, labels))
    return list(numbers)


def _plain(label: Any) -> Any:
    """A label as JSON can hold it."""
    if isinstance(label, Decimal):
        label = float(label)
    if isinstance(label, datetime.datetime):
        return label.date().isoformat() if label.time() == datetime.time() else label.isoformat(" ")
    if isinstance(label, float) and label != label:
        return None
    return label if label is None or isinstance(label, bool | int | float | str) else str(label)
