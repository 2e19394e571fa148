r"""What the teacher says of a row, averaged over the rows nearest to it: where a training for few labels begins."""

from typing import Any

import torch
from torch import Tensor, nn

from aae import shards
from aae.component import component
from aae.fewlabels import class_logits, frozen_statistics, taught
from aae.model import Autoencoder
from aae.phases import Batch
from aae.transformation import learn_generators, principal, ways

__all__ = ["Neighbours"]

# Principal ones: distances along them tell classes apart better than all values do, and faster. Along half as many,
# closed fours lie nearer to nines.
DIRECTIONS = 100
GENERATORS = 8  # of changes that distances overlook, and one for six directions at most: more would make any change
OVERLOOKED = 0.8  # of the way that such a change goes
AMONG = 50  # nearest by plain distance, of which the nearest but for changes are taken
WITHIN = 1.5  # times its prior's frequency, or that part of it: where a class is held
MEMORY = 0.95  # of a class's frequency from one batch to the next
TINY = 1e-6  # a row that is of classes alone which the prior excludes is taught none
SHARPNESS = 2  # power of what the nearest rows say of classes


def wanted_frequencies(model: Autoencoder) -> Tensor | None:
    """How frequent the classes ``(K,)`` are by their prior; None for clusters, or where no prior says so."""
    category: Any = model.category
    if category is None or category.label != "supervised" or category.prior is None:
        return None
    return category.prior(1).probs.flatten()


@component
class Neighbours(nn.Module):
    r"""At the beginning, a row is taught what the teacher says of the rows nearest to it.

    The target becomes :math:`(1 - a)\,t(x) + a\,\bar t^2(x) / \sum_k \bar t_k^2(x)` with :math:`\bar t` the mean over
    the row itself and ``nearest`` others, drawn from the ``wide`` that are nearest to it. :math:`a` is one at first and
    falls in a straight line to zero in the second half of that time.

    A kind of row that no label shows - sevens with a bar, where all labelled ones are without - is at first between two
    classes. Which one takes it is decided within the first pass by whatever changes and mixtures of rows it happens to
    look like, and everything that smooths the classes then keeps it there, whole and certain. Distances know better
    where such a kind belongs. About single rows they are wrong far oftener than a trained network is, so that their
    share falls to nothing early on. A kind that keeps to itself, as sevens with a bar do, has hardly a row of another
    kind among the nearest few, and it takes a wider neighbourhood to bring it to its class. One that lies close to
    another class, as fours that are closed, needs a narrow one. The square makes more of the majority among them: a
    network is slower to learn of a rare kind than of what looks like it, and what is said of that, with hardly a
    majority, would never be reached.

    In wide ones a class that has few labels, and those on its edge, is overrun by the one next to it, whole. So
    :math:`\bar t` is scaled, class by class, where the mean over the last batches is more than one and a half times the
    frequency :math:`\pi` that the prior of the class says, or less than that part of it, as far as it takes to come
    back there: distribution alignment (Berthelot et al., *ReMixMatch*, arXiv 1911.09785) with a margin. Without the
    margin it takes part in what is close: a kind of row that two classes claim alike then goes to the one of which too
    few are known. Clusters are not scaled: where there are more of them than kinds of row, no frequencies are the right
    ones. Nor is what is said of them squared: with nothing to hold the small ones, the large ones would take all rows
    before the training has begun to tell them apart.

    Unlike label spreading (Zhou et al., *Learning with Local and Global Consistency*, 2004) on the same rows this does
    not go from the labels alone: what the network has learned is what spreads, and labels that lie badly do not send a
    whole class astray.

    How near a row is is told along the principal directions, most of what changes learned from nearest rows can do
    (`learn_generators`) overlooked: a tangent distance (Simard et al., *Efficient Pattern Recognition Using a New
    Transformation Distance*, NIPS 1992) with learned tangents. A third fewer of the nearest rows are then of another
    class.

    Args:
        until: Share of the training after which the teacher's own word stands.
        nearest: How many rows the mean has besides the nearest one, which is the row itself if it is kept.
        wide: How many rows those are drawn from.
        rows: How many rows are kept for it, of which labelled ones are half at most. Among few rows the nearest are far
            and of other classes.
    """

    kept: Tensor | None = None
    points: Tensor
    centre: Tensor
    directions: Tensor
    wanted: Tensor | None = None  # frequencies (K,) of classes
    usual: Tensor  # those of what rows have been taught of late
    tangents: Tensor | None = None  # (M, D, K): orthonormal, in which changes move the kept rows

    def __init__(self, until: float = 0.1, nearest: int = 3, wide: int = 15, rows: int = 20_000) -> None:
        super().__init__()
        self.until, self.nearest, self.wide, self.rows = until, nearest, wide, rows
        self.register_buffer("usual", torch.empty(0))

    def prepare(self, x: Tensor, wanted: Tensor | None = None) -> None:
        """Keep rows ``(N, *shape)`` to find neighbours among, once before the training.

        Args:
            x: The rows.
            wanted: Frequencies ``(K,)`` near which classes are held; None for clusters, which are not held anywhere.
        """
        if wanted is not None:
            self.wanted = wanted.to(x.device)
            self.begin()
        centre, directions, points = principal(x, DIRECTIONS)
        count = min(GENERATORS, points.shape[1] // 6)
        found = learn_generators(points, count) if count else None
        self.tangents = None
        if found is not None:
            learned, _, unit = found
            points, directions = points / unit, directions / unit
            self.tangents = ways(points, learned).to(x.device)
        self.centre, self.directions, self.points = (part.to(x.device) for part in (centre, directions, points))
        self.kept = x

    def begin(self) -> None:
        """Forget what has been taught, for a training that begins again."""
        if self.wanted is not None:
            self.usual = self.wanted.clone()

    def forward(self, teacher: Autoencoder, batch: Batch) -> Tensor:
        """Class probabilities ``(B + L, K)`` taught in this step; labelled rows, which come last, keep their own."""
        own = taught(teacher, batch)
        count = len(batch.x)
        left = 1.0 - torch.as_tensor(batch.progress) / self.until
        share = (2.0 * left).clamp(0.0, 1.0).to(own.device, own.dtype)
        near = self._some(self.near(batch.x))
        with torch.no_grad(), frozen_statistics(teacher):
            theirs = class_logits(teacher, self.kept[near.flatten()]).softmax(-1)  # type: ignore[index]
        theirs = theirs.view(*near.shape, -1).mean(1)
        if self.wanted is not None:
            theirs = self._held(theirs, self.wanted) ** SHARPNESS
            theirs = theirs / theirs.sum(1, keepdim=True).clamp_min(TINY)
        return torch.cat([torch.lerp(own[:count], theirs, share), own[count:]])

    def _some(self, near: Tensor) -> Tensor:
        """The nearest row and ``nearest`` of the others, drawn with replacement."""
        first, others = near[:, :1], near[:, 1:]
        if not others.shape[1]:
            return first
        drawn = shards.draw((len(near), self.nearest), lambda empty: empty.uniform_(), device=near.device)
        places = (drawn * others.shape[1]).long().clamp(max=others.shape[1] - 1)
        return torch.cat([first, others.gather(1, places)], 1)

    def _held(self, theirs: Tensor, wanted: Tensor) -> Tensor:
        """Classes ``(B, K)``, those scaled whose frequency is not within the margin."""
        now = shards.mean(theirs.mean(0)).to(self.usual)
        self.usual.copy_(torch.lerp(now, self.usual, MEMORY))  # in its place, where a recorded step looks for it
        held = self.usual.clamp(wanted / WITHIN, wanted * WITHIN)
        scaled = theirs * (held / self.usual.clamp_min(TINY)).to(theirs)
        return scaled / scaled.sum(1, keepdim=True).clamp_min(TINY)

    @torch.no_grad()
    def near(self, x: Tensor) -> Tensor:
        """Numbers ``(B, wide + 1)`` of the kept rows nearest to rows ``(B, *shape)``, each first its own if kept."""
        with torch.autocast(x.device.type, enabled=False):
            points = (x.flatten(1).float() - self.centre) @ self.directions
            count = min(self.wide + 1, len(self.points))
            apart = torch.cdist(points, self.points)
            if self.tangents is None:
                return apart.topk(count, largest=False).indices
            found = apart.topk(max(count, min(AMONG, len(self.points))), largest=False).indices
            steps = self.points[found] - points[:, None]
            changes = torch.einsum("bmd,bmdk->bmk", steps, self.tangents[found])
            apart = steps.square().sum(-1) - OVERLOOKED * changes.square().sum(-1)
            return found.gather(1, apart.topk(count, largest=False).indices)
