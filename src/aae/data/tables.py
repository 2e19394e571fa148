"""Files of columns with names: CSV files, Parquet files and folders of Parquet parts, opened as Arrow columns."""

import base64
import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import numpy as np

from aae.data.csv_files import CSV_ENDINGS, MAX_COLUMNS, THREADED, read_csv
from aae.data.text_columns import Style
from aae.model.unseen import row_name
from aae.system.errors import AAEError, UsageError, first_line

if TYPE_CHECKING:
    from aae.data.dataset import ReadOptions

__all__ = [
    "LIMITS",
    "TableFile",
    "import_pyarrow",
    "missing_texts",
    "names_of_columns",
    "open_table",
    "parquet_size",
    "pyarrow_parquet",
    "readable",
    "style_of",
    "table_kind",
]

PARQUET_ENDINGS = (".parquet", ".pq")
LIMITS = {"thrift_string_size_limit": 2**26, "thrift_container_size_limit": 2**24}  # of a Parquet file's metadata


@dataclass
class TableFile:
    """The columns of a file by name, how it writes its cells, and which are a data frame's index or its categories."""

    columns: dict[str, Any]
    style: Style
    notes: list[str] = field(default_factory=list)
    index: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0


def table_kind(path: str | Path) -> Literal["csv", "parquet"] | None:
    """Whether a path is a text table, a Parquet file or a folder of Parquet parts; None if it is neither."""
    path = Path(path)
    if path.is_dir():
        return "parquet" if parquet_parts(path) else None
    name = path.name.lower()
    if name.removesuffix(".gz").endswith(CSV_ENDINGS):
        return "csv"
    return "parquet" if name.endswith(PARQUET_ENDINGS) else None


def parquet_parts(folder: Path) -> list[Path]:
    """The Parquet files of a folder and of the folders in it; none if it also holds other files.

    Files whose names begin with a point or an underscore do not count: Spark and Hadoop write such beside the parts.
    """
    parts = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        for name in sorted(names):
            if name.startswith((".", "_")):
                continue
            if not name.lower().endswith(PARQUET_ENDINGS):
                return []
            parts.append(Path(place, name))
    return parts


def pyarrow_parquet() -> Any:
    """The module `pyarrow.parquet`.

    Raises:
        AAEError: pyarrow is not installed.
    """
    import_pyarrow("Parquet")
    import pyarrow.parquet

    return pyarrow.parquet


def import_pyarrow(what: str, instead: str = "use .npz") -> Any:
    """The module `pyarrow`, which ``what`` needs; ``instead`` says what can be done without it.

    Raises:
        AAEError: It is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        sentence = f"{what} needs pyarrow; `pip install 'adversarial-autoencoder[tables]'`, or {instead}."
        raise AAEError(sentence) from error
    return pyarrow


def open_table(path: Path, reading: "ReadOptions", hints: bool = False) -> TableFile:
    """Every column of a table.

    Args:
        path: A CSV or Parquet file, or a folder of Parquet parts.
        reading: Options.
        hints: The options are those of another file: they are used where this one can be read in several ways.

    Raises:
        AAEError: pyarrow is missing, or the file is damaged or has no rows.
    """
    text = table_kind(path) == "csv"
    import_pyarrow("A CSV file" if text else "Parquet")
    notes: list[str] = []
    delimiter: str | None = None
    lines: Callable[[int], str] = row_name
    with readable(path):
        if text:
            file = read_csv(path, reading, hints)
            table, delimiter, notes, lines = file.table, file.delimiter, file.notes, file.lines
        else:
            table = _read_parquet(path)
        double = next((name for name, count in Counter(map(str.strip, table.column_names)).items() if count > 1), None)
        if double is not None:
            raise AAEError(f"{path} has two columns called {double!r}; rename one.")
        if not table.num_rows:
            raise AAEError(f"{path}: there are no rows.")
        columns = {name.strip(): table.column(k) for k, name in enumerate(table.column_names)}
        style, schema = replace(style_of(reading, delimiter, hints), row_name=lines), table.schema
        return TableFile(columns, style, notes, index_columns(schema), [] if text else stored_categories(path))


def names_of_columns(path: Path, reading: "ReadOptions") -> list[str]:
    """The names of a table's columns, which a Parquet file gives without reading its cells.

    Raises:
        AAEError: The file is damaged.
    """
    if path.is_dir() or table_kind(path) == "csv":
        return list(open_table(path, reading, hints=True).columns)
    with readable(path), pyarrow_parquet().ParquetFile(path, **LIMITS) as file:
        return [name.strip() for name in file.schema_arrow.names]


def _read_parquet(path: Path) -> Any:
    parquet = pyarrow_parquet()
    if path.is_dir():
        import pyarrow as pa

        tables = [_read_parquet(part) for part in parquet_parts(path)]
        try:
            table = pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            raise AAEError(f"The parts in {path} have different columns ({first_line(error)}); write them in one way."
                           ) from error  # fmt: skip
        return _with_partitions(table, path, [(part, len(one)) for part, one in zip(parquet_parts(path), tables,
                                                                                  strict=True)])  # fmt: skip
    with parquet.ParquetFile(path, **LIMITS) as file:
        _check_columns(path, file.metadata.num_columns)
        size = sum(file.metadata.row_group(k).total_byte_size for k in range(file.metadata.num_row_groups))
        return file.read(use_threads=size > THREADED)


def _with_partitions(table: Any, folder: Path, parts: list[tuple[Path, int]]) -> Any:
    """The table with a column for each ``name=value`` in the paths of its parts."""
    import pyarrow as pa

    pairs = [dict(unquote(step).split("=", 1) for step in part.relative_to(folder).parts[:-1] if "=" in step)
             for part, _ in parts]  # fmt: skip
    for name in pairs[0] if pairs else ():
        if all(name in pair for pair in pairs) and name not in table.column_names:
            values = [None if pair[name] == "__HIVE_DEFAULT_PARTITION__" else pair[name] for pair in pairs]
            cells = np.repeat(np.array(values, dtype=object), [count for _, count in parts])
            table = table.append_column(name, pa.array(cells.tolist(), pa.string()))
    return table


def index_columns(schema: Any) -> list[str]:
    """Names of the columns that pandas wrote as the index of its data frame."""
    try:
        metadata = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        names = metadata.get("index_columns", [])
    except (ValueError, AttributeError):
        names = []
    return [name for name in schema.names if name in names or name.startswith("__index_level_")]


def stored_categories(path: Path) -> list[str]:
    """Names of the columns that were categories in the program that wrote a Parquet file.

    Arrow gives categories of numbers back as numbers; only the schema that it stores beside them tells.
    """
    import pyarrow as pa

    part = parquet_parts(path)[0] if path.is_dir() else path
    try:
        with pyarrow_parquet().ParquetFile(part, **LIMITS) as file:
            stored = (file.metadata.metadata or {}).get(b"ARROW:schema", b"")
        schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(stored)))
        return [field.name.strip() for field in schema if pa.types.is_dictionary(field.type)]
    except (ValueError, OSError, KeyError, pa.ArrowException):
        return []


def style_of(reading: "ReadOptions", delimiter: str | None = None, hints: bool = False) -> Style:
    """How a file writes its cells; see `open_table`.

    Raises:
        UsageError: The decimal mark is neither point nor comma.
    """
    if reading.decimal not in (None, ".", ","):
        raise UsageError(f"--decimal is . or , not {reading.decimal!r}.")
    # Semicolons divide cells where commas are needed for decimals.
    likely = {";": ",", ",": "."}.get(delimiter or "")
    chosen = reading.decimal is not None and (not hints or "decimal" in reading.chosen)
    # That of another file does not count against this one's own delimiter.
    mark = likely if hints and not chosen and likely == "." else reading.decimal or likely
    return Style(mark, missing_texts(reading), delimiter is not None, chosen)


def missing_texts(reading: "ReadOptions") -> tuple[str, ...]:
    """Texts that stand for an empty cell."""
    if reading.missing is None:
        return ()
    return tuple(text.strip() for text in next(csv.reader([reading.missing]), []))


@contextmanager
def readable(path: Path | str) -> Iterator[None]:
    """Turn the errors that pyarrow and Python raise on a damaged file into an `AAEError`.

    Raises:
        AAEError: The file is damaged.
    """
    from pyarrow import ArrowException

    try:
        yield
    except AAEError:
        raise
    except (OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError, csv.Error, ArrowException) as error:
        raise AAEError(f"{path} is not a readable table ({first_line(error)}).") from error


def _check_columns(path: Path, count: int) -> None:
    if count > MAX_COLUMNS:
        raise AAEError(f"{path} has {count} columns, but at most {MAX_COLUMNS} can be read; leave some out.")


def parquet_size(path: Path) -> tuple[int, int]:
    """Rows and columns of a Parquet file.

    Raises:
        AAEError: The file is damaged.
    """
    parquet = pyarrow_parquet()
    with readable(path), parquet.ParquetFile(path, **LIMITS) as file:
        metadata = file.metadata
        rows = sum(metadata.row_group(k).num_rows for k in range(metadata.num_row_groups))
        if metadata.num_rows != rows or metadata.num_rows < 0:
            raise AAEError(f"{path} should hold {metadata.num_rows} rows but holds {rows}; copy it again.")
        _check_columns(path, metadata.num_columns)
        return metadata.num_rows, metadata.num_columns
