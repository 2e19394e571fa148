"""Texts as numbers: decimal commas, thousands separators, units, currencies, and marks of empty cells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["BLANK_MARKS", "MARKS", "Numbers", "is_code", "is_number", "read_number_texts"]

# Texts that stand for an empty cell in a column of numbers, in small letters.
BLANK_MARKS = frozenset({"", "na", "n/a", "nan", "null", "none", "nil", "<na>", "nat", "#n/a", "#na"})
MARKS = BLANK_MARKS | {
    "?", "-", "--", "---", ".", "..", "*", "\N{EN DASH}", "\N{EM DASH}", "n.a.", "n.a", "k.a.", "k. a.", "missing",
    "#null!", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "-nan", "+nan", "nan()", "-1.#ind", "1.#qnan",
}  # fmt: skip
UNITS = frozenset({
    "g", "mg", "kg", "t", "lb", "lbs", "oz", "nm", "mm", "cm", "dm", "m", "km", "in", "ft", "mi", "ml", "cl",
    "dl", "l", "s", "sec", "ms", "min", "h", "hr", "hrs", "d", "v", "mv", "a", "ma", "w", "kw", "kwh", "j",
    "kj", "cal", "kcal", "pa", "kpa", "hpa", "bar", "hz", "khz", "mhz", "ghz", "k", "c", "f", "°c", "°f", "%",
    "‰", "€", "$", "£", "¥", "yr", "yrs", "years", "eur", "usd", "gbp", "chf",
})  # fmt: skip
CURRENCIES = frozenset({
    "eur", "usd", "gbp", "chf", "jpy", "cny", "inr", "sek", "nok", "dkk", "pln", "czk", "huf", "try", "brl",
    "cad", "aud", "nzd", "zar", "us",
})  # fmt: skip
GAPS = r"['\N{RIGHT SINGLE QUOTATION MARK} \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}]"
_POINT = re.compile(rf"(?:\d+|[1-9]\d{{0,2}}(?:,\d{{3}})+|[1-9]\d{{0,2}}(?:{GAPS}\d{{3}})+)?(?:\.\d*)?")
_COMMA = re.compile(rf"(?:\d+|[1-9]\d{{0,2}}(?:\.\d{{3}})+|[1-9]\d{{0,2}}(?:{GAPS}\d{{3}})+)?(?:,\d*)?")
_GAP = re.compile(GAPS)
# A bracket or sign, a currency, digits with their separators, an exponent, and a unit.
_SHAPE = re.compile(
    rf"(?P<open>\()?(?P<sign>[-+\N{{MINUS SIGN}}])?\s*(?P<head>[^\W\d_]{{1,3}}|[€$£¥₹₽¢])?\s*"
    rf"(?P<sign2>[-+\N{{MINUS SIGN}}])?(?P<body>(?:\d|[.,]\d)(?:{GAPS}?[\d.,])*)(?P<power>[eE][-+]?\d+)?"
    rf"(?P<gap>\s*)(?P<tail>[^\W\d_][^\W\d_]{{0,5}}[²³]?(?:/[^\W\d_]{{1,3}}[²³]?)?|[%‰°€$£¥₹₽¢][CFcf]?)?"
    rf"(?P<minus>-)?(?P<close>\))?"
)
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass
class Numbers:
    """Texts read as numbers, ``(N,)`` each, NaN where a text is none.

    ``point`` reads them with a decimal point, ``comma`` with a decimal comma. ``units`` are what stands before or
    after the number. ``empty`` says which texts mark an empty cell.
    """

    point: np.ndarray
    comma: np.ndarray
    units: list[str]
    empty: np.ndarray
    spaced: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def found(self) -> np.ndarray:
        """Which texts are numbers in one reading or the other."""
        return ~(np.isnan(self.point) & np.isnan(self.comma))

    def readings(self) -> tuple[bool, bool]:
        """Whether all numbers can be read with a point, and whether with a comma."""
        return not np.isnan(self.point[self.found]).any(), not np.isnan(self.comma[self.found]).any()

    @property
    def ambiguous(self) -> bool:
        """Whether both readings are possible and differ."""
        return all(self.readings()) and bool((self.point[self.found] != self.comma[self.found]).any())

    def evidence(self) -> str | None:
        """The decimal mark, if only one is possible; None if both are, or neither."""
        point, comma = self.readings()
        return None if point == comma else "." if point else ","

    def grouping(self) -> str | None:
        """The decimal mark of ambiguous numbers by those without a mark beside them; None if these do not tell it.

        Among numbers of three digits after each mark, 1234 is not written in thousands, and 35 is not written with
        three decimals.
        """
        same = self.found & (self.point == self.comma)
        plain, marked = np.abs(self.point[same]), self.found & ~same
        if not self.ambiguous or not plain.any():
            return None
        small = (np.abs(self.point) < np.abs(self.comma))[marked].all()  # the mark is a point
        return "." if small == bool((plain >= 1000).any()) else ","

    def unit(self) -> str | None:
        """The unit of all numbers, ``""`` for none; None if they differ."""
        units = {self.units[k] for k in np.flatnonzero(self.found)}
        return next(iter(units)) if len(units) == 1 else "" if not units else None

    def known_units(self) -> list[str]:
        """The units, if they differ and all are usual ones."""
        units = sorted({self.units[k] for k in np.flatnonzero(self.found)})
        return units if len(units) > 1 and all(unit.lower() in UNITS or not unit for unit in units) else []


def read_number_texts(texts: Sequence[str]) -> Numbers:
    """Read texts without blanks at their ends as numbers, in both readings of point and comma."""
    point, comma = np.full(len(texts), np.nan), np.full(len(texts), np.nan)
    units, empty = [""] * len(texts), np.zeros(len(texts), dtype=bool)
    for k, text in enumerate(texts):
        if text.casefold() in MARKS:
            empty[k] = True
            continue
        shape = _SHAPE.fullmatch(text)
        if shape is None or bool(shape["open"]) != bool(shape["close"]):
            continue
        signs = [sign for sign in (shape["sign"], shape["sign2"], shape["minus"]) if sign]
        head, tail = shape["head"] or "", shape["tail"] or ""
        if len(signs) + bool(shape["open"]) > 1 or (head and tail):
            continue
        if _LETTERS.fullmatch(head) and head.lower() not in CURRENCIES:  # A1 and B2 are codes, not numbers of A and B
            continue
        factor = -1.0 if shape["open"] or (signs and signs[0] != "+") else 1.0
        body, power = _GAP.sub(" ", shape["body"]), shape["power"] or ""
        if _POINT.fullmatch(shape["body"]):
            point[k] = factor * float(body.replace(",", "").replace(" ", "") + power)
        if _COMMA.fullmatch(shape["body"]):
            comma[k] = factor * float(body.replace(".", "").replace(" ", "").replace(",", ".") + power)
        units[k] = head or tail
    return Numbers(point, comma, units, empty)


def is_number(text: str) -> bool:
    """Whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_code(text: str) -> bool:
    """Whether digits begin with a zero, as those of codes do: 01, 0049."""
    return len(text) > 1 and text[0] == "0" and text.isascii() and text.isdigit()
