import pytest
import torch
from torch import nn

from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent, check_latents
from aae.model.matching import KL, MMD, Adversarial, MutualInformation
from aae.model.networks import Discriminator, MLPDecoder, MLPTrunk
from aae.model.posteriors import Category, Gaussian, Point
from aae.model.priors import BallPrior, CategoricalPrior, CubePrior, GaussianPrior, SwissRollPrior, ring_mixture
from aae.system.errors import AAEError
from helpers.models import (
    CLASSES,
    WIDTH,
    adversarial,
    autoencoder,
    category,
    conditional_style,
    conditioned,
    observed,
    style,
)


class NoDensity(nn.Module):
    """A user's own prior, which can only be sampled."""

    dim = 2

    def forward(self, n, labels=None):
        return torch.distributions.Normal(torch.zeros(n, 2), 1.0)


def gauss(prior=None, matching=(), label="none", name="z"):
    return Latent(name, Gaussian(WIDTH, 2), prior, matching, label)


def point(prior=None, matching=(), label="none", name="z"):
    return Latent(name, Point(WIDTH, 2), prior, matching, label)


def classes(prior=None, matching=(), label="none", temperature=None):
    return Latent("y", Category(WIDTH, 3, temperature), prior, matching, label)


REFUSED = {
    "name": (lambda: point(name="my code"), "plain word such as 'z', not 'my code'"),
    "name used by specifications": (lambda: point(name="type"), "not 'type'"),
    "role": (lambda: point(label="supervise"), "no role for labels 'supervise'; did you mean 'supervised'"),
    "no posterior": (lambda: Latent("z", prior=GaussianPrior(2)), "no posterior, so nothing encodes it"),
    "observed with a head": (
        lambda: Latent("y", Category(WIDTH, 3), CategoricalPrior(3), label="observed"), "needs no posterior"),
    "observed without classes": (lambda: Latent("y", prior=GaussianPrior(3), label="observed"), "give it prior=Cat"),
    "observed without a prior": (lambda: Latent("y", label="observed"), "give it prior=CategoricalPrior"),
    "observed and matched": (
        lambda: Latent("y", prior=CategoricalPrior(3), matching=adversarial(3), label="observed"), "nothing to match"),
    "rule without a prior": (lambda: gauss(matching=KL()), "a matching rule but no prior"),
    "dimensions": (lambda: gauss(GaussianPrior(3), KL()), "gives 2 numbers, the prior has 3"),
    "category to Gaussian": (lambda: classes(GaussianPrior(3), adversarial(3)), "its prior must be a Categorical"),
    "point to categories": (lambda: point(CategoricalPrior(2), adversarial(2)), "its posterior must be a Category"),
    "supervised without a softmax": (lambda: gauss(label="supervised"), "is supervised, so its posterior"),
    "conditioned without a prior": (lambda: point(label="conditioned"), "no components to pick from"),
    "conditioned on one Gaussian": (
        lambda: point(GaussianPrior(2), adversarial(2), "conditioned"), "no components to pick from"),
    "conditioned without a discriminator": (
        lambda: point(ring_mixture(3), MMD(), "conditioned"), "needs Adversarial matching"),
    "conditioned, unconditional discriminator": (
        lambda: point(ring_mixture(3), adversarial(2), "conditioned"), "3 components, .* classes=3"),
    "conditioned, other classes": (
        lambda: point(SwissRollPrior(10), adversarial(2, classes=3), "conditioned"), "10 components, .* 3 classes"),
    "no rule": (lambda: point(GaussianPrior(2), nn.ReLU()), "ReLU is not a matching rule"),
    "KL of a point": (lambda: point(GaussianPrior(2), KL()), "and Point has none; use a Gaussian posterior"),
    "KL of a softmax": (lambda: classes(CategoricalPrior(3), KL()), "and Category has none; use temperature=0.5"),
    "KL to samples": (lambda: gauss(NoDensity(), KL()), "If NoDensity's distribution has one"),
    "KL to a cube": (lambda: gauss(CubePrior(2), KL()), "to a CubePrior is infinite"),
    "KL to a ball": (lambda: gauss(BallPrior(2), [MMD(), KL()]), "to a BallPrior is infinite"),
    "mutual information of a style": (
        lambda: point(GaussianPrior(2), MutualInformation()), "is for classes; its posterior must be a Category"),
    "discriminator's width": (lambda: point(GaussianPrior(2), adversarial(5)), "its discriminator takes 5"),
    "no latents": (lambda: check_latents([], WIDTH), "at least one latent"),
    "same name": (lambda: autoencoder(style(), style()), "Two latents are called 'z'"),
    "class numbers": (
        lambda: autoencoder(Latent("y", Category(WIDTH, 4), label="supervised"), conditioned()), "disagree on the n"),
    "two label latents": (
        lambda: autoencoder(Latent("x", Category(WIDTH, CLASSES), label="supervised"), observed()), "Only one latent"),
    "trunk's width": (
        lambda: autoencoder(Latent("z", Point(WIDTH + 1, 2))), f"takes {WIDTH + 1} features, but the trunk gives"),
    "no trunk": (lambda: check_latents([style()], None), "the trunk gives None"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_when_it_is_built(case):
    build, sentence = REFUSED[case]
    with pytest.raises(AAEError, match=sentence):
        build()


@pytest.mark.parametrize(("latent", "dim", "known"), [
    (style(4), 4, None),
    (category(), CLASSES, None),
    (category("supervised"), CLASSES, CLASSES),
    (observed(), CLASSES, CLASSES),
    (conditioned(), 2, CLASSES),
], ids=["style", "clusters", "supervised", "observed", "conditioned"])
def test_dimension_and_number_of_classes(latent, dim, known):
    assert (latent.dim, latent.classes) == (dim, known)
    assert latent.is_category == (latent.name == "y")


def test_rules_are_selected_by_their_methods():
    both = gauss(GaussianPrior(2), [KL(), adversarial(2), MMD()])
    assert [type(rule).__name__ for rule in both.rules("penalty")] == ["KL", "MMD"]
    assert [type(rule).__name__ for rule in both.rules("generator_loss")] == ["Adversarial"]


def test_a_discriminator_without_a_size_is_not_checked():
    class Own(nn.Module):
        def forward(self, codes, labels=None):
            return codes.sum(1)

    rule = adversarial(2)
    rule.discriminator = Own()
    assert point(ring_mixture(3), rule, "conditioned").classes == 3


@pytest.mark.parametrize(("latents", "sentence"), [
    ([conditional_style("w"), category()], "conditional on 'w', which must be another latent"),
    ([conditional_style("z"), category()], "conditional on 'z', which must be another latent"),
    ([conditional_style(), observed()], "conditional on 'y', which must be another latent"),
    ([Latent("z", Point(WIDTH, 2), GaussianPrior(2), Adversarial(Discriminator(2, (WIDTH,)), conditional="y")),
      category()], "needs Discriminator"),
])
def test_the_class_that_a_discriminator_sees_must_be_one_of_the_model(latents, sentence):
    with pytest.raises(AAEError, match=sentence):
        check_latents(latents, WIDTH)


@pytest.mark.parametrize(("options", "sentence"), [
    ({"classes": ["a", "b"]}, f"2 classes are named, but the latents are built for {CLASSES}"),
    ({"merge": nn.Identity()}, "The decoder takes"),
])
def test_the_model_checks_what_joins_the_latents(options, sentence):
    if "merge" in options:
        options["merge"].dim = 7
    decoder = MLPDecoder(2 + CLASSES, (6,), (WIDTH,))
    with pytest.raises(AAEError, match=sentence):
        Autoencoder([style(), category("supervised")], MLPTrunk((6,), (WIDTH,)), decoder, **options)
