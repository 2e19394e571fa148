import copy

import pytest
import torch
from torch import nn

import aae
from aae.data.batches import Batches
from aae.distributed.fabric import make_fabric
from aae.model.batch import Batch
from aae.objectives.terms import class_targets
from aae.presets.build import build_model
from aae.presets.build_settings import build_settings
from aae.presets.extras import build_extras
from aae.presets.presets import resolve
from aae.system.errors import AAEError
from aae.training.extras import neighbour_targets
from aae.training.extras.neighbour_targets import NeighbourTargets, class_frequencies
from aae.training.trainer import Trainer
from helpers.close import assert_close, rounding
from helpers.models import FAMILIES

pytestmark = pytest.mark.numeric


@pytest.fixture
def model():
    torch.manual_seed(0)
    return aae.Autoencoder(
        [aae.Latent("y", aae.Category(8, 2), aae.CategoricalPrior(2), label="supervised")],
        aae.MLPTrunk((2,), hidden=(8,), batch_norm=False),
        aae.MLPDecoder(2, (2,), hidden=(8,)),
        likelihood=aae.GaussianLikelihood(),
    )


@pytest.fixture
def rows():
    """Two groups of four rows, far from each other."""
    torch.manual_seed(1)
    return torch.cat([torch.rand(4, 2), torch.rand(4, 2) + 10])


def shares_of(logits, x):
    return logits.softmax(-1).expand(len(x), 2)


def batch_of(rows, progress):
    return Batch(rows, torch.full((len(rows),), -1), rows[:2], torch.tensor([0, 1]), progress=progress)


def test_targets_come_from_the_rows_own_group(model, rows):
    targets = NeighbourTargets(neighbours=3, pool=3)
    targets.fit(rows)
    found = []
    for other in (rows[4:], torch.rand(4, 2) - 20):
        targets.stored.rows[4:] = other
        torch.manual_seed(2)
        found.append(targets(model, batch_of(rows[:4], 0.0)))
    assert torch.equal(*found)
    own = class_targets(model, batch_of(rows[:4], 0.0))
    assert torch.equal(found[0][4:], own[4:])  # labelled rows
    assert not torch.allclose(found[0][:4], own[:4], atol=1e-4)


def test_targets_return_to_the_teachers_prediction(model, rows):
    targets = NeighbourTargets(until=0.5, neighbours=3, pool=3)
    targets.fit(rows)
    own = class_targets(model, batch_of(rows, 0.0))
    apart = []
    for progress in (0.0, 0.25, 0.375, 0.5, 0.9):
        torch.manual_seed(2)
        apart.append((targets(model, batch_of(rows, progress)) - own).norm().item())
    assert apart[0] == apart[1] > 0
    near = rounding(10) * own.norm().item()  # they are differences of numbers as large
    assert apart[2] == pytest.approx(apart[0] / 2, abs=near)
    assert apart[3:] == [0.0, 0.0]


def test_the_majority_of_the_nearest_rows_counts_for_more(model, rows, monkeypatch):
    """If two classes share four rows, targets are the normalised squares of the shares; for clusters the shares."""
    logits = torch.tensor([[0.75, 0.25]]).log()
    monkeypatch.setattr(neighbour_targets, "class_probabilities", lambda teacher, x: shares_of(logits, x))
    for wanted, shares in ((torch.tensor([0.5, 0.5]), [0.9, 0.1]), (None, [0.75, 0.25])):
        targets = NeighbourTargets(neighbours=3, pool=3)
        targets.fit(rows, wanted)
        found = targets(model, batch_of(rows, 0.0))[: len(rows)]
        assert_close(found, torch.tensor(shares).expand(len(rows), 2), 2 * (4 + 10))


def test_rows_are_drawn_from_the_whole_neighbourhood():
    found = NeighbourTargets(neighbours=3, pool=12)._draw_neighbours(torch.arange(13).expand(2000, 13))
    assert found.shape == (2000, 4)
    assert (found[:, 0] == 0).all()
    assert set(found[:, 1:].flatten().tolist()) == set(range(1, 13))


def test_class_frequencies_stay_within_the_margin(rows):
    targets = NeighbourTargets()
    wanted = torch.tensor([0.4, 0.6])
    targets.fit(rows, wanted)
    inside = torch.tensor([[0.8, 0.2], [0.3, 0.7]])
    for _ in range(200):
        found = targets._align(inside, wanted)
    assert_close(found, inside, 10)
    for _ in range(500):  # until the running frequencies forget everything else
        found = targets._align(torch.tensor([[0.9, 0.1], [0.7, 0.3]]), wanted)
    expected = torch.tensor([9.0, 7 / 3]) * (0.6 / 0.8) / (0.4 / 0.2)
    assert_close(found[:, 0] / found[:, 1], expected, 2 * 20 + 10, expected)  # a memory is as of twenty batches
    sure = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert torch.equal(targets._align(sure, wanted), sure)


def test_a_class_that_the_prior_excludes_is_no_target(model, rows, monkeypatch):
    logits = torch.tensor([[0.0, -1000.0]])
    monkeypatch.setattr(neighbour_targets, "class_probabilities", lambda teacher, x: shares_of(logits, x))
    targets = NeighbourTargets(neighbours=3, pool=3)
    targets.fit(rows, torch.tensor([0.0, 1.0]))
    found = targets(model, batch_of(rows, 0.0))[: len(rows)]
    assert found.isfinite().all()
    assert found[:, 0].max() < 1e-3


def test_class_frequencies_are_those_of_the_prior():
    probabilities = [0.3, 0.7]
    model = FAMILIES["semi-supervised"]()
    model.category.prior = aae.CategoricalPrior(2, probabilities)
    assert_close(class_frequencies(model), probabilities, 2 + 2)
    model.category.prior = None
    assert class_frequencies(model) is None
    assert class_frequencies(FAMILIES["clustering"]()) is None
    assert class_frequencies(FAMILIES["autoencoder"]()) is None


def test_fewer_rows_than_neighbours(model, rows):
    targets = NeighbourTargets(neighbours=5)
    targets.fit(rows[:2])
    assert targets(model, batch_of(rows, 0.0)).shape == (10, 2)


def trainer_of(labels, **changes):
    data = aae.load_data("digits")
    split = aae.split_data(data, labels, seed=1)
    options = resolve("semi-supervised", {"hidden": [16], "discriminator_hidden": [8]} | changes)
    model = build_model(options, data, labels or len(data.x))
    length = {"steps": 10}
    settings = build_settings(options, data, 10, length)
    return Trainer(model, data, split, settings, 0, make_fabric("cpu"))


def test_targets_are_active_at_the_beginning_and_after_a_restore():
    trainer = trainer_of(30, neighbour_targets=0.25)
    begun = trainer.state()
    seen: list[nn.Module | None] = []
    for _ in range(5):
        trainer.train_step()
        seen.append(trainer.losses.targets)
    assert [part is not None for part in seen] == [True, True, True, False, False]
    trainer.restore(begun)
    trainer.train_step()
    assert trainer.losses.targets is seen[0]


def test_there_are_no_targets_where_every_row_has_a_label():
    trainer = trainer_of(None)
    trainer.train_step()
    assert trainer.losses.targets is None


def test_stored_rows_include_labelled_ones():
    data = aae.load_data("digits")
    split = aae.split_data(data, 30, seed=1)
    model = build_model(resolve("semi-supervised"), data, 30)
    batches = Batches(data, split, model, 64, 30, seed=0)
    rows, labels = batches.some_rows(200)
    assert rows.shape == (200, 8, 8)
    assert (labels >= 0).sum() == 30


def running(state):
    """Class frequencies in recent targets."""
    return state["extras"]["neighbour_targets"]["running"]


def test_running_frequencies_are_part_of_the_state():
    trainer = trainer_of(30, neighbour_targets=0.5)
    begun = copy.deepcopy(trainer.state())
    trainer.train_step()
    later = copy.deepcopy(trainer.state())
    assert not torch.equal(running(begun), running(later))
    trainer.restore(begun)
    assert torch.equal(running(trainer.state()), running(begun))
    assert running(trainer_of(None, neighbour_targets=0.5).state()) is None


def test_the_option():
    assert not build_extras(resolve("semi-supervised", {"neighbour_targets": 0.0}), ())
    (extra,) = build_extras(resolve("semi-supervised", {"neighbour_targets": 0.3}), ())
    assert extra.until == 0.3


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda: NeighbourTargets(until=-1), "NeighbourTargets: until must be a number from 0 to 1, not -1"),
    (lambda: NeighbourTargets(pool=0), "NeighbourTargets: pool must be a whole number"),
])  # fmt: skip
def test_values_that_cannot_be_used(make, sentence):
    with pytest.raises(AAEError, match=sentence):
        make()


def test_a_model_without_classes_is_told_about():
    data = aae.load_data("digits")
    options = resolve("autoencoder", {"hidden": [8], "neighbour_targets": 0.5})
    model = build_model(options, data, 0)
    settings = build_settings(options, data, 10, {"steps": 2})
    trainer = Trainer(model, data, aae.split_data(data, 0), settings, 0, make_fabric("cpu"))
    trainer.train_step()
    assert trainer.messages == ["Neighbour targets do nothing: this model infers no classes or clusters."]
