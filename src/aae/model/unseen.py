"""What a new file has that a model's training had not: counted over the file, told in a sentence or refused."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aae.system.errors import AAEError, counted

__all__ = ["UNFITTED", "UnseenValues", "row_name"]

LISTED = 5  # known values that a sentence lists
AWAY = 8.0  # scales from the mean; numbers beyond are not such as those of the training
FEW = 5  # rows up to which a column that had empty cells in training may be empty
UNFITTED = (0.0, 1.0)  # mean and scale of a table that has seen no rows yet
MAX_LISTED = 100  # unseen values of a column that a sentence lists


def row_name(row: int) -> str:
    """What a row is called in a message where it has no line in a file: by its number, counted from 0."""
    return f"row {row}"


@dataclass
class UnseenValues:
    """Values that a model does not know, counted over all rows of a file.

    ``row_name`` says what a row is called in messages; ``readings`` shows, by column, how numbers were read that could
    be read in another way, or are written in another way than those of the training.
    """

    row_name: Callable[[int], str] = row_name
    rows: int = 0
    total: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=dict)
    readings: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)  # of columns whose cells cannot hold one
    numbers: dict[str, "_Numbers"] = field(default_factory=dict)
    filled: Counter[str] = field(default_factory=Counter)  # cells that are not empty, of columns that had no empty ones
    first: tuple[str, str, int] | None = None
    _sometimes_empty: set[str] = field(default_factory=set)
    _marked: np.ndarray | None = None

    def add(self, column: Mapping[str, Any], values: np.ndarray, indices: np.ndarray) -> None:
        """Count what `Table.read` read as unseen (-1) among the next rows of a column."""
        strange = indices == -1
        if not strange.any():
            return
        name, texts = str(column["name"]), [_text(value) for value in values[strange]]
        if self.first is None:
            self.first = (name, texts[0], self.total + int(np.flatnonzero(strange)[0]))
        self.counts.setdefault(name, Counter()).update(texts)
        self.known[name] = column["values"]
        self._marked = strange if self._marked is None else self._marked | strange

    def add_numbers(self, column: Mapping[str, Any], values: np.ndarray, limit: float | None) -> None:
        """Count which of the next numbers of a column are far from those of the training, or differ from its only one.

        Args:
            column: What the table keeps of it.
            values: The numbers, ``(N,)``, NaN where empty.
            limit: Scales from the mean beyond which the networks see them clipped; None if nowhere.
        """
        mean, scale = column["mean"], column["scale"]
        if (mean, scale) == UNFITTED:
            return
        cells = values.astype(np.float64)
        distance = np.abs(cells - mean)
        constant = bool(column.get("constant"))
        beyond = distance > (1e-6 * max(abs(mean), 1e-300) if constant else (limit or np.inf) * scale)
        found = self.numbers.setdefault(str(column["name"]), _Numbers(constant, float(mean)))
        found.known += int((~np.isnan(cells)).sum())
        found.away += int((distance > AWAY * scale).sum())
        if beyond.any() and not found.beyond:
            k = int(np.flatnonzero(beyond)[0])
            found.first, found.row = float(cells[k]), self.total + k
        found.beyond += int(beyond.sum())
        if found.example is None and found.known:
            found.example = float(cells[~np.isnan(cells)][0])

    def add_filled(self, column: Mapping[str, Any], values: np.ndarray) -> None:
        """Count the next cells of a column that are not empty."""
        self.filled[str(column["name"])] += int((~np.isnan(values)).sum())
        if column.get("missing"):
            self._sometimes_empty.add(str(column["name"]))

    def next_rows(self, count: int) -> None:
        """Go on to the rows after the next ``count``."""
        self.rows += 0 if self._marked is None else int(self._marked.sum())
        self.total, self._marked = self.total + count, None

    def listed(self) -> str:
        """Every unseen value with its count, by column."""
        return "; ".join(f"{name}: {self._listed(counts)}" for name, counts in self.counts.items())

    @staticmethod
    def _listed(counts: Counter[str]) -> str:
        some = ", ".join(f"{value!r} ({count:,})" for value, count in counts.most_common(MAX_LISTED))
        return some + (f" and {len(counts) - MAX_LISTED:,} more" if len(counts) > MAX_LISTED else "")

    def notes(self, where: str) -> list[str]:
        """One sentence that lists the values; none if there are none."""
        if self.first is None:
            return []
        rows = f"{self.rows:,} of {self.total:,} rows {'holds a category' if self.rows == 1 else 'hold categories'}"
        return [f"{where}: {rows} that the model has not seen, read as unknown: {self.listed()}."]

    def file_notes(self, where: str) -> list[str]:
        """Sentences on how numbers were read, on those far from the training's, and on columns without any cell."""
        some = ", ".join(f"{name!r}: {written}" for name, written in list(self.readings.items())[:LISTED])
        more = f" and {len(self.readings) - LISTED} more" if len(self.readings) > LISTED else ""
        notes = [f"{where}: read {some}{more}; if that is wrong, name the decimal mark with --decimal."] if some else []
        units = ", ".join(f"{name!r} in {unit}" for name, unit in list(self.units.items())[:LISTED])
        notes += [f"{where}: read the numbers of {units}, as in the training."] if units else []
        return notes + self._number_notes(where) + self._empty_notes(where)

    def _number_notes(self, where: str) -> list[str]:
        notes = []
        other = {name: f"{n.first:g} in {self.row_name(n.row)} where the training had only {n.mean:g} "
                       f"({counted(n.beyond, 'cell')})"
                 for name, n in self.numbers.items() if n.constant and n.beyond}  # fmt: skip
        away = {name: f"such as {n.example:g} where the training had about {n.mean:g}"
                for name, n in self.numbers.items() if not n.constant and 2 * n.away > n.known}  # fmt: skip
        far = {name: f"{n.first:g} in {self.row_name(n.row)} ({counted(n.beyond, 'cell')})"
               for name, n in self.numbers.items() if not n.constant and n.beyond and name not in away}  # fmt: skip
        if other:
            notes.append(f"{where}: columns that were constant in training have other values: {_named(other)}.")
        if away:
            notes.append(f"{where}: most numbers are far from those of the training, perhaps in another unit: "
                         f"{_named(away)}.")  # fmt: skip
        if far:
            notes.append(f"{where}: some numbers are far from those of the training: {_named(far)}; the networks see "
                         "them clipped. If a number stands for an empty cell, say so with --missing.")  # fmt: skip
        return notes

    def _empty_notes(self, where: str) -> list[str]:
        empty = [name for name, count in self.filled.items()
                 if not count and (name not in self._sometimes_empty or self.total >= FEW)]  # fmt: skip
        if not empty or not self.total:
            return []
        more = f" and {len(empty) - LISTED} more" if len(empty) > LISTED else ""
        some = ", ".join(map(repr, empty[:LISTED]))
        return [f"{where}: all cells of {some}{more} are empty; in training they were not."]

    def refuse(self, where: str) -> None:
        """Raise an error that lists the values, if there are any.

        Raises:
            AAEError: There are some.
        """
        if self.first is None:
            return
        name, value, row = self.first
        known = self.known[name]
        some = ", ".join(map(repr, known[:LISTED])) + (" ..." if len(known) > LISTED else "")
        more = f" All of them: {self.listed()}." if sum(map(len, self.counts.values())) > 1 else ""
        raise AAEError(
            f"{where}, {self.row_name(row)}, column {name}: {value!r} is a category that the model has not seen; it "
            f"knows {some}. Correct the cell, or leave it empty.{more}"
        )


@dataclass
class _Numbers:
    """Numbers of a column, counted: those known, those away from the training's and those beyond its limit."""

    constant: bool
    mean: float
    known: int = 0
    away: int = 0
    beyond: int = 0
    first: float = 0.0  # of those beyond
    row: int = 0
    example: float | None = None


def _named(items: Mapping[str, str]) -> str:
    more = f" and {len(items) - LISTED} more" if len(items) > LISTED else ""
    return ", ".join(f"{name!r} {what}" for name, what in list(items.items())[:LISTED]) + more


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
