"""A file of labels: CSV with one column that names rows of the data, by file, number or key, and one of labels."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aae.data.labels import read_labels
from aae.data.row_keys import INDEX, GivenLabels
from aae.system.errors import AAEError
from aae.system.files import csv_text

__all__ = ["Finder", "KeyKind", "Matched", "given_labels", "letters", "match_labels"]

LISTED = 5  # rows that a sentence lists
# Names of columns, without signs between their letters, that say the same.
LABEL_NAMES = frozenset({
    "label", "labels", "class", "classes", "classname", "classlabel", "labelname", "category", "target",
})  # fmt: skip


@dataclass(frozen=True)
class KeyKind:
    """How a labels file names rows.

    Args:
        name: Heading of the column of keys.
        known: Other headings with the same meaning, as `letters` gives them.
        is_key: Whether a text alone shows that it is a key, so that a first line of such is no line of names.
        of_row: What has a label, for messages: ``"image"`` or ``"row"``.
    """

    name: str
    known: frozenset[str]
    is_key: Callable[[str], bool]
    of_row: str = "row"


class Finder(Protocol):
    """Finds the row that a key names."""

    def find(self, name: str) -> tuple[int, bool] | str:
        """Number of a row, and whether it is named exactly; or what is wrong."""

    def shown(self, row: int) -> str:
        """The row's own name."""


@dataclass(frozen=True)
class Matched:
    """The labels of a file by number of row, None where the cell is empty; the lines of the file; and notes.

    ``read`` are notes on how the file was read, ``named`` those on how it names rows.
    """

    labels: dict[int, str | None]
    lines: int
    read: list[str]
    named: list[str]


def match_labels(path: Path, kind: KeyKind, finder: Finder, where: str) -> Matched:
    """Find the rows that a file of labels names.

    Args:
        path: The file.
        kind: How it names rows.
        finder: Finds them.
        where: What the rows are called in messages.

    Raises:
        AAEError: The file cannot be read, lacks a column, or has rows that do not name one row or contradict others.
    """
    rows, column, notes = _rows(path, kind, finder)
    labels: dict[int, tuple[int, str | None]] = {}
    problems, otherwise, twice = [], [], 0
    for line, name, label in rows:
        found = finder.find(name)
        if isinstance(found, str) and name != name.strip():
            found = finder.find(name.strip())
        if isinstance(found, str):
            problems.append(f"line {line} ({found})")
            continue
        k, exact = found
        if not exact:
            otherwise.append(f"{name!r} for {finder.shown(k)!r}")
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
        raise AAEError(f"{rows_of} of {path} cannot be used for {where}: "
                       f"{', '.join(problems[:LISTED])}{more}; correct or remove them.")  # fmt: skip
    named = []
    if otherwise:
        name = "row names its" if len(otherwise) == 1 else "rows name their"
        named.append(f"{len(otherwise):,} {name} {kind.of_row} differently, such as {otherwise[0]}.")
    if twice:
        named.append(f"{twice:,} {'row repeats' if twice == 1 else 'rows repeat'} another.")
    known = {k: label for k, (_, label) in labels.items()}
    # Of measurements, which are no classes, the file is named.
    read_labels(list(known.values()), len(known), str(path), name=f"the column {column!r}")
    return Matched(known, len(rows), notes, named)


def given_labels(path: Path, labels: Mapping[Any, str | None]) -> GivenLabels:
    """The labels of a file, by the keys of the rows that they give a class."""
    known = {key: label for key, label in labels.items() if label is not None}
    read = read_labels(list(known.values()), len(known), str(path))
    classes = {key: str(read.classes[k]) for key, k in zip(known, read.y.tolist(), strict=True) if k >= 0}
    return GivenLabels(path.name, classes)


def _rows(path: Path, kind: KeyKind, finder: Finder) -> tuple[list[tuple[int, str, str | None]], str, list[str]]:
    """Line number, key and label of every row that is not blank; the name of the column of labels; and notes."""
    if not path.exists():
        raise AAEError(f"There is no file {path}; check --labels-file.")
    try:
        text, encoding = _decoded(path.read_bytes())
        lines = list(_lines(text))
    except (OSError, UnicodeError, csv.Error) as error:
        what = f"it should hold the columns {kind.name} and label"
        raise AAEError(f"{path} cannot be read as CSV ({error}); {what}.") from error
    notes = [f"{path.name} is not UTF-8 and is read as {encoding}."] if encoding else []
    head = [cell.strip() for cell in lines[0].cells] if lines else []
    columns = _columns(head, path, kind, notes)
    body = lines[1:]
    if columns is None:
        first = csv_text(head[0]) if len(head) == 2 else ""
        if not kind.is_key(first) or isinstance(finder.find(first), str):
            missing = [name for name, known in ((kind.name, kind.known), ("label", LABEL_NAMES))
                       if not any(cell == name or letters(cell) in known for cell in head)]  # fmt: skip
            advice = ", or name the column that identifies the rows with --key-column" if kind.name == INDEX else ""
            raise AAEError(
                f"{path} has no column {' and no column '.join(map(repr, missing))}; its first line should be "
                f"{kind.name},label{advice}."
            )
        notes.append(f"{path.name} has no line of names; its columns are read as {kind.name} and label.")
        columns, body = (0, 1), lines
    wide = [line.number for line in body if any(cell.strip() for cell in line.cells[len(head) :])]
    if wide:
        more = " and more" if len(wide) > LISTED else ""
        raise AAEError(f"{path}: {'line' if len(wide) == 1 else 'lines'} {', '.join(map(str, wide[:LISTED]))}{more} "
                       f"hold more than {len(head)} cells; put names with a comma in quotes.")  # fmt: skip
    if not body:
        raise AAEError(f"{path} has no rows; write {kind.name} and label of one {kind.of_row} in each line.")
    rows = []
    for line in body:
        cells = [*line.cells, *[""] * len(head)]
        # The names of files may begin or end with a space.
        rows.append((line.number, csv_text(cells[columns[0]]), csv_text(cells[columns[1]].strip()) or None))
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


def letters(name: str) -> str:
    """A name without the signs between its letters, all small."""
    return re.sub(r"[\W_]", "", name.casefold())


def _columns(head: Sequence[str], path: Path, kind: KeyKind, notes: list[str]) -> tuple[int, int] | None:
    """Places of the key and the label; None if one has no column."""
    places = []
    for name, known in ((kind.name, kind.known), ("label", LABEL_NAMES)):
        found = [k for k, cell in enumerate(head) if cell == name] or [
            k for k, cell in enumerate(head) if letters(cell) in known
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


