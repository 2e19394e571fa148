import pytest
import torch

import aae
from aae.build import build_model
from aae.data.batches import Batches
from aae.phases import Batch
from aae.presets import resolve
from aae.spreading import Spreading


@pytest.fixture
def chain():
    """Two chains of points that begin beside their labels and end near the other class's."""
    steps = torch.linspace(0, 1, 40)
    first = torch.stack([steps * 10, torch.zeros(40)], 1)
    second = torch.stack([10 - steps * 10, torch.full((40,), 3.0)], 1)
    labels = torch.full((80,), -1)
    labels[[0, 1, 40, 41]] = torch.tensor([0, 0, 1, 1])
    return torch.cat([first, second]), labels


def test_classes_follow_nearest_rows_and_not_the_nearest_label(chain):
    rows, labels = chain
    term = Spreading()
    term.prepare(rows, labels, 2)
    found = term.classes_of(rows)
    assert torch.allclose(found.sum(1), torch.ones(80))
    assert found.argmax(1).tolist() == [0] * 40 + [1] * 40
    assert torch.cdist(rows[39:40], rows[[0, 40]]).argmin() == 1


def test_one_label_of_a_class_spreads_nothing(chain):
    rows, labels = chain
    labels[[1, 41]] = -1
    term = Spreading()
    term.prepare(rows, labels, 2)
    assert term.points is None


def test_the_weight_falls_to_nothing(chain):
    rows, labels = chain
    trunk = aae.MLPTrunk((2,), hidden=(8,))
    model = aae.Autoencoder(
        [aae.Latent("y", aae.Category(8, 2), aae.CategoricalPrior(2), label="supervised")],
        trunk,
        aae.MLPDecoder(2, (2,), hidden=(8,)),
        likelihood=aae.GaussianLikelihood(),
    )
    term = Spreading(weight=2.0, until=0.5)
    term.prepare(rows, labels, 2)
    costs = [term(model, model, Batch(rows, labels, progress=share))[0].item() for share in (0.0, 0.25, 0.5, 0.9)]
    assert costs[0] > 0
    assert costs[1] == pytest.approx(costs[0] / 2, rel=1e-4)
    assert costs[2:] == [0.0, 0.0]


def test_training_hands_it_rows_with_the_given_labels_only():
    data = aae.load_data("digits")
    split = aae.split_data(data, 30, seed=1)
    model = build_model(resolve("semi-supervised"), data, 30)
    batches = Batches(data, split, model, 64, 30, seed=0)
    rows, labels = batches.some(200)
    assert rows.shape == (200, 8, 8)
    assert (labels >= 0).sum() == 30
