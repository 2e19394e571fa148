import math

import pytest
import torch
from torch import nn

from aae.model.corruption import GaussianNoise, Masking, SaltAndPepper
from aae.system.errors import AAEError
from helpers.models import autoencoder, same_output, style, through_json

pytestmark = pytest.mark.numeric

CORRUPTIONS = {"gaussian": lambda: GaussianNoise(0.3), "masking": lambda: Masking(0.3),
               "salt and pepper": lambda: SaltAndPepper(0.3)}


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(6,), (4, 4), (4, 4, 3)])
def test_every_corruption(name, shape):
    corruption, x = CORRUPTIONS[name](), torch.rand(5, *shape)
    before = x.clone()
    assert corruption(x).shape == x.shape
    assert not torch.equal(corruption(x), x)
    assert torch.equal(x, before), "the input itself stays as it is"
    assert same_output(corruption, through_json(corruption), lambda c: c(x))
    corruption.eval()
    assert torch.equal(corruption(x), x)
    assert not torch.equal(corruption.corrupt(x), x), "`corrupt` works in every mode"
    assert repr(corruption) == f"{type(corruption).__name__}()"


def test_gaussian_noise_has_the_given_spread_and_is_not_clipped():
    change = GaussianNoise(0.3)(torch.zeros(100, 100))
    assert change.mean().item() == pytest.approx(0, abs=5 * 0.3 / 100)  # five standard errors
    assert change.std().item() == pytest.approx(0.3, rel=5 / math.sqrt(2 * 100**2))


def test_masking_blanks_the_given_share():
    x = torch.full((100, 100), 0.5)
    masked = Masking(0.3)(x)
    assert set(masked.unique().tolist()) == {0.0, 0.5}
    assert (masked == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_salt_and_pepper_come_in_equal_shares():
    grains = SaltAndPepper(0.3)(torch.full((100, 100), 0.5))
    assert set(grains.unique().tolist()) == {0.0, 0.5, 1.0}
    assert (grains == 0).float().mean().item() == pytest.approx(0.15, abs=0.015)
    assert (grains == 1).float().mean().item() == pytest.approx(0.15, abs=0.015)


@pytest.mark.parametrize("build", [Masking, SaltAndPepper])
def test_shares_run_from_none_to_all(build):
    x = torch.full((20, 20), 0.5)
    assert torch.equal(build(0.0)(x), x)
    assert not (build(1.0)(x) == 0.5).any()
    for share in (-0.1, 1.1):
        with pytest.raises(AAEError, match=f"between 0 and 1, not {share}"):
            build(share)


def test_gradients_pass_where_the_input_is_kept():
    x = torch.full((50,), 0.5, requires_grad=True)
    masked = Masking(0.5)(x)
    masked.sum().backward()
    assert torch.equal(x.grad, (masked != 0).float())


class Added(nn.Module):
    """A corruption of one's own, which does not look at the mode."""

    def forward(self, x):
        return x + 1


def test_a_corruption_of_ones_own_is_applied_while_training_only():
    model = autoencoder(style(), corruption=Added())
    x = torch.rand(4, *model.input_shape)
    clean, corrupted = model.trunk(x), model.trunk(x + 1)
    assert torch.equal(model.train().features(x), corrupted)
    assert torch.equal(model.eval().features(x), clean)
    assert not torch.equal(clean, corrupted)
