"""Rows of a CSV file that are no data: blank ones, comments, cells that swallow others, data in the place of names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aae.data.cells import shown
from aae.data.date_texts import read_date_texts
from aae.data.number_texts import read_number_texts
from aae.system.errors import AAEError

__all__ = ["MIN_SWALLOWED", "check_divided", "check_quotes", "first_row_note", "without_blank_rows"]

MIN_SWALLOWED = 2  # whole lines within a cell, each with as many delimiters as a row, that are rows
OTHER_DELIMITERS = (":", "^", "~", "!", " ")
LOOK = 100  # rows


def check_quotes(table: Any, data: bytes, start: int, delimiter: str, path: Path) -> None:
    """Refuse cells that hold other rows, because their quote is not closed.

    Args:
        table: The cells, all of them texts.
        data: The file.
        start: Where the rows begin in it.
        delimiter: What divides the cells.
        path: For the error.

    Raises:
        AAEError: There is such a cell.
    """
    from pyarrow import compute

    for column in table.columns if table.num_columns > 1 else ():
        long = column.filter(compute.match_substring(column, "\n"))
        for text in long.to_pylist():
            lines = text.splitlines()
            inner = [line.count(delimiter) == table.num_columns - 1 for line in lines[1:-1]]
            if len(inner) >= MIN_SWALLOWED and all(inner):
                place = max(data.find(b'"' + lines[0].encode(), start), start)
                number = data.count(b"\n", 0, place) + 1
                raise AAEError(f"{path}: a cell that begins in line {number} ({shown(lines[0])}) spans {len(lines)} "
                               "lines that look like rows; close its quote or remove it.")  # fmt: skip


def check_divided(name: str, table: Any, path: Path) -> None:
    """Refuse a single column whose name and cells are all divided by the same other mark.

    Raises:
        AAEError: They are.
    """
    cells = table.column(0)[:LOOK].to_pylist()
    for mark in OTHER_DELIMITERS:
        count = name.count(mark)
        if not count or any(cell.strip().count(mark) != count for cell in cells):
            continue
        parts = [part for cell in cells for part in cell.split(mark)]
        if mark != " " or 2 * read_number_texts(parts).found.sum() > len(parts):
            raise AAEError(f"{path} has a single column {shown(name)}, whose cells contain {mark!r} equally often; if "
                           f"it separates cells, use --delimiter {'space' if mark == ' ' else mark}, otherwise "
                           "--delimiter comma.")  # fmt: skip


def without_blank_rows(table: Any, keep: bool) -> tuple[Any, int, int, np.ndarray | None]:
    """The table without comments (a first cell with #, the others empty) and, unless they are kept, blank rows.

    Returns:
        The table, the number of blank rows, and of comments that were left out; and which rows are not in the table,
        ``(N,)``, None if all are.
    """
    import pyarrow as pa
    from pyarrow import compute

    if table.num_columns < 2:
        return table, 0, 0, None
    first, *others = table.columns
    blank = np.ones(len(first), dtype=bool)
    for column in others:
        blank &= compute.equal(compute.utf8_length(compute.utf8_trim_whitespace(column)), 0).to_numpy()
        if not blank.any():
            return table, 0, 0, None
    trimmed = compute.utf8_trim_whitespace(first)
    comments = blank & compute.starts_with(trimmed, "#").to_numpy()
    if 2 * comments.sum() > len(blank):  # colours, for instance
        comments[:] = False
    blank &= compute.equal(compute.utf8_length(trimmed), 0).to_numpy()
    dropped = comments if keep or blank.all() else comments | blank
    count = 0 if blank.all() else int(blank.sum())  # empty columns are told as such
    if not dropped.any():
        return table, count, int(comments.sum()), None
    return table.filter(pa.array(~dropped)), count, int(comments.sum()), dropped


def first_row_note(names: Sequence[str], table: Any) -> list[str]:
    """A sentence if the names of the columns look like a row of data."""
    numbers, dates = read_number_texts(names), read_date_texts(names).found
    whole = [int(name) for name in names if name.isascii() and name.isdigit()]
    numbered = len(whole) > 1 and whole == list(range(whole[0], whole[0] + len(whole)))  # columns 0, 1, 2, ...
    measured, same = 0, 0
    for k, name in enumerate(names):
        again = bool(name) and name in table.column(k)[:LOOK].to_pylist()
        if numbers.found[k]:
            decimal = not name.lstrip("-+").isdigit()
            measured += decimal or (again and not numbered)
        elif dates[k]:
            measured += 1
        else:
            same += again
    if not measured or 2 * (measured + same) <= len(names):
        return []
    some = ", ".join(shown(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
    return [f"the first row was taken as column names but looks like data ({some}); if it is, add a line "
            "of names."]  # fmt: skip
