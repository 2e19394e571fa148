"""Files whose rows are read from disk."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aae.data.array_files import channels_first
from aae.data.arrays import NpyRows, check_finite, check_kind, open_rows
from aae.data.dataset import Dataset, ReadOptions
from aae.data.labels import ClassName, Labels, read_labels
from aae.data.raw import (
    RawData,
    check_named,
    few_labels,
    few_labels_note,
    keys_with_test,
    leave_one_of_each,
    single_labels,
    stored,
)
from aae.data.row_keys import RowKeys
from aae.data.row_labels import add_labels, keys_of_table
from aae.data.tables import LIMITS, TableFile, parquet_size, pyarrow_parquet, readable, style_of, table_kind
from aae.data.unpacked import unpack
from aae.model.table import Table
from aae.model.table_fit import fit_table
from aae.system.errors import AAEError

__all__ = ["is_large_table", "large_file", "on_disk"]

LARGE = 2**30  # bytes of rows above which they stay on the disk
MAX_TEST_ROWS = 10_000  # held out from rows on the disk
SCALE_BYTES, SCALE_RUNS = 2**25, 500  # bytes of rows, in runs of neighbours, from which scales of columns are learned


def large_file(
    path: Path, reading: ReadOptions, table: Table | None, classes: Sequence[ClassName] | None
) -> tuple[RawData[NpyRows], Labels] | None:
    """The rows of a file that take more than `LARGE` bytes, with their labels; None for smaller files."""
    if path.suffix.lower() == ".npy":
        rows = open_rows(path)
        if not isinstance(rows, NpyRows) or rows.nbytes <= LARGE:
            return None
        check_kind(rows, str(path))
        if channels_first(rows.shape):
            raise AAEError(
                f"{path} holds images of shape {rows.shape[1:]}, channels first; save them as (N, H, W, C), with "
                "x.transpose(0, 2, 3, 1)."
            )
        y = np.broadcast_to(np.int64(-1), len(rows))  # a view of a single number
        return _labelled(RawData(path.stem, rows, None, str(path)), Labels([], y), reading, classes)
    if is_large_table(path):
        data = unpack(path, reading, table)
        if reading.strict and data.unseen:
            raise AAEError(f"{data.unseen[0].rstrip('.')}; correct these cells, or drop --strict.")
        notes = (*data.notes, *data.unseen)
        keys = _keys(path, reading, table)
        raw = RawData(path.stem, data.rows, None, str(path), None, notes, data.names, data.values, kinds=data.kinds,
                      keys=keys)  # fmt: skip
        if data.labels is None:
            none = Labels([], np.broadcast_to(np.int64(-1), len(data.rows)))
            return _labelled(raw, none, reading, classes)
        counts = np.bincount(data.labels, minlength=len(data.label_names))
        labels = read_labels(data.label_names, len(data.label_names), str(path), counts=counts, known=classes)
        labels = Labels(labels.classes, labels.y[data.labels], labels.notes)
        return _labelled(raw, labels, reading, classes)
    return None


def _labelled(
    raw: RawData[NpyRows], labels: Labels, reading: ReadOptions, known: Sequence[ClassName] | None
) -> tuple[RawData[NpyRows], Labels]:
    """Rows on the disk with their labels, some of which may come from a labels file."""
    if reading.labels_file is None:
        return raw, labels
    own = None if not labels.classes else np.array([*labels.classes, None], dtype=object)[labels.y]
    raw = add_labels(replace(raw, labels=own), reading, known)
    return replace(raw, labels=None), read_labels(raw.labels, len(raw.x), raw.where, known=known)


def _keys(path: Path, reading: ReadOptions, table: Table | None) -> RowKeys | None:
    """The key column of a Parquet file."""
    if reading.key_column is None:
        return None
    with readable(path), pyarrow_parquet().ParquetFile(path, **LIMITS) as file:
        stored = {name.strip(): name for name in file.schema_arrow.names}
        wanted = [stored[name] for name in (reading.key_column.strip(),) if name in stored]
        columns = {name.strip(): file.read(columns=[name]).column(0) for name in wanted}
    needed = table is None or reading.labels_file is not None
    return keys_of_table(TableFile(columns, style_of(reading)), reading, str(path), needed)


def is_large_table(path: Path) -> bool:
    """Whether a path is a Parquet file whose rows take more than `LARGE` bytes."""
    return path.is_file() and table_kind(path) == "parquet" and math.prod(parquet_size(path)) * 4 > LARGE


def on_disk(raw: RawData[NpyRows], labels: Labels, given: RawData[Any] | None, table: Table | None) -> Dataset:
    """The data set of a large file, with the ``given`` test rows, or else some of its rows held out."""
    rows, path, y = raw.x, raw.where, labels.y
    generator = np.random.default_rng(0)
    known = np.flatnonzero(y >= 0) if labels.classes else None
    few = raw.given is not None and few_labels(y)
    if known is not None and (few or single_labels(y)):
        known = None
    pool = len(rows) if known is None else len(known)
    size = f"The {len(rows):,} rows of {path} ({rows.nbytes / 1e9:.1f} GB) are read from disk."
    notes = (*raw.notes, *labels.notes, size, *(few_labels_note(raw, y, few) if given is None else ()))
    if given is not None:
        held, test_x = np.arange(0), given.x
        of_test = read_labels(given.labels, len(given.x), given.where, labels.classes)
        test_y, notes = of_test.y, (*notes, *given.notes, *of_test.notes)
    else:
        held = generator.choice(pool, min(MAX_TEST_ROWS, max(1, pool // 10)), replace=False, shuffle=False)
        held = held if known is None else known[held]
        held = held[y[held] < 0] if few else held
        held = np.sort(leave_one_of_each(y, held) if labels.classes else held)
        test_x, test_y = _read_rows(raw, held), y[held]
    if table is not None:
        check_named(table, raw.columns is not None, path)
    if table is None and rows.ndim == 2:
        starts = np.linspace(0, len(rows) - 1, SCALE_RUNS, dtype=np.int64)
        run = max(1, SCALE_BYTES * len(rows) // (rows.nbytes * SCALE_RUNS))
        some = np.unique((starts[:, None] + np.arange(run)).clip(max=len(rows) - 1))
        table = fit_table(_read_rows(raw, some), raw.columns, raw.values, raw.kinds)
        notes += (f"The scales of its columns were estimated from {len(some):,} rows spread over the file.",)
    test_x = test_x if table is None else table.as_rows(test_x)
    held_out = given is None
    keys = None if raw.keys is None else RowKeys(raw.keys.name, raw.keys.train, raw.keys.train[held])
    keys = keys if given is None else keys_with_test(raw, given)
    return Dataset(raw.name, rows, y, test_x, test_y, labels.classes, notes, table, test_held_out=held_out, held=held,
                   keys=keys, given=raw.given)  # fmt: skip


def _read_rows(raw: RawData[NpyRows], numbers: np.ndarray) -> np.ndarray:
    """Some rows of a file on the disk; in columns with names a cell may be empty."""
    rows = raw.x[numbers]
    return stored(rows if raw.columns is not None else check_finite(rows, numbers, raw.where))
