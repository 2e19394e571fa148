"""Commands on folders of images."""

import json
import os

import numpy as np
import pytest

from helpers.written import write_picture

RNG = np.random.default_rng(0)
QUICK = ["--steps", 2, "--no-report", "--device", "cpu", "--set", "hidden=[8]", "--set", "network=mlp"]


@pytest.fixture
def folder(pets, monkeypatch):
    monkeypatch.chdir(pets)
    return pets


def files_in(folder):
    """All files but those of the cache of images."""
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return [name for name in found if not name.startswith("cache")]


def test_no_contact_sheet_is_written_unless_asked_for(cli, folder, monkeypatch):
    before = files_in(folder)
    monkeypatch.chdir(folder / "pets")
    for data in (".", folder / "pets"):
        done = cli("data", data)
        assert done.code == 0
        assert "sheet" not in done.out
    assert files_in(folder) == before


def test_a_contact_sheet_that_is_asked_for_among_the_images(cli, folder):
    done = cli("data", "pets", "--out", "pets/sheet.png")
    assert (done.code, done.out) == (2, "")
    assert "pets/sheet.png would lie among the images of pets; name a file outside that folder" in done.err
    assert cli("data", "pets", "--out", "sheet.png").code == 0
    assert (folder / "sheet.png").is_file()


TRAIN = ["train", "semi-supervised", *QUICK, "--out", "run", "--data"]


@pytest.mark.parametrize("command", [["data", "wide"], [*TRAIN, "wide"]])
def test_what_was_read_is_said(cli, folder, command):
    for place in ("cat", "dog", "unsorted"):
        for k in range(4):
            write_picture(folder / "wide" / place / f"{k}.png", RNG.integers(0, 256, (12, 40), dtype=np.uint8))
    (folder / "wide" / "notes.txt").write_text("")
    done = cli(*command)
    assert done.code == 0
    for sentence in ("12 of 12 images are not square; a margin of up to 70 %",
                     "The folder 'unsorted' (4 images) is read as a class",
                     "1 file is not an image that can be read: 1 .txt"):  # fmt: skip
        assert sentence in done.out + done.err


def test_a_file_of_labels(cli, folder):
    rows = [f"cat\\{k}.png,{'ab'[k % 2]}" for k in range(20)]
    (folder / "labels.csv").write_text("filename;class\n" + "\n".join(rows).replace(",", ";"))
    for command in (["data", "pets"], [*TRAIN, "pets"]):
        done = cli(*command, "--labels-file", "labels.csv")
        assert done.code == 0
        assert "20 of 20 rows of labels.csv found; 30 images have no row and so no label." in done.out + done.err
    done = cli("evaluate", "run", "--json")
    assert json.loads(done.out)["data"]
    rows.append("cat\\99.png,a")
    (folder / "labels.csv").write_text("file,label\n" + "\n".join(rows))
    done = cli("data", "pets", "--labels-file", "labels.csv")
    assert done.code == 1
    assert "1 row of labels.csv cannot be used for the images of pets: line 22 (" in done.err


@pytest.mark.parametrize("words", [["data", "pets"], ["train", "vae", "--data", "pets"]])
def test_a_way_to_make_images_square_that_does_not_exist(cli, folder, words):
    done = cli(*words, "--fit", "squash")
    assert done.code == 2
    assert "by crop, pad, stretch, not by 'squash'; change --fit." in done.err


def test_names_that_are_not_utf_8(cli, folder):
    place = os.fsdecode(b"pets/caf\xe9")
    for k in range(20):
        write_picture(folder / place / os.fsdecode(b"\xe9%d.png" % k), RNG.integers(0, 256, (10, 10), dtype=np.uint8))
    done = cli("data", "pets")
    assert done.code == 0
    assert r"caf\udce9" in done.out
    assert r"20 names are not UTF-8, such as caf\udce9/\udce90.png" in done.err
    assert cli(*TRAIN, "pets").code == 0
    assert cli("evaluate", "run", "--json").code == 0
    assert cli("predict", "run", place, "--out", "found.csv").code == 0
    text = (folder / "found.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1].startswith(r"\udce90.png,")
    assert r"p_caf\udce9" in text.splitlines()[0]
    done = cli("data", place, "--labels-file", "found.csv")
    assert "20 of 20 rows of found.csv found." in done.err
