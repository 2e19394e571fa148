"""The cells of one column of an Arrow table: texts by their different values, typed cells as numbers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from aae.data.date_texts import Dates, read_date_texts
from aae.data.number_texts import BLANK_MARKS, Numbers, read_number_texts
from aae.model.unseen import row_name
from aae.system.errors import AAEError, printable
from aae.system.files import csv_text

__all__ = [
    "CellError",
    "ColumnPlace",
    "TextCells",
    "decoded",
    "is_text",
    "number_text",
    "share_text",
    "shown",
    "typed_numbers",
    "value_type",
]

INVISIBLE = "\ufeff\u200b"
SECONDS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}  # parts of a second


@dataclass(frozen=True)
class ColumnPlace:
    """A column of a file, as messages name it: as a whole, or one of its cells.

    Args:
        where: The file.
        name: The column.
        row_name: What a row is called: the line of a CSV file, for instance.
    """

    where: str
    name: str
    row_name: Callable[[int], str] = row_name

    def __str__(self) -> str:
        return f"{self.where}: column {self.name!r}"

    def cell(self, row: int) -> str:
        """The cell of a row, counted from 0."""
        return printable(f"{self.where}, {self.row_name(row)}, column {self.name or 'without a name'}")


class CellError(AAEError):
    """Cells that are not what the others of their column are; ``summary`` says which in a few words."""

    summary: str = ""


def is_text(column: Any) -> bool:
    """Whether a column holds texts."""
    from pyarrow import types

    kind = value_type(column)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def value_type(column: Any) -> Any:
    """The type of a column's values; of a column of categories, that of the categories."""
    from pyarrow import types

    kind = column.type
    while types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        kind = kind.value_type
    return kind


def decoded(column: Any) -> Any:
    """The column without a dictionary."""
    kind = value_type(column)
    return column if kind == column.type else column.cast(kind)


def typed_numbers(column: Any, where: object, raw_times: bool = False) -> np.ndarray:
    """Numbers ``(N,)`` in double, NaN for empty cells: dates as seconds since 1970 (UTC), times since midnight.

    Args:
        column: A column that does not hold texts.
        where: Its file and name, for errors.
        raw_times: Dates and times stay in the unit of the file, as models of older versions read them.

    Raises:
        AAEError: The column's type cannot be used.
    """
    import pyarrow as pa
    from pyarrow import types

    column = decoded(column)
    kind = column.type
    if types.is_null(kind):
        return np.full(len(column), np.nan)
    parts = 1.0
    if types.is_temporal(kind):
        if types.is_interval(kind):
            raise AAEError(f"{where} holds {kind}, but only numbers, texts and dates can be read; leave it out.")
        if types.is_date(kind):
            column = column.cast(pa.timestamp("s"), safe=False)
        elif not raw_times:
            parts = SECONDS[kind.unit]
        column = column.cast(pa.int32() if types.is_time32(kind) else pa.int64())
    elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)):
        raise AAEError(f"{where} holds {kind}, but only numbers and texts can be read; leave it out.")
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values if parts == 1 else values / parts


def number_text(value: float) -> str:
    """A number as the name of a category: 1 for 1.0."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def share_text(share: float) -> str:
    """A share of rows in percent.

    Example:
        >>> share_text(0.333), share_text(0.001), share_text(0.0)
        ('33 %', '< 1 %', '0 %')
    """
    return "< 1 %" if 0 < share < 0.01 else "> 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def shown(text: str) -> str:
    """A cell's text in a sentence."""
    return printable(repr(text if len(text) <= 40 else text[:37] + "..."))


@dataclass
class TextCells:
    """Cells of text: the different texts, without blanks at their ends, and which of them each cell has (-1: empty)."""

    distinct: list[str]
    index: np.ndarray

    @classmethod
    def of(cls, column: Any, missing: Iterable[str] = (), escaped: bool = False) -> "TextCells":
        """The cells of a column; ``missing`` texts are empty, and so are blank ones.

        Args:
            column: A column of texts.
            missing: Further texts that stand for an empty cell.
            escaped: An apostrophe may keep a spreadsheet from computing a text; it is left out.
        """
        import pyarrow as pa
        from pyarrow import compute

        column = decoded(column)
        if not pa.types.is_large_string(column.type):
            column = column.cast(pa.large_string())
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        encoded = compute.utf8_trim_whitespace(column).dictionary_encode()
        index = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        texts = [text.strip(INVISIBLE).strip() for text in encoded.dictionary.to_pylist()]
        if escaped:
            texts = [csv_text(text) for text in texts]
        empty = {"", *(text.strip() for text in missing)}
        number: dict[str, int] = {}
        place = np.array([-1 if text in empty else number.setdefault(text, len(number)) for text in texts] + [-1])
        return cls(list(number), place[index])

    @cached_property
    def counts(self) -> np.ndarray:
        """Cells that have each text."""
        return np.bincount(self.index[self.index >= 0], minlength=len(self.distinct))

    @cached_property
    def numbers(self) -> Numbers:
        """The different texts as numbers."""
        return read_number_texts(self.distinct)

    @cached_property
    def dates(self) -> Dates:
        """The different texts as dates."""
        return read_date_texts(self.distinct)

    @property
    def blank(self) -> np.ndarray:
        """Which of the different texts are marks of an empty cell in a column that is not one of texts."""
        return self.numbers.empty

    def row(self, k: int) -> int:
        """The first row that has a text."""
        return int(np.flatnonzero(self.index == k)[0])

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Numbers of all cells from those of the different texts; NaN for empty cells."""
        return np.append(values, np.nan)[self.index]

    def texts(self) -> np.ndarray:
        """All cells as texts, None for empty ones."""
        every = np.empty(len(self.distinct) + 1, dtype=object)
        every[:-1] = self.distinct
        return every[self.index]

    def marks(self) -> dict[str, int]:
        """Texts that were read as empty cells although they are not blank or a usual mark, with their cells."""
        return {text: int(count) for text, count, empty in zip(self.distinct, self.counts, self.blank, strict=True)
                if empty and text.casefold() not in BLANK_MARKS}  # fmt: skip

    def examples(self, chosen: np.ndarray, place: ColumnPlace, most: int = 3) -> str:
        """Some of the chosen different texts with the rows they are in, for a sentence."""
        first = np.flatnonzero(chosen)[:most].tolist()
        some = [f"{shown(self.distinct[k])} in {place.row_name(self.row(k))}" for k in first]
        more = int(self.counts[chosen].sum()) - len(some)
        some += [f"{more:,} more {'cell' if more == 1 else 'cells'}"] if more else []
        return " and ".join(some if len(some) < 3 else [", ".join(some[:-1]), some[-1]])

    def refusal(self, wrong: np.ndarray, right: np.ndarray, place: ColumnPlace, what: str, advice: str) -> CellError:
        """The error on texts that are not what a column holds; it names the first such cell, and some others.

        Args:
            wrong: Which of the different texts are meant.
            right: Which of them are what the column holds.
            place: The column.
            what: What a cell should be, such as ``"number"``.
            advice: What to do, without a full stop.
        """
        first = int(np.flatnonzero(wrong)[0])
        others, again = wrong.copy(), int(self.counts[first]) - 1
        others[first] = False
        more = f" (nor in {again:,} more {'cell' if again == 1 else 'cells'})" if again else ""
        if others.any():
            more += f", nor {'is' if others.sum() == 1 else 'are'} {self.examples(others, place, 2)}"
        error = CellError(f"{place.cell(self.row(first))}: {shown(self.distinct[first])} is no {what}{more}; {advice}.")
        error.summary = f"{int(self.counts[right].sum()):,} {what}s and {self.examples(wrong, place, 2)}"
        return error
