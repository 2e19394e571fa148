"""Files that are complete or absent: written to a temporary file, synced, then renamed."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from aae.system.errors import AAEError, UsageError

__all__ = [
    "check_output_path",
    "checksum",
    "csv_cell",
    "csv_text",
    "read_checksummed",
    "read_json",
    "write_atomically",
    "write_checksummed",
    "write_json",
]

CHECKSUM_KEY = "checksum"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet may compute a cell that begins with one of these
MAX_SIZE = 2**26  # bytes of a specification or configuration


def check_output_path(path: Path, *suffixes: str) -> str:
    """Check, before any work, that a result can be written to this path; return the path's suffix in lower case.

    Raises:
        AAEError: The suffix is none of ``suffixes``, or the folder does not exist.
    """
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{path} should end in {' or '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise AAEError(f"The folder {path.parent} does not exist; make it first.")
    return path.suffix.lower()


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a temporary file, then rename it to ``path``; on failure the temporary file is removed.

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
    """A text or number as a cell of a CSV file; an apostrophe marks a text that a spreadsheet would compute."""
    text = str(value)
    formula = isinstance(value, str) and text.lstrip("'").startswith(FORMULA) and not _is_number(text)
    return f"'{text}" if formula else text


def csv_text(cell: str) -> str:
    """The text that `csv_cell` was given."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) else cell


def _is_number(text: str) -> bool:
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
        raise AAEError(f"{path} does not exist; check the path.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise AAEError(f"{path} cannot be read as JSON ({error}).") from error


def checksum(data: Any) -> str:
    """The SHA-256 of JSON data in a canonical form, without the checksum that it may hold."""
    if isinstance(data, Mapping):
        data = {key: value for key, value in data.items() if key != CHECKSUM_KEY}
    canonical = json.dumps(json.loads(json.dumps(data)), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def write_checksummed(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object with a checksum of its content, atomically."""
    write_json(path, {**data, CHECKSUM_KEY: checksum(data)})


def read_checksummed(path: Path) -> dict[str, Any]:
    """Read a JSON object that `write_checksummed` wrote.

    An object without a checksum is accepted, so that it can be changed by hand.

    Raises:
        AAEError: The file is missing, is not a JSON object, or was changed after it was written.
    """
    if path.is_file() and path.stat().st_size > MAX_SIZE:
        raise AAEError(f"{path} is larger than {MAX_SIZE >> 20} MiB, so it cannot be such a file; copy it again.")
    data = read_json(path)
    if not isinstance(data, dict):
        raise AAEError(f"{path} holds no JSON object; copy the file again.")
    if CHECKSUM_KEY in data and data[CHECKSUM_KEY] != checksum(data):
        raise AAEError(
            f"{path} does not match its checksum, so it was damaged or changed after it was written. Copy it again; if "
            'the change is your own, remove the entry "checksum" from it.'
        )
    return data
