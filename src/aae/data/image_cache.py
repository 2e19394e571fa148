"""Images as they were read, kept in the user's cache."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from aae.system.cache import cache_folder, cache_key
from aae.system.files import write_atomically

__all__ = ["ImageCache"]

FORMAT = 3  # raised when the same files and options give other rows


class ImageCache:
    """The rows of a folder, under a key that depends on its files and on how they are read.

    A file is distinguished from another of the same name, size and date by its number in the file system and by the
    time of its last change there, which no program can set.
    """

    def __init__(self, folder: Path, files: list[tuple[str, os.stat_result]], options: object) -> None:
        stats = [(name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for name, s in files]
        facts = [FORMAT, PIL.__version__, os.path.realpath(folder), repr(options), stats]
        self._key = cache_key(facts)

    def _place(self, ending: str) -> Path:
        return cache_folder() / "images" / f"{self._key}{ending}"

    def load(self, mapped: bool = False) -> tuple[np.ndarray, dict[str, Any]] | None:
        """Rows, left on the disk if ``mapped``, and facts; None if they are not completely in the cache."""
        with suppress(Exception):  # whatever is wrong with the cache, the files themselves can be read
            # Names that are not UTF-8 are escaped, as in every JSON text of Python's.
            facts = json.loads(self._place(".json").read_text("ascii"))
            x = np.load(self._place(".npy"), "r" if mapped else None, allow_pickle=False)
            if x.dtype == np.uint8 and len(x) == len(facts["files"]):
                return x, facts
        return None

    def save(self, x: np.ndarray, facts: dict[str, Any]) -> None:
        """Save rows and facts; training works without a cache, so errors are ignored."""
        with suppress(Exception):
            self._place("").parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._place(".npy"), lambda file: np.save(file, x))
            text = json.dumps(facts)
            write_atomically(self._place(".json"), lambda file: file.write(text.encode("ascii")))
