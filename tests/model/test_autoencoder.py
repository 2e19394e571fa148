import pytest
import torch
from torch import nn

from aae.model.autoencoder import Autoencoder
from aae.model.component import describe, rebuild
from aae.model.corruption import Masking
from aae.model.latent import Latent
from aae.model.likelihoods import GaussianLikelihood
from aae.model.matching import KL
from aae.model.networks import ConvDecoder, ConvTrunk, MLPDecoder, MLPTrunk
from aae.model.posteriors import Category, Delta, Gaussian, Point
from aae.model.priors import CategoricalPrior, SwissRollPrior
from aae.objectives.phases import Losses, build_phases
from aae.system.errors import AAEError
from helpers.close import assert_close
from helpers.models import (
    CLASSES,
    FAMILIES,
    SHAPE,
    TERMS,
    WIDTH,
    adversarial,
    autoencoder,
    batch_for,
    category,
    observed,
    same_output,
    style,
    through_json,
)

CODES = {"z": 2, "y": CLASSES}
SAMPLING = [name for name in FAMILIES if name not in ("autoencoder", "classifier")]
CLASSIFYING = ["discrete-vae", "semi-supervised", "clustering", "embedding", "classifier"]


@pytest.mark.parametrize("shape", [(6,), (5, 4), (5, 4, 3)], ids=["vector", "image", "colour"])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name, shape):
    model = FAMILIES[name](shape=shape)
    x, labels = torch.rand(4, *shape), torch.tensor([0, 1, 2, -1])
    assert model.shape == shape
    codes = model.encode(x)
    assert {key: code.shape for key, code in codes.items()} == {
        latent.name: (4, CODES[latent.name]) for latent in model.latents if latent.posterior is not None}
    assert model.decode(model.complete(codes, labels)).shape == x.shape
    reconstruction = model(x, labels)
    assert reconstruction.shape == x.shape
    assert reconstruction.min() >= 0
    assert reconstruction.max() <= 1
    assert same_output(model, through_json(model), lambda m: m(x, labels))
    assert "(latents)" in repr(model)


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (33, 33), (8, 8, 3)])
def test_convolutions_in_a_model(shape):
    trunk, decoder = ConvTrunk(shape, channels=2, features=WIDTH), ConvDecoder(2 + CLASSES, shape, channels=2)
    model = Autoencoder([style(), category("supervised")], trunk, decoder)
    x = torch.rand(3, *shape)
    assert model(x).shape == model.sample(3).shape == x.shape
    assert model.classify(x).shape == (3, CLASSES)
    assert same_output(model.eval(), through_json(model), lambda m: m(x))


@pytest.mark.parametrize("name", SAMPLING)
def test_sampling(name):
    model = FAMILIES[name]()
    images = model.sample(5)
    assert images.shape == (5, *SHAPE)
    assert not images.requires_grad
    codes = model.sample_codes(5)
    assert {key: code.shape for key, code in codes.items()} == {
        latent.name: (5, CODES[latent.name]) for latent in model.latents}


@pytest.mark.parametrize("name", ["supervised", "semi-supervised", "clustering", "embedding", "discrete-vae"])
def test_a_label_fixes_the_class_of_a_sample(name):
    labels = torch.tensor([2, 0, 1, 2, 0])
    assert torch.equal(FAMILIES[name]().sample_codes(5, labels)["y"].argmax(1), labels)


def test_a_label_picks_the_component_of_a_conditioned_prior_and_of_no_other():
    model = FAMILIES["conditioned"]()
    means = torch.tensor(model.latents[0].prior.means)
    labels = torch.arange(300) % CLASSES
    assert torch.cdist(model.sample_codes(300, labels)["z"], means).argmin(1).eq(labels).float().mean() > 0.95
    # The swiss roll's ten segments are unrelated to the three classes of y.
    free = autoencoder(Latent("z", Point(WIDTH, 2), SwissRollPrior(10), adversarial(2)), category())
    radius = free.sample_codes(300, torch.zeros(300, dtype=torch.long))["z"].norm(dim=1)
    assert radius.max() > 2.5


@pytest.mark.parametrize("name", CLASSIFYING)
def test_classification(name):
    model, x = FAMILIES[name](), torch.rand(7, *SHAPE)
    p = model.classify(x)
    assert p.shape == (7, CLASSES)
    assert torch.allclose(p.sum(1), torch.ones(7))
    assert torch.equal(p, model.encode(x)["y"])


REFUSED = {
    "sample without a prior": (lambda: FAMILIES["autoencoder"]().sample(2), "'z' has no prior, so this model cannot"),
    "label without classes": (
        lambda: FAMILIES["aae"]().sample(2, torch.tensor([0, 1])), "has no classes to sample from; drop the label"),
    "label too high": (
        lambda: FAMILIES["clustering"]().sample(2, torch.tensor([0, CLASSES])), "no class 3; classes run from 0 to 2"),
    "component too high": (lambda: FAMILIES["conditioned"]().sample(1, torch.tensor([5])), "no class 5"),
    "classify without classes": (lambda: FAMILIES["vae"]().classify(torch.rand(2, 6)), "no class or cluster output"),
    "classify by given labels": (
        lambda: FAMILIES["supervised"]().classify(torch.rand(2, 6)), "no class or cluster output"),
    "labels missing": (lambda: FAMILIES["supervised"]()(torch.rand(2, 6)), "needs labels as input .*'y'"),
    "decoder": (
        lambda: Autoencoder([style()], MLPTrunk((6,), (WIDTH,)), MLPDecoder(3, (6,))), "takes 3 numbers, .* give 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_model_cannot_do_is_refused(case):
    call, sentence = REFUSED[case]
    with pytest.raises(AAEError, match=sentence):
        call()


def test_an_observed_label_is_the_code_and_a_missing_one_is_drawn():
    model = FAMILIES["supervised"]()
    codes = model.complete({"z": torch.zeros(300, 2)}, torch.tensor([1, -1, 2]).repeat(100))
    found = codes["y"].argmax(1).view(100, 3)
    assert (found[:, 0] == 1).all()
    assert (found[:, 2] == 2).all()
    assert set(found[:, 1].tolist()) == {0, 1, 2}


@pytest.mark.numeric
def test_a_model_of_labels_alone_needs_no_trunk():
    model = Autoencoder([observed()], None, MLPDecoder(CLASSES, SHAPE, (WIDTH,)))
    assert model.shape == SHAPE
    labels = torch.tensor([0, 1, 0])
    output = model(torch.rand(3, *SHAPE), labels)
    assert_close(output[0], output[2], TERMS)  # rows of a product may take different ways
    assert not torch.equal(output[0], output[1])
    (phase,) = build_phases(Losses(model))
    loss, _ = phase.loss(batch_for(model))
    assert torch.isfinite(loss)


@pytest.mark.parametrize(("name", "found"), [
    ("aae", ("z", None, None)), ("vae", ("z", None, None)), ("conditioned", ("z", None, "z")),
    ("supervised", ("z", "y", "y")), ("semi-supervised", ("z", "y", "y")), ("clustering", ("z", "y", None)),
    ("discrete-vae", (None, "y", None)), ("classifier", ("z", "y", "y")),
])
def test_roles_of_the_latents(name, found):
    model = FAMILIES[name]()
    roles = (model.style, model.category, model.label_latent)
    assert tuple(latent and latent.name for latent in roles) == found
    assert all(model.latent(latent.name) is latent for latent in model.latents)


def test_of_several_categories_the_label_is_the_class():
    def code(name, label):
        return Latent(name, Category(WIDTH, CLASSES), CategoricalPrior(CLASSES), adversarial(CLASSES), label=label)

    free = autoencoder(code("a", "none"), code("b", "none"))
    assert free.category is None
    with pytest.raises(AAEError, match="no class or cluster output"):
        free.classify(torch.rand(2, *SHAPE))
    with pytest.raises(AAEError, match="has no classes"):
        free.sample(2, torch.tensor([0, 1]))
    learned = autoencoder(code("a", "none"), code("b", "supervised"))
    assert learned.category.name == "b"
    classification = build_phases(Losses(learned), "alternating")[-1]
    head = {id(p) for p in learned.latent("b").posterior.parameters()}
    assert head <= {id(p) for p in classification.parameters}


@pytest.mark.parametrize(("name", "is_map"), [("embedding", True), ("aae", False), ("clustering", False)])
def test_the_merged_code_of_an_embedding_is_the_map(name, is_map):
    assert FAMILIES[name]().merged_is_map is is_map


def test_only_training_corrupts_the_input():
    model, x = autoencoder(style(), corruption=Masking(1.0)), torch.rand(3, *SHAPE)
    blank = model.encode(torch.zeros(3, *SHAPE))["z"]
    assert torch.equal(model.encode(x)["z"], blank)
    model.eval()
    assert not torch.equal(model.encode(x)["z"], blank)


def test_encoding_is_deterministic_after_training():
    for name in FAMILIES:
        model, x = FAMILIES[name]().eval(), torch.rand(3, *SHAPE)
        assert all(torch.equal(code, model.encode(x)[key]) for key, code in model.encode(x).items())


def test_the_likelihood_reads_the_output():
    model = autoencoder(style(), likelihood=GaussianLikelihood(0.5))
    codes = {"z": 50 * torch.randn(20, 2)}
    assert torch.equal(model.decode(codes), model.decoder(codes["z"]))
    assert model.decode(codes).min() < 0


def test_class_names_are_kept():
    model = FAMILIES["semi-supervised"](classes=["cat", "dog", 7])
    assert through_json(model).classes == ["cat", "dog", 7]


class Laplace(nn.Module):
    """A user's own prior."""

    has_density = True

    def __init__(self, dim, width=2.0):
        super().__init__()
        self.dim, self.width = dim, width

    def forward(self, n, labels=None):
        return torch.distributions.Independent(torch.distributions.Laplace(torch.zeros(n, self.dim), self.width), 1)


class Sorted(nn.Module):
    """A user's own trunk: the order of the values does not matter."""

    def __init__(self, shape, features):
        super().__init__()
        self.shape, self.features = shape, features
        self.layer = nn.Linear(shape[0], features)

    def forward(self, x):
        return self.layer(x.sort(1).values).relu()


class Moments(nn.Module):
    """A user's own matching rule: mean and spread of the codes as those of the prior."""

    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = weight

    def penalty(self, posterior, codes, prior):
        samples = prior.sample()
        mean, spread = codes.mean(0) - samples.mean(0), codes.std(0) - samples.std(0)
        return self.weight * (mean.square() + spread.square()).sum()


def own_model():
    latent = Latent("z", Gaussian(WIDTH, 2), Laplace(2), [Moments(0.5), KL(0.1)])
    return Autoencoder([latent], Sorted((6,), WIDTH), MLPDecoder(2, (6,), (WIDTH,)))


def test_a_users_own_parts_work_in_a_model():
    model = own_model()
    (phase,) = build_phases(Losses(model))
    loss, metrics = phase.loss(batch_for(model))
    gradients = torch.autograd.grad(loss, phase.parameters)
    assert {"moments_z", "kl_z"} <= metrics.keys()
    assert {id(p) for p in model.trunk.parameters()} <= {id(p) for p in phase.parameters}
    assert all(gradient.abs().max() > 0 for gradient in gradients)
    assert model.sample(4).shape == (4, 6)


def test_a_users_own_parts_are_rebuilt_if_their_classes_are_passed():
    model, x = own_model(), torch.rand(3, 6)
    twin = through_json(model, extra=[Laplace, Sorted, Moments])
    assert torch.equal(model.encode(x)["z"], twin.encode(x)["z"])
    with pytest.raises(AAEError, match="If it is a class of your own, pass it"):
        rebuild(describe(model), extra=[Laplace, Sorted])


def test_an_adversarial_prior_needs_samples_only():
    class Samples(nn.Module):
        dim = 2

        def forward(self, n, labels=None):
            return Delta(torch.rand(n, 2))

    model = autoencoder(Latent("z", Point(WIDTH, 2), Samples(), adversarial(2)))
    phases = build_phases(Losses(model), "alternating")
    assert [phase.name for phase in phases] == ["reconstruction", "discriminator", "generator"]
    assert all(torch.isfinite(phase.loss(batch_for(model))[0]) for phase in phases)
    assert model.sample(4).shape == (4, *SHAPE)
