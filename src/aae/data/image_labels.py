"""Labels of images, or of texts, from a CSV file with the columns ``file`` and ``label``."""

import os
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from aae.data.image_files import ENDINGS, TEXTS, readable_name
from aae.data.labels_file import KeyKind, match_labels

__all__ = ["file_labels"]

NAMED = (*ENDINGS, *TEXTS)
FILES = KeyKind("file", frozenset({
    "file", "files", "filename", "filenames", "filepath", "path", "image", "images", "imagename", "imagefile",
    "imagepath", "imageid", "imagefilename", "img", "imgname", "imgpath", "picture", "photo", "document", "textfile",
}), lambda text: text.lower().endswith(NAMED), "image")  # fmt: skip


def file_labels(
    path: Path, folder: Path, files: Sequence[str], unread: Sequence[str] = (), what: str = "image"
) -> tuple[list[str | None], list[str]]:
    """The label of each image, and notes; None where the label is empty or the image has no row.

    A row names its image by the path within the folder. Another spelling is understood where it can mean only one
    image: other signs between folders, an absolute path, one from the folder that the labels lie in, other capitals,
    the end of the path alone, and a name without ending.

    Args:
        path: The file of labels.
        folder: The folder of images.
        files: Paths of the images within the folder.
        unread: Paths of those that could not be read; rows may name them.
        what: What a file is, for messages.

    Raises:
        AAEError: The file cannot be read, lacks a column, or has rows that do not name one image or contradict others.
    """
    finder = _Finder([*files, *unread], folder, path, what)
    found = match_labels(path, replace(FILES, of_row=what), finder, f"the {what}s of {folder}")
    alone = sum(k not in found.labels for k in range(len(files)))
    have = f"{what} has" if alone == 1 else f"{what}s have"
    note = f"{found.lines:,} of {found.lines:,} rows of {path.name} found"
    note += f"; {alone:,} {have} no row and so no label." if alone else "."
    return [found.labels.get(k) for k in range(len(files))], [*found.read, note, *found.named]


class _Finder:
    """Images by the names that a row may give them."""

    def __init__(self, names: Sequence[str], folder: Path, labels: Path, what: str) -> None:
        self.names, self._what = list(names), what
        self._folder, self._beside = folder, labels.parent
        self._exact: dict[str, int] = {}
        for k, name in enumerate(self.names):
            for other in {name, *_aliases(name)}:
                self._exact.setdefault(other, k)
        # From the strictest to the loosest; -1 where several images have the same.
        self._levels: list[dict[str, int]] = [{} for _ in range(5)]
        for k, name in enumerate(self.names):
            for form in {name, *_aliases(name)}:
                path = unicodedata.normalize("NFC", form)
                tails = _tails(path)
                folded = [tail.casefold() for tail in tails]
                stems = [posixpath.splitext(tail)[0] for tail in folded]
                for level, keys in zip(self._levels, ([path], folded[:1], tails, folded, stems), strict=True):
                    for key in keys:
                        level[key] = k if level.get(key, k) == k else -1

    def shown(self, row: int) -> str:
        """The path of an image."""
        return readable_name(self.names[row])

    def find(self, name: str) -> tuple[int, bool] | str:
        """Number of an image, and whether it is named by its own path; or what is wrong."""
        if not name:
            return "it names no file"
        if "\0" in name:
            return f"{name!r} is not in the folder"
        if name in self._exact:
            return self._exact[name], True
        forms = [unicodedata.normalize("NFC", form) for form in self._forms(name)]
        for number, level in enumerate(self._levels):
            loose = number > 1
            for form in forms[:1] if loose else forms:
                key = form if number in (0, 2) else form.casefold()
                if number == 4 and key.endswith(NAMED):
                    continue
                k = level.get(key)
                if k == -1:
                    return f"{name!r} may be several {self._what}s"
                if k is not None:
                    return k, number == 0 and form == forms[0]
        return f"{name!r} {self._absence(forms)}"

    def _forms(self, name: str) -> Iterator[str]:
        """Paths within the folder that a name may stand for."""
        plain = posixpath.normpath(name.replace("\\", "/"))
        absolute = plain.startswith("/") or re.match(r"[A-Za-z]:/", plain) is not None
        if not absolute:
            yield plain
        root = os.path.abspath(self._folder)
        beside = os.path.relpath(os.path.join(os.path.abspath(self._beside), plain), root).replace(os.sep, "/")
        yield beside
        yield os.path.relpath(os.path.realpath(os.path.join(self._beside, plain)), os.path.realpath(root)).replace(
            os.sep, "/"
        )
        # The folder may lie, or have lain, elsewhere.
        parts, own = plain.split("/"), Path(root).name
        for place, (part, _) in enumerate(pairwise(parts)):
            if part == own:
                yield "/".join(parts[place + 1 :])

    def _absence(self, forms: Sequence[str]) -> str:
        for form in forms:
            if ".." not in form.split("/") and (self._folder / form).exists():
                return f"is not {'an image' if self._what == 'image' else 'a text'} that is read"
        return "is not in the folder"


def _aliases(name: str) -> list[str]:
    """How a name that is not UTF-8 may be written in a text."""
    readable = readable_name(name)
    return [] if readable == name else [readable, os.fsencode(name).decode("cp1252", "replace")]


def _tails(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[k:]) for k in range(len(parts))]
