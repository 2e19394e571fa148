import copy
import math

import pytest
import torch
from torch import nn

import aae
from aae.distributed.fabric import make_fabric
from aae.model.priors import CategoricalPrior
from aae.presets.build import build_model
from aae.presets.build_settings import build_settings
from aae.presets.presets import resolve
from aae.system.errors import AAEError
from aae.training.extras.split_clusters import SplitClusters, _halves
from aae.training.trainer import Trainer
from helpers.close import assert_close
from helpers.models import CLASSES, FAMILIES, SHAPE, TERMS

pytestmark = pytest.mark.numeric


def group(count, *mean, seed=0):
    """Features of changed copies of rows around a mean; rows and copies spread widely along the second axis."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, 4, generator=draw) * torch.tensor([1.0, 6.0, 1.0, 1.0]) + torch.tensor([*mean, 0.0, 0.0])
    within = torch.randn(3, count, 4, generator=draw) * torch.tensor([0.5, 6.0, 0.5, 0.5])
    return rows + within


def model_of_heads(*heads, family="clustering"):
    """A model whose clusters have these weights of the first feature, and these biases."""
    model = FAMILIES[family]()
    posterior = model.category.posterior
    posterior.logits = nn.Linear(4, len(heads))
    posterior.logits.weight.data = torch.tensor([[weight, 0.0, 0.0, 0.0] for weight, _ in heads])
    posterior.logits.bias.data = torch.tensor([offset for _, offset in heads])
    return model


def clusters(model, copies):
    return model.category.posterior.logits(copies).argmax(-1)


def split(model, copies, averaged=None, optimizers=(), **options):
    features = torch.cat([copies.mean(0, keepdim=True), copies])
    extra, averaged = SplitClusters(nn.Identity(), **options), averaged or model
    return extra.split(model, averaged, optimizers, extra.plan(averaged, features))


@pytest.mark.parametrize("seed", range(3))
def test_two_groups_are_separated_where_changes_do_not_lead_from_one_to_the_other(seed):
    copies = torch.cat([group(300, -4.0, 0.0, seed=seed), group(200, 4.0, 0.0, seed=seed + 10)], 1)
    model = model_of_heads((0.0, 0.0), (0.0, -20.0), (0.0, -30.0))
    assert split(model, copies) == [(1, 0)]
    found = clusters(model, copies)
    assert set(found.unique().tolist()) == {0, 1}
    first, second = found[:, :300], found[:, 300:]
    assert (first == first.mode().values.mode().values).float().mean() > 0.99
    assert (second != first.mode().values.mode().values).float().mean() > 0.99


def test_one_group_is_not_split():
    assert split(model_of_heads((0.0, 0.0), (0.0, -20.0), (0.0, -30.0)), group(3000, 0.0, 0.0)) == []


def test_a_small_group_gets_an_unused_head():
    copies = torch.cat([group(300, 0.0, 0.0), group(30, 40.0, 0.0, seed=1)], 1)
    heads = (0.0, 0.0), (0.0, -20.0)
    assert split(model_of_heads(*heads), copies) == [(1, 0)]
    assert split(model_of_heads(*heads), copies[:, :305]) == []  # five rows are too few for a group


def test_a_cluster_that_the_prior_expects_to_be_small_keeps_its_head():
    copies = torch.cat([group(300, 0.0, 0.0), group(60, 40.0, 0.0, seed=1), group(20, -80.0, 0.0, seed=3)], 1)
    model = model_of_heads((0.0, 0.0), (-1.0, -60.0))
    assert split(model, copies) == [(1, 0)]
    model.category.prior = CategoricalPrior(2, [0.94, 0.06])
    assert split(model, copies) == []


@pytest.mark.parametrize(("count", "expected"), [(30, 0), (100, 1)])
def test_a_small_group_does_not_get_the_head_of_a_shared_one(count, expected):
    copies = torch.cat([group(300, 0.0, 0.0), group(count, 40.0, 0.0, seed=1), group(300, -40.0, 0.0, seed=2)], 1)
    model = model_of_heads((0.0, 0.0), (-1.0, -20.0), (-2.0, -60.0))  # the third group is shared by two clusters
    done = split(model, copies)
    assert len(done) == expected
    assert all(large == 0 for _, large in done)


def test_a_head_with_rows_of_its_own_goes_to_twice_as_many():
    few = group(20, -80.0, 0.0, seed=3)
    heads = (0.0, 0.0), (-1.0, -60.0)
    for count, expected in ((30, []), (50, [(1, 0)])):
        copies = torch.cat([group(300, 0.0, 0.0), group(count, 40.0, 0.0, seed=1), few], 1)
        assert split(model_of_heads(*heads), copies) == expected


def test_halves_of_a_gaussian_are_as_far_apart_as_the_closed_form_says():
    # Each half of a normal variable has mean sqrt(2 / pi) and variance 1 - 2 / pi.
    points = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0)).double()
    assert _halves(points).distance == pytest.approx(2 * math.sqrt(2 / math.pi) / math.sqrt(1 - 2 / math.pi), rel=0.02)
    assert _halves(points[:20]) is None


def test_rows_that_are_all_the_same_have_no_halves():
    assert _halves(torch.ones(40, 2).double()) is None


def test_one_of_two_clusters_that_share_a_group_is_given_up():
    copies = torch.cat([group(300, -14.0, 0.0), group(300, -6.0, 0.0, seed=1), group(600, 10.0, 0.0, seed=2)], 1)
    model = model_of_heads((-1.0, 0.0), (1.0, -3.0), (2.0, -13.2))  # two groups in cluster 0, the third in two clusters
    assert set(clusters(model, copies.mean(0))[600:].tolist()) == {1, 2}
    smaller = int(torch.bincount(clusters(model, copies.mean(0)), minlength=3)[1:].argmin()) + 1
    assert split(model, copies) == [(smaller, 0)]
    found = clusters(model, copies.mean(0))
    assert len(found[:300].unique()) == len(found[300:600].unique()) == len(found[600:].unique()) == 1
    assert len(found.unique()) == 3
    assert split(model, copies) == []


def test_groups_within_the_margin_are_not_split():
    copies = torch.cat([group(300, mean, 0.0, seed=int(mean) + 30) for mean in (-16.0, -10.0, 10.0, 16.0)], 1)
    heads = (-1.0, 0.0), (1.0, 0.0), (2.0, -13.0)
    assert split(model_of_heads(*heads), copies) == []
    assert split(model_of_heads(*heads), copies, margin=0.5) == [(1, 0)]


def test_model_and_average_are_split_alike():
    copies = torch.cat([group(300, -4.0, 0.0), group(200, 4.0, 0.0, seed=10)], 1)
    model, averaged = (model_of_heads((weight, 0.0), (0.0, -20.0)) for weight in (0.3, 0.0))
    assert split(model, copies, averaged) == [(1, 0)]
    heads = [part.category.posterior.logits.weight for part in (model, averaged)]
    size = max(weight.abs().max().item() for weight in heads)
    assert_close(*(weight[1] - weight[0] for weight in heads), 3, size)
    assert (clusters(averaged, copies[:, :300]) != clusters(averaged, copies[:, 300:301])).float().mean() > 0.99


@pytest.mark.parametrize("make", [
    lambda parameters: torch.optim.Adam(parameters, fused=True),
    lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
])
def test_the_moments_are_copied_with_the_weights(make):
    copies = torch.cat([group(300, -4.0, 0.0), group(200, 4.0, 0.0, seed=10)], 1)
    model = model_of_heads((0.0, 0.0), (0.0, -20.0), (0.0, -10.0))
    head, optimizer = model.category.posterior.logits, make(model.parameters())
    before = copy.deepcopy(head.state_dict())
    (head(copies) * torch.tensor([1.0, 2.0, 3.0])).square().mean().backward()
    optimizer.step()
    head.load_state_dict(before)
    apart = copy.deepcopy(optimizer.state[head.weight])
    assert split(model, copies, optimizers=[optimizer]) == [(1, 0)]
    for parameter in (head.weight, head.bias):
        moments = [v for v in optimizer.state[parameter].values() if torch.is_tensor(v) and v.shape == parameter.shape]
        assert moments
        for moment in moments:
            assert torch.equal(moment[1], moment[0])
    for name, value in apart.items():
        if torch.is_tensor(value) and value.shape == head.weight.shape:
            assert torch.equal(optimizer.state[head.weight][name][2], value[2])


def test_features_are_of_rows_and_their_changed_copies():
    model = FAMILIES["clustering"]().train()
    x = torch.randn(1500, *SHAPE)
    features = SplitClusters(nn.Identity()).features(model, x)
    assert not model.training
    assert_close(features, model.trunk(x).expand_as(features), TERMS)
    rows, *copies = SplitClusters(Flip()).features(model, x)
    assert_close(rows, model.trunk(x), TERMS)
    for turned in copies:
        assert_close(turned, model.trunk(-x), TERMS)


def test_rows_are_assigned_by_their_unchanged_features():
    copies = torch.cat([group(300, -4.0, 0.0), group(200, 4.0, 0.0, seed=10)], 1)
    model = model_of_heads((-1.0, 0.0), (1.0, 0.0), (0.0, 0.8), (0.0, -20.0))
    rows = 0.1 * copies.mean(0, keepdim=True)  # all in the third cluster, while their copies are in the first two
    features = torch.cat([rows, copies])
    assert set(clusters(model, rows).unique().tolist()) == {2}
    assert (clusters(model, copies) != 2).float().mean() > 0.9
    plan = SplitClusters(nn.Identity()).plan(model, features)
    assert plan[:, 1].tolist() == [2, -1, -1, -1]


def test_nothing_is_split_if_features_are_not_finite():
    copies = torch.cat([group(300, -4.0, 0.0), group(200, 4.0, 0.0, seed=10)], 1)
    model = model_of_heads((0.0, 0.0), (0.0, -20.0))
    assert split(model, copies.index_fill(1, torch.tensor([7]), math.nan)) == []
    assert split(model, copies) == [(1, 0)]


class Flip(nn.Module):
    def forward(self, x):
        return -x if self.training else x


def test_groups_of_rows_that_no_change_moves_are_split():
    rows = torch.cat([torch.full((50, 4), 1.0), torch.full((50, 4), -1.0)]) + 0.01 * torch.randn(100, 4)
    assert split(model_of_heads((0.0, 0.0), (0.0, -20.0)), rows.expand(3, -1, -1)) == [(1, 0)]


def test_splits_are_due_in_the_middle_of_a_training():
    extra = SplitClusters(nn.Identity(), begin=0.2, end=0.8, every=10)
    assert [step for step in range(100) if extra.is_due(step, step / 100)] == [20, 30, 40, 50, 60, 70]


def trainer_of(preset, labels=0, **changes):
    data = aae.load_data("digits")
    split = aae.split_data(data, labels, seed=1)
    options = resolve(preset, {"network": "mlp", "hidden": [16], "split_clusters": True} | changes)
    model = build_model(options, data, labels)
    settings = build_settings(options, data, 10, {"steps": 200})
    return Trainer(model, data, split, settings, 0, make_fabric("cpu"))


def splitting(trainer):
    return next(extra for extra in trainer.extras if isinstance(extra, SplitClusters))


def test_the_option():
    assert splitting(trainer_of("clustering")).every > 1
    assert not [e for e in trainer_of("clustering", split_clusters=False).extras if isinstance(e, SplitClusters)]


def test_a_restored_training_splits_the_same_way():
    trainer = trainer_of("clustering", clusters=CLASSES)
    for model in (trainer.model, trainer.averaged):
        model.category.posterior.logits.bias.data.copy_(torch.tensor([0.0, -20.0, -20.0]))
    extra = splitting(trainer)
    extra.least, extra.every = 0.0, 50
    while trainer.step < 50:
        trainer.train_step()
    begun = copy.deepcopy(trainer.state())
    heads = []
    for _ in range(2):
        trainer.restore(copy.deepcopy(begun))
        bias = trainer.model.category.posterior.logits.bias
        before = bias.detach().clone()
        trainer.train_step()
        assert (bias - before).abs().max() > 1  # far more than a training step changes it
        heads.append({name: value.clone() for name, value in trainer.state()["model"].items()})
    for name, value in heads[0].items():
        assert torch.equal(value, heads[1][name]), name


@pytest.mark.parametrize(("preset", "labels", "changes"), [
    ("semi-supervised", 30, {}), ("vae", 0, {}), ("discrete-vae", 0, {"variables": 2}),
])
def test_classes_with_labels_and_other_codes_are_left_alone(preset, labels, changes):
    trainer = trainer_of(preset, labels, split_clusters=False, **changes)
    extra = SplitClusters(nn.Identity(), begin=0.0, every=1)
    extra.prepare(trainer)
    trainer.extras.append(extra)
    trainer.train_step()  # a split would fail, because there is no class head to split
    assert extra._inspected is None
    assert trainer.messages == ["No clusters are split: this model has classes with labels, or none."]


def test_the_error_without_changes_says_what_to_set():
    with pytest.raises(AAEError, match=r"set consistency .* or split_clusters=false"):
        trainer_of("clustering", consistency=0.0)


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda: SplitClusters(nn.Identity(), every=0), "SplitClusters: every must be a whole number"),
    (lambda: SplitClusters(lambda x: x), "SplitClusters: change must be a module that changes rows, not function"),
    (lambda: SplitClusters(nn.Identity(), begin=2), "SplitClusters: begin must be a number from 0 to 1, not 2"),
])  # fmt: skip
def test_values_that_cannot_be_used(make, sentence):
    with pytest.raises(AAEError, match=sentence):
        make()
