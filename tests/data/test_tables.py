import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aae.data import tables
from aae.data.arrays import check_rows
from aae.data.tables import ParquetRows
from aae.errors import AAEError

RNG = np.random.default_rng(0)
VALUES = RNG.standard_normal((1000, 3)).astype(np.float32)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A thousand rows in row groups of 300, decoded 64 at a time."""
    monkeypatch.setattr(tables, "PIECE", 64)
    columns = {"a": VALUES[:, 0], "b": VALUES[:, 1].astype(np.float64), "c": VALUES[:, 2]}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet", row_group_size=300)
    return tmp_path / "rows.parquet"


def test_rows_in_order(table):
    rows = ParquetRows(table)
    assert (len(rows), rows.shape, rows.dtype) == (1000, (1000, 3), np.float32)
    found = [rows[start : start + 70] for start in range(0, 1000, 70)]
    assert [len(part) for part in found] == [70] * 14 + [20]
    assert np.array_equal(np.concatenate(found), VALUES)
    assert np.array_equal(np.asarray(rows), VALUES)


@pytest.mark.parametrize("start", [0, 1, 63, 64, 299, 300, 301, 650, 999, 1000, 2000])
def test_rows_from_anywhere(table, start):
    rows = ParquetRows(table)
    for _ in range(2):
        assert np.array_equal(rows[start : start + 5], VALUES[start : start + 5])
    assert np.array_equal(rows[10:500], VALUES[10:500])
    assert np.array_equal(rows[500:100], VALUES[500:100])


def test_a_jump_ahead_does_not_decode_the_row_groups_between(table, monkeypatch):
    rows, decoded = ParquetRows(table), []
    read = ParquetRows._read
    monkeypatch.setattr(ParquetRows, "_read", lambda self, groups: decoded.append(list(groups)) or read(self, groups))
    rows[0:10], rows[10:20], rows[700:710], rows[710:999]
    assert decoded == [[0, 1, 2, 3], [2, 3]]


def test_whole_numbers_and_truth_values_are_numbers(tmp_path):
    pq.write_table(pa.table({"n": [1, 2], "t": [True, False]}), tmp_path / "rows.parquet")
    assert ParquetRows(tmp_path / "rows.parquet")[:].tolist() == [[1, 1], [2, 0]]


def test_no_rows(tmp_path):
    pq.write_table(pa.table({"n": pa.array([], pa.float32())}), tmp_path / "rows.parquet")
    rows = ParquetRows(tmp_path / "rows.parquet")
    assert rows[:].shape == (0, 1)
    with pytest.raises(AAEError, match="there are no rows"):
        check_rows(rows, "rows.parquet")


def test_columns_that_hold_no_numbers(tmp_path):
    pq.write_table(pa.table({"n": [1.0], "name": ["one"]}), tmp_path / "rows.parquet")
    with pytest.raises(AAEError, match=r"rows.parquet: column 'name' holds string, .* leave it out or turn it into"):
        ParquetRows(tmp_path / "rows.parquet")


def test_an_empty_cell(tmp_path):
    pq.write_table(pa.table({"n": pa.array([1.0, None, 2.0])}), tmp_path / "rows.parquet")
    with pytest.raises(AAEError, match="row 1 holds NaN or infinity"):
        check_rows(ParquetRows(tmp_path / "rows.parquet"), "rows.parquet")


@pytest.mark.parametrize("data", [b"", b"garbage" * 50])
def test_what_is_no_parquet_file(tmp_path, data):
    (tmp_path / "rows.parquet").write_bytes(data)
    with pytest.raises(AAEError, match=r"rows.parquet is not a readable Parquet file"):
        ParquetRows(tmp_path / "rows.parquet")


def test_a_file_that_is_damaged_inside(table):
    data = bytearray(table.read_bytes())
    data[100:1500] = bytes(1400)
    table.write_bytes(data)
    with pytest.raises(AAEError, match=r"rows.parquet is damaged and cannot be read to its end"):
        ParquetRows(table)[:]
