"""Which columns of a table are learned from, why others are ignored, and how the cells of those were read."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aae.data.cells import shown
from aae.data.fill_values import fill_notes
from aae.data.text_columns import Column, kind_flag
from aae.system.errors import AAEError

__all__ = [
    "TOO_MANY",
    "choose_columns",
    "coded_columns",
    "column_texts",
    "ignored_note",
    "looks_identifying",
    "why_ignored",
]

MAX_CATEGORIES = 100  # different texts in a column of categories
MAX_NAMED = 1000  # the same for a column that the user names as one
LISTED = 5  # columns that a note lists
MIN_COUNTED = 5  # rows above which whole numbers in the order of the rows are their numbers
# Names of columns that number rows; what another column of whole numbers in their order holds may matter.
NUMBERING = re.compile(r"(?i:(^|[ _.-])(ids?|idx|index|nr|no|num|number|rows?|key|lfd|serial)([ _.-]|$))|[a-z]I[dD]$")
DISTINCT = 20  # rows above which whole numbers that all differ may be identifiers, if their name says so
CODES = 20  # different whole numbers that may be codes
EMPTY, NUMBERS_ROWS, FREE_TEXT = "empty", "row numbers", "free text, as requested"
TOO_MANY = "too many distinct values for a category (an identifier?)"


def choose_columns(
    columns: Sequence[Column], where: str, rows: int, kinds: Mapping[str, str] | None = None, sampled: bool = False,
    typed: bool = False,
) -> tuple[list[Column], list[str]]:
    """The columns to learn from, and notes on what was ignored and how cells were read.

    Args:
        columns: What the columns hold; if ``sampled``, some of their cells, with all different ones up to a limit.
        where: The file.
        rows: Its rows.
        kinds: What some columns are, by name, as the user says.
        sampled: Whether the cells are a sample.
        typed: Whether whole numbers are meant as numbers.

    Raises:
        AAEError: No column is left, or one that the user names as categories has too many.
    """
    kinds = kinds or {}
    why = {column.name: why_ignored(column, rows, kinds, sampled) for column in columns}
    kept = [column for column in columns if not why[column.name]]
    for column in kept:
        count = len(column_texts(column.cells)) if column.is_category else 0
        if count > MAX_NAMED:
            raise AAEError(f"{where}: column {column.name!r} has {count:,} categories, but at most {MAX_NAMED:,} can "
                           "be learned; leave it out with --ignore.")  # fmt: skip
    notes = [_too_many_note(column, where, rows, sampled) for column in columns if why[column.name] == TOO_MANY]
    for reason in (EMPTY, NUMBERS_ROWS, FREE_TEXT):
        names = [column.name for column in columns if why[column.name] == reason]
        notes += [ignored_note(names, where, reason)] if names else []
    if not kept:
        raise AAEError(f"{where} has no column of numbers or categories to learn from.")
    fills = [] if sampled else fill_notes(kept, where)
    codes = [] if typed else _code_notes([column for column in kept if column.name not in kinds], where, rows)
    identifying = [column.name for column in kept if column.name not in kinds and not sampled
                   and looks_identifying(column)]  # fmt: skip
    identifiers = [f"{where}: {shown(name)} differs in every row (an identifier?); if so, leave it out with "
                   f"--ignore {shlex.quote(name)}." for name in identifying]  # fmt: skip
    return kept, [*notes, *_how_read(kept, where), *fills, *codes, *identifiers]


def why_ignored(column: Column, rows: int, kinds: Mapping[str, str], sampled: bool = False) -> str:
    """Why a column of a table of so many rows is not learned from, in a few words; an empty text if it is."""
    texts = column_texts(column.cells) if column.is_category else None
    if not (texts if texts is not None else (~np.isnan(column.cells)).any()):
        return EMPTY
    if column.name in kinds:
        return FREE_TEXT if kinds[column.name] == "text" else ""
    if texts is None:
        return NUMBERS_ROWS if not sampled and _counts_rows(column) else ""
    return TOO_MANY if len(texts) > max(10, min(MAX_CATEGORIES, rows // 2)) else ""


def column_texts(cells: np.ndarray) -> list[str]:
    """The different texts of a column, sorted."""
    return sorted({text for text in cells.tolist() if text is not None})


def _too_many_note(column: Column, where: str, rows: int, sampled: bool) -> str:
    texts = column_texts(column.cells)
    count = f"more than {MAX_CATEGORIES}" if sampled else f"{len(texts):,}"
    odd = f"; {column.odd}" if column.odd else ""
    return (f"{where}, column {column.name}, ignored: {TOO_MANY}; {count} in {rows:,} rows, such as {shown(texts[0])}"
            f"{odd}.")  # fmt: skip


def ignored_note(names: Sequence[str], where: str, why: str) -> str:
    """A sentence on columns that are not learned from."""
    some = ", ".join(shown(name) if name else "the column without a name" for name in names[:LISTED])
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{where}: ignored {some}{more}: {why}."


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
        notes.append(f"{where}: ignored the units of {_listed(units, ' (', ')')}.")
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


def _looks_coded(column: Column, rows: int) -> bool:
    """Whether a column holds few different whole numbers, which may be names of categories."""
    if column.facts.get("kind") != "whole":
        return False
    different = np.unique(column.cells[~np.isnan(column.cells)])
    return 3 <= len(different) <= min(CODES, rows // 5) and bool(different[0] >= 0)


def looks_identifying(column: Column) -> bool:
    """Whether a column of whole numbers, in no order, may identify the rows: all differ, and its name says so."""
    if column.facts.get("kind") != "whole" or not NUMBERING.search(column.name):
        return False
    known = column.cells[~np.isnan(column.cells)]
    return len(known) >= DISTINCT and len(np.unique(known)) == len(known)


def coded_columns(columns: Sequence[Column], rows: int) -> list[str]:
    """Names of the columns that may be names of categories; none where most of many columns look so."""
    found = [column.name for column in columns if _looks_coded(column, rows)]
    return [] if len(columns) > CODES and 2 * len(found) > len(columns) else found  # pixels, or answers to questions


def _code_notes(columns: Sequence[Column], where: str, rows: int) -> list[str]:
    """A sentence on the columns that may be names of categories."""
    found = coded_columns(columns, rows)
    if not found:
        return []
    some = ", ".join(map(shown, found[:LISTED])) + (f" and {len(found) - LISTED} more" if len(found) > LISTED else "")
    if len(found) == 1:
        return [f"{where}: {some} holds few different whole numbers and is read as numbers; if they are codes, say "
                f"{kind_flag(found[0])}."]  # fmt: skip
    return [f"{where}: {some} hold few different whole numbers and are read as numbers; if they are codes, say "
            f"{kind_flag(found[0])} and so on."]  # fmt: skip
