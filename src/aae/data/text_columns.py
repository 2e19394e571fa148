"""Columns of texts: what most of the different texts are, and what is said or refused about the others."""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from aae.data.cells import ColumnPlace, TextCells, shown
from aae.data.date_texts import ORDERS, read_time_texts
from aae.data.number_texts import Numbers, is_code, is_number
from aae.model.unseen import UNFITTED, row_name
from aae.system.errors import AAEError

__all__ = ["Column", "Style", "UndecidedError", "kind_flag", "kind_of", "resolve_numbers", "text_column"]

NEARLY = 0.95  # share of the cells above which others among numbers or dates are taken for mistakes
MANY = 10  # different numbers or dates above which such a column cannot be one of categories
LEAST_SPREAD = 0.02  # scales that numbers such as a model was trained on spread at least
NEAR = 5.0  # scales from the mean within which numbers are such as a model was trained on
TOTALS = frozenset({"total", "totals", "sum", "subtotal", "grand total", "summe", "gesamt", "mean", "average", "avg",
                    "mittelwert", "count", "total:", "sum:", "summe:"})  # fmt: skip
DATE_LIKE = re.compile(r"(?:19|20)\d{2}\D{0,3}\d{1,3}|\d{1,2}\D{1,5}(?:19|20)\d{2}")
MISSING = 3  # texts that a message marks as empty cells
MAX_CODES = 100  # different whole numbers with leading zeros that are taken for names of categories


@dataclass(frozen=True)
class Style:
    """How a file writes its cells.

    Args:
        decimal: Decimal mark of numbers that could be read with either; None if nothing tells it.
        missing: Texts that stand for an empty cell.
        escaped: Whether an apostrophe may keep a spreadsheet from computing a text.
        chosen: Whether the user gave the decimal mark.
        certain: Whether other columns of the file show it.
        decided: Whether everything that may tell the decimal mark has been seen.
        row_name: What a row is called in messages: the line of a CSV file.
    """

    decimal: str | None = None
    missing: Sequence[str] = ()
    escaped: bool = False
    chosen: bool = False
    certain: bool = False
    decided: bool = False
    row_name: Callable[[int], str] = row_name

    @property
    def missing_numbers(self) -> set[float]:
        """Those of the marks of empty cells that are numbers."""
        return {float(text) for text in self.missing if is_number(text)}


class UndecidedError(AAEError):
    """Numbers that could be read with a decimal point or a comma."""


@dataclass
class Column:
    """One column as it was understood.

    ``cells`` are numbers (float64, NaN where empty) or texts (object, None where empty); ``facts`` is what a `Table`
    keeps of it; ``marks`` are texts read as empty cells, with their counts; ``written`` shows how a number was read;
    ``mark`` is the decimal mark, if only one is possible; ``guessed`` says whether the numbers could be read otherwise;
    ``odd`` says which cells keep texts from being numbers or dates.
    """

    name: str
    cells: np.ndarray
    facts: dict[str, Any]
    marks: dict[str, int] = field(default_factory=dict)
    written: str = ""
    mark: str | None = None
    guessed: bool = False
    odd: str = ""

    @property
    def is_category(self) -> bool:
        """Whether its cells are texts."""
        return bool(self.cells.dtype == object)


def kind_of(values: np.ndarray) -> str:
    """Whether numbers are whole."""
    known = values[~np.isnan(values)]
    return "whole" if len(known) and bool((known == np.round(known)).all()) else "number"


def text_column(cells: TextCells, place: ColumnPlace, style: Style, wanted: str | None = None) -> Column:
    """A column of texts by what most of them are.

    Args:
        cells: The texts.
        place: The column.
        style: How the file writes its cells.
        wanted: ``"number"`` or ``"date"``, if the user says that the column is one of these.

    Raises:
        AAEError: Cells that cannot be used, or that can be read in two ways.
    """
    name, real = place.name, ~cells.blank
    if not real.any():  # nothing but marks of empty cells
        return Column(name, np.full(len(cells.index), np.nan), {"kind": "number"}, cells.marks())
    numbers, texts = cells.numbers, np.array([text.casefold() for text in cells.distinct], dtype=object)
    if wanted is not None:
        found = numbers.found if wanted == "number" else cells.dates.found
        if not found[real].all():
            flag = missing_flag(cells.distinct[k] for k in np.flatnonzero(real & ~found))
            advice = f"correct it, or name it with {flag} if it stands for an empty cell"
            raise cells.refusal(real & ~found, real & found, place, wanted, advice)
        if wanted == "date":
            return _of_dates(cells, place)
    if numbers.found[real].all():
        if wanted is None and any(map(is_code, cells.distinct)) and numbers.found.sum() <= MAX_CODES and all(
            text.isdigit() for text, there in zip(cells.distinct, real, strict=True) if there
        ):  # fmt: skip
            return Column(name, cells.texts(), {})
        if numbers.unit() is not None:
            values, facts, written = resolve_numbers(cells, place, style)
            numbers_of_cells = cells.spread(values)
            facts = {"kind": kind_of(numbers_of_cells)} | facts
            return Column(name, numbers_of_cells, facts, cells.marks(), written, numbers.evidence(), numbers.ambiguous)
        _refuse_odd_units(cells, numbers, place)
        _refuse_units(cells, numbers, place, wanted is not None)
    if all(text in ("true", "false") for text in texts[real]):
        values = np.where(real, (texts == "true").astype(float), np.nan)
        return Column(name, cells.spread(values), {"kind": "boolean", "texts": _truth_texts(cells)}, cells.marks())
    dates = cells.dates
    if dates.found[real].all():
        return _of_dates(cells, place)
    times = read_time_texts(cells.distinct)
    if not np.isnan(times[real]).any():
        return Column(name, cells.spread(times), {"kind": "time"}, cells.marks())
    for what, found in (("number", numbers.found), ("date", dates.found), ("time", ~np.isnan(times))):
        _refuse_nearly(cells, found & real, real, what, place)
    odd = _odd(cells, numbers.found & real, dates.found & real, real, place)
    return Column(name, cells.texts(), {}, written=_mixed(cells, numbers.found), odd=odd)


def resolve_numbers(
    cells: TextCells, place: ColumnPlace, style: Style, known: Mapping[str, Any] | None = None
) -> tuple[np.ndarray, dict[str, Any], str]:
    """Values of the different texts, all of them numbers; what a table keeps; and an example of how they are read.

    ``known`` is what a model's table keeps of the column: its numbers tell which of two readings is meant.

    Raises:
        AAEError: They could be read with a decimal point or a comma, and nothing tells which; or some have the one and
            some the other.
    """
    numbers = cells.numbers
    point, comma = numbers.readings()
    if style.chosen and not (point if style.decimal == "." else comma):
        wrong = np.isnan(numbers.point if style.decimal == "." else numbers.comma) & numbers.found
        raise cells.refusal(wrong, ~wrong & numbers.found, place, f"number with the decimal mark {style.decimal!r}",
                            "correct it, or change --decimal")  # fmt: skip
    if not point and not comma:
        one, other = (_first(cells, np.isnan(values) & numbers.found, place)
                      for values in (numbers.comma, numbers.point))  # fmt: skip
        raise AAEError(f"{place} holds numbers with a decimal point ({one}) and with a decimal comma ({other}); write "
                       "all of them in one way.")  # fmt: skip
    if numbers.ambiguous:
        if not style.decided and style.decimal is None:
            raise UndecidedError(f"{place} can be read in two ways.")
        mark = _likely_mark(cells, style, known or {})
        if mark is None:
            k = int(np.flatnonzero(numbers.point != numbers.comma)[0])
            raise AAEError(
                f"{place.cell(cells.row(k))}: {shown(cells.distinct[k])} may be {numbers.comma[k]:g} or "
                f"{numbers.point[k]:g}; say which with --decimal , or --decimal ."
            )
    else:
        mark = "." if point else ","
    values = numbers.point if mark == "." else numbers.comma
    facts = ({"decimal": ","} if mark == "," else {}) | ({"unit": numbers.unit()} if numbers.unit() else {})
    marked = [k for k in np.flatnonzero(numbers.found)
              if not _is_plain(cells.distinct[k]) or values[k] != float(cells.distinct[k])]  # fmt: skip
    best = max(marked, key=lambda k: len(cells.distinct[k]), default=0)  # one with digits after the mark
    written = f"{shown(cells.distinct[best])} as {values[best]:.10g}" if marked else ""
    return np.where(numbers.found, values, np.nan), facts, written


def _likely_mark(cells: TextCells, style: Style, known: Mapping[str, Any]) -> str | None:
    """The decimal mark of numbers that can be read with either, as 35.650; None if nothing tells it.

    The file's other columns tell it first, then a delimiter that goes with this very mark, the numbers of a model, and
    numbers of the column that have no mark. A semicolon alone does not make thousands of a column with points.
    """
    numbers = cells.numbers
    if style.certain or style.chosen or style.decimal == ".":
        return style.decimal
    dotted = any("." in cells.distinct[k] for k in np.flatnonzero(numbers.found))
    if style.decimal == "," and not dotted:
        return ","
    readings = {".": numbers.point, ",": numbers.comma}
    fitting = [mark for mark, values in readings.items() if known and is_near(values[numbers.found], known)]
    if len(fitting) == 1:
        return fitting[0]
    if dotted:
        usual = "." if style.decimal is None and "decimal" not in known else None
    else:
        usual = str(known["decimal"]) if "decimal" in known else None
    return numbers.grouping() or usual


def is_near(values: np.ndarray, known: Mapping[str, Any]) -> bool:
    """Whether different numbers lie and spread as those of a model's training; True if it is not fitted yet."""
    if "scale" not in known or (known["mean"], known["scale"]) == UNFITTED:
        return True
    narrow = len(values) >= MANY and np.std(values) < LEAST_SPREAD * known["scale"]
    return not narrow and bool(np.median(np.abs(values - known["mean"])) <= NEAR * known["scale"])


def _is_plain(text: str) -> bool:
    if is_code(text):
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def _truth_texts(cells: TextCells) -> list[str]:
    """How false and true are written in most cells."""
    best = {"false": "false", "true": "true"}
    for k in np.argsort(cells.counts):
        best[cells.distinct[k].casefold()] = cells.distinct[k]
    if cells.distinct and not {"false", "true"} <= {text.casefold() for text in cells.distinct}:
        only = next(text for text in cells.distinct if text.casefold() in best)
        change = str.upper if only.isupper() else str.title if only[0].isupper() else str.lower
        best = {key: change(key) for key in best} | {only.casefold(): only}
    return [best["false"], best["true"]]


def _of_dates(cells: TextCells, place: ColumnPlace) -> Column:
    dates = cells.dates
    orders = dates.orders()
    values = [dates.seconds[order] for order in orders]
    if not orders and not np.isnan(dates.seconds["ymd"]).all():
        iso = ~np.isnan(dates.seconds["ymd"])
        forms = "; ".join(_first(cells, some, place) for some in (iso, dates.found & ~iso))
        raise AAEError(f"{place} holds dates in two forms ({forms}); write all of them as year-month-day.")
    if not orders or any(not np.array_equal(values[0], other, equal_nan=True) for other in values[1:]):
        raise AAEError(_undecided_dates(cells, orders, place))
    zones = {zone for zone, found in zip(dates.zones, dates.found, strict=True) if found}
    if "" in zones and len(zones) > 1:
        raise AAEError(f"{place} holds dates with a time zone and dates without one; write all of them in one way.")
    facts: dict[str, Any] = {"kind": "date", "clock": bool(dates.clock.any())}
    zone = next(iter(zones)) if len(zones) == 1 else "UTC"
    facts |= ({"zone": zone} if zone else {}) | ({} if dates.iso else {"order": orders[0]})
    written = ""
    if not dates.iso:
        decided = np.add.reduce([~np.isnan(dates.seconds[order]) for order in ORDERS]) == 1
        told = dates.found & decided if (dates.found & decided).any() else dates.found
        k = int(np.argmin(np.where(told, values[0], np.inf)))  # the oldest: it shows the century
        written = f"{shown(cells.distinct[k])} as {np.datetime64(int(values[0][k] // 86400), 'D')}"
    return Column(place.name, cells.spread(values[0]), facts, cells.marks(), written)


def _first(cells: TextCells, chosen: np.ndarray, place: ColumnPlace) -> str:
    """The first of the chosen texts, with its row."""
    k = int(np.flatnonzero(chosen)[0])
    return f"{shown(cells.distinct[k])} in {place.row_name(cells.row(k))}"


def _undecided_dates(cells: TextCells, orders: Sequence[str], place: ColumnPlace) -> str:
    """The sentence on dates that can be read in several orders of day and month, or in none."""
    dates, advice = cells.dates, "write them as year-month-day."
    if orders:
        some = _first(cells, dates.found, place)
        return f"{place} holds dates such as {some}, in which day and month cannot be distinguished; {advice}"
    known = {order: ~np.isnan(seconds) for order, seconds in dates.seconds.items()}
    usual = max(known, key=lambda order: int(cells.counts[known[order]].sum()))
    day = {"dmy": "day", "mdy": "month"}.get(usual, "year")
    return (f"{place} holds dates with the {day} first ({_first(cells, known[usual], place)}) and others "
            f"({_first(cells, dates.found & ~known[usual], place)}); {advice}")  # fmt: skip


def _refuse_odd_units(cells: TextCells, numbers: Numbers, place: ColumnPlace) -> None:
    """Refuse a few other units where almost all numbers have one, or none: ``4O`` is a typing error, no unit O."""
    units = np.array(numbers.units, dtype=object)
    usual = max(sorted(set(units[numbers.found])), key=lambda unit: cells.counts[numbers.found & (units == unit)].sum())
    what = f"{shown(usual)} value" if usual else "plain number"
    _refuse_nearly(cells, numbers.found & (units == usual), numbers.found, what, place)


def _refuse_units(cells: TextCells, numbers: Numbers, place: ColumnPlace, named: bool) -> None:
    """Refuse numbers in several usual units, which cannot be compared; in any units, if the user ``named`` the kind."""
    units = numbers.known_units()
    if named or (units and len(cells.distinct) > 5 * len(units)):
        units = units or sorted({numbers.units[k] for k in np.flatnonzero(numbers.found)})
        kinds = np.array(numbers.units, dtype=object)
        some = ", ".join(f"{_first(cells, numbers.found & (kinds == unit), place)}" for unit in units[:4])
        raise AAEError(f"{place} holds numbers in different units ({some}); write all of them in one unit"
                       f"{'' if named else f', or read them as categories with {kind_flag(place.name)}'}.")  # fmt: skip


def _refuse_nearly(cells: TextCells, found: np.ndarray, real: np.ndarray, what: str, place: ColumnPlace) -> None:
    """Refuse a column in which almost all texts are numbers, dates or times, and a few are not."""
    wrong = real & ~found
    if not wrong.any() or found.sum() <= MANY:
        return
    if cells.counts[found].sum() < NEARLY * cells.counts[real].sum():
        return
    odd = np.flatnonzero(wrong).tolist()
    sums = [cells.distinct[k].casefold() in TOTALS for k in odd]
    names = [cells.distinct[k].casefold() == place.name.casefold() or cells.row(k) == 0 for k in odd]
    missing = f"name it with {missing_flag(cells.distinct[k] for k in odd)} if it stands for an empty cell"
    if all(total or repeated for total, repeated in zip(sums, names, strict=True)):
        row = "delete the row, which sums up others" if any(sums) else (
            "delete the row, if it repeats the names or gives the units")  # fmt: skip
        raise cells.refusal(wrong, found & real, place, what, f"{row}, or {missing}")
    advice = f"correct it, {missing}, or read the column as categories with {kind_flag(place.name)}"
    raise cells.refusal(wrong, found & real, place, what, advice)


def missing_flag(texts: Iterable[str]) -> str:
    """The option that marks texts as empty cells; with its value where a comma in a text has to be quoted."""
    some = list(islice(texts, MISSING))
    if not any("," in text or '"' in text for text in some):
        return "--missing"
    quoted = ['"' + text.replace('"', '""') + '"' for text in some]
    return f"--missing {shlex.quote(','.join(quoted))}"


def kind_flag(name: str, kind: str = "category") -> str:
    """The option that says what a column is, as a shell takes it."""
    return f"--kind {shlex.quote(f'{name}={kind}')}"


def _odd(
    cells: TextCells, numbers: np.ndarray, dates: np.ndarray, real: np.ndarray, place: ColumnPlace
) -> str:
    """What keeps texts from being numbers or dates, if half of the cells or more are; else an empty text."""
    count = int(cells.counts[real].sum())
    for what, found in (("numbers", numbers), ("dates", dates)):
        wrong = real & ~found
        if 2 * cells.counts[found].sum() >= count and wrong.any():
            others = int(cells.counts[wrong].sum())
            return f"{others:,} of {count:,} cells are not {what}, such as {_first(cells, wrong, place)}"
    units = sorted({cells.numbers.units[k] for k in np.flatnonzero(numbers)})
    if numbers[real].all() and len(units) > 1:
        return f"its numbers have different units ({', '.join(map(shown, units[:4]))})"
    like = sum(DATE_LIKE.search(text) is not None for text in cells.distinct)
    return "its dates are in a form that is not read; write them as year-month-day" if 2 * like > len(real) else ""


def _mixed(cells: TextCells, found: np.ndarray) -> str:
    """A category column in which half of the texts or more are numbers: such a text and another."""
    if 2 * found.sum() < len(cells.distinct):
        return ""
    places = [int(np.flatnonzero(chosen)[0]) for chosen in (found, ~found) if chosen.any()]
    return " and ".join(shown(cells.distinct[k]) for k in places)
