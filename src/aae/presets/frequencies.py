"""How frequent the classes are among all rows, where a few labels are enough to tell."""

from collections.abc import Sequence

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from aae.data.arrays import NpyRows
from aae.data.dataset import Dataset, as_float
from aae.data.labels import ClassName
from aae.data.order import RowsExcept
from aae.data.splits import Split

__all__ = ["frequency_note", "uneven_frequencies"]

MIN_LABELS = 3  # of each class
MIN_ACCURACY = 0.9  # of the nearest labelled row, for labelled rows: below that its word is worth little
RARE = 0.25  # of an equal share: a class is rare below that
MAX_LABELLED, MAX_ROWS = 2000, 5000  # that are looked at
LISTED = 4  # classes that a sentence lists


def uneven_frequencies(data: Dataset, split: Split) -> list[float] | None:
    """Shares of the classes among the rows of images, by the nearest labelled row; None unless one class is rare.

    A classifier that is told that all classes are as frequent calls many rows by a rare one. The nearest labelled row
    is asked only where it is right for nine labelled rows of ten. With few labels of classes that are hard to tell
    apart nothing is known, and the classes are taken to be even.

    Args:
        data: The data set.
        split: Which of its rows are labelled.
    """
    labelled, rest = split.labelled, split.unlabelled
    if not data.is_image or isinstance(data.x, NpyRows) or isinstance(rest, RowsExcept) or len(rest) < len(labelled):
        return None
    counts = np.bincount(data.y[labelled], minlength=len(data.classes))
    if len(counts) < 2 or counts.min() < MIN_LABELS:
        return None
    known, some = _spread(labelled, MAX_LABELLED), _spread(rest, MAX_ROWS)
    x, y = as_float(data.x[known]).reshape(len(known), -1), data.y[known]
    nearest = KNeighborsClassifier(1).fit(x, y)
    second = nearest.kneighbors(return_distance=False)[:, 0]  # of each labelled row, without itself
    if (y[second] == y).mean() < MIN_ACCURACY:
        return None
    found = nearest.predict(as_float(data.x[some]).reshape(len(some), -1))
    shares = np.bincount(found, minlength=len(counts)) * (len(rest) / len(some)) + counts
    shares /= shares.sum()
    return shares.tolist() if shares.min() < RARE / len(counts) else None


def frequency_note(classes: Sequence[ClassName], frequencies: Sequence[float]) -> str:
    """A sentence on the frequencies that were found."""
    rarest = sorted(zip(frequencies, map(str, classes), strict=True))[:LISTED]
    some = ", ".join(f"{name!r} {100 * share:.2g} %" for share, name in rarest)
    return (
        f"The classes are uneven, if the nearest labelled rows are right, and are taken to be so: {some}"
        f"{', ...' if len(classes) > LISTED else ''}; --set frequencies=[...] names other shares."
    )


def _spread(numbers: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of the row numbers, at equal distances."""
    return numbers[:: max(1, -(-len(numbers) // count))]
