"""`aae data` on tables, and what `--ignore` and `--kind` leave in a run."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.runs import SMALL

NARROW = [*(word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")), "--device", "cpu"]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, bad=None, rows=60):
    ages = [str(20 + k % 50) for k in range(rows)]
    if bad is not None:
        ages[bad] = "forty"
    lines = [f"{k},{age},{k % 3},{['red', 'blue'][k % 2]},{'ab'[k % 2]}" for k, age in enumerate(ages)]
    Path(path).write_text("\n".join(["id,age,ward,colour,kind", *lines]) + "\n")


def test_columns_are_shown_and_no_file_is_written(cli, folder):
    write("rows.csv")
    done = cli("data", "rows.csv", "--label-column", "kind")
    assert done.code == 0, done.err
    assert done.out.splitlines()[:6] == [
        "column  kind      values               empty  use",
        "id      number    0 to 59                0 %  ignored: row numbers",
        "age     number    20 to 69               0 %  used, standardised",
        "ward    number    0 to 2                 0 %  used, standardised; codes? then --kind",
        "colour  category  red 50 %, blue 50 %    0 %  used, one-hot (2)",
        "kind    label     a 50 %, b 50 %         0 %  labels: 2 classes",
    ]
    assert "Note: rows.csv: ignored 'id': row numbers." in done.err
    assert [path.name for path in folder.iterdir()] == ["rows.csv"]
    assert "No contact sheet: the rows are not images." in cli("data", "rows.csv", "--out", "sheet.png").out


def test_a_wrong_cell_is_shown_with_its_line(cli):
    write("rows.csv", bad=2)
    done = cli("data", "rows.csv")
    assert done.code == 1
    assert "age     ?         59 numbers and 'forty' in line 4" in done.out
    assert done.err.startswith("aae: rows.csv, line 4, column age: 'forty' is no number; correct it")
    assert cli("data", "rows.csv", "--ignore", "age").code == 0
    assert "age     category" in cli("data", "rows.csv", "--kind", "age=category").out


@pytest.mark.parametrize(("words", "sentence"), [
    (["--kind", "age"], "--kind takes COLUMN=KIND, such as age=number, not 'age'"),
    (["--kind", "age=whole"], "There is no kind of column called 'whole'"),
    (["--kind", "age=number", "--kind", "age=date"], "--kind gives 'age' two types, number and date"),
    (["--ignore", "years"], "There is no column of rows.csv called 'years'"),
    (["--ignore", "kind", "--label-column", "kind"], "'kind' holds the labels"),
])  # fmt: skip
def test_what_cannot_be_said(cli, words, sentence):
    write("rows.csv")
    done = cli("data", "rows.csv", *words)
    assert done.code == 2
    assert sentence in done.err


def test_a_run_keeps_what_was_said(cli):
    write("rows.csv")
    words = ["--ignore", "id", "--ignore", "age", "--kind", "ward=category", "--steps", 2, "--no-report", *NARROW]
    done = cli("train", "few-labels", "--data", "rows.csv", "--label-column", "kind", "--out", "run", *words)
    assert done.code == 0, done.err
    assert json.loads(Path("run/config.json").read_text())["reading"] == {
        "label_column": "kind", "ignore": ["id", "age"], "kind": {"ward": "category"}}  # fmt: skip
    done = cli("evaluate", "run")
    assert done.code == 0, done.err
    write("new.csv", rows=3)
    done = cli("predict", "run", "new.csv", "--out", "p.csv")
    assert (done.code, "trained on" in done.err) == (0, False), done.err
    Path("new.csv").write_text("ward,colour\n9,red\n1,blue\n")
    assert "ward: '9' (1)" in cli("predict", "run", "new.csv", "--out", "p.csv").err
    done = cli("predict", "run", "new.csv", "--out", "p.csv", "--strict")
    assert "new.csv, line 2, column ward: '9' is a category that the model has not seen" in done.err
