"""Disks that are full or cannot be written, caches that are not there, clocks that jump."""

import os
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest

from aae.training.checkpoints import latest_checkpoint
from helpers.harness import ALL, checkpoints, command, finish, many, tally, weights
from helpers.runs import leftovers
from helpers.written import write_picture

STEPS = 40


def told(code, text):
    """Whether a command ended with one sentence of what could not be written."""
    last = text.strip().splitlines()[-1]
    return code == 1 and "Traceback" not in text and last.startswith("aae: ") and last.endswith(".")


def test_files_that_cannot_grow(processes, straight, tmp_path):
    """As on a full disk, a write stops in the middle of a file."""
    rng = np.random.default_rng(0)
    code, text = processes.run(*command(tmp_path / "whole", STEPS))
    assert code == 0, text
    size = max(path.stat().st_size for path in checkpoints(tmp_path / "whole"))
    with tally("Disk full in the middle of a file") as count:
        for k, limit in enumerate(rng.integers(6_000, size + 2_000, many(3, 20))):
            out = tmp_path / str(k)
            code, text = processes.run(*command(out, STEPS, "--checkpoint-every", 0), file_size=int(limit))
            good = code == 0 if limit > size else told(code, text) and "could not be written" in text
            good &= not leftovers(out)
            if checkpoints(out):
                good &= not latest_checkpoint(out / "checkpoints")[1]
            finish(processes, out, STEPS)
            count.add(good and weights(out) == straight(STEPS))


@contextmanager
def mounted(folder, size="64k"):
    """A file system of that size; the test is passed over where none may be mounted."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if done.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_without_space(processes, straight, tmp_path):
    code, text = processes.run(*command(tmp_path / "whole", STEPS))
    assert code == 0, text
    size = max(path.stat().st_size for path in checkpoints(tmp_path / "whole")) // 1024
    with tally("Disk without space") as count:
        for k, share in enumerate(np.linspace(0.3, 3.9, many(2, 10))):
            with mounted(tmp_path / str(k), f"{int(share * size)}k") as disk:
                out = disk / "run"
                code, text = processes.run(*command(out, STEPS, "--checkpoint-every", 0))
                good = told(code, text) and "No space left on device" in text
                good &= not leftovers(out)
                if checkpoints(out):
                    good &= not latest_checkpoint(out / "checkpoints")[1]
                subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
                finish(processes, out, STEPS)
                count.add(good and weights(out) == straight(STEPS))


def test_a_directory_that_cannot_be_written(processes, tmp_path):
    with tally("Directory that cannot be written") as count, mounted(tmp_path / "disk", "8m") as disk:
        code, text = processes.run(*command(disk / "run", 4))
        assert code == 0, text
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
        for words in (command(disk / "new", 4), ["train", "semi-supervised", "--out", disk / "run", "--resume"],
                      ["report", disk / "run"], ["evaluate", disk / "run"],
                      ["predict", disk / "run", "digits", "--out", disk / "labels.csv"],
                      ["sample", disk / "run", "--out", disk / "samples.png"],
                      ["plot", disk / "run", "curves", "--out", disk / "curves.png"],
                      ["export", disk / "run", "--out", disk / "onnx"]):
            code, text = processes.run(*words)
            assert told(code, text), text
            count.add({path: path.read_bytes() for path in disk.rglob("*") if path.is_file()} == before)


def test_a_cache_that_cannot_be_written(processes, tmp_path):
    rng = np.random.default_rng(0)
    for k in range(40):
        write_picture(tmp_path / "pets" / "ab"[k % 2] / f"{k}.png", rng.integers(0, 256, (10, 10), dtype=np.uint8))
    (tmp_path / "file").write_text("")
    with tally("Cache that cannot be written") as count:
        for k, place in enumerate((tmp_path / "file", "/proc/nowhere")):
            environment = {"XDG_CACHE_HOME": str(place), "HOME": str(place)}
            words = ["train", "vae", "--data", tmp_path / "pets", "--steps", 2, "--out", tmp_path / f"run{k}"]
            code, text = processes.run(*words, environment=environment)
            assert code == 0, text
            count.add("Traceback" not in text and (tmp_path / f"run{k}" / "report.html").is_file())


@pytest.mark.parametrize("jump", [1e3, 1e9] if ALL else [1e9])
def test_a_clock_that_jumps(processes, straight, tmp_path, jump):
    with tally("Clock that jumps") as count:
        for k in range(many(1, 5)):
            out = tmp_path / str(k)
            code, text = processes.run(*command(out, STEPS, "--checkpoint-every", 0.01), clock=jump)
            assert code == 0, text
            count.add(weights(out) == straight(STEPS) and len(checkpoints(out)) == 3)
    assert os.path.exists(out / "metrics.csv")
