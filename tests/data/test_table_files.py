"""Tables from files to data sets: the same rows through either door, and what is said about them."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aae.data.dataset import ReadOptions
from aae.data.parquet_rows import ParquetRows
from aae.data.sources import load_data
from aae.data.table_files import read_known_table, read_table
from aae.model.table import Table
from aae.model.table_fit import fit_table
from aae.system.errors import AAEError, UsageError

RNG = np.random.default_rng(0)
N = 60
FRAME = pd.DataFrame({
    "size": RNG.normal(5, 2, N).round(3),
    "count": RNG.integers(0, 400, N) * 7,
    "colour": RNG.choice(["red", "blue", "NA"], N),
    "ok": RNG.random(N) < 0.5,
    "day": pd.to_datetime("2026-01-01") + pd.to_timedelta(RNG.integers(0, 300, N), "D"),
    "moment": pd.to_datetime("2026-01-01") + pd.to_timedelta(RNG.integers(0, 90_000, N), "s"),
    "kind": RNG.choice(["ant", "bee"], N),
})  # fmt: skip
FRAME.loc[::9, ["size", "colour"]] = None


def write(folder, name, frame=FRAME, **options):
    path = folder / name
    if name.endswith("parquet"):
        frame.to_parquet(path, **({"index": False} | options))
    else:
        frame.to_csv(path, **({"index": False} | options))
    return path


def read(path, **options):
    return read_table(path, ReadOptions(**options))


def same(one, other):
    assert np.array_equal(one.x, other.x, equal_nan=True)
    assert (one.columns, one.values) == (other.columns, other.values)
    assert [str(label) for label in one.labels] == [str(label) for label in other.labels]


def test_both_doors_give_the_same_table(tmp_path):
    one = read(write(tmp_path, "a.parquet"), label_column="kind")
    other = read(write(tmp_path, "a.csv", na_rep=""), label_column="kind")
    same(one, other)
    assert [kind.get("kind") for kind in one.kinds.values()] == ["number", "whole", None, "boolean", "date", "date"]
    assert [kind.get("clock") for kind in one.kinds.values()][-2:] == [False, True]


def test_texts_in_parquet_are_read_as_those_in_csv(tmp_path):
    texts = FRAME.astype("string").fillna("")
    same(read(write(tmp_path, "a.parquet", texts), label_column="kind"),
         read(write(tmp_path, "a.csv", texts), label_column="kind"))  # fmt: skip


def test_a_european_file_gives_the_same_table(tmp_path):
    path = write(tmp_path, "a.csv", sep=";", decimal=",", encoding="cp1252", na_rep="")
    one, other = read(path, label_column="kind"), read(write(tmp_path, "b.csv", na_rep=""), label_column="kind")
    same(one, other)
    assert one.notes[0] == f"{path}: read 'size': {one.notes[0].split(': ')[2]}"
    assert [note.split(": ", 1)[1] for note in one.notes[1:]] == [note.split(": ", 1)[1] for note in other.notes]


def test_new_files_are_read_by_the_table(tmp_path):
    raw = read(write(tmp_path, "a.csv", na_rep=""), label_column="kind")
    table = fit_table(raw.x, raw.columns, raw.values, raw.kinds)
    features = FRAME.drop(columns="kind")
    expected = table.as_rows(raw.x)
    shuffled = features[features.columns[::-1]]
    for path in (write(tmp_path, "b.csv", features, na_rep=""), write(tmp_path, "c.parquet", shuffled),
                 write(tmp_path, "d.csv", shuffled, sep=";", decimal=",", na_rep="")):  # fmt: skip
        found, notes = read_known_table(path, ReadOptions(), table)
        assert np.array_equal(found, expected, equal_nan=True)
        assert len(notes) == (path.name == "d.csv")  # '4,736' is read as 4.736
    part, notes = read_known_table(write(tmp_path, "e.csv", FRAME.iloc[:1], na_rep=""), ReadOptions(), table)
    assert np.array_equal(part, expected[:1], equal_nan=True)
    assert notes == [f"{tmp_path / 'e.csv'}: ignored 'kind': the model was not trained on it."]


def test_unseen_categories_in_test_rows(tmp_path):
    path, test = write(tmp_path, "a.csv", na_rep=""), FRAME.copy()
    test.loc[[1, 2], "colour"] = "mauve"
    test.loc[[2, 3], "colour"] = "pink"
    other = write(tmp_path, "b.csv", test, na_rep="")
    data = load_data(path, ReadOptions(label_column="kind", test=str(other)))
    assert data.test_x[[1, 2, 3], 2].tolist() == [-1, -1, -1]
    assert (f"{other}: 3 of 60 rows hold categories that the model has not seen, read as unknown: "
            "colour: 'pink' (2), 'mauve' (1).") in data.notes  # fmt: skip
    with pytest.raises(AAEError, match=r"line 3, column colour: 'mauve' .*: colour: 'pink' \(2\), 'mauve' \(1\)"):
        load_data(path, ReadOptions(label_column="kind", test=str(other), strict=True))


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_the_index_of_a_data_frame_is_left_out(tmp_path, name):
    frame = FRAME.sort_values("kind", ignore_index=True).sample(frac=1, random_state=0)  # it gives the class away
    raw = read(write(tmp_path, name, frame, index=True), label_column="kind")
    assert raw.columns == ["size", "count", "colour", "ok", "day", "moment"]
    assert any("ignored" in note and ("index" in note or "without a name" in note) for note in raw.notes)


def test_a_counter_of_rows_is_left_out(tmp_path):
    for start in (0, 1):
        raw = read(write(tmp_path, "a.csv", FRAME.assign(id=np.arange(N) + start)))
        assert "id" not in raw.columns
        assert f"{tmp_path / 'a.csv'}: ignored 'id': row numbers." in raw.notes
    for ids in (np.arange(N) + 1000, np.arange(N) * 5 + 7, np.arange(N) - 90):
        assert "id" not in read(write(tmp_path, "a.csv", FRAME.assign(id=ids))).columns
    for numbers in (np.arange(N)[::-1], np.r_[np.arange(N - 1), N + 3]):
        assert "id" in read(write(tmp_path, "a.csv", FRAME.assign(id=numbers))).columns


@pytest.mark.parametrize(("name", "left_out"), [
    ("customerID", True), ("Row", True), ("case_no", True), ("year", False), ("humid", False), ("notes", False),
])
def test_numbers_from_elsewhere_than_0_or_1_need_a_name_that_says_what_they_are(tmp_path, name, left_out):
    raw = read(write(tmp_path, "a.csv", FRAME.assign(**{name: np.arange(N) + 1990})))
    assert (name not in raw.columns) == left_out


def test_whole_numbers_as_categories(tmp_path):
    frame = FRAME.assign(ward=RNG.integers(1, 8, N), zip=RNG.integers(1, 4, N), one=RNG.integers(0, 2, N))
    path = write(tmp_path, "a.csv", frame)
    hint = "'ward', 'zip' hold few different whole numbers and are read as numbers; if they are codes, say"
    assert sum(hint in note for note in read(path).notes) == 1
    for other in (path, write(tmp_path, "a.parquet", frame)):
        raw = read(other, categories="ward, zip")
        values = {raw.columns[k]: texts for k, texts in raw.values.items()}
        assert values["ward"] == list("1234567")
        assert values["zip"] == list("123")
    raw = read(write(tmp_path, "b.parquet", frame.astype({"ward": "category"})))
    assert {raw.columns[k]: texts for k, texts in raw.values.items()}["ward"] == list("1234567")
    with pytest.raises(UsageError, match=r"no column of .* called 'wards'; did you mean 'ward'"):
        read(path, categories="wards")


def test_what_is_left_out_and_how_cells_were_read(tmp_path):
    frame = FRAME.assign(
        name=[f"row {k}" for k in range(N)], empty=None, age=[*map(str, range(30, 29 + N)), "?"],
        weight=[f"{k % 7}.5 kg" for k in range(N)], price=[f"{k},5" for k in range(N)],
    )  # fmt: skip
    raw = read(write(tmp_path, "a.csv", frame))
    path = tmp_path / "a.csv"
    assert raw.notes == (
        f"{path}, column name, ignored: too many distinct values for a category (an identifier?); 60 in 60 rows, such "
        "as 'row 0'.",
        f"{path}: ignored 'empty': empty.",
        f"{path}: read 'weight': '0.5 kg' as 0.5, 'price': '10,5' as 10.5.",
        f"{path}: ignored the units of 'weight' (kg).",
        f"{path}: read as empty cells: '?' in 'age' (1).",
        f"{path}: read as separate categories: 'NA' (21) in 'colour'; if they stand for empty cells, name them "
        "with --missing.",
    )
    with pytest.raises(AAEError, match="has no column of numbers or categories"):
        read(write(tmp_path, "b.csv", pd.DataFrame({"a": [None, None], "b": [1, 2]})[["a"]].assign(b="")))


def test_labels_are_handed_over_as_they_are_written(tmp_path):
    (tmp_path / "a.csv").write_text("a,y\n1,007\n2, x \n3,\n5,NA\n6,1.0\n")
    assert read(tmp_path / "a.csv", label_column="y").labels.tolist() == ["007", " x ", "", "NA", "1.0"]
    assert read(tmp_path / "a.csv", label_column="y", missing="NA").labels.tolist()[3] is None
    day = datetime.date(2026, 1, 1)
    for values in ([1, None, 3], [True, None, False], ["a", None, " b"], [day, None, day]):
        pq.write_table(pa.table({"a": [5, 7, 6], "y": values}), tmp_path / "a.parquet")
        assert read(tmp_path / "a.parquet", label_column="y").labels.tolist() == values
    with pytest.raises(UsageError, match=r"no column of .*a.csv called 'kid'"):
        read(tmp_path / "a.csv", label_column="kid")
    pq.write_table(pa.table({"a": [5], "y": [[1]]}), tmp_path / "a.parquet")
    with pytest.raises(AAEError, match=r"label column 'y' holds list<.*>; labels are texts or whole numbers"):
        read(tmp_path / "a.parquet", label_column="y")


def test_seconds_that_differ_by_less_than_float32_tells(tmp_path):
    stamps = 1_700_000_000 + RNG.permutation(N)
    data = load_data(write(tmp_path, "a.csv", pd.DataFrame({"t": stamps, "b": RNG.normal(size=N)})))
    assert data.table.float64
    assert data.x.dtype == data.test_x.dtype == np.float64
    assert set(data.x[:, 0]) <= set(stamps.tolist())


def test_rows_without_names_for_a_model_of_names(tmp_path):
    table = fit_table(RNG.normal(size=(20, 2)), ["height", "weight"])
    np.save(tmp_path / "a.npy", RNG.normal(size=(20, 2)))
    with pytest.raises(AAEError, match=r"has no column names, .* named columns \(height, weight\); give a .csv"):
        load_data(tmp_path / "a.npy", None, table)
    path = write(tmp_path, "a.csv", pd.DataFrame({"a": [1.0, 2.5], "b": [1.0, 2.5]}))
    with pytest.raises(AAEError, match="has named columns, but the model was trained without names"):
        load_data(path, None, fit_table(RNG.normal(size=(20, 2))))


GRAMS = [f"{value:.3f}" for value in RNG.normal(35, 6, N)]  # three decimals: 35.650 could be thousands


@pytest.mark.parametrize(("sep", "other", "text", "expected"), [
    (",", "", None, "point"),  # commas divide the cells
    (";", "70.1", None, "point"),  # another column shows a decimal point
    (";", "70,1", None, "thousands"),
    (";", "1.234.567", None, "thousands"),
    (";", "", "0.123", "point"),
    (";", "", "512", "thousands"),  # below a thousand without a mark
    (";", "", "1234", "point"),  # above a thousand without a mark
    (";", "", None, "refused"),
    ("\t", "", None, "point"),
])  # fmt: skip
def test_three_digits_after_each_point(tmp_path, sep, other, text, expected):
    cells = [*GRAMS[1:], text or GRAMS[0]]
    frame = pd.DataFrame({"a": cells} | ({"b": other} if other else {"b": "x"}))
    path = write(tmp_path, "a.csv", frame, sep=sep, quoting=0)
    if expected == "refused":
        with pytest.raises(AAEError, match=r"column a: '.*' may be .*; say which with --decimal"):
            read(path)
        assert np.median(read(path, decimal=".").x[:, 0]) < 100
        return
    raw = read(path)
    assert (np.median(raw.x[:, 0]) > 1000) == (expected == "thousands")
    assert any("with --decimal" in note for note in raw.notes) == (expected == "thousands")


KNOWN = {"name": "a", "kind": "number", "decimal": ",", "mean": 35.0, "scale": 6.0}


@pytest.mark.parametrize(("name", "sep", "mean"), [
    ("a.csv", ",", 35.0), ("a.csv", ";", 35.0), ("a.csv", "\t", 35.0), ("a.parquet", None, 35.0),
    ("a.csv", ";", 35000.0), ("a.parquet", None, 35000.0),
])  # fmt: skip
def test_a_models_numbers_tell_which_reading_is_meant(tmp_path, name, sep, mean):
    table = Table([KNOWN | {"mean": mean, "scale": mean / 6}])
    path = write(tmp_path, name, pd.DataFrame({"a": GRAMS, "b": "x"}), **({"sep": sep} if sep else {}))
    rows, notes = read_known_table(path, ReadOptions(decimal=","), table)
    assert np.median(rows) == pytest.approx(mean, rel=0.2)
    assert any("with --decimal" in note for note in notes) == (mean > 1000)


def test_what_is_said_about_a_new_file_comes_before_the_models_file(tmp_path):
    path = write(tmp_path, "a.csv", pd.DataFrame({"a": GRAMS, "b": "x"}), sep=";")
    wide = Table([KNOWN | {"scale": 1e6}])  # either reading is near
    with pytest.raises(AAEError, match="say which with --decimal"):
        read_known_table(path, ReadOptions(), wide)
    for mark, expected in ((".", 35), (",", 35000)):
        rows, _ = read_known_table(path, ReadOptions(decimal=mark, chosen=("decimal",)), wide)
        assert np.median(rows) == pytest.approx(expected, rel=0.2)


def test_numbers_unlike_those_of_the_training_are_said(tmp_path):
    frame = pd.DataFrame({"a": RNG.normal(30, 3, N), "b": RNG.normal(5, 1, N), "c": RNG.normal(0, 1, N), "d": 7.5})
    raw = read(write(tmp_path, "a.csv", frame))
    table = fit_table(raw.x, raw.columns, raw.values, raw.kinds)
    other = frame.assign(a=frame.a * 1000, c=None, d=8.5)
    other.loc[3, "b"] = -9999
    for name, first, fourth in (("b.csv", "line 2", "line 5"), ("b.parquet", "row 0", "row 3")):
        path = write(tmp_path, name, other.astype({"c": float}))
        notes = (ParquetRows(path, table, ReadOptions()).notes if name == "b.parquet" else
                 read_known_table(path, ReadOptions(), table)[1])  # fmt: skip
        assert len(notes) == 4
        for text in (f"constant in training have other values: 'd' 8.5 in {first} where the training had only 7.5 ({N}",
                     "most numbers are far from those of the training, perhaps in another unit: 'a' such as",
                     f"some numbers are far from those of the training: 'b' -9999 in {fourth} (1 cell)",
                     "all cells of 'c' are empty"):  # fmt: skip
            assert sum(text in note for note in notes) == 1, (text, notes)
        assert read_known_table(write(tmp_path, "c.csv", frame), ReadOptions(), table)[1] == []
