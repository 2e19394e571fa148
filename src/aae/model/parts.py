"""What a model asks of its parts, as types: a part is any module that has this, one of the package or one of your own.

Constructors take any module, since a specification is checked against their annotations while a program runs.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

from torch import Tensor, nn
from torch.distributions import Distribution

__all__ = [
    "Adversary",
    "Corruption",
    "Decoder",
    "Divergence",
    "Likelihood",
    "Merge",
    "Part",
    "Penalty",
    "Posterior",
    "Prior",
    "Trunk",
]


class Part(Protocol):
    """Whatever has parameters."""

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]: ...


class Posterior(Part, Protocol):
    """From features ``(B, H)`` to a distribution over codes; see `aae.model.posteriors`."""

    dim: int

    def __call__(self, features: Tensor, /) -> Distribution: ...


class Prior(Part, Protocol):
    """A distribution over ``n`` codes; see `aae.model.priors`."""

    dim: int

    def __call__(self, n: int, labels: Tensor | None = None, /) -> Distribution: ...


class Penalty(Part, Protocol):
    """A rule with a term for the reconstruction phase; see `aae.model.matching`."""

    def penalty(self, posterior: Distribution, codes: Tensor, prior: Distribution, /) -> Tensor: ...


class Divergence(Part, Protocol):
    """A rule that gives the divergence of each row."""

    def divergence(self, posterior: Distribution, codes: Tensor, prior: Distribution, /) -> Tensor: ...


class Adversary(Part, Protocol):
    """A rule with losses for a discriminator and for the encoder that is to fool it.

    Only one with ``shares = True`` is asked for `both_losses`.
    """

    discriminator: nn.Module
    weight: float
    conditional: str | None

    def discriminator_loss(self, codes: Tensor, samples: Tensor, labels: Tensor | None, /) -> Tensor: ...

    def generator_loss(self, codes: Tensor, labels: Tensor | None, /) -> Tensor: ...

    def both_losses(self, codes: Tensor, samples: Tensor, labels: Tensor | None, /) -> tuple[Tensor, Tensor]: ...


class Trunk(Part, Protocol):
    """From inputs ``(B, *shape)`` to features ``(B, features)``; see `aae.model.networks`."""

    shape: tuple[int, ...]
    features: int

    def __call__(self, x: Tensor, /) -> Tensor: ...


class Decoder(Part, Protocol):
    """From codes ``(B, dim)`` to outputs ``(B, *shape)``; see `aae.model.networks`."""

    shape: tuple[int, ...]

    def __call__(self, code: Tensor, /) -> Tensor: ...


class Likelihood(Part, Protocol):
    """How outputs are read; see `aae.model.likelihoods`."""

    def mean(self, output: Tensor, /) -> Tensor: ...

    def loss(self, output: Tensor, x: Tensor, /) -> Tensor: ...


class Corruption(Part, Protocol):
    """What is done to the encoder's input while training; see `aae.model.corruption`."""

    def __call__(self, x: Tensor, /) -> Tensor: ...


class Merge(Part, Protocol):
    """From ``{name: (B, D)}`` to the one code that the decoder reads, ``(B, dim)``; see `aae.model.merging`."""

    dim: int

    def __call__(self, codes: Mapping[str, Tensor], /) -> Tensor: ...
