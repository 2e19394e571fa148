"""Files that are complete or absent: written beside their place, synced, then renamed into it."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from aae.system.errors import AAEError, UsageError

__all__ = [
    "check_place",
    "checksum",
    "csv_cell",
    "csv_text",
    "read_json",
    "read_sealed",
    "write_atomically",
    "write_json",
    "write_sealed",
]

SEAL = "checksum"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a cell of a spreadsheet begins to be more than a text
LARGEST = 2**26  # bytes of a specification or configuration


def check_place(path: Path, *suffixes: str) -> str:
    """Check, before the work is done, that its result has a place; return the path's ending.

    Raises:
        AAEError: Another ending than one of ``suffixes``, or no such folder.
    """
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{path} should end in {' or '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise AAEError(f"The folder {path.parent} does not exist; make it first.")
    return path.suffix.lower()


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a temporary file, then rename it to ``path``; on failure nothing stays.

    Raises:
        AAEError: The file cannot be written (no space, no permission, no such folder).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]
        raise AAEError(f"{path} could not be written: {reason}. Free some space or choose another place.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def csv_cell(value: object) -> str:
    """A text or number as a cell of a CSV file; a text that a spreadsheet would compute is marked by an apostrophe."""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip("'").startswith(FORMULA) and not _number(text) else text


def csv_text(cell: str) -> str:
    """The text that `csv_cell` was given."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) else cell


def _number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False


def write_json(path: Path, data: Any) -> None:
    """Write plain data as indented JSON, atomically."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        AAEError: The file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AAEError(f"{path} is not there; check the path.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise AAEError(f"{path} cannot be read as JSON ({error}).") from error


def checksum(data: Any) -> str:
    """A number that stands for JSON data, however it is laid out in its file; its own checksum does not count."""
    if isinstance(data, Mapping):
        data = {key: value for key, value in data.items() if key != SEAL}
    plain = json.dumps(json.loads(json.dumps(data)), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def write_sealed(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object with a checksum of what it holds, atomically."""
    write_json(path, {**data, SEAL: checksum(data)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote.

    An object that has none is taken as it is, so that a person can change one by hand.

    Raises:
        AAEError: The file is missing, is no JSON object, or was changed after it was written.
    """
    if path.is_file() and path.stat().st_size > LARGEST:
        raise AAEError(f"{path} is larger than {LARGEST >> 20} MiB, which no such file is; copy it again.")
    data = read_json(path)
    if not isinstance(data, dict):
        raise AAEError(f"{path} holds no JSON object; copy the file again.")
    if SEAL in data and data[SEAL] != checksum(data):
        raise AAEError(
            f"{path} does not match its checksum, so it was damaged or changed after it was written. Copy it again; if "
            'the change is your own, remove the entry "checksum" from it.'
        )
    return data
