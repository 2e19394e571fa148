from dataclasses import replace

import numpy as np
import pytest

from aae.data.dataset import Dataset
from aae.data.row_keys import INDEX, RowKeys
from aae.data.splits import Split, split_data
from aae.explorer.count import check_count
from aae.explorer.lists import mistakes, nearest_rows, uncertain
from aae.explorer.rows import choose_rows, fingerprint
from aae.system.errors import AAEError, UsageError


def data_of(train, test, **options):
    x = np.arange(train + test, dtype=np.float32)[:, None]
    y = np.arange(train + test) % 2
    keys = RowKeys(INDEX, np.arange(train) + 100, np.arange(test) + 1000)
    return Dataset("d", x[:train], y[:train], x[train:], y[train:], ["a", "b"], keys=keys, **options)


@pytest.mark.parametrize(("train", "test", "count", "expected"), [
    (50, 50, 20, (10, 10)), (50, 5, 20, (5, 15)), (5, 50, 20, (15, 5)), (5, 5, 20, (5, 5)), (50, 0, 20, (0, 20)),
    (1, 1, 1, (0, 1)), (3, 5, 1, (0, 1)), (0, 7, 3, (3, 0)),
])  # fmt: skip
def test_test_rows_and_training_rows(train, test, count, expected):
    data = data_of(train, test)
    shown = choose_rows(data, Split(*[np.arange(0)] * 3), count)
    assert (int((shown.part == 0).sum()), int((shown.part == 1).sum())) == expected
    assert len(set(shown.keys)) == len(shown)
    for row, part, y, key in zip(shown.x[:, 0], shown.part, shown.y, shown.keys, strict=True):
        assert key == (row - train + 1000 if part == 0 else row + 100)
        assert y == row % 2


def test_rows_whose_labels_were_trained_on_are_shown():
    data = data_of(400, 10)
    split = split_data(data, 20)
    assert set(data.keys.train[split.labelled]) <= set(choose_rows(data, split, 60).keys)


def test_test_rows_on_the_disk_are_not_shown_twice():
    data = data_of(40, 0)
    held = np.arange(0, 40, 4)
    x = data.x[held]
    data = Dataset("d", data.x, data.y, x, data.y[held], ["a", "b"], held=held)
    shown = choose_rows(data, split_data(data, 4), 40)
    assert sorted(shown.keys) == list(range(40))


def test_rows_that_are_test_rows_as_well_are_test_rows():
    data = data_of(30, 38)
    data = replace(data, keys=RowKeys(INDEX, data.keys.train, np.concatenate([data.keys.train, np.arange(8)])))
    shown = choose_rows(data, Split(*[np.arange(0)] * 3), 50)
    assert shown.part.tolist() == [0] * 38


@pytest.mark.parametrize("count", [0, -1, 20_001])
def test_numbers_of_rows_that_a_page_cannot_show(count):
    with pytest.raises(UsageError, match="A page shows 1 to 20,000 rows"):
        check_count(count)


def test_no_rows():
    with pytest.raises(AAEError, match="no rows to show"):
        choose_rows(data_of(0, 0), Split(*[np.arange(0)] * 3), 5)


def test_labels_are_kept_for_these_data_alone():
    assert fingerprint(data_of(30, 8)) == fingerprint(data_of(30, 8))
    assert len({fingerprint(data_of(*size)) for size in ((30, 8), (31, 8), (30, 9), (0, 0))}) == 4


def test_the_nearest_rows_are_other_rows_even_where_rows_are_equal():
    features = np.array([[0.0], [0.0], [0.0], [1.0], [5.0], [5.5]])
    near = nearest_rows(np.repeat(features, 3, 0))
    assert near.shape == (18, 10)
    assert all(row not in found and len(set(found)) == 10 for row, found in enumerate(near.tolist()))
    assert nearest_rows(features)[4].tolist()[:2] == [5, 3]
    assert nearest_rows(features[:2]).tolist() == [[1], [0]]
    assert nearest_rows(features[:1]) is None


def test_lists():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.45, 0.55], [0.99, 0.01], [0.0, 1.0]])
    labels = np.array([1, 0, 0, -1, 1])
    assert mistakes(labels, p) == [0, 1, 2]
    assert uncertain(p) == [2, 1, 0, 3, 4]
    assert len(mistakes(np.ones(500, int), np.full((500, 2), 0.5))) == 200


@pytest.mark.parametrize(("rows", "listed"), [(5, 5), (40, 10), (120, 12), (5000, 200)])
def test_a_list_holds_a_tenth_of_the_rows(rows, listed):
    assert uncertain(np.linspace(0.5, 1, rows)[:, None]) == list(range(listed))
