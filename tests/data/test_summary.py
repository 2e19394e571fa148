from dataclasses import replace

import numpy as np
import pytest

from aae.data.column_summary import column_lines, summarize_rows
from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.data.splits import split_data
from aae.data.summary import contact_rows, describe_data, describe_split, warnings_about

RNG = np.random.default_rng(0)


@pytest.fixture
def vectors():
    x = RNG.random((50, 4)).astype(np.float32)
    return Dataset("things", x, np.r_[np.zeros(20), np.ones(10), np.full(20, -1)].astype(int), x[:8] + 2,
                   np.arange(8) % 2, ["a", "bee"])


def test_facts(vectors):
    assert describe_data(vectors) == [
        "things: vectors of 4 numbers",
        "50 training examples, 30 labelled, 20 unlabelled",
        "8 test examples, 8 labelled",
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
    found = warnings_about(replace(vectors, x=x, y=y, test_x=np.concatenate([x[:2], vectors.test_x])))
    assert found == [
        "The class 'bee' has 1 label to train on; label more examples of it.",
        "1 of 4 columns has the same value in every row (2).",
        "2 of the 10 test examples are also in the training data; results will be too optimistic.",
        "1 of the 50 training examples is a copy of another.",
    ]


def test_empty_cells_are_counted_over_all_rows_as_the_columns_are(vectors):
    x, test = vectors.x.copy(), vectors.test_x.copy()
    x[:10, 1] = np.nan
    held_out = replace(vectors, x=x, test_x=test, test_held_out=True)
    assert warnings_about(held_out) == ["The column 1 is empty in 17 % of the rows."]  # 10 of 58
    assert warnings_about(replace(held_out, test_held_out=False)) == ["The column 1 is empty in 20 % of the rows."]
    lines = column_lines(summarize_rows(held_out))
    assert lines[2].split()[5] + " %" == "17 %"
    test[0, 2] = np.nan
    x[:10, 1] = 0
    assert warnings_about(replace(held_out, test_x=test)) == ["The column 2 is empty in 2 % of the rows."]


def test_the_contact_sheet_shows_every_class():
    digits = load_data("digits")
    rows = contact_rows(digits)
    assert rows.shape == (60, 8, 8)
    labels = [digits.y[np.flatnonzero((digits.x == row).all((1, 2)))[0]] for row in rows]
    assert np.bincount(labels).tolist() == [6] * 10


def test_many_classes_with_few_labels_take_one_line(vectors):
    names = [f"c{k}" for k in range(9)]
    found = warnings_about(replace(vectors, y=np.resize(np.r_[np.arange(8), np.full(50, -1)], 50), classes=names))
    assert found == ["9 classes have fewer than 3 labels to train on ('c0': 1, 'c1': 1, 'c2': 1, 'c3': 1, 'c4': 1 and "
                     "4 more); label more examples of them."]


def test_what_a_training_uses_is_said(vectors):
    assert describe_split(load_data("digits"), split_data(load_data("digits"), 100)) == (
        "digits: 1,437 training examples, 239 of them for validation; 100 of 1,437 labels used; 360 test examples.")
    blank = replace(vectors, test_y=np.r_[-1, vectors.test_y[1:]])
    unread = describe_split(load_data("digits"), split_data(load_data("digits"), 100), reads_labels=False)
    assert "; no labels used (1,437 available); " in unread
    assert describe_split(blank, split_data(blank, None)).endswith("8 test examples, 7 of them labelled.")
    none = replace(vectors, y=np.full(50, -1), test_y=np.full(8, -1), classes=[])
    assert describe_split(none, split_data(none, 0)) == (
        "things: 50 training examples, 8 of them for validation; no labels; 8 test examples.")
