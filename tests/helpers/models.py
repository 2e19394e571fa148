"""Tiny models of every family, and the checks that components share."""

import json

import numpy as np
import torch

from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.model.component import describe, rebuild
from aae.model.latent import Latent
from aae.model.matching import KL, MMD, Adversarial
from aae.model.merging import LinearSum
from aae.model.networks import Discriminator, MLPDecoder, MLPTrunk
from aae.model.posteriors import Category, Gaussian, Noisy, Point
from aae.model.priors import CategoricalPrior, GaussianPrior, ring_mixture

WIDTH, CLASSES, SHAPE = 8, 3, (6,)
# Terms (see `close.rounding`) on the longest way through one of these models and its loss: an image of 16 values, the
# hidden layer, the codes, the hidden layer of the decoder, the loss of 16 values, and functions of a few terms each.
TERMS = 16 + WIDTH + 5 + WIDTH + 16 + 20


def autoencoder(*latents, shape=SHAPE, merge=None, **options):
    dim = merge.dim if merge is not None else sum(latent.dim for latent in latents)
    decoder = MLPDecoder(dim, shape, hidden=(WIDTH,))
    return Autoencoder(latents, MLPTrunk(shape, hidden=(WIDTH,)), decoder, merge=merge, **options)


def adversarial(dim, **options):
    return Adversarial(Discriminator(dim, hidden=(WIDTH,), **options))


def style(dim=2):
    return Latent("z", Point(WIDTH, dim), GaussianPrior(dim), adversarial(dim))


def conditional_style(conditional="y"):
    """A style whose discriminator sees the class that the model infers."""
    rule = Adversarial(Discriminator(2, hidden=(WIDTH,), classes=CLASSES), conditional=conditional)
    return Latent("z", Point(WIDTH, 2), GaussianPrior(2), rule)


def category(label="none"):
    return Latent("y", Category(WIDTH, CLASSES), CategoricalPrior(CLASSES), adversarial(CLASSES), label=label)


def observed():
    return Latent("y", prior=CategoricalPrior(CLASSES), label="observed")


def conditioned():
    return Latent("z", Noisy(WIDTH, 2, noise_dim=3, hidden=WIDTH), ring_mixture(CLASSES),
                  adversarial(2, classes=CLASSES), label="conditioned")


def heads():
    return LinearSum({"y": CLASSES, "z": 2}, dim=2)


FAMILIES = {
    "autoencoder": lambda **o: autoencoder(Latent("z", Point(WIDTH, 2)), **o),
    "vae": lambda **o: autoencoder(Latent("z", Gaussian(WIDTH, 2), GaussianPrior(2), KL()), **o),
    "wae-mmd": lambda **o: autoencoder(Latent("z", Point(WIDTH, 2), GaussianPrior(2), MMD()), **o),
    "discrete-vae": lambda **o: autoencoder(
        Latent("y", Category(WIDTH, CLASSES, temperature=0.5), CategoricalPrior(CLASSES), KL()), **o),
    "aae": lambda **o: autoencoder(style(), **o),
    "supervised": lambda **o: autoencoder(style(), observed(), **o),
    "conditioned": lambda **o: autoencoder(conditioned(), **o),
    "semi-supervised": lambda **o: autoencoder(style(), category("supervised"), **o),
    "conditional": lambda **o: autoencoder(conditional_style(), category("supervised"), **o),
    "clustering": lambda **o: autoencoder(style(), category(), **o),
    "embedding": lambda **o: autoencoder(style(), category("supervised"), merge=heads(), **o),
    "classifier": lambda **o: autoencoder(
        Latent("z", Point(WIDTH, 2)), Latent("y", Category(WIDTH, CLASSES), label="supervised"), **o),
}


def batch_for(model, rows=12):
    """A batch with labels as the model's roles need them; if the label is not the code, every fourth is unknown."""
    labels = torch.arange(rows) % CLASSES
    if all(latent.label != "observed" for latent in model.latents):
        labels[::4] = -1
    batch = Batch(torch.rand(rows, *model.shape), labels)
    if any(latent.label == "supervised" for latent in model.latents):
        batch.labelled_x, batch.labelled_y = torch.rand(6, *model.shape), torch.arange(6) % CLASSES
    return batch


def bernoulli_nats(logits, x):
    """Negative log-likelihood of each row, by hand."""
    p = 1 / (1 + np.exp(-logits))
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(1)


def through_json(component, extra=()):
    """Write a component as JSON text, build it again with the same weights, and check that nothing was lost."""
    spec = json.loads(json.dumps(describe(component)))
    twin = rebuild(spec, extra)
    assert type(twin) is type(component)
    assert describe(twin) == spec
    assert twin.state_dict().keys() == component.state_dict().keys()
    twin.load_state_dict(component.state_dict())
    return twin.train(component.training)


def same_output(component, twin, call):
    """Whether two components give the same numbers from the same random draws."""
    torch.manual_seed(1)
    first = call(component)
    torch.manual_seed(1)
    return torch.equal(first, call(twin))


def without_gradient(module, output):
    """Names of the parameters that a random functional of ``output`` does not move."""
    names, parameters = zip(*module.named_parameters(), strict=True)
    gradients = torch.autograd.grad((output * torch.randn_like(output)).sum(), parameters, allow_unused=True)
    return [name for name, g in zip(names, gradients, strict=True) if g is None or not g.abs().max() > 1e-9]
