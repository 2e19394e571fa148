"""A data set in memory or on the disk, and the options for reading one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from aae.data.arrays import NpyRows
from aae.data.originals import Originals
from aae.data.row_keys import GivenLabels, RowKeys
from aae.model.frozen import FrozenEncoder
from aae.model.pictures import PictureFormat
from aae.model.table import Table
from aae.system.errors import printable

__all__ = ["Dataset", "ReadOptions", "as_float"]


LISTED = 8  # columns and classes that a data set lists
WIDTH = 100  # characters of a line


@dataclass(frozen=True, repr=False)
class Dataset:
    """Rows to train on and rows to test on.

    Args:
        name: What the data are called in reports.
        x: Training rows ``(N, *shape)``: images of bytes (uint8, 0 to 255) ``(N, H, W[, C])``, columns of a table in
            their own units (categories as numbers from 0, empty cells as NaN), or vectors.
        y: Class numbers ``(N,)``, int64; -1 where there is no label.
        test_x: Test rows, like ``x``.
        test_y: Their class numbers, like ``y``.
        classes: Names of the classes, in the order of their numbers.
        notes: Sentences on how the data were read.
        table: How the networks read the columns of a table; None for images and vectors.

    The other fields say where the rows come from.
    """

    name: str
    x: np.ndarray | NpyRows
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: list[str | int | float]
    notes: tuple[str, ...] = ()  # notes to the user about how the data were read
    table: Table | None = None  # how the networks read the columns
    bundled: bool = False  # whether it is one of the named data sets of handwritten digits
    pictures: PictureFormat | None = None  # how the images of a folder became rows
    test_held_out: bool = False  # whether the test rows are a part of the source that was held out
    cross_validated: bool = False  # whether the test rows are training rows, which cross-validation judges
    reused: int = 0  # how many test rows, the first ones, are training rows of this data set, too: those of other data
    held: np.ndarray | None = None  # if rows stay on the disk: numbers of the test rows, which are part of x
    keys: RowKeys | None = None  # what the rows are called; see `aae.data.row_keys.keys_of`
    given: GivenLabels | None = None  # the labels of a labels file
    encoder: FrozenEncoder | None = None  # the frozen encoder that the rows are vectors of
    originals: Originals | None = None  # the pictures or texts that it read, to be shown

    def __repr__(self) -> str:
        """Sizes, columns, classes and notes in a few lines, without the rows themselves."""
        return "\n".join([*self.summary(), *([f"notes: {len(self.notes)}, in .notes"] if self.notes else [])])

    def summary(self) -> list[str]:
        """Sizes, columns and classes, in lines."""
        held = np.arange(0) if self.held is None else self.held  # test rows that are part of x
        rows, labelled = len(self.x) - len(held), int((self.y >= 0).sum() - (self.y[held] >= 0).sum())
        width = self.shape[0] if len(self.shape) == 1 else 0
        kind = f"{width:,} column{'s' * (width != 1)}" if width else f"shape {self.shape}"
        lines = [f"Dataset {self.name!r}: {rows:,} rows of {kind} to train on, {labelled:,} labelled",
                 f"to test on: {len(self.test_x):,} rows, {int((self.test_y >= 0).sum()):,} labelled"]  # fmt: skip
        if self.table is not None and self.table.named:
            lines.append(f"columns: {_some(self.table.names)}")
        lines.append(f"classes: {_some(self.classes)}" if self.classes else "no classes")
        return [line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in map(printable, lines)]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return tuple(self.x.shape[1:])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row as input of the networks."""
        return (self.table.width,) if self.table is not None else self.shape

    @property
    def is_image(self) -> bool:
        """Whether rows are images of bytes."""
        return self.x.dtype == np.uint8


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading data from a path.

    Args:
        image_size: Side of the images of a folder; if None, the median of their shorter sides, 64 at most.
        labels_file: CSV file with the columns ``file`` and ``label`` for the images of a folder, ``index`` and
            ``label`` for numbered rows, or the key column and ``label``. Rows that it does not name keep the label
            that the data have; of images, and of digits, MNIST and IDX folders, only those that it names are labelled.
        key_column: Column of a table that identifies its rows in a labels file; it is not learned from.
        test: Path to rows to test on; if None, a part of the data is held out.
        strict: Stop at an image that cannot be read or a category that is not known, instead of going on without it.
        colour: Whether images keep their colours; if None, they do if any image has colours.
        label_column: Column of a table that holds the labels.
        fit: How images that are not square become so: ``"crop"``, ``"pad"`` or ``"stretch"``.
        categories: Columns of a table, separated by commas, whose numbers are names of categories.
        decimal: Decimal mark of the numbers in a table, ``"."`` or ``","``.
        delimiter: Character between the cells of a CSV file.
        encoding: Encoding of a CSV file.
        missing: Texts, separated by commas, that stand for an empty cell of a table.
        ignore: Columns of a table that are not learned from.
        kind: What columns of a table are, by name: ``"number"``, ``"category"``, ``"date"`` or ``"text"`` (free text,
            which is not learned from); found out for the others.
        features: A frozen encoder in ONNX that turns images or texts into vectors: its file, its folder, or its name on
            the Hugging Face Hub.
        features_output: Which of its outputs: ``"pooled"``, ``"class_token"``, ``"mean"``, or the name of one; if None,
            the pooled output, else the class token of images and the mean over the tokens of texts.
        text_column: Column of a table whose texts the encoder reads.
        chosen: Names of options that are meant for this very file, where the others describe a model's own data.
        pictures: How a model's own images became rows, for others to become rows in the same way.
        encoder: The frozen encoder that a model was trained with; no other may take its place.
    """

    image_size: int | None = None
    labels_file: str | None = None
    key_column: str | None = None
    test: str | None = None
    strict: bool = False
    colour: bool | None = None
    label_column: str | None = None
    fit: str | None = None
    categories: str | None = None
    decimal: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    missing: str | None = None
    ignore: Sequence[str] | None = None
    kind: Mapping[str, str] | None = None
    features: str | None = None
    features_output: str | None = None
    text_column: str | None = None
    chosen: tuple[str, ...] = ()
    pictures: PictureFormat | None = None
    encoder: FrozenEncoder | None = None

    def given(self) -> dict[str, Any]:
        """The options that differ from the defaults."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) != field.default}


def _some(names: Sequence[object]) -> str:
    some = ", ".join(str(name) if len(str(name)) <= 20 else str(name)[:19] + "…" for name in names[:LISTED])
    return some + (f" and {len(names) - LISTED:,} more" if len(names) > LISTED else "")


def as_float(rows: np.ndarray) -> np.ndarray:
    """Rows as float32: bytes are scaled to [0, 1], other values stay the same."""
    return rows.astype(np.float32) / 255 if rows.dtype == np.uint8 else rows.astype(np.float32)
