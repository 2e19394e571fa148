import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import aae
from aae.model.batch import Batch
from aae.objectives.phases import Losses
from aae.system.errors import AAEError


class OwnPrior(nn.Module):
    dim = 2

    def forward(self, n, labels=None):
        return Independent(Normal(torch.zeros(n, 2), 1.0), 1)


class WithoutLabels(OwnPrior):
    def forward(self, n):
        return super().forward(n)


class WithMore(OwnPrior):
    def forward(self, n, labels, scale):
        return super().forward(n)


class WithoutDim(nn.Module):
    def forward(self, n, labels=None):
        return Independent(Normal(torch.zeros(n, 2), 1.0), 1)


class Draws(OwnPrior):
    def forward(self, n, labels=None):
        return torch.randn(n, 2)


class OfOtherLength(OwnPrior):
    def forward(self, n, labels=None):
        return Independent(Normal(torch.zeros(n, 3), 1.0), 1)


class OneDraw(OwnPrior):
    def forward(self, n, labels=None):
        return Independent(Normal(torch.zeros(2), 1.0), 1)


class Squares(nn.Module):
    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = weight

    def penalty(self, posterior, codes, prior):
        return self.weight * codes.square().mean()


class OfCodes(Squares):
    def penalty(self, codes, samples):
        return codes.mean()


class OfEveryRow(Squares):
    def penalty(self, posterior, codes, prior):
        return codes.square().sum(1)


class APlainNumber(Squares):
    def penalty(self, posterior, codes, prior):
        return 1.0


class HalfAnAdversary(nn.Module):
    def generator_loss(self, codes, labels):
        return codes.mean()


class AnAdversary(HalfAnAdversary):
    weight = 1.0

    def discriminator_loss(self, codes, samples):
        return codes.mean()


class PointValues(aae.Point):
    def forward(self, features):
        return features[:, :2]


def model_of(prior=None, rule=None, posterior=None):
    z = aae.Latent("z", posterior or aae.Point(4, 2), prior or OwnPrior(), rule or Squares())
    return aae.Autoencoder([z], aae.MLPTrunk((3,), (4,)), aae.MLPDecoder(2, (3,), (4,)),
                           likelihood=aae.GaussianLikelihood())  # fmt: skip


def train(model):
    x = np.random.default_rng(0).standard_normal((30, 3)).astype(np.float32)
    data = aae.Dataset("rows", x, np.full(30, -1), x[:5], np.full(5, -1), [])
    return aae.train(model, data, aae.Settings(steps=1), labels=0, progress=False, device="cpu", precision="32")


@pytest.mark.parametrize(("parts", "sentence"), [
    ({"prior": WithoutLabels()}, "WithoutLabels.forward takes (n), but it is called with (n, labels); write it as "
                                 "def forward(self, n, labels)."),
    ({"prior": WithMore()}, "WithMore.forward takes (n, labels, scale), but it is called with (n, labels)"),
    ({"prior": WithoutDim()}, "WithoutDim has no dim, which a prior needs; set self.dim in __init__."),
    ({"rule": OfCodes()}, "OfCodes.penalty takes (codes, samples), but it is called with (posterior, codes, prior)"),
    ({"rule": HalfAnAdversary()}, "HalfAnAdversary has no discriminator_loss, which a rule with a generator_loss"),
    ({"rule": AnAdversary()}, "AnAdversary.discriminator_loss takes (codes, samples), but it is called with"),
])
def test_parts_that_take_something_else_are_refused_when_a_model_is_built(parts, sentence):
    with pytest.raises(AAEError, match=re.escape(sentence)):
        model_of(**parts)


@pytest.mark.parametrize(("parts", "sentence"), [
    ({"prior": Draws()}, "Draws returns a Tensor, not a distribution; return one of torch.distributions"),
    ({"posterior": PointValues(4, 2)}, "PointValues returns a Tensor, not a distribution"),
    ({"prior": OfOtherLength()}, "OfOtherLength draws codes of shape (4, 3) for 4 rows; latent 'z' needs (4, 2)."),
    ({"prior": OneDraw()}, "OneDraw draws codes of shape (2,) for 4 rows"),
    ({"rule": OfEveryRow()}, "OfEveryRow.penalty returns a tensor of shape (4,), not one number"),
    ({"rule": APlainNumber()}, "APlainNumber.penalty returns a float, not one number"),
])
def test_parts_that_return_something_else_are_refused_before_a_training(parts, sentence):
    model = model_of(**parts)
    with pytest.raises(AAEError, match=re.escape(sentence)):
        train(model)


def test_parts_that_are_right_are_trained_and_the_check_draws_nothing():
    model = model_of()
    state = torch.get_rng_state()
    assert train(model).step == 1
    assert torch.get_rng_state().shape == state.shape
    from aae.model.own_parts import check_results

    state = torch.get_rng_state()
    check_results(model.latents, 4, torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("rule", "factor"), [(Squares(3.0), 1.0), (aae.MMD(3.0), 0.01)])
def test_the_weight_of_an_own_rule_is_not_multiplied_by_that_of_the_reconstruction(rule, factor):
    model = model_of(rule=rule)
    batch = Batch(torch.randn(8, 3), torch.full((8,), -1))
    loss, metrics = Losses(model, reconstruction_weight=0.01).reconstruction(batch)
    penalty = metrics[f"{type(rule).__name__.lower()}_z"]
    torch.testing.assert_close(loss, 0.01 * metrics["reconstruction_loss"] + factor * penalty)
