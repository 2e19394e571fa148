import pytest
import torch

from aae.model.posteriors import Category, Delta, Gaussian, Noisy, Point, SoftCategory
from helpers.close import assert_close
from helpers.models import same_output, through_json, without_gradient

pytestmark = pytest.mark.numeric

POSTERIORS = {
    "point": lambda: Point(5, 3),
    "gaussian": lambda: Gaussian(5, 3),
    "noisy": lambda: Noisy(5, 3, noise_dim=2, hidden=7),
    "category": lambda: Category(5, 3),
    "relaxed category": lambda: Category(5, 3, temperature=0.7),
}


@pytest.mark.parametrize("name", POSTERIORS)
def test_every_posterior(name):
    posterior, features = POSTERIORS[name](), torch.randn(4, 5)
    distribution = posterior(features)
    assert (distribution.batch_shape, distribution.event_shape) == ((4,), (3,))
    assert distribution.mean.shape == distribution.rsample().shape == (4, 3)
    assert distribution.rsample((6, 2)).shape == distribution.sample((6, 2)).shape == (6, 2, 4, 3)
    assert not without_gradient(posterior, distribution.rsample())
    assert not distribution.sample().requires_grad
    twin = through_json(posterior)
    assert same_output(posterior, twin, lambda p: p(features).rsample())
    assert repr(posterior).startswith(f"{type(posterior).__name__}(")


@pytest.mark.parametrize("name", ["point", "noisy"])
def test_the_mean_is_the_same_at_every_call(name):
    distribution = POSTERIORS[name]()(torch.randn(4, 5))
    assert torch.equal(distribution.mean, distribution.mean)


def test_a_point_posterior_always_gives_its_location():
    location = torch.randn(4, 3)
    assert torch.equal(Delta(location).rsample((2,)), location.expand(2, 4, 3))


def test_gaussian_moments_come_from_the_network():
    posterior, features = Gaussian(5, 3), torch.randn(1, 5)
    mean, log_std = posterior.moments(features).chunk(2, -1)
    draws = posterior(features).sample((20_000,))
    assert torch.allclose(draws.mean(0), mean, atol=0.05)
    assert torch.allclose(draws.std(0), log_std.exp(), rtol=0.05)
    value = torch.zeros(1, 3)
    expected = torch.distributions.Normal(mean, log_std.exp()).log_prob(value)
    assert_close(posterior(features).log_prob(value), expected.sum(-1), 3 + 10, expected.abs().sum(-1))


def test_gaussian_spread_stays_finite():
    posterior = Gaussian(1, 1)
    with torch.no_grad():
        posterior.moments.weight.fill_(1e4)
    spread = posterior(torch.tensor([[1.0], [-1.0]])).stddev
    assert torch.isfinite(spread).all()
    assert (spread > 0).all()


def test_noise_makes_the_noisy_posterior_a_distribution():
    distribution = Noisy(5, 3)(torch.randn(4, 5))
    first, second = distribution.sample((2,))
    assert (first - second).abs().amin(1).min() > 0


def test_category_without_temperature_is_the_softmax():
    logits = torch.randn(4, 3)
    distribution = SoftCategory(logits)
    assert torch.equal(distribution.mean, logits.softmax(-1))
    assert torch.equal(distribution.rsample(), logits.softmax(-1))
    assert_close(distribution.categorical().probs, logits.softmax(-1), 2 * 3 + 10)


def test_relaxed_samples_lie_on_the_simplex_and_fall_on_classes_as_often_as_they_should():
    logits = torch.tensor([0.0, 1.0, 2.0])
    draws = SoftCategory(logits.expand(1, 3), temperature=0.5).sample((20_000,))[:, 0]
    assert_close(draws.sum(-1), torch.ones(20_000), 2 * 3 + 5)
    # The largest coordinate of a Gumbel-softmax sample has exactly the softmax's distribution.
    share = torch.bincount(draws.argmax(-1), minlength=3) / 20_000
    assert torch.allclose(share, logits.softmax(-1), atol=0.015)


def test_lower_temperature_is_closer_to_one_hot():
    logits = torch.zeros(2000, 3)
    warm, cold = (SoftCategory(logits, temperature=t).sample().amax(-1).mean() for t in (2.0, 0.1))
    assert cold > 0.95 > warm


def test_relaxation_is_for_training_only():
    posterior, features = Category(5, 3, temperature=0.5), torch.randn(4, 5)
    assert not torch.allclose(posterior(features).rsample(), posterior(features).mean)
    posterior.eval()
    assert torch.equal(posterior(features).rsample(), posterior(features).mean)


@pytest.mark.parametrize(("name", "density"), [("point", False), ("gaussian", True), ("noisy", False),
                                               ("category", False), ("relaxed category", True)])
def test_which_posteriors_have_a_density(name, density):
    assert getattr(POSTERIORS[name](), "has_density", False) is density


@pytest.mark.parametrize("name", POSTERIORS)
def test_codes_are_float32_under_autocast(name):
    with torch.autocast("cpu", torch.bfloat16):
        distribution = POSTERIORS[name]()(torch.randn(4, 5).bfloat16())
        assert distribution.rsample().dtype == distribution.mean.dtype == torch.float32
