import math

import pytest
import torch
from scipy.stats import kstest
from torch import nn
from torch.distributions import MultivariateNormal

from aae.model.priors import (
    BallPrior,
    CategoricalPrior,
    CubePrior,
    GaussianPrior,
    MixturePrior,
    SwissRollPrior,
    grid_mixture,
    ring_mixture,
)
from aae.system.errors import AAEError
from helpers.close import assert_close
from helpers.models import same_output, through_json

pytestmark = pytest.mark.numeric

CHANCE = 1e-6  # of a p-value as low: draws are others on other processors
PRIORS = {
    "gaussian": lambda: GaussianPrior(2, std=1.5),
    "cube": lambda: CubePrior(2, side=3.0),
    "ball": lambda: BallPrior(2, radius=2.0),
    "ring": lambda: ring_mixture(4, radius=2.0, radial=0.3, tangential=0.2),
    "grid": lambda: grid_mixture(2, 3, spacing=2.0, std=0.2),
    "swiss roll": lambda: SwissRollPrior(5, noise=0.08),
    "categories": lambda: CategoricalPrior(3, balance=[0.2, 0.3, 0.5]),
}
PLANE = [name for name in PRIORS if name != "categories"]
CONDITIONED = {name: PRIORS[name] for name in ("ring", "grid", "categories")} | {
    "swiss roll": lambda: SwissRollPrior(5, noise=0.01)}


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior(name):
    prior = PRIORS[name]()
    distribution = prior(7)
    assert (distribution.batch_shape, distribution.event_shape) == ((7,), (prior.dim,))
    assert distribution.sample().shape == (7, prior.dim)
    assert distribution.sample((2, 3)).shape == (2, 3, 7, prior.dim)
    assert distribution.log_prob(distribution.sample()).shape == (7,)
    assert not list(prior.parameters())
    assert same_output(prior, through_json(prior), lambda p: p(7).sample())
    assert repr(prior) == f"{type(prior).__name__}()"


@pytest.mark.parametrize("name", PLANE)
def test_a_prior_follows_its_models_device_and_stores_nothing(name):
    holder = nn.Module()
    holder.prior = PRIORS[name]()
    assert not holder.state_dict(), "what the arguments define is not stored a second time"
    assert holder.to("meta").prior(3).sample().device.type == "meta"


@pytest.mark.parametrize("name", PLANE)
def test_density_integrates_to_one_and_agrees_with_the_samples(name):
    prior, step = PRIORS[name](), 0.06
    axis = torch.arange(-6, 6, step) + step / 2 if name == "gaussian" else torch.arange(-3.9, 3.9, step) + step / 2
    grid = torch.cartesian_prod(axis, axis)
    mass = torch.cat([prior(len(part)).log_prob(part).exp() for part in grid.split(4000)]) * step**2
    assert mass.sum().item() == pytest.approx(1, abs=0.01)
    draws = prior(20_000).sample()
    for inside in (lambda p: (p[:, 0] > 0.3) & (p[:, 1] > -0.15), lambda p: p.norm(dim=1) < 1.5):
        assert mass[inside(grid)].sum().item() == pytest.approx(inside(draws).float().mean().item(), abs=0.02)


@pytest.mark.parametrize("std", [1.0, 5.0])
def test_gaussian_spread(std):
    draws = GaussianPrior(8, std)(5000).sample()
    assert torch.allclose(draws.std(0), torch.full((8,), std), rtol=0.05)
    assert draws.mean().abs() < 0.03 * std


def test_cube_is_uniform():
    draws = CubePrior(3, side=4.0)(2000).sample()
    assert all(kstest(column.numpy(), "uniform", args=(-2, 4)).pvalue > CHANCE for column in draws.T)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_ball_is_uniform(dim):
    draws = BallPrior(dim, radius=3.0)(3000).sample()
    # In a ball, the share of the volume within radius r is (r / R) ** dim.
    assert kstest(((draws.norm(dim=1) / 3) ** dim).numpy(), "uniform").pvalue > CHANCE
    assert draws.mean(0).abs().max() < 0.2
    assert BallPrior(dim, 3.0)(1).log_prob(torch.full((1, dim), 3.1)).item() == -math.inf


def test_ring_components_point_away_from_the_origin():
    components, n = 10, 2000
    prior = ring_mixture(components)
    for k in range(components):
        angle = 2 * math.pi * k / components
        along = torch.tensor([math.cos(angle), math.sin(angle)])
        across = torch.tensor([-math.sin(angle), math.cos(angle)])
        draws = prior(n, torch.full((n,), k)).sample()
        assert (draws @ along).mean().item() == pytest.approx(1.4, abs=0.06)
        assert (draws @ along).std().item() == pytest.approx(0.5, rel=0.08)
        assert (draws @ across).mean().item() == pytest.approx(0, abs=0.006)
        assert (draws @ across).std().item() == pytest.approx(0.05, rel=0.08)


def test_the_swiss_roll_makes_two_turns_while_its_radius_grows_to_three():
    draws = SwissRollPrior(noise=1e-6)(3000).sample()
    radius = draws.norm(dim=1)
    turn = 4 * math.pi * radius / 3
    expected = radius[:, None] * torch.stack([turn.cos(), turn.sin()], 1)
    assert torch.allclose(draws, expected, atol=1e-3)
    assert kstest(((radius / 3) ** 2).numpy(), "uniform").pvalue > CHANCE


def test_grid_is_centred_and_evenly_spaced():
    means = torch.tensor(grid_mixture(2, 5, spacing=4.0).means)
    assert means.mean(0).tolist() == [0, 0]
    assert sorted(set(means[:, 0].tolist())) == [-8, -4, 0, 4, 8]
    assert sorted(set(means[:, 1].tolist())) == [-2, 2]


@pytest.mark.parametrize("name", CONDITIONED)
def test_a_label_picks_a_component_and_none_picks_any(name):
    prior, each = CONDITIONED[name](), 400
    count = prior.components
    labels = torch.arange(count).repeat_interleave(each)
    assert (_place(name, prior, prior(len(labels), labels).sample()) - labels).abs().max() < 0.65
    # Only labelled rows keep to one component; the unlabelled ones cover all.
    mixed = torch.where(torch.arange(len(labels)) % 2 == 0, labels, -1)
    place = _place(name, prior, prior(len(labels), mixed).sample())
    known = mixed >= 0
    assert (place[known] - labels[known]).abs().max() < 0.65
    expected = torch.tensor(prior.balance) if name == "categories" else torch.full((count,), 1 / count)
    share = torch.bincount(place[~known].round().clamp(0, count - 1).long(), minlength=count) / (~known).sum()
    assert torch.allclose(share, expected, atol=0.07)


def _place(name, prior, draws):
    """Number of the component each row lies in; on the swiss roll, a segment and its noise extend 0.65 either way."""
    if name == "categories":
        return draws.argmax(1).float()
    if name == "swiss roll":
        return (draws.norm(dim=1) / 3).square() * prior.components - 0.5
    return torch.cdist(draws, torch.tensor(prior.means)).argmin(1).float()


def test_conditioned_density_is_that_of_the_component():
    prior = PRIORS["ring"]()
    value = torch.randn(4, 2)
    means, covariances = (torch.tensor(part, dtype=torch.float64) for part in (prior.means, prior.covariances))
    alone = MultivariateNormal(means, covariances).log_prob(value.double())
    assert_close(prior(4, torch.arange(4)).log_prob(value), alone, 2 * 2 + 20)
    together = MultivariateNormal(means[:, None], covariances[:, None])
    expected = together.log_prob(value.double().expand(4, 4, 2)).logsumexp(0) - math.log(4)
    assert_close(prior(4, torch.full((4,), -1)).log_prob(value), expected, 2 * 2 + 4 + 20)


def test_categories_are_one_hots_with_the_given_balance():
    draws = PRIORS["categories"]()(5000).sample()
    assert set(draws.unique().tolist()) == {0, 1}
    assert torch.equal(draws.sum(1), torch.ones(5000))
    assert torch.allclose(draws.mean(0), torch.tensor([0.2, 0.3, 0.5]), atol=0.03)
    assert torch.allclose(CategoricalPrior(4)(1).probs, torch.full((1, 4), 0.25))


@pytest.mark.parametrize(("build", "sentence"), [
    (lambda: GaussianPrior(2, std=0), "above zero, not 0"),
    (lambda: GaussianPrior(2, std=float("nan")), "above zero, not nan"),
    (lambda: CategoricalPrior(3, balance=[0.5, 0.5]), "3 probabilities that sum to 1"),
    (lambda: CategoricalPrior(2, balance=[0.5, 0.6]), "2 probabilities that sum to 1"),
    (lambda: CategoricalPrior(2, balance=[1.5, -0.5]), "2 probabilities that sum to 1"),
    (lambda: ring_mixture(tangential=0), "not positive definite; make every width positive"),
    (lambda: MixturePrior([[0, 0]], [[[1, 2], [2, 1]]]), "not positive definite"),
])
def test_impossible_arguments_are_refused(build, sentence):
    with pytest.raises(AAEError, match=sentence):
        build()
