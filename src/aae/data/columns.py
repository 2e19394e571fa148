"""What the columns of a table are: one place for texts from CSV files and for the typed columns of Parquet files.

A column is numbers, whole numbers, truth values, dates, times of the day, or categories. What was understood besides
(a decimal comma, units, marks of empty cells) is kept with it, so that new files are read in the same way.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from aae.data.cells import ColumnPlace, TextCells, decoded, is_text, number_text, typed_numbers, value_type
from aae.data.text_columns import Column, Style, UndecidedError, kind_of, text_column
from aae.system.errors import AAEError

__all__ = ["category_texts", "infer_column", "infer_columns", "plain_dates", "plain_numbers", "without_missing"]

# As Arrow reads it; a zone may also be written in other ways, which are read one by one.
ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?P<zone>Z|[-+]\d{2}:\d{2})?)?")
LOOK = 100  # cells
DAY_LENGTH = 10  # characters of a date without a time


def infer_column(name: str, column: Any, where: str, style: Style, wanted: str | None = None) -> Column:
    """What a column of an Arrow table holds.

    Args:
        name: Its name.
        column: Its cells.
        where: The file, for errors.
        style: How the file writes its cells.
        wanted: ``"number"``, ``"date"``, ``"category"`` or ``"text"``, if the user says what it is.

    Raises:
        AAEError: Cells that cannot be used, or that can be read in two ways.
    """
    from pyarrow import types

    place = ColumnPlace(where, name, style.row_name)
    if wanted in ("category", "text") or (wanted is None and types.is_dictionary(column.type)):
        return Column(name, category_texts(column, place, style), {})
    if not is_text(column):
        return _typed(name, column, place, style, wanted)
    numbers = plain_numbers(column, style)
    if numbers is not None and wanted != "date":
        numbers = without_missing(numbers, style)
        kind = kind_of(numbers)
        return Column(name, numbers, {"kind": kind}, mark="." if kind == "number" else None)
    dates = None if wanted == "number" else plain_dates(column, style)
    if dates is not None:
        return Column(name, dates[0], dates[1])
    return text_column(TextCells.of(column, style.missing, style.escaped), place, style, wanted)


def plain_numbers(column: Any, style: Style) -> np.ndarray | None:
    """Texts that are all numbers with at most a decimal point, as numbers; None if some are not, or are codes."""
    import pyarrow as pa
    from pyarrow import compute

    first = _first_text(column, style)
    if first is None or (not first.strip("+-.")[:1].isdigit() and first.lower() != "nan"):
        return None
    column, numbers = decoded(column), None
    if not style.missing:
        with suppress(pa.ArrowInvalid):  # most columns have no blanks
            numbers = column.cast(pa.float64())
    if numbers is None:
        column, blank = _trimmed(column, style)
        try:
            numbers = compute.if_else(blank, None, column).cast(pa.float64())
        except pa.ArrowInvalid:
            return None
    values = numbers.to_numpy(zero_copy_only=False)
    return None if _perhaps_otherwise(column, values, style) else values


def _perhaps_otherwise(texts: Any, values: np.ndarray, style: Style) -> bool:
    """Whether texts that are numbers may be codes, or have points that separate thousands."""
    from pyarrow import compute

    def any_match(pattern: str) -> bool:
        return bool(compute.any(compute.match_substring_regex(texts, pattern)).as_py())

    if style.decimal == "," and any_match("[.]"):
        return True
    known = values[~np.isnan(values)]
    if (known == np.round(known)).all() and any_match("^ *0[0-9]"):
        return True
    if not (np.abs(known) < 1000).all() or (np.abs(known * 1000 - np.round(known * 1000)) > 1e-6).any():
        return False
    other = "[.][0-9]{0,2} *$|[.][0-9]{4}|^ *[-+]?0?[.]"  # a point that can only be a decimal one
    return any_match("[.][0-9]{3} *$") and not any_match(other)


def plain_dates(column: Any, style: Style) -> tuple[np.ndarray, dict[str, Any]] | None:
    """Texts that are all dates in ISO's form, in seconds since 1970 (UTC), and their facts; None if some are not."""
    import pyarrow as pa
    from pyarrow import compute

    match = ISO.fullmatch(_first_text(column, style) or "")
    if match is None:
        return None
    trimmed, blank = _trimmed(column, style)
    cells = compute.if_else(blank, None, trimmed)
    try:
        moments = cells.cast(pa.timestamp("us", "UTC") if match["zone"] else pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    facts: dict[str, Any] = {"kind": "date", "clock": compute.max(compute.utf8_length(cells)).as_py() > DAY_LENGTH}
    if match["zone"]:
        if not compute.all(compute.ends_with(cells, match["zone"])).as_py():
            return None
        facts["zone"] = "UTC" if match["zone"] in ("Z", "+00:00", "-00:00") else match["zone"]
    return typed_numbers(moments, ""), facts


def _first_text(column: Any, style: Style) -> str | None:
    """The first of a column's first cells that is not empty, which tells most columns of other texts at once."""
    for text in decoded(column[:LOOK]).to_pylist():
        if text is not None and text.strip() and text.strip() not in style.missing:
            return str(text.strip())
    return None if len(column) <= LOOK else "0"


def _trimmed(column: Any, style: Style) -> tuple[Any, Any]:
    """The texts without blanks at their ends, and which of them are empty."""
    import pyarrow as pa
    from pyarrow import compute

    trimmed = compute.utf8_trim_whitespace(decoded(column).cast(pa.large_string()))
    return trimmed, compute.is_in(trimmed, pa.array(["", *style.missing], pa.large_string()))


def category_texts(column: Any, where: object, style: Style) -> np.ndarray:
    """Cells as names of categories ``(N,)``, None for empty ones; a number is named without its decimals if whole."""
    from pyarrow import types

    if is_text(column):
        cells = TextCells.of(column, style.missing, style.escaped)
        texts = [_category_name(text) for text in cells.distinct]
        if any(name is None for name in texts):
            return cells.texts()
        every = np.array([*texts, None], dtype=object)
        return every[cells.index]
    kind = value_type(column)
    if types.is_boolean(kind) or types.is_temporal(kind):
        return np.array([None if value is None else str(value) for value in decoded(column).to_pylist()], dtype=object)
    values = typed_numbers(column, where)
    distinct, index = np.unique(values, return_inverse=True)
    names = np.array([None if value != value else number_text(value) for value in distinct.tolist()], dtype=object)
    return names[index]


def _category_name(text: str) -> str | None:
    """A number's text as the name of a category, None if it is no number: 1 for 1.0, but 01 stays."""
    whole, point, rest = text.partition(".")
    if not whole.lstrip("-").isdigit() or (point and not rest.isdigit()):
        return None
    return whole if point and not rest.strip("0") else text


def without_missing(values: np.ndarray, style: Style) -> np.ndarray:
    """Numbers with NaN in place of those that the user names as marks of empty cells, however they are written."""
    marks = style.missing_numbers
    return np.where(np.isin(values, list(marks)), np.nan, values) if marks else values


def _typed(name: str, column: Any, place: ColumnPlace, style: Style, wanted: str | None) -> Column:
    from pyarrow import types

    kind, values = value_type(column), typed_numbers(column, place)
    dates = types.is_date(kind) or types.is_timestamp(kind)
    if wanted is not None and not types.is_null(kind) and (wanted == "date") != dates:
        raise AAEError(f"{place} holds {kind} and cannot be read as {wanted}s; leave it to be read as it is.")
    if types.is_boolean(kind) and wanted is None:
        return Column(name, values, {"kind": "boolean", "texts": ["false", "true"]})
    if types.is_time(kind):
        return Column(name, values, {"kind": "time"})
    if types.is_date(kind):
        return Column(name, values, {"kind": "date", "clock": False})
    if types.is_timestamp(kind):
        facts: dict[str, Any] = {"kind": "date", "clock": _has_clock(values)}
        return Column(name, values, facts | ({"zone": kind.tz} if kind.tz else {}))
    values = without_missing(values, style)
    return Column(name, values, {"kind": kind_of(values)})


def _has_clock(seconds: np.ndarray) -> bool:
    return bool((seconds[~np.isnan(seconds)] % 86400 != 0).any())


def infer_columns(
    columns: Mapping[str, Any], where: str, style: Style, kinds: Mapping[str, str] | None = None,
    failed: dict[str, AAEError] | None = None,
) -> list[Column]:  # fmt: skip
    """What the columns of an Arrow table hold; one that can be read in two ways is read as the others are.

    Args:
        columns: The cells by name.
        where: The file, for errors.
        style: How the file writes its cells; its decimal mark is used where nothing tells it.
        kinds: What some columns are, by name, as the user says.
        failed: Takes the errors of columns that cannot be read, by name; if None, the first is raised.

    Raises:
        AAEError: Cells that cannot be used, or that can be read in two ways.
    """
    kinds = kinds or {}
    found: dict[str, Column | None] = {}
    first = style if style.chosen else replace(style, decimal=None)
    for name, column in columns.items():
        try:
            found[name] = infer_column(name, column, where, first, kinds.get(name))
        except UndecidedError:
            found[name] = None
        except AAEError as error:
            if failed is None:
                raise
            failed[name] = error
    marks = {column.mark for column in found.values() if column is not None} - {None}
    decided = replace(style, decimal=next(iter(marks)) if len(marks) == 1 else None if marks else style.decimal,
                      certain=len(marks) == 1, decided=True)  # fmt: skip
    for name in [name for name, column in found.items() if column is None]:
        try:
            found[name] = infer_column(name, columns[name], where, decided, kinds.get(name))
        except AAEError as error:
            if failed is None:
                raise
            failed[name] = error
    return [column for column in found.values() if column is not None]
