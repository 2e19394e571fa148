import gzip
import http.server
import os
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from aae.data import idx
from aae.data.idx import load_mnist, read_idx, read_idx_folder
from aae.system.errors import AAEError
from helpers.written import write_idx

ROWS = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


@pytest.mark.parametrize("name", ["rows", "rows.gz"])
@pytest.mark.parametrize("array", [ROWS, ROWS[:, 0, 0], ROWS[None], ROWS[:0]], ids=["3-D", "1-D", "4-D", "empty"])
def test_round_trip(tmp_path, name, array):
    found = read_idx(write_idx(tmp_path / name, array))
    assert found.dtype == np.uint8
    assert np.array_equal(found, array)
    assert found.shape == array.shape


def test_arrays_can_be_passed_to_torch(tmp_path):
    assert read_idx(write_idx(tmp_path / "rows", ROWS)).flags.writeable


PLAIN = b"\x00\x00\x08\x03" + np.array(ROWS.shape, dtype=">u4").tobytes() + ROWS.tobytes()
DAMAGED = {
    "truncated": (PLAIN[:-1], "should hold 60 bytes of data but holds 59; it is truncated"),
    "too long": (PLAIN + b"\0", "should hold 60 bytes of data but holds more"),
    "header cut": (PLAIN[:9], "cannot hold them; it is truncated"),
    "empty": (b"", "is not an IDX file of bytes: it starts with nothing"),
    "text": (b"hello, world", "it starts with 68656c6c"),
    "floats": (b"\x00\x00\x0d\x01" + PLAIN[4:], "not an IDX file of bytes: it starts with 00000d01"),
    "more than there is": (b"\x00\x00\x08\x04" + b"\xff" * 16 + ROWS.tobytes(), "cannot hold them"),
    "none of too many": (b"\x00\x00\x08\x04" + bytes(4) + b"\xff" * 12, "cannot be read"),
    "no dimensions": (b"\x00\x00\x08\x00" + PLAIN[4:], "not an IDX file"),
    "gzip cut short": (gzip.compress(PLAIN)[:-12], "cannot be read .*copy the file again"),
    "gzip damaged": (gzip.compress(PLAIN)[:12] + b"\xff" * 40, "(cannot be read|is not an IDX file)"),
    "bomb": (gzip.compress(b"\x00\x00\x08\x01" + (2**27).to_bytes(4, "big") + bytes(2**27)), "cannot hold them"),
    "gzip of a truncated file": (gzip.compress(PLAIN[:-5]), "holds 55; it is truncated"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files_are_named(tmp_path, case):
    raw, sentence = DAMAGED[case]
    (tmp_path / "train-images").write_bytes(raw)
    with pytest.raises(AAEError, match=f"train-images.*{sentence}"):
        read_idx(tmp_path / "train-images")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AAEError, match="nothing-here cannot be read"):
        read_idx(tmp_path / "nothing-here")


def test_a_folder_mixes_plain_and_gzipped_files(idx_folder):
    (train_x, train_y), (test_x, test_y) = read_idx_folder(idx_folder)
    assert (train_x.shape, train_y.shape) == ((40, 8, 8), (40,))
    assert (test_x.shape, test_y.shape) == ((10, 8, 8), (10,))
    assert train_y[:4].tolist() == [3, 5, 9, 3]


def test_a_plain_file_is_read_before_a_gzipped_one(idx_folder):
    write_idx(idx_folder / "train-labels-idx1-ubyte", np.full(40, 7, dtype=np.uint8))
    assert set(read_idx_folder(idx_folder)[0][1].tolist()) == {7}


BROKEN = {
    "missing": (lambda folder: (folder / "t10k-labels-idx1-ubyte").unlink(),
                "has no file t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz"),
    "fewer labels": (lambda folder: write_idx(folder / "t10k-labels-idx1-ubyte", np.zeros(9, dtype=np.uint8)),
                     "t10k-images-idx3-ubyte holds 10 images, but its labels file 9 labels"),
    "labels for images": (lambda folder: write_idx(folder / "train-images-idx3-ubyte", np.zeros(40, dtype=np.uint8)),
                          "train-images-idx3-ubyte must hold images"),
    "images for labels": (lambda folder: write_idx(folder / "t10k-labels-idx1-ubyte", ROWS), "one label each"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_incomplete_folders_are_refused(idx_folder, case):
    spoil, sentence = BROKEN[case]
    spoil(idx_folder)
    with pytest.raises(AAEError, match=sentence):
        read_idx_folder(idx_folder)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """No data folder, an empty cache, and the four files compressed with their own checksums."""
    import platformdirs
    import pooch

    monkeypatch.delenv("AAE_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    served = tmp_path / "served"
    served.mkdir()
    for name in idx._CHECKSUMS:
        array = ROWS[:, 0, 0] if "labels" in name else ROWS
        write_idx(served / name, array)
    checksums = {name: "sha256:" + pooch.file_hash(str(served / name)) for name in idx._CHECKSUMS}
    monkeypatch.setattr(idx, "_CHECKSUMS", checksums)
    pooch.get_logger().setLevel("ERROR")
    return served


@pytest.fixture
def mirror(cache, monkeypatch):
    """A local server of the files; requests are counted."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            requests.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(cache)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(idx, "_MIRRORS", (f"http://127.0.0.1:{server.server_port}/",))
    yield requests
    server.shutdown()
    thread.join()
    server.server_close()


def test_files_are_downloaded_once_and_kept(mirror, tmp_path, capsys):
    (train_x, _), _ = load_mnist()
    assert capsys.readouterr().out == ""  # where commands print their JSON
    assert np.array_equal(train_x, ROWS)
    assert len(mirror) == 4
    assert sorted(os.listdir(tmp_path / "cache" / "aae" / "mnist")) == sorted(idx._CHECKSUMS)
    load_mnist()
    assert len(mirror) == 4


def test_the_given_folder_comes_first(mirror, idx_folder, monkeypatch):
    monkeypatch.setenv("AAE_DATA_DIR", str(idx_folder.parent))
    assert load_mnist()[0][0].shape == ROWS.shape, "it holds no mnist/, so the files are downloaded"
    mirror.clear()
    idx_folder.rename(idx_folder.parent / "mnist")
    assert load_mnist()[0][0].shape == (40, 8, 8)
    assert not mirror


def test_the_next_mirror_is_tried(mirror, monkeypatch):
    monkeypatch.setattr(idx, "_MIRRORS", (idx._MIRRORS[0] + "absent/", *idx._MIRRORS))
    assert load_mnist()[0][0].shape == ROWS.shape


def test_a_file_with_another_checksum_is_not_kept(mirror, cache, tmp_path):
    (cache / "train-images-idx3-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(AAEError, match=r"could not be downloaded .*Check the network, or set AAE_DATA_DIR"):
        load_mnist()
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


def test_no_network_is_one_sentence(cache, monkeypatch):
    monkeypatch.setattr(idx, "_MIRRORS", ("http://127.0.0.1:9/",))
    with pytest.raises(AAEError, match=r"train-images.*could not be downloaded \(http.*:9/: ConnectionError\)"):
        load_mnist()


@pytest.mark.mnist
def test_mnist_is_the_published_set():
    (train_x, train_y), (test_x, test_y) = read_idx_folder(Path(os.environ["AAE_DATA_DIR"]) / "mnist")
    assert (train_x.shape, test_x.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert np.bincount(train_y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(test_y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train_y[:5].tolist() == [5, 0, 4, 1, 9]
    assert train_x.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
