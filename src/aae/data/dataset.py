"""A data set in memory or on the disk, and the options for reading one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from aae.data.arrays import NpyRows
from aae.model.pictures import PictureFormat
from aae.model.table import Table

__all__ = ["Dataset", "ReadOptions", "as_float"]


@dataclass(frozen=True)
class Dataset:
    """Rows to train on and rows to test on; ``y`` holds -1 where there is no label."""

    name: str
    x: np.ndarray | NpyRows
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: list[str | int | float]
    notes: tuple[str, ...] = ()  # notes to the user about how the data were read
    table: Table | None = None  # how the networks read the columns
    bundled: bool = False  # whether it is one of the named data sets of handwritten digits
    pictures: PictureFormat | None = None  # how the pictures of a folder became rows
    test_held_out: bool = False  # whether the test rows are a part of the source that was held out
    held: np.ndarray | None = None  # if rows stay on the disk: numbers of the test rows, which are part of x

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
        labels_file: CSV file with the columns ``file`` and ``label`` for the images of a folder.
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
        chosen: Names of options that are meant for this very file, where the others describe a model's own data.
        pictures: How a model's own pictures became rows, for others to become rows in the same way.
    """

    image_size: int | None = None
    labels_file: str | None = None
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
    chosen: tuple[str, ...] = ()
    pictures: PictureFormat | None = None

    def given(self) -> dict[str, Any]:
        """The options that differ from the defaults."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) != field.default}


def as_float(rows: np.ndarray) -> np.ndarray:
    """Rows as float32: bytes are scaled to [0, 1], other values stay the same."""
    return rows.astype(np.float32) / 255 if rows.dtype == np.uint8 else rows.astype(np.float32)
