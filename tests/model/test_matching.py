import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal

from aae.model.matching import KL, MMD, Adversarial, MutualInformation
from aae.model.networks import Discriminator
from aae.model.posteriors import Gaussian, SoftCategory
from aae.model.priors import CategoricalPrior, GaussianPrior, grid_mixture
from helpers.close import assert_close, rounding
from helpers.models import same_output, through_json, without_gradient

pytestmark = pytest.mark.numeric


def normal(mean, std):
    return Independent(Normal(mean, std), 1)


class ConstantLogit(nn.Module):
    """A discriminator that gives every row the same logit, and records its labels."""

    def __init__(self, logit):
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(float(logit)))
        self.labels = []

    def forward(self, codes, labels=None):
        self.labels.append(labels)
        return self.logit.expand(len(codes)) + 0 * codes.sum(1)


@pytest.mark.parametrize("rule", [KL(0.3), MMD(0.3)], ids=["KL", "MMD"])
def test_every_penalty(rule):
    posterior, features = Gaussian(5, 2), torch.randn(6, 5)

    def penalty(rule):
        distribution = posterior(features)
        return rule.penalty(distribution, distribution.rsample(), GaussianPrior(2)(6))

    assert penalty(rule).shape == ()
    assert not without_gradient(posterior, penalty(rule))
    assert same_output(rule, through_json(rule), penalty)
    torch.manual_seed(1)
    weighted = penalty(rule)
    torch.manual_seed(1)
    assert weighted.item() == pytest.approx(0.3 * penalty(type(rule)(1.0)).item(), rel=rounding(4))
    assert repr(rule) == f"{type(rule).__name__}()"


def test_adversarial_rule():
    rule = Adversarial(Discriminator(2, (50,)), weight=0.3)  # wide enough to say something of every row
    codes, samples = torch.randn(5, 2, requires_grad=True), torch.randn(5, 2)
    assert not without_gradient(rule, rule.discriminator_loss(codes, samples))
    (gradient,) = torch.autograd.grad(rule.generator_loss(codes), codes)
    assert gradient.abs().amin(1).min() > 0
    assert same_output(rule, through_json(rule), lambda r: r.generator_loss(codes))
    assert "Discriminator(" in repr(rule)


def test_gaussian_divergence_is_the_closed_form():
    mean, std, prior_std = torch.randn(4, 3), torch.rand(4, 3) + 0.5, 5.0
    ratio = (std / prior_std) ** 2
    parts = torch.stack([ratio, (mean / prior_std) ** 2, -torch.ones(4, 3), -ratio.log()]).double() / 2
    found = KL().divergence(normal(mean, std), torch.randn(4, 3), GaussianPrior(3, prior_std)(4))
    assert_close(found, parts.sum((0, 2)), 3 * 4 + 10, parts.abs().sum((0, 2)))
    same = KL().penalty(GaussianPrior(3)(4), torch.randn(4, 3), GaussianPrior(3)(4))
    assert same.item() == pytest.approx(0, abs=3 * rounding(4 + 10))


def test_divergence_without_a_closed_form_is_right_on_average():
    prior, n, step = grid_mixture(1, 2, spacing=2.0, std=0.7), 20_000, 0.05
    mean, std = torch.tensor([0.5, -0.3]), torch.tensor([0.4, 0.8])
    axis = torch.arange(-5, 5, step)
    grid = torch.cartesian_prod(axis, axis)
    posterior = normal(mean.expand(n, 2), std.expand(n, 2))
    on_grid = normal(mean, std).log_prob(grid)
    density = MultivariateNormal(torch.tensor(prior.means)[:, None], torch.tensor(prior.covariances)[:, None])
    log_prior = density.log_prob(grid.expand(2, -1, 2)).logsumexp(0) - math.log(2)
    expected = (on_grid.exp() * (on_grid - log_prior)).sum() * step**2
    rows = KL().divergence(posterior, posterior.rsample(), prior(n))
    assert expected > 0.5
    assert rows.mean().item() == pytest.approx(expected.item(), abs=4 * rows.std().item() / math.sqrt(n))


def test_categorical_divergence_is_the_closed_form():
    logits, balance = torch.randn(4, 3), torch.tensor([0.2, 0.3, 0.5])
    p = logits.softmax(1)
    prior = CategoricalPrior(3, balance.tolist())(4)
    found = KL().divergence(SoftCategory(logits, temperature=0.5), p, prior)
    expected = p.double() * (p.double() / balance).log()
    assert_close(found, expected.sum(1), 2 * 3 + 10, 2 * expected.abs().sum(1))
    at_prior = KL().divergence(SoftCategory(balance.log().expand(4, 3)), p, prior)
    assert at_prior.abs().max() < 2 * rounding(3 + 10)


def test_mutual_information_of_confident_and_balanced_classes_is_perfect():
    confident = SoftCategory(100 * torch.eye(4))
    rule, prior = MutualInformation(), CategoricalPrior(4)
    near = rounding(4 + 10)
    assert rule.penalty(confident, confident.mean, prior(4)) == pytest.approx(0, abs=4 * math.log(4) * near)
    collapsed = SoftCategory(100 * torch.eye(4)[[2, 2, 2, 2]])  # all rows in one class: balance times log 4
    assert rule.penalty(collapsed, collapsed.mean, prior(4)) == pytest.approx(4 * math.log(4), rel=near)
    flat = SoftCategory(torch.zeros(4, 4))  # no confident row: the entropy is log 4
    found = MutualInformation(0.3, 2.0).penalty(flat, flat.mean, prior(4))
    assert found == pytest.approx(0.3 * math.log(4), rel=5 * near)  # and the balance twice that less twice that


def test_mutual_information_follows_the_balance_of_the_prior():
    posterior, prior = SoftCategory(100 * torch.eye(2)[[0, 0, 0, 1]]), CategoricalPrior(2, [0.75, 0.25])
    found = MutualInformation().penalty(posterior, posterior.mean, prior(4))
    assert found == pytest.approx(0, abs=4 * math.log(4) * rounding(4 + 10))


def test_mutual_information_recovers_a_dead_class():
    logits = torch.tensor([0.0, 0.0, -3.0]).repeat(6, 1) + 0.1 * torch.randn(6, 3)
    logits.requires_grad_()
    rule, optimizer = MutualInformation(), torch.optim.Adam([logits], 0.1)
    for _ in range(300):
        posterior = SoftCategory(logits)
        optimizer.zero_grad()
        rule.penalty(posterior, posterior.mean, CategoricalPrior(3)(6)).backward()
        optimizer.step()
    assert sorted(logits.argmax(1).tolist()) == [0, 0, 1, 1, 2, 2]
    assert logits.softmax(1).amax(1).min() > 0.95


def test_only_the_reverse_divergence_grows_as_a_rare_class_dies_out():
    posterior, prior = SoftCategory(torch.tensor([[0.0, -12.0]]).repeat(20, 1)), CategoricalPrior(2, [0.95, 0.05])
    usual, reverse = (
        MutualInformation(1.0, 1.0, kind).penalty(posterior, posterior.mean, prior(20)) for kind in (False, True)
    )
    assert usual == pytest.approx(-math.log(0.95), abs=1e-3)
    assert reverse == pytest.approx(0.95 * math.log(0.95) + 0.05 * (math.log(0.05) + 12), abs=1e-3)


def test_reverse_mutual_information_follows_the_balance_of_the_prior():
    posterior, prior = SoftCategory(100 * torch.eye(2)[[0, 0, 0, 1]]), CategoricalPrior(2, [0.75, 0.25])
    found = MutualInformation(reverse=True).penalty(posterior, posterior.mean, prior(4))
    assert found == pytest.approx(0, abs=4 * math.log(4) * rounding(4 + 10))


def test_mutual_information_can_be_saved():
    rule, posterior = MutualInformation(0.3, 2.0, True), SoftCategory(torch.randn(5, 3))
    assert same_output(rule, through_json(rule), lambda r: r.penalty(posterior, posterior.mean, CategoricalPrior(3)(5)))


def test_discrepancy_is_the_sum_over_pairs():
    samples, codes = torch.randn(5, 3).double(), torch.randn(5, 3).double() + 1

    class Fixed(torch.distributions.Distribution):
        def sample(self, sample_shape=()):
            return samples

    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    unit = sum((samples[i] - samples[j]).square().sum() for i, j in pairs) / len(pairs)

    def kernel(a, b):
        return sum(unit * s / (unit * s + (a - b).square().sum()) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    within = sum(kernel(codes[i], codes[j]) + kernel(samples[i], samples[j]) for i, j in pairs) / len(pairs)
    between = sum(kernel(a, b) for a in codes for b in samples) / 25
    found = MMD().penalty(None, codes, Fixed(validate_args=False))
    # All in double precision but for the last step.
    assert found.item() == pytest.approx((within - 2 * between).item(), rel=rounding(2))


def test_discrepancy_is_unbiased_and_sees_a_shift():
    rule, prior = MMD(), GaussianPrior(4, std=2.0)

    def draws(shift, spread):
        return torch.stack([rule.penalty(None, shift + spread * torch.randn(64, 4), prior(64)) for _ in range(60)])

    same = draws(0.0, 2.0)
    error = same.std() / math.sqrt(len(same))
    assert same.mean().abs() < 4 * error
    assert same.min() < 0, "an unbiased estimate falls below zero now and then"
    assert draws(1.0, 2.0).mean() > 10 * error
    assert draws(0.0, 1.0).mean() > 10 * error


def test_minimising_the_discrepancy_moves_codes_onto_the_prior():
    shift, spread = torch.full((2,), 3.0, requires_grad=True), torch.full((2,), 0.3, requires_grad=True)
    optimizer = torch.optim.Adam([shift, spread], lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        MMD().penalty(None, shift + spread * torch.randn(64, 2), GaussianPrior(2)(64)).backward()
        optimizer.step()
    assert shift.abs().max() < 0.3
    assert (spread - 1).abs().max() < 0.3


@pytest.mark.parametrize(("logit", "discriminator", "generator"), [
    (0.0, 2 * math.log(2), math.log(2)),
    (1.0, math.log1p(math.exp(-1)) + math.log1p(math.exp(1)), math.log1p(math.exp(-1))),
    (-500.0, 500.0, 500.0),
    (500.0, 500.0, 0.0),
])
def test_adversarial_losses_of_a_constant_logit(logit, discriminator, generator):
    rule, codes = Adversarial(ConstantLogit(logit), weight=0.5), torch.randn(6, 2)
    loss = rule.discriminator_loss(codes, codes + 1)
    assert loss.item() == pytest.approx(discriminator, rel=rounding(6 + 10))
    assert rule.generator_loss(codes).item() == pytest.approx(0.5 * generator, rel=rounding(6 + 10))
    loss.backward()
    assert torch.isfinite(rule.discriminator.logit.grad)


def test_a_discriminator_that_is_right_has_no_loss_and_leaves_the_encoder_a_large_one():
    class Right(nn.Module):
        def forward(self, codes, labels=None):
            return 30 * codes[:, 0]

    rule, codes, samples = Adversarial(Right()), -torch.ones(4, 2), torch.ones(4, 2)
    assert rule.discriminator_loss(codes, samples) < 1e-10
    assert rule.discriminator_loss(samples, codes) > 50
    assert rule.generator_loss(codes).item() == pytest.approx(30)


def test_labels_reach_the_discriminator():
    rule, codes, labels = Adversarial(ConstantLogit(0.0)), torch.randn(3, 2), torch.tensor([0, 1, -1])
    rule.discriminator_loss(codes, codes, labels)
    rule.generator_loss(codes, labels)
    assert all(given is labels for given in rule.discriminator.labels)
    assert len(rule.discriminator.labels) == 3


def test_codes_in_half_precision_have_a_gradient_of_their_type():
    rule = Adversarial(Discriminator(2, hidden=(4,)))
    codes = torch.randn(8, 2, dtype=torch.bfloat16, requires_grad=True)
    sum(rule.both_losses(codes, torch.randn(8, 2))).backward()
    assert codes.grad.dtype == torch.bfloat16
    assert codes.grad.isfinite().all()
