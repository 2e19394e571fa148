"""Corruptions of the input: what a denoising autoencoder has to undo. Active while training only.

Vincent et al., *Stacked Denoising Autoencoders*, JMLR 11 (2010), section 3.3 names the three.
`corrupt` applies one regardless of mode, for images and measurements.
"""

import torch
from torch import Tensor, nn

from aae.distributed import shards
from aae.model.component import component
from aae.system.errors import AAEError

__all__ = ["GaussianNoise", "Masking", "SaltAndPepper"]


@component
class GaussianNoise(nn.Module):
    """Adds Gaussian noise; the result is not clipped to [0, 1].

    Args:
        std: Standard deviation of the noise, in the units of the networks' rows.
    """

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def corrupt(self, x: Tensor) -> Tensor:
        return x + self.std * shards.randn_like(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.corrupt(x) if self.training else x


@component
class Masking(nn.Module):
    """Sets a random share of the values to zero.

    Args:
        share: Share of the values, from 0 to 1.

    Raises:
        AAEError: The share is outside this range.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = _checked_share(share)

    def corrupt(self, x: Tensor) -> Tensor:
        return x * (shards.rand_like(x) >= self.share)

    def forward(self, x: Tensor) -> Tensor:
        return self.corrupt(x) if self.training else x


@component
class SaltAndPepper(nn.Module):
    """Sets a random share of the values to zero or to one, with equal chance.

    Args:
        share: Share of the values, from 0 to 1.

    Raises:
        AAEError: The share is outside this range.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = _checked_share(share)

    def corrupt(self, x: Tensor) -> Tensor:
        draw = shards.rand_like(x)
        return torch.where(draw < self.share, (draw < self.share / 2).to(x.dtype), x)

    def forward(self, x: Tensor) -> Tensor:
        return self.corrupt(x) if self.training else x


def _checked_share(share: float) -> float:
    if not 0 <= share <= 1:
        raise AAEError(f"The share of corrupted values must be between 0 and 1, not {share}.")
    return share
