import pytest
import torch
from torch.distributions import Bernoulli, Normal

from aae.model.likelihoods import BernoulliLikelihood, GaussianLikelihood
from helpers.close import assert_close
from helpers.models import same_output, through_json

pytestmark = pytest.mark.numeric

LIKELIHOODS = {
    "bernoulli": (BernoulliLikelihood(), lambda output, x: Bernoulli(logits=output).log_prob(x)),
    "gaussian": (GaussianLikelihood(), lambda output, x: Normal(output, 1.0).log_prob(x)),
    "narrow gaussian": (GaussianLikelihood(0.3), lambda output, x: Normal(output, 0.3).log_prob(x)),
}


@pytest.mark.parametrize("shape", [(6,), (4, 4), (4, 4, 3)])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_every_likelihood(name, shape):
    likelihood, log_prob = LIKELIHOODS[name]
    output = torch.randn(5, *shape, requires_grad=True)
    x = torch.rand(5, *shape).round()  # Bernoulli's log_prob takes whole numbers only
    loss = likelihood.loss(output, x)
    assert loss.shape == (5,)
    expected = -log_prob(output.double(), x.double()).flatten(1)
    assert_close(loss, expected.sum(1), expected.shape[1] + 10, expected.abs().sum(1))
    (gradient,) = torch.autograd.grad(loss.sum(), output)
    assert (gradient != 0).all()
    assert likelihood.mean(output).shape == x.shape
    assert same_output(likelihood, through_json(likelihood), lambda m: m.loss(output, x))
    assert repr(likelihood) == f"{type(likelihood).__name__}()"


def test_bernoulli_takes_shades_of_grey():
    x = torch.rand(3, 8)
    loss, output = BernoulliLikelihood().loss, torch.randn(3, 8)
    p, shades = output.double().sigmoid(), x.double()
    assert_close(loss(output, x), -(shades * p.log() + (1 - shades) * (1 - p).log()).sum(1), 8 + 10)
    assert (loss(x.logit(), x) < loss(output, x)).all(), "nothing costs less than the shades themselves"


def test_bernoulli_is_finite_for_a_confident_decoder():
    assert BernoulliLikelihood().loss(torch.tensor([[800.0, -800.0]]), torch.tensor([[0.0, 0.0]])).item() == 800


def test_means():
    output = torch.randn(3, 8)
    assert torch.equal(BernoulliLikelihood().mean(output), output.sigmoid())
    assert torch.equal(GaussianLikelihood(0.3).mean(output), output)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_half_precision_outputs_are_read_in_full_precision(name):
    likelihood, x = LIKELIHOODS[name][0], torch.rand(3, 8)
    output = torch.randn(3, 8).bfloat16()
    assert torch.equal(likelihood.loss(output, x), likelihood.loss(output.float(), x))
    assert likelihood.mean(output).dtype == torch.float32


def test_only_bernoulli_asks_for_inputs_between_zero_and_one():
    assert BernoulliLikelihood.bounded
    assert not GaussianLikelihood.bounded
