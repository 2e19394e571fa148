"""Data sources: from a name or path to arrays.

Images stay bytes, ``(N, H, W)`` or ``(N, H, W, C)``. Vectors and the columns of a table keep their values
as float32, ``(N, D)``, and a `Table` describes how the networks read them. Labels are indices into
``classes``, -1 for rows without a label.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from aae.data.arrays import NpyRows, check_finite, check_kind, check_rows, open_rows, read_numpy
from aae.data.idx import is_idx_folder, load_mnist, read_idx_folder
from aae.data.tables import ENDINGS as TABLES
from aae.data.tables import describe_columns, parquet_size, read_columns, take_labels
from aae.data.unpacked import unpack
from aae.model.table import Table, fit_table
from aae.system.errors import AAEError, UsageError, unknown

__all__ = ["Dataset", "ReadOptions", "as_float", "is_image_source", "load_data"]


FILES = (".npz", ".npy", *TABLES)
LARGE = 2**30  # bytes of rows above which they stay on the disk
MAX_TEST_ROWS = 10_000  # held out from rows on the disk
SCALE_BYTES, SCALE_RUNS = 2**25, 500  # bytes of rows, in runs of neighbours, from which scales of columns are learned


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
        strict: Stop at an image that cannot be read, instead of leaving it out.
        colour: Whether images keep their colours; if None, they do if any image has colours.
        label_column: Column of a table that holds the labels.
    """

    image_size: int | None = None
    labels_file: str | None = None
    test: str | None = None
    strict: bool = False
    colour: bool | None = None
    label_column: str | None = None

    def given(self) -> dict[str, Any]:
        """The options that differ from the defaults."""
        values = asdict(self)
        return {field.name: values[field.name] for field in fields(self) if values[field.name] != field.default}


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
    if str(spec) in _NAMED or (path.is_dir() and is_idx_folder(path)):
        if reading.given():
            name = next(iter(reading.given()))
            raise UsageError(f"{spec} has a fixed format and fixed test rows; drop --{name.replace('_', '-')}.")
        return _NAMED[str(spec)]() if str(spec) in _NAMED else _from_arrays(path.name, *read_idx_folder(path))
    if (path.is_file() and path.suffix in FILES) or is_image_source(spec):
        large = _large_file(path, reading, table)
        return large if large is not None else _with_test(_read_raw(path, reading, table), reading, table)
    if path.suffix or len(path.parts) > 1 or path.exists():
        raise AAEError(
            f"No data at {path}: expected a file ({', '.join(FILES)}), a folder of images or a folder of IDX files; "
            "check the path."
        )
    raise unknown("data set", str(spec), _NAMED)


def is_image_source(spec: str | Path) -> bool:
    """Whether a name or path stands for a folder of images."""
    path = Path(spec)
    return str(spec) not in _NAMED and path.is_dir() and not is_idx_folder(path)


_Rows = TypeVar("_Rows", np.ndarray, NpyRows)  # in memory, or left on the disk


@dataclass
class _RawData(Generic[_Rows]):
    """Rows with their label names, before any are held out for testing; and the test rows, if the source has them."""

    name: str
    x: _Rows
    labels: np.ndarray | None
    where: str
    test: tuple[np.ndarray, np.ndarray | None] | None = None
    notes: tuple[str, ...] = ()
    columns: list[str] | None = None
    values: dict[int, list[str]] = field(default_factory=dict)  # values of the columns that are categories

    def table(self, rows: np.ndarray) -> Table | None:
        """How to read the columns, learned from these rows; None for images."""
        return fit_table(rows, self.columns, self.values) if rows.ndim == 2 else None


def _read_raw(path: Path, reading: ReadOptions, table: Table | None) -> _RawData[np.ndarray]:
    """The rows at a path; the options are checked first."""
    folder, of_table = path.is_dir(), path.suffix in TABLES
    _check_options(str(path), reading, folder, of_table)
    if folder:
        return _image_folder(path, reading)
    if of_table:
        return _columns(path, reading.label_column, table)
    if path.suffix == ".npy":
        return _RawData(path.stem, _stored(np.asarray(check_rows(open_rows(path), str(path)))), None, str(path))
    return _npz(path)


def _check_options(path: str, reading: ReadOptions, folder: bool, of_table: bool) -> None:
    for name in reading.given():
        if name in ("image_size", "labels_file", "strict", "colour") and not folder:
            raise UsageError(f"--{name.replace('_', '-')} is for folders of images; {path} is a file.")
        if name == "label_column" and not of_table:
            raise UsageError(f"--label-column is for {' and '.join(TABLES)} files; {path} is not one of them.")


def _columns(path: Path, label_column: str | None, table: Table | None) -> _RawData[np.ndarray]:
    cells, labels = read_columns(path), None
    if label_column is not None:
        cells, labels = take_labels(cells, label_column, str(path))
    if table is not None:
        return _RawData(path.stem, table.read(cells, str(path)), labels, str(path))
    x, names, values, notes = describe_columns(cells, str(path))
    return _RawData(path.stem, x, labels, str(path), notes=tuple(notes), columns=names, values=values)


def _with_test(raw: _RawData[np.ndarray], reading: ReadOptions, table: Table | None) -> Dataset:
    """The data set, with test rows from `ReadOptions.test` or from the source, or else held out."""
    test, notes, where = raw.test, raw.notes, f"{raw.where} (x_test)"
    classes, y = _label_numbers(raw.labels, len(raw.x), raw.where)
    if reading.test is not None:
        given = _read_test_rows(Path(reading.test), raw, reading, table or raw.table(raw.x))
        test, notes, where = (given.x, given.labels), (*notes, *given.notes), given.where
    if test is None:
        rest, held = _hold_out(y, len(raw.x))
        x = raw.x[rest]
        return Dataset(raw.name, x, y[rest], raw.x[held], y[held], classes, notes, table or raw.table(x))
    if test[0].shape[1:] != raw.x.shape[1:]:
        shapes = f"rows have shape {raw.x.shape[1:]}, those of {where} {test[0].shape[1:]}"
        raise AAEError(f"{raw.where}: {shapes}; give rows of the same shape.")
    _, test_y = _label_numbers(test[1], len(test[0]), where, classes)
    return Dataset(raw.name, raw.x, y, test[0], test_y, classes, notes, table or raw.table(raw.x))


def _read_test_rows(path: Path, raw: _RawData[Any], reading: ReadOptions, table: Table | None) -> _RawData[np.ndarray]:
    """Test rows from a separate path, read in the same way as the training rows."""
    images, named = raw.x.ndim > 2, raw.columns is not None
    if images and is_image_source(path):
        return _image_folder(path, ReadOptions(raw.x.shape[1], strict=reading.strict, colour=raw.x.ndim == 4))
    if path.is_file() and path.suffix in (TABLES if named else (".npz", ".npy")):
        return _read_raw(path, ReadOptions(label_column=reading.label_column), table)
    kinds = "a folder of images or an .npz file" if images else f"a {' or '.join(TABLES if named else FILES[:2])} file"
    raise AAEError(f"--test {path} is not {kinds}, like the rows to train on; check the path.")


def _large_file(path: Path, reading: ReadOptions, table: Table | None) -> Dataset | None:
    """A data set whose rows stay on the disk, if they take more than `LARGE` bytes; otherwise None."""
    if path.suffix == ".npy":
        rows = open_rows(path)
        if not isinstance(rows, NpyRows) or rows.nbytes <= LARGE:
            return None
        check_kind(rows, str(path))
        y = np.broadcast_to(np.int64(-1), len(rows))  # a view of a single number
        return _on_disk(_RawData(path.stem, rows, None, str(path)), y, [], reading, table)
    if path.suffix == ".parquet" and math.prod(parquet_size(path)) * 4 > LARGE:
        data = unpack(path, reading.label_column, table)
        names = None if data.labels is None else np.array([*data.label_names, None], dtype=object)[:-1]
        classes, numbers = _label_numbers(names, len(data.label_names), str(path))
        y = np.broadcast_to(np.int64(-1), len(data.rows)) if data.labels is None else numbers[data.labels]
        raw = _RawData(path.stem, data.rows, None, str(path), None, tuple(data.notes), data.names, data.values)
        return _on_disk(raw, y, classes, reading, table)
    return None


def _on_disk(
    raw: _RawData[NpyRows], y: np.ndarray, classes: list[str | int | float], reading: ReadOptions, table: Table | None
) -> Dataset:
    _check_options(raw.where, reading, False, raw.columns is not None)
    rows, path = raw.x, raw.where
    generator = np.random.default_rng(0)
    known = np.flatnonzero(y >= 0) if classes else None
    pool = len(rows) if known is None else len(known)
    notes = (*raw.notes, f"The {len(rows):,} rows of {path} ({rows.nbytes / 1e9:.1f} GB) stay on the disk.")
    if reading.test is not None:
        held = np.arange(0)
        test = _read_test_rows(Path(reading.test), raw, reading, table)
        test_x, test_y = test.x, _label_numbers(test.labels, len(test.x), test.where, classes)[1]
    else:
        held = generator.choice(pool, min(MAX_TEST_ROWS, pool // 10), replace=False, shuffle=False)
        held = np.sort(held if known is None else known[held])
        test_x, test_y = _read_rows(raw, held), y[held]
    if table is None and rows.ndim == 2:
        starts = np.linspace(0, len(rows) - 1, SCALE_RUNS, dtype=np.int64)
        run = max(1, SCALE_BYTES * len(rows) // (rows.nbytes * SCALE_RUNS))
        some = np.unique((starts[:, None] + np.arange(run)).clip(max=len(rows) - 1))
        table = fit_table(_read_rows(raw, some), raw.columns, raw.values)
        notes += (f"The scales of its columns were learned from {len(some):,} rows throughout the file.",)
    return Dataset(raw.name, rows, y, test_x, test_y, classes, notes, table, held=held)


def _read_rows(raw: _RawData[NpyRows], numbers: np.ndarray) -> np.ndarray:
    """Some rows of a file on the disk; in columns with names a cell may be empty."""
    rows = raw.x[numbers]
    return _stored(rows if raw.columns is not None else check_finite(rows, numbers, raw.where))


def _image_folder(folder: Path, reading: ReadOptions) -> _RawData[np.ndarray]:
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
    return _RawData(folder.name, pictures.x, np.array(labels, dtype=object), str(folder), notes=notes)


def as_float(rows: np.ndarray) -> np.ndarray:
    """Rows as float32: bytes are scaled to [0, 1], other values stay the same."""
    return rows.astype(np.float32) / 255 if rows.dtype == np.uint8 else rows.astype(np.float32)


def _digits() -> Dataset:
    """scikit-learn's 1,797 digits of 8x8 pixels; a fixed fifth (360 rows) is the test set."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    y = bunch.target.astype(np.int64)
    rest, held = _hold_out(y, len(x))
    return Dataset("digits", x[rest], y[rest], x[held], y[held], list(range(10)), bundled=True)


def _mnist() -> Dataset:
    return replace(_from_arrays("mnist", *load_mnist()), bundled=True)


def _npz(path: Path) -> _RawData[np.ndarray]:
    """``x``; optionally ``y``, ``x_test`` and ``y_test``."""
    arrays = read_numpy(path, ("x", "y", "x_test", "y_test"))
    labels = _labels(arrays, "y", path)
    raw = _RawData(path.stem, _stored(check_rows(arrays["x"], str(path))), labels, str(path))
    if "x_test" in arrays:
        raw.test = (
            _stored(check_rows(arrays["x_test"], f"{path} (x_test)")), _labels(arrays, "y_test", path)
        )  # fmt: skip
    return raw


def _labels(arrays: dict[str, np.ndarray], name: str, path: Path) -> np.ndarray | None:
    """Labels of a file: numbers or texts."""
    labels = arrays.get(name)
    if labels is None or labels.dtype.kind != "f":
        return labels if labels is None or labels.dtype.kind != "b" else labels.astype(np.int64)
    if np.isinf(labels).any():
        raise AAEError(f"{path} ({name}) holds an infinite label; correct it, or use NaN for rows without a label.")
    return labels


def _stored(x: np.ndarray) -> np.ndarray:
    """Rows as a data set stores them: images stay bytes, vectors become float32."""
    return x if x.dtype == np.uint8 and x.ndim > 2 else x.astype(np.float32)


def _label_numbers(
    labels: np.ndarray | None, rows: int, where: str, classes: list[str | int | float] | None = None
) -> tuple[list[str | int | float], np.ndarray]:
    if labels is None:
        return classes or [], np.full(rows, -1, dtype=np.int64)
    if labels.shape != (rows,):
        raise AAEError(f"{where}: {rows} rows but labels of shape {labels.shape}; give one label for each row.")
    values = labels.tolist()
    missing = [v is None or v == "" or (isinstance(v, int | float) and v != v) or v == -1 for v in values]
    if classes is None:
        classes = sorted(
            {v for v, absent in zip(values, missing, strict=True) if not absent}, key=lambda v: (str(type(v)), v)
        )
    number = {value: k for k, value in enumerate(classes)}
    extra = next((v for v, absent in zip(values, missing, strict=True) if not absent and v not in number), None)
    if extra is not None:
        raise AAEError(f"{where}: only test rows have the label {extra!r}; no row to train on has it.")
    return classes, np.array(
        [-1 if absent else number[v] for v, absent in zip(values, missing, strict=True)], dtype=np.int64
    )


def _hold_out(y: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training rows, and of a fixed tenth for testing (a fifth of sets below 10,000 rows).

    Test rows are taken from the labelled rows if there are any, balanced over the classes.
    """
    known = np.flatnonzero(y >= 0)
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
    held = np.sort(order[:size])
    return np.setdiff1d(np.arange(count), held), held


def _from_arrays(name: str, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> Dataset:
    classes = sorted({*train[1].tolist(), *test[1].tolist()})
    number = np.full(256, -1, dtype=np.int64)
    number[classes] = np.arange(len(classes))
    return Dataset(name, train[0], number[train[1]], test[0], number[test[1]], classes)


_NAMED: dict[str, Callable[[], Dataset]] = {"digits": _digits, "mnist": _mnist}
