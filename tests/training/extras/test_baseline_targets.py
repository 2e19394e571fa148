import numpy as np
import pytest
import torch

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference
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
