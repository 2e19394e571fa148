"""A folder of images as a data set."""

import numpy as np
import pytest
from PIL import Image

from aae.data.dataset import ReadOptions
from aae.data.sources import load_data
from aae.model.pictures import PictureFormat
from aae.system.errors import AAEError, UsageError
from helpers.written import write_picture

RNG = np.random.default_rng(0)


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))

    def some(*places, count=4, size=(12, 12), value=None):
        for place in places:
            for k in range(count):
                pixels = RNG.integers(0, 256, size, dtype=np.uint8) if value is None else np.full(size, value, np.uint8)
                write_picture(tmp_path / place / f"{k}.png", pixels)
        return tmp_path / places[0].split("/")[0]

    return some


def labels_of(data):
    return [data.classes[k] if k >= 0 else None for k in data.y]


def test_parts_become_rows_to_train_and_to_test_on(write):
    root = write("set/train/cat", "set/train/dog", "set/train/Unlabeled", "set/test/dog", "set/test/cat")
    data = load_data(root)
    assert data.classes == ["cat", "dog"]
    assert labels_of(data) == [None] * 4 + ["cat"] * 4 + ["dog"] * 4
    assert data.test_y.tolist() == [0] * 4 + [1] * 4
    assert np.array_equal(data.test_x[4], np.asarray(Image.open(root / "test" / "dog" / "0.png")))
    assert "12 images of 'train' to train on, 8 images of 'test' to test on." in data.notes


def test_other_rows_to_test_on_than_those_of_the_folder(write):
    root = write("set/train/cat", "set/train/dog", "set/test/dog", "set/test/cat")
    other = write("other/train/cat", "other/train/dog", "other/val/cat", "other/val/dog", count=3)
    data = load_data(root, ReadOptions(test=str(other)))
    assert (len(data.x), len(data.test_x)) == (8, 6)
    assert "8 images of folders for testing are left out, because --test names others." in data.notes
    assert len(load_data(root / "train", ReadOptions(test=str(root / "test"))).test_x) == 8


def test_a_class_that_only_the_test_part_has(write):
    root = write("set/train/cat", "set/train/dog", "set/test/bird")
    with pytest.raises(AAEError, match="only test rows have the label 'bird'"):
        load_data(root)


def test_what_was_read_is_said(write, tmp_path):
    root = write("pets/cat", "pets/dog", "pets/unknown")
    (root / "cat" / "0.png").write_bytes(b"")
    (root / "notes.txt").write_text("")
    assert list(load_data(root).notes[:3]) == [
        "1 image could not be read and was left out: cat/0.png (cannot identify image file).",
        "1 file is not an image that can be read: 1 .txt.",
        "labels: 4 rows have 'unknown', which is read as a class; if it means 'not labelled', leave the label empty, "
        "or call the folder 'unlabelled'.",
    ]
    with pytest.raises(AAEError, match=r"cat/0.png cannot be read"):
        load_data(root, ReadOptions(strict=True))


def test_a_file_of_labels(write):
    root = write("pets/a", "pets/b")
    rows = [f"{place}/{k}.png,{'01'[k % 2]}" for place in "ab" for k in range(4)]
    (root / "labels.csv").write_text("file,label\n" + "\n".join(rows[:-1]) + "\n")
    data = load_data(root, ReadOptions(labels_file=str(root / "labels.csv")))
    assert data.classes == ["0", "1"]
    assert "7 of 7 rows of labels.csv found; 1 image has no row and so no label." in data.notes
    assert not any("not an image" in note for note in data.notes)


def test_a_file_of_labels_for_parts(write):
    root = write("set/train", "set/test")
    rows = [f"{place}/{k}.png,{'ab'[k % 2]}" for place in ("train", "test") for k in range(4)]
    (root / "labels.csv").write_text("file,label\n" + "\n".join(rows) + "\n")
    data = load_data(root, ReadOptions(labels_file=str(root / "labels.csv")))
    assert (data.y.tolist(), data.test_y.tolist()) == ([0, 1, 0, 1], [0, 1, 0, 1])


def test_the_name_of_the_working_directory(write, monkeypatch):
    root = write("pets/cat", "pets/dog")
    monkeypatch.chdir(root)
    assert load_data(".").name == "pets"
    monkeypatch.chdir(root / "cat")
    assert load_data("..").name == "pets"


def test_test_rows_are_read_as_the_rows_to_train_on(write, tmp_path):
    wide = write("wide/cat", "wide/dog", size=(12, 40))
    square = write("square/cat", "square/dog", size=(30, 30))
    data = load_data(square, ReadOptions(test=str(wide)))
    assert data.pictures == PictureFormat("crop")
    assert np.ptp(data.test_x[0][0]) > 0
    data = load_data(wide, ReadOptions(test=str(square), image_size=16))
    assert data.pictures == PictureFormat("pad")
    assert np.ptp(data.x[0][0]) == 0


def test_deep_test_rows_have_the_range_of_the_rows_to_train_on(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))
    ramp = np.linspace(0, 4095, 144).reshape(12, 12)
    for k in range(4):
        write_picture(tmp_path / "a" / "cat" / f"{k}.png", np.roll(ramp, k).astype(np.uint16))
        write_picture(tmp_path / "a" / "dog" / f"{k}.png", np.roll(ramp, -k).astype(np.uint16))
        write_picture(tmp_path / "b" / "dog" / f"{k}.png", (np.roll(ramp, -k) / 4).astype(np.uint16))
    data = load_data(tmp_path / "a", ReadOptions(test=str(tmp_path / "b")))
    assert data.pictures.integers == (0, 4095)
    assert 60 <= data.test_x.max() <= 64


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_fit_that_is_given(write, fit):
    assert load_data(write("a/cat", "a/dog", size=(12, 40)), ReadOptions(fit=fit)).pictures == PictureFormat(fit)


def test_a_fit_that_does_not_exist(write):
    with pytest.raises(UsageError, match="by crop, pad, stretch, not by 'squash'; change --fit"):
        load_data(write("a/cat", "a/dog"), ReadOptions(fit="squash"))


def test_classes_that_have_no_image(write):
    root = write("pets/cat", "pets/dog", "pets/bird", count=2)
    (root / "fish" / "large").mkdir(parents=True)
    for path in (root / "bird").iterdir():
        path.write_bytes(b"")
    notes = load_data(root).notes
    assert "1 folder holds no image: fish." in notes
    assert "No image of the class 'bird' could be read." in notes


def test_a_picture_in_two_classes(write):
    root = write("pets/cat", "pets/dog")
    (root / "dog" / "9.png").write_bytes((root / "cat" / "1.png").read_bytes())
    (root / "cat" / "9.png").write_bytes((root / "cat" / "0.png").read_bytes())
    sentence = "1 image is in two classes: cat/1.png (cat) and dog/9.png (dog); keep one of each."
    assert sentence in load_data(root).notes


def test_one_image_instead_of_a_folder(write):
    root = write("pets/cat")
    with pytest.raises(AAEError, match=r"0.png is a single image; give its folder, .*cat\.$"):
        load_data(root / "cat" / "0.png")


def test_a_model_judges_classes_that_only_the_test_part_has(write):
    root = write("set/train/cat", "set/train/dog", "set/test/bird", "set/test/cat")
    data = load_data(root, classes=["bird", "cat", "dog"])
    assert data.classes == ["cat", "dog", "bird"]
    assert sorted(data.test_y.tolist()) == [0] * 4 + [2] * 4


def test_labels_of_folders_that_a_file_replaces_are_counted(tmp_path):
    for name in ("cat/0", "cat/1", "cat/2", "dog/0", "2024/0"):
        write_picture(tmp_path / "pets" / f"{name}.png", np.zeros((8, 8), np.uint8))
    (tmp_path / "labels.csv").write_text("file,label\ncat/0.png,cat\ndog/0.png,dog\n")
    notes = load_data(tmp_path / "pets", ReadOptions(labels_file=str(tmp_path / "labels.csv"))).notes
    assert "labels.csv takes the place of the folders: 2 images count as unlabelled in 'cat'." in notes
