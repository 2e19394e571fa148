r"""Classes that spread from the labelled rows over nearest rows: where a training for few labels begins."""

import numpy as np
import torch
from torch import Tensor, nn

from aae.component import component
from aae.fewlabels import class_logits, divergence, frozen_statistics
from aae.model import Autoencoder
from aae.phases import Batch

__all__ = ["Spreading"]

DIRECTIONS = 50  # principal ones: distances along them tell classes apart better than all values do, and faster
NEAREST = 5
LEAST = 2  # labels for each class, on average
CLAMPED = 0.99  # share that a row takes from its neighbours in each round
SHARPENED = 2.0  # after so many rounds the classes are nearly level: their ratios are squared


@component
class Spreading(nn.Module):
    r"""At the beginning, rows have the class that reaches them from labelled rows by way of nearest ones.

    :math:`KL(s(x) \,\|\, q(y \mid x))`, where :math:`s` is what label spreading (Zhou et al., *Learning with Local
    and Global Consistency*, 2004) gives on a graph of nearest neighbours, averaged over the neighbours of :math:`x`.
    A kind of row that no label shows - sevens with a bar, where all labelled ones are without - is taken by whichever
    class a network happens to find, and everything that smooths the classes then keeps it there. Distances know
    better where it belongs. They are wrong about single rows far more often than a trained network is, so that their
    weight falls to nothing early on.

    Args:
        weight: Factor on the divergence at the beginning; it falls in a straight line to zero.
        until: Share of the training after which it is zero.
        rows: How many rows the graph has, of which labelled ones are half at most.
    """

    points: Tensor | None = None
    spread: Tensor
    centre: Tensor
    directions: Tensor

    def __init__(self, weight: float = 1.0, until: float = 0.25, rows: int = 5000) -> None:
        super().__init__()
        self.weight, self.until, self.rows = weight, until, rows

    def prepare(self, x: Tensor, labels: Tensor, classes: int) -> None:
        """Let the labels spread, once before the training.

        Args:
            x: Rows ``(N, *shape)``.
            labels: Their class numbers ``(N,)``, -1 where unknown.
            classes: Number of classes.
        """
        known = int((labels >= 0).sum())
        if known < LEAST * classes or known == len(x):
            return  # from one label of a class it goes astray too often, and where all are known there is nowhere to go
        from sklearn.decomposition import PCA

        flat = x.flatten(1).cpu().numpy()
        pca = PCA(min(DIRECTIONS, *flat.shape), svd_solver="full", random_state=0).fit(flat)
        spread = _spread(pca.transform(flat), labels.cpu().numpy(), classes)
        self.centre, self.directions, self.points, self.spread = (
            torch.as_tensor(array, dtype=torch.float32, device=x.device)
            for array in (pca.mean_, pca.components_.T.copy(), pca.transform(flat), spread)
        )

    def forward(self, model: Autoencoder, teacher: Autoencoder, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        over = not isinstance(batch.progress, Tensor) and batch.progress >= self.until
        if self.points is None or over:
            nothing = batch.x.new_zeros(())
            return nothing, {"spreading_loss": nothing}
        left = (1.0 - torch.as_tensor(batch.progress) / self.until).clamp(min=0.0)
        with torch.no_grad(), torch.autocast(batch.x.device.type, enabled=False):
            target = self.classes_of(batch.x)
        with frozen_statistics(model):
            loss = divergence(target, class_logits(model, batch.x))
        # A step that is recorded has this pass to the end; it is told of as long as it teaches something.
        return self.weight * left * loss, {"spreading_loss": torch.where(left > 0, loss, 0.0)}

    def classes_of(self, x: Tensor) -> Tensor:
        """Probabilities ``(B, K)`` of the classes that reach rows ``(B, *shape)``."""
        points = (x.flatten(1).float() - self.centre) @ self.directions
        # One more than the graph's: a row that is in it is its own nearest.
        near = torch.cdist(points, self.points).topk(min(NEAREST + 1, len(self.points)), largest=False).indices
        found = self.spread[near].mean(1) ** SHARPENED
        return found / found.sum(1, keepdim=True)


def _spread(points: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Label spreading: probabilities ``(N, K)`` from points ``(N, D)`` and class numbers, -1 where unknown."""
    from sklearn.neighbors import kneighbors_graph
    from sklearn.semi_supervised import LabelSpreading

    graph = kneighbors_graph(points, min(NEAREST, len(points) - 1))
    spreading = LabelSpreading(lambda *_: graph.maximum(graph.T), alpha=CLAMPED, max_iter=1000).fit(points, labels)
    found = np.full((len(points), classes), 1e-12)  # a row that nothing reaches is of any class
    found[:, spreading.classes_.astype(int)] += spreading.label_distributions_
    return found / found.sum(1, keepdims=True)
