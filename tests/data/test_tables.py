import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aae.data.cells import typed_numbers
from aae.data.dataset import ReadOptions
from aae.data.tables import open_table, style_of, table_kind
from aae.system.errors import AAEError, UsageError

FRAME = pd.DataFrame({"a": np.arange(6) * 0.5, "ward": pd.Categorical([1, 2, 3] * 2)})


@pytest.mark.parametrize(("name", "kind"), [
    ("a.csv", "csv"), ("A.CSV", "csv"), ("a.tsv", "csv"), ("a.txt", "csv"), ("a.csv.gz", "csv"),
    ("a.parquet", "parquet"), ("a.PQ", "parquet"), ("a.npz", None), ("a.xlsx", None), ("a.gz", None),
])  # fmt: skip
def test_kinds_by_ending(name, kind):
    assert table_kind(name) == kind


def test_a_folder_of_parts(tmp_path):
    for year in (2025, 2026):
        (tmp_path / f"year={year}").mkdir()
        pq.write_table(pa.table({"a": [1, 2]}), tmp_path / f"year={year}" / "part-0.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".crc").write_text("")
    assert table_kind(tmp_path) == "parquet"
    columns = open_table(tmp_path, ReadOptions()).columns
    assert columns["a"].to_pylist() == [1, 2, 1, 2]
    assert columns["year"].to_pylist() == ["2025", "2025", "2026", "2026"]
    (tmp_path / "cat.png").write_text("")
    assert table_kind(tmp_path) is None


def test_parts_that_differ(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "2.parquet")
    with pytest.raises(AAEError, match="have different columns"):
        open_table(tmp_path, ReadOptions())


def test_the_index_of_a_data_frame_and_its_categories(tmp_path):
    FRAME.sample(frac=1, random_state=0).to_parquet(tmp_path / "a.parquet")
    file = open_table(tmp_path / "a.parquet", ReadOptions())
    assert (file.index, file.categories) == (["__index_level_0__"], ["ward"])
    FRAME.set_index("a").to_parquet(tmp_path / "b.parquet")
    assert open_table(tmp_path / "b.parquet", ReadOptions()).index == ["a"]
    pq.write_table(pa.table({"c": pa.array([3, 4, 3]).dictionary_encode()}), tmp_path / "c.parquet")
    assert open_table(tmp_path / "c.parquet", ReadOptions()).categories == ["c"]


@pytest.mark.parametrize(("text", "sentence"), [
    ("a,a\n1,2\n", "has two columns called 'a'"),
    ("a, a\n1,2\n", "has two columns called 'a'"),
    ("a,b\n", "there are no rows"),
    ("", "is not a readable table: it is empty"),
])
def test_files_that_cannot_be_used(tmp_path, text, sentence):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(AAEError, match=sentence):
        open_table(tmp_path / "a.csv", ReadOptions())


def test_types_that_cannot_be_used(tmp_path):
    pq.write_table(pa.table({"a": [[1, 2], [3]]}), tmp_path / "a.parquet")
    column = open_table(tmp_path / "a.parquet", ReadOptions()).columns["a"]
    with pytest.raises(AAEError, match=r"column 'a' holds list<.*>, but only numbers and texts can be read"):
        typed_numbers(column, "t: column 'a'")


def test_options():
    style = style_of(ReadOptions(missing='?, n/a,"a,b"', decimal=","))
    assert (style.missing, style.decimal, style.chosen) == (("?", "n/a", "a,b"), ",", True)
    with pytest.raises(UsageError, match=r"--decimal is \. or , not 'x'"):
        style_of(ReadOptions(decimal="x"))
