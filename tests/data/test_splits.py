from dataclasses import replace

import numpy as np
import pytest

from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.data.splits import split_data
from aae.system.errors import AAEError, UsageError


def dataset(y, classes=None):
    y = np.asarray(y)
    classes = list(range(y.max() + 1)) if classes is None else classes
    x = np.arange(len(y), dtype=np.float32)[:, None]
    return Dataset("set", x, y, x[:1], y[:1], classes)


@pytest.fixture
def data():
    """600 rows of 4 classes in no order, 60 of them unlabelled."""
    y = np.random.default_rng(0).permutation(np.arange(600) % 4)
    y[::10] = -1
    return dataset(y)


def parts(split):
    return split.labelled, split.unlabelled, split.validation


@pytest.mark.parametrize("labels", [0, 4, 40, 42, 540, None])
def test_parts_are_disjoint_and_complete(data, labels):
    split = split_data(data, labels)
    together = np.concatenate(parts(split))
    assert np.array_equal(np.sort(together), np.arange(600))
    assert all(np.array_equal(rows, np.sort(rows)) for rows in parts(split))


@pytest.mark.parametrize(("labels", "labelled", "validation"), [(0, 0, 100), (40, 40, 100), (540, 540, 59)])
def test_sizes(data, labels, labelled, validation):
    split = split_data(data, labels)
    assert (len(split.labelled), len(split.validation)) == (labelled, validation)


def test_large_sets_keep_ten_thousand_rows_for_validation():
    split = split_data(dataset(np.arange(50_000) % 10), 100)
    assert [len(rows) for rows in parts(split)] == [100, 39_900, 10_000]


@pytest.mark.parametrize("labels", [4, 40, 42, 43])
def test_labels_of_bundled_data_are_drawn_evenly(data, labels):
    split = split_data(replace(data, bundled=True), labels)
    counts = np.bincount(data.y[split.labelled], minlength=4)
    assert counts.sum() == labels
    assert np.ptp(counts) <= 1


def test_all_rows_of_a_small_class_of_bundled_data_are_used():
    data = replace(dataset([0] * 3 + [1] * 97), bundled=True)
    assert np.bincount(data.y[split_data(data, 20).labelled]).tolist() == [3, 17]


@pytest.mark.parametrize("labels", [2, 3, 200, 900])
def test_labels_of_other_data_are_as_frequent_as_there(labels):
    """With a fixed number from each class, classes of the labelled rows and of the rest would differ from the data."""
    data = dataset([0] * 100 + [1] * 900)
    split = split_data(data, labels)
    counts = np.bincount(data.y[split.labelled], minlength=2)
    assert counts.sum() == labels
    assert counts.min() >= 1
    assert abs(counts[0] - max(1, labels / 10)) <= 4 * np.sqrt(labels * 0.09) * (labels > 3) + 1
    if labels == 900:
        rest = np.concatenate([split.validation, split.unlabelled])
        assert 1 <= (data.y[rest] == 0).sum() <= 22


def test_all_labels_means_every_row_outside_validation(data):
    split = split_data(data, None)
    assert len(split.validation) == 100
    assert (data.y[split.labelled] >= 0).all()
    assert (data.y[split.unlabelled] == -1).all()


def test_splits_follow_the_seed(data):
    first, again, other = (split_data(data, 40, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(parts(first), parts(again), strict=True))
    assert not np.array_equal(first.labelled, other.labelled)
    assert not np.array_equal(first.validation, other.validation)


def test_a_set_without_labels_can_be_split():
    data = dataset(np.full(60, -1), classes=[])
    for labels in (0, None):
        split = split_data(data, labels)
        assert [len(rows) for rows in parts(split)] == [0, 50, 10]


@pytest.fixture(scope="module")
def ordered():
    """3 classes of 1,310 or more rows in turns, with some rows of no class between them."""
    y = np.arange(4 * 1320) % 4
    y[y == 3] = -1
    return dataset(y)


@pytest.mark.parametrize(("labels", "each"), [(0, 0), (30, 10), (900, 300), (None, 300)])
def test_the_tutorial_split_follows_file_order(ordered, labels, each):
    split = split_data(ordered, labels, "tutorial", seed=5)
    for k in range(3):
        rows = np.flatnonzero(ordered.y == k)
        found = [part[ordered.y[part] == k] for part in parts(split)]
        assert np.array_equal(found[0], rows[:each])
        assert np.array_equal(found[1], rows[1300:])
        assert np.array_equal(found[2], rows[300:1300])
    assert sum(map(len, parts(split))) == 3 * (each + 20 + 1000)
    assert np.array_equal(split.labelled, split_data(ordered, labels, "tutorial", seed=6).labelled)


FEW = dataset(np.arange(30) % 3)
REFUSED = {
    "negative": ((FEW, -1), "must be a whole number of at least 0, not -1"),
    "word": ((FEW, "ten"), "The number of labels must be a whole number of at least 0, not 'ten'"),
    "half a label": ((FEW, 3.5), "The number of labels must be a whole number of at least 0, not 3.5"),
    "seed below zero": ((FEW, 3, "random", -1), "seed must be a whole number from 0 to below 9223372036854775808, not"),
    "seed too large": ((FEW, 3, "random", 2**63), "seed must be a whole number from 0 to below 9223372036854775808"),
    "seed, word": ((FEW, 3, "random", "a"), "seed must be a whole number from 0 to below .*, not 'a'"),
    "no split": ((FEW, 3, None), "no split None. Known: random, tutorial"),
    "fewer than classes": ((FEW, 2), "2 labels are fewer than the 3 classes"),
    "more than rows": ((FEW, 31), "31 labels were asked for, but set has 30 labelled training rows"),
    "no labels at all": ((dataset(np.full(30, -1), []), 10), "10 labels were asked for, but the data set set has none"),
    "empty class": ((dataset(np.arange(30) % 2, ["a", "b", "c"]), 6), "Class 'c' of set has no labelled row"),
    "unknown": ((FEW, 3, "tutorials"), "no split 'tutorials'; did you mean 'tutorial'"),
    "tutorial, small": ((FEW, 3, "tutorial"), "needs 1,300 rows of each class; class 0 of set has 10"),
    "tutorial, uneven": ((FEW, 10, "tutorial"), "not possible with 10. Use a multiple of 3 up to 900"),
    "tutorial, too many": ((FEW, 903, "tutorial"), "at most 300, from each class, which is not possible with 903"),
    "tutorial, no classes": ((dataset(np.full(30, -1), []), 0, "tutorial"), "needs labels, but set has none"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_impossible_splits_are_refused(case):
    arguments, sentence = REFUSED[case]
    with pytest.raises(AAEError, match=sentence):
        split_data(*arguments)


def test_an_unknown_split_is_a_usage_error():
    with pytest.raises(UsageError):
        split_data(FEW, 3, "random split")


@pytest.mark.mnist
def test_the_tutorial_split_of_mnist():
    data = load_data("mnist")
    split = split_data(data, 100, "tutorial")
    assert [len(rows) for rows in parts(split)] == [100, 47_000, 10_000]
    assert np.bincount(data.y[split.labelled]).tolist() == [10] * 10
    assert np.bincount(data.y[split.validation]).tolist() == [1000] * 10
