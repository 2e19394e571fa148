"""Labels of images from a CSV file with the columns ``file`` and ``label``."""

import codecs
import csv
import io
import os
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from aae.data.image_files import ENDINGS, readable_name
from aae.data.labels import read_labels
from aae.system.errors import AAEError
from aae.system.files import csv_text

__all__ = ["file_labels"]

LISTED = 5  # rows that a sentence lists
# Names of columns, without signs between their letters, that say the same.
FILE_NAMES = frozenset({
    "file", "files", "filename", "filenames", "filepath", "path", "image", "images", "imagename", "imagefile",
    "imagepath", "imageid", "imagefilename", "img", "imgname", "imgpath", "picture", "photo",
})  # fmt: skip
LABEL_NAMES = frozenset({
    "label", "labels", "class", "classes", "classname", "classlabel", "labelname", "category", "target",
})  # fmt: skip


def file_labels(
    path: Path, folder: Path, files: Sequence[str], unread: Sequence[str] = ()
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

    Raises:
        AAEError: The file cannot be read, lacks a column, or has rows that do not name one image or contradict others.
    """
    finder = _Finder([*files, *unread], folder, path)
    rows, column, notes = _rows(path, finder)
    labels: dict[int, tuple[int, str | None]] = {}
    problems, otherwise, twice = [], [], 0
    for line, name, label in rows:
        found = finder.find(name)
        if isinstance(found, str):
            problems.append(f"line {line} ({found})")
            continue
        k, exact = found
        if not exact:
            otherwise.append(f"{name!r} for {readable_name(finder.names[k])!r}")
        if k not in labels:
            labels[k] = line, label
        elif labels[k][1] == label:
            twice += 1
        else:
            both = " and ".join(repr(one) if one is not None else "no label" for one in (labels[k][1], label))
            problems.append(f"line {line} ({name!r} has {both}, the first in line {labels[k][0]})")
    if problems:
        more = f" and {len(problems) - LISTED:,} more" if len(problems) > LISTED else ""
        rows_of = "1 row" if len(problems) == 1 else f"{len(problems):,} rows"
        raise AAEError(f"{rows_of} of {path} cannot be used for the images of {folder}: "
                       f"{', '.join(problems[:LISTED])}{more}; correct or remove them.")  # fmt: skip
    alone = sum(k not in labels for k in range(len(files)))
    have = "image has" if alone == 1 else "images have"
    notes.append(f"{len(rows):,} of {len(rows):,} rows of {path.name} found"
                 + (f"; {alone:,} {have} no row and so no label." if alone else "."))  # fmt: skip
    if otherwise:
        name = "row names its" if len(otherwise) == 1 else "rows name their"
        notes.append(f"{len(otherwise):,} {name} image differently, such as {otherwise[0]}.")
    if twice:
        notes.append(f"{twice:,} {'row repeats' if twice == 1 else 'rows repeat'} another.")
    read = [labels[k][1] if k in labels else None for k in range(len(files))]
    read_labels(read, len(read), str(path), name=f"the column {column!r}")  # names the file where they are no classes
    return read, notes


def _rows(path: Path, finder: "_Finder") -> tuple[list[tuple[int, str, str | None]], str, list[str]]:
    """Line number, file and label of every row that is not blank; the name of the column of labels; and notes."""
    if not path.exists():
        raise AAEError(f"There is no file {path}; check --labels-file.")
    try:
        text, encoding = _decoded(path.read_bytes())
        lines = list(_lines(text))
    except (OSError, UnicodeError, csv.Error) as error:
        raise AAEError(f"{path} cannot be read as CSV ({error}); it should hold the columns file and label.") from error
    notes = [f"{path.name} is not UTF-8 and is read as {encoding}."] if encoding else []
    head = [cell.strip() for cell in lines[0].cells] if lines else []
    columns = _columns(head, path, notes)
    body = lines[1:]
    if columns is None:
        first = csv_text(head[0]) if len(head) == 2 else ""
        # A first line that is a row names an image, ending and all.
        if not first.lower().endswith(ENDINGS) or isinstance(finder.find(first), str):
            missing = [name for name, known in (("file", FILE_NAMES), ("label", LABEL_NAMES))
                       if not any(_letters(cell) in known for cell in head)]  # fmt: skip
            raise AAEError(
                f"{path} has no column {' and no column '.join(map(repr, missing))}; its first line should be "
                "file,label."
            )
        notes.append(f"{path.name} has no line of names; its columns are read as file and label.")
        columns, body = (0, 1), lines
    wide = [line.number for line in body if any(cell.strip() for cell in line.cells[len(head) :])]
    if wide:
        more = " and more" if len(wide) > LISTED else ""
        raise AAEError(f"{path}: {'line' if len(wide) == 1 else 'lines'} {', '.join(map(str, wide[:LISTED]))}{more} "
                       f"hold more than {len(head)} cells; put names with a comma in quotes.")  # fmt: skip
    if not body:
        raise AAEError(f"{path} has no rows; give a file and its label in each line.")
    rows = []
    for line in body:
        cells = [csv_text(cell.strip()) for cell in line.cells] + [""] * len(head)
        rows.append((line.number, cells[columns[0]], cells[columns[1]] or None))
    return rows, head[columns[1]] if body is not lines else "label", notes


@dataclass
class _Line:
    number: int
    cells: list[str]


def _lines(text: str) -> Iterator[_Line]:
    """The lines that are not blank; numbers are those an editor shows."""
    first, _, rest = text.partition("\n")
    skipped = 0
    marked = re.fullmatch(r'"?sep=(.)"?\s*', first, re.IGNORECASE)
    if marked:
        text, skipped = rest, 1
    head = re.sub(r'"[^"]*"', "", next((line for line in text.splitlines() if line.strip()), ""))
    delimiter = marked[1] if marked else max(",;\t|", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    start = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield _Line(start + skipped, cells)
        start = reader.line_num + 1


def _decoded(data: bytes) -> tuple[str, str | None]:
    """The text, and its encoding if that is neither UTF-8 nor marked in the file."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
                       (codecs.BOM_UTF16_BE, "utf-16")):  # fmt: skip
        if data.startswith(mark):
            return data.decode(name), None
    with suppress(UnicodeDecodeError):
        text = data.decode()
        if "\0" not in text:
            return text, None
    if data.count(0) > len(data) // 4:
        order = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
        return data.decode(order), order
    with suppress(UnicodeDecodeError):
        text = data.decode("cp1252")
        # No western language has three accented letters in a row.
        if not re.search(r"[^\W\d_\x00-\x7f]{3}", text):
            return text, "cp1252"
    import charset_normalizer

    best = charset_normalizer.from_bytes(data).best()
    if best is None:
        raise UnicodeError("its encoding is unclear; save it as UTF-8")
    return str(best), best.encoding


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _columns(head: Sequence[str], path: Path, notes: list[str]) -> tuple[int, int] | None:
    """Places of the file and the label; None if one has no column."""
    places = []
    for name, known in (("file", FILE_NAMES), ("label", LABEL_NAMES)):
        found = [k for k, cell in enumerate(head) if cell == name] or [
            k for k, cell in enumerate(head) if _letters(cell) in known
        ]
        if not found:
            return None
        if len(found) > 1:
            if len({head[k] for k in found}) == 1:
                many = f"{len(found)} columns called {head[found[0]]!r}"
                raise AAEError(f"{path} has {many}; rename or remove all but one.")
            some = " and ".join(repr(head[k]) for k in found)
            raise AAEError(f"{path} has the columns {some}; call the one that holds the {name} {name!r}.")
        places.append(found[0])
        if head[found[0]] != name:
            notes.append(f"The column {head[found[0]]!r} of {path.name} is read as {name}.")
    others = [cell for k, cell in enumerate(head) if k not in places and cell]
    if others:
        some = ", ".join(map(repr, others[:LISTED])) + (" ..." if len(others) > LISTED else "")
        notes.append(f"Other columns of {path.name} are not read: {some}.")
    return places[0], places[1]


class _Finder:
    """Images by the names that a row may give them."""

    def __init__(self, names: Sequence[str], folder: Path, labels: Path) -> None:
        self.names = list(names)
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
                if number == 4 and key.endswith(ENDINGS):
                    continue
                k = level.get(key)
                if k == -1:
                    return f"{name!r} may be several images"
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
                return "is not an image that is read"
        return "is not in the folder"


def _aliases(name: str) -> list[str]:
    """How a name that is not UTF-8 may be written in a text."""
    readable = readable_name(name)
    return [] if readable == name else [readable, os.fsencode(name).decode("cp1252", "replace")]


def _tails(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[k:]) for k in range(len(parts))]
