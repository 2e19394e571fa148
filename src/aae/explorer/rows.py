"""Which rows the explorer shows, and what they are called."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from aae.data.dataset import Dataset
from aae.data.originals import Originals
from aae.data.row_keys import keys_of
from aae.data.splits import Split
from aae.system.errors import AAEError
from aae.system.rows import evenly

__all__ = ["Shown", "choose_rows", "fingerprint"]

TEST, TRAINING = 0, 1
SPREAD = 1000  # rows by which the labels of a data set are distinguished from those of another


@dataclass(frozen=True)
class Shown:
    """The rows of a page.

    Args:
        x: Rows ``(N, *shape)`` as the data set holds them.
        y: Class numbers ``(N,)``, -1 where there is no label.
        part: 0 for a test row, 1 for a training row, ``(N,)``.
        keys: What each is called in its source.
        key: Heading of these names: ``"file"``, ``"index"`` or a column.
        originals: The pictures or texts that a frozen encoder read; None: rows are shown as they are.
    """

    x: np.ndarray
    y: np.ndarray
    part: np.ndarray
    keys: list[Any]
    key: str
    originals: Originals | None = None

    def __len__(self) -> int:
        return len(self.x)

    def kept(self, where: np.ndarray) -> "Shown":
        """Only the rows where the mask ``(N,)`` holds."""
        keys = [key for key, keep in zip(self.keys, where, strict=True) if keep]
        return Shown(self.x[where], self.y[where], self.part[where], keys, self.key, self.originals)


def choose_rows(data: Dataset, split: Split, count: int) -> Shown:
    """Test rows and a draw of the training rows, half of each where there are enough of both.

    Rows of a labels file come first, and training rows whose labels were trained on. Rows that are test rows as well,
    as all of other data than those of the run are, are test rows.

    Args:
        data: The data set.
        split: Its split.
        count: How many rows.

    Raises:
        AAEError: There are no rows.
    """
    generator = np.random.default_rng(0)
    keys = keys_of(data)
    train = _training_rows(data, split, count, generator)
    train = train[~np.isin(keys.train[train], keys.test)]
    tests = min(len(data.test_x), max(count - len(train), count // 2))
    test = generator.permutation(len(data.test_x))
    test = np.sort(test[np.argsort(~_named(data, keys.test[test]), kind="stable")][:tests])
    train = np.sort(train[: count - tests])
    if not len(test) + len(train):
        raise AAEError(f"{data.name} has no rows to show.")
    names = [*keys.test[test].tolist(), *keys.train[train].tolist()]
    return Shown(np.concatenate([data.test_x[test], data.x[train]]), np.concatenate([data.test_y[test], data.y[train]]),
                 np.repeat([TEST, TRAINING], [len(test), len(train)]), names, keys.name, data.originals)  # fmt: skip


def _training_rows(data: Dataset, split: Split, count: int, generator: np.random.Generator) -> np.ndarray:
    """Numbers of at most ``count`` training rows; of a large file, others are drawn from all of it."""
    first = generator.permutation(split.labelled)[:count]
    if data.given is not None:
        of_file = np.flatnonzero(_named(data, keys_of(data).train))
        first = np.concatenate([first, generator.permutation(np.setdiff1d(of_file, first))])[:count]
    held = np.arange(0) if data.held is None else data.held
    drawn = generator.choice(len(data.x), min(len(data.x), 2 * count + len(held)), replace=False, shuffle=True)
    rest = drawn[~np.isin(drawn, first) & ~np.isin(drawn, held)]
    return np.concatenate([first, rest])[:count]


def _named(data: Dataset, keys: np.ndarray) -> np.ndarray:
    """Which of some rows have a label in the labels file, as a mask."""
    labels = {} if data.given is None else data.given.labels
    return np.array([key in labels for key in keys.tolist()], dtype=bool) if labels else np.zeros(len(keys), dtype=bool)


def fingerprint(data: Dataset) -> str:
    """A name for a data set under which a browser keeps the labels given to its rows."""
    digest = hashlib.sha256(f"{data.name} {keys_of(data).name} {data.x.shape} {data.test_x.shape}".encode())
    for rows in (data.x, data.test_x):
        some = evenly(len(rows), SPREAD)
        digest.update(np.ascontiguousarray(rows[some] if len(some) else rows[:0]).tobytes())
    return digest.hexdigest()[:32]
