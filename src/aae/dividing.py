r"""Clusters that hold too many rows are divided, in place of others that hold too few."""

import math
from collections.abc import Collection, Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from aae.fewlabels import class_logits
from aae.model import Autoencoder

__all__ = ["Dividing"]

PART = 1000  # rows of one pass
APART = 0.1  # length of the step between the halves, as a share of the length of the weights


class Dividing:
    r"""Gives the head of a cluster that holds few rows to one that holds many.

    Mutual information alone does not repair what the first pass has settled: two kinds of row that share a cluster
    stay in it for good, for to part them one has to pass a state in which rows are unsure, and the clusters that are
    left over hold a scattered few or nothing. So, now and then, while the smallest cluster has less than ``least`` and
    the largest more than ``most`` times an equal share of the rows, the smallest one's weights become those of the
    largest, plus a small step in a random direction and minus the same step for the largest itself: both then have a
    half of it, and the terms of the training move the border to where there are few rows. The smallest cluster's own
    rows go to whichever is next to them.

    Split and merge of mixtures (Ueda et al., *SMEM Algorithm for Mixture Models*, Neural Computation 12, 2000), with
    the size of a cluster in place of their criteria.

    Args:
        least: Share of the rows below which a cluster is given up, times the number of clusters.
        most: Share above which one is divided, times the number of clusters.
        begin: Share of the training before which nothing is divided.
        end: Share after which nothing is: the last ones need time to part.
        every: Steps from one division to the next.
        rows: Number of rows by which clusters are counted.
    """

    def __init__(
        self,
        least: float = 0.6,
        most: float = 1.3,
        begin: float = 0.2,
        end: float = 0.85,
        every: int = 50,
        rows: int = 6000,
    ) -> None:
        self.least, self.most, self.begin, self.end, self.every, self.rows = least, most, begin, end, every, rows

    def due(self, step: int, progress: float) -> bool:
        """Whether clusters are to be looked at before step ``step``, when ``progress`` (0 to 1) is over."""
        return step % self.every == 0 and self.begin <= progress < self.end

    @torch.no_grad()
    def divide(
        self, model: Autoencoder, kept: Autoencoder, optimizers: Collection[Optimizer], x: Tensor
    ) -> list[tuple[int, int]]:
        """Divide what is to be divided.

        Args:
            model: The model in training.
            kept: Its moving average, by which clusters are counted, or the model itself. It is left in evaluation mode.
            optimizers: All that move the model; the weights' moments go with them.
            x: Rows ``(N, *shape)``.

        Returns:
            Pairs ``(given up, divided)`` of clusters, in order.
        """
        kept.eval()
        shares = torch.cat([class_logits(kept, part).float().softmax(-1) for part in x.split(PART)]).mean(0).cpu()
        done: list[tuple[int, int]] = []
        for small in shares.argsort().tolist():
            large = int(shares.argmax())
            if shares[small] * len(shares) >= self.least or shares[large] * len(shares) <= self.most:
                break
            _split([model] if model is kept else [model, kept], optimizers, small, large)
            shares[small] = shares[large] = shares[large] / 2
            done.append((small, large))
        return done


def _split(models: Sequence[Autoencoder], optimizers: Collection[Optimizer], small: int, large: int) -> None:
    """Two halves of one cluster in the place of another."""
    heads: list[nn.Linear] = [model.category.posterior.logits for model in models]  # type: ignore[union-attr, misc]
    direction = torch.randn(heads[0].weight.shape[1])
    for head in heads:
        row = head.weight[large].clone()
        step = APART * row.norm() / math.sqrt(len(row)) * direction.to(row)
        head.weight[small], head.weight[large] = row - step, row + step
        head.bias[small] = head.bias[large] = head.bias[large] - math.log(2)
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
