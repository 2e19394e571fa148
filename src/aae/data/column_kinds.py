"""What the user says of the columns of a table: which are ignored, and what others are."""

import csv
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aae.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from aae.data.dataset import ReadOptions

__all__ = ["COLUMN_KINDS", "ignored_names", "named_ignored", "named_kinds"]

COLUMN_KINDS = ("number", "category", "date", "text")


def ignored_names(reading: "ReadOptions") -> list[str]:
    """The columns that the user wants ignored, without blanks at the ends of their names, and the key column."""
    names = [reading.ignore] if isinstance(reading.ignore, str) else reading.ignore or ()
    names = [*names, *([] if reading.key_column is None else [reading.key_column])]
    return list(dict.fromkeys(str(name).strip() for name in names))


def named_ignored(reading: "ReadOptions", present: Sequence[str], where: str) -> list[str]:
    """The columns that the user wants ignored.

    Raises:
        UsageError: There is no such column, or it holds the labels.
    """
    names = ignored_names(reading)
    _check_names(names, "--ignore", reading, present, where)
    return names


def named_kinds(reading: "ReadOptions", present: Sequence[str], where: str) -> dict[str, str]:
    """What columns are, by name, as far as the user says it: one of `COLUMN_KINDS`.

    Raises:
        UsageError: There is no such column or kind, or a column is given two kinds or is ignored as well.
    """
    categories = [] if reading.categories is None else next(csv.reader([reading.categories]), [])
    categories = [name.strip() for name in categories if name.strip()]
    _check_names(categories, "--categories", reading, present, where)
    kinds = {name.strip(): kind for name, kind in (reading.kind or {}).items()}
    _check_names(list(kinds), "--kind", reading, present, where)
    for name, kind in kinds.items():
        if kind not in COLUMN_KINDS:
            raise unknown("kind of column called", kind, COLUMN_KINDS)
        if name in categories and kind != "category":
            raise UsageError(f"--categories and --kind {name}={kind} differ; drop one of them.")
    kinds |= dict.fromkeys(categories, "category")
    both = next((name for name in kinds if name in ignored_names(reading)), None)
    if both is not None:
        raise UsageError(f"--ignore leaves out the column {both!r}, which --kind describes; drop one of them.")
    return kinds


def _check_names(names: Sequence[str], flag: str, reading: "ReadOptions", present: Sequence[str], where: str) -> None:
    for name in names:
        if reading.label_column is not None and name == reading.label_column.strip():
            raise UsageError(f"The column {name!r} holds the labels; drop it from {flag}.")
        if name not in present:
            raise unknown(f"column of {where} called", name, present)
