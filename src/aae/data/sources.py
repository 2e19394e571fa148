"""Data sources: from a name or path to arrays.

Images stay bytes, ``(N, H, W)`` or ``(N, H, W, C)``. Vectors and the columns of a table keep their values
as float32, ``(N, D)``, and a `Table` describes how the networks read them. Labels are indices into
``classes``, -1 for rows without a label.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aae.data.array_files import read_array_file
from aae.data.builtin import NAMED, from_arrays, is_builtin, load_builtin
from aae.data.dataset import Dataset, ReadOptions
from aae.data.frames import DataFrame, frame_advice, frame_library, frame_notes, table_of
from aae.data.idx import is_idx_folder, read_idx_folder
from aae.data.image_files import ENDINGS
from aae.data.label_columns import label_cells
from aae.data.labels import ClassName
from aae.data.large import large_file, on_disk
from aae.data.raw import RawData, with_test_rows
from aae.data.row_labels import add_labels, keys_of_table, only_labels_of_file
from aae.data.table_files import read_table, table_rows
from aae.data.tables import TableFile, readable, style_of, table_kind
from aae.model.pictures import PictureFormat
from aae.model.table import Table
from aae.system.errors import AAEError, UsageError, kind_of, unknown

__all__ = ["is_array_file", "is_image_source", "is_table", "load_data"]

FILES = (".npz", ".npy", ".csv", ".tsv", ".parquet")
OF_FOLDERS = ("image_size", "colour", "fit")  # options for folders of images alone
OF_TABLES = ("label_column", "categories", "decimal", "delimiter", "encoding", "missing", "ignore", "kind",
             "key_column", "text_column")  # fmt: skip


def load_data(
    spec: str | Path | Dataset | DataFrame,
    reading: ReadOptions | None = None,
    table: Table | None = None,
    classes: Sequence[ClassName] | None = None,
    label_column: str | None = None,
) -> Dataset:
    """Load ``digits``, ``mnist``, a file (.npz, .npy, .csv, .parquet), a folder of images or of IDX files, or a frame.

    Args:
        spec: A name, a path, or a data frame of pandas or polars; a `Dataset` is returned as it is.
        reading: Options for reading a path or a data frame.
        table: How a model reads the columns; if None, it is learned from them.
        classes: The classes of that model, none if it has none: with a class -1 among them, -1 does not mean "not
            labelled", and rows to test on may have other classes than the rows to train on.
        label_column: Column of a table that holds the labels, in place of ``reading.label_column``.

    Raises:
        AAEError: The name is unknown, or the files are missing or damaged.

    Example:
        >>> import pandas
        >>> frame = pandas.DataFrame({"x": range(0, 40, 2), "kind": ["a", "b"] * 10})
        >>> load_data(frame, label_column="kind")
        Dataset 'DataFrame': 16 rows of 1 column to train on, 16 labelled
        to test on: 4 rows, 4 labelled
        columns: x
        classes: a, b
    """
    reading = reading or ReadOptions()
    if not isinstance(reading, ReadOptions):
        raise UsageError(f"reading takes ReadOptions, as in aae.ReadOptions(strict=True), not {kind_of(reading)}.")
    reading = reading if label_column is None else replace(reading, label_column=label_column)
    if isinstance(spec, Dataset):
        return spec
    if frame_library(spec) is not None:
        return _load_frame(spec, reading, table, classes)
    if not isinstance(spec, str | Path):
        raise AAEError(f"Data must be a name, a path, a Dataset or a data frame of pandas or polars, not "
                       f"{type(spec).__name__}; save arrays with numpy.savez(path, x=rows, y=labels).")  # fmt: skip
    path, kind = Path(spec), _kind(spec)
    if kind in ("named", "idx"):
        name = next((name for name in reading.given() if name != "labels_file"), None)
        if name is not None:
            raise UsageError(f"{spec} has a fixed format and fixed test rows; drop --{name.replace('_', '-')}.")
        data = load_builtin(str(spec)) if kind == "named" else from_arrays(path.name, *read_idx_folder(path))
        return only_labels_of_file(data, reading, str(spec))
    if kind is not None:
        return _load_path(path, kind, reading, table, classes)
    if path.is_file() and path.suffix.lower() in ENDINGS:
        raise AAEError(f"{path} is a single image; give its folder, {path.parent}.")
    if path.is_file():
        raise AAEError(f"{path} has a format that cannot be read; save it as one of {', '.join(FILES)}.")
    if path.suffix or len(path.parts) > 1:
        raise AAEError(
            f"No data at {path}: expected a file ({', '.join(FILES)}), a folder of images or a folder of IDX files; "
            "check the path."
        )
    raise unknown("data set", str(spec), NAMED)


def _load_frame(
    frame: DataFrame, reading: ReadOptions, table: Table | None, classes: Sequence[ClassName] | None
) -> Dataset:
    where = "the data frame"
    for name in reading.given():
        if name in (*OF_FOLDERS, "delimiter", "encoding"):
            raise UsageError(f"{name} is not for data frames; drop it.")
    _check_features("a data frame", "table", reading)
    try:
        file = table_of(frame, where)
        if not file.rows:
            raise AAEError(f"{where}: there are no rows.")
        file.style = style_of(reading)
        keys = keys_of_table(file, reading, where, needed=True)
        labels = None if reading.label_column is None else label_cells(file, reading.label_column, where)
        file.notes = frame_notes(frame)
        with readable(where):
            raw = _frame_rows(file, type(frame).__name__, where, labels, reading, table)
        raw = add_labels(replace(raw, keys=keys), reading, classes)
    except UsageError:
        raise
    except AAEError as error:
        raise AAEError(frame_advice(str(error))) from error
    given = None
    if reading.test is not None:
        given = _read_test_rows(Path(reading.test), raw, reading, table or raw.table(raw.x))
    data = with_test_rows(raw, given, table, classes)
    return replace(data, notes=tuple(map(frame_advice, data.notes)))


def _frame_rows(
    file: TableFile, name: str, where: str, labels: np.ndarray | None, reading: ReadOptions, table: Table | None
) -> RawData[np.ndarray]:  # fmt: skip
    if reading.text_column is None:
        return table_rows(file, name, where, labels, reading, table, typed=True)
    from aae.data.features.texts import text_rows

    return text_rows(file, name, where, labels, reading)


def _kind(spec: str | Path) -> Literal["named", "idx", "images", "table", "arrays"] | None:
    """What a name or path stands for; None if there is nothing that can be read."""
    path = Path(spec)
    if is_builtin(spec):
        return "named"
    if path.is_dir():
        return "idx" if is_idx_folder(path) else "images" if table_kind(path) is None else "table"
    if path.is_file() and path.suffix.lower() in (".npz", ".npy"):
        return "arrays"
    return "table" if path.is_file() and table_kind(path) is not None else None


def is_image_source(spec: str | Path) -> bool:
    """Whether a name or path stands for a folder of images."""
    return _kind(spec) == "images"


def is_table(spec: str | Path) -> bool:
    """Whether a name or path stands for a table: a CSV or Parquet file, or a folder of Parquet parts."""
    return _kind(spec) == "table"


def is_array_file(spec: str | Path) -> bool:
    """Whether a name or path stands for a numpy file."""
    return _kind(spec) == "arrays"


def _load_path(
    path: Path, kind: str, reading: ReadOptions, table: Table | None, classes: Sequence[ClassName] | None
) -> Dataset:
    _check_options(str(path), kind, reading)
    large = None if reading.text_column is not None else large_file(path, reading, table, classes)
    raw: RawData[Any] = _read_raw(path, kind, reading, table, classes) if large is None else large[0]
    given = None
    if reading.test is not None:
        given = _read_test_rows(Path(reading.test), raw, reading, table or raw.table(raw.x))
    return with_test_rows(raw, given, table, classes) if large is None else on_disk(*large, given, table)


def _check_options(path: str, kind: str, reading: ReadOptions) -> None:
    for name in reading.given():
        flag = "--" + name.replace("_", "-")
        if name in OF_FOLDERS and kind != "images":
            raise UsageError(f"{flag} is for folders of images; {path} is not one.")
        if name == "strict" and kind == "arrays":
            raise UsageError(f"{flag} is for folders of images and for tables; {path} is neither.")
        if name in OF_TABLES and kind != "table":
            raise UsageError(f"{flag} is for tables (.csv, .parquet); {path} is not one.")
    _check_features(path, kind, reading)


def _check_features(path: str, kind: str, reading: ReadOptions) -> None:
    """Check that a frozen encoder and what it reads are given together."""
    if reading.features is None and reading.encoder is None:
        name = "text_column" if reading.text_column is not None else "features_output"
        if getattr(reading, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} is for a frozen encoder; name it with --features.")
        return
    if kind == "table" and reading.text_column is None:
        raise UsageError(f"--features reads texts or images, and {path} is a table; name the column of its texts with "
                         "--text-column.")  # fmt: skip
    if kind not in ("table", "images"):
        raise UsageError(f"--features is for folders of images or texts, and for a text column; {path} is neither.")
    wrong = next((name for name in OF_FOLDERS if getattr(reading, name) is not None), None)
    if wrong is not None and reading.pictures is None:
        raise UsageError(f"--{wrong.replace('_', '-')} is not for --features: the encoder's own settings say how "
                         "images are cut and scaled; drop it.")  # fmt: skip


def _read_raw(
    path: Path, kind: str, reading: ReadOptions, table: Table | None, known: Sequence[ClassName] | None = None
) -> RawData[np.ndarray]:
    """The rows at a path."""
    if kind == "images":
        from aae.data.image_folder import read_image_folder, read_text_folder

        return (read_text_folder if _holds_texts(path, reading) else read_image_folder)(path, reading)
    if reading.text_column is not None:
        from aae.data.features.texts import read_text_column

        return add_labels(read_text_column(path, reading), reading, known)
    raw = read_table(path, reading, table) if kind == "table" else read_array_file(path, reading.pictures)
    return add_labels(raw, reading, known)


def _holds_texts(path: Path, reading: ReadOptions) -> bool:
    """Whether a folder is read as texts: by the encoder, or by what is in it if the encoder reads both."""
    if reading.features is None and reading.encoder is None:
        return False
    from aae.data.features.folders import reads_texts

    return reads_texts(path, reading)


def _read_test_rows(path: Path, raw: RawData[Any], reading: ReadOptions, table: Table | None) -> RawData[np.ndarray]:
    """Test rows from a separate path, read in the same way as the training rows."""
    if raw.encoder is not None:
        return _encoded_test_rows(path, raw, reading)
    images, named, kind = raw.x.ndim > 2, table is not None and table.named, _kind(path)
    if images and kind == "images":
        alike = ReadOptions(raw.x.shape[1], strict=reading.strict, colour=raw.x.ndim == 4,
                            pictures=(raw.pictures or PictureFormat(fit="crop")).for_others())  # fmt: skip
        of_test = _read_raw(path, kind, alike, table)
        if of_test.test is not None:  # it has folders for training and for testing
            of_test.x, of_test.labels = of_test.test
        of_test.notes = tuple(f"{path}: {note}" for note in of_test.notes)
        return of_test
    if kind == ("table" if named else "arrays"):
        alike = replace(reading, test=None, labels_file=None, pictures=raw.pictures)
        return _read_raw(path, kind, alike, table)
    kinds = "a folder of images or an .npz file" if images else "a .csv or .parquet file" if named else "an .npz file"
    raise AAEError(f"--test {path} is not {kinds}, like the rows to train on; check the path.")


def _encoded_test_rows(path: Path, raw: RawData[Any], reading: ReadOptions) -> RawData[np.ndarray]:
    """Test rows from a separate path, read by the same encoder as the training rows."""
    kind, wanted = _kind(path), "table" if reading.text_column is not None else "images"
    if kind != wanted:
        what = "a table with the same text column" if wanted == "table" else "a folder like that of the training rows"
        raise AAEError(f"--test {path} is not {what}; check the path.")
    how = raw.pictures.for_others() if raw.pictures is not None else None
    alike = replace(reading, test=None, labels_file=None, pictures=how, encoder=raw.encoder)
    of_test = _read_raw(path, kind, alike, None)
    if of_test.test is not None:  # it has folders for training and for testing
        of_test.x, of_test.labels = of_test.test
    of_test.notes = tuple(f"{path}: {note}" for note in of_test.notes)
    return of_test
