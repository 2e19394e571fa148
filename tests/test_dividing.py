import copy

import pytest
import torch
from tests.models import CLASSES, FAMILIES, SHAPE
from torch import nn

import aae
from aae.build import build_model, build_settings
from aae.dividing import Dividing
from aae.fewlabels import class_logits
from aae.presets import resolve
from aae.trainer import Trainer, make_fabric


def with_shares(shares):
    """A model that gives every row these class probabilities."""
    model = FAMILIES["clustering"]()
    head = model.category.posterior.logits
    nn.init.normal_(head.weight, std=1e-4)
    head.bias.data = torch.tensor(shares).log()
    return model


def shares_of(model, x):
    model.eval()
    return class_logits(model, x).softmax(-1).mean(0).tolist()


def test_two_halves_of_the_largest_stand_in_for_the_smallest():
    x = torch.randn(50, *SHAPE)
    model = with_shares([0.75, 0.05, 0.2])
    before = copy.deepcopy(model.category.posterior.logits)
    assert Dividing().divide(model, model, [], x) == [(1, 0)]
    after = model.category.posterior.logits
    assert shares_of(model, x) == pytest.approx([0.375 / 0.95, 0.375 / 0.95, 0.2 / 0.95], abs=1e-3)
    assert torch.equal(after.weight[2], before.weight[2])
    halves = (after.weight[0] + after.weight[1]) / 2
    torch.testing.assert_close(halves, before.weight[0])
    step = (after.weight[0] - halves).norm() / before.weight[0].norm()
    assert 0.02 < step < 0.3


@pytest.mark.parametrize(("shares", "done"), [
    ([0.4, 0.35, 0.25], []),  # none is small
    ([0.42, 0.42, 0.16], []),  # one is, and none is large
    ([0.97, 0.02, 0.01], [(2, 0), (1, 0)]),  # of two equal halves, the first
])
def test_until_none_is_small_or_none_large(shares, done):
    found = Dividing().divide(*[with_shares(shares)] * 2, [], torch.randn(20, *SHAPE))
    assert found == done


def test_the_average_is_counted_and_divided_alike():
    x = torch.randn(20, *SHAPE)
    model, kept = with_shares([0.3, 0.3, 0.4]), with_shares([0.1, 0.8, 0.1])
    assert Dividing(least=0.5).divide(model, kept, [], x)[0][1] == 1
    steps = [
        (head.weight[1] - head.weight[0]) / head.weight[1].norm()
        for head in (m.category.posterior.logits for m in (model, kept))
    ]
    assert nn.functional.cosine_similarity(*steps, dim=0) > 0.99


@pytest.mark.parametrize("make", [
    lambda parameters: torch.optim.Adam(parameters, fused=True),
    lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
])
def test_the_moments_go_with_the_weights(make):
    model = with_shares([0.75, 0.05, 0.2])
    head, optimizer = model.category.posterior.logits, make(model.parameters())
    (class_logits(model, torch.randn(9, *SHAPE)) * torch.tensor([1.0, 2.0, 3.0])).square().sum().backward()
    optimizer.step()
    nn.init.normal_(head.weight, std=1e-4)
    head.bias.data = torch.tensor([0.75, 0.05, 0.2]).log()
    apart = copy.deepcopy(optimizer.state[head.weight])
    assert Dividing().divide(model, model, [optimizer], torch.randn(9, *SHAPE)) == [(1, 0)]
    for parameter in (head.weight, head.bias):
        moments = [v for v in optimizer.state[parameter].values() if torch.is_tensor(v) and v.shape == parameter.shape]
        assert moments
        for moment in moments:
            assert torch.equal(moment[1], moment[0])
    for name, value in apart.items():
        if torch.is_tensor(value) and value.shape == head.weight.shape:
            assert torch.equal(optimizer.state[head.weight][name][2], value[2])


def test_it_is_due_in_the_middle_of_a_training():
    dividing = Dividing(begin=0.2, end=0.8, every=10)
    assert [step for step in range(100) if dividing.due(step, step / 100)] == [20, 30, 40, 50, 60, 70]


def trainer_of(preset, labels=0, **changes):
    data = aae.load_data("digits")
    split = aae.split_data(data, labels, seed=1)
    options = resolve(preset, {"network": "mlp", "hidden": [16], "dividing": True} | changes)
    model = build_model(options, data, labels)
    settings = build_settings(options, data, 10, {"steps": 200})
    return Trainer(model, data, split, settings, 0, make_fabric("cpu", "32"))


def test_a_training_divides_and_goes_on_the_same_after_going_back():
    trainer = trainer_of("clustering", clusters=CLASSES)
    for model in (trainer.model, trainer.kept):
        model.category.posterior.logits.bias.data.copy_(torch.tensor([0.0, -20.0, -20.0]))
    while trainer.step < 50:
        trainer.train_step()
    begun = copy.deepcopy(trainer.state())
    heads = []
    for _ in range(2):
        trainer.restore(copy.deepcopy(begun))
        bias = trainer.model.category.posterior.logits.bias
        before = bias.detach().clone()
        trainer.train_step()
        assert (bias - before).abs().max() > 1  # far more than a step moves it
        heads.append({name: value.clone() for name, value in trainer.state()["model"].items()})
    for name, value in heads[0].items():
        assert torch.equal(value, heads[1][name]), name


@pytest.mark.parametrize(("preset", "labels", "changes"), [
    ("semi-supervised", 30, {}), ("vae", 0, {}), ("discrete-vae", 0, {"variables": 2}),
])
def test_classes_with_labels_and_other_codes_are_left_alone(preset, labels, changes):
    trainer = trainer_of(preset, labels, **changes)
    assert trainer.settings.dividing is not None
    assert trainer._dividing is None
