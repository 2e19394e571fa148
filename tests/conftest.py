"""What every test shares: one thread, or as many as AAE_TEST_THREADS says, a fixed seed, and small data on disk."""

import os
import shutil
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import platformdirs
import pytest
import torch

from aae.cli.app import main
from aae.evaluation import baselines
from helpers.harness import command
from helpers.runs import THREADS, Processes, train_small
from helpers.written import write_idx, write_picture

torch.set_num_threads(THREADS)
# Forests of a hundred trees take most of the time of a small training and its evaluation.
TREES, baselines.TREES = baselines.TREES, 10

_MNIST_MISSING = "MNIST is not at $AAE_DATA_DIR/mnist; set AAE_DATA_DIR to the folder that holds mnist/"


def pytest_collection_modifyitems(items):
    folder = Path(os.environ.get("AAE_DATA_DIR") or "absent") / "mnist"
    if folder.is_dir():
        return
    for item in items:
        if item.get_closest_marker("mnist"):
            item.add_marker(pytest.mark.skip(reason=_MNIST_MISSING))


def pytest_terminal_summary(terminalreporter):
    """Says which tests were skipped and why, in a line that is not overlooked."""
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = Counter(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    for reason, count in reasons.items():
        line = f"{count} tests skipped: {reason.removeprefix('Skipped: ')}"
        terminalreporter.write_line(line, yellow=True, bold=True)


@pytest.fixture(autouse=True)
def seed():
    """Every test draws from a generator in the same state."""
    torch.manual_seed(0)


@pytest.fixture
def no_other_fonts(monkeypatch):
    """Leaves matplotlib its own fonts, as on a machine where none for Chinese is installed."""
    from matplotlib.font_manager import fontManager

    from aae.report.plots import fonts

    def forget():
        for remembered in (fonts._installed, fonts._warn):
            remembered.cache_clear()

    own = [font for font in fontManager.ttflist if font.name not in fonts.CANDIDATES]
    monkeypatch.setattr(fontManager, "ttflist", own)
    forget()
    yield
    forget()


@pytest.fixture
def whole_forests(monkeypatch):
    """Forests as users have them, for tests of how well something is learned."""
    monkeypatch.setattr(baselines, "TREES", TREES)


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """``pets``: forty images of two classes and ten without a label; ``more``: six of another size and colour."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for place, count in (("cat", 20), ("dog", 20), ("unlabelled", 10)):
        for k in range(count):
            write_picture(tmp_path / "pets" / place / f"{k}.png", rng.integers(0, 256, (10, 10), dtype=np.uint8))
    for place in ("cat", "dog"):
        for k in range(3):
            write_picture(tmp_path / "more" / place / f"{k}.png", rng.integers(0, 256, (30, 20, 3), dtype=np.uint8))
    return tmp_path


@pytest.fixture
def idx_folder(tmp_path):
    """A folder of four IDX files, two of them gzipped: 40 training and 10 test images of 8x8, labels 3, 5 and 9."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "idx"
    folder.mkdir()
    for name, rows, end in (("train", 40, ".gz"), ("t10k", 10, "")):
        write_idx(folder / f"{name}-images-idx3-ubyte{end}", rng.integers(0, 256, (rows, 8, 8), dtype=np.uint8))
        labels = np.array([3, 5, 9], dtype=np.uint8)[np.arange(rows) % 3]
        write_idx(folder / f"{name}-labels-idx1-ubyte{end}", labels)
    return folder


@pytest.fixture
def cli(monkeypatch, capsys):
    """The command line, called in this process: ``cli("train", ...)`` gives its exit code and what it wrote."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["aae", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return SimpleNamespace(code=stop.value.code, out=out, err=err)

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Run directories of two steps, by their names in `runs.VARIANTS`; each is made once and must not be changed."""
    folder = tmp_path_factory.mktemp("runs")

    @cache
    def make(name):
        return train_small(name, out=folder / name.replace(" ", "-")).path

    return make


@pytest.fixture
def copied(trained, tmp_path):
    """Copies of those, to be changed."""

    def make(name):
        return shutil.copytree(trained(name), tmp_path / "copied")

    return make


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """Commands as processes that can be killed."""
    server = Processes(tmp_path_factory.mktemp("processes") / "log")
    yield server
    server.close()


@pytest.fixture(scope="module")
def straight(processes, tmp_path_factory):
    """Weights of a run that nothing stopped, by its length."""
    folder, found = tmp_path_factory.mktemp("straight"), {}

    def weights(steps):
        if steps not in found:
            code, text = processes.run(*command(folder / str(steps), steps))
            assert code == 0, text
            found[steps] = (folder / str(steps) / "model" / "weights.safetensors").read_bytes()
        return found[steps]

    return weights
