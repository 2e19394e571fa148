"""Columns by what they hold; the same cells as texts and as typed columns give the same."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from aae.data.columns import infer_column, infer_columns
from aae.data.text_columns import Style
from aae.system.errors import AAEError


def infer(cells, style=Style(), **options):  # noqa: B008
    return infer_column("a", cells if isinstance(cells, pa.Array) else pa.array(cells), "t", style, **options)


def seconds(*parts):
    return datetime.datetime(*parts, tzinfo=datetime.UTC).timestamp()


UTC = datetime.UTC
DAYS = [datetime.date(1970, 1, 2), None, datetime.date(2026, 1, 3)]
TIMES = [datetime.datetime(1970, 1, 2, 3, 4, 5), None, datetime.datetime(2026, 1, 3)]
CLOCK = [datetime.time(12, 30), None, datetime.time(1, 5, 6)]


@pytest.mark.parametrize(("texts", "typed", "facts"), [
    (["1", "", "3"], [1, None, 3], {"kind": "whole"}),
    (["1.0", "", "3.0"], [1.0, None, 3.0], {"kind": "whole"}),
    (["1.5", "nan", "-3e2"], [1.5, None, -300.0], {"kind": "number"}),
    (["true", "", "false"], [True, None, False], {"kind": "boolean", "texts": ["false", "true"]}),
    (["1970-01-02", "", "2026-01-03"], pa.array(DAYS), {"kind": "date", "clock": False}),
    (["1970-01-02 03:04:05", "", "2026-01-03"], pa.array(TIMES, pa.timestamp("us")), {"kind": "date", "clock": True}),
    (["1970-01-02 03:04:05", "", "2026-01-03"], pa.array(TIMES, pa.timestamp("ns")), {"kind": "date", "clock": True}),
    (["1970-01-02 03:04:05Z", "", "2026-01-03 00:00Z"], pa.array(TIMES, pa.timestamp("ms", "UTC")),
     {"kind": "date", "clock": True, "zone": "UTC"}),
    (["12:30", "", "01:05:06"], pa.array(CLOCK), {"kind": "time"}),
    (["red", "", "NA"], ["red", None, "NA"], {}),
    ([" red ", " ", "blue"], pa.array(["red", None, "blue"]).dictionary_encode(), {}),
])  # fmt: skip
def test_texts_and_typed_cells_are_the_same(texts, typed, facts):
    one, other = infer(texts), infer(typed)
    assert one.facts == other.facts == facts
    if one.is_category:
        assert one.cells.tolist() == other.cells.tolist()
    else:
        assert np.array_equal(one.cells, other.cells, equal_nan=True)
        assert np.isnan(one.cells[1])


def test_a_zone_is_kept_and_the_moment_is_the_same():
    text = infer(["2026-01-01 12:00+02:00", "2026-07-01 12:00+02:00"])
    typed = infer(pa.array([datetime.datetime(2026, 1, 1, 10, tzinfo=UTC)], pa.timestamp("us", "Europe/Rome")))
    assert (text.facts["zone"], typed.facts["zone"]) == ("+02:00", "Europe/Rome")
    assert text.cells[0] == typed.cells[0] == seconds(2026, 1, 1, 10)


@pytest.mark.parametrize(("cells", "values", "facts"), [
    (["3,5", "4,25", "5"], [3.5, 4.25, 5], {"kind": "number", "decimal": ","}),
    (["1,234.5", "2"], [1234.5, 2], {"kind": "number"}),
    (["1,234,567", "2"], [1234567, 2], {"kind": "whole"}),
    (["12 kg", "13.5 kg"], [12, 13.5], {"kind": "number", "unit": "kg"}),
    (["45 %", "3 %"], [45, 3], {"kind": "whole", "unit": "%"}),
    (["1.5", "?", "-", "NA"], [1.5, None, None, None], {"kind": "number"}),
    (["31.12.2026", "1.2.2026"], [seconds(2026, 12, 31), seconds(2026, 2, 1)],
     {"kind": "date", "clock": False, "order": "dmy"}),
    (["12/31/2026", "1/2/2026"], [seconds(2026, 12, 31), seconds(2026, 1, 2)],
     {"kind": "date", "clock": False, "order": "mdy"}),
    (["TRUE", "FALSE", "TRUE"], [1, 0, 1], {"kind": "boolean", "texts": ["FALSE", "TRUE"]}),
])  # fmt: skip
def test_how_people_write(cells, values, facts):
    found = infer(cells)
    assert found.facts == facts
    assert np.array_equal(found.cells, np.array(values, dtype=float), equal_nan=True)


def test_what_was_read_is_kept_for_the_notes():
    assert infer(["1", "?", "?", "-", "NA"]).marks == {"?": 2, "-": 1}
    assert infer(["3,5", "4,25"]).written == "'4,25' as 4.25"
    assert infer(["12/31/2026", "1/2/2026"]).written == "'12/31/2026' as 2026-12-31"
    assert infer(["1", "2", "3+"]).written == "'1' and '3+'"


def test_codes_stay_texts():
    assert infer(["01", "02", "A1"]).cells.tolist() == ["01", "02", "A1"]
    assert infer(["01", "02", "10"]).cells.tolist() == ["01", "02", "10"]
    assert infer([f"{k:04}" for k in range(200)]).facts == {"kind": "whole"}


@pytest.mark.parametrize("cells", [
    ["1", "2", None, "1"], [1, 2, None, 1], [1.0, 2.0, None, 1.0], ["1.0", "2.0", "", "1.0"],
    pa.array([1, 2, None, 1]).dictionary_encode(),
])  # fmt: skip
def test_numbers_that_are_names_of_categories(cells):
    assert infer(cells, wanted="category").cells.tolist() == ["1", "2", None, "1"]
    assert infer(["01", "1", "2"], wanted="category").cells.tolist() == ["01", "1", "2"]


@pytest.mark.parametrize(("cells", "sentence"), [
    ([*map(str, range(60)), "abc"], r"row 60, column a: 'abc' is no number; correct .*--missing .*--kind a="),
    ([*(f"2026-01-{k:02}" for k in range(1, 32)), "soon"], r"row 31, column a: 'soon' is no date"),
    ([*map(str, range(60)), "Total"], r"row 60, column a: 'Total' is no number; delete the row, which sums up others"),
    ([*map(str, range(60)), "a"], r"'a' is no number; delete the row, if it repeats the names"),
    (["(cm)", *map(str, range(60))], r"row 0, column a: '\(cm\)' is no number; delete the row, if it repeats"),
    (["2026-01-31", "28.02.2026"], r"dates in two forms \('2026-01-31' in row 0; '28.02.2026' in row 1\); write all"),
    (["3,5", "3.5"], r"with a decimal point \('3.5' in row 1\) and with a decimal comma \('3,5' in row 0\)"),
    (["1/2/2026", "2/3/2026"], r"'1/2/2026' in row 0, in which day and month cannot be distinguished; write them as"),
    (["2026-01-01", "2026-01-01 12:00Z"], r"dates with a time zone and dates without one"),
    ([f"{k} {'kg' if k % 2 else 'g'}" for k in range(30)], r"in different units \('0 g' in row 0, '1 kg' in row 1\)"),
])
def test_columns_that_are_refused(cells, sentence):
    with pytest.raises(AAEError, match=f"^t[:,] .*{sentence}"):
        infer(cells)


@pytest.mark.parametrize(("cells", "odd"), [
    ([*map(str, range(80)), *["<0.5"] * 20], "20 of 100 cells are not numbers, such as '<0.5' in row 80"),
    ([f"2026/W{k:02}" for k in range(50)], "its dates are in a form that is not read; write them as year-month-day"),
    ([f"2026-W{k:02}" for k in range(50)], "its dates are in a form that is not read; write them as year-month-day"),
    ([f"{k} {'zz' if k % 2 else 'qq'}" for k in range(50)], "its numbers have different units ('qq', 'zz')"),
    ([f"name {'x' * k}" for k in range(50)], ""),
])  # fmt: skip
def test_what_keeps_texts_from_being_numbers_or_dates(cells, odd):
    assert infer(cells).odd == odd


def test_numbers_with_endings_are_no_numbers():
    assert infer([f"{k}{'st' if k % 2 else 'nd'}" for k in range(40)]).is_category


def test_a_few_texts_among_numbers_are_categories_and_many_identify_rows():
    assert infer(["0", "1", "2", "3+"]).is_category
    assert infer([f"A/{k}" if k % 4 == 0 else str(k) for k in range(200)]).is_category  # left out later


def columns(**cells):
    return {name: pa.array(values) for name, values in cells.items()}


def test_a_comma_is_read_as_in_the_other_columns():
    both = ["1,234", "2,345"]
    dots = ["1.234", "2.345"]
    assert infer_columns(columns(a=both, b=["3,5", "4"]), "t", Style())[0].cells.tolist() == [1.234, 2.345]
    assert infer_columns(columns(a=both, b=["3.5", "4"]), "t", Style())[0].cells.tolist() == [1234, 2345]
    assert infer_columns(columns(a=dots, b=["3,5", "4"]), "t", Style())[0].cells.tolist() == [1234, 2345]
    assert infer_columns(columns(a=dots), "t", Style())[0].cells.tolist() == [1.234, 2.345]
    assert infer_columns(columns(a=both), "t", Style(","))[0].cells.tolist() == [1.234, 2.345]  # divided by semicolons
    with pytest.raises(AAEError, match=r"row 0, column a: '1,234' may be 1.234 or 1234; say which with --decimal"):
        infer_columns(columns(a=both), "t", Style())
    with pytest.raises(AAEError, match=r"row 0, column a: '1,234' may be"):
        infer_columns(columns(a=both, b=["3.5", "4"], c=["3,5", "4"]), "t", Style())


def test_a_decimal_mark_that_is_given():
    assert infer(["1,234"], Style(",", chosen=True)).cells.tolist() == [1.234]
    assert infer(["1,234"], Style(".", chosen=True)).cells.tolist() == [1234]
    assert infer(["1.234"], Style(",", chosen=True)).cells.tolist() == [1234]
    with pytest.raises(AAEError, match=r"row 0, column a: '3,5' is no number with the decimal mark '.'"):
        infer(["3,5", "4"], Style(".", chosen=True))


@pytest.mark.parametrize("cells", [[1, -9999, 3], [1.5, -9999.0, 3.0], ["1", "-9999", "3"], ["1.5", "-9999.0", "3"]])
def test_numbers_that_mark_empty_cells(cells):
    assert np.isnan(infer(cells, Style(missing=("-9999",))).cells).tolist() == [False, True, False]


def test_further_marks_of_empty_cells():
    assert np.isnan(infer(["1", "999", "x"], Style(missing=("999", "x"))).cells).tolist() == [False, True, True]
    assert infer(["red", "x"], Style(missing=("x",))).cells.tolist() == ["red", None]


def test_apostrophes_that_keep_a_spreadsheet_from_computing():
    assert infer(["'=1", "'a"], Style(escaped=True)).cells.tolist() == ["=1", "'a"]


@pytest.mark.parametrize(("unit", "what"), [("", "plain number"), (" cm", "'cm' value")])
@pytest.mark.parametrize("odd", ["4O", "40y", "4l", "1O", "62 kg"])
@pytest.mark.parametrize("wanted", [None, "number"])
def test_a_typing_error_among_numbers_is_no_unit(odd, unit, what, wanted):
    """One wrong letter must not make categories of a column of numbers."""
    texts = [f"{18 + k}{unit}" for k in range(60)]
    texts[17] = odd
    with pytest.raises(AAEError, match=f"row 17, column a: '{odd}' is no {what}; correct it"):
        infer(texts, wanted=wanted) if wanted else infer(texts)
