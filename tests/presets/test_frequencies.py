import numpy as np
import pytest
from sklearn.datasets import load_digits

from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.data.splits import Split, split_data
from aae.presets.frequencies import frequency_note, uneven_frequencies
from aae.runs.train import prepare, train_preset

DIGITS = load_digits()


def digits(counts, labels, images=True):
    """Rows of some digits, ``{digit: rows}``, the first ``labels`` of each labelled."""
    rows = np.concatenate([np.flatnonzero(DIGITS.target == digit)[:count] for digit, count in counts.items()])
    first = np.concatenate([np.arange(count) < labels for count in counts.values()])
    y = np.unique(DIGITS.target[rows], return_inverse=True)[1]
    x = np.round(DIGITS.images[rows] * 15).astype(np.uint8)
    x = x if images else x.reshape(len(x), -1).astype(np.float32)
    y = np.where(first, y, -1)
    data = Dataset("some", x, y, x[:0], y[:0], sorted(counts))
    return data, Split(np.flatnonzero(y >= 0), np.flatnonzero(y < 0), np.arange(0))


@pytest.mark.parametrize("counts", [{0: 170, 1: 9}, {0: 9, 1: 170}, {0: 150, 1: 150, 4: 10}], ids=str)
def test_shares_of_uneven_classes(counts):
    found = uneven_frequencies(*digits(counts, labels=5))
    true = np.array(list(counts.values())) / sum(counts.values())
    assert np.abs(np.array(found) - true).max() < 0.03


@pytest.mark.parametrize("counts", [{0: 100, 1: 100}, {0: 100, 1: 40}, {0: 100, 1: 30, 4: 60}], ids=str)
def test_classes_that_are_not_rare(counts):
    assert uneven_frequencies(*digits(counts, labels=5)) is None


@pytest.mark.parametrize(("labels", "images"), [(2, True), (5, False), (90, True)],
                         ids=["too few labels", "columns", "nearly all labelled"])
def test_cases_in_which_nobody_is_asked(labels, images):
    assert uneven_frequencies(*digits({0: 100, 1: 9 if labels < 9 else 10}, labels, images)) is None


def test_where_the_nearest_labelled_row_is_often_wrong():
    data, split = digits({0: 170, 1: 9}, labels=5)
    mixed = data.y.copy()
    mixed[split.labelled] = np.arange(len(split.labelled)) % 2
    assert uneven_frequencies(Dataset("mixed", data.x, mixed, data.x[:0], mixed[:0], [0, 1]), split) is None


@pytest.mark.parametrize("labels", [30, 100, 500])
def test_the_digits_are_even(labels):
    data = load_data("digits")
    assert uneven_frequencies(data, split_data(data, labels)) is None


def test_a_training_takes_them_and_says_so(tmp_path):
    data, split = digits({0: 170, 1: 9}, labels=5)
    model, _, _, options = prepare("few-labels", data, None, split, 0, {"channels": 2}, {"steps": 1})
    assert options["frequencies"] == uneven_frequencies(data, split)
    assert model.category.prior.balance == pytest.approx(options["frequencies"])
    fixed = prepare("few-labels", data, None, split, 0, {"channels": 2, "frequencies": [1, 1]}, {"steps": 1})[3]
    assert fixed["frequencies"] == (1, 1)
    result = train_preset("few-labels", data, changes={"channels": 2}, steps=1, progress=False)
    assert any("The classes are uneven" in note for note in result.notes)


def test_the_sentence_lists_the_rarest_classes():
    note = frequency_note(["a", "b", "c", "d", "e"], [0.5, 0.05, 0.15, 0.2, 0.1])
    assert "to be so: 'b' 5 %, 'e' 10 %, 'c' 15 %, 'd' 20 %, ...; --set" in note
