"""Reads the columns of a file as a model's table knows them, whatever the format of the file."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from aae.data.cells import ColumnPlace, TextCells, is_text, shown, typed_numbers, value_type
from aae.data.columns import category_texts, plain_dates, plain_numbers, without_missing
from aae.data.date_texts import read_time_texts
from aae.data.labels import class_key
from aae.data.text_columns import Style, UndecidedError, resolve_numbers
from aae.model.table import Table, check_known_columns
from aae.model.unseen import UnseenValues
from aae.system.errors import AAEError

__all__ = ["column_names", "rows_of", "unused_note"]

LISTED = 10  # names that a note lists


def rows_of(
    table: Table, columns: Mapping[str, Any], where: str, style: Style, unseen: UnseenValues | None, dtype: Any = None
) -> np.ndarray:
    """Rows ``(N, columns)`` of a model's table from the columns of an Arrow table; other columns are ignored.

    Args:
        table: What the model knows.
        columns: The cells by name.
        where: The file, for errors.
        style: How the file writes its cells.
        unseen: Collects values of categories that the model does not know; if None, they are refused.
        dtype: Type of the rows; that of the table if not given.

    Raises:
        AAEError: A column is missing, or its cells are of another kind.
    """
    found = column_names(table, list(columns), where)
    specs = {str(spec["name"]): spec for spec in table.columns}
    cells: dict[str, np.ndarray] = {}
    marks: set[str] = set()  # decimal marks of the columns in which only one is possible
    first = style if style.chosen else replace(style, decimal=None)
    for name, spec in specs.items():
        with suppress(UndecidedError):
            place = ColumnPlace(where, name, style.row_name)
            cells[name] = _cells(spec, columns[found[name]], place, first, marks, unseen)
    for name in specs.keys() - cells.keys():
        mark = next(iter(marks)) if len(marks) == 1 else style.decimal
        decided = replace(style, decimal=mark, certain=len(marks) == 1, decided=True)
        place = ColumnPlace(where, name, style.row_name)
        cells[name] = _cells(specs[name], columns[found[name]], place, decided, marks, unseen)
    return table.read(cells, where, unseen, dtype)


def column_names(table: Table, present: list[str], where: str) -> dict[str, str]:
    """The file's name for each of a table's columns; blanks at the ends do not count.

    Raises:
        AAEError: A column is missing.
    """
    trimmed = {name.strip(): name for name in reversed(present)} | {name: name for name in present}
    names = {str(name): trimmed.get(str(name)) or trimmed.get(str(name).strip()) for name in table.names}
    check_known_columns([name for name, found in names.items() if found is None], present, where)
    return {name: found for name, found in names.items() if found is not None}


def unused_note(table: Table, present: list[str], where: str) -> list[str]:
    """A sentence that names the columns of a file that a model does not take."""
    used = set(column_names(table, present, where).values())
    rest = [name for name in present if name not in used]
    if not rest:
        return []
    some = ", ".join(map(shown, rest[:LISTED])) + (f" and {len(rest) - LISTED} more" if len(rest) > LISTED else "")
    them = "it" if len(rest) == 1 else "them"
    return [f"{where}: ignored {some}: the model was not trained on {them}."]


def _cells(
    spec: Mapping[str, Any], column: Any, where: ColumnPlace, style: Style, marks: set[str], said: UnseenValues | None
) -> np.ndarray:
    """The cells of one column: numbers, or texts of a category."""
    kind = "category" if "values" in spec else spec.get("kind")
    if kind == "category":
        return _known_texts(category_texts(column, where, style), spec["values"])
    if is_text(column):
        return _from_texts(spec, kind, column, where, style, marks, said)
    from pyarrow import types

    found = value_type(column)
    temporal = types.is_date(found) or types.is_timestamp(found)
    wanted = {"date": temporal, "time": types.is_time(found)}.get(str(kind), not (temporal or types.is_time(found)))
    if not (wanted or kind is None or types.is_null(found)):
        what = {"date": "dates", "time": "times of the day"}.get(str(kind), "numbers")
        raise AAEError(f"{where} holds {found}, but the model takes {what} there.")
    values = typed_numbers(column, where, raw_times=kind is None)
    if said is not None and "unit" in spec:
        said.units[str(spec["name"])] = spec["unit"]
    return values if kind in ("date", "time") else without_missing(values, style)


def _known_texts(texts: np.ndarray, known: list[str]) -> np.ndarray:
    """Texts as the model knows them: 1, 1.0 and True are those of 1, 1 and true; others stay."""
    same = {value: value for value in known}
    for value in reversed(known):
        same.setdefault(value.strip(), value)
        same.setdefault(class_key(value), value)
    distinct = {text for text in texts if text is not None}
    found: dict[str | None, str | None] = {text: same.get(text) or same.get(class_key(text), text) for text in distinct}
    found[None] = None
    return np.array([found[text] for text in texts.tolist()], dtype=object)


def _from_texts(
    spec: Mapping[str, Any], kind: str | None, column: Any, where: ColumnPlace, style: Style, marks: set[str],
    said: UnseenValues | None,
) -> np.ndarray:  # fmt: skip
    if kind in (None, "number", "whole"):
        numbers = plain_numbers(column, style)
        if numbers is not None and not ("unit" in spec and len(numbers)):
            marks |= {"."} if (numbers != np.round(numbers))[~np.isnan(numbers)].any() else set()
            return without_missing(numbers, style)
    if kind == "date":
        dates = plain_dates(column, style)
        if dates is not None:
            return dates[0]
    cells = TextCells.of(column, style.missing, style.escaped)
    if kind in (None, "number", "whole"):
        return _numbers(spec, kind, cells, where, style, marks, said)
    real = ~cells.blank
    if kind == "boolean":
        truth = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
        values = np.array([truth.get(text.casefold(), np.nan) for text in cells.distinct])
        what = "truth value"
    elif kind == "time":
        values, what = read_time_texts(cells.distinct), "time of the day"
    else:
        read, order = cells.dates, spec.get("order", "ymd")
        # ISO's order is never mistaken for another; a file saved by another program may have it instead.
        values = np.where(np.isnan(read.seconds[order]), read.seconds["ymd"], read.seconds[order])
        what = "date" if order == "ymd" else "date with " + {"d": "day", "m": "month"}[order[0]] + " first"
        what += _only_order(values, real, read.orders(), order)
    _refuse(cells, np.isnan(values) & real, where, what)
    return cells.spread(values)


def _only_order(values: np.ndarray, real: np.ndarray, orders: list[str], order: str) -> str:
    wrong = (np.isnan(values) & real).any() and orders and order not in orders
    return " as year-month-day" if wrong else ""


def _numbers(
    spec: Mapping[str, Any], kind: str | None, cells: TextCells, where: ColumnPlace, style: Style, marks: set[str],
    said: UnseenValues | None,
) -> np.ndarray:  # fmt: skip
    numbers, real = cells.numbers, ~cells.blank
    if kind is None and not numbers.found.all() and cells.dates.found[real].all() and real.any():
        return cells.spread(cells.dates.seconds["ymd"])  # models of older versions read dates as numbers
    found = numbers.found
    if kind is None:  # and truth values
        truth = np.array([{"true": 1.0, "false": 0.0}.get(text.casefold(), np.nan) for text in cells.distinct])
        if not np.isnan(truth[real]).any() and real.any():
            return cells.spread(truth)
    _refuse(cells, real & ~found, where, "number")
    unit, known = numbers.unit(), spec.get("unit", "")
    if unit == "" and known:  # as our own samples are written
        if said is not None:
            said.units[str(spec["name"])] = known
    elif found.any() and unit != known:
        k = next(k for k in np.flatnonzero(found) if numbers.units[k] != known)
        raise AAEError(f"{where.cell(cells.row(int(k)))}: {shown(cells.distinct[k])}, but the model takes numbers "
                       f"{'in ' + known if known else 'without a unit'} there; write it so.")  # fmt: skip
    values, facts, written = resolve_numbers(cells, where, style, spec)
    mark = numbers.evidence()
    if said is not None and written and (numbers.ambiguous or facts.get("decimal") != spec.get("decimal")):
        said.readings.setdefault(str(spec["name"]), written)
    marks |= {mark} if mark else set()
    return cells.spread(values)


def _refuse(cells: TextCells, wrong: np.ndarray, where: ColumnPlace, what: str) -> None:
    if wrong.any():
        raise cells.refusal(wrong, ~wrong & ~cells.blank, where, what,
                            "the model accepts nothing else there: correct it, or leave the cell empty")  # fmt: skip
