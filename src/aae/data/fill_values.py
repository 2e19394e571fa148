"""Values that may stand for an empty cell: dates and numbers that programs fill in, and words in columns of texts."""

import datetime
from collections.abc import Sequence

import numpy as np

from aae.data.cells import number_text, shown
from aae.data.number_texts import MARKS
from aae.data.text_columns import Column

__all__ = ["fill_notes"]

LISTED = 5  # columns that a sentence lists
FEWEST = 2  # cells with a value that may be filled in
YEARS = 10 * 365.25 * 86400  # seconds that such a date is away from all others at least
DATES = [datetime.datetime(*day, tzinfo=datetime.UTC).timestamp()
         for day in ((9999, 12, 31), (9999, 1, 1), (2999, 12, 31), (2099, 12, 31), (1900, 1, 1), (1899, 12, 30),
                     (1899, 12, 31), (1800, 1, 1), (1, 1, 1), (1970, 1, 1))]  # fmt: skip
NUMBERS = [sign * float(value) for sign in (-1, 1) for value in (99, 999, 9999, 99999, 999999, 888, 8888, 32768, 32767)]
SPREADS = 8.0  # robust spreads beyond which a number is told as far from all others anyway
GAP = 0.05  # of the range of the other numbers, that such a number is away from them at least


def fill_notes(columns: Sequence[Column], where: str) -> list[str]:
    """A sentence on the cells that may stand for empty ones, with their counts; none if there are none."""
    found: dict[str, list[str]] = {}
    words: dict[str, list[str]] = {}
    for column in columns:
        if column.is_category:
            texts, counts = np.unique([text for text in column.cells.tolist() if text is not None], return_counts=True)
            marks = [f"{shown(text)} ({count:,})" for text, count in zip(texts.tolist(), counts.tolist(), strict=True)
                     if text.casefold() in MARKS]  # fmt: skip
            if marks:
                words[column.name] = marks
        elif column.facts.get("kind") == "date":
            found |= _named(column, _dates(column.cells))
        elif column.facts.get("kind") in ("number", "whole"):
            found |= _named(column, _number(column.cells))
    notes = []
    if found:
        notes.append(f"{where}: {_listed(found)} may stand for empty cells; if so, name them with --missing.")
    if words:
        notes.append(f"{where}: read as separate categories: {_listed(words)}; if they stand for empty cells, name "
                     "them with --missing.")  # fmt: skip
    return notes


def _named(column: Column, cells: Sequence[tuple[str, int]]) -> dict[str, list[str]]:
    return {column.name: [f"{text} ({count:,})" for text, count in cells]} if cells else {}


def _listed(found: dict[str, list[str]]) -> str:
    some = "; ".join(f"{', '.join(texts)} in {shown(name)}" for name, texts in list(found.items())[:LISTED])
    return some + (f" and others in {len(found) - LISTED} more columns" if len(found) > LISTED else "")


def _dates(seconds: np.ndarray) -> list[tuple[str, int]]:
    """Dates that programs fill in, away from all others, with their counts."""
    known = seconds[~np.isnan(seconds)]
    days = np.floor(known / 86400) * 86400
    others = known[~np.isin(days, DATES)]
    found = []
    for value in DATES:
        count = int((days == value).sum())
        if count >= FEWEST and len(others) and np.abs(others - value).min() > YEARS:
            day = datetime.date(1970, 1, 1) + datetime.timedelta(seconds=value)
            found.append((day.isoformat(), count))
    return found


def _number(cells: np.ndarray) -> list[tuple[str, int]]:
    """The most frequent number, if programs fill it in and it lies below or above all others."""
    values, counts = np.unique(cells[~np.isnan(cells)], return_counts=True)
    k = int(counts.argmax()) if len(counts) else 0
    if len(values) < 3 or k not in (0, len(values) - 1) or values[k] not in NUMBERS or counts[k] < FEWEST:
        return []
    others = np.delete(values, k)
    gap = float(np.abs(others - values[k]).min())
    rest = cells[~np.isnan(cells) & (cells != values[k])]
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    if gap <= GAP * (others[-1] - others[0]) or abs(values[k] - np.median(rest)) > SPREADS * spread:
        return []
    return [(number_text(float(values[k])), int(counts[k]))]
