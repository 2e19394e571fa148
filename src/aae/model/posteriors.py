r"""Posteriors: from the trunk's features to a distribution over codes, :math:`q(z \mid x)`.

Each is a module that maps features ``(B, H)`` to a `torch.distributions.Distribution`
with batch shape ``(B,)`` and event shape ``(D,)``. ``rsample()`` draws codes that carry
gradients; ``.mean`` is the code that is used after training.

The three continuous posteriors are those of Makhzani et al., arXiv 1511.05644, section 2:
deterministic, Gaussian, and the "universal approximator" that takes noise as an extra input.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Categorical as CategoricalDistribution
from torch.distributions import Distribution, Independent, Normal, constraints

from aae.distributed import shards
from aae.model.component import component
from aae.model.networks import CodeLinear

__all__ = ["Category", "Delta", "Gaussian", "Noisy", "Point", "SoftCategory"]


class Delta(Distribution):
    """All mass on one code for each row: ``location`` has shape ``(B, D)``."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, location: Tensor) -> None:
        self.location = location
        super().__init__(location.shape[:-1], location.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.location

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.location.expand(*sample_shape, *self.location.shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        # A view made without gradients would still require them.
        return self.rsample(sample_shape).detach()


class _Normal(Normal):
    """A normal distribution that draws for the rows of a batch, which processes may share."""

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        return self.loc + self.scale * shards.draw(
            shape, Tensor.normal_, len(sample_shape), self.loc.device, self.loc.dtype
        )

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.rsample(sample_shape).detach()


class SoftCategory(Distribution):
    """Class probabilities ``(B, K)`` from logits; relaxed one-hot samples if a temperature is given."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, logits: Tensor, temperature: float | None = None) -> None:
        self.logits = logits
        self.temperature = temperature
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.logits.softmax(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        logits = self.logits.expand(*sample_shape, *self.logits.shape)
        if self.temperature is None:
            return logits.softmax(-1)
        noise = shards.draw(logits.shape, Tensor.exponential_, len(sample_shape), logits.device, logits.dtype)
        return ((logits - noise.log()) / self.temperature).softmax(-1)

    def categorical(self) -> CategoricalDistribution:
        """The discrete distribution that is relaxed."""
        return CategoricalDistribution(logits=self.logits, validate_args=False)


class _Implicit(Delta):
    """A posterior that can only be sampled: fresh noise for every draw, zero noise for the mean."""

    def __init__(self, features: Tensor, network: nn.Module, noise_dim: int) -> None:
        self._features = features
        self._network = network
        self._noise_dim = noise_dim
        super().__init__(self._code(features.new_zeros(len(features), noise_dim)))

    def _code(self, noise: Tensor) -> Tensor:
        features = self._features.expand(*noise.shape[:-1], self._features.shape[-1])
        return self._network(torch.cat([features, noise], -1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = (*sample_shape, len(self._features), self._noise_dim)
        return self._code(shards.draw(shape, Tensor.normal_, len(sample_shape), self._features.device))


@component
class Point(nn.Module):
    """Deterministic posterior: a linear map of the features.

    Args:
        features: Width ``H`` of the trunk's output.
        dim: Length ``D`` of the code.
    """

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.features, self.dim = features, dim
        self.location = CodeLinear(features, dim)

    def forward(self, features: Tensor) -> Delta:
        return Delta(self.location(features))


@component
class Gaussian(nn.Module):
    r"""Gaussian posterior :math:`N(\mu(x), \mathrm{diag}\,\sigma^2(x))`; the network gives :math:`\log\sigma`.

    Args:
        features: Width ``H`` of the trunk's output.
        dim: Length ``D`` of the code.
    """

    has_density = True

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.features, self.dim = features, dim
        self.moments = CodeLinear(features, 2 * dim)

    def forward(self, features: Tensor) -> Independent:
        mean, log_std = self.moments(features).chunk(2, -1)
        # Beyond these bounds exp() is no longer a usable scale; a trained model stays well inside.
        std = log_std.clamp(-10, 10).exp()
        return Independent(_Normal(mean, std, validate_args=False), 1, validate_args=False)


@component
class Noisy(nn.Module):
    """Universal-approximator posterior: the features and Gaussian noise go through one more hidden layer.

    Args:
        features: Width ``H`` of the trunk's output.
        dim: Length ``D`` of the code.
        noise_dim: Number of noise inputs.
        hidden: Width of the hidden layer.
    """

    def __init__(self, features: int, dim: int, noise_dim: int = 10, hidden: int = 256) -> None:
        super().__init__()
        self.features, self.dim, self.noise_dim, self.hidden = features, dim, noise_dim, hidden
        self.network = nn.Sequential(nn.Linear(features + noise_dim, hidden), nn.ReLU(), CodeLinear(hidden, dim))

    def forward(self, features: Tensor) -> Delta:
        return _Implicit(features.float(), self.network, self.noise_dim)


@component
class Category(nn.Module):
    """Categorical posterior: a softmax over classes or clusters.

    Args:
        features: Width ``H`` of the trunk's output.
        dim: Number of classes ``K``.
        temperature: ``None`` gives the probabilities themselves as the code (the paper, section 5);
            a number gives Gumbel-softmax samples at that temperature (Jang et al., arXiv 1611.01144).
    """

    is_category = True

    def __init__(self, features: int, dim: int, temperature: float | None = None) -> None:
        super().__init__()
        self.features, self.dim, self.temperature = features, dim, temperature
        self.logits = nn.Linear(features, dim)

    @property
    def has_density(self) -> bool:
        """Whether a Kullback-Leibler term is meaningful: only for relaxed samples."""
        return self.temperature is not None

    def forward(self, features: Tensor) -> SoftCategory:
        return SoftCategory(self.logits(features).float(), self.temperature if self.training else None)
