"""Data sources: from the name or path a user types to arrays in memory.

Images stay bytes, ``(N, H, W)`` or ``(N, H, W, C)``; vectors are float32, ``(N, D)``. Labels are
numbers into ``classes``, -1 where there is none.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aae.data.arrays import check_rows, read_numpy
from aae.data.idx import load_mnist, read_idx_folder
from aae.errors import AAEError, unknown

__all__ = ["Dataset", "as_float", "load_data"]


@dataclass(frozen=True)
class Dataset:
    """Rows to train on and rows to test on; ``y`` holds -1 where there is no label."""

    name: str
    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: list[str | int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return tuple(self.x.shape[1:])

    @property
    def is_image(self) -> bool:
        """Whether rows are images of bytes."""
        return self.x.dtype == np.uint8


def load_data(spec: str | Path | Dataset) -> Dataset:
    """Load ``digits``, ``mnist``, an ``.npz`` file or a folder of IDX files.

    Args:
        spec: A name or a path; a `Dataset` is returned as it is.

    Raises:
        AAEError: The name is unknown, or the files are missing or damaged.
    """
    if isinstance(spec, Dataset):
        return spec
    if str(spec) in _NAMED:
        return _NAMED[str(spec)]()
    path = Path(spec)
    if path.suffix == ".npz" and path.is_file():
        return _npz(path)
    if path.is_dir():
        return _from_arrays(path.name, *read_idx_folder(path))
    if path.suffix or len(path.parts) > 1 or path.exists():
        raise AAEError(f"No data at {path}: expected an .npz file or a folder of IDX files; check the path.")
    raise unknown("data set", str(spec), _NAMED)


def as_float(rows: np.ndarray) -> np.ndarray:
    """Rows as the networks see them: bytes become [0, 1], the rest stays as it is, float32."""
    return rows.astype(np.float32) / 255 if rows.dtype == np.uint8 else rows.astype(np.float32)


def _digits() -> Dataset:
    """scikit-learn's 1,797 digits, 8x8; a fixed fifth (360 rows) is the test set."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    return _hold_out("digits", x, bunch.target.astype(np.int64), list(range(10)))


def _mnist() -> Dataset:
    return _from_arrays("mnist", *load_mnist())


def _npz(path: Path) -> Dataset:
    """``x`` and optional ``y``; ``x_test`` and ``y_test`` if given, else a fixed part is held out (see `_hold_out`)."""
    arrays = read_numpy(path, ("x", "y", "x_test", "y_test"))
    x = _stored(check_rows(arrays["x"], str(path)))
    classes, y = _label_numbers(arrays.get("y"), len(x), path)
    if "x_test" not in arrays:
        return _hold_out(path.stem, x, y, classes)
    test_x = _stored(check_rows(arrays["x_test"], f"{path} (x_test)"))
    if test_x.shape[1:] != x.shape[1:]:
        raise AAEError(
            f"{path}: rows of x have shape {x.shape[1:]}, rows of x_test {test_x.shape[1:]}; make them alike."
        )
    _, test_y = _label_numbers(arrays.get("y_test"), len(test_x), path, classes)
    return Dataset(path.stem, x, y, test_x, test_y, classes)


def _stored(x: np.ndarray) -> np.ndarray:
    """Rows as a data set keeps them: images stay bytes, vectors become float32."""
    return x if x.dtype == np.uint8 and x.ndim > 2 else x.astype(np.float32)


def _label_numbers(
    labels: np.ndarray | None, rows: int, path: Path, classes: list[str | int] | None = None
) -> tuple[list[str | int], np.ndarray]:
    if labels is None:
        return classes or [], np.full(rows, -1, dtype=np.int64)
    if labels.shape != (rows,):
        raise AAEError(f"{path}: {rows} rows but labels of shape {labels.shape}; give one label for each row.")
    values = labels.tolist()
    missing = [v is None or v == "" or (isinstance(v, int | float) and v != v) or v == -1 for v in values]
    if classes is None:
        classes = sorted(
            {v for v, absent in zip(values, missing, strict=True) if not absent}, key=lambda v: (str(type(v)), v)
        )
    number = {value: k for k, value in enumerate(classes)}
    strange = next((v for v, absent in zip(values, missing, strict=True) if not absent and v not in number), None)
    if strange is not None:
        raise AAEError(f"{path}: label {strange!r} is in y_test but not in y.")
    return classes, np.array(
        [-1 if absent else number[v] for v, absent in zip(values, missing, strict=True)], dtype=np.int64
    )


def _hold_out(name: str, x: np.ndarray, y: np.ndarray, classes: list[str | int]) -> Dataset:
    """Keep a fixed part for testing, a tenth (a fifth of sets below 10,000 rows).

    It is taken from the labelled rows if there are any, balanced over the classes.
    """
    known = np.flatnonzero(y >= 0)
    pool = known if len(known) else np.arange(len(x))
    size = math.ceil(len(pool) * (0.2 if len(pool) < 10_000 else 0.1))
    order = np.random.default_rng(0).permutation(pool)
    if len(known):
        # Taking rows in the order of their rank within their class keeps the classes balanced.
        rank = np.empty(len(order))
        for k in np.unique(y[order]):
            of_class = np.flatnonzero(y[order] == k)
            rank[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
        order = order[np.argsort(rank, kind="stable")]
    test = np.sort(order[:size])
    rest = np.setdiff1d(np.arange(len(x)), test)
    return Dataset(name, x[rest], y[rest], x[test], y[test], classes)


def _from_arrays(name: str, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> Dataset:
    classes = sorted({*train[1].tolist(), *test[1].tolist()})
    number = np.full(256, -1, dtype=np.int64)
    number[classes] = np.arange(len(classes))
    return Dataset(name, train[0], number[train[1]], test[0], number[test[1]], classes)


_NAMED: dict[str, Callable[[], Dataset]] = {"digits": _digits, "mnist": _mnist}
