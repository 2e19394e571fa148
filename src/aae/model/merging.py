"""How the latents become the one code that the decoder reads."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from aae.model.component import component
from aae.system.errors import AAEError, unknown

__all__ = ["Concatenate", "LinearSum"]


@component
class Concatenate(nn.Module):
    """Concatenation of the latents.

    Args:
        dims: Length of the code of each latent, by its name, in the order in which they are joined.
    """

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()
        self.dims = dict(dims)
        self.dim = sum(dims.values())

    def forward(self, codes: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([codes[name] for name in self.dims], 1)


@component
class LinearSum(nn.Module):
    r"""Low-dimensional embedding :math:`W_C\,y + z` (Makhzani et al., section 7).

    The columns of :math:`W_C` are the cluster heads; the others of ``dims`` must have ``dim``
    numbers and are added as they are. Heads closer than ``separation`` are pushed apart.

    Args:
        dims: Length of each latent.
        dim: Length of the merged code.
        heads: Name of the latent whose probabilities weigh the cluster heads.
        separation: Distance below which two heads are penalised.
    """

    def __init__(self, dims: Mapping[str, int], dim: int, heads: str = "y", separation: float = 6.0) -> None:
        super().__init__()
        if heads not in dims:
            raise unknown("latent for the cluster heads", heads, dims)
        for name, length in dims.items():
            if name != heads and length != dim:
                raise AAEError(f"LinearSum adds latents of {dim} numbers, but {name!r} has {length}; make them equal.")
        self.dims, self.dim, self.heads, self.separation = dict(dims), dim, heads, separation
        self.head_map = nn.Linear(self.dims[heads], dim, bias=False)
        with torch.no_grad():
            self.head_map.weight.copy_(_spread(torch.randn(self.dims[heads], dim) * separation, separation).T)

    def forward(self, codes: Mapping[str, Tensor]) -> Tensor:
        others: Sequence[Tensor] = [codes[name] for name in self.dims if name != self.heads]
        return torch.stack([self.head_map(codes[self.heads]).float(), *others]).sum(0)

    def penalty(self) -> Tensor:
        """Squared shortfall of the distance between heads, summed over all pairs."""
        return (self.separation - torch.pdist(self.head_map.weight.T)).clamp_min(0).square().sum()


def _spread(points: Tensor, separation: float) -> Tensor:
    """Push points that are too close apart, pair by pair.

    Heads must start apart: a learning rate for weights hardly moves them.
    """
    for _ in range(500):
        offsets = points[:, None] - points
        distances = offsets.norm(dim=-1).clamp_min(1e-6)
        push = (separation - distances).clamp_min(0).fill_diagonal_(0) / distances
        points = points + 0.25 * (push[..., None] * offsets).sum(1)
    return points
