r"""Targets from nearest neighbours: at the beginning, a row learns the mean prediction of its nearest neighbours."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aae.distributed import shards
from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.objectives.neighbours import NearestRows
from aae.objectives.terms import class_logits, class_targets, frozen_statistics
from aae.training.extras.protocol import Extra

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["NeighbourTargets", "class_frequencies"]

MARGIN = 1.5  # a class may be this many times as frequent as in its prior, or as rare
MEMORY = 0.95  # of a class's frequency from one batch to the next
TINY = 1e-6  # a row whose classes are all excluded by the prior gets no target
SHARPNESS = 2  # power of the mean prediction


def class_frequencies(model: Autoencoder) -> Tensor | None:
    """Frequencies of the classes ``(K,)`` in their prior; None for clusters, or where there is no prior."""
    category: Any = model.category
    if category is None or category.label != "supervised" or category.prior is None:
        return None
    return category.prior(1).probs.flatten()


class NeighbourTargets(Extra):
    r"""At the beginning, the target of a row is the mean prediction of its nearest neighbours.

    The target becomes :math:`(1 - a)\,t(x) + a\,\bar t^2(x) / \sum_k \bar t_k^2(x)`. Here :math:`t` is the teacher's
    prediction and :math:`\bar t` its mean over the nearest row (the row itself, if it is kept) and ``neighbours``
    others, drawn from the ``pool`` nearest ones. :math:`a` is one at first and falls linearly to zero in the second
    half of that time.

    A kind of row that has no label (sevens with a bar, where all labelled sevens are without) is at first undecided
    between two classes. Which class takes it is settled within the first pass, by chance resemblances, and everything
    that smooths the classes keeps it there. Distances know better where such a kind belongs. About single rows they are
    wrong far more often than a trained network, so their share falls to nothing early. An isolated kind needs a wide
    neighbourhood to reach its class; one close to another class, such as closed fours, a narrow one. The square favours
    the majority among the neighbours, which a network is slow to follow on a rare kind of row.

    In wide neighbourhoods a class with few labels is overrun by the class next to it. Where the running frequency of a
    class is more than 1.5 times its frequency in the prior, or less than that part of it, :math:`\bar t` is scaled back
    to that bound: distribution alignment (Berthelot et al., *ReMixMatch*, arXiv 1911.09785) with a margin. Without the
    margin, kinds of row that two classes claim alike go to the class of which too few are known. For clusters there is
    neither scaling nor squaring: no frequencies are right where there are more clusters than kinds of row, and with
    nothing to hold small clusters up the large ones would take all rows.

    Label spreading (Zhou et al., *Learning with Local and Global Consistency*, 2004) on the same rows starts from the
    labels alone. Here the predictions of the network spread, so that badly placed labels do not mislead a whole class.

    Args:
        until: Share of the training after which the teacher's own prediction is the target.
        neighbours: Number of rows in the mean besides the nearest one.
        pool: Number of nearest rows that those are drawn from.
        rows: Number of rows kept to look for neighbours among; at most half of them are labelled. Among few rows the
            nearest are far away and of other classes.
    """

    name = "neighbour_targets"

    def __init__(self, until: float = 0.1, neighbours: int = 3, pool: int = 15, rows: int = 20_000) -> None:
        self.until, self.neighbours, self.pool, self.rows = until, neighbours, pool, rows
        self.kept: NearestRows | None = None
        self._prior: Tensor | None = None  # frequencies (K,) of the classes in their prior
        self._running: Tensor | None = None  # frequencies (K,) in recent targets

    def prepare(self, trainer: "Trainer") -> None:
        """Keep rows to look for neighbours among; nothing is done where every row has a label."""
        self.kept = None
        rows, labels = trainer.some_rows(self.rows)
        if (labels < 0).any():
            self.keep(rows, class_frequencies(trainer.model))

    def keep(self, x: Tensor, frequencies: Tensor | None = None) -> None:
        """Keep rows ``(N, *shape)``.

        Args:
            x: The rows.
            frequencies: Frequencies ``(K,)`` near which classes are held; None for clusters, which are not held.
        """
        self._prior = None if frequencies is None else frequencies.to(x.device)
        self.restart()
        self.kept = NearestRows(x)

    def restart(self) -> None:
        self._running = None if self._prior is None else self._prior.clone()

    def before_step(self, trainer: "Trainer", progress: float) -> float:
        """Give the targets at the beginning of the training, and stop when that time is over."""
        active = self if self.kept is not None and progress < self.until else None
        if active is not trainer.losses.targets:
            trainer.losses.targets = active
            trainer.forget_captured_step()  # which has the targets in it, or has not
        return progress

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
        """Class probabilities ``(B + L, K)`` to learn in this step; labelled rows come last and keep the teacher's."""
        own = class_targets(teacher, batch)
        count = len(batch.x)
        left = 1.0 - torch.as_tensor(batch.progress) / self.until
        share = (2.0 * left).clamp(0.0, 1.0).to(own.device, own.dtype)
        kept: Any = self.kept
        drawn = self._draw(kept.nearest(batch.x, self.pool + 1))
        with torch.no_grad(), frozen_statistics(teacher):
            mean = class_logits(teacher, kept.rows[drawn.flatten()]).softmax(-1)
        mean = mean.view(*drawn.shape, -1).mean(1)
        if self._prior is not None:
            mean = self._aligned(mean, self._prior) ** SHARPNESS
            mean = mean / mean.sum(1, keepdim=True).clamp_min(TINY)
        return torch.cat([torch.lerp(own[:count], mean, share), own[count:]])

    def _draw(self, nearest: Tensor) -> Tensor:
        """The nearest row, and ``neighbours`` of the others, drawn with replacement."""
        first, others = nearest[:, :1], nearest[:, 1:]
        if not others.shape[1]:
            return first
        drawn = shards.draw((len(nearest), self.neighbours), lambda empty: empty.uniform_(), device=nearest.device)
        places = (drawn * others.shape[1]).long().clamp(max=others.shape[1] - 1)
        return torch.cat([first, others.gather(1, places)], 1)

    def _aligned(self, mean: Tensor, prior: Tensor) -> Tensor:
        """Class probabilities ``(B, K)``, scaled for the classes whose frequency is beyond the margin."""
        running: Any = self._running
        now = shards.mean(mean.mean(0)).to(running)
        running.copy_(torch.lerp(now, running, MEMORY))  # in place, where a captured step reads it
        held = running.clamp(prior / MARGIN, prior * MARGIN)
        scaled = mean * (held / running.clamp_min(TINY)).to(mean)
        return scaled / scaled.sum(1, keepdim=True).clamp_min(TINY)
