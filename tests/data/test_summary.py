from dataclasses import replace

import numpy as np
import pytest

from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.data.summary import contact_rows, describe_data, warnings_about

RNG = np.random.default_rng(0)


@pytest.fixture
def vectors():
    x = RNG.random((50, 4)).astype(np.float32)
    return Dataset("things", x, np.r_[np.zeros(20), np.ones(10), np.full(20, -1)].astype(int), x[:8] + 2,
                   np.arange(8) % 2, ["a", "bee"])


def test_facts(vectors):
    assert describe_data(vectors) == [
        "things: vectors of 4 numbers",
        "50 rows to train on, 30 of them labelled, 20 not",
        "8 rows to test on, 8 of them labelled",
        "",
        "class  train   test",
        "a         20      4",
        "bee       10      4",
    ]
    digits = describe_data(load_data("digits"))
    assert digits[0] == "digits: 8 x 8 images, grey"
    assert len(digits) == 15
    assert describe_data(replace(vectors, classes=[]))[-1] == "no labels"


def test_no_warnings(vectors):
    assert warnings_about(vectors) == []


def test_warnings(vectors):
    x = vectors.x.copy()
    x[:, 2] = 3.5
    x[7] = x[6]
    y = vectors.y.copy()
    y[y == 1] = -1
    y[49] = 1
    found = warnings_about(replace(vectors, x=x, y=y, test_x=np.concatenate([x[:2], vectors.test_x]),
                                   notes=("2 images of pets could not be read.",)))
    assert found == [
        "2 images of pets could not be read.",
        "The class 'bee' has 1 label to train on; label more of its rows.",
        "1 of 4 columns have the same value in every row (2).",
        "2 of the 10 rows to test on are among the rows to train on; results will look too good.",
        "1 of the 50 rows to train on are copies of others.",
    ]


def test_the_contact_sheet_shows_every_class():
    digits = load_data("digits")
    rows = contact_rows(digits)
    assert rows.shape == (60, 8, 8)
    labels = [digits.y[np.flatnonzero((digits.x == row).all((1, 2)))[0]] for row in rows]
    assert np.bincount(labels).tolist() == [6] * 10
