import csv

import numpy as np
import pandas as pd
import polars as pl
import pytest

from aae.data.dataset import Dataset, ReadOptions, as_float
from aae.data.sources import load_data
from aae.system.errors import AAEError, UsageError

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(40, 3))
IMAGES = RNG.integers(0, 256, (40, 4, 5), dtype=np.uint8)


def npz(folder, name="set", **arrays):
    np.savez(folder / f"{name}.npz", **arrays)
    return folder / f"{name}.npz"


def test_digits_come_with_a_fixed_balanced_test_set():
    data = load_data("digits")
    assert (data.x.shape, data.test_x.shape) == ((1437, 8, 8), (360, 8, 8))
    assert data.is_image
    assert (data.x.max(), data.classes, data.shape) == (255, list(range(10)), (8, 8))
    assert np.ptp(np.bincount(data.test_y)) <= 2
    assert np.array_equal(load_data("digits").test_x, data.test_x)


def test_a_data_set_is_returned_as_it_is():
    data = load_data("digits")
    assert load_data(data) is data


@pytest.mark.parametrize(("rows", "image"), [
    (VECTORS, False), (VECTORS.astype(np.float32), False), ((VECTORS * 100).astype(np.int32), False),
    (VECTORS > 0, False), (IMAGES, True), (np.stack([IMAGES] * 3, -1), True),
], ids=["double", "single", "whole", "truth", "grey", "colour"])
def test_rows_become_bytes_or_single_precision(tmp_path, rows, image):
    data = load_data(npz(tmp_path, x=rows))
    assert data.is_image is image
    assert data.x.dtype == (np.uint8 if image else np.float32)
    assert data.shape == rows.shape[1:]
    assert data.classes == []
    assert set(data.y) == {-1}
    assert len(data.x) == 32
    together = np.concatenate([data.x, data.test_x])
    assert np.allclose(np.sort(together, axis=0), np.sort(rows.astype(data.x.dtype), axis=0))


def test_rows_keep_their_labels_and_none_is_in_both_parts(tmp_path):
    x = np.arange(60, dtype=np.float32)[:, None]
    names = np.array(["ant", "bee", "cat"])[np.arange(60) % 3]
    data = load_data(npz(tmp_path, x=x, y=names))
    assert data.classes == ["ant", "bee", "cat"]
    for rows, labels in ((data.x, data.y), (data.test_x, data.test_y)):
        assert np.array_equal(rows[:, 0].astype(int) % 3, labels)
    assert not set(data.x[:, 0]) & set(data.test_x[:, 0])
    assert np.bincount(data.test_y).tolist() == [4, 4, 4]
    again = load_data(npz(tmp_path, x=x, y=names))
    assert np.array_equal(again.test_x, data.test_x)


def test_only_labelled_rows_are_held_out_for_testing(tmp_path):
    y = np.full(40, -1)
    y[:10] = np.arange(10) % 2
    data = load_data(npz(tmp_path, x=VECTORS, y=y))
    assert data.test_y.tolist().count(0) == data.test_y.tolist().count(1) == 1
    assert (data.y >= 0).sum() == 8
    assert len(data.x) == 38


@pytest.mark.parametrize(("labels", "classes"), [
    (np.arange(40) % 3 + 5, [5, 6, 7]),
    (np.where(np.arange(40) < 20, "yes", "no"), ["no", "yes"]),
    (np.where(np.arange(40) < 20, 1.5, 0.5), [0.5, 1.5]),
])
def test_labels_are_numbered_in_order(tmp_path, labels, classes):
    data = load_data(npz(tmp_path, x=VECTORS, y=labels, x_test=VECTORS, y_test=labels))
    assert data.classes == classes
    assert [classes[k] for k in data.y] == [classes[k] for k in data.test_y] == labels.tolist()


@pytest.mark.parametrize("labels", [
    np.where(np.arange(40) < 30, -1, np.arange(40) % 2),
    np.where(np.arange(40) < 30, np.nan, np.arange(40) % 2),
    np.where(np.arange(40) < 30, "", "a"),
], ids=["-1", "NaN", "empty"])
def test_missing_labels(tmp_path, labels):
    data = load_data(npz(tmp_path, x=VECTORS, y=labels, x_test=VECTORS))
    assert (data.y[:30] == -1).all()
    assert (data.y[30:] >= 0).all()
    assert (data.test_y == -1).all()


def test_a_given_test_set_is_used(tmp_path):
    data = load_data(npz(tmp_path, x=IMAGES, x_test=IMAGES[:7], y_test=np.full(7, -1)))
    assert np.array_equal(data.x, IMAGES)
    assert np.array_equal(data.test_x, IMAGES[:7])


BAD = VECTORS.copy()
BAD[[4, 9], 1] = np.nan, np.inf
BAD_ARRAYS = {
    "no x": ({"rows": VECTORS, "w": BAD[0]}, r"holds no array called 'x' but rows \(40, 3\), w \(3,\); save it with"),
    "NaN": ({"x": BAD}, r"row 4, column \d+: (NaN|infinity) is no number \(2 such rows\)"),
    "NaN in the test rows": ({"x": VECTORS, "x_test": BAD}, r"x_test\), row 4, column \d+: (NaN|infinity) is no"),
    "images of numbers": ({"x": IMAGES - 130.0}, r"images of shape \(4, 5\) have values from -130 to 125; give bytes"),
    "one column": ({"x": VECTORS[:, 0]}, r"not float64 of shape \(40,\)"),
    "text": ({"x": np.array([["a"]])}, "not <U1"),
    "no rows": ({"x": VECTORS[:0]}, "there are no rows"),
    "objects": ({"x": np.array([{}, None], dtype=object)}, "not a readable numpy file of plain arrays"),
    "too few labels": ({"x": VECTORS, "y": np.zeros(39)}, r"40 rows but labels of shape \(39,\)"),
    "one-hot labels": ({"x": VECTORS, "y": np.zeros((40, 3))}, r"labels of shape \(40, 3\)"),
    "new label": ({"x": VECTORS, "y": np.arange(40) % 2, "x_test": VECTORS, "y_test": np.arange(40) % 3},
                  "only test rows have the label 2"),
    "other shape": ({"x": IMAGES, "x_test": IMAGES[:, :, :4]}, r"\(4, 5\), those of .*x_test\) \(4, 4\)"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_arrays_that_cannot_be_used_are_refused(tmp_path, case):
    arrays, sentence = BAD_ARRAYS[case]
    with pytest.raises(AAEError, match=f"set.npz.*{sentence}"):
        load_data(npz(tmp_path, **arrays))


def _cut(raw):
    return raw[: len(raw) // 2]


def _scramble(raw):
    return raw[:90] + b"x" * 60 + raw[150:]


@pytest.mark.parametrize("spoil", [_cut, _scramble, lambda raw: b"", lambda raw: b"hello"],
                         ids=["cut", "scrambled", "empty", "text"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_files_are_refused(tmp_path, spoil, save):
    path = tmp_path / "set.npz"
    save(path, x=VECTORS)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(AAEError, match=r"set.npz is not a readable numpy file"):
        load_data(path)


def test_a_bare_array_holds_the_rows(tmp_path):
    with (tmp_path / "set.npz").open("wb") as file:
        np.save(file, VECTORS)
    data = load_data(tmp_path / "set.npz")
    assert data.shape == VECTORS.shape[1:]
    assert len(data.x) + len(data.test_x) == len(VECTORS)


@pytest.mark.parametrize(("spec", "sentence"), [
    ("mnits", "no data set 'mnits'; did you mean 'mnist'"),
    ("data/absent", "No data at data/absent"),
    ("absent.npz", "No data at absent.npz"),
])
def test_missing_data_are_refused(spec, sentence):
    with pytest.raises(AAEError, match=sentence):
        load_data(spec)


def test_a_folder_of_idx_files(idx_folder):
    data = load_data(idx_folder)
    assert (data.name, data.x.shape, data.test_x.shape) == ("idx", (40, 8, 8), (10, 8, 8))
    assert data.classes == [3, 5, 9]
    assert data.y[:4].tolist() == [0, 1, 2, 0]
    assert load_data(str(idx_folder)).test_y.tolist() == data.test_y.tolist()


def test_as_float():
    assert as_float(np.array([[0, 51, 255]], dtype=np.uint8)).tolist() == [[0.0, pytest.approx(0.2), 1.0]]
    found = as_float(VECTORS)
    assert found.dtype == np.float32
    assert np.allclose(found, VECTORS)


def test_a_data_set_cannot_be_changed_by_accident():
    data = Dataset("set", VECTORS, np.zeros(40), VECTORS, np.zeros(40), [0])
    with pytest.raises(AttributeError):
        data.x = IMAGES


@pytest.mark.mnist
def test_mnist_by_name():
    data = load_data("mnist")
    assert (data.shape, data.classes, data.is_image) == ((28, 28), list(range(10)), True)
    assert (len(data.x), len(data.test_x)) == (60_000, 10_000)


def test_a_folder_of_images(pets):
    data = load_data(pets / "pets")
    assert (data.name, data.classes, data.shape) == ("pets", ["cat", "dog"], (10, 10))
    assert (len(data.x), len(data.test_x)) == (42, 8)
    assert np.bincount(data.y + 1).tolist() == [10, 16, 16]
    assert np.bincount(data.test_y).tolist() == [4, 4]
    assert data.notes == ()


def test_rows_to_test_on_can_be_given(pets):
    data = load_data(pets / "pets", ReadOptions(test=str(pets / "more")))
    assert (len(data.x), data.test_x.shape, data.test_y.tolist()) == (50, (6, 10, 10), [0, 0, 0, 1, 1, 1])
    arrays = {"x": data.x[:20], "y": ["cat"] * 20}
    np.savez(pets / "one.npz", **arrays)
    assert len(load_data(pets / "pets", ReadOptions(test=str(pets / "one.npz"))).test_x) == 20
    np.savez(pets / "other.npz", x=data.x[:20], y=["fish"] * 20)
    with pytest.raises(AAEError, match=r"other.npz: only test rows have the label 'fish'"):
        load_data(pets / "pets", ReadOptions(test=str(pets / "other.npz")))
    with pytest.raises(AAEError, match=r"--test .*absent is not a folder of images or an .npz file"):
        load_data(pets / "pets", ReadOptions(test=str(pets / "absent")))
    np.savez(pets / "wide.npz", x=np.zeros((3, 12, 12), np.uint8))
    with pytest.raises(AAEError, match=r"rows have shape \(10, 10\), those of .*wide.npz \(12, 12\); give rows of"):
        load_data(pets / "pets", ReadOptions(test=str(pets / "wide.npz")))


def test_labels_from_a_file_and_another_size(pets):
    (pets / "labels.csv").write_text("file,label\ncat/0.png,old\ncat/1.png,old\ndog/3.png,new\ndog/4.png,new\n")
    data = load_data(pets / "pets", ReadOptions(image_size=16, labels_file=str(pets / "labels.csv")))
    assert data.classes == ["new", "old"]
    assert data.shape == (16, 16)
    assert (data.y >= 0).sum() + (data.test_y >= 0).sum() == 4


def test_images_that_could_not_be_read_are_noted(pets):
    for k in range(5):
        (pets / "pets" / "cat" / f"{k}.png").write_bytes(b"")
    (note,) = load_data(pets / "pets").notes
    assert note.startswith("5 images could not be read")
    assert "cat/0.png (" in note
    assert note.endswith("and 2 more.")
    with pytest.raises(AAEError, match="without --strict"):
        load_data(pets / "pets", ReadOptions(strict=True))


@pytest.mark.parametrize(("spec", "reading", "sentence"), [
    ("digits", {"image_size": 9}, "digits has a fixed format and fixed test rows; drop --image-size"),
    ("digits", {"test": "x"}, "drop --test"),
    ("one.npz", {"image_size": 9}, "--image-size is for folders of images; .*one.npz is not one"),
    ("one.npz", {"strict": True}, "--strict is for folders of images and"),
])
def test_options_that_do_not_fit_the_data(tmp_path, spec, reading, sentence):
    np.savez(tmp_path / "one.npz", x=np.zeros((20, 3)))
    with pytest.raises(UsageError, match=sentence):
        load_data(spec if spec == "digits" else tmp_path / spec, ReadOptions(**reading))


PEOPLE = [["height", "town", "kind"]] + [[f"{150 + k}", "Rome" if k % 3 else "", ["ant", "bee", ""][k % 4 % 3]]
                                         for k in range(40)]  # fmt: skip


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_table(tmp_path):
    path = write_csv(tmp_path / "people.csv", PEOPLE)
    data = load_data(path, ReadOptions(label_column="kind"))
    assert (data.name, data.shape, data.input_shape) == ("people", (2,), (3,))
    assert data.classes == ["ant", "bee"]
    assert len(data.x) + len(data.test_x) == 40
    assert (data.test_y >= 0).all()
    assert (data.y == -1).sum() == 10
    mean = data.x[:, 0].mean(dtype=np.float64)  # learned from the rows to train on alone
    assert data.table.columns[0]["mean"] == pytest.approx(mean)
    assert data.table.columns[1] == {"name": "town", "values": ["Rome"], "missing": True}
    again = load_data(path)
    assert again.classes == []
    assert again.table.columns[2]["values"] == ["ant", "bee"]


def test_a_table_to_test_on(tmp_path):
    path = write_csv(tmp_path / "people.csv", PEOPLE)
    other = write_csv(tmp_path / "other.csv", [["kind", "town", "height"], ["bee", "Rome", "1"], ["", "", "2"]])
    data = load_data(path, ReadOptions(label_column="kind", test=str(other)))
    assert len(data.x) == 40
    assert np.array_equal(data.test_x, [[1, 0], [2, np.nan]], equal_nan=True)
    assert data.test_y.tolist() == [1, -1]
    np.savez(tmp_path / "rows.npz", x=VECTORS)
    with pytest.raises(AAEError, match=r"--test .*rows.npz is not a .csv or .parquet file, like the rows"):
        load_data(path, ReadOptions(label_column="kind", test=str(tmp_path / "rows.npz")))


def test_a_table_read_as_a_model_requires(tmp_path):
    path = write_csv(tmp_path / "people.csv", PEOPLE)
    table = load_data(path, ReadOptions(label_column="kind")).table
    data = load_data(path, None, table)  # the label column is not needed and is ignored
    assert data.table is table
    assert data.shape == (2,)


@pytest.mark.parametrize(("name", "reading", "sentence"), [
    ("people.csv", {"label_column": "kinds"}, "no column of .*people.csv called 'kinds'; did you mean 'kind'"),
    ("people.csv", {"image_size": 9}, "--image-size is for folders of images; .*people.csv is not one"),
    ("rows.npz", {"label_column": "kind"}, "--label-column is for tables ..csv, .parquet.; .*rows.npz is not one"),
    ("digits", {"label_column": "kind"}, "digits has a fixed format .* drop --label-column"),
])
def test_options_for_other_kinds_of_data(tmp_path, name, reading, sentence):
    write_csv(tmp_path / "people.csv", PEOPLE)
    np.savez(tmp_path / "rows.npz", x=VECTORS)
    with pytest.raises(UsageError, match=sentence):
        load_data(name if name == "digits" else tmp_path / name, ReadOptions(**reading))


def test_rows_of_an_npy_file(tmp_path):
    np.save(tmp_path / "rows.npy", IMAGES)
    data = load_data(tmp_path / "rows.npy")
    assert (len(data.x), len(data.test_x), data.classes, data.is_image) == (32, 8, [], True)
    np.save(tmp_path / "rows.npy", VECTORS)
    data = load_data(tmp_path / "rows.npy")
    assert data.table.columns[1]["mean"] == pytest.approx(data.x[:, 1].mean(dtype=np.float64))


@pytest.mark.parametrize("name", ["set.NPZ", "rows.NPY", "people.CSV", "people.tsv"])
def test_endings_in_capitals_and_other_endings(tmp_path, name):
    path = tmp_path / name
    if name in ("set.NPZ", "rows.NPY"):
        with path.open("wb") as file:
            np.savez(file, x=VECTORS) if name == "set.NPZ" else np.save(file, VECTORS)
    else:
        mark = "\t" if name.endswith("tsv") else ","
        path.write_text("\n".join(mark.join(row) for row in [("a", "b", "c"), *VECTORS.astype(str).tolist()]))
    data = load_data(path)
    assert len(data.x) + len(data.test_x) == 40
    assert data.shape == (3,)


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "notes.docx").write_text("words")
    with pytest.raises(AAEError, match=r"notes.docx has a format that cannot be read; save it as one of .npz"):
        load_data(tmp_path / "notes.docx")


TABLE = pd.DataFrame({
    "id": range(40), "size": np.linspace(1, 2, 40), "town": pd.Categorical(["Ulm", "Bonn"] * 20),
    "day": pd.date_range("2026-01-01", periods=40), "well": [True, False] * 20, "kind": ["a", "b", None, "a"] * 10,
})  # fmt: skip


@pytest.mark.parametrize("make", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_data_frames(make, tmp_path):
    data = load_data(make(TABLE), label_column="kind")
    assert data.classes == ["a", "b"]
    assert [c["name"] for c in data.table.columns] == ["size", "town", "day", "well"]
    assert [c.get("kind", "category") for c in data.table.columns] == ["number", "category", "date", "boolean"]
    assert any("ignored 'id': row numbers" in note for note in data.notes)
    TABLE.to_parquet(tmp_path / "a.parquet")
    of_file = load_data(tmp_path / "a.parquet", ReadOptions(label_column="kind"))
    assert np.array_equal(data.x, of_file.x, equal_nan=True)
    assert np.array_equal(data.y, of_file.y)
    said = load_data(make(TABLE), ReadOptions(label_column="kind", ignore=["id", "day"], kind={"well": "category"}))
    assert [c["name"] for c in said.table.columns] == ["size", "town", "well"]
    assert "values" in said.table.columns[2]


def test_data_frames_that_cannot_be_used():
    wrong = TABLE.assign(size=[*map(str, range(39)), "big"])
    with pytest.raises(AAEError, match=r"the data frame, row 39, column size: 'big' is no number; correct it, replace "
                                       "it by None if .*, or give the column the type category"):  # fmt: skip
        load_data(wrong)
    with pytest.raises(AAEError, match="no column of the data frame called 'kinds'; did you mean 'kind'"):
        load_data(TABLE, label_column="kinds")
    with pytest.raises(AAEError, match="there are no rows"):
        load_data(TABLE[:0])
    with pytest.raises(AAEError, match="delimiter is not for data frames"):
        load_data(TABLE, ReadOptions(delimiter=";"))
    for other in (np.zeros((3, 2)), [1, 2], None):
        with pytest.raises(AAEError, match="Data must be a name, a path, a Dataset or a data frame"):
            load_data(other)
    assert any("index of the data frame ('id') is ignored" in note for note in load_data(TABLE.set_index("id")).notes)


def test_a_data_set_is_shown_in_a_few_lines():
    lines = repr(load_data(TABLE, label_column="kind")).splitlines()
    assert lines[0] == "Dataset 'DataFrame': 34 rows of 4 columns to train on, 24 labelled"
    assert lines[1:4] == ["to test on: 6 rows, 6 labelled", "columns: size, town, day, well", "classes: a, b"]
    names = [f"c{k}" * 9 for k in range(500)]
    wide = load_data(pd.DataFrame(np.random.default_rng(0).random((30, 500)), columns=names))
    assert len(repr(wide).splitlines()) <= 5
    assert max(map(len, repr(wide).splitlines())) <= 100
    assert repr(load_data("digits")).splitlines()[0].startswith("Dataset 'digits': 1,437 rows of shape (8, 8)")
