"""What a new file has that a model's training had not: counted over the file, told in a sentence or refused."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aae.system.errors import AAEError

__all__ = ["UnseenValues"]

LISTED = 5  # known values that a sentence lists
MAX_LISTED = 100  # unseen values of a column that a sentence lists


@dataclass
class UnseenValues:
    """Values that a model does not know, counted over all rows of a file.

    ``readings`` shows, by column, how numbers were read that could be read in another way, or are written in another
    way than those of the training.
    """

    rows: int = 0
    total: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=dict)
    readings: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)  # of columns whose cells cannot hold one
    first: tuple[str, str, int] | None = None
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
        """Sentences on numbers: how they were read."""
        some = ", ".join(f"{name!r}: {written}" for name, written in list(self.readings.items())[:LISTED])
        more = f" and {len(self.readings) - LISTED} more" if len(self.readings) > LISTED else ""
        notes = [f"{where}: read {some}{more}; if that is wrong, name the decimal mark with --decimal."] if some else []
        units = ", ".join(f"{name!r} in {unit}" for name, unit in list(self.units.items())[:LISTED])
        return notes + ([f"{where}: read the numbers of {units}, as in the training."] if units else [])

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
            f"{where}: column {name!r} holds {value!r} in row {row}, which the model has never seen; it knows {some}. "
            f"Correct the cell, or leave it empty.{more}"
        )


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
