r"""Generators of the changes that lead from rows to their nearest neighbours, and the tangents they give at a row."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["learn_generators", "principal", "tangents_at", "with_one"]

PAIRS = 20_000  # of neighbours that one round of learning reads
PART = 4_000  # of them at a time
ROUNDS = 12
RIDGE = 1e-3


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
    return *_learn(with_one(start / unit), steps / unit, min(count, points.shape[1])), unit


def tangents_at(points: Tensor, learned: Tensor) -> Tensor:
    """Orthonormal directions ``(N, D, K)`` in which generators ``(K, D + 1, D + 1)`` change points ``(N, D)``."""
    return torch.linalg.qr(torch.einsum("kij,nj->nik", learned[:, :-1], with_one(points)))[0]


def with_one(points: Tensor) -> Tensor:
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
