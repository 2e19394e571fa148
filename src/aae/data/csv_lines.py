"""Lines of a CSV file by the rows of its table, for messages."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aae.model.unseen import row_name
from aae.system.errors import AAEError

__all__ = ["CsvLines"]


@dataclass(frozen=True, eq=False)
class CsvLines:
    """Says in which line of a CSV file a row begins; the file is read again for that, which only messages need.

    Args:
        content: Reads the file, as UTF-8.
        start: Bytes above the first row.
        delimiter: What divides the cells.
        columns: How many there are.
        dropped: Which rows were left out, ``(N,)``; None if none were.
    """

    content: Callable[[], bytes]
    start: int
    delimiter: str
    columns: int
    dropped: np.ndarray | None = None

    def __call__(self, row: int) -> str:
        """``line 4`` for the row (counted from 0) that begins in the file's fourth line."""
        number = row if self.dropped is None else int(np.flatnonzero(~self.dropped)[row])
        try:
            return f"line {self._line(number)}"
        except (csv.Error, AAEError, OSError, StopIteration, UnicodeError):
            return row_name(row)

    def _line(self, number: int) -> int:
        data = self.content()
        above = len(data[: self.start].splitlines())
        reader = csv.reader(io.StringIO(data[self.start :].decode(), newline=""), delimiter=self.delimiter)
        line = 0
        for cells in reader:
            if cells and not (len(cells) != self.columns and cells[0].lstrip().startswith("#")):
                if number == 0:
                    return above + line + 1
                number -= 1
            line = reader.line_num
        raise StopIteration
