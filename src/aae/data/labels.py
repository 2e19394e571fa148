"""Labels as classes: the one place that decides which value is a class and which means "not labelled".

Labels come as numbers, texts, truth values or dates, from a file or from the user's program. Texts stay as they were
written, without blanks at their ends. No label is: None, NaN, NaT, pandas' NA, a masked entry, an empty or blank text,
and -1 where all other labels are whole numbers from 0 up.
"""

import datetime
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from aae.system.errors import AAEError, printable

__all__ = ["ClassName", "Labels", "class_indices", "class_key", "is_missing", "read_labels"]

ClassName = str | int | float

ONE_CLASS = "Labels of at least two classes are needed; found {} class."
MAX_NUMBERS = 20  # different numbers that are taken for classes without a further look
LISTED = 5  # names that a sentence lists
# Texts that often stand for "not labelled" but may be the name of a class (a country, say).
MARKS = frozenset({
    "-1", "?", "-", "--", ".", "*", "na", "n/a", "#n/a", "nan", "nil", "none", "null", "nat", "<na>", "missing",
    "unknown", "undefined", "unlabelled", "unlabeled", "not labelled", "not labeled", "no_label", "no label",
})  # fmt: skip
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_WHOLE = re.compile(r"\d+")


@dataclass(frozen=True)
class Labels:
    """Class numbers ``y`` ``(N,)``, -1 for none; the names of the classes, sorted; and notes on what was read.

    ``marks`` are those of the notes that are on classes whose names look like "not labelled".
    """

    classes: list[ClassName]
    y: np.ndarray
    notes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


def read_labels(
    values: Any,
    rows: int,
    where: str,
    classes: Sequence[ClassName] | None = None,
    counts: np.ndarray | None = None,
    known: Sequence[ClassName] | None = None,
    unknown: int | None = None,
    name: str = "y",
) -> Labels:
    """Number the classes of labels.

    Args:
        values: Labels ``(N,)`` or ``(N, 1)`` of any type; None if there are none.
        rows: How many there should be.
        where: Where they come from, for messages.
        classes: The classes of the rows to train on, if these are labels of rows to test on.
        counts: Rows that have each label ``(N,)``, if ``values`` are different labels and not those of single rows.
        known: The classes of a model that will see the rows; only what -1 means depends on them.
        unknown: The number of labels that are not among ``classes``; if None, there may be none.
        name: What the labels are called there.

    Raises:
        AAEError: Another number of labels, labels that are measurements, or a label that is not among ``classes``.
    """
    if values is None:
        return Labels(list(classes or []), np.full(rows, -1, dtype=np.int64))
    array = _one_column(values, rows, where)
    distinct, index = _distinct(array)
    every = np.bincount(index, weights=counts, minlength=len(distinct)).astype(np.int64)
    cleaned = [_clean(value) for value in distinct]
    absent_mark = _absent_mark([name for name in cleaned if name is not None], classes or known)
    present = [name is not None and class_key(name) != absent_mark for name in cleaned]
    notes, marks = _absence_notes(distinct, every, present), []
    named = {k: name for k, name in enumerate(cleaned) if name is not None and present[k]}
    count_of: Counter[ClassName] = Counter()
    for k, one in named.items():
        count_of[one] += int(every[k])
    if classes is None:
        _check_classes(count_of, where, name)
        merged = _merged(count_of)
        names = sorted(set(merged.values()), key=_order)
        place = {name: k for k, name in enumerate(names)}
        number = {name: place[chosen] for name, chosen in merged.items()}
        marks = _mark_notes(count_of)
        notes += _class_notes(count_of, merged, marks)
    else:
        names = list(classes)
        number = _matched(count_of, classes, where, unknown)
    numbers = np.array([number[named[k]] if k in named else -1 for k in range(len(distinct))], dtype=np.int64)
    return Labels(names, numbers[index], tuple(notes), tuple(marks))


def class_key(name: ClassName) -> str:
    """What equal class names have in common, however they are stored: 1, 1.0, ``"1"`` and ``"1.0"`` are one class."""
    text = unicodedata.normalize("NFC", str(name)).strip()
    if _PLAIN_NUMBER.fullmatch(text):
        return text.rstrip("0").rstrip(".") if "." in text else text
    return text.lower() if text.lower() in ("true", "false") else text


def class_indices(names: Sequence[Any], classes: Sequence[ClassName]) -> list[int]:
    """The number of each name among the classes, -1 where there is no such class."""
    number = {class_key(name): k for k, name in reversed(list(enumerate(classes)))}
    return [-1 if (name := _clean(value)) is None else number.get(class_key(name), -1) for value in names]


def _one_column(values: Any, rows: int, where: str) -> np.ndarray:
    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    # Of a list of texts with a NaN among them, numpy would make texts.
    array = np.asarray(values, dtype=None if hasattr(values, "dtype") else object)
    if mask is not None and mask.any():
        array = array.astype(object)
        array[mask] = None
    if array.shape == (rows, 1):
        array = array[:, 0]
    if array.shape != (rows,):
        hint = " (of one-hot labels, y.argmax(1))" if array.ndim == 2 and len(array) == rows else ""
        raise AAEError(f"{where}: {rows} rows but labels of shape {array.shape}; give one label for each row{hint}.")
    return array


def _distinct(array: np.ndarray) -> tuple[list[Any], np.ndarray]:
    """Different values, and the place of each row's value among them."""
    if array.dtype.kind in "biufmMSU":
        distinct, index = np.unique(array, return_inverse=True)
        return list(distinct) if array.dtype.kind in "mM" else distinct.tolist(), index
    places: dict[Any, int] = {}
    index = np.empty(len(array), dtype=np.int64)
    for row, value in enumerate(array.tolist()):
        if is_missing(value):
            value = None
        # 1 and True are equal as keys, and so are 1 and 1.0.
        index[row] = places.setdefault((type(value), value) if _hashable(value) else (type(value), repr(value)), row)
    firsts = list(places.values())
    return [array[row] for row in firsts], np.searchsorted(firsts, index)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA."""
    if value is None:
        return True
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas' marks; the first cannot be compared
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return False


def _clean(value: Any) -> ClassName | None:
    """A label as the name of a class: a whole number, another number or a text; None if it means "not labelled"."""
    if is_missing(value):
        return None
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            value = value.decode("latin-1")  # which every byte is a letter of
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value).strip("\ufeff\u200b").strip() or None
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating | Decimal):
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    return str(value).strip() or None


def _absent_mark(names: Sequence[ClassName], classes: Sequence[ClassName] | None) -> str | None:
    """``"-1"`` where it means "not labelled": all other labels are whole numbers from 0 up."""
    keys = {class_key(name) for name in names}
    known = {class_key(name) for name in classes or ()}
    if "-1" not in keys or "-1" in known:
        return None
    others = (keys | known) - {"-1"}
    if not all(_WHOLE.fullmatch(key) for key in others):
        return None
    # With 1 as the only other label these are two classes, as support vector machines write them.
    return None if others == {"1"} else "-1"


def _absence_notes(distinct: Sequence[Any], counts: np.ndarray, present: Sequence[bool]) -> list[str]:
    """What was read as "not labelled" although something stands there."""
    forms: Counter[str] = Counter()
    for value, count, there in zip(distinct, counts.tolist(), present, strict=True):
        if not there and (name := _clean(value)) is not None:
            forms[str(name)] += int(count)
    return [
        f"labels: {_rows(count)} {form}, read as not labelled; if {form} is a class, give it a name."
        for form, count in forms.items()
    ]


def _rows(count: int) -> str:
    return f"{count:,} row has" if count == 1 else f"{count:,} rows have"


def _number(name: ClassName) -> float | None:
    if not isinstance(name, str):
        return float(name)
    return float(name) if _PLAIN_NUMBER.fullmatch(name) else None


def _check_classes(count_of: Mapping[ClassName, int], where: str, name: str) -> None:
    """Refuse numbers that are measurements: fractions, or numbers far apart, most of them different."""
    numbers = [number for name in count_of if (number := _number(name)) is not None]
    if len(numbers) < len(count_of) or not numbers:
        return
    if not np.isfinite(numbers).all():
        raise AAEError(f"{where}: a label is infinite; correct it, or use NaN for rows without a label.")
    rows, whole = sum(count_of.values()), all(number.is_integer() for number in numbers)
    consecutive = whole and max(numbers) - min(numbers) + 1 == len(numbers)
    many = len(numbers) > (rows / 2 if whole else rows / 5) and len(numbers) > (MAX_NUMBERS if whole else 2)
    if not consecutive and (many or (not whole and len(numbers) > MAX_NUMBERS)):
        some = f"{len(numbers)} different numbers in {rows} rows, such as {next(iter(count_of))}"
        raise AAEError(
            f"{where}: {name} looks like a measurement, not a class ({some}); give classes as texts or whole numbers, "
            "or leave the labels out."
        )


def _merged(count_of: Mapping[ClassName, int]) -> dict[ClassName, ClassName]:
    """The class of each label: labels with the same key are one class, under the name that most rows have."""
    best: dict[str, ClassName] = {}
    for name in sorted(count_of, key=lambda name: (-count_of[name], str(name))):
        best.setdefault(class_key(name), name)
    return {name: best[class_key(name)] for name in count_of}


def _matched(
    count_of: Mapping[ClassName, int], classes: Sequence[ClassName], where: str, unknown: int | None
) -> dict[ClassName, int]:
    indices = class_indices(list(count_of), classes)
    extra = next((name for name, k in zip(count_of, indices, strict=True) if k < 0), None)
    if extra is not None and unknown is None:
        raise AAEError(
            f"{where}: only test rows have the label {printable(repr(extra))}; no row to train on has it. Correct "
            "these labels, or leave the rows out."
        )
    return {name: k if k >= 0 else unknown or -1 for name, k in zip(count_of, indices, strict=True)}


def _order(name: ClassName) -> tuple[bool, float, str]:
    """Numbers by size, also those written as texts; then texts."""
    number = float(name) if not isinstance(name, str) or _WHOLE.fullmatch(name) else _number(name)
    return (number is None, 0.0 if number is None else number, str(name))


def _mark_notes(count_of: Mapping[ClassName, int]) -> list[str]:
    """Classes among texts whose names look like a mark of absence."""
    if all(_number(name) is not None for name in count_of):
        return []
    return [
        f"labels: {_rows(count)} {str(name)!r}, which is read as a class; if it means 'not labelled', leave the label "
        "empty, or call the folder 'unlabelled'."
        for name, count in count_of.items()
        if str(name).lower() in MARKS
    ]


def _class_notes(
    count_of: Mapping[ClassName, int], merged: Mapping[ClassName, ClassName], marks: Sequence[str]
) -> list[str]:
    """What may surprise about the names of classes."""
    notes = [f"labels: {_rows(count_of[name])} {name!r}, read as the class {other!r}."
             for name, other in merged.items() if name != other]  # fmt: skip
    notes += marks
    if {class_key(name) for name in count_of} == {"-1", "1"}:
        notes.append("labels: -1 and 1 are read as two classes.")
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(merged.values()):
        number = _number(name)
        key = str(name).lstrip("0") if str(name).isdigit() else " ".join(str(name).casefold().split())
        alike.setdefault(key if number is None or str(name).isdigit() else str(name), []).append(str(name))
    for names in alike.values():
        if len(names) > 1:
            notes.append(f"labels: {' and '.join(map(repr, names[:LISTED]))} are read as different classes.")
    return notes
