"""The table of columns: what it says, and that it fits."""

import numpy as np
import pandas as pd
import pytest

from aae.data.column_summary import column_lines, summarize_rows, summarize_table
from aae.data.dataset import ReadOptions
from aae.data.sources import load_data

N = 60
FRAME = pd.DataFrame({
    "id": range(1, N + 1), "name": [f"person {k}" for k in range(N)],
    "customer_id": np.random.default_rng(0).permutation(np.arange(100, 100 + N)),
    "age": [20 + k for k in range(N)], "town": ["Ulm", "Ulm", "Bonn"] * (N // 3),
    "day": [f"2026-01-{k % 28 + 1:02}" for k in range(N)], "well": [True, False] * (N // 2), "none": [None] * N,
    "ward": [1, 2, 3] * (N // 3), "weight": [f"{k},5 kg" for k in range(N)], "kind": ["a", "b"] * (N // 2),
    "length": [None, *np.linspace(1.5, 2.25, N - 1)],
})  # fmt: skip


def summaries(tmp_path, frame=FRAME, **options):
    frame.to_csv(tmp_path / "a.csv", index=False)
    found, errors = summarize_table(tmp_path / "a.csv", ReadOptions(label_column="kind", **options))
    return {one.name: one for one in found}, errors


def test_each_column_has_its_line(tmp_path):
    found, errors = summaries(tmp_path)
    assert errors == []
    assert list(found) == list(FRAME.columns)  # in the order of the file, with those that are ignored
    told = {name: (one.kind, one.values, one.use) for name, one in found.items()}
    assert told == {
        "id": ("number", "1 to 60", "ignored: row numbers"),
        "name": ("text", "60 distinct, as 'person 0'", "ignored: too many values (an ID?)"),
        "customer_id": ("number", "100 to 159", "used, standardised; an ID? then --ignore"),
        "age": ("number", "20 to 79", "used, standardised"),
        "town": ("category", "Ulm 67 %, Bonn 33 %", "used, one-hot (2)"),
        "day": ("date", "2026-01-01 to 2026-01-28", "used, standardised"),
        "well": ("true/false", "True 50 %, False 50 %", "used, standardised"),
        "none": ("number", "", "ignored: empty"),
        "ward": ("number", "1 to 3", "used, standardised; codes? then --kind"),
        "weight": ("number", "0.5 to 59.5 kg", "used, standardised; read '10,5 kg' as 10.5; unit kg"),
        "kind": ("label", "a 50 %, b 50 %", "labels: 2 classes"),
        "length": ("number", "1.5 to 2.25", "used, standardised"),
    }
    assert found["none"].empty == 1
    assert found["length"].empty == pytest.approx(1 / N)


def test_typing_errors_are_found_in_every_column(tmp_path):
    ages = pd.Series(FRAME["age"].astype(object))
    ages[2] = "forty"
    days = FRAME["day"].copy()
    days[0] = "soon"
    found, errors = summaries(tmp_path, FRAME.assign(age=ages, day=days))
    assert found["age"].values == "59 numbers and 'forty' in line 4"
    assert found["day"].values == "59 dates and 'soon' in line 2"
    assert found["age"].use == "error: see below"
    assert ["line 4, column age" in str(errors[0]), "line 2, column day" in str(errors[1])] == [True, True]
    found, errors = summaries(tmp_path, FRAME.assign(age=ages, day=days), missing="forty,soon", ignore=["id"])
    assert errors == []
    assert found["age"].empty == pytest.approx(1 / N)
    assert found["id"].use == "ignored: as requested"


def test_lines_fit(tmp_path):
    long = {f"a column with a rather long name {k}": [f"{'x' * 30}{k % 7}" for k in range(N)] for k in range(3)}
    lines = column_lines(list(summaries(tmp_path, FRAME.assign(**long))[0].values()))
    assert len(lines) == 1 + len(FRAME.columns) + 3
    assert max(map(len, lines)) <= 100
    assert {line.index(" %") for line in lines if line.startswith(("age", "town", "none"))}  # aligned
    wide = pd.DataFrame(np.random.default_rng(0).random((30, 150)), columns=[f"c{k}" for k in range(150)])
    wide["none"], wide["kind"] = None, ["a", "b"] * 15
    lines = column_lines(list(summaries(tmp_path, wide)[0].values()))
    assert len(lines) == 1 + 60 + 2 + 1
    assert lines[-1] == "and 90 more columns in use: 90 number"
    assert any("ignored: empty" in line for line in lines)


def test_rows_of_an_array(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.c_[np.arange(10.0), np.full(10, 2.0)])
    lines = column_lines(summarize_rows(load_data(tmp_path / "a.npz")))
    assert [line.split() for line in lines[1:]] == [
        ["0", "number", "0", "to", "9", "0", "%", "used,", "standardised"],
        ["1", "number", "2", "0", "%", "used,", "standardised;", "the", "same", "in", "every", "row"]]  # fmt: skip
