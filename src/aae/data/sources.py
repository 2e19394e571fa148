"""Data sources: from a name or path to arrays.

Images stay bytes, ``(N, H, W)`` or ``(N, H, W, C)``. Vectors and the columns of a table keep their values
as float32, ``(N, D)``, and a `Table` describes how the networks read them. Labels are indices into
``classes``, -1 for rows without a label.
"""

from pathlib import Path
from typing import Any

import numpy as np

from aae.data.array_files import read_array_file
from aae.data.builtin import NAMED, from_arrays
from aae.data.dataset import Dataset, ReadOptions
from aae.data.idx import is_idx_folder, read_idx_folder
from aae.data.large import large_file, on_disk
from aae.data.raw import RawData, with_test_rows
from aae.data.tables import ENDINGS as TABLES
from aae.data.tables import describe_columns, read_columns, take_labels
from aae.model.table import Table
from aae.system.errors import AAEError, UsageError, unknown

__all__ = ["is_image_source", "load_data"]

FILES = (".npz", ".npy", *TABLES)
OF_FOLDERS = ("image_size", "labels_file", "colour", "fit")  # options for folders of images alone
OF_TABLES = ("label_column", "categories", "decimal", "delimiter", "encoding", "missing")


def load_data(spec: str | Path | Dataset, reading: ReadOptions | None = None, table: Table | None = None) -> Dataset:
    """Load ``digits``, ``mnist``, a file (.npz, .npy, .csv, .parquet), a folder of images or one of IDX files.

    Args:
        spec: A name or a path; a `Dataset` is returned as it is.
        reading: Options for reading a path.
        table: How a model reads the columns; if None, it is learned from them.

    Raises:
        AAEError: The name is unknown, or the files are missing or damaged.
    """
    reading = reading or ReadOptions()
    if isinstance(spec, Dataset):
        return spec
    path = Path(spec)
    if str(spec) in NAMED or (path.is_dir() and is_idx_folder(path)):
        if reading.given():
            name = next(iter(reading.given()))
            raise UsageError(f"{spec} has a fixed format and fixed test rows; drop --{name.replace('_', '-')}.")
        return NAMED[str(spec)]() if str(spec) in NAMED else from_arrays(path.name, *read_idx_folder(path))
    if (path.is_file() and path.suffix in FILES) or is_image_source(spec):
        return _load_path(path, reading, table)
    if path.suffix or len(path.parts) > 1 or path.exists():
        raise AAEError(
            f"No data at {path}: expected a file ({', '.join(FILES)}), a folder of images or a folder of IDX files; "
            "check the path."
        )
    raise unknown("data set", str(spec), NAMED)


def _load_path(path: Path, reading: ReadOptions, table: Table | None) -> Dataset:
    folder, of_table = path.is_dir(), path.suffix in TABLES
    _check_options(str(path), reading, folder, of_table)
    large = None if folder else large_file(path, reading.label_column, table)
    raw: RawData[Any] = _read_raw(path, reading, table) if large is None else large[0]
    given = None
    if reading.test is not None:
        given = _read_test_rows(Path(reading.test), raw, reading, table or raw.table(raw.x))
    return with_test_rows(raw, given, table) if large is None else on_disk(*large, given, table)


def is_image_source(spec: str | Path) -> bool:
    """Whether a name or path stands for a folder of images."""
    path = Path(spec)
    return str(spec) not in NAMED and path.is_dir() and not is_idx_folder(path)


def _read_raw(path: Path, reading: ReadOptions, table: Table | None) -> RawData[np.ndarray]:
    """The rows at a path."""
    if path.is_dir():
        return _image_folder(path, reading)
    if path.suffix in TABLES:
        return _columns(path, reading.label_column, table)
    return read_array_file(path)


def _check_options(path: str, reading: ReadOptions, folder: bool, of_table: bool) -> None:
    for name in reading.given():
        flag = "--" + name.replace("_", "-")
        if name in OF_FOLDERS and not folder:
            raise UsageError(f"{flag} is for folders of images; {path} is a file.")
        if name == "strict" and not (folder or of_table):
            raise UsageError(f"{flag} is for folders of images and {' and '.join(TABLES)} files; {path} is neither.")
        if name in OF_TABLES and not of_table:
            raise UsageError(f"{flag} is for {' and '.join(TABLES)} files; {path} is not one of them.")


def _columns(path: Path, label_column: str | None, table: Table | None) -> RawData[np.ndarray]:
    cells, labels = read_columns(path), None
    if label_column is not None:
        cells, labels = take_labels(cells, label_column, str(path))
    if table is not None:
        return RawData(path.stem, table.read(cells, str(path)), labels, str(path))
    x, names, values, notes = describe_columns(cells, str(path))
    return RawData(path.stem, x, labels, str(path), notes=tuple(notes), columns=names, values=values)


def _read_test_rows(path: Path, raw: RawData[Any], reading: ReadOptions, table: Table | None) -> RawData[np.ndarray]:
    """Test rows from a separate path, read in the same way as the training rows."""
    images, named = raw.x.ndim > 2, raw.columns is not None
    if images and is_image_source(path):
        return _image_folder(path, ReadOptions(raw.x.shape[1], strict=reading.strict, colour=raw.x.ndim == 4))
    if path.is_file() and path.suffix in (TABLES if named else (".npz", ".npy")):
        return _read_raw(path, ReadOptions(label_column=reading.label_column), table)
    kinds = "a folder of images or an .npz file" if images else f"a {' or '.join(TABLES if named else FILES[:2])} file"
    raise AAEError(f"--test {path} is not {kinds}, like the rows to train on; check the path.")


def _image_folder(folder: Path, reading: ReadOptions) -> RawData[np.ndarray]:
    from aae.data.images import file_labels, folder_labels, read_images

    pictures = read_images(folder, reading.image_size, reading.colour, reading.strict)
    if reading.labels_file is not None:
        labels = file_labels(Path(reading.labels_file), folder, pictures.files)
    else:
        labels = folder_labels(pictures.files)
    notes: tuple[str, ...] = ()
    if pictures.skipped:
        some = ", ".join(f"{name} ({reason})" for name, reason in list(pictures.skipped.items())[:3])
        more = f" and {len(pictures.skipped) - 3} more" if len(pictures.skipped) > 3 else ""
        notes = (f"{len(pictures.skipped)} images of {folder} could not be read and were left out: {some}{more}.",)
    return RawData(folder.name, pictures.x, np.array(labels, dtype=object), str(folder), notes=notes)
