"""Rows of a table as files: dates as dates, whole numbers whole, categories and truth values as their texts."""

import csv
import datetime
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO, NamedTuple, Self
from zoneinfo import ZoneInfo

import numpy as np

from aae.data.tables import pyarrow_parquet
from aae.model.table import Table
from aae.system.files import csv_cell

__all__ = ["Columns", "arrow_column", "cell_texts", "write_columns"]

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
DAY = 86400
FIRST, LAST = -62135596800, 253402300799  # seconds since 1970 of the years 1 and 9999
DIGITS = 7  # digits of a scale that the networks' float32 holds


class Columns(NamedTuple):
    """Names of columns, and what a `Table` says of each."""

    names: Sequence[str | int]
    kinds: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, table: Table) -> Self:
        """Those of a table."""
        return cls(table.names, table.columns)

    def and_category(self, name: str, values: Sequence[object]) -> Self:
        """With one more column at the end, whose cells are numbers of these values."""
        return self._replace(names=[*self.names, name], kinds=[*self.kinds, {"values": list(map(str, values))}])


def write_columns(file: BinaryIO, columns: Columns, parts: Iterator[np.ndarray], suffix: str) -> None:
    """Write rows ``(N, columns)`` under the names of their columns, each by its kind, as CSV or Parquet."""
    if suffix == ".csv":
        text = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([csv_cell(name) for name in columns.names])
        for part in parts:
            cells = [cell_texts(column, values) for column, values in zip(columns.kinds, part.T, strict=True)]
            writer.writerows(zip(*cells, strict=True))
        text.detach()
        return
    parquet = pyarrow_parquet()
    import pyarrow as pa

    first = next(parts)
    schema = _arrow_table(columns, first).schema
    with parquet.ParquetWriter(file, schema) as output:
        for part in chain([first], parts):
            output.write_table(pa.Table.from_arrays(_arrow_table(columns, part).columns, schema=schema))


def cell_texts(column: Mapping[str, Any], values: np.ndarray) -> list[str]:
    """The cells of one column as texts, ``""`` for empty ones and unknown categories."""
    if "values" in column:
        known = [csv_cell(value) for value in column["values"]]
        return [known[int(value)] if value >= 0 else "" for value in values.tolist()]
    write = _writer(column)
    return ["" if value != value else write(value) for value in (values if _plain(column, values) else values.tolist())]


def _plain(column: Mapping[str, Any], values: np.ndarray) -> bool:
    """Whether numbers are written with all digits that float32 has: those of numpy's own numbers."""
    return column.get("kind", "number") == "number" and values.dtype == np.float32


def _writer(column: Mapping[str, Any]) -> Callable[[Any], str]:
    kind = column.get("kind", "number")
    if kind == "whole":
        return lambda value: str(round(value))
    if kind == "boolean":
        texts = [csv_cell(text) for text in column.get("texts", ["false", "true"])]
        return lambda value: texts[int(value >= 0.5)]
    if kind == "time":
        return lambda value: str(_time(value))
    if kind == "date":
        return lambda value: _date_text(column, value)
    places = max(0, DIGITS - math.ceil(math.log10(column["scale"])))
    return lambda value: str(value) if isinstance(value, np.float32) else repr(round(value, places))


def _time(value: float) -> datetime.time:
    seconds = min(max(round(value), 0), DAY - 1)
    return datetime.time(seconds // 3600, seconds // 60 % 60, seconds % 60)


def _date(column: Mapping[str, Any], value: float) -> datetime.datetime:
    """A date in the zone of its column; without a time of the day, the nearest midnight."""
    seconds = min(max(value, FIRST + DAY), LAST - DAY)
    if not column.get("clock", True):
        return EPOCH + datetime.timedelta(days=round((seconds + _offset(column, seconds)) / DAY))
    return (EPOCH + datetime.timedelta(seconds=round(seconds))).astimezone(_zone(column))


def _offset(column: Mapping[str, Any], seconds: float) -> float:
    offset = (EPOCH + datetime.timedelta(seconds=round(seconds))).astimezone(_zone(column)).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def _date_text(column: Mapping[str, Any], value: float) -> str:
    date = _date(column, value)
    if not column.get("clock", True):
        return date.date().isoformat()
    return date.isoformat(" ") if "zone" in column else date.replace(tzinfo=None).isoformat(" ")


def _zone(column: Mapping[str, Any]) -> datetime.tzinfo:
    """The zone of a column; UTC if this machine does not know it."""
    name = str(column.get("zone", "UTC"))
    try:
        if name[0] in "+-":
            hours, minutes = int(name[1:3]), int(name[4:6] or 0)
            sign = -1 if name[0] == "-" else 1
            return datetime.timezone(sign * datetime.timedelta(hours=hours, minutes=minutes))
        return ZoneInfo(name)
    except (ValueError, OSError, IndexError, LookupError):
        return datetime.UTC


def _arrow_table(columns: Columns, rows: np.ndarray) -> Any:
    import pyarrow as pa

    names = [str(name) for name in columns.names]
    return pa.table([arrow_column(column, values) for column, values in zip(columns.kinds, rows.T, strict=True)], names)


def arrow_column(column: Mapping[str, Any], values: np.ndarray) -> Any:
    """The cells of one column as an Arrow array."""
    import pyarrow as pa

    kind, empty = column.get("kind", "number"), np.isnan(values)
    if "values" in column:
        return pa.array([column["values"][int(v)] if v >= 0 else None for v in values.tolist()], pa.string())
    if kind == "number":
        return pa.array(values, mask=empty)
    if kind == "whole":
        whole = np.round(np.where(empty, 0, values).astype(np.float64))
        if column["mean"] >= 2**62:  # such as only unsigned integers hold
            return pa.array(whole.clip(0, 2**64 - 2048).astype(np.uint64), mask=empty)
        return pa.array(whole.clip(-(2**63), 2**63 - 1024).astype(np.int64), mask=empty)
    if kind == "boolean":
        return pa.array(values >= 0.5, mask=empty)
    if kind == "time":
        return pa.array([None if v != v else _time(v) for v in values.tolist()], pa.time32("s"))
    dates = [None if v != v else _date(column, v) for v in values.tolist()]
    if not column.get("clock", True):
        return pa.array([date and date.date() for date in dates], pa.date32())
    if "zone" not in column:
        return pa.array([date and date.replace(tzinfo=None) for date in dates], pa.timestamp("us"))
    return pa.array(dates, pa.timestamp("us", str(_zone(column)).removeprefix("UTC") or "UTC"))
