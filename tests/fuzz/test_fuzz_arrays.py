"""IDX and numpy files from strangers."""

import gzip
import io
import zipfile

import numpy as np
from hypothesis import strategies as st

from aae.data.arrays import read_numpy
from aae.data.idx import read_idx
from aae.data.sources import load_data
from helpers.fuzzing import damaged, parts, try_all

RNG = np.random.default_rng(0)


def idx(*shape):
    sizes = np.array(shape, dtype=">u4").tobytes()
    return b"\0\0\x08" + bytes([len(shape)]) + sizes + RNG.integers(0, 256, shape, dtype=np.uint8).tobytes()


def npy(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def archive(members, how=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as made:
        for name, data in members.items():
            made.writestr(f"{name}.npy", data)
    return file.getvalue()


PLAIN = [idx(30), idx(12, 8, 8), idx(2, 3, 4, 3), idx(0, 8, 8)]
BOMB = b"\0\0\x08\x01" + (2**26).to_bytes(4, "big") + bytes(2**20)
GZIPPED = [*(gzip.compress(raw, 1) for raw in (*PLAIN, BOMB)), gzip.compress(PLAIN[0]) + gzip.compress(b"more")]
ROWS = [
    npy(RNG.random((30, 4), dtype=np.float32)),
    npy(np.asfortranarray(RNG.random((20, 5)))),
    npy(RNG.integers(0, 256, (20, 8, 8), dtype=np.uint8), (2, 0)),
    npy(RNG.integers(-9, 9, (25, 3)).astype(">i8"), (3, 0)),
]
LABELS = [
    npy(np.arange(30) % 3),
    npy(np.array(["cat", "dog", ""] * 10)),
    npy(np.array([0.0, 1.0, np.nan] * 10)),
    npy(np.array([b"a", b"b"] * 15)),
    npy(np.arange(30) % 2 == 0),
]
ARCHIVES = [
    archive({"x": ROWS[0], "y": LABELS[0]}),
    archive({"x": ROWS[2]}, zipfile.ZIP_DEFLATED),
    archive({"x": ROWS[0], "y": LABELS[1], "x_test": ROWS[0], "y_test": LABELS[1]}),
    archive({"y": LABELS[2]}),
]


@parts
def test_idx(file, part):
    try_all("IDX", damaged(PLAIN), lambda data: read_idx(file("", data)), 400, 4000)


@parts
def test_gzipped_idx(file, part):
    inside = damaged(PLAIN).map(lambda raw: gzip.compress(raw, 1))
    strategy = st.one_of(inside, damaged(GZIPPED))
    try_all("IDX, gzipped", strategy, lambda data: read_idx(file("", data)), 400, 3500)


@parts
def test_npy(file, part):
    try_all(".npy", damaged(ROWS), lambda data: load_data(file(".npy", data)), 400, 4000)


@parts
def test_npz(file, part):
    # Archives are damaged as a whole, where checksums notice most of it, and in their members, where nothing does.
    members = st.builds(
        lambda x, y, how: archive({"x": x, "y": y}, how),
        damaged(ROWS), damaged(LABELS), st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)),
    )  # fmt: skip
    strategy = st.one_of(members, members, damaged(ARCHIVES, focus=250))
    try_all(".npz", strategy, lambda data: load_data(file(".npz", data)), 400, 4000)


@parts
def test_npz_as_kept_labels(file, part):
    """Every array that may be asked for, whatever the rows are."""
    strategy = damaged(LABELS).map(lambda raw: archive({"x": raw}))
    try_all(".npz", strategy, lambda data: read_numpy(file(".npz", data), ("x", "y")), 100, 1000)
