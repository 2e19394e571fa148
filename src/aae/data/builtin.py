"""The named data sets of handwritten digits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aae.data.dataset import Dataset
from aae.data.idx import load_mnist
from aae.data.raw import hold_out
from aae.data.row_keys import INDEX, RowKeys

__all__ = ["NAMED", "from_arrays", "is_builtin", "load_builtin", "source_entries"]


def _digits() -> Dataset:
    """scikit-learn's 1,797 digits of 8x8 pixels; a fixed fifth (360 rows) is the test set."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    y = bunch.target.astype(np.int64)
    rest, held = hold_out(y, len(x))
    return Dataset("digits", x[rest], y[rest], x[held], y[held], list(range(10)), bundled=True,
                   keys=RowKeys(INDEX, rest, held))  # fmt: skip


def _mnist() -> Dataset:
    return replace(from_arrays("mnist", *load_mnist()), bundled=True)


def from_arrays(name: str, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> Dataset:
    """A data set with fixed test rows, from rows and labels that are bytes."""
    classes = sorted({*train[1].tolist(), *test[1].tolist()})
    number = np.full(256, -1, dtype=np.int64)
    number[classes] = np.arange(len(classes))
    return Dataset(name, train[0], number[train[1]], test[0], number[test[1]], classes)


NAMED: dict[str, Callable[[], Dataset]] = {"digits": _digits, "mnist": _mnist}


def is_builtin(spec: object) -> bool:
    """Whether this names a built-in data set; a `Path` never does, nor does a text such as ``./digits``."""
    return isinstance(spec, str) and spec in NAMED


def load_builtin(name: str) -> Dataset:
    """Load a built-in data set; a file or folder of the same name is not read, and a note says so."""
    data = NAMED[name]()
    if not Path(name).exists():
        return data
    kind = "folder" if Path(name).is_dir() else "file"
    note = f"{name} is the built-in data set; for the {kind} of that name write ./{name}."
    return replace(data, notes=(*data.notes, note))


def source_entries(data: Dataset | str | Path) -> dict[str, Any]:
    """What a run's configuration says of the place of its data: a built-in name, or an absolute path."""
    if isinstance(data, Dataset):
        return {"data": data.name, **({} if data.bundled else {"data_in_memory": True})}
    return {"data": str(data) if is_builtin(data) else str(Path(data).resolve())}
