import numpy as np
import pytest
from sklearn.datasets import load_digits

from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.data.splits import Split, split_data
from aae.presets.classes import label_frequencies, prior_note, resolve_classes, uneven_frequencies
from aae.presets.presets import resolve
from aae.runs.prepare import prepare
from aae.runs.train import train_preset
from aae.system.errors import AAEError

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


@pytest.mark.parametrize(("counts", "low", "high"), [
    ([39, 1], 0.025, 0.03), ([38, 2], 0.05, 0.06), ([20, 20], 0.5, 0.5), ([21, 19], 0.5, 0.5), ([10] * 10, 0.1, 0.1),
    ([13, 13, 14], 1 / 3, 1 / 3), ([1, 1], 0.5, 0.5), ([0, 40], 0.01, 0.03), ([2, 1], 0.5, 0.5),
    ([970, 30], 0.03, 0.0301), ([60, 40], 0.4, 0.43), ([3000, 2000], 0.4, 0.401),
])  # fmt: skip
def test_frequencies_by_labels(counts, low, high):
    shares = label_frequencies(counts)
    assert low <= min(shares) <= high
    assert sum(shares) == pytest.approx(1)
    even = len(set(shares)) == 1
    assert even == (low == high)  # exactly equal, so that no training changes
    assert even or np.argmax(shares) == np.argmax(counts)


def test_chance_draws_of_even_classes_stay_close_to_even():
    """Closer than the labels' own frequencies, which are off by a third where there are ten labels of a class."""
    draws = np.random.default_rng(0).multinomial(100, [0.1] * 10, 200)
    error = np.mean([np.square(np.array(label_frequencies(counts)) - 0.1).sum() for counts in draws])
    assert error < 0.15 * np.square(draws / 100 - 0.1).sum(1).mean()


def columns(counts):
    """Columns with labels of some classes, and as many rows without."""
    y = np.repeat([*range(len(counts)), -1], [*counts, 20])
    x = np.random.default_rng(0).normal(size=(len(y), 3)).astype(np.float32)
    return Dataset("some", x, y, x[:0], y[:0], ["a", "b", "c"][: len(counts)]), Split(
        np.flatnonzero(y >= 0), np.flatnonzero(y < 0), np.arange(0)
    )


def resolved(preset, counts, **changes):
    return resolve_classes(resolve(preset, changes, 3), *columns(counts))


@pytest.mark.parametrize(("preset", "counts", "changes", "found"), [
    ("few-labels", [39, 1], {}, tuple(label_frequencies([39, 1]))),
    ("semi-supervised", [39, 1], {}, tuple(label_frequencies([39, 1]))),
    ("supervised", [39, 1], {}, tuple(label_frequencies([39, 1]))),
    ("embedding", [39, 1], {}, tuple(label_frequencies([39, 1]))),
    ("few-labels", [39, 1], {"class_prior": "uniform"}, "uniform"),
    ("few-labels", [39, 1], {"class_prior": [0.9, 0.1]}, (0.9, 0.1)),
    ("few-labels", [20, 20], {}, "uniform"), ("clustering", [39, 1], {}, "labels"), ("vae", [39, 1], {}, "labels"),
    ("clustering", [39, 1], {"class_prior": [1, 2]}, (1, 2)),
])  # fmt: skip
def test_the_prior_that_options_and_labels_give(preset, counts, changes, found):
    assert resolved(preset, counts, **changes).class_prior == found


@pytest.mark.parametrize(("given", "found"), [
    (None, None), ("balanced", (40 / (2 * 30), 40 / (2 * 10))), ([1, 3], (1, 3)),
])  # fmt: skip
def test_weights_of_classes(given, found):
    weights = resolved("few-labels", [30, 10], class_weight=given).class_weight
    assert weights == (found if found is None else pytest.approx(found))


@pytest.mark.parametrize(("preset", "given", "sentence"), [
    ("few-labels", [1, 2, 3], "class_weight holds 3 numbers for 2 classes; give one for each"),
    ("few-labels", "even", "class_weight takes balanced, a list of numbers .*, or equal, not 'even'"),
    ("vae", [1, 2], "of a classifier's labels, and this preset learns no classifier; drop it"),
    ("supervised", "balanced", "learns no classifier"), ("clustering", "balanced", "learns no classifier"),
])  # fmt: skip
def test_weights_that_cannot_be_used(preset, given, sentence):
    with pytest.raises(AAEError, match=sentence):
        resolved(preset, [30, 10], class_weight=given)


def test_a_training_takes_them_and_says_so():
    data, split = digits({0: 170, 1: 9}, labels=5)
    model, _, _, options = prepare("few-labels", data, None, split, 0, {"channels": 2}, {"steps": 1})
    assert options["class_prior"] == tuple(uneven_frequencies(data, split))
    assert model.category.prior.balance == pytest.approx(options["class_prior"])
    fixed = prepare("few-labels", data, None, split, 0, {"channels": 2, "class_prior": [1, 1]}, {"steps": 1})[3]
    assert fixed["class_prior"] == (1, 1)
    result = train_preset("few-labels", data, changes={"channels": 2}, steps=1, progress=False)
    assert any("Class frequencies are estimated from" in note for note in result.notes)
    uniform = {"channels": 2, "class_prior": "uniform"}
    assert not any("uneven" in note for note in train_preset("few-labels", data, changes=uniform, steps=1,
                                                             progress=False).notes)  # fmt: skip


def test_a_training_takes_the_weights():
    data, split = columns([30, 10])
    settings = prepare("few-labels", data, None, split, 0, {"class_weight": "balanced"}, {"steps": 1})[1]
    assert settings.class_weights == pytest.approx((40 / 60, 40 / 20))


def test_the_sentence_lists_the_rarest_classes():
    note = prior_note(["a", "b", "c", "d", "e"], [0.49, 0.06, 0.15, 0.2, 0.1])
    assert "labelled examples: 'b' 6 %, 'e' 10 %, 'c' 15 %, 'd' 20 %, ...; --set class_prior=[...] sets" in note
    assert "'a' 97 %, 'b' 3 %, and rare ones are predicted about that often; --set" in prior_note("ab", [0.97, 0.03])
