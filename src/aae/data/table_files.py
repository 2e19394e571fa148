"""Tables as rows: which of a file's columns are learned from, and what is said about them."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aae.data.cells import shown
from aae.data.columns import infer_columns
from aae.data.dataset import ReadOptions
from aae.data.fill_values import fill_notes
from aae.data.known_columns import rows_of, unused_note
from aae.data.label_columns import label_cells
from aae.data.raw import RawData, check_named
from aae.data.tables import TableFile, open_table, readable
from aae.data.text_columns import Column
from aae.model.table import Table
from aae.model.unseen import UnseenValues
from aae.system.errors import AAEError, unknown

__all__ = [
    "MAX_CATEGORIES",
    "choose_columns",
    "known_rows",
    "learned_columns",
    "left_out_note",
    "named_categories",
    "read_known_table",
    "read_table",
    "unscaled_table",
]

MAX_CATEGORIES = 100  # different texts in a column of categories
MAX_NAMED = 1000  # the same for a column that the user names as one
LISTED = 5  # columns that a note lists
MIN_COUNTED = 5  # rows above which whole numbers in the order of the rows are their numbers
# Names of columns that number rows; what another column of whole numbers in their order holds may matter.
NUMBERING = re.compile(r"(?i:(^|[ _.-])(ids?|idx|index|nr|no|num|number|rows?|key|lfd|serial)([ _.-]|$))|[a-z]I[dD]$")
CODES = 20  # different whole numbers that may be codes


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
    labels = None if reading.label_column is None else label_cells(file, reading.label_column, where)
    if table is not None:
        rows, notes = known_rows(file, where, reading, table)
        return RawData(name, rows, labels, where, notes=tuple(notes), columns=[str(name) for name in table.names])
    return learned_columns(file, name, where, labels, named_categories(reading, list(file.columns), where))


def learned_columns(
    file: TableFile,
    name: str,
    where: str,
    labels: np.ndarray | None = None,
    categories: Sequence[str] = (),
    typed: bool = False,
) -> RawData[np.ndarray]:
    """The rows of a table whose columns are still to be learned.

    Args:
        file: Its columns.
        name: What the data set is called.
        where: What it is called in errors and notes.
        labels: The labels of the rows.
        categories: Columns that the user names as categories.
        typed: Whoever made the table chose the types of its columns, so that whole numbers are numbers.

    Raises:
        AAEError: Cells cannot be used, or no column is left.
    """
    categories = [*categories, *file.categories]
    index = [column for column in file.index if column in file.columns]
    columns = {key: column for key, column in file.columns.items() if key not in index}
    found = infer_columns(columns, where, file.style, categories)
    kept, notes = choose_columns(found, where, file.rows, categories, typed=typed)
    if index:
        notes.insert(0, left_out_note(index, where, "the index of a data frame"))
    described = unscaled_table(kept)
    cells = {column.name: column.cells for column in kept}
    values = {k: column["values"] for k, column in enumerate(described.columns) if "values" in column}
    return RawData(
        name, described.read(cells, where, dtype=np.float64), labels, where, None, (*file.notes, *notes),
        [column.name for column in kept], values, kinds={k: column.facts for k, column in enumerate(kept)},
    )  # fmt: skip


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
    said = UnseenValues()
    rows = rows_of(table, file.columns, where, file.style, said)
    if reading.strict:
        said.refuse(where)
    expected = (*file.index, reading.label_column)
    notes = [*file.notes, *unused_note(table, [name for name in file.columns if name not in expected], where)]
    return rows, [*notes, *said.file_notes(where), *([] if reading.strict else said.notes(where))]


def named_categories(reading: ReadOptions, present: Sequence[str], where: str) -> list[str]:
    """The columns that the user names as categories.

    Raises:
        UsageError: There is no such column.
    """
    names = [] if reading.categories is None else next(csv.reader([reading.categories]), [])
    names = [name.strip() for name in names if name.strip()]
    for name in names:
        if name not in present:
            raise unknown(f"column of {where} called", name, present)
    return names


def unscaled_table(columns: Sequence[Column]) -> Table:
    """A table to read columns with; its means and scales are fitted to the training rows later."""
    return Table([
        {"name": column.name, **column.facts}
        | ({"values": _texts(column.cells)} if column.is_category else {"mean": 0.0, "scale": 1.0})
        for column in columns
    ])  # fmt: skip


def _texts(cells: np.ndarray) -> list[str]:
    return sorted({text for text in cells.tolist() if text is not None})


def choose_columns(
    columns: Sequence[Column], where: str, rows: int, categories: Sequence[str] = (), sampled: bool = False,
    typed: bool = False,
) -> tuple[list[Column], list[str]]:
    """The columns to learn from, and notes on what was left out and how cells were read.

    Args:
        columns: What the columns hold; if ``sampled``, some of their cells, with all different ones up to a limit.
        where: The file.
        rows: Its rows.
        categories: Columns that the user names as categories.
        sampled: Whether the cells are a sample.
        typed: Whether whole numbers are meant as numbers.

    Raises:
        AAEError: No column is left, or one that the user names as categories has too many.
    """
    kept, notes, counters = [], [], []
    for column in columns:
        texts = _texts(column.cells) if column.is_category else None
        if not (texts if texts is not None else (~np.isnan(column.cells)).any()):
            notes.append(f"The column {column.name!r} of {where} is empty and was left out.")
        elif texts is None and not sampled and _counts_rows(column):
            counters.append(column.name)
        elif texts is not None and column.name in categories and len(texts) > MAX_NAMED:
            raise AAEError(f"{where}: column {column.name!r} has {len(texts)} categories, but at most {MAX_NAMED} can "
                           "be learned; drop it from --categories.")  # fmt: skip
        elif texts is not None and column.name not in categories and len(texts) > max(
            10, min(MAX_CATEGORIES, rows // 2)
        ):  # fmt: skip
            count = f"more than {MAX_CATEGORIES}" if sampled else f"{len(texts)}"
            notes.append(
                f"The column {column.name!r} of {where} holds {count} different texts in {rows} rows, such as "
                f"{shown(texts[0])}; it was left out, because it identifies rows and not kinds of row"
                f"{'; ' + column.odd if column.odd else ''}."
            )
        else:
            kept.append(column)
    if counters:
        notes.append(left_out_note(counters, where, "which only numbers the rows"))
    if not kept:
        raise AAEError(f"{where} has no column of numbers or categories to learn from.")
    fills = [] if sampled else fill_notes(kept, where)
    codes = [] if typed else _code_like(kept, where, rows)
    return kept, [*notes, *_how_read(kept, where), *fills, *codes]


def left_out_note(names: Sequence[str], where: str, what: str) -> str:
    """A sentence on columns that are not learned from."""
    some = ", ".join(shown(name) if name else "the column without a name" for name in names[:LISTED])
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{where}: left out {some}{more}, {what}."


def _counts_rows(column: Column) -> bool:
    """Whether a column holds the numbers of the rows, or comes from a data frame's index.

    From another start than 0 or 1, or in other steps than 1, only a column whose name says so is taken for that.
    """
    cells = column.cells
    if column.facts.get("kind") != "whole" or np.isnan(cells).any():
        return False
    unnamed = not column.name or column.name.removeprefix("Unnamed:").strip().isdigit()
    if unnamed and len(np.unique(cells)) == len(cells):
        return True
    steps = np.diff(cells)
    if len(cells) < MIN_COUNTED or steps[0] <= 0 or not (steps == steps[0]).all():
        return False
    return bool(NUMBERING.search(column.name)) or (steps[0] == 1 and cells[0] in (0, 1))


def _how_read(columns: Sequence[Column], where: str) -> list[str]:
    """What was understood of cells that can be written in several ways, each in one sentence."""
    notes = []
    written = [column for column in columns if column.written and not column.is_category]
    if written:
        written.sort(key=lambda column: not column.guessed)
        advice = "; if that is wrong, name the decimal mark with --decimal" if written[0].guessed else ""
        notes.append(f"{where}: read {_listed({shown(c.name): c.written for c in written})}{advice}.")
    units = {shown(column.name): str(column.facts["unit"]) for column in columns if "unit" in column.facts}
    if units:
        notes.append(f"{where}: left out the units of {_listed(units, ' (', ')')}.")
    marks: dict[str, dict[str, int]] = {}
    for column in columns:
        for text, count in column.marks.items():
            marks.setdefault(text, {})[shown(column.name)] = count
    if marks:
        some = "; ".join(f"{shown(text)} in {_listed(found, ' (', ')')}" for text, found in marks.items())
        notes.append(f"{where}: read as empty cells: {some}.")
    mixed = {shown(column.name): column.written for column in columns if column.written and column.is_category}
    if mixed:
        notes.append(f"{where}: read as categories, though some texts are numbers: {_listed(mixed, ' (', ')')}.")
    return notes


def _listed(items: Mapping[str, Any], before: str = ": ", after: str = "") -> str:
    some = ", ".join(f"{name}{before}{what}{after}" for name, what in list(items.items())[:LISTED])
    return some + (f" and {len(items) - LISTED} more" if len(items) > LISTED else "")


def _code_like(columns: Sequence[Column], where: str, rows: int) -> list[str]:
    """Columns of few different whole numbers, which may be names of categories."""
    found = []
    for column in columns:
        if column.facts.get("kind") == "whole":
            different = np.unique(column.cells[~np.isnan(column.cells)])
            if 3 <= len(different) <= min(CODES, rows // 5) and different[0] >= 0:
                found.append(column.name)
    if not found or (len(columns) > CODES and 2 * len(found) > len(columns)):  # pixels, or answers to questions
        return []
    some = ", ".join(map(shown, found[:LISTED])) + (f" and {len(found) - LISTED} more" if len(found) > LISTED else "")
    hold = "holds few different whole numbers and is" if len(found) == 1 else "hold few different whole numbers and are"
    codes = "they are codes, name it" if len(found) == 1 else "they are codes, name them"
    return [f"{where}: {some} {hold} read as numbers; if {codes} with --categories."]
