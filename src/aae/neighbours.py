r"""What the teacher says of a row, averaged over the rows nearest to it: where a training for few labels begins."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aae.component import component
from aae.fewlabels import class_logits, frozen_statistics, taught
from aae.model import Autoencoder
from aae.phases import Batch

__all__ = ["Neighbours", "principal"]

DIRECTIONS = 50  # principal ones: distances along them tell classes apart better than all values do, and faster


@component
class Neighbours(nn.Module):
    r"""At the beginning, a row is taught what the teacher says of the rows nearest to it.

    The target becomes :math:`(1 - a)\,t(x) + a\,\frac{1}{k + 1} \sum_{j} t(x_j)` over the :math:`k + 1` nearest of some
    rows, with :math:`a` falling in a straight line from one to zero.

    A kind of row that no label shows - sevens with a bar, where all labelled ones are without - is at first between two
    classes. Which one takes it is decided within the first pass by whatever changes and mixtures of rows it happens to
    look like, and everything that smooths the classes then keeps it there, whole and certain. Distances know better
    where such a kind belongs. About single rows they are wrong far oftener than a trained network is, so that their
    share falls to nothing early on. Unlike label spreading (Zhou et al., *Learning with Local and Global Consistency*,
    2004) on the same rows this does not go from the labels alone: what the network has learned is what spreads, and
    labels that lie badly do not send a whole class astray.

    Args:
        until: Share of the training after which the teacher's own word stands.
        nearest: How many rows the average has besides the row itself.
        rows: How many rows are kept for it, of which labelled ones are half at most. Among few rows the nearest are far
            and of other classes.
    """

    kept: Tensor | None = None
    points: Tensor
    centre: Tensor
    directions: Tensor

    def __init__(self, until: float = 0.1, nearest: int = 5, rows: int = 20_000) -> None:
        super().__init__()
        self.until, self.nearest, self.rows = until, nearest, rows

    def prepare(self, x: Tensor) -> None:
        """Keep rows ``(N, *shape)`` to find neighbours among, once before the training."""
        self.centre, self.directions, self.points = (part.to(x.device) for part in principal(x, DIRECTIONS))
        self.kept = x

    def forward(self, teacher: Autoencoder, batch: Batch) -> Tensor:
        """Class probabilities ``(B + L, K)`` taught in this step; labelled rows, which come last, keep their own."""
        own = taught(teacher, batch)
        count = len(batch.x)
        share = (1.0 - torch.as_tensor(batch.progress) / self.until).clamp(min=0.0).to(own.device, own.dtype)
        near = self.near(batch.x)
        with torch.no_grad(), frozen_statistics(teacher):
            theirs = class_logits(teacher, self.kept[near.flatten()]).softmax(-1)  # type: ignore[index]
        theirs = theirs.view(*near.shape, -1).mean(1)
        return torch.cat([torch.lerp(own[:count], theirs, share), own[count:]])

    @torch.no_grad()
    def near(self, x: Tensor) -> Tensor:
        """Numbers ``(B, k + 1)`` of the kept rows nearest to rows ``(B, *shape)``, each its own if it is kept."""
        with torch.autocast(x.device.type, enabled=False):
            points = (x.flatten(1).float() - self.centre) @ self.directions
            count = min(self.nearest + 1, len(self.points))
            return torch.cdist(points, self.points).topk(count, largest=False).indices


def principal(x: Tensor, count: int) -> list[Tensor]:
    """Centre ``(P,)``, principal directions ``(P, D)`` and values along them ``(N, D)`` of rows ``(N, *shape)``.

    They lie on the CPU. ``D`` is ``count``, or less if there are fewer rows or values.
    """
    from sklearn.decomposition import PCA

    flat = x.flatten(1).cpu().numpy().astype(np.float32)
    pca = PCA(min(count, *flat.shape), svd_solver="randomized", random_state=0).fit(flat)
    parts: list[Any] = [pca.mean_, pca.components_.T.copy(), pca.transform(flat)]
    return [torch.as_tensor(part) for part in parts]
