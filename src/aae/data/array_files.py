"""Numpy files as rows and labels: which array is which, and arrays that are images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aae.data.arrays import check_rows, list_arrays, read_numpy
from aae.data.raw import RawData, stored
from aae.model.pictures import PictureFormat
from aae.system.errors import AAEError, printable

__all__ = ["as_images", "channels_first", "read_array_file"]

# Names of arrays in the order in which they are looked for: ours, Keras', scikit-learn's, those of numpy.savez.
ROWS = ("x", "X", "x_train", "X_train", "train_x", "train_X", "data", "train_data", "images", "train_images", "arr_0")
LABELS = ("y", "Y", "y_train", "Y_train", "train_y", "target", "targets", "label", "labels", "train_labels", "arr_1")
TEST_ROWS = ("x_test", "X_test", "test_x", "test_X", "test_data", "test_images")
TEST_LABELS = ("y_test", "Y_test", "test_y", "test_Y", "test_target", "test_labels")
USUAL = ("x", "y", "x_test", "y_test")
OVERSHOOT = 1.5  # numbers in [0, 1] that were interpolated may lie a little beyond
LISTED = 8  # arrays that a sentence names
CHANNELS = (1, 3, 4)
SHALLOW = (16, 31, 63)  # largest values of images of 4, 5 and 6 bits; the digits of scikit-learn reach 16
DEPTHS = (255, 1023, 4095, 16383, 65535)  # largest values of images of 8, 10, 12, 14 and 16 bits


def read_array_file(path: Path, how: PictureFormat | None = None) -> RawData[np.ndarray]:
    """Rows, labels and test rows of an ``.npz`` or ``.npy`` file.

    Args:
        path: The file.
        how: What a model knows of its own images, if the rows are read for one.

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
    x, of_images, top = as_images(arrays[names[0]], str(path), how)
    raw = RawData(path.stem, stored(check_rows(x, str(path))), labels, str(path))
    if top:
        # Files of the same depth are then read for the model as its own rows were.
        raw.pictures = how = how or PictureFormat(integers=(0, top) if top > 255 else None, arrays=(0, top))
    if test_rows is not None:
        test, of_test, _ = as_images(test_rows, f"{path} ({names[2]})", how)
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


def as_images(x: np.ndarray, where: str, how: PictureFormat | None = None) -> tuple[np.ndarray, list[str], int]:
    """An array of three or four dimensions as images of bytes ``(N, H, W[, C])``.

    Channels may come first. Numbers may be in [0, 1], truth values, or whole numbers of up to 16 bits.

    Args:
        x: The array.
        where: Where it comes from, for messages.
        how: What a model knows of its own images; None for images to train on.

    Returns:
        The images, notes on what was changed, and the value that is read as white (0 for rows that are no images).

    Raises:
        AAEError: Values outside these ranges.
    """
    if x.ndim not in (3, 4) or not x.size or x.dtype.kind not in "fiub":
        return x, [], 0
    notes = []
    if channels_first(x.shape):
        notes.append(f"{where}: images of shape {x.shape[1:]} were read with their channels first.")
        x = x[:, 0] if x.shape[1] == 1 else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    low, high = float(x.min()), float(x.max())
    if np.isnan(low):
        some = int(np.isnan(x.reshape(len(x), -1)).any(1).sum())
        raise AAEError(f"{where}: {some:,} of {len(x):,} images hold{'s' * (some == 1)} NaN; remove such images, or "
                       "fill the pixels.")  # fmt: skip
    if not (low >= 0 and high <= DEPTHS[-1]):
        raise AAEError(
            f"{where}: images of shape {x.shape[1:]} have values from {low:g} to {high:g}; give bytes, or numbers in "
            "[0, 1] or [0, 255]."
        )
    top = _white(x, high, how)
    if x.dtype == np.uint8 and top == 255:
        return x, notes, top
    notes.append(f"{where}: images of {x.dtype} were read as grey levels or colours from 0 to {top}.")
    if high > top:
        pixels = (x > top).reshape(len(x), -1)
        some = int(pixels.any(1).sum())
        have = "has" if some == 1 else "have"
        known = ", the range of the rows that the model was trained on" if how is not None else ""
        notes.append(f"{where}: {some:,} of {len(x):,} images {have} values above {top}{known}, up to {high:g}; "
                     f"{100 * pixels.mean():.2g} % of all pixels are cut to white.")  # fmt: skip
    elif how is not None and how.arrays is not None and top != how.arrays[1]:
        notes.append(f"{where}: the model was trained on images with values from 0 to {how.arrays[1]:g}.")
    return np.round(x * np.float32(255 / top)).clip(0, 255).astype(np.uint8), notes, top


def _white(x: np.ndarray, high: float, how: PictureFormat | None) -> int:
    """The value that is read as white: that of the rows that a model was trained on, if these can be of the same kind.

    A photograph is never as dark as 1, or 63, of 255.
    """
    known = int(how.arrays[1]) if how is not None and how.arrays is not None else None
    of_depth = next(depth for depth in DEPTHS if high <= depth)
    if high == 1 or (high < OVERSHOOT and x.dtype.kind in "fb" and not (x == np.rint(x)).all()):
        return 1
    if known is not None and not (known == 1 and high > 2) and not (known == 255 and high > 255):
        return of_depth if known > 255 and x.dtype == np.uint8 else known
    if how is None and 0 < high <= SHALLOW[-1] and (x.dtype.kind in "iu" or (x == np.rint(x)).all()):
        return next(depth for depth in SHALLOW if high <= depth)
    return of_depth
