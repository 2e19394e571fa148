import numpy as np
import pytest

from aae.data.number_texts import is_code, read_number_texts

NAN = float("nan")


@pytest.mark.parametrize(("text", "point", "comma"), [
    ("1", 1, 1), ("-1.5", -1.5, NAN), ("1e5", 1e5, 1e5), ("3,5", NAN, 3.5), ("1,234", 1234, 1.234),
    ("1.234", 1.234, 1234), ("1,234.5", 1234.5, NAN), ("1.234,5", NAN, 1234.5), ("1,234,567", 1234567, NAN),
    ("1.234.567", NAN, 1234567), ("0,123", NAN, 0.123), ("1'234.50", 1234.5, NAN), ("1 234", 1234, 1234),
    ("1\N{NARROW NO-BREAK SPACE}234,5", NAN, 1234.5), ("(12)", -12, -12), ("12-", -12, -12),
    ("\N{MINUS SIGN}3", -3, -3), ("+3", 3, 3), (".5", 0.5, NAN), (",5", NAN, 0.5),
])  # fmt: skip
def test_numbers_in_both_readings(text, point, comma):
    found = read_number_texts([text])
    assert np.array_equal([found.point[0], found.comma[0]], [point, comma], equal_nan=True)


@pytest.mark.parametrize(("text", "value", "unit"), [
    ("12 kg", 12, "kg"), ("12kg", 12, "kg"), ("\N{EURO SIGN} 3", 3, "\N{EURO SIGN}"), ("$1", 1, "$"),
    ("-$5", -5, "$"), ("45 %", 45, "%"),
    ("5 m/s", 5, "m/s"), ("12\N{DEGREE SIGN}C", 12, "\N{DEGREE SIGN}C"), ("USD 5", 5, "USD"), ("5 EUR", 5, "EUR"),
])  # fmt: skip
def test_units(text, value, unit):
    found = read_number_texts([text])
    assert (found.point[0], found.units[0]) == (value, unit)


OTHERS = ["A1", "1..2", "1,2,3", "1 2", "2020-01-01", "12:30", "abc", "--5", "(5", "5 kilograms of", "C3"]
EMPTY = ["NA", "n/a", "NaN", "nan", "NULL", "null", "None", "?", "-", "#N/A", "\N{EM DASH}", "n.a."]


@pytest.mark.parametrize("text", OTHERS)
def test_texts_that_are_no_numbers(text):
    found = read_number_texts([text])
    assert not found.found[0]
    assert not found.empty[0]


@pytest.mark.parametrize("text", EMPTY)
def test_marks_of_empty_cells(text):
    assert read_number_texts([text]).empty[0]


def test_evidence():
    assert read_number_texts(["1", "3,5"]).evidence() == ","
    assert read_number_texts(["1", "1,234,567"]).evidence() == "."
    assert read_number_texts(["1", "2"]).evidence() is None
    assert read_number_texts(["1,234", "2,345"]).ambiguous
    assert not read_number_texts(["1,234", "3,5"]).ambiguous
    assert read_number_texts(["3,5", "3.5"]).readings() == (False, False)
    assert read_number_texts(["1 kg", "2 g"]).unit() is None
    assert read_number_texts(["1 kg", "2 g"]).known_units() == ["g", "kg"]


def test_codes():
    assert [is_code(text) for text in ("01", "007", "0", "10", "0.5", "0a")] == [True, True, False, False, False, False]
