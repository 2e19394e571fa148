import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from aae.evaluation import bounds, metrics
from aae.model.latent import Latent
from aae.model.likelihoods import GaussianLikelihood
from aae.model.matching import KL
from aae.model.posteriors import Gaussian
from aae.model.priors import GaussianPrior
from helpers.close import rounding
from helpers.models import CLASSES, FAMILIES, SHAPE, TERMS, WIDTH, autoencoder, bernoulli_nats

pytestmark = pytest.mark.numeric

RNG = np.random.default_rng(0)
ROWS = RNG.random((50, *SHAPE)).astype(np.float32)
LABELS = np.arange(50) % CLASSES


def fixed(model, output, moments):
    """Let a model's decoder always give ``output`` and its posterior always the same moments."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.decoder.layers[-1].bias.copy_(torch.as_tensor(output))
        model.latents[0].posterior.moments.bias.copy_(torch.as_tensor(moments))
    return model


OUTPUT, MEAN, LOG_STD = np.linspace(-1, 2, 6), np.array([0.5, -1.0]), np.array([-0.5, 0.2])
# Of N(mean, std²) from N(0, 2²).
DIVERGENCE = (np.log(2) - LOG_STD + (np.exp(2 * LOG_STD) + MEAN**2) / 8 - 0.5).sum()


@pytest.mark.parametrize("weight", [1.0, 0.25])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_elbo_by_hand(likelihood, weight):
    latent = Latent("z", Gaussian(WIDTH, 2), GaussianPrior(2, std=2.0), KL(weight))
    options = {} if likelihood == "bernoulli" else {"likelihood": GaussianLikelihood(0.5)}
    model = fixed(autoencoder(latent, **options), OUTPUT, np.concatenate([MEAN, LOG_STD]))
    loss = bernoulli_nats(OUTPUT, ROWS) if likelihood == "bernoulli" else -norm.logpdf(ROWS, OUTPUT, 0.5).sum(1)
    near = rounding(TERMS + len(ROWS))
    assert metrics.reconstruction_loss(model, ROWS, LABELS) == pytest.approx(loss.mean(), rel=near)
    assert bounds.elbo(model, ROWS, LABELS) == pytest.approx(-loss.mean() - DIVERGENCE, rel=near)


def test_elbo_of_a_category_draws_one_class():
    model = FAMILIES["discrete-vae"]()
    output = np.array([[-4.0], [0.0], [4.0]]) * np.ones(6)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        # Every class is as likely as any other, and each is decoded to an image of its own.
        model.decoder.layers[0].weight[:3] = torch.eye(3)
        model.decoder.layers[-1].weight[:, :3] = torch.as_tensor(output.T)
    rows, labels = np.tile(ROWS, (40, 1)), np.zeros(2000, np.int64)
    expected = -np.mean([bernoulli_nats(line, rows).mean() for line in output])
    assert bounds.elbo(model, rows, labels) == pytest.approx(expected, rel=0.05)


def test_elbo_needs_densities_and_a_seed():
    model = FAMILIES["vae"]()
    before = torch.get_rng_state()
    assert bounds.elbo(model, ROWS, LABELS) == bounds.elbo(model, ROWS, LABELS)
    assert bounds.elbo(model, ROWS, LABELS) != bounds.elbo(model, ROWS, LABELS, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    for name in ("aae", "wae-mmd", "autoencoder", "semi-supervised"):
        assert bounds.elbo(FAMILIES[name](), ROWS, LABELS) is None


def linear_model(std=0.7):
    """A linear Gaussian model, and the Gaussian density of its samples."""
    latent = Latent("z", Gaussian(WIDTH, 2), GaussianPrior(2), KL())
    model = fixed(autoencoder(latent, likelihood=GaussianLikelihood(std)), OUTPUT, [0.0, 0.0, 0.2, 0.2])
    weight = torch.randn(len(OUTPUT), 2) * 0.5
    model.decoder.layers = torch.nn.Linear(2, len(OUTPUT))
    with torch.no_grad():
        model.decoder.layers.weight.copy_(weight)
        model.decoder.layers.bias.copy_(torch.as_tensor(OUTPUT))
    return model, multivariate_normal(OUTPUT, (weight @ weight.T + std**2 * torch.eye(len(OUTPUT))).numpy())


def test_the_importance_bound_lies_between_the_evidence_bound_and_the_likelihood():
    torch.manual_seed(0)
    model, density = linear_model()
    exact = density.logpdf(ROWS).mean()
    few, many = (bounds.importance_bound(model, ROWS, LABELS, draws) for draws in (10, 3000))
    assert bounds.elbo(model, ROWS, LABELS) < few < many
    assert many == pytest.approx(exact, abs=0.02)


def test_with_one_draw_it_is_the_evidence_bound_up_to_chance():
    model, _ = linear_model()
    rows, labels = np.tile(ROWS, (200, 1)), np.tile(LABELS, 200)
    assert bounds.importance_bound(model, rows, labels, 1) == pytest.approx(bounds.elbo(model, rows, labels), abs=0.2)


def test_the_importance_bound_of_categories_counts_every_class():
    """Three classes as likely as one another, each decoded to an image of its own."""
    model = FAMILIES["discrete-vae"]()
    output = np.array([[-2.0], [0.0], [2.0]]) * np.ones(6)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.decoder.layers[0].weight[:3] = torch.eye(3)
        model.decoder.layers[-1].weight[:, :3] = torch.as_tensor(output.T)
    exact = logsumexp([-bernoulli_nats(line, ROWS) for line in output], axis=0, b=1 / 3).mean()
    assert bounds.importance_bound(model, ROWS, LABELS, 1000) == pytest.approx(exact, abs=0.02)


def test_the_importance_bound_needs_densities_and_a_seed():
    model = FAMILIES["vae"]()
    before = torch.get_rng_state()
    assert bounds.importance_bound(model, ROWS, LABELS, 3) == bounds.importance_bound(model, ROWS, LABELS, 3)
    assert torch.equal(before, torch.get_rng_state())
    assert bounds.importance_bound(FAMILIES["aae"](), ROWS, LABELS) is None
