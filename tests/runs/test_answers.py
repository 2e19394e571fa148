import csv
import re

import numpy as np
import pytest

from aae.data.dataset import ReadOptions
from aae.runs.answers import SHOWN, key_column
from aae.system.errors import UsageError
from helpers.runs import SMALL
from helpers.written import write_picture


@pytest.fixture
def customers(cli, tmp_path, monkeypatch):
    """A table with a key, and a run that was trained on it."""
    monkeypatch.chdir(tmp_path)
    lines = [f"c-{k:03};{k % 9},5;{'yes' if k % 9 > 4 else 'no'}" for k in range(80)]
    (tmp_path / "some.csv").write_text("customer;age;answer\n" + "\n".join(lines) + "\n")
    words = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    done = cli("train", "few-labels", "--data", "some.csv", "--label-column", "answer", "--steps", 2, *words,
               "--no-report", "--out", "run")
    assert done.code == 0, done.err
    return tmp_path


def test_a_key_takes_the_place_of_the_index(cli, customers):
    (customers / "new.csv").write_text("age;customer\n1,5;=9\n;\n8,5;x y\n")
    assert cli("predict", "run", "new.csv", "--id", "customer", "--out", "found.csv").code == 0
    with (customers / "found.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["customer", "label", "confidence", "p_no", "p_yes"]
    assert [row[0] for row in rows] == ["'=9", "", "x y"]
    assert cli("predict", "run", "new.csv", "--out", "plain.csv").code == 0
    with (customers / "plain.csv").open(newline="") as file:
        assert [row[1:] for row in csv.reader(file)][1:] == [row[1:] for row in rows]
    assert [line.split()[0] for line in cli("predict", "run", "some.csv", "--id", "customer").out.splitlines()[:3]] == [
        "customer", "c-000", "c-001"]


def test_a_few_answers_are_printed_and_the_others_counted(cli, customers):
    head, *lines, last = cli("predict", "run", "some.csv").out.splitlines()
    assert head.split() == ["index", "label", "confidence"]
    assert [line.split()[0] for line in lines] == [str(k) for k in range(SHOWN)]
    assert {line.split()[1] for line in lines} <= {"yes", "no"}
    assert last == "and 60 more; --out FILE.csv writes all of them"
    (customers / "one.csv").write_text("age\n3\n")
    answer = cli("predict", "run", "one.csv").out
    assert re.fullmatch(r"row 0: (yes|no) \(confidence 0\.\d{4}; then (yes|no) 0\.\d{4}\)\n", answer)


def test_the_key_of_a_parquet_file(customers):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({" key ": [3, None], "x": [1.0, 2.0]}), customers / "a.parquet")
    assert key_column(str(customers / "a.parquet"), "key", ReadOptions()) == ["3", ""]


@pytest.mark.parametrize(("spec", "name", "sentence"), [
    ("some.csv", "custmer", "There is no column of some.csv called 'custmer'; did you mean 'customer'?"),
    ("some.csv", "label", "would be a second column label"),
    ("rows.npy", "customer", "names a column of a table"),
])
def test_no_such_key(customers, spec, name, sentence):
    np.save("rows.npy", np.zeros((3, 1)))
    with pytest.raises(UsageError, match=re.escape(sentence)):
        key_column(spec, name, ReadOptions())


def test_the_answer_for_a_photo(cli, trained, tmp_path):
    write_picture(tmp_path / "photo.png", np.zeros((20, 20), np.uint8))
    done = cli("predict", trained("few-labels"), tmp_path / "photo.png")
    assert re.fullmatch(r"photo\.png: \d \(confidence 0\.\d{4}; then \d 0\.\d{4}, \d 0\.\d{4}\)\n", done.out)
