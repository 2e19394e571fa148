from dataclasses import replace

import numpy as np
import pytest
import torch

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference
from aae.runs.prepare import prepare
from aae.training.extras.class_alignment import MARGIN, ClassAlignment, _log_probabilities, class_shift
from aae.training.train import train

ROUNDING = 1.03  # a share of few rows changes by whole rows


def shares(logits, shift):
    return torch.bincount((logits + shift).argmax(1), minlength=logits.shape[1]) / len(logits)


@pytest.mark.parametrize("prior", [
    [0.97, 0.03], [0.03, 0.97], [0.9, 0.08, 0.02], [0.5, 0.47, 0.01, 0.02], [0.91, *[0.01] * 9],
], ids=str)
@pytest.mark.parametrize("bias", [-8.0, 0.0, 8.0])
def test_shares_come_within_the_margin(prior, bias):
    """From a network that predicts a class never, or for nearly all rows."""
    prior = torch.tensor(prior)
    logits = 3 * torch.randn(4000, len(prior), generator=torch.Generator().manual_seed(0))
    logits[:, -1] += bias
    shift = class_shift(logits, prior)
    found = shares(logits, shift) / prior
    assert found.min() > 1 / MARGIN / ROUNDING
    assert found.max() < MARGIN * ROUNDING
    assert abs(float(shift.sum())) < 1e-4


def test_within_the_margin_nothing_changes():
    logits = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(class_shift(logits, torch.tensor([0.33, 0.36, 0.31])), torch.zeros(3))


def test_without_a_cap_classes_are_only_raised():
    logits = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    prior = torch.tensor([0.97, 0.03])
    assert shares(logits, class_shift(logits, prior))[1] < 0.03 * MARGIN * ROUNDING
    assert torch.equal(class_shift(logits, prior, capped=False), torch.zeros(2))
    assert shares(logits, class_shift(logits - torch.tensor([0.0, 9.0]), prior, capped=False))[1] > 0.02


def test_rows_that_are_all_alike_keep_their_class():
    """Any shift would give all of them another."""
    logits = torch.tensor([[1.0, 0.0]]).repeat(100, 1)
    assert torch.equal(class_shift(logits, torch.tensor([0.97, 0.03])), torch.zeros(2))


def prepared(rows, labels, **changes):
    """A training on two groups with 97 rows to 3, of which one in forty labels is of the rare one."""
    y = np.zeros(rows, dtype=np.int64)
    y[: max(1, rows * 3 // 100)] = 1
    x = np.random.default_rng(0).normal(size=(rows, 4)).astype(np.float32)
    x[y == 1] += 2
    known = np.r_[0, np.arange(rows - labels + 1, rows)]
    data = Dataset("rows", x, y, x[:0], y[:0], ["a", "b"])
    split = Split(known, np.setdiff1d(np.arange(rows), known), np.arange(0))
    changes = {"hidden": [8], "discriminator_hidden": [8], **changes}
    model, settings, split, _ = prepare("few-labels", data, None, split, 0, changes, {"steps": 5})
    return model, data, settings, split


def trained_share(*prepared_parts):
    model, data, settings, split = prepared_parts
    result = train(model, data, settings, split=split, progress=False)
    return inference.classify(result.model, data.x[split.unlabelled])[:, 1]


def test_a_training_ends_with_the_share_of_the_prior():
    """After five steps, a network knows next to nothing of either class."""
    p = trained_share(*prepared(2000, 40))
    assert 0.027 / MARGIN / ROUNDING < (p > 0.5).mean() < 0.027 * MARGIN * ROUNDING
    uniform = prepared(2000, 40, class_prior="uniform")[2]
    assert not any(isinstance(extra, ClassAlignment) for extra in uniform.extras)


@pytest.mark.parametrize(("changes", "capped"), [({}, True), ({"class_weight": "balanced"}, False)])
def test_weights_lift_the_cap(changes, capped):
    extras = prepared(400, 40, **changes)[2].extras
    assert [extra.capped for extra in extras if isinstance(extra, ClassAlignment)] == [capped]


def test_too_few_rows_say_nothing():
    model, data, settings, split = prepared(100, 40)
    other = prepared(100, 40)
    others = [extra for extra in other[2].extras if not isinstance(extra, ClassAlignment)]
    assert len(others) == len(settings.extras) - 1
    plain = trained_share(other[0], data, replace(settings, extras=others), split)
    assert np.array_equal(trained_share(model, data, settings, split), plain)


def test_probabilities_that_round_to_zero_shift_by_finite_numbers():
    """A network that is certain by thousands of logits, in one way for single ones and ensembles."""
    for changes in ({}, {"network": "mlp", "batch_norm": True}):
        model = prepared(400, 40, **changes)[0].eval()
        layer = getattr(model.category.posterior, "heads", None) or model.category.posterior.logits
        layer.bias.data[..., 1] -= 5000.0
        logs = _log_probabilities(model, torch.randn(50, 4))
        assert torch.isfinite(logs).all()
        assert torch.isfinite(class_shift(logs, torch.tensor([0.9, 0.1]))).all()
