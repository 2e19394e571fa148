"""Which rows are labelled, unlabelled or held out for validation."""

import hashlib
from dataclasses import dataclass

import numpy as np

from aae.data.dataset import Dataset
from aae.data.order import RowsExcept
from aae.data.raw import leave_one_of_each
from aae.system.errors import AAEError, check_number, unknown
from aae.system.rows import evenly

__all__ = ["Split", "check_draw", "fingerprint", "some_rows", "split_data"]

SPLITS = ("random", "tutorial")
FINGERPRINT = 1000  # rows by which data sets are distinguished
VALIDATION_ROWS = 10_000  # validation rows of a large data set


@dataclass(frozen=True)
class Split:
    """Row numbers of a data set's training rows; the three do not overlap.

    Args:
        labelled: Rows whose label is used ``(L,)``.
        unlabelled: Rows that are trained on without a label ``(U,)``.
        validation: Rows that are held out from the training ``(V,)``.
    """

    labelled: np.ndarray
    unlabelled: np.ndarray | RowsExcept
    validation: np.ndarray


def some_rows(split: Split, count: int, seed: int = 0) -> np.ndarray:
    """The numbers of at most ``count`` rows that were trained on, in order; of a large file those near its start."""
    few = split.unlabelled[:] if isinstance(split.unlabelled, np.ndarray) else split.unlabelled[:count]
    rows = np.concatenate([split.labelled, few])
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


def check_draw(labels: int | None, seed: int) -> tuple[int | None, int]:
    """The number of labels and the seed as Python's own numbers.

    Raises:
        AAEError: One is no whole number of at least 0, or the seed is too large for torch.
    """
    if labels is not None:
        check_number("The number of labels", labels, whole=True)
    check_number("seed", seed, below=2**63, whole=True)
    return None if labels is None else int(labels), int(seed)


def split_data(data: Dataset, labels: int | None, how: str = "random", seed: int = 0) -> Split:
    """Divide the training rows.

    ``random``: a draw of ``labels`` rows, 10,000 validation rows (a sixth of smaller sets), the rest unlabelled. The
    draw has each class as often as the labelled rows do, and at least once; of digits and MNIST it has all classes
    equally often, as in the literature. ``tutorial``: for each class, in file order, the first tenth of
    ``labels`` rows labelled, rows 300 to 1,299 validation, the rest unlabelled. Validation rows never include the
    last label of a class.

    Args:
        data: The data set.
        labels: Number of rows whose label is used; 0 uses none, None all of them.
        how: ``"random"`` or ``"tutorial"``.
        seed: Seed of the random draw.

    Raises:
        AAEError: Fewer labels than classes, more labels than rows, or a class with too few rows.
    """
    labels, seed = check_draw(labels, seed)
    if labels and not data.classes:
        raise AAEError(f"{labels} labels were asked for, but the data set {data.name} has none.")
    if labels and labels < len(data.classes):
        raise AAEError(f"{labels} labels are fewer than the {len(data.classes)} classes; use at least one for each.")
    if how == "tutorial":
        if not data.classes:
            raise AAEError(f"The tutorial split needs labels, but {data.name} has none; use --split random.")
        return _tutorial(data, labels)
    if how != "random":
        raise unknown("split", how, SPLITS)
    generator = np.random.default_rng(seed)
    if data.held is not None:
        return _split_large(data, data.held, labels, generator)
    size = 10_000 if len(data.x) >= 50_000 else len(data.x) // 6
    order = generator.permutation(len(data.x))
    known = order[data.y[order] >= 0]
    available = len(known)
    if labels is None:
        validation = leave_one_of_each(data.y, order[:size])
        rest = np.setdiff1d(order, validation, assume_unique=True)
        labelled = rest[data.y[rest] >= 0]
    else:
        if labels > available:
            raise AAEError(f"{labels} labels were asked for, but {data.name} has {available} labelled training rows.")
        labelled = _drawn(data, known, labels) if labels else order[:0]
        rest = np.setdiff1d(order, labelled, assume_unique=True)
        rest = generator.permutation(rest)
        size = min(size, max(0, len(rest) - 1))
        validation, rest = rest[:size], rest[size:]
    return Split(np.sort(labelled), np.setdiff1d(rest, labelled), np.sort(validation))


def _split_large(data: Dataset, held: np.ndarray, labels: int | None, generator: np.random.Generator) -> Split:
    """A split of rows on the disk, without a list of all row numbers; the test rows ``held`` are part of the data."""
    count = len(data.x)
    some = generator.choice(count, min(VALIDATION_ROWS, count // 6), replace=False, shuffle=False)
    taken = np.concatenate([np.setdiff1d(some, held), held])
    if data.classes:
        taken = leave_one_of_each(data.y, taken)
    labelled = np.arange(0)
    if data.classes and labels != 0:
        labelled = np.setdiff1d(np.flatnonzero(data.y >= 0), taken)
        if labels and labels > len(labelled):
            rest = f"{data.name} has {len(labelled)} labelled training rows beside those for testing and validation"
            raise AAEError(f"{labels} labels were asked for, but {rest}.")
        if labels:
            labelled = np.sort(_drawn(data, generator.permutation(labelled), labels))
    return Split(labelled, RowsExcept(count, np.concatenate([taken, labelled])), np.setdiff1d(taken, held))


def _drawn(data: Dataset, order: np.ndarray, count: int) -> np.ndarray:
    """The first rows in ``order`` that have each class, and then the next; of bundled data equally many of each."""
    by_class = [order[data.y[order] == k] for k in range(len(data.classes))]
    for name, rows in zip(data.classes, by_class, strict=True):
        if not len(rows):
            raise AAEError(f"Class {name!r} of {data.name} has no labelled row; remove the class, or label one row.")
    if not data.bundled:
        first = np.isin(order, [rows[0] for rows in by_class])
        return order[np.argsort(~first, kind="stable")][:count]
    rank = np.concatenate([np.arange(len(rows)) for rows in by_class])
    return np.concatenate(by_class)[np.argsort(rank, kind="stable")][:count]


def _tutorial(data: Dataset, labels: int | None) -> Split:
    classes = len(data.classes)
    each = 300 if labels is None else labels // classes
    if labels is not None and (labels % classes or each > 300):
        raise AAEError(
            f"The tutorial split takes the same number of labels, at most 300, from each class, which is not possible "
            f"with {labels}. Use a multiple of {classes} up to {300 * classes}, or --split random."
        )
    parts: dict[str, list[np.ndarray]] = {"labelled": [], "validation": [], "unlabelled": []}
    for k in range(classes):
        rows = np.flatnonzero(data.y == k)
        if len(rows) < 1300:
            raise AAEError(
                f"The tutorial split needs 1,300 rows of each class; class {data.classes[k]!r} of {data.name} "
                f"has {len(rows)}. Use --split random."
            )
        parts["labelled"].append(rows[:each])
        parts["validation"].append(rows[300:1300])
        # The 3,000 rows that may be labelled are never among the 47,000 unlabelled ones, however many are labelled.
        parts["unlabelled"].append(rows[1300:])
    return Split(**{name: np.sort(np.concatenate(rows)) for name, rows in parts.items()})


def fingerprint(data: Dataset, split: Split) -> str:
    """A hash of the training data: of rows and labels spread over them, and of which rows are labelled."""
    numbers = evenly(len(data.x), FINGERPRINT)
    digest = hashlib.sha256(f"{data.x.shape} {data.x.dtype}".encode())
    for part in (data.x[numbers], data.y[numbers], split.labelled[:FINGERPRINT], data.y[split.labelled[:FINGERPRINT]]):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
