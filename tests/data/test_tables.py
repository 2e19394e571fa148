import datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aae.data import tables
from aae.data.arrays import check_rows
from aae.data.tables import ParquetRows, describe_columns, read_columns, take_labels
from aae.model.table import Table
from aae.system.errors import AAEError, UsageError

RNG = np.random.default_rng(0)
VALUES = RNG.standard_normal((1000, 3)).astype(np.float32)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A thousand rows in row groups of 300, decoded 64 at a time."""
    monkeypatch.setattr(tables, "CHUNK", 64)
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
    with pytest.raises(AAEError, match="row 1 holds NaN or infinity"):
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


CSV = """name,age,height,town,empty,kind
ann,31,1.7,Rome,,cat
bob,,1.8,"Paris, 5e",,
cid,28,,Rome,,dog
"""


@pytest.fixture
def people(tmp_path):
    (tmp_path / "people.csv").write_text(CSV)
    return tmp_path / "people.csv"


def test_columns_of_a_csv_file(people):
    columns = read_columns(people)
    assert list(columns) == ["name", "age", "height", "town", "empty", "kind"]
    assert np.array_equal(columns["age"], [31, np.nan, 28], equal_nan=True)
    assert columns["town"].tolist() == ["Rome", "Paris, 5e", "Rome"]
    assert columns["kind"].tolist() == ["cat", None, "dog"]
    assert np.isnan(columns["empty"]).all()


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_a_byte_order_mark(tmp_path, delimiter):
    (tmp_path / "a.csv").write_text("\ufeff" + delimiter.join(["a", "b"]) + "\n" + delimiter.join(["1", "x"]) + "\n")
    columns = read_columns(tmp_path / "a.csv")
    assert (columns["a"].tolist(), columns["b"].tolist()) == ([1.0], ["x"])


def test_columns_of_a_parquet_file(tmp_path):
    date = [datetime.date(1970, 1, 2), None, datetime.date(1970, 1, 3)]
    columns = {"i": [1, None, 3], "b": [True, False, None], "s": ["x", None, "y"], "d": date,
               "c": pa.array(["u", "v", "u"]).dictionary_encode(), "n": pa.nulls(3)}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = read_columns(tmp_path / "a.parquet")
    assert np.array_equal(found["i"], [1, np.nan, 3], equal_nan=True)
    assert np.array_equal(found["b"], [1, 0, np.nan], equal_nan=True)
    assert found["s"].tolist() == ["x", None, "y"]
    assert found["c"].tolist() == ["u", "v", "u"]
    assert np.array_equal(found["d"], [86400, np.nan, 172800], equal_nan=True)
    assert np.isnan(found["n"]).all()


def test_numbers_categories_and_empty_columns(people):
    columns = read_columns(people)
    columns["id"] = np.array([f"row {k}" for k in range(3)], dtype=object)
    x, names, values, notes = describe_columns(columns, "people")
    assert names == ["name", "age", "height", "town", "kind", "id"]  # too few rows to distinguish names from kinds
    assert values == {0: ["ann", "bob", "cid"], 3: ["Paris, 5e", "Rome"], 4: ["cat", "dog"],
                      5: ["row 0", "row 1", "row 2"]}  # fmt: skip
    assert np.array_equal(x[:, 4], [0, np.nan, 1], equal_nan=True)
    assert notes == ["The column 'empty' of people is empty and was left out."]
    many = {"id": np.array([f"row {k}" for k in range(30)], dtype=object), "a": np.arange(30.0)}
    x, names, values, notes = describe_columns(many, "many")
    assert (names, values, x.shape) == (["a"], {}, (30, 1))
    assert notes[0].startswith("The column 'id' of many holds 30 different texts in 30 rows, such as 'row 0'")


@pytest.mark.parametrize(("values", "expected"), [
    (np.array(["b", None], dtype=object), ["b", None]),
    (np.array([1.0, np.nan]), [1, None]),
])
def test_labels_keep_their_values(values, expected):
    columns, labels = take_labels({"a": np.zeros(2), "y": values}, "y", "t.csv")
    assert list(columns) == ["a"]
    assert labels.tolist() == expected
    assert [type(v) for v in labels] == [type(v) for v in expected]


def test_invalid_label_columns_are_refused():
    with pytest.raises(UsageError, match=r"no column of t.csv called 'kid'; did you mean 'kind'\?"):
        take_labels({"kind": np.zeros(2)}, "kid", "t.csv")
    with pytest.raises(AAEError, match=r"label column 'y' holds 0.5; labels are texts or whole numbers"):
        take_labels({"y": np.array([1, 0.5])}, "y", "t.csv")


@pytest.mark.parametrize(("text", "sentence"), [
    ("a,b\n1,2\n3\n", "is not a readable table"),
    ("a,a\n1,2\n", "has two columns called 'a'"),
    ("a,b\n", "there are no rows"),
    ("", "is not a readable table"),
    ("1,2\n3,4\n", "holds numbers, not the names of columns"),
    ("a\n\xff\n", "is not a readable table"),
])
def test_a_csv_file_that_cannot_be_used(tmp_path, text, sentence):
    (tmp_path / "a.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(AAEError, match=sentence):
        read_columns(tmp_path / "a.csv")


def test_parquet_columns_that_cannot_be_used(tmp_path):
    pq.write_table(pa.table({"a": [[1, 2], [3]]}), tmp_path / "a.parquet")
    with pytest.raises(AAEError, match=r"column 'a' holds list<.*>, but only numbers and texts can be read"):
        read_columns(tmp_path / "a.parquet")
    with pytest.raises(AAEError, match="t has no column of numbers or categories"):
        describe_columns({"a": np.full(3, np.nan)}, "t")


def test_parquet_rows_for_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "CHUNK", 64)
    colour = np.array(["red", "blue", None], dtype=object)[RNG.integers(0, 3, 500)]
    columns = {"colour": colour, "a": VALUES[:500, 0], "more": VALUES[:500, 1]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=100)
    known = Table([{"name": "a", "mean": 0.0, "scale": 1.0}, {"name": "colour", "values": ["blue", "red"]}])
    rows = ParquetRows(tmp_path / "a.parquet", known)
    assert rows.named
    assert rows.shape == (500, 2)
    expected = known.read({"a": columns["a"], "colour": colour}, "")
    assert np.array_equal(rows[90:320], expected[90:320], equal_nan=True)
    strict = Table([{"name": "a", "mean": 0.0, "scale": 1.0}, {"name": "colour", "values": ["blue"]}])
    with pytest.raises(AAEError, match="column 'colour' holds 'red' in row"):
        ParquetRows(tmp_path / "a.parquet", strict)[0:500]
