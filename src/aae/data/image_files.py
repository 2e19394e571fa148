"""The files of a folder of images, or of texts: those in it, at any depth, and what else it holds."""

import os
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from aae.system.errors import AAEError
from aae.system.files import utf8

__all__ = ["ENDINGS", "NEEDS_HEIF", "TEXTS", "Found", "find_images", "has_heif", "readable_name"]

HEIF = (".heic", ".heif")
ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".jp2", ".ppm", ".pgm",
    ".pbm", ".pnm", ".tga", *HEIF,
)  # fmt: skip
TEXTS = (".txt",)
# Made by systems and programs, not by the user.
JUNK = frozenset({
    "__macosx", "$recycle.bin", "system volume information", "@eadir", "lost+found", "__pycache__", "thumbs.db",
    "ehthumbs.db", "desktop.ini", "picasa.ini",
})  # fmt: skip
RUN = {"model", "checkpoints", "metrics.csv"}  # one of them lies beside the config.json of a run
LISTED = 5  # kinds of files that a note lists
SINGLE = {"broken links": "broken link", "that are no files": "that is no file"}  # of one file
MAX_ENDING = 8  # characters


NEEDS_HEIF = "these need pillow-heif; `pip install 'adversarial-autoencoder[heic]'`"


@dataclass
class Found:
    """Images ``(path within the folder, facts of the file)``, sorted, and what was not read, with the reason."""

    images: list[tuple[str, os.stat_result]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)  # files that are no images, by ending
    heif: int = 0  # images that need an extra package
    left_out: dict[str, str] = field(default_factory=dict)  # folder -> reason
    empty: list[str] = field(default_factory=list)  # folders without an image, in them or further down
    what: str = "image"  # what is looked for

    def notes(self) -> list[str]:
        """Sentences about what was not read."""
        notes = []
        if self.heif:
            are = "1 image in HEIC is" if self.heif == 1 else f"{self.heif:,} images in HEIC are"
            notes.append(f"{are} not read: {NEEDS_HEIF}.")
        if self.others:
            notes.append(f"{self.described()}.")
        for folder, reason in list(self.left_out.items())[:LISTED]:
            notes.append(f"The folder {readable_name(folder)} is not read: {reason}.")
        if len(self.left_out) > LISTED:
            more = len(self.left_out) - LISTED
            notes.append(f"{more} more {'folder is' if more == 1 else 'folders are'} not read.")
        if self.empty:
            some = ", ".join(map(readable_name, self.empty[:LISTED])) + (" ..." if len(self.empty) > LISTED else "")
            hold = f"folder holds no {self.what}" if len(self.empty) == 1 else f"folders hold no {self.what}s"
            notes.append(f"{len(self.empty)} {hold}: {some}.")
        return notes

    def described(self) -> str:
        """How many files are no images, and of which kinds."""
        total, common = self.others.total(), sorted(self.others.items(), key=lambda one: (-one[1], one[0]))[:LISTED]
        kinds = [f"{number} {SINGLE.get(kind, kind) if number == 1 else kind}" for kind, number in common]
        rest = total - sum(number for _, number in common)
        kinds += [f"{rest} other{'s' * (rest > 1)}"] * (rest > 0)
        one = "an image" if self.what == "image" else "a text"
        are = f"1 file is not {one}" if total == 1 else f"{total:,} files are not {self.what}s"
        return f"{are} that can be read: {', '.join(kinds)}"


@cache
def has_heif() -> bool:
    """Whether images of telephones (HEIC) can be read."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def find_images(folder: Path, besides: Path | None = None, what: str = "image") -> Found:
    """All images, or texts, of a folder and the folders in it; a file counts as a folder that holds only this file.

    Hidden files, what systems leave behind, and run directories are not looked at. A folder that is reached twice
    through links is read once.

    Args:
        folder: The folder.
        besides: A file in it that is neither an image nor worth a note, such as the file of labels.
        what: ``"image"`` or ``"text"``.

    Raises:
        AAEError: The folder cannot be read.
    """
    found, endings = Found(what=what), ENDINGS if what == "image" else TEXTS
    if folder.is_file():
        if folder.suffix.lower() in HEIF and not has_heif():
            raise AAEError(f"{folder} is an image in HEIC, and {NEEDS_HEIF}.")
        found.images.append((folder.name, folder.stat()))
        return found
    ignored = besides.resolve() if besides is not None else None
    visited: list[str] = []
    heif: list[str] = []
    for path, entry in _walk(folder, found, visited):
        kind = _kind(entry, endings)
        if kind is None:
            try:
                found.images.append((path, entry.stat()))
            except OSError as error:
                found.others[f"unreadable ({error.strerror})"] += 1
        elif kind == "heif":
            found.heif += 1
            heif.append(path)
        elif ignored is None or entry.name != ignored.name or Path(entry.path).resolve() != ignored:
            found.others[kind] += 1
    found.images.sort(key=lambda image: image[0].split("/"))
    told = [*(name for name, _ in found.images), *found.left_out, *heif]
    full = {"/".join(parts[:k]) for name in told for parts in [name.rstrip("/").split("/")] for k in range(len(parts))}
    bare = sorted({prefix.rstrip("/") for prefix in visited} - full)
    found.empty = [name for name in bare if name.rpartition("/")[0] in full]  # the outermost ones
    return found


def _walk(folder: Path, found: Found, visited: list[str]) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """The entries that are not folders, with their paths within the folder; notes the folders that it reads."""
    seen: set[tuple[int, int]] = set()
    waiting = deque([(str(folder), "")])
    while waiting:
        place, prefix = waiting.popleft()
        try:
            status = os.stat(place)
            with os.scandir(place) as listing:
                entries = [entry for entry in listing if not _is_junk(entry.name)]
        except OSError as error:
            if not prefix:
                raise AAEError(f"{folder} cannot be read ({error.strerror}); check the path.") from error
            found.left_out[prefix] = error.strerror or type(error).__name__
            continue
        if (status.st_dev, status.st_ino) in seen:
            found.left_out[prefix] = "it is a link to a folder that was read already"
            continue
        seen.add((status.st_dev, status.st_ino))
        names = {entry.name for entry in entries}
        if prefix and "config.json" in names and names & RUN:
            found.left_out[prefix] = "it is a run"
            continue
        visited.append(prefix)
        for entry in entries:
            if not _is_folder(entry):
                yield prefix + entry.name, entry
            elif entry.is_symlink():  # at last, so that a folder is known by its own name and not by that of a link
                waiting.append((entry.path, f"{prefix}{entry.name}/"))
            else:
                waiting.appendleft((entry.path, f"{prefix}{entry.name}/"))


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in JUNK


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _kind(entry: "os.DirEntry[str]", endings: tuple[str, ...]) -> str | None:
    """None for an image or text that is looked for, otherwise what the entry is called in a note."""
    name = entry.name.lower()
    try:
        if not entry.is_file():
            return "broken links" if entry.is_symlink() else "that are no files"
    except OSError:
        return "broken links"
    if endings is ENDINGS and name.endswith(HEIF) and not has_heif():
        return "heif"
    if name.endswith(endings):
        return None
    ending = os.path.splitext(name)[1]
    return readable_name(ending) if 1 < len(ending) <= MAX_ENDING else "without a known ending"


def readable_name(name: str) -> str:
    r"""The name as text: a byte that is not UTF-8 is written ``\udce9``."""
    return name if name.isascii() else utf8(name).decode()
