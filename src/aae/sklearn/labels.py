"""Labels as users of scikit-learn pass them, and the classes of an estimator."""

import warnings
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from aae.data.labels import ONE_CLASS, is_missing, read_labels
from aae.system.errors import AAEError

__all__ = ["class_labels", "class_numbers"]


def class_labels(y: Any, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The classes, sorted as `numpy.unique` does, and the class number of every row, -1 for none.

    Args:
        y: Labels ``(rows,)``, as `aae.data.labels.read_labels` takes them.
        rows: How many there should be.

    Raises:
        AAEError: Labels that cannot be used, or fewer than two classes.
    """
    values = _one_column(y, rows)
    array = np.asarray(values, dtype=object)
    given = _plain([value for value in array.tolist() if not is_missing(value)])
    if given.dtype.kind in "biufUS":  # of others, dates for instance, scikit-learn knows nothing
        check_classification_targets(given)
    labels = read_labels(values, rows, "y")
    for note in labels.marks:  # what -1 means to scikit-learn need not be said
        warnings.warn(note, stacklevel=3)
    if len(labels.classes) < 2:
        raise AAEError(ONE_CLASS.format(len(labels.classes)))
    known = array[labels.y >= 0]
    truth = all(isinstance(value, bool | np.bool_) for value in known.tolist())
    names = np.array([name == "True" for name in labels.classes]) if truth else _plain(labels.classes)
    classes, order = np.unique(names, return_inverse=True)
    return classes, np.append(order, -1)[labels.y]


def class_numbers(y: Any, rows: int, classes: np.ndarray) -> np.ndarray:
    """The number of every row's class among the ``classes``: -1 for no label, -2 for a class that is not there."""
    return read_labels(_one_column(y, rows), rows, "y", classes.tolist(), unknown=-2).y


def _one_column(y: Any, rows: int) -> Any:
    values = y if hasattr(y, "dtype") else np.asarray(y, dtype=object)
    shape = np.shape(values)
    if shape == (rows, 1):
        column_or_1d(np.zeros(shape), warn=True)  # warns as every classifier does
    elif shape != (rows,):
        raise AAEError(f"Labels need the shape ({rows},), one for each row; found {shape}.")
    return values


def _plain(values: list[Any]) -> np.ndarray:
    """Values as an array of numbers or texts; whole numbers stored as floats become integers."""
    array = np.array(values)
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise AAEError("Input y contains infinity; labels are texts or whole numbers.")
    if array.dtype.kind == "f" and (array == np.round(array)).all():
        return array.astype(np.int64)
    return array
