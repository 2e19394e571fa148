"""CSV files as Arrow tables of texts: encoding, delimiter, comment lines and the line of names are found out."""

import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aae.data.cells import shown
from aae.data.csv_lines import CsvLines
from aae.data.csv_rows import MIN_SWALLOWED, check_divided, check_quotes, first_row_note, without_blank_rows
from aae.data.idx import MAX_EXPANSION, MIN_LIMIT
from aae.data.number_texts import is_number
from aae.data.text_encoding import as_utf8
from aae.system.errors import AAEError, UsageError, first_line
from aae.system.files import csv_text

if TYPE_CHECKING:
    from aae.data.dataset import ReadOptions

__all__ = ["CSV_ENDINGS", "MAX_COLUMNS", "CsvFile", "read_csv"]

CSV_ENDINGS = (".csv", ".tsv", ".txt")  # each also compressed, as .csv.gz
DELIMITERS = (",", ";", "\t", "|")
NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
MAX_HEADER = 2**24  # characters in the line of column names
MAX_COLUMNS = 100_000
SAMPLE = 2**16  # characters from which the delimiter is found out
SAMPLE_LINES = 50
THREADED = 2**24  # bytes above which pyarrow's threads are worth their start, and their end


@dataclass
class CsvFile:
    """A table of texts, one column for each name, how the file was read, and which line each row is in."""

    table: Any
    delimiter: str
    notes: list[str]
    lines: CsvLines


def read_csv(path: Path, reading: "ReadOptions", hints: bool = False) -> CsvFile:
    """Read a text table, compressed or not.

    Args:
        path: The file.
        reading: Options.
        hints: The options are those of another file: they are used where this one can be read in several ways.

    Raises:
        AAEError: It cannot be decoded, names no columns, or a line has another number of cells than the first.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    def content() -> tuple[bytes, list[str]]:
        return as_utf8(_content(path), path, reading.encoding, hints and "encoding" not in reading.chosen)

    data, notes = content()
    start, header, mark = _preamble(data)
    if start:
        above = [line.decode(errors="replace").strip(',;|" \t') for line in data[:start].splitlines()]
        comments = len([line for line in above if line.startswith("#")]) - bool(header)
        titles = [line for line in above if line and not line.startswith("#") and not line.lower().startswith("sep=")]
        notes += [f"{_lines(comments)} at the top of the file."] if comments else []
        notes += [f"left out {shown(line)} above the names of the columns." for line in titles]
    sample = data[start : start + SAMPLE].decode(errors="ignore")
    given = _given(reading.delimiter)
    if given and hints and "delimiter" not in reading.chosen and given not in (header or sample).split("\n", 1)[0]:
        given = None
    delimiter = given or mark or _delimiter(header or sample, sample)
    names, used = _names(data, start, header, delimiter, path)
    names = _with_unnamed(names, sample if header else sample.split("\n", 1)[-1], delimiter)
    body = data[used:]
    if not body or body.isspace():
        raise AAEError(f"{path}: there are no rows.")
    skipped: list[str] = []

    def skip(row: Any) -> str:
        """Leave out comment lines, which have another number of cells; refuse others."""
        if (row.text or "").lstrip().startswith("#"):
            skipped.append(row.text)
            return "skip"
        return "error"

    numbers = [str(k) for k in range(len(names))]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(body),
            read_options=arrow_csv.ReadOptions(column_names=numbers, use_threads=len(body) > THREADED),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(numbers, pa.string()), null_values=[], strings_can_be_null=False
            ),
        )  # fmt: skip
    except pa.ArrowInvalid as error:
        raise AAEError(_line_error(path, str(error), len(names), delimiter)) from error
    if b'"' in body:
        check_quotes(table, data, used, delimiter, path)
    if table.num_columns == 1 and not given:
        check_divided(names[0], table, path)
    table, blank, comments, dropped = without_blank_rows(table, keep=hints)
    comments += len(skipped)
    notes += [f"{_lines(comments)} among the rows."] if comments else []
    if blank:
        rows = "1 empty row" if blank == 1 else f"{blank:,} empty rows"
        notes.append(f"{'kept' if hints else 'left out'} {rows}.")
    notes += first_row_note(names, table)
    lines = CsvLines(lambda: content()[0], used, delimiter, len(names), dropped)
    return CsvFile(table.rename_columns(names), delimiter, [f"{path}: {note}" for note in notes], lines)


def _lines(count: int) -> str:
    return f"left out {count} comment line{'' if count == 1 else 's'}"


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        limit = max(MIN_LIMIT, MAX_EXPANSION * len(data))
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                unpacked = file.read(limit + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise AAEError(f"{path} cannot be unpacked ({first_line(error)}); copy the file again.") from error
        if len(unpacked) > limit:
            raise AAEError(f"{path} unpacks to more than {limit} bytes, {MAX_EXPANSION} times its size; unpack it.")
        data = unpacked
    if data[:4] == b"PK\x03\x04":
        raise AAEError(f"{path} is not a readable table: it is a workbook or a zip file; save it as CSV.")
    return data


def _given(delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    mark = NAMED.get(delimiter.lower(), delimiter)
    if len(mark) != 1 or mark in "\r\n\"" or not mark.isascii():
        raise UsageError(f"A delimiter is one character, or tab, not {delimiter!r}.")
    return mark


def _line_at(data: bytes, start: int) -> tuple[bytes, int]:
    """The line that begins at a byte, without its end, and where the next one begins."""
    ends = [end for end in (data.find(b"\n", start, start + MAX_HEADER), data.find(b"\r", start, start + MAX_HEADER))
            if end >= 0]  # fmt: skip
    end = min(ends, default=len(data))
    following = end + (2 if data[end : end + 2] == b"\r\n" else 1)
    return data[start:end], min(following, len(data))


def _preamble(data: bytes) -> tuple[int, str, str | None]:
    """Where the line of names begins, after blank and comment lines; the names if a comment line holds them (the rows
    begin there then); and the delimiter if a line such as ``sep=;`` gives it.
    """
    start, mark, comment = 0, None, ""
    while start < len(data):
        line, following = _line_at(data, start)
        text = line.decode(errors="replace").strip()
        given = re.fullmatch(r'"?sep=(.)"?', line.decode(errors="replace").lstrip().rstrip("\r\n"), re.IGNORECASE)
        if given and mark is None and not comment:
            mark = given[1]
        elif text.startswith("#"):
            comment = text
        elif text and not _is_title(text, data, following):
            return start, _names_in_comment(comment, text, mark), mark
        start = following
    return start, "", mark


def _is_title(text: str, data: bytes, start: int) -> bool:
    """Whether a line has a single cell, and the two after it have as many as each other, which are more."""
    lines = [line for line in data[start : start + SAMPLE].decode(errors="ignore").splitlines() if line.strip()][:2]
    for delimiter in DELIMITERS:
        rows = [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
        counts = {len(row) for row in rows if sum(map(bool, row)) > 1}
        if len(lines) == 2 and len(counts) == 1 and delimiter not in text.rstrip(delimiter):
            # The same line may be one of several names by another delimiter.
            return not any(mark in text for mark in DELIMITERS if mark != delimiter)
    return False


def _names_in_comment(comment: str, line: str, mark: str | None) -> str:
    """The comment line above the first other one, if it has as many cells and no numbers."""
    for delimiter in (mark,) if mark else DELIMITERS:
        names, cells = (next(csv.reader([text], delimiter=delimiter), []) for text in (comment, line))
        if len(names) == len(cells) > 1 and any(map(_is_number, cells)) and not any(map(_is_number, names)):
            rest = comment.lstrip("#").strip()
            return comment if rest.startswith(delimiter) else rest
    return ""


def _delimiter(header: str, sample: str) -> str:
    """The mark that divides most lines into as many cells as the first."""

    def score(mark: str) -> tuple[bool, float, float, int]:
        try:
            first = len(next(csv.reader(io.StringIO(header, newline=""), delimiter=mark), []))
            rows = [row for row in islice(csv.reader(io.StringIO(sample, newline=""), delimiter=mark), SAMPLE_LINES)
                    if row]  # fmt: skip
        except csv.Error:
            return False, 0.0, 0.0, 0
        rows = rows[:-1] if len(sample) >= SAMPLE // 4 and len(rows) > 1 else rows  # the last one may be cut
        same = sum(len(row) == first for row in rows) / max(1, len(rows))
        cells = [cell for row in rows for cell in row]
        return first > 1, same, sum(map(_is_number, cells)) / max(1, len(cells)), first

    best = max(DELIMITERS, key=score)
    return best if score(best)[0] else ","


def _names(data: bytes, start: int, header: str, delimiter: str, path: Path) -> tuple[list[str], int]:
    """The names of the columns, and where the rows begin."""
    chunk = data[start : start + SAMPLE]
    if b"\n" not in chunk and b"\r" not in chunk:
        chunk = data[start : start + MAX_HEADER]
        if len(chunk) == MAX_HEADER and b"\n" not in chunk and b"\r" not in chunk:
            raise AAEError(
                f"The first line of {path} is longer than {MAX_HEADER} characters; it should name the columns."
            )
    text = header or chunk.decode(errors="ignore")
    stream = io.StringIO(text, newline="")
    names = next(csv.reader(iter(stream.readline, ""), delimiter=delimiter), [])
    if len(names) > MAX_COLUMNS:
        raise AAEError(f"{path} has {len(names)} columns, but at most {MAX_COLUMNS} can be read; leave some out.")
    if names and all(map(_is_number, names)):
        raise AAEError(f"The first line of {path} holds numbers, not column names; add a line of names.")
    if not names:
        raise AAEError(f"{path} is not a readable table: it is empty.")
    used = start if header else start + len(text[: stream.tell()].encode())
    return [csv_text(name.strip()) for name in names], used


def _with_unnamed(names: list[str], rows: str, delimiter: str) -> list[str]:
    """Names for all columns: R does not name that of row names, and a spreadsheet not the empty ones at the end."""
    try:
        some = [row for row in islice(csv.reader(io.StringIO(rows, newline=""), delimiter=delimiter), SAMPLE_LINES)
                if row and not row[0].startswith("#")]  # fmt: skip
    except csv.Error:
        some = []
    some = some[:-1] or some  # the last one may be cut
    if some and all(len(row) == len(names) + 1 for row in some):
        names = [*names, ""] if all(not row[-1] for row in some) else ["", *names]
    if names.count("") > 1:
        names = [name or f"Unnamed: {k}" for k, name in enumerate(names)]
    return names


def _line_error(path: Path, reason: str, columns: int, delimiter: str) -> str:
    found = re.search(r"Expected \d+ columns, got (\d+)(.*)", reason, re.DOTALL)
    if found is None:
        return f"{path} is not a readable table ({reason.splitlines()[0][:200] if reason else 'no reason'})."
    line = found[2].removeprefix(": ").strip()
    if '"' in line and line.count("\n") > MIN_SWALLOWED:
        return (f"{path} is not a readable table: a cell in the row that begins with {shown(line.splitlines()[0])} "
                f"spans {line.count(chr(10)) + 1} lines or more; close its quote or remove it.")  # fmt: skip
    return (
        f"{path} is not a readable table: the line {shown(line)} has {found[1]} cells, but there are {columns} names; "
        f"correct it or, if {delimiter!r} is not what separates the cells, name what does with --delimiter."
    )


def _is_number(text: str) -> bool:
    """Whether a cell is a number, with a decimal point or a decimal comma."""
    return is_number(text.replace(",", "."))
