import os

import numpy as np
import platformdirs
import pytest
from PIL import Image

from aae.data import images
from aae.data.image_structure import structure_of
from aae.data.images import read_images
from aae.model.pictures import PictureFormat
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
    pictures = read_images(folder)
    assert pictures.files == ["cat/0.png", "cat/1.png", "cat/2.png", "dog/a.PNG", "dog/b.png", "top.png",
                              "unlabelled/x.png"]
    assert structure_of(pictures.files).labels == ["cat", "cat", "cat", "dog", "dog", None, None]
    assert (pictures.x.shape, pictures.x.dtype) == ((7, 12, 12), np.uint8)
    assert np.array_equal(pictures.x[5], np.asarray(Image.open(folder / "top.png")))
    assert pictures.notes == ["1 file is not an image that can be read: 1 .txt."]


ENDINGS = ["jpg", "jpeg", "jfif", "png", "webp", "avif", "gif", "bmp", "tif", "tiff", "jp2", "ppm", "pgm", "tga"]


@pytest.mark.parametrize("ending", [*ENDINGS, *(ending.upper() for ending in ENDINGS)])
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
    ([(20, 25), (40, 31), (22, 22)], 22), ([(300, 230)] * 2, 64), ([(5, 6)], 8), ([(28, 28)] * 3, 28),
    ([(30, 10), (28, 12), (20, 20)], 28), ([(128, 32)], 64),  # the longer sides, if nothing is cut off
])
def test_the_size_follows_the_images(tmp_path, sizes, expected):
    for k, size in enumerate(sizes):
        picture(tmp_path / f"{k}.png", size)
    assert read_images(tmp_path).x.shape[1:] == (expected, expected)


def mark_at_the_end(path):
    """A wide picture with its only mark at its right end."""
    pixels = np.full((32, 128), 200, np.uint8)
    pixels[8:24, 112:] = 10
    Image.fromarray(pixels).save(path)


def test_wide_images_lose_nothing_and_that_is_said(tmp_path):
    for k in range(3):
        mark_at_the_end(tmp_path / f"{k}.png")
    pictures = read_images(tmp_path)
    assert pictures.how.fit == "pad"
    assert pictures.x.shape == (3, 64, 64)
    assert pictures.x[0, 24:40, 56:].min() < 20
    assert (pictures.x[0, :24] == 200).all()  # the margin has the colour of the edge
    assert pictures.notes == ["3 of 3 images are not square; a margin of up to 75 % of the square keeps all of them "
                              "(--fit crop or stretch: another way).", "Images of 128 pixels are scaled to 64 x 64."]


@pytest.mark.parametrize(("fit", "dark"), [("crop", False), ("pad", True), ("stretch", True)])
def test_a_way_to_make_images_square_can_be_chosen(tmp_path, fit, dark):
    mark_at_the_end(tmp_path / "a.png")
    pictures = read_images(tmp_path, how=PictureFormat(fit=fit))
    assert (pictures.x.min() < 20) == dark
    assert pictures.how.fit == fit
    what = {"crop": "longer sides are cut by up to 75 %", "pad": "a margin of up to 75 % of the square keeps all of",
            "stretch": "shorter sides are stretched, by up to 300 %"}  # fmt: skip
    assert f"1 of 1 image is not square; {what[fit]}" in pictures.notes[0]
    if fit == "stretch":
        assert pictures.x[0, 20:44, 58:].max() < 60


def test_a_few_wide_images_are_cut_and_that_is_said(tmp_path):
    for k in range(11):
        picture(tmp_path / f"{k}.png", (20, 18))
    mark_at_the_end(tmp_path / "wide.png")
    pictures = read_images(tmp_path)
    assert pictures.how.fit == "crop"
    assert pictures.notes[:2] == ["12 of 12 images are not square; longer sides are cut by up to 75 % (--fit pad or "
                                  "stretch keeps all).", "Images of 18 to 32 pixels are scaled to 18 x 18."]


@pytest.mark.parametrize(("size", "uneven"), [((64, 48), 0), ((48, 64), 0), ((64, 64), 0), ((60, 40), 1), ((40, 60), 1),
                                             ((4, 3), 0), ((1, 40), 1)])
def test_sides_that_differ_by_more_than_a_third(tmp_path, size, uneven):
    picture(tmp_path / "a.png", size)
    pictures = read_images(tmp_path)
    assert any("not square" in note for note in pictures.notes) == (abs(size[0] - size[1]) > 1)
    assert pictures.how.fit == ("pad" if uneven else "crop")


def test_images_are_scaled_and_cropped_at_their_centre(tmp_path):
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    x = read_images(tmp_path, size=10, how=PictureFormat(fit="crop")).x[0]
    assert x[:, 2:8].min() == 255


def test_images_of_one_colour_each_are_warned_of(tmp_path):
    for k in range(5):
        picture(tmp_path / f"{k}.png", colour=True, value=40 * k if k else None)
    assert read_images(tmp_path).notes == ["4 of 5 images are of one colour each, so there is nothing to learn from "
                                           "them; check how they were saved."]
    for k in range(5, 9):
        picture(tmp_path / f"{k}.png", colour=True)
    assert read_images(tmp_path).notes == ["4 of 9 images are of one colour each; check how they were saved."]


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
        assert "0x" not in pictures.skipped["cat/1.png"]
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
    with pytest.raises(AAEError, match=r"empty holds no images \(.jpg, .* check the path.$"):
        read_images(tmp_path / "empty")
    for name in ("a.txt", "b.txt", "c.mp4", "README"):
        (tmp_path / "empty" / name).write_text("?")
    found = r"4 files are not images that can be read: 2 .txt, 1 .mp4, 1 without a known ending; check the path.$"
    with pytest.raises(AAEError, match=found):
        read_images(tmp_path / "empty")


@pytest.mark.parametrize("size", [7, 129])
def test_sizes_out_of_range(folder, size):
    with pytest.raises(AAEError, match=f"8 to 128 pixels wide, not {size}; choose another --image-size"):
        read_images(folder, size=size)


def test_names_that_are_not_utf_8(tmp_path, cache):
    place = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(place)
    for k in range(2):
        picture(tmp_path / os.fsdecode(b"caf\xe9") / os.fsdecode(b"p\xe9re %d.png" % k))
        picture(tmp_path / "bar" / f"{k}.png")
    for _ in range(2):
        pictures = read_images(tmp_path)
        assert [os.fsencode(name) for name in pictures.files[2:]] == [b"caf\xe9/p\xe9re %d.png" % k for k in range(2)]
        assert structure_of(pictures.files).labels == ["bar", "bar", r"caf\udce9", r"caf\udce9"]
        assert len(list(cache.glob("*.json"))) == 1
