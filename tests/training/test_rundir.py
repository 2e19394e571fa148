import errno
import json
import platform

import numpy as np
import pytest
import torch

from aae._version import __version__
from aae.system.errors import AAEError
from aae.system.files import checksum
from aae.training import rundir
from aae.training.rundir import FORMAT, History, RunDir, versions
from helpers.runs import leftovers, rewrite


def test_a_new_run(tmp_path):
    run = RunDir(tmp_path / "deep" / "run")
    run.make()
    run.create({"seed": 3})
    config = run.config()
    assert config == {"format": FORMAT, "versions": versions(), "seed": 3, "checksum": checksum(config)}
    run.add_to_config("notes", ["One."])
    assert run.config()["notes"] == ["One."]
    assert run.config()["seed"] == 3
    assert run.history().rows == []


def test_versions():
    assert versions() == {"aae": __version__, "torch": torch.__version__, "numpy": np.__version__,
                          "python": platform.python_version()}


@pytest.mark.parametrize("error", [
    NotImplementedError("FileSystem does not appear to support flock; use SoftFileLock instead"),  # older filelock
    OSError(errno.ENOLCK, "No locks available"), OSError(errno.EINVAL, "Invalid argument"),
])
def test_a_file_system_without_locks(tmp_path, monkeypatch, capsys, error):
    def acquire(*_, **__):
        raise error

    monkeypatch.setattr(rundir.FileLock, "acquire", acquire)
    with RunDir(tmp_path).locked():
        pass
    assert "has no locks: let only one process train there at a time" in capsys.readouterr().err
    error.errno = errno.EACCES
    if isinstance(error, OSError):
        with pytest.raises(AAEError, match="cannot be written"), RunDir(tmp_path).locked():
            pass


def test_an_empty_directory_is_accepted(tmp_path):
    RunDir(tmp_path).create({})
    assert (tmp_path / "config.json").is_file()


def test_an_existing_one_is_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("run", "file"):
        with pytest.raises(AAEError, match=r"exists already; choose another --out, or add --resume"):
            RunDir(tmp_path / name).make()
    with pytest.raises(AAEError, match=r"cannot be made .*Not a directory.*; choose another --out"):
        RunDir(tmp_path / "file" / "run").make()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "mine", "run"]


@pytest.mark.parametrize(("content", "sentence"), [
    (None, r"is not a run: it has no config.json. Make one with `aae train PRESET --out"),
    ("[]", "holds no JSON object"),
    ('{"format": "1"}', "is not the configuration of a run"),
    ("{", "cannot be read as JSON"),
    (json.dumps({"format": FORMAT + 1, "versions": {"aae": "9.8.7"}}), f"by aae 9.8.7, which is newer .*{__version__}"),
    (json.dumps({"format": FORMAT + 1}), "newer"),
])
def test_invalid_configurations_are_refused(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(AAEError, match=sentence):
        RunDir(tmp_path).config()


def test_temporary_files_of_a_killed_process_are_removed(tmp_path):
    run = RunDir(tmp_path)
    run.create({})
    run.checkpoints.mkdir()
    for name in (".config.json.12.tmp", "checkpoints/.step-0000000001.safetensors.12.tmp", "mine.tmp"):
        (tmp_path / name).write_text("")
    run.remove_temporary_files()
    assert [path.name for path in leftovers(tmp_path)] == ["mine.tmp"]
    assert run.config()


@pytest.fixture
def history():
    found = History()
    found.add({"step": 4, "loss": 0.1 + 0.2})
    found.add({"step": 8, "error": 1 / 3, "loss": 1e-12})
    found.add({"step": 12, "error": 2.0})
    return found


def test_history_by_columns(history):
    columns = history.columns()
    assert list(columns) == ["step", "loss", "error"]
    assert np.array_equal(columns["step"], [4, 8, 12])
    assert np.array_equal(columns["error"], [np.nan, 1 / 3, 2], equal_nan=True)
    assert np.array_equal(columns["loss"], [0.1 + 0.2, 1e-12, np.nan], equal_nan=True)
    assert history.last("loss") == 1e-12
    assert history.last("absent") is None
    assert History().columns() == {}


def test_history_until_a_step(history):
    assert [row["step"] for row in history.until(8).rows] == [4, 8]
    assert history.until(3).rows == []
    assert len(history.rows) == 3


def test_history_round_trip(history, tmp_path):
    history.write(tmp_path / "metrics.csv")
    assert (tmp_path / "metrics.csv").read_text() == "step,loss,error\n4,0.3,\n8,1e-12,0.3333333333\n12,,2\n"
    found = History.read(tmp_path / "metrics.csv")
    assert [row.keys() for row in found.rows] == [row.keys() for row in history.rows]
    assert found.rows[1]["error"] == pytest.approx(1 / 3, abs=1e-9)
    assert History.read(tmp_path / "absent.csv").rows == []


@pytest.mark.parametrize("text", ["step,loss\n1,one\n", "step\n1,2,3\n", "step,loss\n1,\x002\n"])
def test_a_damaged_history_is_named(tmp_path, text):
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(AAEError, match=r"metrics.csv is not a table of numbers"):
        RunDir(tmp_path).history()


def test_a_locked_run_is_refused_until_it_is_released(tmp_path):
    run = RunDir(tmp_path / "run")
    run.make()
    with run.locked():
        sentence = r"Another process is training in .*run; wait until it has ended, or choose"
        with pytest.raises(AAEError, match=sentence), RunDir(tmp_path / "run").locked():
            pass
        run.create({})  # the lock file alone does not count as content of the directory
    with RunDir(tmp_path / "run").locked():
        pass


def test_a_history_is_restored_from_its_tensors():
    history = History([{"step": 1.0, "a": 0.1}, {"step": 2.0, "b": 1 / 3}])
    assert History.from_state(history.state()).rows == history.rows
    assert History.from_state(History().state()).rows == []


def test_a_configuration_that_was_changed_is_refused_unless_by_hand(tmp_path):
    run = RunDir(tmp_path)
    run.create({"seed": 3})
    text = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(text.replace('"seed": 3', '"seed": 4'))
    with pytest.raises(AAEError, match=r'does not match its checksum.*remove the entry "checksum"'):
        run.config()
    rewrite(tmp_path / "config.json", seed=4)
    assert run.config()["seed"] == 4
    run.add_to_config("notes", [])
    assert "checksum" in run.config()
