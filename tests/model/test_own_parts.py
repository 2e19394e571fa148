import re

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


class Squares(nn.Module):
    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = weight

    def penalty(self, posterior, codes, prior):
        return self.weight * codes.square().mean()


class OfCodes(Squares):
    def penalty(self, codes, samples):
        return codes.mean()


class HalfAnAdversary(nn.Module):
    def generator_loss(self, codes, labels):
        return codes.mean()


class AnAdversary(HalfAnAdversary):
    weight = 1.0

    def discriminator_loss(self, codes, samples):
        return codes.mean()


class NotAModule(nn.Module):
    def __init__(self):
        self.dim = 2


class Conditioned(AnAdversary):
    def discriminator_loss(self, codes, samples, labels):
        return codes.mean()


def with_attributes(**attributes):
    module = nn.Identity()
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


def model_of(prior=None, rule=None, posterior=None, trunk=None, decoder=None, **parts):
    z = aae.Latent("z", posterior or aae.Point(4, 2), prior or OwnPrior(), rule or Squares())
    return aae.Autoencoder(**{
        "latents": [z], "trunk": trunk or aae.MLPTrunk((3,), (4,)), "decoder": decoder or aae.MLPDecoder(2, (3,), (4,)),
        "likelihood": aae.GaussianLikelihood(), **parts,
    })  # fmt: skip


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


@pytest.mark.parametrize(("rule", "factor"), [(Squares(3.0), 1.0), (aae.MMD(3.0), 0.01)])
def test_the_weight_of_an_own_rule_is_not_multiplied_by_that_of_the_reconstruction(rule, factor):
    model = model_of(rule=rule)
    batch = Batch(torch.randn(8, 3), torch.full((8,), -1))
    loss, metrics = Losses(model, reconstruction_weight=0.01).reconstruction(batch)
    penalty = metrics[f"{type(rule).__name__.lower()}_z"]
    torch.testing.assert_close(loss, 0.01 * metrics["reconstruction_loss"] + factor * penalty)


@pytest.mark.parametrize(("parts", "sentence"), [
    ({"prior": OwnPrior}, "The prior of latent 'z' is the class OwnPrior, not an object of it; pass OwnPrior("),
    ({"posterior": aae.Point}, "The posterior of latent 'z' is the class Point, not an object of it"),
    ({"rule": aae.MMD}, "The matching rule of latent 'z' is the class MMD, not an object of it"),
    ({"rule": [Squares(), aae.MMD]}, "The matching rule of latent 'z' is the class MMD, not an object of it"),
    ({"rule": 3}, "The matching rule of latent 'z' is an object of int, which is no torch.nn.Module; pass one."),
    ({"trunk": aae.MLPTrunk}, "The trunk is the class MLPTrunk, not an object of it"),
    ({"decoder": aae.MLPDecoder}, "The decoder is the class MLPDecoder, not an object of it"),
    ({"decoder": torch.sigmoid}, "The decoder is an object of builtin_function_or_method, which is no torch.nn.Module"),
    ({"likelihood": aae.GaussianLikelihood}, "The likelihood is the class GaussianLikelihood, not an object of it"),
    ({"corruption": aae.GaussianNoise}, "The corruption is the class GaussianNoise, not an object of it"),
    ({"merge": aae.LinearSum}, "The merge is the class LinearSum, not an object of it"),
    ({"latents": aae.Latent("z", aae.Point(4, 2))}, "latents is a list, as in latents=[Latent('z', ...)], not Latent."),
    ({"latents": aae.Latent}, "latents is a list, as in latents=[Latent('z', ...)], not the class Latent."),
    ({"latents": [aae.Point(4, 2)]}, "latents holds objects such as Latent('z', ...), not Point."),
    ({"trunk": with_attributes(shape=(3,))}, "Identity has no features, which a trunk needs; set self.features"),
    ({"trunk": with_attributes(features=4)}, "Identity has no shape, which a trunk needs; set self.shape in __init__."),
    ({"trunk": with_attributes(features=4, shape=3)}, "Identity.shape must be the shape of one row, such as (28, 28)"),
    ({"merge": with_attributes()}, "Identity has no dim, which a merge needs"),
    ({"likelihood": with_attributes(mean=torch.sigmoid)}, "Identity has no loss, which a likelihood needs; write a "
                                                          "method loss(self, output, x)."),
    ({"likelihood": Squares()}, "Squares has no mean, which a likelihood needs; write a method mean(self, output)."),
    ({"prior": NotAModule()}, "NotAModule.__init__ does not call super().__init__(), as a module of torch must; call"),
    ({"trunk": NotAModule()}, "NotAModule.__init__ does not call super().__init__()"),
    ({"posterior": with_attributes(dim=2), "rule": aae.KL()},
     "Latent 'z': KL needs the posterior's log_prob. If Identity's distribution has one, set has_density = True on it"),
    ({"posterior": aae.Point(4, 2), "rule": aae.KL()}, "Latent 'z': KL needs a posterior with a density, and Point"),
    ({"posterior": with_attributes(dim="2")}, "Identity.dim must be a whole number of at least 1, not '2'."),
])
def test_classes_in_place_of_objects_and_parts_that_lack_something_are_refused(parts, sentence):
    with pytest.raises(AAEError, match=re.escape(sentence)):
        model_of(**parts)


def test_a_discriminator_is_an_object_too():
    with pytest.raises(AAEError, match=r"The discriminator is the class Discriminator, not an object of it"):
        aae.Adversarial(aae.Discriminator)


def test_a_rule_of_a_conditioned_latent_has_a_discriminator():
    with pytest.raises(AAEError, match=r"^Conditioned has no discriminator, which a rule of a latent that is cond"):
        aae.Latent("z", aae.Point(4, 2), aae.ring_mixture(3), Conditioned(), label="conditioned")
    assert aae.Latent("z", aae.Point(4, 2), aae.ring_mixture(3), Conditioned()).rules("generator_loss")
