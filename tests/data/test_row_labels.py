"""Labels files for rows without file names: by row number or key; which labels count, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas
import pytest

from aae.cli.config_file import _toml
from aae.data.builtin import load_builtin
from aae.data.dataset import ReadOptions
from aae.data.raw import few_labels, hold_out
from aae.data.row_keys import keys_of
from aae.data.sources import load_data
from aae.data.splits import split_data
from aae.data.summary import warnings_about
from aae.system.errors import AAEError, UsageError

ROWS = np.random.default_rng(0).random((60, 3)).astype(np.float32)
FRAME = pandas.DataFrame({"id": [f"k{i:02d}" for i in range(60)], "a": ROWS[:, 0], "b": ["x", "y"] * 30,
                          "kind": ["u", "v"] * 10 + [None] * 40})  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text, encoding="utf-8"):
    with open("labels.csv", "wb") as file:
        file.write(text.encode(encoding))


def read(source, text=None, **options):
    if text is not None:
        write(text)
    return load_data(source, ReadOptions(labels_file="labels.csv", **options))


def labelled(data):
    """The labels that training rows have, by key."""
    known = data.y >= 0
    return {key: data.classes[k] for key, k in zip(keys_of(data).train[known], data.y[known], strict=True)}


def arrays(kind, y=None):
    if kind == "npy":
        np.save("rows.npy", ROWS)
    elif kind == "npz":
        np.savez("rows.npz", x=ROWS, **({} if y is None else {"y": y}))
    elif kind == "csv":
        FRAME.drop(columns=["kind"]).to_csv("rows.csv", index=False)
    elif kind == "parquet":
        FRAME.drop(columns=["kind"]).to_parquet("rows.parquet")
    return f"rows.{kind}" if kind != "frame" else FRAME.drop(columns=["kind"])


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "parquet", "frame"])
def test_rows_by_number(kind):
    data = read(arrays(kind), "index,label\n3,cat\n7,dog\n59,cat\n")
    assert labelled(data) == {3: "cat", 7: "dog", 59: "cat"}
    assert np.array_equal(np.sort(np.r_[keys_of(data).train, keys_of(data).test]), np.arange(60))
    column = data.x[keys_of(data).train == 7, 0]
    assert np.allclose(column, ROWS[7, 0])
    assert any("labels.csv gives 3 of 60 rows of" in note and "57 have none" in note for note in data.notes)


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_rows_by_a_key_column_which_is_not_learned_from(kind):
    data = read(arrays(kind), "id,label\nk03,cat\nK07,dog\nk59,cat\n", key_column="id")
    assert labelled(data) == {"k03": "cat", "k07": "dog", "k59": "cat"}
    assert [str(name) for name in data.table.names] == ["a", "b"]
    assert "1 row names its row differently, such as 'K07' for 'k07'." in data.notes
    assert keys_of(data).name == "id"


@pytest.mark.parametrize("head", ["index,label", "Index,Class", "row;label", ",0\n,label", "idx\tlabel", "label,index"])
def test_headings_and_delimiters(head):
    first, *_, = head.split("\n")[-1:]
    sign = next(sign for sign in ",;\t" if sign in first)
    cells = ("cat", "5") if first.startswith("label") else ("5", "cat")
    assert labelled(read(arrays("npy"), f"{first}\n{sign.join(cells)}\n")) == {5: "cat"}


@pytest.mark.parametrize("text", [
    "5,cat\n6,dog\n", "index,label\n5.0,cat\n 6 ,dog\n", "index,label,confidence\n5,cat,0.5\n6,dog,1\n",
    "index,label,why\n5,cat,a\n6,dog,b\n7,,c\n", '"index","label"\r\n"5","cat"\r\n"6","dog"\r\n',
    "index,label\n5,cat\n6,dog\n5,cat\n", "\ufeffindex,label\n5,cat\n6,dog\n",
])
def test_what_programs_write(text):
    assert labelled(read(arrays("npy"), text)) == {5: "cat", 6: "dog"}


def test_encodings():
    write("index,label\n5,Bär\n6,Öl\n", "cp1252")
    assert labelled(read(arrays("npy"))) == {5: "Bär", 6: "Öl"}
    write("index,label\n5,Bär\n6,Öl\n", "utf-16")
    assert labelled(read(arrays("npy"))) == {5: "Bär", 6: "Öl"}


@pytest.mark.parametrize(("text", "sentence"), [
    ("index,label\n3,a\n60,b\n99,a\n",
     r"2 rows of labels.csv cannot be used for rows.npy: line 3 \('60' is not among the row numbers 0 to 59\), line 4"),
    ("index,label\n-1,a\n", "'-1' is no row number"), ("index,label\n1.5,a\n", "'1.5' is no row number"),
    ("index,label\n,a\n", "it names no row"), ("index,label\na.png,x\n", "'a.png' is no row number"),
    ("index,label\n3,a\n3,b\n", r"line 3 \('3' has 'a' and 'b', the first in line 2\)"),
    ("file,label\na.png,x\n", "has no column 'index'; its first line should be index,label"),
    ("index,label\n", "labels.csv has no rows; write index and label of one row in each line"),
    ("", "no column 'index' and no column 'label'"),
    ("index,label\n" + "".join(f"{k},{k / 7}\n" for k in range(30)), "the column 'label' looks like a measurement"),
])
def test_files_that_do_not_fit(text, sentence):
    with pytest.raises(AAEError, match=sentence):
        read(arrays("npy"), text)


def test_a_file_that_is_not_there():
    with pytest.raises(AAEError, match=r"There is no file labels.csv; check --labels-file"):
        read(arrays("npy"))


@pytest.mark.parametrize(("text", "sentence"), [
    ("id,label\nk99,a\n", r"1 row of labels.csv cannot be used for rows.csv: line 2 \('k99' is not in the column"),
    ("index,label\n3,a\n", "has no column 'id'; its first line should be id,label"),
])
def test_keys_that_are_not_there(text, sentence):
    with pytest.raises(AAEError, match=sentence):
        read(arrays("csv"), text, key_column="id")


def test_key_columns_that_do_not_identify():
    source = arrays("csv")
    with pytest.raises(AAEError, match=r"the key column 'b' has 'x' in line 2 and line 4.*differs in every row"):
        read(source, "b,label\nx,1\n", key_column="b")
    with pytest.raises(UsageError, match=r"no column of rows.csv called 'idd'; did you mean 'id'"):
        read(source, key_column="idd")
    with pytest.raises(UsageError, match="--key-column and --label-column both name 'id'"):
        read(source, key_column="id", label_column="id")
    with pytest.raises(UsageError, match="--key-column is for tables"):
        read(arrays("npy"), key_column="id")


def test_numbers_as_keys_in_other_spellings():
    frame = pandas.DataFrame({"nr": ["007", "08", "9", "a0"], "a": [1.0, 2, 3, 5]})
    frame = pandas.concat([frame, pandas.DataFrame({"nr": [f"z{k}" for k in range(40)], "a": np.arange(40.0)})])
    frame.to_csv("rows.csv", index=False)
    data = read("rows.csv", "nr,label\n7,x\n8,y\n9.0,x\nA0,y\n", key_column="nr")
    assert labelled(data) == {"007": "x", "08": "y", "9": "x", "a0": "y"}


def test_labels_of_the_data_count_where_the_file_says_nothing():
    FRAME.to_csv("rows.csv", index=False)
    data = read("rows.csv", "id,label\nk00,v\nk01,v\nk02,\nk50,w\n", key_column="id", label_column="kind")
    assert labelled(data) == {f"k{k:02d}": "uv"[k % 2] for k in range(20)} | {"k00": "v", "k50": "w"}
    note = "labels.csv gives 3 of 60 rows of rows.csv a label; 18 others keep that of the data; 39 have none."
    assert note in data.notes
    assert ("1 row has another label in labels.csv than in the data; that of the file is used: k00 (u -> v)."
            in data.notes)  # fmt: skip


def test_marks_of_the_data_for_no_label_are_no_class():
    data = read(arrays("npz", np.full(60, -1)), "index,label\n3,cat\n4,dog\n")
    assert labelled(data) == {3: "cat", 4: "dog"}
    y = np.where(np.arange(60) < 20, np.arange(60) % 2, -1)
    data = read(arrays("npz", y), "index,label\n30,1\n31,0\n")
    assert (data.classes, len(labelled(data)), labelled(data)[30]) == ([0, 1], 22, 1)


@pytest.mark.parametrize(("kind", "text", "options", "expected"), [
    ("npy", "index,label\n0,b\n59,a\n3,\n", {}, {0: "b", 59: "a"}),
    ("npz", "index,label\n0,1\n1,2.0\n2,2\n3,-1\n", {}, {0: "1", 1: "2", 2: "2"}),  # -1: no label
    ("csv", "id,label\nk05,b\nk59,a\nK00,a\n", {"key_column": "id"}, {"k05": "b", "k59": "a", "k00": "a"}),
    ("frame", "index,label\n7,b\n8.0,a\n", {}, {7: "b", 8: "a"}),
    ("digits", "index,label\n7,3\n0,4\n", {}, {7: "3", 0: "4"}),
])  # fmt: skip
def test_the_labels_of_the_file_are_known(kind, text, options, expected):
    data = read("digits" if kind == "digits" else arrays(kind), text, **options)
    assert (data.given.file, data.given.labels) == ("labels.csv", expected)
    assert set(data.given.labels) <= {*keys_of(data).train.tolist(), *keys_of(data).test.tolist()}
    assert load_data("digits").given is None


def test_few_labels_all_train_on_rows_that_stay():
    source = arrays("npy")
    before = keys_of(load_data(source)).test
    for count in (2, 5, 29):
        rest = np.setdiff1d(np.arange(60), before)[:count]
        data = read(source, "index,label\n" + "".join(f"{k},{k % 2}\n" for k in rest))
        assert np.array_equal(keys_of(data).test, before)
        assert (data.test_y == -1).all()
        assert len(split_data(data, count).labelled) == len(rest)
        assert any(f"all {count} are for training" in note for note in data.notes)
        said = any("measures its error by cross-validation" in warning for warning in warnings_about(data))
        assert said == (count > 2)
    every = read(source, "index,label\n" + "".join(f"{k},{k % 2}\n" for k in range(60)))
    assert (every.test_y >= 0).sum() == 12


def test_labels_are_few_below_200_and_below_half_of_the_rows():
    y = np.full(1000, -1)
    for count, few in ((0, False), (1, True), (199, True), (200, False)):
        y[:count] = 0
        assert few_labels(y) == few
    assert not few_labels(np.r_[np.zeros(5), np.full(4, -1)])
    assert len(hold_out(np.r_[0, 1, np.full(98, -1)], 100, few=True)[1]) == 20


def test_named_data_sets_have_only_the_labels_of_the_file():
    plain = load_builtin("digits")
    keys, y = keys_of(plain), np.empty(1797, dtype=int)
    y[keys.train], y[keys.test] = plain.y, plain.test_y
    rows = [keys.train[plain.y == k][0] for k in range(10)]
    data = read("digits", "index,label\n" + "".join(f"{k},{y[k]}\n" for k in rows))
    assert labelled(data) == {k: y[k] for k in rows}
    assert np.array_equal(data.test_y, plain.test_y)
    assert not data.bundled
    some = read("digits", f"index,label\n{rows[3]},3\n{rows[5]},5\n{keys.test[0]},{y[keys.test[0]]}\n")
    assert some.classes == [3, 5]
    assert set(some.test_y.tolist()) == {-1, 0, 1}
    assert "No row to train on is labelled 0, 1, 2, 4, 6, 7, 8, 9" in some.notes[-1]
    assert "1 row of labels.csv is a test row and keeps its own label." in some.notes
    with pytest.raises(AAEError, match=r"labels.csv has the label 'cat', which is no class of digits"):
        read("digits", "index,label\n3,cat\n")
    with pytest.raises(UsageError, match="digits has a fixed format and fixed test rows; drop --test"):
        read("digits", test="x")


def test_idx_folders(idx_folder):
    data = read(str(idx_folder), "index,label\n4,5\n9,3\n")
    assert labelled(data) == {4: 5, 9: 3}
    assert (data.test_y >= 0).sum() == 7


def test_test_rows_of_an_array_file_can_get_labels():
    np.savez("rows.npz", x=ROWS, x_test=ROWS[:5])
    data = read("rows.npz", "index,label\n3,a\n4,b\n60,a\n64,b\n")
    assert (labelled(data), data.test_y.tolist()) == ({3: "a", 4: "b"}, [0, -1, -1, -1, 1])
    assert keys_of(data).test.tolist() == [60, 61, 62, 63, 64]


def test_the_command_line_and_the_configuration_file(cli):
    source = arrays("csv")
    write("id,label\n" + "".join(f"k{k:02d},{k % 2}\n" for k in range(20)))
    done = cli("data", source, "--labels-file", "labels.csv", "--key-column", "id")
    assert (done.code, "ignored: as requested" in done.out) == (0, True)
    assert "labels.csv gives 20 of 60 rows of rows.csv a label; 40 have none." in done.err
    words = [f"data = {_toml(source)}", 'labels-file = "labels.csv"', 'key-column = "id"', "steps = 2"]
    Path("a.toml").write_text("\n".join(words))
    small = ["--set", "hidden=[8]", "--set", "discriminator_hidden=[8]", "--no-report", "--out", "run"]
    assert cli("train", "semi-supervised", "--config", "a.toml", *small).code == 0
    config = json.loads(Path("run/config.json").read_text())
    assert config["reading"]["key_column"] == "id"
    assert config["labels"] == 20
    every = "id,label\n" + "".join(f"k{k:02d},{k % 2}\n" for k in range(60))
    Path("all.csv").write_text(every)
    done = cli("evaluate", "run", "--data", source, "--labels-file", "all.csv", "--json")
    assert (done.code, json.loads(done.out)["test_labelled"]) == (0, 60)
    done = cli("evaluate", "run", "--labels-file", "all.csv", "--json")
    assert done.code == 0
    assert "The model was trained on 60 of the 60 rows of the test data; results will be too optimistic." in done.err
