import csv

import numpy as np
import platformdirs
import pytest
from PIL import Image

from aae.data import images
from aae.data.images import file_labels, folder_labels, is_image_folder, read_images
from aae.system.errors import AAEError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """An empty cache for each test."""
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(place / name))
    return place / "aae" / "images"


def picture(path, size=(12, 12), colour=False, value=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0], 3) if colour else (size[1], size[0])
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8) if value is None else np.full(shape, value, np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return pixels


@pytest.fixture
def folder(tmp_path):
    """Three cats, two dogs, and one unlabelled picture in each of the two places for them."""
    root = tmp_path / "pets"
    for k in range(3):
        picture(root / "cat" / f"{k}.png")
    picture(root / "dog" / "a.PNG")
    picture(root / "dog" / "b.png")
    picture(root / "unlabelled" / "x.png")
    picture(root / "top.png")
    (root / "cat" / "notes.txt").write_text("no picture")
    picture(root / ".hidden" / "y.png")
    return root


def test_classes_are_sub_folders(folder):
    assert is_image_folder(folder)
    pictures = read_images(folder)
    assert pictures.files == ["cat/0.png", "cat/1.png", "cat/2.png", "dog/a.PNG", "dog/b.png", "top.png",
                              "unlabelled/x.png"]
    assert folder_labels(pictures.files) == ["cat", "cat", "cat", "dog", "dog", None, None]
    assert (pictures.x.shape, pictures.x.dtype) == ((7, 12, 12), np.uint8)
    assert np.array_equal(pictures.x[5], np.asarray(Image.open(folder / "top.png")))


@pytest.mark.parametrize("ending", ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"])
def test_formats(tmp_path, ending):
    picture(tmp_path / f"one.{ending}", value=200)
    x = read_images(tmp_path, colour=False).x
    assert x.shape == (1, 12, 12)
    assert np.abs(x.astype(int) - 200).max() <= 2


def test_colour_and_grey_together(tmp_path):
    grey = picture(tmp_path / "grey.png")
    colour = picture(tmp_path / "colour.png", colour=True)
    x = read_images(tmp_path).x
    assert np.array_equal(x[0], colour)
    assert np.array_equal(x[1], np.stack([grey] * 3, -1))
    assert read_images(tmp_path, colour=False).x.shape == (2, 12, 12)


def test_a_single_image_in_colour_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "SAMPLED_IMAGES", 2)
    for k in range(9):
        picture(tmp_path / f"{k}.png", colour=k == 5)
    assert read_images(tmp_path).x.shape == (9, 12, 12, 3)


@pytest.mark.parametrize(("sizes", "expected"), [
    ([(20, 30), (40, 25), (22, 22)], 22), ([(300, 200)] * 2, 64), ([(5, 9)], 8), ([(28, 28)] * 3, 28),
])
def test_the_size_follows_the_images(tmp_path, sizes, expected):
    for k, size in enumerate(sizes):
        picture(tmp_path / f"{k}.png", size)
    assert read_images(tmp_path).x.shape[1:] == (expected, expected)


def test_images_are_scaled_and_cropped_at_their_centre(tmp_path):
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    x = read_images(tmp_path, size=10).x[0]
    assert x[:, 2:8].min() == 255


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((16, 16), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    x = read_images(tmp_path, size=16).x[0].astype(int)
    assert x[:, 8:].mean() - x[:, :8].mean() > 250


def test_transparency_is_white_and_16_bits_are_scaled(tmp_path):
    Image.fromarray(np.zeros((9, 9, 4), np.uint8), "RGBA").save(tmp_path / "a.png")
    Image.fromarray(np.full((9, 9), 0x8000, np.uint16)).save(tmp_path / "b.png")
    x = read_images(tmp_path, colour=False).x
    assert (x[0].min(), x[1].min(), x[1].max()) == (255, 128, 128)


def spoil(folder, kind):
    path = folder / "cat" / "1.png"
    data = path.read_bytes()
    path.write_bytes({"truncated": data[:-60], "empty": b"", "text": b"no picture at all"}[kind])


@pytest.mark.parametrize("kind", ["truncated", "empty", "text"])
def test_unreadable_images_are_left_out_and_named(folder, kind):
    spoil(folder, kind)
    for _ in range(2):  # read, then taken from the cache
        pictures = read_images(folder)
        assert list(pictures.skipped) == ["cat/1.png"]
        assert "cat/1.png" not in pictures.files
        assert len(pictures.x) == len(pictures.files) == 6
        assert np.array_equal(pictures.x[1], np.asarray(Image.open(folder / "cat" / "2.png")))
    with pytest.raises(AAEError, match=r"cat/1.png cannot be read \(.+\); remove it, or read without --strict"):
        read_images(folder, strict=True)


def test_an_image_over_the_limit(folder, monkeypatch):
    picture(folder / "cat" / "1.png", (40, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert read_images(folder).skipped == {"cat/1.png": "40 x 40 pixels are over the limit"}


def test_folders_without_readable_images(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(AAEError, match=r"None of the 2 images in .* can be read; a.png: "):
        read_images(tmp_path)
    (tmp_path / "empty").mkdir()
    assert not is_image_folder(tmp_path / "empty")
    with pytest.raises(AAEError, match=r"empty holds no images \(.jpg, .* check the path"):
        read_images(tmp_path / "empty")


@pytest.mark.parametrize("size", [7, 129])
def test_sizes_out_of_range(folder, size):
    with pytest.raises(AAEError, match=f"8 to 128 pixels wide, not {size}; choose another --image-size"):
        read_images(folder, size=size)


def test_the_second_reading_uses_the_cache(folder, cache, monkeypatch):
    first = read_images(folder)
    monkeypatch.setattr(images, "_read", lambda *_: pytest.fail("read again"))
    second = read_images(folder)
    assert np.array_equal(first.x, second.x)
    assert first.files == second.files
    monkeypatch.undo()


@pytest.mark.parametrize("change", ["another size", "a new file", "a changed file", "damaged", "cut short"])
def test_the_cache_is_not_used_after_a_change(folder, cache, change):
    read_images(folder)
    kept = next(cache.glob("*.npy"))
    if change == "a new file":
        picture(folder / "dog" / "c.png")
    elif change == "a changed file":
        picture(folder / "dog" / "b.png", (13, 13))
    elif change == "damaged":
        kept.write_bytes(b"garbage")
    elif change == "cut short":
        kept.write_bytes(kept.read_bytes()[:-10])
    found = read_images(folder, size=9 if change == "another size" else None)
    assert len(found.x) == (8 if change == "a new file" else 7)
    assert found.x.shape[1] == (9 if change == "another size" else 12)
    if change == "a changed file":
        fresh = images._read(found.files, folder, None, None)
        assert np.array_equal(found.x, fresh.x)


def test_a_cache_that_cannot_be_written_is_ignored(folder, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    assert len(read_images(folder).x) == 7


def labels_file(path, rows, head=("file", "label")):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([head, *rows])
    return path


def test_labels_from_a_file(folder, tmp_path):
    files = read_images(folder).files
    path = labels_file(tmp_path / "labels.csv", [("top.png", "fish"), ("cat/0.png", "cat"), ("dog/b.png", "")])
    assert file_labels(path, folder, files) == ["cat", None, None, None, None, "fish", None]


@pytest.mark.parametrize(("rows", "head", "sentence"), [
    ([], ("name", "label"), r"labels.csv has no column 'file'; its first line should be file,label"),
    ([], ("a", "b"), r"no column 'file' and no column 'label'"),
    ([("dog/z.png", "dog")], ("file", "label"), r"names dog/z.png, which is not in .*pets; give paths within"),
])
def test_labels_files_that_do_not_fit_the_folder(folder, tmp_path, rows, head, sentence):
    with pytest.raises(AAEError, match=sentence):
        file_labels(labels_file(tmp_path / "labels.csv", rows, head), folder, [])


def test_files_that_are_not_labels_files(folder, tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe\x00garbage")
    with pytest.raises(AAEError, match=r"labels.csv (cannot be read as CSV|has no column)"):
        file_labels(tmp_path / "labels.csv", folder, [])
    with pytest.raises(AAEError, match=r"absent.csv cannot be read as CSV"):
        file_labels(tmp_path / "absent.csv", folder, [])
