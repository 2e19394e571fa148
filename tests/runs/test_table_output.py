"""Rows are written by the kinds of their columns."""

import csv
import io

import numpy as np
import pyarrow.parquet as pq
import pytest

from aae.data.dataset import ReadOptions
from aae.data.table_files import read_known_table
from aae.model.table import Table
from aae.runs.table_output import Columns, cell_texts, write_columns

NUMBER = {"name": "a", "mean": 0.0, "scale": 1.0}
SECONDS = 1767358800.0  # 2026-01-02 13:00 UTC


def texts(column, *values, dtype=np.float64):
    return cell_texts({**NUMBER, **column}, np.array(values, dtype))


@pytest.mark.parametrize(("column", "values", "expected"), [
    ({}, [0.1, np.nan], ["0.1", ""]),
    ({"kind": "number"}, [1 / 3], ["0.3333333"]),
    ({"kind": "number", "scale": 1e-3}, [1 + 1e-9], ["1.000000001"]),
    ({"kind": "number", "scale": 1e9}, [1.7e9 + 0.2], ["1700000000.0"]),
    ({"kind": "whole"}, [2.6, -0.4, np.nan], ["3", "0", ""]),
    ({"kind": "boolean", "texts": ["no", "YES"]}, [0.4, 0.9], ["no", "YES"]),
    ({"kind": "time"}, [45000.4, -5, 1e9], ["12:30:00", "00:00:00", "23:59:59"]),
    ({"kind": "date", "clock": False}, [SECONDS], ["2026-01-03"]),  # the nearest day
    ({"kind": "date", "clock": True}, [SECONDS + 0.3], ["2026-01-02 13:00:00"]),
    ({"kind": "date", "clock": True, "zone": "UTC"}, [SECONDS], ["2026-01-02 13:00:00+00:00"]),
    ({"kind": "date", "clock": True, "zone": "+02:00"}, [SECONDS], ["2026-01-02 15:00:00+02:00"]),
    ({"kind": "date", "clock": True, "zone": "Europe/Rome"}, [SECONDS], ["2026-01-02 14:00:00+01:00"]),
    ({"kind": "date", "clock": True, "zone": "no/where"}, [SECONDS], ["2026-01-02 13:00:00+00:00"]),
    ({"kind": "date", "clock": True}, [1e30, -1e30, np.nan], ["9999-12-30 23:59:59", "0001-01-02 00:00:00", ""]),
    ({"values": ["01", "=x"]}, [0, 1, -1, np.nan], ["01", "'=x", "", ""]),
])  # fmt: skip
def test_cells(column, values, expected):
    assert texts(column, *values) == expected


def test_numbers_of_float32_have_their_own_digits():
    assert texts({"kind": "number"}, 170.3, 1e-7, dtype=np.float32) == ["170.3", "1e-07"]


TABLE = Table([
    {"name": "n", "mean": 0.0, "scale": 1.0, "kind": "number"},
    {"name": "w", "mean": 0.0, "scale": 1.0, "kind": "whole"},
    {"name": "t", "mean": 0.5, "scale": 0.5, "kind": "boolean", "texts": ["False", "True"]},
    {"name": "d", "mean": 0.0, "scale": 1.0, "kind": "date", "clock": False},
    {"name": "m", "mean": 0.0, "scale": 1.0, "kind": "date", "clock": True, "zone": "Europe/Rome"},
    {"name": "u", "mean": 0.0, "scale": 1.0, "kind": "time"}, {"name": "c", "values": ["01", "A1"]},
], float64=True)  # fmt: skip
ROWS = np.array([[0.25, 3, 1, 1767312000, SECONDS, 45000, 0], [-1.5, -2, 0, 0, 0, 1, 1], [np.nan] * 7])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_written_is_read_again(tmp_path, suffix):
    file = io.BytesIO()
    write_columns(file, Columns.of(TABLE), iter([ROWS[:2], ROWS[2:]]), suffix)
    (tmp_path / f"a{suffix}").write_bytes(file.getvalue())
    found, notes = read_known_table(tmp_path / f"a{suffix}", ReadOptions(), TABLE)
    assert np.array_equal(found, ROWS, equal_nan=True)
    assert [note for note in notes if "kept 1 empty row" not in note] == []


def test_large_whole_numbers_stay_whole():
    for value in (2**63 - 1024, 2**64 - 2048):
        table = Table([{"name": "w", "mean": float(value), "scale": 1.0, "kind": "whole"}], float64=True)
        file = io.BytesIO()
        write_columns(file, Columns.of(table), iter([np.array([[float(value)]])]), ".parquet")
        assert pq.read_table(io.BytesIO(file.getvalue()))["w"].to_pylist() == [value]


def test_both_formats_by_kind(tmp_path):
    file = io.BytesIO()
    write_columns(file, Columns.of(TABLE), iter([ROWS]), ".csv")
    head, first, *_ = csv.reader(file.getvalue().decode().splitlines())
    assert head == list("nwtdmuc")
    assert first == ["0.25", "3", "True", "2026-01-02", "2026-01-02 14:00:00+01:00", "12:30:00", "01"]
    file = io.BytesIO()
    write_columns(file, Columns.of(TABLE), iter([ROWS]), ".parquet")
    kinds = [str(field.type) for field in pq.read_schema(io.BytesIO(file.getvalue()))]
    assert kinds == ["double", "int64", "bool", "date32[day]", "timestamp[us, tz=Europe/Rome]", "time32[ms]", "string"]
