from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aae.data import parquet_rows
from aae.data.arrays import check_rows
from aae.data.dataset import ReadOptions
from aae.data.parquet_rows import ParquetRows
from aae.model.table import Table
from aae.system.errors import AAEError

RNG = np.random.default_rng(0)
VALUES = RNG.standard_normal((1000, 3)).astype(np.float32)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A thousand rows in row groups of 300, decoded 64 at a time."""
    monkeypatch.setattr(parquet_rows, "CHUNK", 64)
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
def test_rows_from_any_start(table, start):
    rows = ParquetRows(table)
    for _ in range(2):
        assert np.array_equal(rows[start : start + 5], VALUES[start : start + 5])
    assert np.array_equal(rows[10:500], VALUES[10:500])
    assert np.array_equal(rows[500:100], VALUES[500:100])


def test_skipped_row_groups_are_not_decoded(table, monkeypatch):
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
    with pytest.raises(AAEError, match="row 1, column 0: NaN is no number"):
        check_rows(ParquetRows(tmp_path / "rows.parquet"), "rows.parquet")


@pytest.mark.parametrize("part", [slice(0, 10**6), slice(10**6 - 2, 10**6)])
def test_fewer_rows_than_the_file_says(table, part):
    rows = ParquetRows(table)
    rows.shape = (10**6, *rows.shape[1:])
    rows._file = SimpleNamespace(
        metadata=SimpleNamespace(num_row_groups=1, row_group=lambda k: SimpleNamespace(num_rows=10**6)),
        iter_batches=rows._file.iter_batches,
    )
    with pytest.raises(AAEError, match="should hold 1000000 rows but holds fewer"):
        rows[part]


@pytest.mark.parametrize("data", [b"", b"garbage" * 50])
def test_files_that_are_not_parquet(tmp_path, data):
    (tmp_path / "rows.parquet").write_bytes(data)
    with pytest.raises(AAEError, match=r"rows.parquet is not a readable table"):
        ParquetRows(tmp_path / "rows.parquet")


def test_a_file_that_is_damaged_inside(table):
    data = bytearray(table.read_bytes())
    data[100:1500] = bytes(1400)
    table.write_bytes(data)
    with pytest.raises(AAEError, match=r"rows.parquet is not a readable table"):
        ParquetRows(table)[:]


def test_parquet_rows_for_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_rows, "CHUNK", 64)
    colour = np.array(["red", "blue", None], dtype=object)[RNG.integers(0, 3, 500)]
    columns = {"colour": colour, "a": VALUES[:500, 0], "more": VALUES[:500, 1]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=100)
    known = Table([{"name": "a", "mean": 0.0, "scale": 1.0}, {"name": "colour", "values": ["blue", "red"]}])
    rows = ParquetRows(tmp_path / "a.parquet", known)
    assert rows.named
    assert rows.shape == (500, 2)
    expected = known.read({"a": columns["a"], "colour": colour}, "")
    assert np.array_equal(rows[90:320], expected[90:320], equal_nan=True)
    assert rows.notes == [f"{tmp_path / 'a.parquet'}: ignored 'more': the model was not trained on it."]


def test_unseen_values_are_counted_over_all_chunks_before_a_row_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_rows, "CHUNK", 4)
    pq.write_table(pa.table({"colour": ["red", "blue", None, "green"] * 5, "a": range(20)}), tmp_path / "a.parquet")
    known = Table([{"name": "a", "mean": 0.0, "scale": 1.0}, {"name": "colour", "values": ["blue", "red"]}])
    rows = ParquetRows(tmp_path / "a.parquet", known)
    assert rows.notes == [f"{tmp_path / 'a.parquet'}: 5 of 20 rows hold categories that the model has not seen, read "
                          "as unknown: colour: 'green' (5)."]  # fmt: skip
    assert np.array_equal(rows[4:8][:, 1], [1, 0, np.nan, -1], equal_nan=True)
    with pytest.raises(AAEError, match="row 3, column colour: 'green' is a category that the model has not seen"):
        ParquetRows(tmp_path / "a.parquet", known, ReadOptions(strict=True))


def test_rows_in_double_where_the_table_needs_them(tmp_path):
    pq.write_table(pa.table({"t": [1700000001.0, 1700000002.0]}), tmp_path / "a.parquet")
    table = Table([{"name": 0, "mean": 1.7e9, "scale": 1.0}], float64=True)
    assert ParquetRows(tmp_path / "a.parquet", table)[:].tolist() == [[1700000001.0], [1700000002.0]]
