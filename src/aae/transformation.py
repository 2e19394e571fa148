r"""Changes that keep a row's meaning, learned from how neighbouring rows differ: augmentation for any data."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aae import shards
from aae.component import component

__all__ = ["LearnedTransformation", "learn_generators", "principal", "ways"]

PAIRS = 20_000  # of neighbours that one round of learning reads
PART = 4_000  # of them at a time
ROUNDS = 12
RIDGE = 1e-3
STEPS = 3  # small ones that make a change: one large one blurs


@component
class LearnedTransformation(nn.Module):
    r"""A random change of each row, of the kind that leads from one row to those nearest to it.

    A row :math:`x` and a neighbour :math:`x'` differ by :math:`x' - x \approx \sum_k c_k A_k x`, with generators
    :math:`A_k` that all rows share and amounts :math:`c_k` of the pair's own (Sohl-Dickstein et al., arXiv 1001.1027;
    neighbours in place of their frames of a film). Both are found by alternating least squares, along the principal
    directions of the rows. For handwriting the generators come out as slant, turn, width and thickness of the stroke,
    and nothing has told them that rows are images. A change draws amounts from a normal distribution with the
    covariance of the pairs' own, and takes :math:`x` along the flow :math:`\exp(\sum_k c_k A_k)`.

    Until `prepare` has seen rows, nothing is changed.

    Args:
        scale: Factor on the amounts; with 1 a change is as large as the way to a neighbour.
        generators: Their number.
        directions: Principal directions in which they act; what is across to them stays.
        nearest: Neighbours of a row that are learned from.
        rows: How many rows are looked at.
    """

    learned: Tensor | None = None  # (K, D + 1, D + 1): the generators, on principal values and a one
    spread: Tensor  # (K, K): the amounts' covariance is spread' spread
    centre: Tensor
    axes: Tensor  # (P, D) for rows of P values
    unit: Tensor
    bounds: tuple[Tensor, Tensor]

    def __init__(
        self, scale: float = 2.0, generators: int = 8, directions: int = 80, nearest: int = 4, rows: int = 20_000
    ) -> None:
        super().__init__()
        self.scale, self.generators, self.directions = scale, generators, directions
        self.nearest, self.rows = nearest, rows

    def prepare(self, x: Tensor) -> None:
        """Learn from rows ``(N, *shape)``, once before the training; seconds for 20,000 rows."""
        lowest, highest = torch.aminmax(x.flatten(1).float(), dim=0)
        if torch.equal(lowest, highest):  # one row, or all the same
            return
        centre, axes, points = principal(x, self.directions)
        found = learn_generators(points, self.generators, self.nearest)
        if found is None:
            return
        parts = *found, centre, axes
        self.learned, self.spread, self.unit, self.centre, self.axes = (part.to(x.device) for part in parts)
        self.bounds = lowest, highest

    def forward(self, x: Tensor) -> Tensor:
        """Change rows ``(B, *shape)``, each by amounts of its own; no value leaves the range of its column."""
        if self.learned is None:
            return x
        with torch.autocast(x.device.type, enabled=False):
            flat = x.flatten(1).float()
            start = _with_one((flat - self.centre) @ self.axes / self.unit)
            drawn = shards.draw((len(x), len(self.learned)), lambda empty: empty.normal_(), device=x.device)
            flow = torch.einsum("nk,kij->nij", self.scale / STEPS * drawn @ self.spread, self.learned)
            moved = start.unsqueeze(-1)
            for _ in range(STEPS):
                moved = moved + flow @ moved
            change = (moved.squeeze(-1) - start)[:, :-1] @ self.axes.T * self.unit
            return torch.clamp(flat + change, *self.bounds).view_as(x).to(x.dtype)


def learn_generators(points: Tensor, count: int, nearest: int = 4) -> tuple[Tensor, Tensor, Tensor] | None:
    """Generators of the changes that lead from points to those nearest to them.

    Args:
        points: Rows along their principal directions ``(N, D)``, on the CPU.
        count: Number ``K`` of generators, at most ``D``.
        nearest: Neighbours of a point that are learned from.

    Returns:
        Generators ``(K, D + 1, D + 1)`` on points and a one behind; a root ``(K, K)`` of the covariance of their
        amounts; and the unit ``()`` that both count points in. None if no point differs from those nearest to it.
    """
    from sklearn.neighbors import NearestNeighbors

    size = min(nearest + 1, len(points))
    near = NearestNeighbors(n_neighbors=size, algorithm="brute").fit(points.numpy()).kneighbors(points.numpy())[1]
    start = points.repeat_interleave(size - 1, 0)
    steps = points[near[:, 1:].flatten()] - start
    unit = steps.square().sum(1).mean().sqrt()
    if not unit > 0:  # every row is there as often as neighbours are asked for
        return None
    return *_learn(_with_one(start / unit), steps / unit, min(count, points.shape[1])), unit


def ways(points: Tensor, learned: Tensor) -> Tensor:
    """Orthonormal directions ``(N, D, K)`` in which generators ``(K, D + 1, D + 1)`` change points ``(N, D)``."""
    return torch.linalg.qr(torch.einsum("kij,nj->nik", learned[:, :-1], _with_one(points)))[0]


def _with_one(points: Tensor) -> Tensor:
    """Points ``(N, D)`` with a one behind, so that generators can shift as well."""
    return F.pad(points, (0, 1), value=1.0)


def _learn(start: Tensor, steps: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Generators ``(K, D + 1, D + 1)`` that lead from ``start`` by ``steps``; a root of their amounts' covariance."""
    generator = torch.Generator().manual_seed(0)
    wide, narrow = start.shape[1], steps.shape[1]
    learned = 0.01 * torch.randn(count, narrow, wide, generator=generator)
    for _ in range(ROUNDS):
        square, product = torch.zeros(count * wide, count * wide), torch.zeros(count * wide, narrow)
        for part in torch.randperm(len(start), generator=generator)[:PAIRS].split(PART):
            amounts = _amounts(learned, start[part], steps[part])
            amounts = amounts / (amounts.square().mean(0).sqrt() + 1e-6)
            inputs = (amounts[:, :, None] * start[part][:, None]).flatten(1)
            square += inputs.T @ inputs
            product += inputs.T @ steps[part]
        square.diagonal().add_(RIDGE * square.diagonal().mean() + 1e-9)
        learned = torch.linalg.solve(square, product).T.reshape(narrow, count, wide).transpose(0, 1).contiguous()
    chosen = torch.randperm(len(start), generator=generator)[:PAIRS]
    amounts = torch.cat([_amounts(learned, start[part], steps[part]) for part in chosen.split(PART)])
    values, vectors = torch.linalg.eigh(amounts.T @ amounts / len(amounts))
    return F.pad(learned, (0, 0, 0, 1)), values.clamp(min=0).sqrt()[:, None] * vectors.T


def _amounts(learned: Tensor, start: Tensor, steps: Tensor) -> Tensor:
    """How much of each generator ``(N, K)`` leads from ``start`` by ``steps``."""
    moves = torch.einsum("kij,nj->nki", learned, start)
    square = moves @ moves.mT + RIDGE * torch.eye(len(learned))
    return torch.linalg.solve(square, moves @ steps[..., None]).squeeze(-1)


def principal(x: Tensor, count: int) -> list[Tensor]:
    """Centre ``(P,)``, principal directions ``(P, D)`` and values along them ``(N, D)`` of rows ``(N, *shape)``.

    They lie on the CPU. ``D`` is ``count``, or less if there are fewer rows or values.
    """
    from sklearn.decomposition import PCA

    flat = x.flatten(1).cpu().numpy().astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):  # shares of a variance that may be zero; nobody asks for them
        pca = PCA(min(count, *flat.shape), svd_solver="randomized", random_state=0).fit(flat)
    parts: list[Any] = [pca.mean_, pca.components_.T.copy(), pca.transform(flat)]
    return [torch.as_tensor(part) for part in parts]
