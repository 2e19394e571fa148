"""What the rows of a data set are called: by file name, row number, or a column that identifies them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from aae.data.dataset import Dataset

__all__ = ["FILE", "INDEX", "GivenLabels", "RowKeys", "keys_of"]

FILE, INDEX = "file", "index"


@dataclass(frozen=True)
class RowKeys:
    """Names of rows, as a labels file uses them.

    Args:
        name: Heading of their column: ``"file"``, ``"index"``, or the name of a column of the data.
        train: Keys ``(N,)`` of the training rows: texts, or row numbers from 0.
        test: Keys ``(T,)`` of the test rows.
        line: Says in which line of its file a row begins, by its number; None if the rows have no lines.
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    line: Callable[[int], str] | None = None

    def of_test(self, row: int) -> str:
        """What a test row is called for a reader: ``7 (line 9)`` for a number, otherwise its key alone."""
        key = self.test[row]
        if self.line is None or self.name != INDEX or isinstance(key, str):
            return str(key)
        line = self.line(int(key))
        return f"{key} ({line})" if line.startswith("line") else str(key)  # the file may be gone

    def take(self, train: np.ndarray, test: np.ndarray) -> "RowKeys":
        """The keys of some of the training rows and some of the test rows."""
        return replace(self, train=self.train[train], test=self.test[test])


@dataclass(frozen=True)
class GivenLabels:
    """The labels of a labels file.

    Args:
        file: Its name.
        labels: Labels by the keys of the rows that have one there.
    """

    file: str
    labels: dict[Any, str]


def keys_of(data: "Dataset") -> RowKeys:
    """The keys of a data set; row numbers, test rows after training rows, if it was made without keys."""
    if data.keys is not None:
        return data.keys
    count = len(data.x)
    test = np.arange(count, count + len(data.test_x)) if data.held is None else data.held
    return RowKeys(INDEX, np.arange(count), test)
