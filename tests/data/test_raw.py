import numpy as np
import pytest

from aae.data.builtin import load_builtin
from aae.data.dataset import Dataset
from aae.data.raw import hold_out, leave_one_of_each
from aae.data.sources import load_data
from aae.data.splits import split_data
from aae.data.summary import warnings_about


def counts(y, rows):
    return np.bincount(y[rows][y[rows] >= 0], minlength=y.max() + 1).tolist()


def test_a_fixed_fifth_is_held_out_balanced_over_the_classes():
    y = np.arange(100) % 4
    rest, held = hold_out(y, 100)
    assert counts(y, held) == [5, 5, 5, 5]
    assert np.array_equal(np.sort(np.r_[rest, held]), np.arange(100))
    assert np.array_equal(hold_out(y, 100)[1], held)
    assert len(load_builtin("digits").test_x) == 360


@pytest.mark.parametrize(("labels", "expected"), [
    ([1] * 10, [1] * 10),  # one label a class: none is held out
    ([2] * 10, None),
    ([1, 1, 1, 1, 1, 1, 1, 1, 2], None),
    ([1, 50], [1, 39]),
    ([2, 3, 4, 5], None),
])
@pytest.mark.parametrize("unlabelled", [0, 30])
def test_a_class_keeps_a_label_to_train_on(labels, expected, unlabelled):
    y = np.r_[np.repeat(np.arange(len(labels)), labels), np.full(unlabelled, -1)]
    y = np.random.default_rng(0).permutation(y)
    rest, held = hold_out(y, len(y))
    assert min(counts(y, rest)) >= 1
    if expected is not None:
        assert counts(y, rest) == expected
    if labels == [1] * 10:
        assert len(held) == unlabelled // 5


def test_one_label_a_class_can_be_trained_on_and_is_explained(tmp_path):
    x = np.random.default_rng(0).random((60, 5))
    np.savez(tmp_path / "few.npz", x=x, y=np.r_[["a", "b", "c"], [""] * 57])
    data = load_data(tmp_path / "few.npz")
    assert (np.bincount(data.y[data.y >= 0]).tolist(), len(data.test_x)) == ([1, 1, 1], 12)
    assert warnings_about(data)[1] == (
        "No labelled example was held out for testing, because a class would lose its only label; the 12 test examples "
        "have none. Label more examples, or provide test data.")
    assert len(split_data(data, 3).labelled) == 3


def test_validation_rows_do_not_take_the_last_label_of_a_class():
    for seed in range(20):
        y = np.random.default_rng(seed).permutation(np.r_[np.zeros(40), np.ones(40), [2], [3]]).astype(int)
        x = np.arange(82, dtype=np.float32)[:, None]
        split = split_data(Dataset("set", x, y, x[:1], y[:1], [0, 1, 2, 3]), None, seed=seed)
        assert min(counts(y, split.labelled)) == 1
        assert len(split.labelled) + len(split.validation) == 82


def test_what_would_be_the_last_label_is_left():
    y = np.array([0, 0, 1, 1, 2, -1])
    assert leave_one_of_each(y, np.array([2, 3, 4, 5])).tolist() == [3, 5]
    assert leave_one_of_each(y, np.array([0, 2])).tolist() == [0, 2]
    assert leave_one_of_each(np.full(3, -1), np.array([0, 2])).tolist() == [0, 2]


def test_test_rows_may_have_labels_though_no_row_to_train_on_has(tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 3))
    np.savez(tmp_path / "set.npz", x=x, x_test=x[:10] + 1, y_test=np.arange(10) % 2)
    data = load_data(tmp_path / "set.npz")
    assert data.classes == [0, 1]
    assert (data.y == -1).all()
    assert data.test_y.tolist() == [0, 1] * 5


def test_a_column_of_large_numbers_is_not_constant(tmp_path):
    seconds = 1.7e9 + np.arange(40.0)
    np.savez(tmp_path / "set.npz", x=np.stack([seconds, np.full(40, 7.25)], 1))
    warnings = warnings_about(load_data(tmp_path / "set.npz"))
    assert "1 of 2 columns has the same value in every row (1)." in warnings
