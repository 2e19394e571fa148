r"""Likelihoods: how the decoder's output is read and what a reconstruction costs, :math:`p(x \mid z)`."""

import math

from torch import Tensor, nn
from torch.nn import functional as F

from aae.model.component import component

__all__ = ["BernoulliLikelihood", "GaussianLikelihood"]


@component
class BernoulliLikelihood(nn.Module):
    """Cross-entropy for inputs in [0, 1]; the decoder gives logits."""

    bounded = True

    def mean(self, output: Tensor) -> Tensor:
        """The reconstruction, in [0, 1], in the shape of ``output``."""
        return output.float().sigmoid()

    def loss(self, output: Tensor, x: Tensor) -> Tensor:
        """Negative log-likelihood of each row in nats, summed over its values: shape ``(B,)``."""
        return F.binary_cross_entropy_with_logits(output.float(), x, reduction="none").flatten(1).sum(1)


@component
class GaussianLikelihood(nn.Module):
    """Squared error; the decoder gives the mean of a Gaussian.

    Args:
        std: Its standard deviation, above 0, the same for all values.
    """

    bounded = False

    def __init__(self, std: float = 1.0) -> None:
        super().__init__()
        self.std = std

    def mean(self, output: Tensor) -> Tensor:
        """The reconstruction, in the shape of ``output``."""
        return output.float()

    def loss(self, output: Tensor, x: Tensor) -> Tensor:
        """Negative log-likelihood of each row in nats, summed over its values: shape ``(B,)``."""
        squared = ((output.float() - x) / self.std).square().flatten(1)
        return 0.5 * (squared + math.log(2 * math.pi * self.std**2)).sum(1)
