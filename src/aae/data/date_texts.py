"""Texts as dates and times: ISO's own form, and others where the order of day, month and year can be told."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["ORDERS", "Dates", "read_date_texts", "read_time_texts"]

ORDERS = ("ymd", "dmy", "mdy")
PIVOT = 69  # years of two digits: 69 to 99 are in the last century
SOON = 3653  # days from today that dates with years of two digits may be ahead
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_MONTHS = {name: k + 1 for k, names in enumerate((
    ("jan", "january"), ("feb", "february"), ("mar", "march"), ("apr", "april"), ("may",), ("jun", "june"),
    ("jul", "july"), ("aug", "august"), ("sep", "sept", "september"), ("oct", "october"), ("nov", "november"),
    ("dec", "december"),
)) for name in names}  # fmt: skip
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<fraction>[.,]\d{1,9})?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_ZONE = r"\s*(?P<zone>[Zz]|UTC|GMT|[-+]\d{2}:?\d{2}|[-+]\d{2})"
_DAY = re.compile(
    r"(?:(?P<a>\d{1,4})(?P<mark>[-/.])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,4})"
    r"|(?P<day>\d{1,2})(?:\.|st|nd|rd|th)?[- /]?(?P<month>[A-Za-z]{3,9})\.?,?[- /]?(?P<year>\d{4}|\d{2})"
    r"|(?P<month2>[A-Za-z]{3,9})\.?\s+(?P<day2>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<year2>\d{4}))"
    rf"(?:(?:[Tt]|,?\s+){_CLOCK}(?:{_ZONE})?)?"
)
_TIME = re.compile(_CLOCK)


@dataclass
class Dates:
    """Texts read as dates, in seconds since 1970 (UTC), ``(N,)`` for each of `ORDERS`; NaN where a text is none.

    ``zones`` holds the zone of each text, ``""`` if it names none; ``clock`` whether it has a time of the day.
    """

    seconds: dict[str, np.ndarray]
    zones: list[str]
    clock: np.ndarray
    iso: bool  # whether all are in ISO's form

    @property
    def found(self) -> np.ndarray:
        """Which texts are dates in some order."""
        return ~np.logical_and.reduce([np.isnan(values) for values in self.seconds.values()])

    def orders(self) -> list[str]:
        """The orders in which all dates can be read."""
        found = self.found
        return [order for order, values in self.seconds.items() if not np.isnan(values[found]).any()]


def read_date_texts(texts: Sequence[str]) -> Dates:
    """Read texts without blanks at their ends as dates, in every order of day, month and year.

    Years of two digits are in the last century from 69 on; if that puts dates into a distant future, none is there.
    """
    dates, today = _read(texts, PIVOT), datetime.datetime.now(datetime.UTC).date()
    short = np.array([re.search(r"\d{4}|^\d+ *:", text) is None for text in texts], dtype=bool)
    distant = (today.toordinal() - _EPOCH + SOON) * 86400.0
    if short.any() and any((values[short] > distant).any() for values in dates.seconds.values()):
        return _read(texts, today.year % 100 + 1)
    return dates


def _read(texts: Sequence[str], pivot: int) -> Dates:
    """Texts as dates, with years of two digits in the last century from ``pivot`` on."""
    seconds = {order: np.full(len(texts), np.nan) for order in ORDERS}
    zones, clock, iso = [""] * len(texts), np.zeros(len(texts), dtype=bool), True
    for k, text in enumerate(texts):
        match = _DAY.fullmatch(text)
        if match is None:
            continue
        rest = _seconds_of_day(match) if match["hour"] else 0.0
        offset = _offset(match["zone"])
        if rest is None or offset is None:
            continue
        iso = iso and match["mark"] == "-" and len(match["a"]) == 4
        for order, days in _days(match, pivot).items():
            seconds[order][k] = days * 86400.0 + rest - offset
        zones[k], clock[k] = _zone_name(match["zone"]), bool(match["hour"])
    return Dates(seconds, zones, clock, iso)


def read_time_texts(texts: Sequence[str]) -> np.ndarray:
    """Times of the day in seconds since midnight, ``(N,)``; NaN where a text is none."""
    seconds = np.full(len(texts), np.nan)
    for k, text in enumerate(texts):
        match = _TIME.fullmatch(text)
        value = None if match is None else _seconds_of_day(match)
        if value is not None:
            seconds[k] = value
    return seconds


def _seconds_of_day(match: re.Match[str]) -> float | None:
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and minute + second > 0):
        return None
    return hour * 3600.0 + minute * 60 + second + float("0" + (match["fraction"] or "").replace(",", "."))


def _offset(zone: str | None) -> float | None:
    """Seconds that a zone is ahead of UTC."""
    if zone is None or zone[0] in "ZzUG":
        return 0.0
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 15 or minutes > 59:
        return None
    return (-1 if zone[0] == "-" else 1) * (hours * 3600.0 + minutes * 60)


def _zone_name(zone: str | None) -> str:
    if zone is None:
        return ""
    if zone[0] in "ZzUG" or not zone[1:].replace(":", "").strip("0"):
        return "UTC"
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return f"{zone[0]}{digits[:2]}:{digits[2:]}"


def _days(match: re.Match[str], pivot: int) -> dict[str, int]:
    """Days since 1970 for each order that is possible; those of a month's name have only one."""
    if match["a"] is None:
        name = (match["month"] or match["month2"]).lower()
        day, year = match["day"] or match["day2"], match["year"] or match["year2"]
        days = None if name not in _MONTHS else _ordinal(_year(year, pivot), _MONTHS[name], int(day))
        return {} if days is None else dict.fromkeys(ORDERS, days)
    a, b, c = match["a"], match["b"], match["c"]
    if len(a) >= 3:
        possible = {"ymd": (a, b, c)} if len(a) == 4 and len(c) <= 2 else {}
    elif len(c) == 3 or len(c) == 1:
        possible = {}
    else:  # with points the day comes first
        possible = {"dmy": (c, b, a)} if match["mark"] == "." else {"dmy": (c, b, a), "mdy": (c, a, b)}
    every = {order: _ordinal(_year(y, pivot), int(m), int(d)) for order, (y, m, d) in possible.items()}
    return {order: days for order, days in every.items() if days is not None}


def _year(text: str, pivot: int) -> int:
    year = int(text)
    return year if len(text) > 2 else year + (1900 if year >= pivot else 2000)


def _ordinal(year: int, month: int, day: int) -> int | None:
    try:
        return datetime.date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None
