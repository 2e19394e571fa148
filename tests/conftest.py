"""What every test shares: one thread, a fixed seed, and small data on disk."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch

torch.set_num_threads(1)

_MNIST_MISSING = "MNIST is not at $AAE_DATA_DIR/mnist; set AAE_DATA_DIR to the folder that holds mnist/"


def pytest_collection_modifyitems(items):
    folder = Path(os.environ.get("AAE_DATA_DIR") or "absent") / "mnist"
    if folder.is_dir():
        return
    for item in items:
        if item.get_closest_marker("mnist"):
            item.add_marker(pytest.mark.skip(reason=_MNIST_MISSING))


def pytest_terminal_summary(terminalreporter):
    skipped = sum(_MNIST_MISSING in str(report.longrepr) for report in terminalreporter.stats.get("skipped", ()))
    if skipped:
        terminalreporter.write_line(f"{skipped} tests skipped: {_MNIST_MISSING}", yellow=True, bold=True)


@pytest.fixture(autouse=True)
def seed():
    """Every test draws from a generator in the same state."""
    torch.manual_seed(0)


def write_idx(path, array, magic=b"\x00\x00\x08"):
    """Write bytes as an IDX file; gzipped if the name ends in ``.gz``."""
    raw = magic + bytes([array.ndim]) + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()
    path.write_bytes(gzip.compress(raw, 1) if path.suffix == ".gz" else raw)
    return path


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
