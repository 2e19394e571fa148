"""The folder for files that are kept between commands."""

import hashlib
import json
import tempfile
from functools import cache
from pathlib import Path

import platformdirs

from aae.system.errors import AAEError
from aae.system.progress import say

__all__ = ["cache_folder", "cache_key"]

_temporary: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


def cache_key(facts: object) -> str:
    """A name for what is kept, by all that it depends on, which must be what JSON can write."""
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def cache_folder() -> Path:
    """The user's cache; where there is none or it cannot be written, a temporary folder, which is said once.

    Raises:
        AAEError: Not even a temporary folder can be made.
    """
    try:
        return _writable(platformdirs.user_cache_dir("aae"))
    except RuntimeError:  # newer versions of platformdirs, without a home
        return _writable("")


@cache
def _writable(place: str) -> Path:
    reason = "there is no home folder"
    # Without HOME, the cache of a user whom the system does not list is below a folder called "~", wherever one is.
    if Path(place).is_absolute():
        try:
            Path(place).mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=place).close()
            return Path(place)
        except OSError as error:
            reason = f"{place} cannot be written ({error.strerror})"
    try:
        temporary = tempfile.TemporaryDirectory(prefix="aae-cache-")
    except OSError as error:
        raise AAEError(f"There is no place for a cache: {reason}; set XDG_CACHE_HOME to another folder.") from error
    _temporary.append(temporary)
    say(f"The cache is not kept, because {reason}; set XDG_CACHE_HOME to another folder.")
    return Path(temporary.name)
