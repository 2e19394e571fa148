import datetime

import numpy as np
import pytest

from aae.data.date_texts import read_date_texts, read_time_texts


def seconds(*parts):
    return datetime.datetime(*parts, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(("text", "orders", "expected"), [
    ("2026-12-31", ["ymd"], seconds(2026, 12, 31)),
    ("2026/12/31", ["ymd"], seconds(2026, 12, 31)),
    ("2026-12-31 12:30", ["ymd"], seconds(2026, 12, 31, 12, 30)),
    ("2026-12-31T12:30:45.5Z", ["ymd"], seconds(2026, 12, 31, 12, 30, 45, 500_000)),
    ("2026-12-31T12:30:45+02:00", ["ymd"], seconds(2026, 12, 31, 10, 30, 45)),
    ("31.12.2026", ["dmy"], seconds(2026, 12, 31)),
    ("31.12.26", ["dmy"], seconds(2026, 12, 31)),
    ("31/12/2026", ["dmy"], seconds(2026, 12, 31)),
    ("12/31/2026", ["mdy"], seconds(2026, 12, 31)),
    ("12/31/1999 2:30 PM", ["mdy"], seconds(1999, 12, 31, 14, 30)),
    ("31 Dec 2026", ["ymd", "dmy", "mdy"], seconds(2026, 12, 31)),
    ("Dec 31, 2026", ["ymd", "dmy", "mdy"], seconds(2026, 12, 31)),
    ("31-Dec-26", ["ymd", "dmy", "mdy"], seconds(2026, 12, 31)),
])
def test_dates(text, orders, expected):
    found = read_date_texts([text])
    assert found.orders() == orders
    assert found.seconds[orders[0]][0] == expected


def test_years_of_two_digits_are_of_one_century_where_others_would_be_in_a_distant_future():
    births = read_date_texts(["12.03.54", "24.12.01", "1.2.1980"]).seconds["dmy"]
    assert births.tolist() == [seconds(1954, 3, 12), seconds(2001, 12, 24), seconds(1980, 2, 1)]
    mixed = read_date_texts(["1.2.2080", "24.12.01"]).seconds["dmy"]  # a year of four digits is as it is written
    assert mixed.tolist() == [seconds(2080, 2, 1), seconds(2001, 12, 24)]


TEXTS = ["2026-13-01", "2026-02-30", "1.2.3", "1-2-3", "12", "31 foo 2026", "2026-12-31 25:00"]


@pytest.mark.parametrize("text", TEXTS)
def test_no_dates(text):
    assert not read_date_texts([text]).found[0]


def test_the_order_of_all_dates_together():
    assert read_date_texts(["01/02/2026", "03/04/2026"]).orders() == ["dmy", "mdy"]
    assert read_date_texts(["01/02/2026", "13/04/2026"]).orders() == ["dmy"]
    assert read_date_texts(["01/02/2026", "03/14/2026"]).orders() == ["mdy"]
    assert read_date_texts(["13/02/2026", "03/14/2026"]).orders() == []


def test_zones():
    found = read_date_texts(["2026-01-01 00:00Z", "2026-01-01 00:00+0200", "2026-01-01 00:00"])
    assert found.zones == ["UTC", "+02:00", ""]


def test_times():
    found = read_time_texts(["12:30", "1:05:06", "2:30 pm", "25:00", "noon"])
    assert np.array_equal(found, [45000, 3906, 52200, np.nan, np.nan], equal_nan=True)
