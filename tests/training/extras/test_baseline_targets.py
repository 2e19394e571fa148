import numpy as np
import pytest
import torch

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference
from aae.evaluation.vector_committee import VectorCommittee
from aae.model.table_fit import fit_vectors
from aae.runs.prepare import prepare
from aae.training.extras.baseline_targets import BaselineTargets
from aae.training.train import train
from helpers.vectors import groups, only


def prepared(labelled=40, rows=200, steps=150):
    """Two classes that are apart, in four columns."""
    y = np.arange(rows) % 2
    x = np.random.default_rng(0).normal(size=(rows, 4)).astype(np.float32)
    x[:, 0] += 6 * y
    numbers = np.arange(rows)
    data = Dataset("groups", x, y, x[:0], y[:0], ["a", "b"])
    split = Split(numbers[:labelled], numbers[labelled:], numbers[:0])
    options = {"network": "ensemble", "members": 2, "hidden": [8], "layer_norm": False, "baseline_targets": 1.0}
    return data, split, prepare("few-labels", data, labelled, split, 0, options, {"steps": steps})


def test_unlabelled_rows_learn_what_the_committee_says():
    data, split, (model, settings, *_) = prepared()
    result = train(model, data, settings, split=split, progress=False)
    extra = next(extra for extra in settings.extras if isinstance(extra, BaselineTargets))
    assert extra.committee.errors["random_forest"] == 0
    assert (inference.classify(result.model, data.x).argmax(1) == data.y).mean() > 0.98


def test_targets_follow_from_data_and_seed():
    """So that a training can be resumed."""
    targets = []
    for _ in range(2):
        data, split, (model, settings, *_) = prepared(steps=2)
        train(model, data, settings, split=split, progress=False)
        extra = next(extra for extra in settings.extras if isinstance(extra, BaselineTargets))
        targets.append(extra._targets)
    assert torch.equal(*targets)


@pytest.mark.parametrize("labelled", [200, 100])
def test_it_does_nothing_without_unlabelled_rows(labelled):
    data, split, (model, settings, *_) = prepared(labelled, labelled, steps=2)
    train(model, data, settings, split=split, progress=False)
    assert next(e for e in settings.extras if isinstance(e, BaselineTargets)).committee is None


@pytest.mark.parametrize("preset", ["few-labels", "clustering"])
def test_vectors_learn_from_a_mixture_with_and_without_labels(preset):
    x, y = groups(apart=1.0)
    labels = only(y, 3) if preset == "few-labels" else np.full(len(y), -1)
    names = ["a", "b", "c"] if preset == "few-labels" else []
    data = Dataset("vectors", x, labels, x[:0], labels[:0], names, table=fit_vectors(x))
    split = Split(np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0), np.arange(0))
    options = {"clusters": 3} if preset == "clustering" else {}
    model, settings, *_ = prepare(preset, data, len(split.labelled), split, 0, options, {"steps": 60})
    assert model.trunk.unit_length
    result = train(model, data, settings, split=split, progress=False)
    found = inference.classify(result.model, x).argmax(1)
    assert len({(int(a), int(b)) for a, b in zip(found, y, strict=True)}) == 3


def of_vectors(preset, labels, names, **options):
    """The extra after two steps; without labels all rows make whole batches, of which the targets are."""
    x, _ = groups(256, apart=1.0)
    data = Dataset("vectors", x, labels, x[:0], labels[:0], names, table=fit_vectors(x))
    split = Split(np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0), np.arange(0))
    model, settings, *_ = prepare(preset, data, len(split.labelled), split, 0, options, {"steps": 2})
    train(model, data, settings, split=split, progress=False)
    return next(extra for extra in settings.extras if isinstance(extra, BaselineTargets))


def test_targets_of_vectors_are_of_the_unlabelled_rows_and_follow_from_data_and_seed():
    y = only(groups(256, apart=1.0)[1], 5)
    first, second = (of_vectors("few-labels", y, ["a", "b", "c"]) for _ in range(2))
    assert isinstance(first.committee, VectorCommittee)
    assert first._targets.shape == (len(first._x), 3)
    assert len(first.committee.probabilities) == 15 + len(first._x)
    assert torch.equal(first._targets, second._targets)


def test_labels_of_vectors_do_not_reach_clusters():
    y = groups(256, apart=1.0)[1]
    found = [of_vectors("clustering", labels, names, clusters=3)._targets
             for labels, names in ((np.full(256, -1), []), (only(y, 20), ["a", "b", "c"]))]  # fmt: skip
    assert [len(targets) for targets in found] == [256, 256]


def test_vectors_that_all_have_labels_need_no_targets():
    assert of_vectors("few-labels", groups(256, apart=1.0)[1], ["a", "b", "c"]).committee is None


def test_fewer_vectors_than_clusters():
    targets = of_vectors("clustering", np.full(256, -1), [], clusters=257)._targets
    assert targets.shape == (256, 257)
    assert bool(targets.isfinite().all())
