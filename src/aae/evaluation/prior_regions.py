"""Where a two-dimensional prior has its mass: the smallest regions that hold 50 % and 90 % of its samples."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from aae.model.parts import Prior
from aae.system import generators

__all__ = ["Regions", "prior_samples", "regions", "seeded"]


@dataclass(frozen=True)
class Regions:
    """A density on a grid, and the levels whose contours are the edges of the regions.

    Args:
        centres: Places of the grid along both axes, ``(M,)`` each.
        density: The density there ``(M, M)``, by its place on the first axis, then on the second.
        levels: The levels, lowest (widest region) first.
        names: What the region of each level holds.
    """

    centres: tuple[np.ndarray, np.ndarray]
    density: np.ndarray
    levels: Sequence[float]
    names: Sequence[str]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Set a seed within the block, without gradients; torch's generators are restored."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.no_grad(), generators.forked(devices):
        torch.manual_seed(seed)
        yield


def prior_samples(prior: Prior, n: int, seed: int) -> np.ndarray:
    """Draw ``(n, D)`` codes from a prior."""
    with seeded(seed):
        chunks = [prior(min(20_000, n - start)).sample().cpu() for start in range(0, n, 20_000)]
    return torch.cat(chunks).numpy().astype(np.float64)


def regions(samples: np.ndarray) -> Regions:
    """The smallest regions with 50 % and 90 % of the samples ``(N, 2)``; of a uniform density its edge alone."""
    low, high = np.quantile(samples, [0.0005, 0.9995], axis=0)
    margin = 0.15 * (high - low) + 1e-6
    edges = [np.linspace(a - m, b + m, 241) for a, b, m in zip(low, high, margin, strict=True)]
    halves = (samples[::2].T, samples[1::2].T)
    density = _smooth(*(np.histogram2d(x, y, bins=edges)[0] for x, y in halves))
    ordered = np.sort(density, axis=None)[::-1]
    mass = ordered.cumsum() / ordered.sum()
    thresholds = [ordered[np.searchsorted(mass, share)] for share in (0.05, 0.5, 0.9)]
    # On a plateau (a uniform prior) such a region is arbitrary; its edge is at half the height of the plateau.
    inner, outer = (min(level, thresholds[0] / 2) for level in thresholds[1:])
    two = inner > 1.5 * outer
    across, up = ((edge[:-1] + edge[1:]) / 2 for edge in edges)
    return Regions((across, up), density, [outer, inner] if two else [outer],
                   ["90 % of the prior", "50 % of the prior"] if two else ["edge of the prior"])  # fmt: skip


def _smooth(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Combine two histograms of the same density into a smooth one.

    The width is chosen by how well one half predicts the other, so that a thin ring stays thin
    and a wide Gaussian becomes smooth.
    """
    def score(width: float) -> float:
        smoothed = gaussian_filter(first, width) + 1e-9
        return float((second * np.log(smoothed / smoothed.sum())).sum())

    return gaussian_filter(first + second, max((0.7, 1, 1.5, 2, 3, 5, 8), key=score))
