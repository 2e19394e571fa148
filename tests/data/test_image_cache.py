"""Images from the cache are those of the files as they are now, and a cache never stops anything."""

import os

import numpy as np
import platformdirs
import pytest

from aae.data import image_cache, images
from aae.data.images import read_images
from aae.model.pictures import PictureFormat
from helpers.written import write_picture

RNG = np.random.default_rng(0)


def picture():
    return RNG.integers(0, 256, (12, 12), dtype=np.uint8)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    return tmp_path / "cache" / "aae" / "images"


@pytest.fixture
def folder(tmp_path, cache):
    for kind in ("cat", "dog"):
        for k in range(3):
            write_picture(tmp_path / "pets" / kind / f"{k}.bmp", picture())
    (tmp_path / "pets" / "cat" / "broken.png").write_bytes(b"")
    return tmp_path / "pets"


def test_the_second_reading_uses_the_cache(folder, cache, monkeypatch):
    first = read_images(folder)
    monkeypatch.setattr(images, "_read", lambda *_: pytest.fail("read again"))
    second = read_images(folder)
    assert np.array_equal(first.x, second.x)
    assert (first.files, first.skipped, first.how, first.notes) == (
        second.files, second.skipped, second.how, second.notes
    )  # fmt: skip


def test_what_was_decided_comes_out_of_the_cache(folder, cache, monkeypatch):
    for k in range(3):
        write_picture(folder / "deep" / f"{k}.png", (np.arange(12 * 40).reshape(12, 40) * 8).astype(np.uint16))
    first = read_images(folder)
    assert first.how == PictureFormat("pad", None, (0, 4095))
    assert len(first.notes) == 3
    monkeypatch.setattr(images, "_read", lambda *_: pytest.fail("read again"))
    second = read_images(folder)
    assert (second.how, second.notes) == (first.how, first.notes)


def replace_with_the_same_size_and_date(path):
    stat = path.stat()
    write_picture(path.with_name("new.bmp"), picture())
    path.with_name("new.bmp").replace(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)


def rewrite_with_the_same_size_and_date(path):
    stat = path.stat()
    write_picture(path, picture())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)


CHANGES = {
    "replaced": lambda folder: replace_with_the_same_size_and_date(folder / "dog" / "1.bmp"),
    "rewritten": lambda folder: rewrite_with_the_same_size_and_date(folder / "dog" / "1.bmp"),
    "new": lambda folder: write_picture(folder / "dog" / "3.bmp", picture()),
    "gone": lambda folder: (folder / "dog" / "1.bmp").unlink(),
    "renamed": lambda folder: (folder / "dog" / "1.bmp").rename(folder / "dog" / "9.bmp"),
    "swapped": lambda folder: [(folder / "dog" / a).rename(folder / "dog" / b)
                               for a, b in (("1.bmp", "t"), ("2.bmp", "1.bmp"), ("t", "2.bmp"))],
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_changed_files_are_read_again(folder, cache, change, monkeypatch):
    read_images(folder)
    CHANGES[change](folder)
    found = read_images(folder)
    monkeypatch.setattr(image_cache.ImageCache, "load", lambda self, mapped=False: None)
    fresh = read_images(folder)
    assert found.files == fresh.files
    assert np.array_equal(found.x, fresh.x)


@pytest.mark.parametrize("options", [{"size": 9}, {"colour": True}, {"how": PictureFormat("stretch")}])
def test_other_options_are_read_again(folder, cache, options, monkeypatch):
    read_images(folder)
    found = read_images(folder, **options)
    monkeypatch.setattr(image_cache.ImageCache, "load", lambda self, mapped=False: None)
    assert np.array_equal(found.x, read_images(folder, **options).x)


def test_a_newer_decoder_reads_again(folder, cache, monkeypatch):
    read_images(folder)
    read_again = []
    read = images._read
    monkeypatch.setattr(images, "_read", lambda *given: read_again.append(1) or read(*given))
    monkeypatch.setattr(image_cache, "FORMAT", 99)
    read_images(folder)
    assert read_again


@pytest.mark.parametrize("ending", [".npy", ".json"])
@pytest.mark.parametrize("damage", [b"", b"garbage", b"null", b"{}", b"[]", b'{"files": 3}', b"\xff\xfe", None])
def test_a_damaged_cache(folder, cache, ending, damage):
    fresh = read_images(folder)
    kept = next(cache.glob(f"*{ending}"))
    kept.write_bytes(kept.read_bytes()[:-10] if damage is None else damage)
    found = read_images(folder)
    assert np.array_equal(found.x, fresh.x)
    assert found.files == fresh.files


def test_a_cache_that_cannot_be_used(folder, cache, monkeypatch):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    assert len(read_images(folder).x) == 6

    def refuse(name):
        raise RuntimeError("no home")

    monkeypatch.setattr(platformdirs, "user_cache_dir", refuse)
    assert len(read_images(folder).x) == 6


def test_a_full_disk(folder, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert len(read_images(folder).x) == 6
    assert len(read_images(folder).x) == 6
