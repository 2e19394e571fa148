import errno
import json
import os
import stat
from pathlib import Path

import pytest

from aae.system import files
from aae.system.errors import AAEError, UsageError
from aae.system.files import (
    check_output_path,
    checksum,
    csv_cell,
    csv_text,
    is_utf8,
    read_checksummed,
    read_json,
    write_atomically,
    write_checksummed,
    write_json,
)


def full_disk(file):
    file.write(b"half of i")
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("earlier", [None, b"earlier"])
def test_a_failed_write_changes_nothing(tmp_path, earlier):
    path = tmp_path / "file"
    if earlier:
        path.write_bytes(earlier)
    with pytest.raises(AAEError, match=r"file could not be written: No space left on device. Free"):
        write_atomically(path, full_disk)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([earlier] if earlier else [])


@pytest.mark.parametrize("error", [KeyboardInterrupt, KeyError])
def test_other_errors_leave_no_temporary_file_either(tmp_path, error):
    def write(file):
        raise error

    with pytest.raises(error):
        write_atomically(tmp_path / "file", write)
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_at_once(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen = []

    def write(file):
        file.write(b"new")
        file.flush()
        seen.append(path.read_bytes())

    with path.open("rb") as reader:
        write_atomically(path, write)
        assert reader.read() == b"old"  # an open reader keeps the old file
    assert seen == [b"old"]
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def failing(number, only=lambda *_: True):
    """A function of the system that fails with that error, or works as ever."""

    def make(function):
        def call(*arguments, **named):
            if only(*arguments):
                raise OSError(number, os.strerror(number))
            return function(*arguments, **named)

        return call

    return make


def is_folder(descriptor):
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


UNSUPPORTED = ["EINVAL", "ENOTSUP", "ENOSYS", "EBADF", "ENOTTY"]


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_file_system_that_cannot_sync(tmp_path, monkeypatch, name):
    monkeypatch.setattr(os, "fsync", failing(getattr(errno, name))(os.fsync))
    write_json(tmp_path / "file", 1)
    assert read_json(tmp_path / "file") == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", [*UNSUPPORTED, "EIO", "EACCES", "EPERM"])
def test_a_folder_that_cannot_be_synced_or_opened(tmp_path, monkeypatch, name):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(getattr(errno, name), is_folder)(os.fsync))
        write_json(tmp_path / "file", 1)
    monkeypatch.setattr(os, "open", failing(getattr(errno, name), lambda path, *_: Path(path).is_dir())(os.open))
    write_json(tmp_path / "other", 1)
    assert read_json(tmp_path / "file") == read_json(tmp_path / "other") == 1


@pytest.mark.parametrize(("name", "remedy"), [
    ("ENOSPC", "Free some space or choose another place"), ("EDQUOT", "Free some space or choose another place"),
    ("EIO", "Choose another place"),
])
def test_what_is_wrong_with_a_disk_is_told(tmp_path, monkeypatch, name, remedy):
    number = getattr(errno, name)
    monkeypatch.setattr(os, "fsync", failing(number)(os.fsync))
    with pytest.raises(AAEError, match=rf"file could not be written: {os.strerror(number)}\. {remedy}\."):
        write_json(tmp_path / "file", 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_file_system_that_cannot_rename(tmp_path, monkeypatch, name):
    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(Path, "replace", failing(getattr(errno, name))(Path.replace))
    write_json(tmp_path / "file", "new")
    assert read_json(tmp_path / "file") == "new"
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(files.shutil, "copyfile", failing(errno.ENOSPC)(None))
    with pytest.raises(AAEError, match=r"No space left on device\. Free some space"):
        write_json(tmp_path / "file", "newer")
    assert not list(tmp_path.iterdir())


def test_a_name_as_long_as_the_file_system_takes(tmp_path):
    for name in ("x" * 255, "ä" * 127):
        write_json(tmp_path / name, 1)
        assert read_json(tmp_path / name) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_names_that_are_not_utf8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.json")
    write_checksummed(path, {"file": path.name, "ä": "猫"})
    assert read_checksummed(path)["file"] == path.name
    assert "猫" in path.read_text(encoding="utf-8")  # the whole file is UTF-8
    assert not is_utf8(path)
    assert is_utf8(tmp_path / "猫")


def test_no_such_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("absent", "file"):
        with pytest.raises(AAEError, match=r"could not be written: (No such file|Not a directory)"):
            write_atomically(tmp_path / place / "name", lambda file: file.write(b""))
    assert len(list(tmp_path.iterdir())) == 1


def test_json_round_trip(tmp_path):
    data = {"name": "zwölf ✓", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    write_json(tmp_path / "file.json", data)
    assert read_json(tmp_path / "file.json") == data
    assert "zwölf ✓" in (tmp_path / "file.json").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "file.json").read_bytes()) == data


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_invalid_json_is_refused(tmp_path, content):
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(AAEError, match=r"cannot be read as JSON"):
        read_json(tmp_path / "file.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AAEError, match=r"absent.json does not exist; check the path"):
        read_json(tmp_path / "absent.json")
    with pytest.raises(AAEError, match=r"cannot be read"):
        read_json(tmp_path)


def test_the_output_path_is_checked(tmp_path):
    assert check_output_path(tmp_path / "a.csv", ".csv") == ".csv"
    assert check_output_path(tmp_path / "a.PNG", ".npz", ".png") == ".png"
    with pytest.raises(UsageError, match=r"a.txt should end in .npz or .png"):
        check_output_path(tmp_path / "a.txt", ".npz", ".png")
    with pytest.raises(AAEError, match=r"absent does not exist; make it first"):
        check_output_path(tmp_path / "absent" / "a.csv", ".csv")


@pytest.mark.parametrize(("value", "cell"), [
    ("plain", "plain"), ("=1+1", "'=1+1"), ("+a", "'+a"), ("@x", "'@x"), ("-x", "'-x"), ("\tx", "'\tx"),
    ("\rx", "'\rx"), ("'=1", "''=1"), ("'plain", "'plain"), ("-1.5", "-1.5"), ("+3", "+3"), (-1.5, "-1.5"),
    (3, "3"), ("", ""),
])
def test_no_cell_is_a_formula_and_texts_are_restored(value, cell):
    assert csv_cell(value) == cell
    assert csv_text(cell) == str(value)


def test_a_checksum_detects_changes(tmp_path):
    path = tmp_path / "a.json"
    write_checksummed(path, {"b": [1, 0.1], "a": {"ä": None}})
    found = read_checksummed(path)
    assert found == {"b": [1, 0.1], "a": {"ä": None}, "checksum": checksum(found)}
    write_checksummed(path, {**found, "c": 1})  # the old checksum is replaced and not part of the new one
    assert read_checksummed(path)["c"] == 1
    path.write_text(path.read_text().replace('"c": 1', '"c": 2'))
    with pytest.raises(AAEError, match=r"a.json does not match its checksum"):
        read_checksummed(path)
    path.write_text(json.dumps({"c": 2}))
    assert read_checksummed(path) == {"c": 2}
    path.write_text("[]")
    with pytest.raises(AAEError, match=r"holds no JSON object"):
        read_checksummed(path)


def test_a_configuration_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_SIZE", 2**20)
    (tmp_path / "a.json").write_text(json.dumps({"a": "x" * 2**20}))
    with pytest.raises(AAEError, match=r"is larger than 1 MiB"):
        read_checksummed(tmp_path / "a.json")
