"""Columns that the user describes: ignored, or of a kind."""

import numpy as np
import pandas as pd
import pytest

from aae.data.dataset import ReadOptions
from aae.data.sources import load_data
from aae.system.errors import AAEError, UsageError

FRAME = pd.DataFrame({
    "id": range(40), "code": [f"{k % 3:02}" for k in range(40)], "size": np.linspace(1, 2, 40),
    "ward": [1, 2, 3, 4] * 10, "day": [f"2026-01-{k % 28 + 1:02}" for k in range(40)],
    "remark": ["fine", "bad"] * 20, "kind": ["a", "b"] * 20,
})  # fmt: skip


def read(tmp_path, frame=FRAME, ending="csv", **options):
    path = tmp_path / f"a.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)
    return load_data(path, ReadOptions(label_column="kind", **options))


def kinds(data):
    return {c["name"]: "category" if "values" in c else c["kind"] for c in data.table.columns}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_as_found_and_as_said(tmp_path, ending):
    assert kinds(read(tmp_path, ending=ending)) == {
        "code": "category", "size": "number", "ward": "whole", "day": "date", "remark": "category"}  # fmt: skip
    said = {"code": "number", "ward": "category", "day": "category", "remark": "text", "id": "number"}
    data = read(tmp_path, ending=ending, kind=said, ignore=["size"])
    assert kinds(data) == {"id": "whole", "code": "whole", "ward": "category", "day": "category"}
    assert any("ignored 'size': as requested" in note for note in data.notes)
    assert any("ignored 'remark': free text, as requested" in note for note in data.notes)
    assert not any("few different" in note for note in data.notes)


def test_test_rows_are_read_as_the_others(tmp_path):
    FRAME.drop(columns="size").to_csv(tmp_path / "b.csv", index=False)
    data = read(tmp_path, kind={"ward": "category"}, ignore=["size"], test=str(tmp_path / "b.csv"))
    assert not any("not trained" in note and "size" in note for note in data.notes)
    FRAME.to_csv(tmp_path / "b.csv", index=False)
    data = read(tmp_path, kind={"ward": "category"}, ignore=["size"], test=str(tmp_path / "b.csv"))
    assert not any("not trained" in note and "size" in note for note in data.notes)


@pytest.mark.parametrize(("cells", "kind", "sentence"), [
    ({"remark": ["1", "x"] * 20}, "number", "a.csv, line 3, column remark: 'x' is no number (nor in 19 more cells)"),
    ({"remark": ["2026-01-02", "soon"] * 20}, "date", "a.csv, line 3, column remark: 'soon' is no date"),
    ({"remark": [2020, 2021] * 20}, "date", "a.csv, line 2, column remark: '2020' is no date"),
    ({"remark": ["1 kg", "2 g"] * 20}, "number", "different units ('2 g' in line 3, '1 kg' in line 2)"),
])  # fmt: skip
def test_cells_that_are_not_what_is_said(tmp_path, cells, kind, sentence):
    with pytest.raises(AAEError) as error:
        read(tmp_path, FRAME.assign(**cells), kind={"remark": kind})
    assert sentence in str(error.value)


@pytest.mark.parametrize(("options", "sentence"), [
    ({"ignore": ["sise"]}, "no column of .* called 'sise'; did you mean 'size'"),
    ({"kind": {"sise": "number"}}, "no column of .* called 'sise'"),
    ({"kind": {"size": "numbers"}}, "no kind of column called 'numbers'; did you mean 'number'"),
    ({"ignore": ["kind"]}, "'kind' holds the labels; drop it from --ignore"),
    ({"kind": {"kind": "category"}}, "'kind' holds the labels; drop it from --kind"),
    ({"ignore": ["size"], "kind": {"size": "number"}}, "--ignore leaves out the column 'size'"),
    ({"categories": "ward", "kind": {"ward": "number"}}, "--categories and --kind ward=number differ"),
])  # fmt: skip
def test_what_cannot_be_said(tmp_path, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        read(tmp_path, **options)


def test_typed_columns_of_another_kind(tmp_path):
    frame = FRAME.assign(day=pd.to_datetime(FRAME["day"]))
    with pytest.raises(AAEError, match="cannot be read as numbers"):
        read(tmp_path, frame, "parquet", kind={"day": "number"})
    with pytest.raises(AAEError, match="cannot be read as dates"):
        read(tmp_path, frame, "parquet", kind={"size": "date"})
    assert kinds(read(tmp_path, frame, "parquet", kind={"day": "date"}))["day"] == "date"
