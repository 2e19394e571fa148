r"""Generators of the changes that lead from rows to their nearest neighbours, and the tangents they give at a row."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["homogeneous", "learn_generators", "principal_components", "tangents_at"]

PAIRS = 20_000  # of neighbours that one iteration uses
CHUNK = 4_000  # of them at a time
ITERATIONS = 12
RIDGE = 1e-3


def learn_generators(points: Tensor, count: int, nearest: int = 4) -> tuple[Tensor, Tensor, Tensor] | None:
    """Generators of the changes that lead from points to those nearest to them.

    Args:
        points: Values of rows along their principal directions ``(N, D)``, on the CPU.
        count: Number ``K`` of generators, at most ``D``.
        nearest: Number of neighbours of each point to learn from.

    Returns:
        Generators ``(K, D + 1, D + 1)`` on points with an appended one; a root ``(K, K)`` of the covariance of their
        coefficients; and the length ``()`` by which points are divided for both. None if no point differs from its
        nearest neighbours.
    """
    from sklearn.neighbors import NearestNeighbors

    size = min(nearest + 1, len(points))
    near = NearestNeighbors(n_neighbors=size, algorithm="brute").fit(points.numpy()).kneighbors(points.numpy())[1]
    start = points.repeat_interleave(size - 1, 0)
    steps = points[near[:, 1:].flatten()] - start
    unit = steps.square().sum(1).mean().sqrt()
    if not unit > 0:  # all these neighbours are duplicates
        return None
    return *_learn(homogeneous(start / unit), steps / unit, min(count, points.shape[1])), unit


def tangents_at(points: Tensor, generators: Tensor) -> Tensor:
    """Orthonormal directions ``(N, D, K)`` in which generators ``(K, D + 1, D + 1)`` change points ``(N, D)``."""
    return torch.linalg.qr(torch.einsum("kij,nj->nik", generators[:, :-1], homogeneous(points)))[0]


def homogeneous(points: Tensor) -> Tensor:
    """Points ``(N, D)`` with an appended one, so that generators can also translate."""
    return F.pad(points, (0, 1), value=1.0)


def _learn(start: Tensor, steps: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Generators ``(K, D + 1, D + 1)`` that lead from ``start`` by ``steps``, and a root of the covariance as above."""
    rng = torch.Generator().manual_seed(0)
    dim_in, dim_out = start.shape[1], steps.shape[1]
    generators = 0.01 * torch.randn(count, dim_out, dim_in, generator=rng)
    for _ in range(ITERATIONS):
        square, product = torch.zeros(count * dim_in, count * dim_in), torch.zeros(count * dim_in, dim_out)
        for part in torch.randperm(len(start), generator=rng)[:PAIRS].split(CHUNK):
            coefficients = _coefficients(generators, start[part], steps[part])
            coefficients = coefficients / (coefficients.square().mean(0).sqrt() + 1e-6)
            inputs = (coefficients[:, :, None] * start[part][:, None]).flatten(1)
            square += inputs.T @ inputs
            product += inputs.T @ steps[part]
        square.diagonal().add_(RIDGE * square.diagonal().mean() + 1e-9)
        generators = torch.linalg.solve(square, product).T.reshape(dim_out, count, dim_in).transpose(0, 1).contiguous()
    chosen = torch.randperm(len(start), generator=rng)[:PAIRS]
    coefficients = torch.cat([_coefficients(generators, start[part], steps[part]) for part in chosen.split(CHUNK)])
    values, vectors = torch.linalg.eigh(coefficients.T @ coefficients / len(coefficients))
    return F.pad(generators, (0, 0, 0, 1)), values.clamp(min=0).sqrt()[:, None] * vectors.T


def _coefficients(generators: Tensor, start: Tensor, steps: Tensor) -> Tensor:
    """Coefficients ``(N, K)`` of the generators that lead from ``start`` by ``steps``."""
    moves = torch.einsum("kij,nj->nki", generators, start)
    square = moves @ moves.mT + RIDGE * torch.eye(len(generators))
    return torch.linalg.solve(square, moves @ steps[..., None]).squeeze(-1)


def principal_components(x: Tensor, count: int) -> list[Tensor]:
    """Centre ``(P,)``, principal directions ``(P, D)`` and values along them ``(N, D)`` of rows ``(N, *shape)``.

    All are on the CPU. ``D`` is ``count``, or less if there are fewer rows or values.
    """
    from sklearn.decomposition import PCA

    flat = x.flatten(1).cpu().numpy().astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):  # divides by a variance that may be zero
        pca = PCA(min(count, *flat.shape), svd_solver="randomized", random_state=0).fit(flat)
    parts: list[Any] = [pca.mean_, pca.components_.T.copy(), pca.transform(flat)]
    return [torch.as_tensor(part) for part in parts]
