"""The command line where names, folders, terminals and libraries are not as usual."""

import csv
import errno
import fcntl
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from aae.system.errors import AAEError
from helpers.runs import SMALL, train_small
from helpers.written import write_picture

NARROW = [*(word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")), "--device", "cpu"]
QUICK = ["--steps", "2", "--no-report", *NARROW]
BYTES = os.fsdecode(b"caf\xe9 [red]{0}:dog:")  # not UTF-8, and what a terminal's library would format


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in a separate folder, without a cache of pictures from other tests."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def failing(monkeypatch, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("aae.runs.train.train_preset", fails)


@pytest.mark.usefixtures("no_other_fonts")
def test_names_that_are_not_utf8(cli, folder):
    rng = np.random.default_rng(0)
    for k in range(24):
        name = f"{k}\udce9.png"
        write_picture(folder / BYTES / (BYTES, "猫")[k % 2] / name, rng.integers(0, 256, (10, 10), dtype=np.uint8))
    run, shown = f"run{BYTES}", "caf\ufffd [red]{0}:dog:"
    done = cli("data", BYTES, "--out", f"{BYTES}.png")
    assert done.code == 0, done.err
    assert shown in done.out
    done = cli("train", "few-labels", "--data", BYTES, *QUICK[2:], "--steps", 2, "--out", run, "--report")
    assert done.code == 0, done.err
    assert re.search(r"runcaf. \[red\]\{0\}:dog:/report.html", done.out)
    assert "猫" in (folder / run / "report.html").read_text(encoding="utf-8")
    assert "class 1 is 猫" in (folder / run / "report.html").read_text(encoding="utf-8")
    done = cli("evaluate", run, "--json")
    assert Path(json.loads(done.out)["data"]) == folder / BYTES  # exactly
    assert json.loads((folder / run / "config.json").read_text(encoding="utf-8"))["data"] == str(folder / BYTES)
    for words in (["predict", run, BYTES, "--out", f"{BYTES}.csv"], ["encode", run, BYTES, "--out", f"{BYTES}.npz"],
                  ["sample", run, "--out", f"s{BYTES}.png"], ["plot", run, "curves", "--out", f"c{BYTES}.svg"],
                  ["train", "few-labels", "--out", run, "--resume", "--no-report"]):
        done = cli(*words)
        assert done.code == 0, done.err
    with (folder / f"{BYTES}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 25
    assert {row[1] for row in rows[1:]} <= {BYTES.replace("\udce9", "\\udce9"), "猫"}
    for words in (["train", "few-labels", "--data", f"no{BYTES}"], ["predict", f"no{BYTES}", BYTES, "--out", "a.csv"],
                  ["train", f"no{BYTES}"], ["train", "few-labels", "--set", f"{BYTES}=1"]):
        done = cli(*words)
        assert done.code in (1, 2)
        assert done.err.startswith("aae: ")


@pytest.mark.usefixtures("no_other_fonts")
def test_a_numbered_class_is_told_beside_its_picture(cli, folder):
    np.savez("pets.npz", x=np.random.default_rng(0).random((30, 4)), y=["猫", "cat", "dog"] * 10)
    assert cli("train", "few-labels", "--data", "pets.npz", *QUICK, "--out", "run").code == 0
    done = cli("plot", "run", "confusion", "--out", "a.png")
    assert (done.code, done.out) == (0, "confusion: a.png\n")
    assert done.err.endswith("The font cannot display some names: class 2 is 猫.\n")
    assert cli("plot", "run", "curves", "--out", "a.png").err == ""


def test_tensorboard_takes_no_such_name(cli):
    done = cli("train", "vae", *QUICK, "--tensorboard", "--out", BYTES)
    assert done.code == 1
    assert "TensorBoard writes only to names in UTF-8" in done.err


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK])
def test_a_folder_that_can_neither_sync_nor_lock(cli, folder, monkeypatch, error):
    """As on network drives and the shared folders of virtual machines."""

    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(os, "fchmod", refuse)
    done = cli("train", "vae", *QUICK, "--out", "run")
    assert done.code == 0, done.err
    assert "The file system of run has no locks: let only one process train there at a time." in done.err
    assert cli("train", "vae", "--out", "run", "--resume", "--no-report").code == 0
    assert cli("sample", "run", "--out", "a.npz").code == 0


def test_an_error_that_nobody_expected(cli, monkeypatch, tmp_path):
    failing(monkeypatch, ZeroDivisionError("division \x1b[2J by zero"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = cli("train", "vae")
    assert (done.code, done.out) == (70, "")
    found = re.fullmatch(
        r"aae: This is a bug in aae \(ZeroDivisionError: division \ufffd\[2J by zero\)\. "
        r"Please report it with the file (\S+), which holds the traceback\.\n", done.err)  # fmt: skip
    text = Path(found[1]).read_text()
    assert text.startswith("aae ")
    assert "Traceback (most recent call last)" in text
    assert "in fails" in text


def test_where_no_file_can_hold_the_traceback_it_is_printed(cli, monkeypatch):
    failing(monkeypatch, KeyError("a"))
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    done = cli("train", "vae")
    assert done.code == 70
    assert "Traceback" in done.err
    assert done.err.endswith("Please report it with the traceback above.\n")


def test_no_warning_of_a_library_is_shown(cli, monkeypatch):
    def warns(*_, **__):
        warnings.warn("something of a library", DeprecationWarning, stacklevel=1)
        logging.getLogger("library").warning("another thing")
        raise AAEError("The rest.")

    monkeypatch.setattr("aae.runs.train.train_preset", warns)
    monkeypatch.setattr(sys, "warnoptions", [])
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        done = cli("train", "vae")
    assert (done.code, done.err) == (1, "aae: The rest.\n")
    assert warnings.showwarning is before
    # Warnings that are errors, as in these tests, still are.
    assert cli("train", "vae").code == 70


def command(*words, **named):
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-m", "aae", *words], stdout=pipe, stderr=pipe, text=True, **named)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Unix")
def test_a_reader_that_has_gone():
    with command("presets") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device here")
def test_output_that_cannot_be_written():
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "aae", "presets"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "aae: No space left on device.\n")


NOBODY = """
import pwd, sys

def unknown(*_):
    raise KeyError("getpwuid(): uid not found")

pwd.getpwuid = unknown
from aae.cli.app import main

main()
"""


def test_without_a_home(tmp_path, monkeypatch):
    """As in a container whose user the system does not list."""
    monkeypatch.undo()
    place = tmp_path / "alone"
    place.mkdir()
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    words = ["plot", train_small("vae", out=tmp_path / "run").path, "reconstructions", "--out", "a.png"]
    done = subprocess.run([sys.executable, "-c", NOBODY, *map(str, words)], cwd=place, env=environment,
                          capture_output=True, text=True)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "reconstructions: a.png\n", "")
    assert [path.name for path in place.iterdir()] == ["a.png"]
