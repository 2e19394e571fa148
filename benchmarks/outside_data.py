"""The data sets of benchmarks/outside.py, and how each draw divides them.

Tables, outliers and photos are read from the folder ``AAE_DATA_DIR``: ``tables/*.csv.gz`` (columns and ``label``),
``outliers/*.npz`` (``X``, and ``y`` with 1 for an outlier) and ``cifar10.tar.gz`` (JPEG files in folders of classes).
"""

import io
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.model_selection import train_test_split

import aae
from aae.system.errors import AAEError

MAX_ROWS, QUICK_ROWS = 10_000, 2_000  # of a table, before it is divided
TEST_SHARE, LABELLED_SHARE = 0.3, 0.1
LEAST_OUTLIERS = 30  # that are drawn: in proportion smtp would have three, one of them to test on
IMAGE_LABELS, TEST_IMAGES = 100, 2_000
RARE_ROWS, RARE_LABELS, RARE_SHARE, RARE_LEAST = 3_000, 40, 0.03, 2


@dataclass(frozen=True)
class Draw:
    """A data set, divided by one seed.

    Args:
        x: Training rows: a data frame, an array ``(N, D)`` or images ``(N, H, W)`` of bytes.
        y: Class numbers of the training rows, -1 where the label is hidden; for outliers all hidden.
        test_x: Test rows.
        test_y: Their classes; for outliers 1 is an outlier.
    """

    x: Any
    y: np.ndarray
    test_x: Any
    test_y: np.ndarray


def folder() -> Path:
    """The folder of the data.

    Raises:
        AAEError: It is not named.
    """
    if not os.environ.get("AAE_DATA_DIR"):
        raise AAEError("AAE_DATA_DIR is not set; set it to the folder that holds tables/, outliers/ and mnist/.")
    return Path(os.environ["AAE_DATA_DIR"])


def names(part: str, ending: str) -> list[str]:
    """Names of the data sets in a sub-folder."""
    found = sorted((file.name.removesuffix(ending) for file in (folder() / part).glob(f"*{ending}")), key=str.lower)
    if not found:
        raise AAEError(f"There is no *{ending} in {folder() / part}; set AAE_DATA_DIR to the folder with {part}/.")
    return found


def choose(y: np.ndarray, count: int, seed: int, least: int = 1) -> np.ndarray:
    """Row numbers of a stratified draw, with at least ``least`` rows of each class (all there are, if fewer).

    Args:
        y: Class numbers ``(N,)``, from 0.
        count: How many rows; more are drawn only if the classes need more.
        seed: Seed of the draw.
        least: Rows that each class has to have.
    """
    sizes = np.bincount(y)
    quota = count * sizes / len(y)
    wanted = np.minimum(sizes, np.maximum(least, np.floor(quota).astype(int)))
    while wanted.sum() < count and (wanted < sizes).any():
        wanted[np.where(wanted < sizes, quota - wanted, -np.inf).argmax()] += 1
    while wanted.sum() > count and (wanted > least).any():
        wanted[np.where(wanted > least, wanted / quota, -np.inf).argmax()] -= 1
    order = np.random.default_rng(seed).permutation(len(y))
    rows = [order[y[order] == k][:number] for k, number in enumerate(wanted)]
    return np.sort(np.concatenate(rows))


def hide(y: np.ndarray, count: int, seed: int, least: int = 1) -> np.ndarray:
    """The class numbers of a stratified draw of ``count`` rows, -1 elsewhere."""
    known = choose(y, count, seed, least)
    hidden = np.full(len(y), -1)
    hidden[known] = y[known]
    return hidden


def _fewer(y: np.ndarray, most: int, seed: int, least: int = 1) -> np.ndarray:
    """Row numbers of a stratified draw of at most ``most`` rows; all if there are no more."""
    return np.arange(len(y)) if len(y) <= most else choose(y, most, seed, least)


def table(name: str, seed: int, quick: bool) -> Draw:
    """30 % of the rows to test on, labels of 10 % of the others; both stratified."""
    import pandas as pd  # needed here only, and not installed with the package

    frame = pd.read_csv(folder() / "tables" / f"{name}.csv.gz")
    y = np.unique(frame.pop("label").astype(str), return_inverse=True)[1]
    rows = _fewer(y, QUICK_ROWS if quick else MAX_ROWS, seed)
    train, test = train_test_split(rows, test_size=TEST_SHARE, stratify=y[rows], random_state=seed)
    count = max(round(LABELLED_SHARE * len(train)), len(np.unique(y)))
    x, test_x = (frame.iloc[part].reset_index(drop=True) for part in (train, test))
    return Draw(x, hide(y[train], count, seed), test_x, y[test])


def outliers(name: str, seed: int, quick: bool, clean: bool) -> Draw:
    """30 % of the rows to test on; the others to train on, or the normal ones among them (``clean``)."""
    with np.load(folder() / "outliers" / f"{name}.npz") as file:
        x, y = file["X"].astype(np.float64), file["y"].astype(int)
    rows = _fewer(y, QUICK_ROWS if quick else MAX_ROWS, seed, LEAST_OUTLIERS)
    train, test = train_test_split(rows, test_size=TEST_SHARE, stratify=y[rows], random_state=seed)
    if clean:
        train = train[y[train] == 0]
    return Draw(x[train], np.full(len(train), -1), x[test], y[test])


@cache
def _photos(part: str) -> tuple[np.ndarray, np.ndarray]:
    """The photos of CIFAR-10 as grey images of 28 x 28 bytes, and their classes."""
    images, classes = [], []
    archive = folder() / "cifar10.tar.gz"
    if not archive.is_file():
        raise AAEError(f"There is no {archive}; put it there, or leave cifar10-grey and textured-mnist out (--only).")
    with tarfile.open(archive) as file:
        for member in file:  # in the order of the file: going back would decompress it again
            if member.isfile() and member.name.startswith(f"cifar10/{part}/"):
                content = file.extractfile(member)
                if content is None:
                    raise AAEError(f"{member.name} in {archive} is not a file; get the archive again.")
                photo = Image.open(io.BytesIO(content.read())).convert("L")
                images.append(np.asarray(photo.resize((28, 28), Image.Resampling.LANCZOS)))
                classes.append(member.name.split("/")[-2])
    return np.stack(images), np.unique(classes, return_inverse=True)[1]


Rows = tuple[np.ndarray, np.ndarray]


def _mnist() -> tuple[Rows, Rows]:
    data = aae.load_data("mnist")
    return (np.asarray(data.x), data.y), (data.test_x, data.test_y)


def _digits() -> tuple[Rows, Rows]:
    data = aae.load_data("digits")
    return (np.asarray(data.x), data.y), (data.test_x, data.test_y)


def textured(digits: np.ndarray, photos: np.ndarray, seed: int) -> np.ndarray:
    """Digits in white over photos, as in *mnist-back-image*: strokes cover, the rest shows a photo.

    Args:
        digits: ``(N, H, W)``, bytes.
        photos: ``(M, H, W)``, bytes; each row gets one at random, mirrored at random.
        seed: Seed of both.
    """
    generator = np.random.default_rng(seed)
    behind = photos[generator.integers(len(photos), size=len(digits))]
    mirrored = generator.random(len(digits)) < 0.5
    behind[mirrored] = behind[mirrored, :, ::-1]
    cover = digits / 255
    return np.round(255 * cover + (1 - cover) * behind).astype(np.uint8)


# The rows to train and to test on, and how many of the first are drawn.
IMAGES: dict[str, tuple[Callable[[], tuple[Rows, Rows]], int]] = {
    "mnist": (_mnist, 5_000),
    "digits": (_digits, 5_000),
    "textured-mnist": (_mnist, 5_000),
    "cifar10-grey": (lambda: (_photos("train"), _photos("test")), 10_000),
}


def images(name: str, seed: int, quick: bool) -> Draw:
    """Rows drawn to train and to test on, 100 labels; all stratified."""
    read, count = IMAGES[name]
    (x, y), (test_x, test_y) = read()
    rows = _fewer(y, QUICK_ROWS if quick else count, seed)
    test = _fewer(test_y, TEST_IMAGES, seed)
    x, y, test_x, test_y = x[rows], y[rows], test_x[test], test_y[test]
    if name == "textured-mnist":  # with photos behind the test rows that are not behind the training rows
        x, test_x = textured(x, _photos("train")[0], seed), textured(test_x, _photos("test")[0], seed)
    return Draw(x, hide(y, IMAGE_LABELS, seed), test_x, test_y)


# Columns, and the distance between the means of the two classes in standard deviations.
RARE = {"rare-10-columns": (10, 3.0), "rare-20-columns": (20, 4.0)}


def rare(name: str, seed: int, quick: bool) -> Draw:
    """Two Gaussian classes, 97 to 3, of 3,000 rows to train and 3,000 to test on; 40 labels, at least 2 of class 1."""
    columns, distance = RARE[name]
    generator = np.random.default_rng(seed)
    direction = generator.normal(size=columns)
    y = np.repeat([0, 1], [round((1 - RARE_SHARE) * RARE_ROWS), round(RARE_SHARE * RARE_ROWS)])
    shift = distance * direction / np.linalg.norm(direction)
    x, test_x = (generator.normal(size=(RARE_ROWS, columns)) + np.outer(y, shift) for _ in range(2))
    return Draw(x, hide(y, RARE_LABELS, seed, RARE_LEAST), test_x, y)
