"""A cluster that holds two heaps of rows is divided, in place of one that can be spared."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from aae.model import Autoencoder

__all__ = ["Dividing"]

PART = 1000  # rows of one pass
COPIES = 3  # changed copies of each row
SMOOTHED = 0.1  # of the mean variance within a row, added in every direction
FEW = 30  # rows of a heap that say nothing yet
SMALL = 8  # rows of a half below which a head is not worth it, even one that no row uses


class _Halves(NamedTuple):
    apart: float
    rows: int  # of the smaller one
    one: Tensor
    two: Tensor


class Dividing:
    r"""Gives the head of a cluster that can be spared to one that holds two heaps of rows.

    Mutual information alone does not repair what the first pass has settled: two kinds of row that share a cluster
    stay in it for good, for to part them one has to pass a state in which rows are unsure, while other clusters hold
    nothing or share a kind that is one.

    What lies apart is told in the features under the head, as the mean over changed copies of a row, in units of what
    those changes do to a row: where the copies of one row spread, distance means little. In plain features the widest
    direction of a cluster of fours and nines is their slant; measured so it is what makes a four of a nine. (Speaker
    recognition scales its features by the spread within a speaker: Hatch et al., *Within-Class Covariance
    Normalization*, Interspeech 2006. Here every row is a speaker.) Each cluster is halved by 2-means, and how far apart
    the halves are is counted in standard deviations about their means, along the line through them: 2.65 for a single
    Gaussian heap, as for two clusters that share one.

    Now and then the cluster whose halves are farthest apart gets a second head, as long as they are ``least`` apart.
    The head comes from the cluster with the fewest rows while that has less than ``spare`` of an equal share and no
    more than half the rows of the smaller half, else from the smaller of the two neighbouring clusters that are least
    apart, if the halves are ``margin`` times as far apart and neither could be spared itself: a small kind that lies
    far off, as sevens with a bar among the sevens, would lose its head again and its rows go astray.
    Both heads begin as the old one, plus and minus a step towards the two halves; the terms of the training do the
    rest, as they take the spared cluster's own rows to whichever is next to them. (Split and merge of mixtures, Ueda et
    al., *SMEM Algorithm for Mixture Models*, Neural Computation 12, 2000, with other criteria.)

    Args:
        change: Module that changes rows ``(N, *shape)`` but keeps their meaning.
        least: Distance between two halves from which on they count as two.
        margin: How many times as far apart they are to be as two clusters of which one is given up.
        spare: Share of the rows, times the number of clusters, below which a cluster is given up first.
        begin: Share of the training before which nothing is divided.
        end: Share after which nothing is: the last ones need time to part.
        every: Steps from one look at the clusters to the next.
        rows: Number of rows that are looked at.
    """

    def __init__(
        self,
        change: nn.Module,
        least: float = 3.3,
        margin: float = 1.2,
        spare: float = 0.3,
        begin: float = 0.2,
        end: float = 0.85,
        every: int = 75,
        rows: int = 4000,
    ) -> None:
        self.change, self.least, self.margin, self.spare = change, least, margin, spare
        self.begin, self.end, self.every, self.rows = begin, end, every, rows

    def due(self, step: int, progress: float) -> bool:
        """Whether clusters are to be looked at before step ``step``, when ``progress`` (0 to 1) is over."""
        return step % self.every == 0 and self.begin <= progress < self.end

    @torch.no_grad()
    def look(self, kept: Autoencoder, x: Tensor) -> Tensor:
        """Features ``(1 + 3, N, features)`` of rows ``(N, *shape)`` and of their changed copies.

        The model is left in evaluation.
        """
        kept.eval()
        self.change.train()
        looks = chain([x], (self.change(x) for _ in range(COPIES)))
        return torch.stack([torch.cat([kept.trunk(part).float() for part in rows.split(PART)]) for rows in looks])

    @torch.no_grad()
    def plan(self, kept: Autoencoder, features: Tensor) -> Tensor:
        """What is to be divided.

        Args:
            kept: The model's moving average, by which clusters are told, or the model itself.
            features: What `look` has found with it. None is divided if they are not finite.

        Returns:
            A line ``(2 + 1 + features)`` for each division that is possible, ``K`` in all: the cluster that is given
            up, the one that is divided, and the offset and step by which their heads are to differ from the old one.
            Lines that are left over are -1.
        """
        head = _head(kept)
        plan = torch.full((len(head.weight), 3 + features.shape[-1]), -1.0, dtype=torch.float64)
        if not features.isfinite().all():
            return plan.to(features.device)
        rows, copies = features[0], features[1:]
        own = head(rows).float().argmax(-1).cpu()
        points, centre, scale = _in_units_of_changes(copies.cpu().double())
        heaps = [points[own == number] for number in range(len(plan))]
        for line, (small, large, halves) in zip(plan, self._exchanges(heaps), strict=False):
            way = halves.one - halves.two
            way = way / (way.square().sum() / 2)  # logits change by one at the means
            step = scale @ way
            middle = centre @ step + (halves.one + halves.two) / 2 @ way
            line[0], line[1], line[2], line[3:] = small, large, -middle, step
        return plan.to(features.device)

    @torch.no_grad()
    def divide(
        self, model: Autoencoder, kept: Autoencoder, optimizers: Collection[Optimizer], plan: Tensor
    ) -> list[tuple[int, int]]:
        """Divide what is to be divided.

        Args:
            model: The model in training.
            kept: Its moving average, or the model itself.
            optimizers: All that move the model; the weights' moments go with them.
            plan: As `plan` has made it.

        Returns:
            Pairs ``(given up, divided)`` of clusters, in order.
        """
        heads = [_head(part) for part in ([model] if model is kept else [model, kept])]
        done = []
        for line in plan[plan[:, 0] >= 0]:
            small, large = int(line[0]), int(line[1])
            _split(heads, optimizers, small, large, line[3:], line[2])
            done.append((small, large))
        return done

    def _exchanges(self, heaps: Sequence[Tensor]) -> Iterator[tuple[int, int, _Halves]]:
        """Which cluster gives its head to which other one, whose halves are told; each is in one exchange at most."""
        sizes = [len(heap) for heap in heaps]
        few = self.spare * sum(sizes) / len(sizes)
        halved = {number: halves for number, heap in enumerate(heaps) if (halves := _halves(heap)) is not None}
        # How far apart halves have to be, how large, and of which clusters the first is then given up.
        offers = [
            (self.least, max(SMALL, 2 * sizes[number]), (number,))
            for number in _by_size(range(len(sizes)), sizes)
            if sizes[number] < few
        ]
        offers += [
            (max(self.least, self.margin * apart), few, _by_size(pair, sizes))
            for apart, pair in _neighbours({number: heap for number, heap in enumerate(heaps) if len(heap) >= FEW})
        ]
        used: set[int] = set()
        for large, halves in sorted(halved.items(), key=lambda item: -item[1].apart):
            for needed, rows, given in offers:
                fits = halves.apart >= needed and halves.rows >= rows
                if fits and large not in {*used, *given} and not used & {*given}:
                    used |= {*given, large}
                    yield given[0], large, halves
                    break


def _by_size(numbers: Iterable[int], sizes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(numbers, key=sizes.__getitem__))


def _in_units_of_changes(copies: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows as points ``(N, D)``, with ``points = (features - centre) @ scale``: changes spread a row by one."""
    rows = copies.mean(0)
    within = (copies - rows).flatten(0, 1)
    covariance = within.T @ within / len(within)
    covariance.diagonal().add_(SMOOTHED * covariance.trace() / len(covariance))
    spread, directions = torch.linalg.eigh(covariance)
    scale = directions / torch.where(spread > 0, spread, 1.0).sqrt()  # zero where nothing changes
    return (rows - rows.mean(0)) @ scale, rows.mean(0), scale


def _halves(heap: Tensor) -> _Halves | None:
    """A heap's halves by 2-means; None of too few rows, or of rows that are all the same."""
    from sklearn.cluster import KMeans

    points = heap.float()
    if len(points) < FEW or bool((points == points[0]).all()):  # of the latter k-means would warn
        return None
    first = torch.from_numpy(KMeans(2, n_init=3, random_state=0).fit_predict(points.numpy())) == 0
    rows = min(int(first.sum()), int((~first).sum()))
    if not rows:
        return None
    return _Halves(_apart(heap[first], heap[~first]), rows, heap[first].mean(0), heap[~first].mean(0))


def _apart(one: Tensor, two: Tensor) -> float:
    """Distance of the means of two heaps, in standard deviations about them along the line through them."""
    way = one.mean(0) - two.mean(0)
    about = torch.cat([(one - one.mean(0)) @ way, (two - two.mean(0)) @ way])
    return float(way.square().sum() / about.square().mean().sqrt().clamp_min(1e-12))


def _neighbours(heaps: Mapping[int, Tensor]) -> list[tuple[float, tuple[int, int]]]:
    """Every cluster with the one whose mean is nearest to its own, least apart first."""
    if len(heaps) < 2:
        return []
    numbers = list(heaps)
    means = torch.stack([heap.mean(0) for heap in heaps.values()])
    nearest = torch.cdist(means, means).fill_diagonal_(math.inf).argmin(1).tolist()
    pairs = {(min(a, b), max(a, b)) for a, b in zip(numbers, (numbers[near] for near in nearest), strict=True)}
    return sorted((_apart(heaps[a], heaps[b]), (a, b)) for a, b in pairs)


def _head(model: Autoencoder) -> nn.Linear:
    return model.category.posterior.logits  # type: ignore[union-attr, return-value]


def _split(
    heads: Sequence[nn.Linear], optimizers: Collection[Optimizer], small: int, large: int, step: Tensor, offset: Tensor
) -> None:
    """Two heads in the place of one and of ``small``, which differ by twice ``step @ features + offset``."""
    for head in heads:
        weight, bias = head.weight[large].clone(), head.bias[large] - math.log(2)
        head.weight[small], head.weight[large] = weight + step.to(weight), weight - step.to(weight)
        head.bias[small], head.bias[large] = bias + offset.to(bias), bias - offset.to(bias)
    for state, held in _moments(optimizers, [heads[0].weight, heads[0].bias]):
        state[held][small] = state[held][large]


def _moments(optimizers: Collection[Optimizer], parameters: Sequence[Tensor]) -> list[tuple[dict[str, Tensor], str]]:
    """Where optimisers keep a value for every weight of these parameters."""
    states = chain.from_iterable(
        ((optimizer.state[parameter], parameter) for parameter in parameters if parameter in optimizer.state)
        for optimizer in optimizers
    )
    return [
        (state, name)
        for state, parameter in states
        for name, value in state.items()
        if isinstance(value, Tensor) and value.shape == parameter.shape
    ]
