"""Rows and labels as a source gives them, and the data set they become: labels numbered, test rows held out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from aae.data.arrays import NpyRows, same_images
from aae.data.dataset import Dataset
from aae.data.labels import ClassName, Labels, class_indices, read_labels
from aae.data.originals import Originals
from aae.data.row_keys import INDEX, GivenLabels, RowKeys
from aae.model.frozen import FrozenEncoder
from aae.model.pictures import PictureFormat
from aae.model.table import Table
from aae.model.table_fit import extreme_notes, fit_table, fit_vectors
from aae.model.unseen import row_name
from aae.system.errors import AAEError

__all__ = ["RawData", "check_named", "few_labels", "few_labels_note", "hold_out", "keys_with_test",
           "leave_one_of_each", "single_labels", "stored", "with_test_rows"]  # fmt: skip

LISTED = 10  # names that a sentence lists
ENOUGH_LABELS = 200  # of which a fifth says something about the error
ALL_TRAIN = f"With fewer than {ENOUGH_LABELS} labels, all {{:,}} are for training."


VECTORS = (
    "The rows look like vectors that another encoder made (at least 256 columns of numbers on one scale); the presets "
    "few-labels and clustering have settings for these, which --set changes."
)
AnyRows = TypeVar("AnyRows", np.ndarray, NpyRows)  # in memory, or left on the disk


@dataclass
class RawData(Generic[AnyRows]):
    """Rows with their label names, before any are held out for testing; and the test rows, if the source has them."""

    name: str
    x: AnyRows
    labels: np.ndarray | None
    where: str
    test: tuple[np.ndarray, np.ndarray | None] | None = None
    notes: tuple[str, ...] = ()
    columns: list[str] | None = None
    values: dict[int, list[str]] = field(default_factory=dict)  # values of the columns that are categories
    pictures: PictureFormat | None = None
    kinds: dict[int, dict[str, Any]] = field(default_factory=dict)  # what else a table keeps of a column
    row_name: Callable[[int], str] = row_name  # what a row is called in messages
    keys: RowKeys | None = None  # names of the rows, if these are no numbers
    given: GivenLabels | None = None  # the labels of a labels file
    encoder: FrozenEncoder | None = None  # the frozen encoder that the rows are vectors of
    originals: Originals | None = None  # what it read, by the keys of the rows, or by their numbers if these have none

    def table(self, rows: np.ndarray) -> Table | None:
        """How to read the columns, learned from these rows; None for images."""
        if self.encoder is not None:
            return fit_vectors(rows)
        return fit_table(rows, self.columns, self.values, self.kinds) if rows.ndim == 2 else None


def with_test_rows(
    raw: RawData[np.ndarray], given: RawData[Any] | None, table: Table | None, known: Sequence[ClassName] | None
) -> Dataset:
    """The data set, with the ``given`` test rows or those of the source, or rows that are held out."""
    test, notes, where = raw.test, raw.notes, f"{raw.where} (x_test)"
    labels = read_labels(raw.labels, len(raw.x), raw.where, known=known)
    notes += labels.notes
    if given is not None:
        test, notes, where = (given.x, given.labels), (*notes, *given.notes), given.where
    if test is None:
        few = raw.given is not None and few_labels(labels.y)
        rest, held = hold_out(labels.y, len(raw.x), few)
        notes = (*notes, *few_labels_note(raw, labels.y, few))
        x, y, test_x = raw.x[rest], labels.y[rest], raw.x[held]
        table, more = _fitted(raw, x, table)
        x, test_x = (x, test_x) if table is None else (table.as_rows(x), table.as_rows(test_x))
        notes = (*notes, *more)
        every = np.arange(len(raw.x)) if raw.keys is None else raw.keys.train
        line = None if raw.row_name is row_name else raw.row_name
        keys = RowKeys(INDEX if raw.keys is None else raw.keys.name, every[rest], every[held], line)
        return Dataset(raw.name, x, y, test_x, labels.y[held], labels.classes, notes, table, pictures=raw.pictures,
                       test_held_out=True, keys=keys, given=raw.given, encoder=raw.encoder,
                       originals=raw.originals)  # fmt: skip
    if same_images(test[0].shape[1:], raw.x.shape[1:]):
        test = test[0].reshape(len(test[0]), *raw.x.shape[1:]), test[1]
    if test[0].shape[1:] != raw.x.shape[1:]:
        shapes = f"rows have shape {raw.x.shape[1:]}, those of {where} {test[0].shape[1:]}"
        raise AAEError(f"{raw.where}: {shapes}; give rows of the same shape.")
    if known is None:
        # Without labels to train on, the test rows may still have some, by which clusters are judged.
        of_test = read_labels(test[1], len(test[0]), where, labels.classes or None)
    else:  # a model judges these rows, so that a class needs no rows to train on
        labels, of_test = _numbered_together(labels, test, where, known)
    table, more = _fitted(raw, raw.x, table)
    x, test_x = (raw.x, test[0]) if table is None else (table.as_rows(raw.x), table.as_rows(test[0]))
    notes = (*notes, *of_test.notes, *more)
    return Dataset(raw.name, x, labels.y, test_x, of_test.y, of_test.classes, notes, table, pictures=raw.pictures,
                   keys=keys_with_test(raw, given), given=raw.given, encoder=raw.encoder,
                   originals=_originals_with_test(raw, given))  # fmt: skip


def keys_with_test(raw: RawData[Any], given: RawData[Any] | None) -> RowKeys | None:
    """Keys of the training rows and of test rows that the source has, or that were given beside it."""
    if given is None:
        return raw.keys
    test = [f"{given.where}: {key}" for key in (range(len(given.x)) if given.keys is None else given.keys.train)]
    own = RowKeys(INDEX, np.arange(len(raw.x)), np.arange(0)) if raw.keys is None else raw.keys
    return RowKeys(own.name, own.train, np.array(test, dtype=object))


def _originals_with_test(raw: RawData[Any], given: RawData[Any] | None) -> Originals | None:
    """What the encoder read, of the training rows and of test rows from beside them."""
    if raw.originals is None or given is None or given.originals is None:
        return raw.originals
    keys = range(len(given.x)) if given.keys is None else given.keys.train.tolist()
    return replace(raw.originals, more=given.originals.by(f"{given.where}: {key}" for key in keys))


def _numbered_together(
    labels: Labels, test: tuple[np.ndarray, np.ndarray | None], where: str, known: Sequence[ClassName]
) -> tuple[Labels, Labels]:
    """Labels with the classes of both the rows to train on and those to test on."""
    of_test = read_labels(test[1], len(test[0]), where, known=[*known, *labels.classes])
    here = class_indices(of_test.classes, labels.classes)
    classes = [*labels.classes, *(name for name, k in zip(of_test.classes, here, strict=True) if k < 0)]
    number = np.array([*class_indices(of_test.classes, classes), -1])  # index -1 is the last
    return Labels(classes, labels.y, labels.notes), Labels(classes, number[of_test.y], of_test.notes)


def _fitted(raw: RawData[Any], rows: np.ndarray, table: Table | None) -> tuple[Table | None, list[str]]:
    """The table that a model has, or else one fitted to some of the rows; and notes on rows that do not suit it.

    Raises:
        AAEError: The model was trained on columns with names, and these have none.
    """
    if table is not None:
        check_named(table, raw.columns is not None, raw.where)
    given, table = table is not None, table or raw.table(rows)
    if table is None or not isinstance(raw.x, np.ndarray):
        return table, []
    if raw.encoder is not None or (given and table.named):  # it was said when they were read, or no one can act on it
        return table, []
    if table.vectors and not given:
        return table, [VECTORS]
    return table, extreme_notes(table, raw.x, raw.where, raw.row_name)


def check_named(table: Table, named: bool, where: str) -> None:
    """Check that rows have names for their columns if the model's columns have, and none if they have none.

    Raises:
        AAEError: Only one of them has: matched by their places, columns could be mistaken for others.
    """
    if table.named and not named:
        names = ", ".join(map(str, table.names[:LISTED])) + (", ..." if len(table.names) > LISTED else "")
        raise AAEError(
            f"{where} has no column names, but the model was trained on named columns ({names}); give a "
            ".csv or .parquet file with these names."
        )
    if named and not table.named:
        raise AAEError(f"{where} has named columns, but the model was trained without names; use .npz or .npy.")


def few_labels(y: np.ndarray) -> bool:
    """Whether there are so few labels that none of them should be kept from the training."""
    known = int((y >= 0).sum())
    return 0 < known < min(ENOUGH_LABELS, len(y) / 2)


def few_labels_note(raw: RawData[Any], y: np.ndarray, few: bool) -> tuple[str, ...]:
    """What follows from few labels, as a sentence."""
    if not few or raw.given is None:
        return ()
    return (ALL_TRAIN.format(int((y >= 0).sum())),)


def hold_out(y: np.ndarray, count: int, few: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training rows, and of a fixed tenth for testing (a fifth of sets below 10,000 rows).

    Test rows are taken from the labelled rows if there are any, balanced over the classes; the last label of a
    class is not taken. If every class has a single label, test rows are taken from the rows without one.

    Of a ``few`` labels none is taken: test rows are those that a data set without labels would have, as long as they
    get no label, so that they stay the same while more and more rows are labelled.
    """
    known = np.flatnonzero(y >= 0)
    if few:
        order = np.random.default_rng(0).permutation(count)
        held = np.sort(order[y[order] < 0][: math.ceil(count * (0.2 if count < 10_000 else 0.1))])
        return np.setdiff1d(np.arange(count), held), held
    if single_labels(y):
        known, pool = known[:0], np.flatnonzero(y < 0)
    else:
        pool = known if len(known) else np.arange(count)
    size = math.ceil(len(pool) * (0.2 if len(pool) < 10_000 else 0.1))
    order = np.random.default_rng(0).permutation(pool)
    if len(known):
        # Taking rows in the order of their rank within their class keeps the classes balanced.
        rank = np.empty(len(order))
        for k in np.unique(y[order]):
            of_class = np.flatnonzero(y[order] == k)
            rank[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
        order = order[np.argsort(rank, kind="stable")]
    held = np.sort(leave_one_of_each(y, order[:size]))
    return np.setdiff1d(np.arange(count), held), held


def single_labels(y: np.ndarray) -> bool:
    """Whether there are labels, but no two of the same class."""
    known = y[y >= 0]
    return len(known) > 0 and int(np.bincount(known).max()) == 1


def leave_one_of_each(y: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """The numbers of rows ``taken`` from the training, without one row of each class that would lose its last label."""
    labels = y[taken]
    every, gone = np.bincount(y[y >= 0]), np.bincount(labels[labels >= 0], minlength=1)
    lost = [k for k in np.flatnonzero(gone) if gone[k] == every[k]]
    return np.delete(taken, [int(np.flatnonzero(labels == k)[0]) for k in lost]) if lost else taken


def stored(x: np.ndarray) -> np.ndarray:
    """Rows as they are stored until a table knows how exact they have to be: images stay bytes, vectors floats."""
    if x.dtype == np.uint8 and x.ndim > 2:
        return x
    return x.astype(np.float32 if np.can_cast(x.dtype, np.float32) else np.float64, copy=False)
