import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from aae.data.frames import category_names, column_names, frame_library, holds_cells, is_mixed, table_of
from aae.system.errors import AAEError

FRAME = pd.DataFrame({"size": [1.5, 2.0, None], " town": ["Ulm", None, "Bonn"]})


def test_the_library_of_a_frame():
    assert frame_library(FRAME) == "pandas"
    assert frame_library(pl.from_pandas(FRAME)) == "polars"
    assert frame_library(FRAME.to_numpy()) is None


@pytest.mark.parametrize(("column", "mixed"), [
    ([1, 2], False), ([1.5, None], False), (["a", "b"], True), ([True, False], True),
    (pd.array([1, None], "Int64"), False),
    (pd.Categorical([1, 2]), True), (pd.to_datetime(["2024", "2025"]), True), (pd.Series([1, 2], dtype=object), True),
    (pd.arrays.SparseArray([0.0, 1.0]), False), (pl.Series([1, None], dtype=pl.UInt8), False),
    (pl.Series(["a", "b"], dtype=pl.Categorical), True), (pl.Series([None, None]), True),
])  # fmt: skip
def test_which_frames_are_of_numbers(column, mixed):
    frame = pl.DataFrame if isinstance(column, pl.Series) else pd.DataFrame
    assert is_mixed(frame({"a": column})) == mixed


@pytest.mark.parametrize(("rows", "mixed"), [
    ([["a", 1]], True), (np.array([["a"]]), True), ([[1, 2.5]], False), (np.array([[1, None]], dtype=object), False),
    ([[1, [2]]], False), ([[b"a", 1]], False), (np.zeros((2, 2)), False), (["a", "b"], False), (FRAME, False),
    ([[np.datetime64("2024-01-01"), 1]], True),
])  # fmt: skip
def test_which_arrays_hold_more_than_numbers(rows, mixed):
    assert holds_cells(rows) == mixed


def test_columns_by_name_with_empty_cells():
    for frame in (FRAME, pl.from_pandas(FRAME)):
        file = table_of(frame, "X")
        assert {name: column.null_count for name, column in file.columns.items()} == {"size": 1, "town": 1}
    assert list(table_of(FRAME, "X", ["a", "b"], {"b"}).columns) == ["b"]
    assert list(table_of(np.array([["a", 1]], dtype=object), "X").columns) == ["c0", "c1"]
    with pytest.raises(AAEError, match="X has two columns called 'a'; rename one"):
        column_names(pd.DataFrame([[1, 2]], columns=["a", " a"]), "X")


def test_categories_by_their_texts():
    values = [1, 2.5, True, "01", " b ", "", pd.Timestamp("2024-01-01"), pd.Interval(0, 1)]
    assert category_names(values) == ["1", "2.5", "True", "01", "b", None, "2024-01-01 00:00:00", "(0, 1]"]
    file = table_of(pd.DataFrame({"a": pd.Categorical([3, None, 1.0], [3, 2, 1])}), "X")
    assert file.categories == ["a"]
    assert pa.types.is_dictionary(file.columns["a"].type)
    assert file.columns["a"].to_pylist() == ["3", None, "1"]
