"""Converts the labels that users of scikit-learn pass to arrays of numbers or texts."""

from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from aae.system.errors import AAEError

__all__ = ["is_missing", "label_array", "plain"]


def label_array(y: Any, rows: int) -> np.ndarray:
    """Labels as an array of objects, one for each row."""
    values = np.asarray(y, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        column_or_1d(np.zeros(values.shape), warn=True)  # warns as every classifier does
        values = values.ravel()
    if values.shape != (rows,):
        raise AAEError(f"Labels need the shape ({rows},), one for each row; found {values.shape}.")
    return values


def is_missing(value: Any) -> bool:
    """Whether a label is missing: None, NaN or -1."""
    if value is None or type(value).__name__ == "NAType":  # pandas' NA cannot be compared
        return True
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return number and bool(value != value or value == -1)


def plain(values: np.ndarray) -> np.ndarray:
    """An array of objects as one of numbers or texts; whole numbers stored as floats become integers."""
    array = np.array(values.tolist())
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise AAEError("Input y contains infinity; labels are texts or whole numbers.")
    if array.dtype.kind == "f" and (array == np.round(array)).all():
        return array.astype(np.int64)
    return array
