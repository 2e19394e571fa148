import numpy as np
import pytest

from aae.data import large
from aae.data.array_files import as_images, read_array_file
from aae.data.sources import load_data
from aae.model.pictures import PictureFormat
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
    "a little beyond 1": (GREY / 255 * 1.02, np.minimum(GREY * 1.02, 255)),
    "truth": (GREY > 127, np.where(GREY > 127, 255, 0)), "0 and 1": ((GREY > 127).astype(np.uint8), (GREY > 127) * 255),
}


@pytest.mark.parametrize("case", IMAGES)
def test_arrays_that_are_images(case):
    x, expected = IMAGES[case]
    images, notes, _ = as_images(x, "set.npz")
    assert images.dtype == np.uint8
    assert images.shape == expected.shape
    assert np.abs(images.astype(int) - expected).max() <= 1
    assert (notes == []) == (case in ("bytes", "colours", "one channel last"))


@pytest.mark.parametrize("x", [GREY - 130.0, GREY / 255 - 0.5, GREY * 1e4],
                         ids=["centred", "centred shares", "large"])  # fmt: skip
def test_numbers_that_are_no_grey_levels(x):
    with pytest.raises(AAEError, match=r"set.npz: images of shape \(8, 9\) have values from"):
        as_images(x, "set.npz")


def test_vectors_stay_as_they_are():
    assert as_images(VECTORS, "set.npz") == (VECTORS, [], 0)


def test_channels_first_are_refused_where_the_rows_stay_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "LARGE", 100)
    np.save(tmp_path / "x.npy", COLOUR.transpose(0, 3, 1, 2).copy())
    with pytest.raises(AAEError, match="channels first; save them as"):
        load_data(tmp_path / "x.npy")


@pytest.mark.parametrize(("x", "white"), [
    (GREY, 255), (GREY // 16, 16), (GREY // 15, 31), (GREY // 6, 63), (GREY / 255, 1), (np.round(GREY / 16.0), 16),
    (GREY.astype(np.uint16) * 16, 4095), (GREY > 127, 1), (GREY / 16 + 0.25, 255),
])
def test_the_range_of_images_to_train_on_is_kept(x, white):
    images, notes, top = as_images(x, "set.npz")
    assert top == white
    assert bool(notes) == (white != 255 or x.dtype.kind == "f")
    for part in (x[:1], x[3:4] // 2 if x.dtype.kind in "iu" else x[3:4] * 0.9):  # alone, and darker
        alone = as_images(part, "new.npz", PictureFormat(arrays=(0, top)))
        assert alone[2] == top
    assert np.array_equal(as_images(x[:1], "new.npz", PictureFormat(arrays=(0, top)))[0], images[:1])


def test_values_beyond_the_range_of_the_training_are_counted(tmp_path):
    deep = GREY.astype(np.uint16) * 16
    assert load_data(npz(tmp_path, x=deep)).pictures == PictureFormat(integers=(0, 4095), arrays=(0, 4095))
    deep[:3, :4] = 5000
    raw = read_array_file(npz(tmp_path, x=deep), PictureFormat(arrays=(0, 4095)))
    assert (raw.x[:3, :4] == 255).all()
    assert "3 of 40 images have values above 4095, the range of the rows that the model was trained on" in raw.notes[-1]


@pytest.mark.parametrize(("x", "known", "white"), [
    (GREY, 1, 255), (GREY / 255, 255, 1), (GREY.astype(np.uint16) * 16, 255, 4095), (GREY, 4095, 255),
])
def test_another_kind_of_array_than_in_training(x, known, white):
    images, notes, top = as_images(x, "new.npz", PictureFormat(arrays=(0, known)))
    assert top == white
    assert np.abs(images.astype(int) - GREY).max() <= 1
    assert notes or white == 255


def test_a_model_of_an_older_version_reads_as_it_did():
    assert as_images(GREY // 16, "new.npz", PictureFormat())[2] == 255


def test_images_with_nan_are_counted(tmp_path):
    x = GREY / 255
    x[:2, 0] = np.nan
    with pytest.raises(AAEError, match="2 of 40 images hold NaN; remove such images, or fill the pixels"):
        as_images(x, "set.npz")
    with pytest.raises(AAEError, match="save labels as texts, '' for none"):
        load_data(npz(tmp_path, x=GREY, y=np.array(["a", None] * 20, dtype=object)))


def test_test_rows_with_or_without_an_axis_for_one_channel(tmp_path):
    data = load_data(npz(tmp_path, x=GREY[..., None], y=NAMES, x_test=GREY[:6], y_test=NAMES[:6]))
    assert data.test_x.shape == (6, 8, 9, 1)
