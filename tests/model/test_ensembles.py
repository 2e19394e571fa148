import pytest
import torch
from torch import nn
from torch.nn import functional as F

import aae
from aae.model.component import describe, rebuild
from aae.model.ensembles import CategoryEnsemble, EnsembleTrunk, PiecewiseLinear
from aae.objectives.phases import Losses
from aae.objectives.terms import divergence
from aae.system.errors import AAEError
from helpers.close import assert_close

pytestmark = pytest.mark.numeric
K, M = 3, 4


@pytest.mark.parametrize(("x", "values"), [
    (0.0, (0.0, 0.0)), (0.5, (0.5, 0.0)), (1.0, (1.0, 0.0)), (2.0, (1.0, 0.5)), (3.0, (1.0, 1.0)),
    (-0.5, (-0.5, 0.0)), (-9.0, (-1.0, 0.0)), (4.0, (1.0, 1.5)), (99.0, (1.0, 2.0)),
])  # fmt: skip
def test_bins_of_one_column(x, values):
    found = PiecewiseLinear([None, [0.0, 1.0, 3.0]])(torch.tensor([[7.0, x]]))
    assert_close(found, 2 * (torch.tensor([values]) - 0.5), terms=4)


def test_means_of_bins_are_taken_off():
    encoding = PiecewiseLinear([[0.0, 1.0, 3.0], [0.0, 1.0]], [0.25, 0.75])
    assert encoding.width == 2, "two edges are one bin, which the number itself is"
    assert_close(encoding(torch.tensor([[1.0, 0.0]])), torch.tensor([[1.5, -1.5]]), terms=4)


def test_without_bins_there_is_nothing_to_add():
    assert PiecewiseLinear([None])(torch.ones(5, 1)).shape == (5, 0)


def test_edges_that_do_not_rise_are_refused():
    with pytest.raises(AAEError, match="must rise"):
        PiecewiseLinear([[0.0, 1.0, 1.0]])


def made(dropout=0.0):
    torch.manual_seed(0)
    trunk = EnsembleTrunk((2,), (8, 5), M, dropout, PiecewiseLinear([[-1.0, 0.0, 1.0], None]))
    return trunk, CategoryEnsemble(trunk.features, K, M)


def alone(number, trunk, posterior):
    """One member as a network of plain layers."""
    layers = []
    for layer in (*trunk.layers, posterior.heads):
        linear = nn.Linear(*layer.weight.shape[1:])
        linear.weight.data, linear.bias.data = layer.weight[number].t(), layer.bias[number, 0]
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def test_every_member_is_a_network_by_itself():
    trunk, posterior = made()
    x = torch.randn(6, 2)
    logits = posterior(trunk(x)).logits
    inputs = torch.cat([x, trunk.encoding(x)], 1)
    assert logits.shape == (6, M, K)
    for number in range(M):
        assert_close(logits[:, number], alone(number, trunk, posterior)(inputs), terms=30)


def test_class_probabilities_are_the_mean_of_the_members():
    trunk, posterior = made()
    category = posterior(trunk(torch.randn(6, 2)))
    assert_close(category.mean, sum(category.logits[:, m].softmax(-1) for m in range(M)) / M, terms=20)
    assert category.batch_shape == (6,)
    assert category.event_shape == (K,)
    assert torch.equal(category.rsample(), category.mean)


def test_members_learn_apart():
    """The gradient of a member is that of its own loss, divided by the number of members."""
    trunk, posterior = made()
    latent = aae.Latent("y", posterior, aae.CategoricalPrior(K), label="supervised")
    model = aae.Autoencoder([latent], trunk, aae.MLPDecoder(K, (2,), (4,)), aae.GaussianLikelihood())
    x, y = torch.randn(6, 2), torch.tensor([0, 1, 2, 0, 1, 2])
    Losses(model)._cross_entropy(latent.logits(trunk(x)), y).backward()
    inputs = torch.cat([x, trunk.encoding(x)], 1)
    for number in range(M):
        network = alone(number, trunk, posterior)
        F.cross_entropy(network(inputs), y).backward()
        assert_close(trunk.layers[0].weight.grad[number], network[0].weight.grad.t() / M, terms=100)


def test_divergence_is_the_mean_over_members():
    logits, target = torch.randn(5, M, K), torch.randn(5, K).softmax(-1)
    each = [divergence(target, logits[:, m]) for m in range(M)]
    assert_close(divergence(target, logits), torch.stack(each).mean(), terms=100)


def test_specification_and_weights_make_the_same_model(tmp_path):
    trunk, posterior = made(dropout=0.3)
    latent = aae.Latent("y", posterior, aae.CategoricalPrior(K), label="supervised")
    model = aae.Autoencoder([latent], trunk, aae.MLPDecoder(K, (2,), (4,)), aae.GaussianLikelihood()).eval()
    assert describe(rebuild(describe(model))) == describe(model)
    aae.save_model(model, tmp_path / "model")
    x = torch.randn(6, 2)
    assert torch.equal(aae.load(tmp_path / "model").classify(x), model.classify(x))


def test_an_ensemble_has_members():
    with pytest.raises(AAEError, match="at least one"):
        EnsembleTrunk((2,), (4,), 0)
