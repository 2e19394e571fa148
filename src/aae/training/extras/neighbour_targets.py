r"""Targets from nearest neighbours: at the beginning, a row learns the mean prediction of its nearest neighbours."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aae.distributed import shards
from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.objectives.neighbours import NearestRows
from aae.objectives.terms import class_probabilities, class_targets, frozen_statistics
from aae.system.errors import check_counts, check_share
from aae.training.extras.protocol import Extra

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["NeighbourTargets", "class_frequencies"]

MARGIN = 1.5  # a class may be this many times as frequent as in the prior, or as rare
DECAY = 0.95  # of the running class frequencies, from one batch to the next
EPSILON = 1e-6  # a row whose classes are all excluded by the prior gets no target
SHARPNESS = 2  # power of the mean prediction


def class_frequencies(model: Autoencoder) -> Tensor | None:
    """Class frequencies ``(K,)`` in the prior; None for clusters, or without a prior."""
    category: Any = model.category
    if category is None or category.label != "supervised" or category.prior is None:
        return None
    return category.prior(1).probs.flatten()


class NeighbourTargets(Extra):
    r"""At the beginning, the target of a row is the mean prediction of its nearest neighbours.

    The target becomes :math:`(1 - a)\,t(x) + a\,\bar t^2(x) / \sum_k \bar t_k^2(x)`. Here :math:`t` is the teacher's
    prediction and :math:`\bar t` its mean over the nearest row (the row itself, if it is stored) and ``neighbours``
    others, drawn from the ``pool`` nearest ones. :math:`a` is one at first and falls linearly to zero in the second
    half of that time.

    A subpopulation without any label (sevens with a bar, where all labelled sevens have none) is at first undecided
    between two classes. The first pass decides by chance resemblances which class takes it, and everything that smooths
    the classes keeps it there. Distances are a better guide for it. For single rows they are wrong far more often than
    a trained network, so their share falls to zero early. An isolated subpopulation needs a wide neighbourhood to reach
    its class; one close to another class, such as closed fours, needs a narrow one. The square favours the majority
    among the neighbours, which a network is slow to follow on a rare subpopulation.

    In wide neighbourhoods a class with few labels loses its rows to the class next to it. Where the running frequency
    of a class is more than 1.5 times its frequency in the prior, or less than 1 / 1.5 of it, :math:`\bar t` is scaled
    back to that bound: distribution alignment (Berthelot et al., *ReMixMatch*, arXiv 1911.09785) with a margin. Without
    the margin, subpopulations that fit two classes equally go to the class that is too rare. For clusters there is
    neither scaling nor squaring: no frequencies are right where there are more clusters than subpopulations, and
    squaring without frequencies to protect small clusters would let the large ones take all rows.

    Label spreading (Zhou et al., *Learning with Local and Global Consistency*, 2004) on the same rows starts from the
    labels alone. Here the predictions of the network spread, so that badly placed labels do not mislead a whole class.

    Args:
        until: Share of the training after which the teacher's own prediction is the target.
        neighbours: Number of rows in the mean in addition to the nearest one.
        pool: Number of nearest rows from which those are drawn.
        rows: Number of rows stored to find neighbours among; at most half of them are labelled. Among few rows the
            nearest are far away and of other classes.
    """

    name = "neighbour_targets"

    def __init__(self, until: float = 0.1, neighbours: int = 3, pool: int = 15, rows: int = 20_000) -> None:
        check_counts("NeighbourTargets", neighbours=neighbours, pool=pool, rows=rows)
        check_share("NeighbourTargets", until=until)
        self.until, self.neighbours, self.pool, self.rows = until, neighbours, pool, rows
        self.stored: NearestRows | None = None
        self._prior: Tensor | None = None  # class frequencies (K,) in the prior
        self._running: Tensor | None = None  # class frequencies (K,) in recent targets

    def prepare(self, trainer: "Trainer") -> None:
        """Store rows to find neighbours among; does nothing where every row has a label."""
        self.stored = None
        if trainer.model.category is None or trainer.model.category.posterior is None:
            trainer.messages.append("Neighbour targets do nothing: this model infers no classes or clusters.")
            return
        rows, labels = trainer.some_rows(self.rows)
        if (labels < 0).any():
            self.fit(rows, class_frequencies(trainer.model))

    def fit(self, x: Tensor, frequencies: Tensor | None = None) -> None:
        """Store rows ``(N, *shape)``.

        Args:
            x: The rows.
            frequencies: Class frequencies ``(K,)`` to stay close to; None for clusters, whose frequencies are free.
        """
        self._prior = None if frequencies is None else frequencies.to(x.device)
        self.restart()
        self.stored = NearestRows(x)

    def restart(self) -> None:
        self._running = None if self._prior is None else self._prior.clone()

    def before_step(self, trainer: "Trainer", progress: float) -> None:
        """Provide the targets until ``until`` of the training is over."""
        active = self if self.stored is not None and progress < self.until else None
        if active is not trainer.losses.targets:
            trainer.losses.targets = active
            trainer.reset_captured_step()  # it was captured with the other targets

    def state_dict(self) -> dict[str, Any]:
        return {"running": self._running}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        running = state["running"]
        shapes = [None if value is None else value.shape for value in (running, self._running)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"neighbour targets of {shapes[0]} classes, not {shapes[1]}")
        if self._running is not None:
            self._running.copy_(running)

    def __call__(self, teacher: Autoencoder, batch: Batch) -> Tensor:
        """Target class probabilities ``(B + L, K)``; labelled rows come last and keep the teacher's prediction."""
        own = class_targets(teacher, batch)
        count = len(batch.x)
        remaining = 1.0 - torch.as_tensor(batch.progress) / self.until
        share = (2.0 * remaining).clamp(0.0, 1.0).to(own.device, own.dtype)
        stored: Any = self.stored
        drawn = self._draw_neighbours(stored.nearest(batch.x, self.pool + 1))
        with torch.no_grad(), frozen_statistics(teacher):
            mean = class_probabilities(teacher, stored.rows[drawn.flatten()])
        mean = mean.view(*drawn.shape, -1).mean(1)
        if self._prior is not None:
            mean = self._align(mean, self._prior) ** SHARPNESS
            mean = mean / mean.sum(1, keepdim=True).clamp_min(EPSILON)
        return torch.cat([torch.lerp(own[:count], mean, share), own[count:]])

    def _draw_neighbours(self, nearest: Tensor) -> Tensor:
        """The nearest row, and ``neighbours`` of the others, drawn with replacement."""
        first, others = nearest[:, :1], nearest[:, 1:]
        if not others.shape[1]:
            return first
        drawn = shards.draw((len(nearest), self.neighbours), lambda empty: empty.uniform_(), device=nearest.device)
        indices = (drawn * others.shape[1]).long().clamp(max=others.shape[1] - 1)
        return torch.cat([first, others.gather(1, indices)], 1)

    def _align(self, mean: Tensor, prior: Tensor) -> Tensor:
        """Class probabilities ``(B, K)``, scaled for the classes whose frequency is beyond the margin."""
        running: Any = self._running
        current = shards.mean(mean.mean(0)).to(running)
        running.copy_(torch.lerp(current, running, DECAY))  # in place, because a captured step reads it there
        bounded = running.clamp(prior / MARGIN, prior * MARGIN)
        scaled = mean * (bounded / running.clamp_min(EPSILON)).to(mean)
        return scaled / scaled.sum(1, keepdim=True).clamp_min(EPSILON)
