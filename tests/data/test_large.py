"""Files that stay on the disk; the limit is lowered, so that small files do."""

import subprocess
import sys

import numpy as np
import platformdirs
import pytest
import torch

from aae.data import large as large_module
from aae.data import parquet_rows, unpacked
from aae.data.arrays import NpyRows
from aae.data.batches import Batches
from aae.data.dataset import ReadOptions
from aae.data.sources import load_data
from aae.data.splits import split_data
from aae.data.summary import contact_rows, describe_data, warnings_about
from aae.model.table import Table
from aae.runs.open import open_run
from aae.system.errors import AAEError
from helpers.models import FAMILIES
from helpers.runs import ENVIRONMENT, train_small

RNG = np.random.default_rng(0)


@pytest.fixture
def large(tmp_path, monkeypatch):
    """Writes rows as a file that counts as large."""
    monkeypatch.setattr(large_module, "LARGE", 1000)

    def write(rows):
        np.save(tmp_path / "rows.npy", rows)
        return tmp_path / "rows.npy"

    return write


@pytest.mark.parametrize(
    "rows",
    [RNG.random((50, 6)), RNG.integers(0, 256, (50, 8, 8), dtype=np.uint8), RNG.random((50, 6)).astype(">f4")],
    ids=["double", "bytes", "big-endian"],
)
@pytest.mark.parametrize("numbers", [[3, 4, 5, 1], [7, 7, 0, 49], [], list(range(49, -1, -1))])
def test_rows_by_number_are_those_of_the_array(rows, numbers, large):
    found = NpyRows(large(rows))
    np.testing.assert_array_equal(found[np.array(numbers, dtype=int)], rows[np.array(numbers, dtype=int)])
    np.testing.assert_array_equal(found[5:9], rows[5:9])
    assert found.nbytes == rows.nbytes
    found.prefetch(0, 50)


def test_test_validation_and_training_rows_do_not_overlap(large):
    rows = RNG.random((600, 6)).astype(np.float32)
    data = load_data(large(rows))
    assert isinstance(data.x, NpyRows)
    split = split_data(data, 0, seed=1)
    np.testing.assert_array_equal(data.test_x, rows[data.held])
    parts = [data.held, split.validation, split.unlabelled[:600]]
    assert len(data.held) == 60
    assert sum(map(len, parts)) == 600 == len(np.unique(np.concatenate(parts)))
    assert len(split.validation) > 60


def test_a_step_reads_its_rows_from_the_file(large):
    rows = RNG.random((600, 6)).astype(np.float32)
    data = load_data(large(rows))
    split = split_data(data, 0)
    batches = Batches(data, split, FAMILIES["aae"](shape=(6,)), 32, 8, seed=0)
    seen = torch.cat([batches.at(step).x for step in range(batches.steps_per_epoch)])
    expected = {row.tobytes() for row in rows[split.unlabelled[:600]]}
    found = {row.tobytes() for row in seen.numpy()}
    assert len(found) == len(seen)
    assert found <= expected
    assert torch.equal(batches.at(2).x, Batches(data, split, FAMILIES["aae"](shape=(6,)), 32, 8, seed=0).at(2).x)
    assert (batches.at(0).labels == -1).all()


@pytest.mark.parametrize("sampled", [2**25, 0])
def test_a_row_with_nan_is_named_when_it_is_read(sampled, large, monkeypatch):
    monkeypatch.setattr(large_module, "SCALE_BYTES", sampled)
    rows = RNG.random((30_000, 6)).astype(np.float32)
    row = int(split_data(load_data(large(rows)), 0).unlabelled[:100][77])
    rows[row, 3] = np.nan

    def read():
        data = load_data(large(rows))
        batches = Batches(data, split_data(data, 0), FAMILIES["aae"](shape=(6,)), 5000, 8, seed=0)
        return [batches.at(step) for step in range(batches.steps_per_epoch)]

    with pytest.raises(AAEError, match=f"row {row}, column .: (NaN|infinity) is no number"):
        read()


@pytest.mark.parametrize("rows", [RNG.integers(0, 256, (900, 8, 8), dtype=np.uint8), np.zeros((900, 8, 8), np.uint8),
                                  RNG.random((900, 20)), np.zeros((900, 20))],
                         ids=["images", "black", "vectors", "zeros"])  # fmt: skip
@pytest.mark.parametrize("name", ["aae", "clustering", "vae"])
def test_a_large_file_trains(name, rows, large, tmp_path):
    result = train_small(name, data=large(rows), steps=3, out=tmp_path / "run")
    assert isinstance(result.data.x, NpyRows)
    assert any("are read from disk" in note for note in result.notes)
    assert result.history.last("validation_reconstruction_loss") is not None


def test_the_summary_of_a_large_file(large):
    data = load_data(large(RNG.integers(0, 256, (600, 8, 8), dtype=np.uint8)))
    assert "540 training examples, 0 labelled, 540 unlabelled" in describe_data(data)
    assert warnings_about(data) == []
    assert len(data.notes) == 1
    assert contact_rows(data).shape == (60, 8, 8)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A Parquet file that counts as large: numbers with gaps, a category, a name of each row, labels for most rows."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    monkeypatch.setattr(large_module, "LARGE", 1000)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    rng = np.random.default_rng(1)
    a = rng.normal(size=6000)
    columns = {
        "a": [None if k % 10 == 0 else v for k, v in enumerate(a.tolist())],
        "b": (5 * rng.normal(size=6000) + 100).tolist(),
        "colour": [("red", "green", None)[k % 3] for k in range(6000)],
        "id": [f"row {k}" for k in range(6000)],
        "kind": [None if k % 50 == 0 else "high" if v > 0 else "low" for k, v in enumerate(a.tolist())],
    }
    path = tmp_path / "table.parquet"
    parquet.write_table(pa.table(columns), path, row_group_size=1000)
    return path


@pytest.mark.parametrize("seconds", [1, 86400])
def test_kinds_of_a_large_table(tmp_path, monkeypatch, seconds):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    monkeypatch.setattr(large_module, "LARGE", 1000)
    monkeypatch.setattr(parquet_rows, "CHUNK", 500)
    count = 3000
    columns = {
        "counter": np.arange(count), "moment": pa.array((1_760_000_000 + np.arange(count)[::-1] * seconds) * 1000,
                                                        pa.timestamp("ms", "UTC")),
        "late": [1] * 2990 + [1.5] * 10, "ok": np.arange(count) % 2 == 0,
        "price": [f"{k % 1500},5" for k in range(count)],
        "ward": pa.array(np.arange(count) % 7).dictionary_encode(), "code": np.arange(count) % 5,
    }  # fmt: skip
    path = tmp_path / "table.parquet"
    parquet.write_table(pa.table(columns), path)
    reading = ReadOptions(categories="code")
    data = load_data(path, reading)
    monkeypatch.setattr(large_module, "LARGE", 2**30)
    small = load_data(path, reading)
    assert data.table.float64 == small.table.float64 == (seconds == 1)
    keys = ("mean", "scale")
    assert [{k: v for k, v in column.items() if k not in keys} for column in data.table.columns] == [
        {k: v for k, v in column.items() if k not in keys} for column in small.table.columns]  # fmt: skip
    assert [column.get("kind") for column in data.table.columns] == ["date", "number", "boolean", "number", None, None]
    if seconds == 1:
        assert data.x[:3][:, 0].tolist() == [1_760_002_999, 1_760_002_998, 1_760_002_997]
    assert any("ignored 'counter': row numbers" in note for note in data.notes)


def test_unseen_categories_of_a_large_table(table, monkeypatch):
    model_table = Table([{"name": "a", "mean": 0.0, "scale": 1.0}, {"name": "colour", "values": ["red"]}])
    data = load_data(table, ReadOptions(label_column="kind"), model_table)
    sentence = "2,000 of 6,000 rows hold categories that the model has not seen"
    assert any(sentence in note and "colour: 'green' (2,000)" in note for note in data.notes)
    with pytest.raises(AAEError, match=r"2,000 of 6,000 rows .*correct these cells, or drop --strict"):
        load_data(table, ReadOptions(label_column="kind", strict=True), model_table)


def test_a_large_table_is_read_like_a_small_one(table, monkeypatch):
    reading = ReadOptions(label_column="kind")
    large = load_data(table, reading)
    monkeypatch.setattr(large_module, "LARGE", 2**30)
    small = load_data(table, reading)
    assert isinstance(large.x, NpyRows)
    assert large.classes == small.classes == ["high", "low"]
    assert [c["name"] for c in large.table.columns] == ["a", "b", "colour"]
    assert large.table.columns[2]["values"] == ["green", "red"]
    assert any("; more than 100 in 6,000 rows" in note for note in large.notes)
    both = {row.tobytes() for row in (*small.x, *small.test_x)}
    assert {row.tobytes() for row in large.x[:]} == both
    split = split_data(large, 100)
    assert len(split.labelled) == 100
    assert (large.y[split.labelled] >= 0).all()
    assert not np.intersect1d(split.labelled, np.concatenate([large.held, split.validation])).size


def test_a_large_table_is_decoded_once(table, monkeypatch):
    first = load_data(table)
    monkeypatch.setattr(unpacked, "read_chunks", None)
    np.testing.assert_array_equal(load_data(table).x[:], first.x[:])
    table.write_bytes(table.read_bytes())  # another date
    with pytest.raises(AAEError, match="is not callable"):
        load_data(table)


@pytest.mark.parametrize("name", ["semi-supervised", "few-labels", "supervised", "conditioned"])
def test_a_large_table_with_labels_trains(name, table, tmp_path):
    reading = ReadOptions(label_column="kind")
    result = train_small(name, data=table, reading=reading, labels=None, steps=3, out=tmp_path / "run")
    assert isinstance(result.data.x, NpyRows)
    if name in ("semi-supervised", "few-labels"):
        assert result.history.last("validation_error") is not None
        assert open_run(tmp_path / "run").probabilities.shape == (588, 2)


def test_a_large_table_that_has_changed(table, tmp_path):
    from pyarrow import parquet

    reading = ReadOptions(label_column="kind")
    train_small("semi-supervised", data=table, reading=reading, labels=50, out=tmp_path / "run")
    assert open_run(tmp_path / "run").notes == ()
    cells = parquet.read_table(table)
    parquet.write_table(cells.slice(0, 5900), tmp_path / "other.parquet", row_group_size=1000)
    other = open_run(tmp_path / "run", str(tmp_path / "other.parquet"))
    assert f"{len(other.data.test_x)} of the 5,900 rows of " in other.notes[0]
    parquet.write_table(cells.slice(0, 5900), table, row_group_size=1000)
    first, second = open_run(tmp_path / "run").notes
    assert first == "The data of the run changed since training: 6,000 rows -> 5,900."
    assert second.startswith("Its test and validation rows were drawn again")


def test_single_labels_of_a_large_table_are_not_held_out(table):
    import pyarrow as pa
    from pyarrow import parquet

    cells = parquet.read_table(table)
    kind = pa.array(["low", "high"] + [None] * 5998)
    parquet.write_table(cells.set_column(cells.schema.get_field_index("kind"), "kind", kind), table)
    data = load_data(table, ReadOptions(label_column="kind"))
    assert len(data.test_x) >= 598
    assert (data.test_y == -1).all()
    assert any("No labelled example was held out for testing" in warning for warning in warnings_about(data))
    assert len(split_data(data, None).labelled) == 2


_PEAK = """
import sys
from pathlib import Path
from aae.runs.train import train_preset


def peak():  # not by getrusage, whose peak begins with that of the process that started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


train_preset("aae", "digits", steps=1, changes={"hidden": [16]}, progress=False)
print(peak())
train_preset("aae", Path(sys.argv[1]), steps=20, changes={"hidden": [16]}, progress=False, out=sys.argv[2])
print(peak())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_a_file_larger_than_the_bound_takes_little_memory(tmp_path):
    path = tmp_path / "sparse.npy"
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (2_000_000, 28, 28)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 2_000_000 * 784)
    command = [sys.executable, "-c", _PEAK, path, tmp_path / "run"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())  # MiB
    assert after - before < 1495 / 2  # of the rows, which would take 1,495 in memory
