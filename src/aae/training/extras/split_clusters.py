"""Split a cluster that holds two groups of rows, and give up another cluster for it."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from aae.model.autoencoder import Autoencoder
from aae.model.posteriors import Category
from aae.system.errors import AAEError, check_counts, check_share
from aae.training.extras.protocol import Extra

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["SplitClusters"]

CHUNK = 1000  # rows of one pass
COPIES = 3  # changed copies of each row
SMOOTHING = 0.1  # share of the mean variance between the copies of a row that is added in every direction
MIN_ROWS = 30  # rows of a cluster, below which its halves mean nothing
MIN_HALF = 8  # rows of a half, below which it does not even get an unused head


class _Halves(NamedTuple):
    distance: float
    rows: int  # of the smaller one
    one: Tensor
    two: Tensor


class SplitClusters(Extra):
    r"""Gives the head of a cluster that can be given up to a cluster that holds two groups of rows.

    Mutual information alone does not undo what the first pass has decided: two subpopulations that share a cluster stay
    in it for good. To separate them, the model would have to pass through a state in which rows are undecided, while
    other clusters are empty or share one subpopulation.

    Distances are measured between the features under the class head, averaged over changed copies of a row, in units of
    the spread of those copies: in directions in which the copies of one row spread, distance means little. In plain
    features the widest direction of a cluster of fours and nines is their slant; in these units it is the one that
    separates fours from nines. (Speaker recognition scales features by the spread within a speaker: Hatch et al.,
    *Within-Class Covariance Normalization*, Interspeech 2006. Here every row is a speaker.) Each cluster is halved by
    2-means. The distance of the halves is measured in standard deviations about their means, along the line through
    them: 2.65 for a single Gaussian, and for two clusters that share one.

    At intervals, the cluster whose halves are farthest apart gets a second head, if they are ``least`` apart. The head
    comes from the smallest cluster if that has less than ``spare`` of its share in the prior and at most half the rows
    of the smaller half. Otherwise it comes from the smaller of the two neighbouring clusters that are closest together,
    if the halves are ``margin`` times as far apart and neither half is small enough to be given up itself: a small,
    remote subpopulation, such as sevens with a bar, would lose its head again, and its rows would be scattered. Both
    heads begin as the old one, plus and minus a step towards the two halves; the losses do the rest. They also move the
    rows of the cluster that was given up to the nearest cluster. (Split and merge of mixtures: Ueda et al., *SMEM
    Algorithm for Mixture Models*, Neural Computation 12, 2000, with other criteria.)

    Classes with labels are not split.

    Args:
        change: Module that changes rows ``(N, *shape)`` but keeps their meaning.
        least: Smallest distance of two halves that count as two groups.
        margin: How many times as far apart the halves must be as the two clusters, one of which is given up.
        spare: Share of the rows, over the cluster's frequency in the prior, below which a cluster is given up first.
        begin: Share of the training before which nothing is split.
        end: Share after which nothing is split: the last groups need time to separate.
        every: Steps between two inspections of the clusters.
        rows: Number of rows that are inspected.
    """

    name = "split_clusters"

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
        if not isinstance(change, nn.Module):
            raise AAEError(f"SplitClusters: change must be a module that changes rows, not {type(change).__name__}.")
        check_counts("SplitClusters", every=every, rows=rows)
        check_share("SplitClusters", begin=begin, end=end)
        self.change, self.least, self.margin, self.spare = change, least, margin, spare
        self.begin, self.end, self.every, self.rows = begin, end, every, rows
        self._inspected: Tensor | None = None  # rows (N, *shape)

    def prepare(self, trainer: "Trainer") -> None:
        """Store the rows to inspect; none if the model has no clusters."""
        self._inspected = None
        if _has_clusters(trainer.model):
            self._inspected = trainer.some_rows(self.rows)[0]
        else:
            trainer.messages.append("No clusters are split: this model has classes with labels, or none.")

    def before_step(self, trainer: "Trainer", progress: float) -> None:
        """Split clusters, when that is due."""
        if self._inspected is not None and self.is_due(trainer.steps_since_restart, progress):
            with trainer.autocast():
                features = self.features(trainer.averaged, self._inspected)
            plan = self.plan(trainer.averaged, features)
            if trainer.shard is not None:  # rounding may differ between processes, and all must split the same way
                plan = trainer.shard.all_gather(plan)[0]
            self.split(trainer.model, trainer.averaged, trainer.optimizers.values(), plan)

    def is_due(self, step: int, progress: float) -> bool:
        """Whether clusters are inspected before step ``step``, at ``progress`` (0 to 1)."""
        return step % self.every == 0 and self.begin <= progress < self.end

    @torch.no_grad()
    def features(self, model: Autoencoder, x: Tensor) -> Tensor:
        """Features ``(1 + 3, N, features)`` of rows ``(N, *shape)`` and of their changed copies.

        The model is left in evaluation mode.
        """
        model.eval()
        self.change.train()
        trunk: Any = model.trunk
        versions = chain([x], (self.change(x) for _ in range(COPIES)))
        return torch.stack([torch.cat([trunk(part).float() for part in rows.split(CHUNK)]) for rows in versions])

    @torch.no_grad()
    def plan(self, model: Autoencoder, features: Tensor) -> Tensor:
        """Which clusters to split, and how.

        Args:
            model: The model by which rows are assigned to clusters: the moving average, where there is one.
            features: What `features` returned for it. Nothing is split if they are not finite.

        Returns:
            A line ``(2 + 1 + features)`` for each possible split, ``K`` in all: the cluster that is given up, the one
            that is split, and the offset and step by which their heads will differ from the old one. Unused lines are
            -1.
        """
        head = _head(model)
        plan = torch.full((len(head.weight), 3 + features.shape[-1]), -1.0, dtype=torch.float64)
        if not features.isfinite().all():
            return plan.to(features.device)
        rows, copies = features[0], features[1:]
        assigned = head(rows).float().argmax(-1).cpu()
        points, centre, scale = _whiten(copies.cpu().double())
        clusters = [points[assigned == number] for number in range(len(plan))]
        splits = self._choose_splits(clusters, _shares(model, len(clusters)))
        for line, (freed, split, halves) in zip(plan, splits, strict=False):
            direction = halves.one - halves.two
            direction = direction / (direction.square().sum() / 2)  # logits change by one at the means
            step = scale @ direction
            middle = centre @ step + (halves.one + halves.two) / 2 @ direction
            line[0], line[1], line[2], line[3:] = freed, split, -middle, step
        return plan.to(features.device)

    @torch.no_grad()
    def split(
        self, model: Autoencoder, averaged: Autoencoder, optimizers: Collection[Optimizer], plan: Tensor
    ) -> list[tuple[int, int]]:
        """Carry out a plan.

        Args:
            model: The model in training.
            averaged: Its moving average, or the model itself.
            optimizers: All optimisers of the model; the moments of the weights are copied too.
            plan: What `plan` returned.

        Returns:
            Pairs ``(given up, split)`` of clusters, in order.
        """
        heads = [_head(part) for part in ([model] if model is averaged else [model, averaged])]
        done = []
        for line in plan[plan[:, 0] >= 0]:
            freed, split = int(line[0]), int(line[1])
            _split_head(heads, optimizers, freed, split, line[3:], line[2])
            done.append((freed, split))
        return done

    def _choose_splits(self, clusters: Sequence[Tensor], shares: Sequence[float]) -> Iterator[tuple[int, int, _Halves]]:
        """The cluster given up, the cluster split, and its halves; each cluster is in one split at most."""
        sizes = [len(cluster) for cluster in clusters]
        few = [self.spare * sum(sizes) * share for share in shares]
        halved = {number: halves for number, cluster in enumerate(clusters) if (halves := _halves(cluster)) is not None}
        # Minimal distance of the halves, minimal rows of each, and clusters of which the first is then given up.
        offers: list[tuple[float, float, tuple[int, ...]]] = [
            (self.least, max(MIN_HALF, 2 * sizes[number]), (number,))
            for number in _by_size(range(len(sizes)), sizes)
            if sizes[number] < few[number]
        ]
        offers += [
            (max(self.least, self.margin * distance), min(few), _by_size(pair, sizes))
            for distance, pair in _closest_pairs({k: rows for k, rows in enumerate(clusters) if len(rows) >= MIN_ROWS})
        ]
        used: set[int] = set()
        for split, halves in sorted(halved.items(), key=lambda item: -item[1].distance):
            for distance, rows, offered in offers:
                fits = halves.distance >= distance and halves.rows >= rows
                if fits and split not in {*used, *offered} and not used & {*offered}:
                    used |= {*offered, split}
                    yield offered[0], split, halves
                    break


def _shares(model: Autoencoder, count: int) -> list[float]:
    """The frequency in the prior of each of ``count`` clusters; all the same where it says nothing."""
    category: Any = model.category
    balance = getattr(category.prior, "balance", None)
    return [1 / count] * count if balance is None else list(balance)


def _by_size(numbers: Iterable[int], sizes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(numbers, key=sizes.__getitem__))


def _whiten(copies: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows as points ``(N, D)``, ``points = (features - centre) @ scale``: copies of a row have about unit variance."""
    rows = copies.mean(0)
    within = (copies - rows).flatten(0, 1)
    covariance = within.T @ within / len(within)
    covariance.diagonal().add_(SMOOTHING * covariance.trace() / len(covariance))
    spread, directions = torch.linalg.eigh(covariance)
    scale = directions / torch.where(spread > 0, spread, 1.0).sqrt()  # zero where nothing changes
    return (rows - rows.mean(0)) @ scale, rows.mean(0), scale


def _halves(cluster: Tensor) -> _Halves | None:
    """The halves of a cluster by 2-means; None for too few rows, or if all rows are the same."""
    from sklearn.cluster import KMeans

    points = cluster.float()
    if len(points) < MIN_ROWS or bool((points == points[0]).all()):  # k-means would warn of the latter
        return None
    first = torch.from_numpy(KMeans(2, n_init=3, random_state=0).fit_predict(points.numpy())) == 0
    rows = min(int(first.sum()), int((~first).sum()))
    if not rows:
        return None
    one, two = cluster[first], cluster[~first]
    return _Halves(_distance(one, two), rows, one.mean(0), two.mean(0))


def _distance(one: Tensor, two: Tensor) -> float:
    """Distance of the means of two groups, in standard deviations about the means along the line through them."""
    difference = one.mean(0) - two.mean(0)
    residuals = torch.cat([(one - one.mean(0)) @ difference, (two - two.mean(0)) @ difference])
    return float(difference.square().sum() / residuals.square().mean().sqrt().clamp_min(1e-12))


def _closest_pairs(clusters: Mapping[int, Tensor]) -> list[tuple[float, tuple[int, int]]]:
    """Distance and numbers of each cluster and the cluster with the nearest mean; closest pair first."""
    if len(clusters) < 2:
        return []
    numbers = list(clusters)
    means = torch.stack([rows.mean(0) for rows in clusters.values()])
    nearest = torch.cdist(means, means).fill_diagonal_(math.inf).argmin(1).tolist()
    pairs = {(min(a, b), max(a, b)) for a, b in zip(numbers, (numbers[near] for near in nearest), strict=True)}
    return sorted((_distance(clusters[a], clusters[b]), (a, b)) for a, b in pairs)


def _has_clusters(model: Autoencoder) -> bool:
    category = model.category
    return category is not None and category.label == "none" and isinstance(category.posterior, Category)


def _head(model: Autoencoder) -> nn.Linear:
    category: Any = model.category
    return category.posterior.logits


def _split_head(
    heads: Sequence[nn.Linear], optimizers: Collection[Optimizer], freed: int, split: int, step: Tensor, offset: Tensor
) -> None:
    """Split head ``split`` in two, one of them at ``freed``; they differ by twice ``step @ features + offset``."""
    for head in heads:
        weight, bias = head.weight[split].clone(), head.bias[split] - math.log(2)
        head.weight[freed], head.weight[split] = weight + step.to(weight), weight - step.to(weight)
        head.bias[freed], head.bias[split] = bias + offset.to(bias), bias - offset.to(bias)
    for state, name in _moments(optimizers, [heads[0].weight, heads[0].bias]):
        state[name][freed] = state[name][split]


def _moments(optimizers: Collection[Optimizer], parameters: Sequence[Tensor]) -> list[tuple[dict[str, Tensor], str]]:
    """The entries of optimiser states that have the shape of these parameters."""
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
