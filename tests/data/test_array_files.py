import numpy as np
import pytest

from aae.data import large
from aae.data.array_files import as_images, read_array_file
from aae.data.sources import load_data
from aae.system.errors import AAEError

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(40, 3)).astype(np.float32)
GREY = RNG.integers(0, 256, (40, 8, 9), dtype=np.uint8)
GREY[0, 0, :2] = 0, 255
COLOUR = RNG.integers(0, 256, (40, 8, 9, 3), dtype=np.uint8)
NAMES = np.array(["ant", "bee"])[np.arange(40) % 2]


def npz(folder, *positional, **arrays):
    np.savez(folder / "set.npz", *positional, **arrays)
    return folder / "set.npz"


@pytest.mark.parametrize(("rows", "labels", "test_rows", "test_labels"), [
    ("x", "y", "x_test", "y_test"), ("X", "y", "X_test", "y_test"), ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"), ("data", "target", "test_data", "test_target"),
])  # fmt: skip
def test_the_names_of_other_libraries(tmp_path, rows, labels, test_rows, test_labels):
    path = npz(tmp_path, **{rows: VECTORS, labels: NAMES, test_rows: VECTORS[:6], test_labels: NAMES[:6]})
    data = load_data(path)
    assert np.array_equal(data.x, VECTORS)
    assert np.array_equal(data.test_x, VECTORS[:6])
    assert [data.classes[k] for k in data.test_y] == NAMES[:6].tolist()
    assert len(data.notes) == (rows != "x")
    assert all(f"{rows} as rows" in note for note in data.notes)


def test_arrays_without_names(tmp_path):
    data = read_array_file(npz(tmp_path, VECTORS, NAMES))
    assert np.array_equal(data.labels, NAMES)
    assert data.notes == (f"{tmp_path / 'set.npz'}: read arr_0 as rows, arr_1 as labels.",)
    assert read_array_file(npz(tmp_path, VECTORS, VECTORS)).labels is None


def test_arrays_that_are_not_read_are_named(tmp_path):
    assert read_array_file(npz(tmp_path, x=VECTORS, weights=NAMES)).notes[0].endswith("weights was not read.")


@pytest.mark.parametrize(("labels", "sentence"), [
    (np.zeros((40, 3)), r"labels of shape \(40, 3\)"), (np.linspace(0, 1, 40), "looks like a measurement"),
    (np.array(["a", None] * 20, dtype=object), "y holds object; only numbers, bytes, texts"),
], ids=["one-hot", "measurement", "objects"])
def test_labels_that_cannot_be_used(tmp_path, labels, sentence):
    with pytest.raises(AAEError, match=sentence):
        load_data(npz(tmp_path, x=VECTORS, y=labels))


@pytest.mark.parametrize("labels", [
    NAMES[:, None], np.arange(40)[:, None] % 2, NAMES.astype("S"),
    np.array(["2026-01-01", "2026-01-02"], "datetime64[D]")[np.arange(40) % 2],
], ids=["texts", "numbers", "bytes", "dates"])
def test_labels_of_any_type(tmp_path, labels):
    data = load_data(npz(tmp_path, x=VECTORS, y=labels))
    assert len(data.classes) == 2
    assert np.bincount(data.y).tolist() == [16, 16]


IMAGES = {
    "bytes": (GREY, GREY), "colours": (COLOUR, COLOUR), "channels first": (COLOUR.transpose(0, 3, 1, 2), COLOUR),
    "one channel first": (GREY[:, None], GREY), "one channel last": (GREY[..., None], GREY[..., None]),
    "shares": (GREY / 255, GREY), "shares of colours first": (COLOUR.transpose(0, 3, 1, 2) / 255.0, COLOUR),
    "single precision": ((GREY / 255).astype(np.float32), GREY), "half": ((GREY / 255).astype(np.float16), GREY),
    "floats to 255": (GREY.astype(np.float32), GREY), "whole numbers": (GREY.astype(np.int64), GREY),
    "12 bits": (GREY.astype(np.uint16) * 16 + 15, GREY), "16 bits": (GREY.astype(np.uint16) * 257, GREY),
    "truth": (GREY > 127, np.where(GREY > 127, 255, 0)), "0 and 1": ((GREY > 127).astype(np.uint8), (GREY > 127) * 255),
}


@pytest.mark.parametrize("case", IMAGES)
def test_arrays_that_are_images(case):
    x, expected = IMAGES[case]
    images, notes = as_images(x, "set.npz")
    assert images.dtype == np.uint8
    assert images.shape == expected.shape
    assert np.abs(images.astype(int) - expected).max() <= 1
    assert (notes == []) == (case in ("bytes", "colours", "one channel last"))


@pytest.mark.parametrize("x", [GREY - 130.0, GREY / 255 - 0.5, GREY * 1e4, np.where(GREY > 9, np.nan, 1.0)],
                         ids=["centred", "centred shares", "large", "NaN"])  # fmt: skip
def test_numbers_that_are_no_grey_levels(x):
    with pytest.raises(AAEError, match=r"set.npz: images of shape \(8, 9\) have values from"):
        as_images(x, "set.npz")


def test_vectors_stay_as_they_are():
    assert as_images(VECTORS, "set.npz") == (VECTORS, [])


def test_channels_first_are_refused_where_the_rows_stay_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "LARGE", 100)
    np.save(tmp_path / "x.npy", COLOUR.transpose(0, 3, 1, 2).copy())
    with pytest.raises(AAEError, match="channels first; save them as"):
        load_data(tmp_path / "x.npy")
