"""The named data sets of handwritten digits."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from aae.data.dataset import Dataset
from aae.data.idx import load_mnist
from aae.data.raw import hold_out

__all__ = ["NAMED", "from_arrays"]


def _digits() -> Dataset:
    """scikit-learn's 1,797 digits of 8x8 pixels; a fixed fifth (360 rows) is the test set."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    y = bunch.target.astype(np.int64)
    rest, held = hold_out(y, len(x))
    return Dataset("digits", x[rest], y[rest], x[held], y[held], list(range(10)), bundled=True)


def _mnist() -> Dataset:
    return replace(from_arrays("mnist", *load_mnist()), bundled=True)


def from_arrays(name: str, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> Dataset:
    """A data set with fixed test rows, from rows and labels that are bytes."""
    classes = sorted({*train[1].tolist(), *test[1].tolist()})
    number = np.full(256, -1, dtype=np.int64)
    number[classes] = np.arange(len(classes))
    return Dataset(name, train[0], number[train[1]], test[0], number[test[1]], classes)


NAMED: dict[str, Callable[[], Dataset]] = {"digits": _digits, "mnist": _mnist}
