r"""Priors: what the codes should look like, :math:`p(z)`.

Each is a module; ``prior(n)`` returns a `torch.distributions.Distribution` over ``n`` codes of
shape ``(D,)``. A prior with ``components`` can be conditioned: ``prior(n, labels)`` with labels
``(n,)`` draws row ``i`` from component ``labels[i]``, and from the whole prior where the label is
-1. Sampling is all that adversarial matching and MMD need; ``log_prob`` is needed for KL only.

Your own prior can be any module with a ``dim`` and the same call; for conditioning it also
needs ``components``. Mind that an index of -1 is the last component. Its parameters learn where a loss reaches them: by
KL, or by MMD if its distribution has ``rsample``; other tensors are buffers.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Uniform,
    constraints,
)

from aae.model.component import component
from aae.system.errors import AAEError

__all__ = [
    "BallPrior",
    "CategoricalPrior",
    "CubePrior",
    "GaussianPrior",
    "MixturePrior",
    "SwissRollPrior",
    "grid_mixture",
    "ring_mixture",
]


# Two of torch's distributions check their parameters' values when they draw, even with validate_args=False. On a GPU a
# training step would wait for that, and could not be captured. One draw for each row is the same as torch's.
class _Normal(Normal):
    """Normal draws without waiting for the device."""

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.rsample(sample_shape).detach()


class _Categorical(Categorical):
    """Categorical draws without waiting for the device: the first of exponential times at these rates."""

    def sample(self, sample_shape: Any = ()) -> Tensor:
        rates = self.probs.expand(*sample_shape, *self.probs.shape)
        return (rates / torch.empty_like(rates).exponential_()).argmax(-1)


@component
class GaussianPrior(nn.Module):
    """Isotropic Gaussian ``N(0, std² I)``; the tutorial's 2-D map uses ``std=5``.

    Args:
        dim: Length of the code.
        std: Standard deviation of every coordinate.
        components: If given, labels may condition this prior. Every label picks the same Gaussian, so
            that matching makes the code independent of the label.
    """

    has_density = True
    _zero: Tensor

    def __init__(self, dim: int, std: float = 1.0, components: int | None = None) -> None:
        super().__init__()
        if not std > 0:
            raise AAEError(f"GaussianPrior needs a standard deviation above zero, not {std}.")
        self.dim, self.std, self.components = dim, std, components
        self.register_buffer("_zero", torch.zeros(dim), persistent=False)

    def forward(self, n: int, labels: Tensor | None = None) -> Distribution:
        mean = self._zero.expand(n, self.dim)
        return Independent(_Normal(mean, torch.full_like(mean, self.std), validate_args=False), 1, validate_args=False)


@component
class CubePrior(nn.Module):
    """Uniform on the cube ``[-side/2, side/2]^dim``.

    Args:
        dim: Length of the code.
        side: Length of an edge, above 0.
    """

    has_density = True
    bounded = True
    _zero: Tensor

    def __init__(self, dim: int, side: float = 2.0) -> None:
        super().__init__()
        self.dim, self.side = dim, side
        self.register_buffer("_zero", torch.zeros(dim), persistent=False)

    def forward(self, n: int, labels: Tensor | None = None) -> Distribution:
        centre = self._zero.expand(n, self.dim)
        half = self.side / 2
        return Independent(Uniform(centre - half, centre + half, validate_args=False), 1, validate_args=False)


class _Ball(Distribution):
    """Uniform on a ball around the origin."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.real_vector

    def __init__(self, zero: Tensor, radius: float) -> None:
        self._zero, self._radius = zero, radius
        super().__init__(zero.shape[:-1], zero.shape[-1:], validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = (*sample_shape, *self._zero.shape)
        direction = nn.functional.normalize(torch.randn(shape, device=self._zero.device), dim=-1)
        dim = self._zero.shape[-1]
        return direction * self._radius * torch.rand(*shape[:-1], 1, device=self._zero.device) ** (1 / dim)

    def log_prob(self, value: Tensor) -> Tensor:
        dim = self._zero.shape[-1]
        log_volume = dim / 2 * math.log(math.pi) - math.lgamma(dim / 2 + 1) + dim * math.log(self._radius)
        inside = value.norm(dim=-1) <= self._radius
        return torch.where(inside, -log_volume, -math.inf)


@component
class BallPrior(nn.Module):
    """Uniform on the ball around the origin.

    Args:
        dim: Length of the code.
        radius: Radius, above 0.
    """

    has_density = True
    bounded = True
    _zero: Tensor

    def __init__(self, dim: int, radius: float = 1.0) -> None:
        super().__init__()
        self.dim, self.radius = dim, radius
        self.register_buffer("_zero", torch.zeros(dim), persistent=False)

    def forward(self, n: int, labels: Tensor | None = None) -> Distribution:
        return _Ball(self._zero.expand(n, self.dim), self.radius)


@component
class MixturePrior(nn.Module):
    """Mixture of Gaussians with equal weights; `ring_mixture` and `grid_mixture` build the usual ones.

    Args:
        means: ``(K, D)`` component means.
        covariances: ``(K, D, D)`` component covariances.
    """

    has_density = True
    _means: Tensor
    _scale: Tensor

    def __init__(self, means: Sequence[Sequence[float]], covariances: Sequence[Sequence[Sequence[float]]]) -> None:
        super().__init__()
        self.means, self.covariances = means, covariances
        means_tensor = torch.as_tensor(means, dtype=torch.float32)
        self.components, self.dim = means_tensor.shape
        self.register_buffer("_means", means_tensor, persistent=False)
        scale, failed = torch.linalg.cholesky_ex(torch.as_tensor(covariances, dtype=torch.float32))
        if failed.any():
            raise AAEError("A covariance of the mixture is not positive definite; make every width positive.")
        self.register_buffer("_scale", scale, persistent=False)

    def forward(self, n: int, labels: Tensor | None = None) -> Distribution:
        parts = MultivariateNormal(
            self._means.expand(n, -1, -1), scale_tril=self._scale.expand(n, -1, -1, -1), validate_args=False
        )
        return MixtureSameFamily(
            _component_weights(n, self.components, labels, self._means.device), parts, validate_args=False
        )


def _condition_on(weights: Tensor, labels: Tensor | None) -> Tensor:
    """All weight on the label's component where the label is known, otherwise ``weights`` ``(n, K)``."""
    if labels is None:
        return weights
    # No branch on the values: reading them would make a GPU wait.
    one_hot = nn.functional.one_hot(labels.clamp_min(0).long(), weights.shape[1]).float()
    return torch.where((labels >= 0)[:, None], one_hot, weights)


def _component_weights(n: int, components: int, labels: Tensor | None, device: torch.device) -> Categorical:
    """Equal weights, or all weight on the label's component where the label is known."""
    weights = _condition_on(torch.full((n, components), 1.0 / components, device=device), labels)
    # As logits: with `probs`, 1e-7 of the other components would stay in the density.
    return _Categorical(logits=weights.log(), validate_args=False)


def ring_mixture(
    components: int = 10, radius: float = 1.4, radial: float = 0.5, tangential: float = 0.05
) -> MixturePrior:
    """Ring of 2-D Gaussians, each pointing away from the origin (the paper, figure 4a).

    Args:
        components: Number of Gaussians.
        radius: Distance of their means from the origin.
        radial: Standard deviation along the ray.
        tangential: Standard deviation across the ray.
    """
    means, covariances = [], []
    for k in range(components):
        angle = 2 * math.pi * k / components
        cos, sin = math.cos(angle), math.sin(angle)
        along, across = radial**2, tangential**2
        means.append([radius * cos, radius * sin])
        mixed = (along - across) * cos * sin
        covariances.append([[along * cos**2 + across * sin**2, mixed], [mixed, along * sin**2 + across * cos**2]])
    return MixturePrior(means, covariances)


def grid_mixture(rows: int = 2, columns: int = 5, spacing: float = 4.0, std: float = 0.5) -> MixturePrior:
    """Grid of round 2-D Gaussians centred on the origin, of equal weight; labels select one, row by row.

    Args:
        rows: Number of rows, from 1.
        columns: Number of columns, from 1.
        spacing: Distance between neighbours, above 0.
        std: Standard deviation of each Gaussian, above 0.
    """
    means = [
        [spacing * (column - (columns - 1) / 2), spacing * (row - (rows - 1) / 2)]
        for row in range(rows)
        for column in range(columns)
    ]
    return MixturePrior(means, [[[std**2, 0.0], [0.0, std**2]]] * len(means))


class _SwissRoll(Distribution):
    """Swiss roll, each row restricted to the segment ``[start, start + length]`` of the unit interval."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.real_vector

    def __init__(self, start: Tensor, length: Tensor, noise: float) -> None:
        self._start, self._length, self._noise = start, length, noise
        super().__init__(start.shape, torch.Size([2]), validate_args=False)

    def _curve(self, u: Tensor) -> Tensor:
        root = (self._start + self._length * u).sqrt()
        angle = 4 * math.pi * root
        return 3 * root[..., None] * torch.stack([angle.cos(), angle.sin()], -1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        points = self._curve(torch.rand(*sample_shape, *self._start.shape, device=self._start.device))
        return points + self._noise * torch.randn_like(points)

    def log_prob(self, value: Tensor) -> Tensor:
        # The density along the curve has no closed form: sum over midpoints that are closer than the noise is wide.
        count = max(1, math.ceil(512 * float(self._length.max())))
        middle = (torch.arange(count, device=value.device) + 0.5) / count
        points = self._curve(middle.view(-1, *[1] * self._start.dim()))
        squared = (value - points).square().sum(-1) / (2 * self._noise**2)
        return torch.logsumexp(-squared, 0) - math.log(count * 2 * math.pi * self._noise**2)


@component
class SwissRollPrior(nn.Module):
    r"""2-D swiss roll: radius :math:`3\sqrt u`, angle :math:`4\pi\sqrt u`, ``u`` uniform on [0, 1].

    A label picks one of ``components`` equal segments of ``u`` (the paper, figure 4b).

    Args:
        components: Number of segments.
        noise: Standard deviation of the Gaussian noise around the curve.
    """

    has_density = True
    dim = 2
    _zero: Tensor

    def __init__(self, components: int = 10, noise: float = 0.05) -> None:
        super().__init__()
        self.components, self.noise = components, noise
        self.register_buffer("_zero", torch.zeros(1), persistent=False)

    def forward(self, n: int, labels: Tensor | None = None) -> Distribution:
        start, length = self._zero.repeat(n), self._zero.repeat(n) + 1
        if labels is not None:
            known = labels >= 0
            start = torch.where(known, labels / self.components, start)
            length = torch.where(known, 1 / self.components, length)
        return _SwissRoll(start, length, self.noise)


class _OneHot(OneHotCategorical):
    """One-hot draws without torch's checks of the probabilities, which make a step wait for the device."""

    def __init__(self, probs: Tensor) -> None:
        self._categorical = _Categorical(probs=probs, validate_args=False)
        Distribution.__init__(self, probs.shape[:-1], probs.shape[-1:], validate_args=False)


@component
class CategoricalPrior(nn.Module):
    """One-hot codes with the given class balance; ``prior(n, labels)`` gives the labels as one-hots.

    Args:
        dim: Number of classes.
        balance: Probability of each class; equal if not given.
    """

    has_density = True
    is_category = True
    _probabilities: Tensor

    def __init__(self, dim: int, balance: Sequence[float] | None = None) -> None:
        super().__init__()
        if balance is not None and (len(balance) != dim or min(balance) < 0 or abs(sum(balance) - 1) > 1e-6):
            raise AAEError(f"CategoricalPrior needs {dim} probabilities that sum to 1, not {list(balance)}.")
        self.dim, self.balance = dim, balance
        self.components = dim
        probabilities = torch.full((dim,), 1 / dim) if balance is None else torch.tensor(balance, dtype=torch.float32)
        self.register_buffer("_probabilities", probabilities, persistent=False)

    def forward(self, n: int, labels: Tensor | None = None) -> Distribution:
        probabilities = _condition_on(self._probabilities.expand(n, -1), labels)
        return _OneHot(probabilities)
