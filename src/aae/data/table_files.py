"""Tables as rows: which of a file's columns are learned from, and what is said about them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aae.data.column_choice import choose_columns, column_texts, ignored_note
from aae.data.column_kinds import ignored_names, named_ignored, named_kinds
from aae.data.columns import infer_columns
from aae.data.dataset import ReadOptions
from aae.data.known_columns import rows_of, unused_note
from aae.data.label_columns import label_cells
from aae.data.raw import RawData, check_named
from aae.data.row_labels import keys_of_table
from aae.data.tables import TableFile, open_table, readable
from aae.data.text_columns import Column
from aae.model.table import Table
from aae.model.unseen import UnseenValues

__all__ = [
    "known_rows",
    "learned_columns",
    "read_known_table",
    "read_table",
    "said_columns",
    "table_rows",
    "unscaled_table",
]


def read_table(path: Path, reading: ReadOptions, table: Table | None = None) -> RawData[np.ndarray]:
    """Rows and labels of a table.

    Args:
        path: A CSV or Parquet file, or a folder of Parquet parts.
        reading: Options.
        table: How a model reads the columns; if None, it is learned from them.

    Raises:
        AAEError: The file is damaged, has no rows, or holds cells that cannot be used.
    """
    with readable(path):  # damage inside a Parquet file shows when its cells are used
        return _read_table(path, reading, table)


def _read_table(path: Path, reading: ReadOptions, table: Table | None) -> RawData[np.ndarray]:
    where, name = str(path), Path(path.name.removesuffix(".gz")).stem
    file = open_table(path, reading, hints=table is not None)
    keys = keys_of_table(file, reading, where, needed=table is None or reading.labels_file is not None)
    labels = None if reading.label_column is None else label_cells(file, reading.label_column, where)
    return replace(table_rows(file, name, where, labels, reading, table), keys=keys)


def table_rows(
    file: TableFile, name: str, where: str, labels: np.ndarray | None, reading: ReadOptions, table: Table | None,
    typed: bool = False,
) -> RawData[np.ndarray]:  # fmt: skip
    """The rows of an open table, as a model reads them or, if ``table`` is None, as `learned_columns` does."""
    if table is not None:
        rows, notes = known_rows(file, where, reading, table)
        return RawData(name, rows, labels, where, notes=tuple(notes), columns=[str(name) for name in table.names],
                       row_name=file.style.row_name)  # fmt: skip
    return learned_columns(file, name, where, labels, reading, typed)


def learned_columns(
    file: TableFile,
    name: str,
    where: str,
    labels: np.ndarray | None = None,
    reading: ReadOptions | None = None,
    typed: bool = False,
) -> RawData[np.ndarray]:
    """The rows of a table whose columns are still to be learned.

    Args:
        file: Its columns.
        name: What the data set is called.
        where: What it is called in errors and notes.
        labels: The labels of the rows.
        reading: What the user says of the columns.
        typed: Whoever made the table chose the types of its columns, so that whole numbers are numbers.

    Raises:
        AAEError: Cells cannot be used, or no column is left.
    """
    columns, kinds, ignored = said_columns(file, where, reading or ReadOptions())
    found = infer_columns(columns, where, file.style, kinds)
    kept, notes = choose_columns(found, where, file.rows, kinds, typed=typed)
    notes = [*(ignored_note(names, where, why) for why, names in ignored.items() if names), *notes]
    described = unscaled_table(kept)
    cells = {column.name: column.cells for column in kept}
    values = {k: column["values"] for k, column in enumerate(described.columns) if "values" in column}
    return RawData(
        name, described.read(cells, where, UnseenValues(file.style.row_name), np.float64), labels, where, None,
        (*file.notes, *notes), [column.name for column in kept], values,
        kinds={k: column.facts for k, column in enumerate(kept)}, row_name=file.style.row_name,
    )  # fmt: skip


def said_columns(
    file: TableFile, where: str, reading: ReadOptions
) -> tuple[dict[str, Any], dict[str, str], dict[str, list[str]]]:
    """The columns of a table that are not ignored as a whole, what some of them are, and the ignored ones by reason.

    Raises:
        UsageError: The user names a column that does not exist, or says two things of one.
    """
    present = list(file.columns)
    kinds = named_kinds(reading, present, where)
    ignored = {"as requested": named_ignored(reading, present, where)}
    index = [name for name in file.index if name in file.columns and name not in kinds]
    ignored["the index of a data frame"] = [name for name in index if name not in ignored["as requested"]]
    out = {name for names in ignored.values() for name in names}
    columns = {name: column for name, column in file.columns.items() if name not in out}
    return columns, dict.fromkeys(file.categories, "category") | kinds, ignored


def read_known_table(path: Path, reading: ReadOptions, table: Table) -> tuple[np.ndarray, list[str]]:
    """Rows of a table ``(N, columns)`` as a model takes them, and notes.

    Raises:
        AAEError: The file is damaged, lacks a column, or holds cells of another kind.
    """
    with readable(path):
        return known_rows(open_table(path, reading, hints=True), str(path), reading, table)


def known_rows(file: TableFile, where: str, reading: ReadOptions, table: Table) -> tuple[np.ndarray, list[str]]:
    """Rows ``(N, columns)`` of a table whose columns a model knows, and notes.

    Raises:
        AAEError: A column is missing, or holds cells of another kind.
    """
    check_named(table, True, where)
    said = UnseenValues(file.style.row_name)
    rows = rows_of(table, file.columns, where, file.style, said)
    if reading.strict:
        said.refuse(where)
    expected = (*file.index, reading.label_column, *ignored_names(reading))
    notes = [*file.notes, *unused_note(table, [name for name in file.columns if name not in expected], where)]
    return rows, [*notes, *said.file_notes(where), *([] if reading.strict else said.notes(where))]


def unscaled_table(columns: Sequence[Column]) -> Table:
    """A table to read columns with; its means and scales are fitted to the training rows later."""
    return Table([
        {"name": column.name, **column.facts}
        | ({"values": column_texts(column.cells)} if column.is_category else {"mean": 0.0, "scale": 1.0})
        for column in columns
    ])  # fmt: skip
