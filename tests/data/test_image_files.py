"""What lies in a folder of images, and what of it is read."""

import os
import sys

import numpy as np
import pytest

from aae.data import image_files
from aae.data.image_files import find_images, readable_name
from aae.system.errors import AAEError
from helpers.written import write_picture

PIXELS = np.zeros((8, 8), np.uint8)


def write(folder, *names):
    for name in names:
        if name.lower().endswith(".png"):
            write_picture(folder / name, PIXELS)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("{}")


def names_in(folder):
    return [name for name, _ in find_images(folder).images]


def test_images_at_any_depth_in_order(tmp_path):
    write(tmp_path, "b/x/2.png", "b/1.png", "a.png", "b/x/y/3.PNG", "c/0.png", "b-/0.png")
    assert names_in(tmp_path) == ["a.png", "b/1.png", "b/x/2.png", "b/x/y/3.PNG", "b-/0.png", "c/0.png"]
    assert names_in(tmp_path / "a.png") == ["a.png"]


def test_what_systems_leave_behind_is_ignored(tmp_path):
    write(tmp_path, "cat/1.png", ".hidden/2.png", "__MACOSX/cat/3.png", "cat/._1.png", ".ipynb_checkpoints/4.png",
          "cat/Thumbs.db", "cat/.DS_Store", "desktop.ini", "@eaDir/5.png", "$RECYCLE.BIN/6.png")  # fmt: skip
    found = find_images(tmp_path)
    assert [name for name, _ in found.images] == ["cat/1.png"]
    assert not found.notes()


def test_other_files_are_counted_by_kind_in_one_note(tmp_path):
    write(tmp_path, "cat/1.png", *(f"cat/{k}.txt" for k in range(10)), "a.MP4", "b.mp4", "README", "x.averylongending")
    assert find_images(tmp_path).notes() == [
        "14 files are not images that can be read: 10 .txt, 2 .mp4, 2 without a known ending."
    ]
    write(tmp_path, *(f"{kind}.{kind}" for kind in ("svg", "pdf", "doc", "csv")))
    (note,) = find_images(tmp_path).notes()
    assert note == ("18 files are not images that can be read: 10 .txt, 2 .mp4, 2 without a known ending, 1 .csv, "
                    "1 .doc, 2 others.")  # fmt: skip
    assert "17 files" in find_images(tmp_path, besides=tmp_path / "csv.csv").notes()[0]


def test_pictures_of_telephones_need_a_package(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "has_heif", lambda: False)
    write(tmp_path, "cat/1.png", "cat/2.heic", "cat/3.HEIF")
    found = find_images(tmp_path)
    assert found.notes() == ["2 images in HEIC are not read: these need pillow-heif; "
                             "`pip install 'adversarial-autoencoder[heic]'`."]
    with pytest.raises(AAEError, match=r"2.heic is an image in HEIC, and these need pillow-heif"):
        find_images(tmp_path / "cat" / "2.heic")
    monkeypatch.setattr(image_files, "has_heif", lambda: True)
    assert names_in(tmp_path) == ["cat/1.png", "cat/2.heic", "cat/3.HEIF"]


@pytest.mark.parametrize("beside", ["model/spec.json", "metrics.csv", "checkpoints/x"])
def test_runs_are_not_looked_into(tmp_path, beside):
    write(tmp_path, "cat/1.png", "runs/vae/config.json", f"runs/vae/{beside}", "runs/vae/latent.png", "dog/config.json",
          "dog/1.png")  # fmt: skip
    found = find_images(tmp_path)
    assert [name for name, _ in found.images] == ["cat/1.png", "dog/1.png"]
    assert found.notes() == ["1 file is not an image that can be read: 1 .json.",
                             "The folder runs/vae/ is not read: it is a run."]


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_links(tmp_path):
    write(tmp_path, "data/cat/1.png", "data/cat/deep/2.png", "other/3.png")
    (tmp_path / "data" / "cat" / "deep" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "dog").symlink_to(tmp_path / "other")
    (tmp_path / "data" / "a").symlink_to(tmp_path / "data" / "cat")
    (tmp_path / "data" / "gone.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "data" / "self").symlink_to("self")
    (tmp_path / "data" / "4.png").symlink_to(tmp_path / "other" / "3.png")
    found = find_images(tmp_path / "data")
    assert [name for name, _ in found.images] == ["4.png", "cat/1.png", "cat/deep/2.png", "dog/3.png"]
    assert found.others == {"broken links": 2}
    again = "it is a link to a folder that was read already"
    assert found.left_out == {"a/": again, "cat/deep/loop/": again}


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_what_is_no_file(tmp_path):
    write(tmp_path, "1.png")
    os.mkfifo(tmp_path / "2.png")
    assert names_in(tmp_path) == ["1.png"]


def test_folders_that_cannot_be_read(tmp_path, monkeypatch):
    write(tmp_path, "cat/1.png", "dog/2.png")
    scan = os.scandir

    def refuse(place):
        if str(place).endswith(("dog", "locked")):
            raise PermissionError(13, "Permission denied")
        return scan(place)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_images(tmp_path)
    assert [name for name, _ in found.images] == ["cat/1.png"]
    assert found.notes() == ["The folder dog/ is not read: Permission denied."]
    (tmp_path / "locked").mkdir()
    with pytest.raises(AAEError, match=r"locked cannot be read \(Permission denied\); check the path"):
        find_images(tmp_path / "locked")


@pytest.mark.parametrize(("name", "text"), [
    (b"a.png", "a.png"), ("père".encode(), "père"), (b"p\xe8re.png", r"p\udce8re.png"), (b"\xff\xfe", r"\udcff\udcfe"),
])
def test_names_can_be_written(name, text):
    assert readable_name(os.fsdecode(name)) == text


def test_a_single_one_of_a_kind(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert find_images(tmp_path).notes() == ["1 file is not an image that can be read: 1 broken link."]
