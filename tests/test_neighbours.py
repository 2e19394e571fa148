import copy

import pytest
import torch
from tests.models import FAMILIES
from torch import nn

import aae
from aae.build import build_model, build_settings
from aae.data.batches import Batches
from aae.fewlabels import taught
from aae.neighbours import wanted_frequencies
from aae.phases import Batch
from aae.presets import resolve
from aae.trainer import Trainer, make_fabric
from close import assert_close, rounding

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


def batch_of(rows, progress):
    return Batch(rows, torch.full((len(rows),), -1), rows[:2], torch.tensor([0, 1]), progress=progress)


def test_a_row_is_taught_what_is_said_of_its_own_group(model, rows):
    teaching = aae.Neighbours(nearest=3, wide=3)
    teaching.prepare(rows)
    found = []
    for other in (rows[4:], torch.rand(4, 2) - 20):
        teaching.kept[4:] = other
        torch.manual_seed(2)
        found.append(teaching(model, batch_of(rows[:4], 0.0)))
    assert torch.equal(*found)
    own = taught(model, batch_of(rows[:4], 0.0))
    assert torch.equal(found[0][4:], own[4:])  # labelled rows
    assert not torch.allclose(found[0][:4], own[:4], atol=1e-4)


def test_the_teachers_own_word_comes_back(model, rows):
    teaching = aae.Neighbours(until=0.5, nearest=3, wide=3)
    teaching.prepare(rows)
    own = taught(model, batch_of(rows, 0.0))
    apart = []
    for progress in (0.0, 0.25, 0.375, 0.5, 0.9):
        torch.manual_seed(2)
        apart.append((teaching(model, batch_of(rows, progress)) - own).norm().item())
    assert apart[0] == apart[1] > 0
    near = rounding(10) * own.norm().item()  # they are differences of numbers as large
    assert apart[2] == pytest.approx(apart[0] / 2, abs=near)
    assert apart[3:] == [0.0, 0.0]


def test_a_majority_of_the_nearest_rows_counts_for_more(model, rows, monkeypatch):
    """Of four rows that two classes share, taught rows hear the square of the shares; clusters hear the shares."""
    logits = torch.tensor([[0.75, 0.25]]).log()
    monkeypatch.setattr(aae.neighbours, "class_logits", lambda teacher, x: logits.expand(len(x), 2))
    for wanted, taught_shares in ((torch.tensor([0.5, 0.5]), [0.9, 0.1]), (None, [0.75, 0.25])):
        teaching = aae.Neighbours(nearest=3, wide=3)
        teaching.prepare(rows, wanted)
        found = teaching(model, batch_of(rows, 0.0))[: len(rows)]
        assert_close(found, torch.tensor(taught_shares).expand(len(rows), 2), 2 * (4 + 10))


def test_rows_are_drawn_from_the_whole_neighbourhood():
    found = aae.Neighbours(nearest=3, wide=12)._some(torch.arange(13).expand(2000, 13))
    assert found.shape == (2000, 4)
    assert (found[:, 0] == 0).all()
    assert set(found[:, 1:].flatten().tolist()) == set(range(1, 13))


def test_a_class_is_held_within_half_as_much_again_of_its_frequency(rows):
    teaching = aae.Neighbours()
    wanted = torch.tensor([0.4, 0.6])
    teaching.prepare(rows, wanted)
    inside = torch.tensor([[0.8, 0.2], [0.3, 0.7]])
    for _ in range(200):
        found = teaching._held(inside, wanted)
    assert_close(found, inside, 10)
    for _ in range(500):  # until nothing but this is remembered
        found = teaching._held(torch.tensor([[0.9, 0.1], [0.7, 0.3]]), wanted)
    expected = torch.tensor([9.0, 7 / 3]) * (0.6 / 0.8) / (0.4 / 0.2)
    assert_close(found[:, 0] / found[:, 1], expected, 2 * 20 + 10, expected)  # a memory is as of twenty batches
    sure = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert torch.equal(teaching._held(sure, wanted), sure)


def test_a_class_that_the_prior_excludes_is_not_taught(model, rows, monkeypatch):
    logits = torch.tensor([[0.0, -1000.0]])
    monkeypatch.setattr(aae.neighbours, "class_logits", lambda teacher, x: logits.expand(len(x), 2))
    teaching = aae.Neighbours(nearest=3, wide=3)
    teaching.prepare(rows, torch.tensor([0.0, 1.0]))
    found = teaching(model, batch_of(rows, 0.0))[: len(rows)]
    assert found.isfinite().all()
    assert found[:, 0].max() < 1e-3


def test_frequencies_are_those_of_the_prior_and_not_held_for_clusters_or_without_one():
    probabilities = [0.3, 0.7]
    model = FAMILIES["semi-supervised"]()
    model.category.prior = aae.CategoricalPrior(2, probabilities)
    assert_close(wanted_frequencies(model), probabilities, 2 + 2)
    model.category.prior = None
    assert wanted_frequencies(model) is None
    assert wanted_frequencies(FAMILIES["clustering"]()) is None
    assert wanted_frequencies(FAMILIES["autoencoder"]()) is None


def test_fewer_rows_than_neighbours_will_do(model, rows):
    teaching = aae.Neighbours(nearest=5)
    teaching.prepare(rows[:2])
    assert teaching.near(rows).shape == (8, 2)
    assert teaching(model, batch_of(rows, 0.0)).shape == (10, 2)


def test_a_change_that_neighbours_show_is_overlooked():
    """Rows of two groups, each on a line of its own along the same direction: far along it is still near."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(6, 6, generator=generator))[0]
    group = torch.arange(200) % 2
    rows = 20 * torch.rand(200, 1, generator=generator) * basis[0] + 0.6 * group[:, None] * basis[1]
    rows = rows + 0.05 * torch.randn(200, 6, generator=generator)
    teaching = aae.Neighbours(wide=8)
    teaching.prepare(rows)

    def own_group():
        return (group[teaching.near(rows)] == group[:, None]).float().mean().item()

    overlooked = own_group()
    teaching.tangents = None
    assert overlooked > 0.95
    assert own_group() < 0.9


@pytest.mark.parametrize("rows", [torch.ones(30, 12), torch.eye(12).repeat(10, 1), torch.rand(3, 12)])
def test_rows_that_show_no_change_have_nearest_ones_as_well(rows):
    teaching = aae.Neighbours()
    teaching.prepare(rows)
    near = teaching.near(rows)
    assert near.shape == (len(rows), min(16, len(rows)))
    assert torch.equal(rows[near[:, 0]], rows)


def trainer_of(labels, **changes):
    data = aae.load_data("digits")
    split = aae.split_data(data, labels, seed=1)
    options = resolve("semi-supervised", {"hidden": [16], "discriminator_hidden": [8]} | changes)
    model = build_model(options, data, labels or len(data.x))
    length = {"steps": 10}
    settings = build_settings(options, data, 10, length)
    return Trainer(model, data, split, settings, 0, make_fabric("cpu", "32"))


def test_it_teaches_at_the_beginning_only_and_again_after_going_back():
    trainer = trainer_of(30, neighbours=0.25)
    begun = trainer.state()
    taught_by: list[nn.Module | None] = []
    for _ in range(5):
        trainer.train_step()
        taught_by.append(trainer.losses.teaching)
    assert [part is not None for part in taught_by] == [True, True, True, False, False]
    trainer.restore(begun)
    trainer.train_step()
    assert trainer.losses.teaching is taught_by[0]


def test_there_is_nothing_to_teach_where_every_row_has_a_label():
    trainer = trainer_of(None)
    trainer.train_step()
    assert trainer.losses.teaching is None


def test_it_needs_no_labels_but_keeps_labelled_rows_too():
    data = aae.load_data("digits")
    split = aae.split_data(data, 30, seed=1)
    model = build_model(resolve("semi-supervised"), data, 30)
    batches = Batches(data, split, model, 64, 30, seed=0)
    rows, labels = batches.some(200)
    assert rows.shape == (200, 8, 8)
    assert (labels >= 0).sum() == 30


def test_what_is_remembered_of_frequencies_is_part_of_the_state():
    trainer = trainer_of(30, neighbours=0.5)
    begun = copy.deepcopy(trainer.state())
    trainer.train_step()
    later = copy.deepcopy(trainer.state())
    assert not torch.equal(begun["teaching"]["usual"], later["teaching"]["usual"])
    trainer.restore(begun)
    assert torch.equal(trainer.state()["teaching"]["usual"], begun["teaching"]["usual"])
    assert trainer_of(None).state()["teaching"] is None
