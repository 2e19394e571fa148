"""Labels of the rows of arrays, tables and named data sets from a labels file: by row number or by a key column."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aae.data.dataset import Dataset, ReadOptions
from aae.data.label_columns import label_values
from aae.data.labels import ClassName, class_indices, class_key, read_labels
from aae.data.labels_file import KeyKind, Matched, given_labels, letters, match_labels
from aae.data.raw import RawData
from aae.data.row_keys import INDEX, RowKeys, keys_of
from aae.data.tables import TableFile
from aae.data.text_columns import Style
from aae.system.errors import AAEError, UsageError, unknown

__all__ = ["add_labels", "key_values", "keys_of_table", "only_labels_of_file"]

LISTED = 3  # rows that a note names
NUMBERED = KeyKind(INDEX, frozenset({"index", "idx", "row", "rowindex", "rownumber", "rowno", "rowid", ""}),
                   lambda text: _row_number(text) is not None)  # fmt: skip
_WHOLE = re.compile(r"(\d{1,18})(\.0+)?")


def _row_number(text: str) -> int | None:
    """The row number that a text is, also as spreadsheets and data frames write it (``7.0``); None if it is none."""
    found = _WHOLE.fullmatch(text)
    return int(found[1]) if found else None


class _Numbers:
    """Rows by their numbers from 0."""

    def __init__(self, count: int) -> None:
        self._count = count

    def shown(self, row: int) -> str:
        return str(row)

    def find(self, name: str) -> tuple[int, bool] | str:
        number = _row_number(name)
        if number is None:
            return f"{name!r} is no row number" if name else "it names no row"
        if number >= self._count:
            return f"{name!r} is not among the row numbers 0 to {self._count - 1:,}"
        return number, str(number) == name


class _Keys:
    """Rows by the cells of their key column; 7, ``"7"`` and ``"7.0"`` are one key, ``"007"`` is 7 if that is clear."""

    def __init__(self, keys: RowKeys) -> None:
        self._keys, self._name = keys.train, keys.name
        self._exact = {class_key(key): row for row, key in enumerate(keys.train) if key is not None}
        self._loose: dict[str, int] = {}
        for key, row in self._exact.items():
            loose = _loose(key)
            self._loose[loose] = row if loose not in self._loose else -1

    def shown(self, row: int) -> str:
        return str(self._keys[row])

    def find(self, name: str) -> tuple[int, bool] | str:
        if not name:
            return "it names no row"
        key = class_key(name)
        if key in self._exact:
            return self._exact[key], True
        row = self._loose.get(_loose(key))
        if row is None:
            return f"{name!r} is not in the column {self._name!r}"
        return (row, False) if row >= 0 else f"{name!r} may be several rows"


def _loose(key: str) -> str:
    return key.casefold().lstrip("0") or "0"


def key_values(column: Any, name: str, where: str, style: Style) -> RowKeys:
    """The keys in a column of a table.

    Args:
        column: The column, as Arrow has it.
        name: Its name.
        where: What the table is called in messages.
        style: How it writes its cells.

    Raises:
        AAEError: Two rows have the same key, or no row has one.
    """
    values = label_values(column, f"{where}: key column {name!r}", style)
    values[[value is not None and not str(value).strip() for value in values.tolist()]] = None
    first: dict[str, int] = {}
    again: dict[str, int] = {}
    for row, value in enumerate(values.tolist()):
        if value is not None and first.setdefault(class_key(value), row) != row:
            again.setdefault(str(value), row)
    if again:
        value, row = next(iter(again.items()))
        more = f", and {len(again) - 1:,} more keys occur twice" if len(again) > 1 else ""
        rows = f"{style.row_name(first[class_key(value)])} and {style.row_name(row)}"
        raise AAEError(f"{where}: the key column {name!r} has {value!r} in {rows}{more}; name a column that "
                       "differs in every row.")  # fmt: skip
    if not first:
        raise AAEError(f"{where}: the key column {name!r} is empty; name a column that identifies the rows.")
    return RowKeys(name, values, values[:0])


def keys_of_table(file: TableFile, reading: ReadOptions, where: str, needed: bool) -> RowKeys | None:
    """The keys of an open table's rows; None if there is no key column, or one that is not ``needed`` is not there.

    Raises:
        UsageError: The column also holds the labels.
        AAEError: It does not identify the rows.
    """
    if reading.key_column is None:
        return None
    name = reading.key_column.strip()
    if reading.label_column is not None and reading.label_column.strip() == name:
        raise UsageError(f"--key-column and --label-column both name {name!r}; a column holds one or the other.")
    if name not in file.columns:
        if needed:
            raise unknown(f"column of {where} called", name, file.columns)
        return None
    return key_values(file.columns[name], name, where, file.style)


def add_labels(raw: RawData[Any], reading: ReadOptions, known: Sequence[ClassName] | None = None) -> RawData[Any]:
    """Rows with the labels of ``reading.labels_file``, which replace those of the data where it has one.

    Args:
        raw: The rows, with keys if they have a key column.
        reading: Options.
        known: The classes of a model that will see the rows.

    Raises:
        AAEError: The file cannot be read, or does not fit the rows.
    """
    if reading.labels_file is None:
        return raw
    path, count = Path(reading.labels_file), len(raw.x)
    kind, finder = _rows_by_name(raw.keys, count + (0 if raw.test is None else len(raw.test[0])))
    found = match_labels(path, kind, finder, raw.where)
    values, notes = _merged(raw.labels, found, finder, path, range(count), raw.where, known)
    notes = [*raw.notes, *found.read, *notes, *found.named]
    names = None if raw.keys is None else raw.keys.train
    given = given_labels(path, {row if names is None else names[row]: label for row, label in found.labels.items()})
    labelled = replace(raw, labels=values, notes=tuple(notes), given=given)
    if raw.test is not None and any(row >= count for row in found.labels):
        of_test = range(count, count + len(raw.test[0]))
        values, more = _merged(raw.test[1], found, finder, path, of_test, f"{raw.where} (test rows)", known)
        labelled.test, labelled.notes = (raw.test[0], values), (*labelled.notes, *more)
    return labelled


def _rows_by_name(keys: RowKeys | None, count: int) -> tuple[KeyKind, "_Numbers | _Keys"]:
    if keys is None:
        return NUMBERED, _Numbers(count)
    return KeyKind(keys.name, frozenset({letters(keys.name)} - {""}), lambda _: True), _Keys(keys)


def _merged(
    own: Any, found: Matched, finder: "_Numbers | _Keys", path: Path, rows: range, where: str,
    known: Sequence[ClassName] | None,
) -> tuple[np.ndarray, list[str]]:  # fmt: skip
    """Labels ``(N,)`` of the rows, None for no label, and notes; a label of the file comes before one of the data."""
    labels = read_labels(own, len(rows), where, known=known)
    names = [*labels.classes, None]  # index -1 is the last
    values = np.array([names[k] for k in labels.y.tolist()] + [None], dtype=object)[:-1]
    spelled = {class_key(name): name for name in labels.classes}
    given, other = 0, []
    for row, label in sorted(found.labels.items()):
        if row not in rows or label is None:
            continue
        before, given = values[row - rows.start], given + 1
        values[row - rows.start] = spelled.get(class_key(label), label)
        if before is not None and class_key(before) != class_key(label):
            other.append(f"{finder.shown(row)} ({before} -> {label})")
    empty = sum(value is None for value in values.tolist())
    kept = len(values) - empty - given
    parts = [f"{path.name} gives {given:,} of {len(rows):,} rows of {where} a label"]
    parts += [f"{kept:,} others keep that of the data"] if kept else []
    parts += [f"{empty:,} have none"] if empty else []
    notes = [*labels.notes, "; ".join(parts) + "."]
    if other:
        more = ", ..." if len(other) > LISTED else ""
        have = "row has" if len(other) == 1 else "rows have"
        notes.append(f"{len(other):,} {have} another label in {path.name} than in the data; that of the file is "
                     f"used: {', '.join(other[:LISTED])}{more}.")  # fmt: skip
    return values, notes


def only_labels_of_file(data: Dataset, reading: ReadOptions, where: str) -> Dataset:
    """A data set that is labelled throughout, as if its training rows had only the labels of a file.

    The test rows keep their labels, so that the error can be measured.

    Raises:
        AAEError: The file cannot be read or does not fit the rows, or has a label that is no class of the data.
    """
    if reading.labels_file is None:
        return data
    path, keys = Path(reading.labels_file), keys_of(data)
    every = np.concatenate([keys.train, keys.test]).astype(np.int64)
    found = match_labels(path, NUMBERED, _Numbers(len(every)), where)
    place = np.empty(len(every), dtype=np.int64)
    place[every] = np.arange(len(every))
    given = {int(place[row]): label for row, label in found.labels.items() if label is not None}
    y = np.full(len(data.y), -1, dtype=np.int64)
    of_train = {row: label for row, label in given.items() if row < len(y) and label != "-1"}
    numbers = class_indices(list(of_train.values()), data.classes)
    odd = next((label for label, k in zip(of_train.values(), numbers, strict=True) if k < 0), None)
    if odd is not None:
        some = ", ".join(map(str, data.classes))
        raise AAEError(f"{path} has the label {odd!r}, which is no class of {where} ({some}); correct it.")
    y[list(of_train)] = numbers
    present = np.unique(y[y >= 0])
    renumber = np.full(len(data.classes) + 1, -1, dtype=np.int64)
    renumber[present] = np.arange(len(present))
    notes = [*found.read, f"{path.name} gives {len(of_train):,} of {len(y):,} training rows of {where} a label; those "
             "that the data have for the others are not used.", *found.named]  # fmt: skip
    of_test = sum(row >= len(y) for row in given)
    if of_test:
        are = "row of {0} is a test row and keeps its own label" if of_test == 1 else (
            "rows of {0} are test rows and keep their own labels")  # fmt: skip
        notes.append(f"{of_test:,} {are.format(path.name)}.")
    lost = [str(name) for k, name in enumerate(data.classes) if k not in present]
    if lost and len(present):
        out = int((renumber[data.test_y] < 0).sum())
        notes.append(f"No row to train on is labelled {', '.join(lost)}; {out:,} test rows of these classes are left "
                     "out of every result.")  # fmt: skip
    return replace(data, y=renumber[y], test_y=renumber[data.test_y], classes=[data.classes[k] for k in present],
                   notes=(*data.notes, *notes), bundled=False,
                   given=given_labels(path, found.labels))  # fmt: skip
