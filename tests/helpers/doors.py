"""One table written in many ways that mean the same: as CSV, Parquet or npz, in other orders and other spellings."""

import csv
import datetime
import gzip
import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyarrow import parquet

TOWNS = ("Ulm", "Köln", "NA", "01", "two words", "São Paulo", "A1")
LABELS = {
    "texts": ("cat", "dog", "cow"),
    "marks": ("NA", "none", "x"),
    "codes": ("007", "012", "7a"),
    "numbers": (0, 1, 2),
    "signs": (-1, 1),
    "truth": (False, True),
    "days": (datetime.date(2026, 1, 2), datetime.date(2026, 3, 4)),
}
KINDS = ("number", "whole", "truth", "town", "day", "moment")
MARKS = ("", "NA", "NaN", "null")  # in a column of numbers all of them are empty cells


@dataclass
class Sheet:
    """Columns of values by kind, None where a cell is empty, and labels."""

    kinds: dict[str, str]
    cells: dict[str, list]
    labels: list

    def __len__(self):
        return len(self.labels)


def sheet(seed, labels, numeric):
    """A table drawn at random; its column ``key`` identifies rows by numbers that are not in order."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(24, 40))
    every = KINDS[:3] if numeric else KINDS
    kinds = {"key": "number"} | {f"c{k}": str(rng.choice(every)) for k in range(int(rng.integers(1, 5)))}
    cells = {name: _column(rng, kind, rows, empty=not numeric and name != "key") for name, kind in kinds.items()}
    cells["key"] = (rng.permutation(10 * rows)[:rows] / 8 + 0.125).tolist()
    names = LABELS[labels]
    chosen = [names[k % len(names)] for k in rng.permutation(rows)]
    return Sheet(kinds, cells, [None if rng.random() < 0.2 else name for name in chosen])


def _column(rng, kind, rows, empty):
    draw = {
        "number": lambda: float(rng.integers(-6400, 6400)) / 64,
        "whole": lambda: int(rng.integers(-5000, 90000)),
        "truth": lambda: bool(rng.integers(2)),
        "town": lambda: str(rng.choice(TOWNS)),
        "day": lambda: datetime.date(2020, 1, 1) + datetime.timedelta(int(rng.integers(2000))),
        "moment": lambda: datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=int(rng.integers(10**8))),
    }[kind]
    values = [draw() for _ in range(rows)]
    return [None if empty and rng.random() < 0.1 else value for value in values]


def write(sheet, path, door, way):
    """Write the table; ``way`` maps the name of a freedom to the choice made.

    Returns:
        The path, and the row of the table that each written row is.
    """
    rng = np.random.default_rng(way["order"])
    rows = rng.permutation(len(sheet)) if way["order"] else np.arange(len(sheet))
    names = [*sheet.cells, "label"]
    if way["order"]:
        names = [names[k] for k in rng.permutation(len(names))]
    columns = {name: [(sheet.labels if name == "label" else sheet.cells[name])[k] for k in rows] for name in names}
    writer = {"csv": _write_csv, "parquet": _write_parquet, "npz": _write_npz}[door]
    return writer(sheet, columns, path, way), rows


def _write_csv(sheet, columns, path, way):
    mark = way["delimiter"]
    comma = way["comma"] and mark != ","
    text = io.StringIO(newline="")
    if way["note"] == "sep":
        text.write(f"sep={mark}\r\n")
    elif way["note"] == "comment":
        text.write("# exported by hand\r\n")
    writer = csv.writer(text, delimiter=mark, quoting=csv.QUOTE_ALL if way["quotes"] else csv.QUOTE_MINIMAL,
                        lineterminator="\r\n" if way["crlf"] else "\n")  # fmt: skip
    writer.writerow(columns)
    spelled = [[_text(value, "label" if name == "label" else sheet.kinds[name], way, comma) for value in cells]
               for name, cells in columns.items()]  # fmt: skip
    writer.writerows(zip(*spelled, strict=True))
    data = text.getvalue().encode(way["encoding"])
    if way["gzip"]:
        path = path.with_suffix(".csv.gz")
        path.write_bytes(gzip.compress(data, 1))
        return path
    path = path.with_suffix(".tsv" if mark == "\t" else ".CSV" if way["crlf"] else ".csv")
    path.write_bytes(data)
    return path


def _text(value, kind, way, comma):
    if value is None:
        return way["mark"] if kind in ("number", "whole") else ""
    if isinstance(value, bool):
        return str(value).upper() if way["capitals"] else str(value).lower() if kind != "label" else str(value)
    if isinstance(value, float):
        return (f"{value:.7f}" if way["zeros"] else f"{value!r}").replace(".", "," if comma else ".")
    if kind == "label" and isinstance(value, int):
        return f"{value}.0" if way["zeros"] else str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat("T" if way["zeros"] else " ")
    return f"{value} " if kind == "label" and way["zeros"] else str(value)


def _write_parquet(sheet, columns, path, way):
    def array(name, cells):
        kind = "label" if name == "label" else sheet.kinds[name]
        column = pa.array(cells)
        if kind == "number" and way["zeros"]:
            column = column.cast(pa.float32())
        elif kind == "whole":
            column = column.cast(pa.int32() if way["capitals"] else pa.float64())
        elif pa.types.is_string(column.type):
            column = column.dictionary_encode() if way["capitals"] else column.cast(pa.large_string())
        elif kind == "moment":
            column = column.cast(pa.timestamp("ns" if way["capitals"] else "s", tz="UTC" if way["zeros"] else None))
        elif kind == "day" and way["zeros"]:
            column = column.cast(pa.timestamp("ms"))
        return column

    table = pa.table({name: array(name, cells) for name, cells in columns.items()})
    if way["quotes"]:
        table = table.append_column("__index_level_0__", pa.array(range(len(table))))
    path = path.with_suffix(".pq" if way["crlf"] else ".parquet")
    parquet.write_table(table, path, row_group_size=7 if way["gzip"] else 10_000)
    return path


def _write_npz(sheet, columns, path, way):
    labels = columns["label"]
    if isinstance(next(value for value in labels if value is not None), bool | int) and way["zeros"]:
        # Whole numbers as a float array with NaN, as pandas has them.
        y = np.array([np.nan if value is None else float(value) for value in labels])
        if any(isinstance(value, bool) for value in labels):
            y = np.array(["" if value is None else str(value) for value in labels])
    else:
        y = np.array(["" if value is None else str(value) for value in labels])
    x = np.array([[float(value) for value in columns[name]] for name in sheet.cells]).T
    path = path.with_suffix(".npz")
    names = ("X", "y") if way["capitals"] else ("x_train", "y_train") if way["quotes"] else ("x", "y")
    np.savez(path, **dict(zip(names, (x, y[:, None] if way["crlf"] else y), strict=True)))
    return path
