"""Files that are complete or absent: written to a temporary file, synced, then renamed."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from aae.system.errors import AAEError, UsageError

__all__ = [
    "NOT_SUPPORTED",
    "check_output_path",
    "checksum",
    "csv_cell",
    "csv_text",
    "is_utf8",
    "read_checksummed",
    "read_json",
    "utf8",
    "write_atomically",
    "write_checksummed",
    "write_json",
]

CHECKSUM_KEY = "checksum"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet may compute a cell that begins with one of these
MAX_SIZE = 2**26  # bytes of a specification or configuration
MAX_NAME = 200  # bytes of a file's name that leave room for more; file systems take 255
# What file systems answer that lack an operation: network drives, shared folders of virtual machines, object stores.
NOT_SUPPORTED = frozenset(
    {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY, errno.EBADF, errno.ENOLCK}
)
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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

    Where a file system cannot sync or rename, the file is written without.

    Raises:
        AAEError: The file cannot be written (no space, no permission, no such folder).
    """
    temporary = path.with_name(f".{_short_name(path)}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            _sync(file.fileno())
        _rename(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]
        remedy = "Free some space or choose another place" if error.errno in _NO_SPACE else "Choose another place"
        raise AAEError(f"{path} could not be written: {reason}. {remedy}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _short_name(path: Path) -> str:
    """The name of a file; of a long one, a digest, so that more can be added to it."""
    raw = os.fsencode(path.name)
    return path.name if len(raw) <= MAX_NAME else hashlib.sha256(raw).hexdigest()


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
        try:
            shutil.copyfile(temporary, path)
        except OSError:
            path.unlink(missing_ok=True)  # no half of a file
            raise


def _sync_folder(folder: Path) -> None:
    """Sync the entry of a file in its folder.

    The file itself is synced already, and many file systems refuse this: with several errors, an I/O error among them.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise
    finally:
        os.close(descriptor)


def is_utf8(path: Path) -> bool:
    """Whether the absolute path is text in UTF-8; on Unix it may be any bytes."""
    with suppress(UnicodeEncodeError):
        return bool(str(path.absolute()).encode())
    return False


def utf8(text: str) -> bytes:
    r"""A text as UTF-8; what is left of a file's name in another encoding becomes ``\udcff``, as JSON writes it."""
    return text.encode("utf-8", "backslashreplace")


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
    write_atomically(path, lambda file: file.write(utf8(text)))


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
