r"""Augmentation for any data, along tangents learned from the differences between neighbouring rows."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from aae.distributed import shards
from aae.model.component import component
from aae.objectives.tangents import homogeneous, learn_generators, principal_components
from aae.system.errors import AAEError, check_counts
from aae.training.extras.protocol import Extra

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["TangentAugmentation"]

STEPS = 3  # small steps in a change; a single large step blurs


@component
class TangentAugmentation(nn.Module, Extra):
    r"""A random change of each row, like the changes that lead from a row to its nearest neighbours.

    The difference between a row :math:`x` and a neighbour :math:`x'` is modelled as
    :math:`x' - x \approx \sum_k c_k A_k x`. All rows share the generators :math:`A_k`; each pair has its own amounts
    :math:`c_k` (Sohl-Dickstein et al., arXiv 1001.1027, with neighbours in place of frames of a film). Both are
    estimated by alternating least squares, along the principal directions of the rows. For handwriting the generators
    turn out to be slant, rotation, width and thickness of the stroke, although the method does not know that the rows
    are images. A change draws amounts from a normal distribution with the covariance of the pairs' amounts, and moves
    :math:`x` along the flow :math:`\exp(\sum_k c_k A_k)`.

    Used as the ``change`` of a `Consistency` term. Until it has learned from rows, it changes nothing.

    Args:
        scale: Factor on the amounts; with 1 a change is as large as the distance to a neighbour.
        generators: Number of generators.
        directions: Number of principal directions in which they act; the rest of a row is not changed.
        nearest: Number of neighbours of each row to learn from.
        rows: Number of rows to learn from.
    """

    name = "tangent_augmentation"

    learned: Tensor | None = None  # (K, D + 1, D + 1): generators that act on principal values and a constant one
    spread: Tensor  # (K, K): a root of the covariance of the amounts
    centre: Tensor
    axes: Tensor  # (P, D) for rows of P values
    unit: Tensor
    bounds: tuple[Tensor, Tensor]

    def __init__(
        self, scale: float = 2.0, generators: int = 8, directions: int = 80, nearest: int = 4, rows: int = 20_000
    ) -> None:
        super().__init__()
        check_counts(
            "TangentAugmentation", generators=generators, directions=directions, nearest=nearest, rows=rows
        )
        if not scale >= 0:
            raise AAEError(f"TangentAugmentation: scale must be a number of at least 0, not {scale}.")
        self.scale, self.generators, self.directions = scale, generators, directions
        self.nearest, self.rows = nearest, rows

    def prepare(self, trainer: "Trainer") -> None:
        """Learn from rows of the training; takes seconds for 20,000 rows."""
        self.learn(trainer.some_rows(self.rows)[0])

    def learn(self, x: Tensor) -> None:
        """Learn from rows ``(N, *shape)``; from rows that are all the same nothing is learned."""
        lowest, highest = torch.aminmax(x.flatten(1).float(), dim=0)
        if torch.equal(lowest, highest):  # one row, or equal rows
            return
        centre, axes, points = principal_components(x, self.directions)
        learned = learn_generators(points, self.generators, self.nearest)
        if learned is None:
            return
        parts = *learned, centre, axes
        self.learned, self.spread, self.unit, self.centre, self.axes = (part.to(x.device) for part in parts)
        self.bounds = lowest, highest

    def forward(self, x: Tensor) -> Tensor:
        """Change rows ``(B, *shape)``, each by its own amounts; no value leaves the range of its column."""
        if self.learned is None:
            return x
        with torch.autocast(x.device.type, enabled=False):
            flat = x.flatten(1).float()
            start = homogeneous((flat - self.centre) @ self.axes / self.unit)
            drawn = shards.draw((len(x), len(self.learned)), lambda empty: empty.normal_(), device=x.device)
            flow = torch.einsum("nk,kij->nij", self.scale / STEPS * drawn @ self.spread, self.learned)
            moved = start.unsqueeze(-1)
            for _ in range(STEPS):
                moved = moved + flow @ moved
            change = (moved.squeeze(-1) - start)[:, :-1] @ self.axes.T * self.unit
            return torch.clamp(flat + change, *self.bounds).view_as(x).to(x.dtype)
