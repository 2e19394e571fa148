"""Values that may stand for empty cells are told with their counts."""

import datetime

import numpy as np
import pytest

from aae.data.fill_values import fill_notes
from aae.data.text_columns import Column

RNG = np.random.default_rng(0)


def seconds(*days):
    return np.array([datetime.datetime(*day, tzinfo=datetime.UTC).timestamp() for day in days])


USUAL = seconds(*((2024, month, 3) for month in range(1, 13)))
WIDE = RNG.uniform(0, 5000, 200).round()


@pytest.mark.parametrize(("kind", "cells", "said"), [
    ("date", [*USUAL, *seconds(*[(9999, 12, 31)] * 3)], "9999-12-31 (3) in 'a' may stand for empty cells"),
    ("date", [*USUAL, *seconds(*[(1900, 1, 1)] * 2)], "1900-01-01 (2) in 'a'"),
    ("date", [*USUAL, *seconds((1900, 1, 1))], None),
    ("date", seconds(*[(1900, 1, 1)] * 2, (1901, 2, 3), (1899, 5, 6)), None),
    ("whole", [*WIDE, *[-999] * 9], "-999 (9) in 'a' may stand"),
    ("whole", [*WIDE, -999], None),
    ("whole", [*RNG.uniform(-1500, 1500, 200).round(), *[-999] * 9], None),  # amid the others
    ("whole", [*WIDE, *[17] * 9], None),
])  # fmt: skip
def test_numbers_and_dates(kind, cells, said):
    notes = fill_notes([Column("a", np.array(cells, dtype=float), {"kind": kind})], "t")
    assert (said is None and notes == []) or said in notes[0]


def test_words():
    cells = np.array(["x", "NULL", "None", "nan", "N/A", "-", None, "x", "-"], dtype=object)
    note = fill_notes([Column("a", cells, {})], "t")[0]
    for text in ("'-' (2)", "'N/A' (1)", "'NULL' (1)", "'None' (1)", "'nan' (1)", "--missing"):
        assert text in note
    assert fill_notes([Column("a", np.array(["x", "y", None], dtype=object), {})], "t") == []
