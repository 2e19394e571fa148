"""Numpy files as rows and labels: which array is which, and arrays that are images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aae.data.arrays import check_rows, list_arrays, read_numpy
from aae.data.raw import RawData, stored
from aae.system.errors import AAEError, printable

__all__ = ["as_images", "channels_first", "read_array_file"]

# Names of arrays in the order in which they are looked for: ours, Keras', scikit-learn's, those of numpy.savez.
ROWS = ("x", "X", "x_train", "X_train", "train_x", "train_X", "data", "train_data", "images", "train_images", "arr_0")
LABELS = ("y", "Y", "y_train", "Y_train", "train_y", "target", "targets", "label", "labels", "train_labels", "arr_1")
TEST_ROWS = ("x_test", "X_test", "test_x", "test_X", "test_data", "test_images")
TEST_LABELS = ("y_test", "Y_test", "test_y", "test_Y", "test_target", "test_labels")
USUAL = ("x", "y", "x_test", "y_test")
LISTED = 8  # arrays that a sentence names
CHANNELS = (1, 3, 4)
DEPTHS = (255, 1023, 4095, 16383, 65535)  # largest values of images of 8, 10, 12, 14 and 16 bits


def read_array_file(path: Path) -> RawData[np.ndarray]:
    """Rows, labels and test rows of an ``.npz`` or ``.npy`` file.

    Raises:
        AAEError: The file is damaged, or holds no rows.
    """
    present = list_arrays(path)
    wanted = (ROWS, LABELS, TEST_ROWS, TEST_LABELS)
    names = [next((name for name in every if name in present), None) for every in wanted]
    if names[0] is None:
        some = ", ".join(f"{printable(name)} {shape}" for name, shape in list(present.items())[:LISTED]) or "no array"
        more = f" and {len(present) - LISTED} more" if len(present) > LISTED else ""
        raise AAEError(
            f"{path} holds no array called 'x' but {some}{more}; save it with numpy.savez(path, x=rows, y=labels)."
        )
    if names[1] == "arr_1" and (names[0] != "arr_0" or present["arr_1"] != present["arr_0"][:1]):
        names[1] = None
    arrays = read_numpy(path, [name for name in names if name is not None])
    labels, test_rows, test_labels = (None if name is None else arrays[name] for name in names[1:])
    notes = _name_notes(path, names, list(present))
    x, of_images = as_images(arrays[names[0]], str(path))
    raw = RawData(path.stem, stored(check_rows(x, str(path))), labels, str(path))
    if test_rows is not None:
        test, of_test = as_images(test_rows, f"{path} ({names[2]})")
        of_images += [note for note in of_test if note not in of_images]
        raw.test = (stored(check_rows(test, f"{path} ({names[2]})")), test_labels)
    raw.notes = (*notes, *of_images)
    return raw


def _name_notes(path: Path, names: Sequence[str | None], present: Sequence[str]) -> list[str]:
    """Arrays under other names than usual, and those that were not read."""
    parts = ("rows", "labels", "test rows", "test labels")
    used = [(name, part) for name, usual, part in zip(names, USUAL, parts, strict=True) if name not in (None, usual)]
    notes = [f"{path}: read " + ", ".join(f"{name} as {part}" for name, part in used) + "."] if used else []
    rest = [name for name in present if name not in names]
    if rest:
        some = ", ".join(map(printable, rest[:LISTED])) + (" ..." if len(rest) > LISTED else "")
        notes.append(f"{path}: {some} {'was' if len(rest) == 1 else 'were'} not read.")
    return notes


def channels_first(shape: Sequence[int]) -> bool:
    """Whether the shape of an array of images ``(N, C, H, W)`` has the channels before height and width."""
    return len(shape) == 4 and shape[1] in CHANNELS and shape[3] not in CHANNELS


def as_images(x: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    """An array of three or four dimensions as images of bytes ``(N, H, W[, C])``, with notes on what was changed.

    Channels may come first. Numbers may be in [0, 1], truth values, or whole numbers of 8 to 16 bits.

    Raises:
        AAEError: Values outside these ranges.
    """
    if x.ndim not in (3, 4) or not x.size or x.dtype.kind not in "fiub":
        return x, []
    notes = []
    if channels_first(x.shape):
        notes.append(f"{where}: images of shape {x.shape[1:]} were read with their channels first.")
        x = x[:, 0] if x.shape[1] == 1 else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    low, high = float(x.min()), float(x.max())
    if x.dtype == np.uint8 and high != 1:
        return x, notes
    if not (low >= 0 and high <= DEPTHS[-1]):  # also where there is a NaN
        raise AAEError(
            f"{where}: images of shape {x.shape[1:]} have values from {low:g} to {high:g}; give bytes, or numbers in "
            "[0, 1] or [0, 255]."
        )
    # A photograph is never as dark as 1 of 255.
    top = 1 if high <= 1 else next(depth for depth in DEPTHS if high <= depth)
    notes.append(f"{where}: images of {x.dtype} were read as grey levels or colours from 0 to {top}.")
    return np.round(x * np.float32(255 / top)).clip(0, 255).astype(np.uint8), notes
