r"""Targets for unlabelled rows from classifiers without a network."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from aae.distributed import shards
from aae.evaluation.committee import Committee
from aae.evaluation.vector_committee import VectorCommittee
from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.model.ensembles import EnsembleTrunk
from aae.objectives.terms import class_logits, divergence, frozen_statistics
from aae.system.errors import check_counts, check_share
from aae.training.extras.protocol import Extra

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["BaselineTargets"]


class BaselineTargets(Extra):
    r"""Unlabelled rows learn the class probabilities that simple classifiers and spread labels give them.

    Networks alone overfit a few labels, and what they then say of other rows confirms itself. Here these rows learn
    what a `Committee` says of them (distillation: Hinton et al., arXiv 1503.02531), which is no worse than the labels
    allow. Vectors of another encoder have a `VectorCommittee`, which needs no labels: its clusters then teach.
    In columns, a share of a row's values is swapped with another row's, whose class may be another one (SCARF,
    Bahri et al., arXiv 2106.15147): the network cannot repeat the forest's steps, and it ends better than its teachers.

    Args:
        weight: Factor on the divergence, beside the cross-entropy of labelled rows.
        swap: Share of the values of columns that another row gives. An ensemble's encoded values are swapped one by
            one.
        rows: Number of rows stored, of vectors twice as many; at most half of them are labelled.
        seed: Seed of the forests.
    """

    name = "baseline_targets"

    def __init__(self, weight: float = 1.0, swap: float = 0.2, rows: int = 10_000, seed: int = 0) -> None:
        check_counts("BaselineTargets", rows=rows)
        check_share("BaselineTargets", swap=swap)
        self.weight, self.swap, self.rows, self.seed = weight, swap, rows, seed
        self.committee: Committee | VectorCommittee | None = None
        self._columns = True
        self._x: Tensor | None = None  # encoded rows (N, *)
        self._targets: Tensor | None = None  # (N, K)

    def prepare(self, trainer: "Trainer") -> None:
        """Fit the committee; does nothing where every row has a label, or all labels are of one class."""
        self.committee = None
        category: Any = trainer.model.category
        vectors = trainer.model.table is not None and trainer.model.table.vectors
        x, labels = trainer.some_rows(2 * self.rows if vectors else self.rows)
        y = labels.cpu().numpy() if category.classes else np.full(len(labels), -1)
        known = y >= 0
        finds_clusters = vectors and not category.classes
        if known.all() or not (finds_clusters or len(np.unique(y[known])) > 1):
            return
        weights = trainer.losses.class_weights
        given = None if weights is None else weights.tolist()
        prior = torch.ones(category.dim) / category.dim if category.prior is None else category.prior(1).probs.flatten()
        frequencies = prior.double().cpu().numpy()
        self.committee = (VectorCommittee if vectors else Committee)(self.seed).fit(x, y, frequencies, given)
        self._targets = torch.from_numpy(self.committee.probabilities[~known]).float().to(x.device)
        rows = x[torch.from_numpy(~known).to(x.device)]
        self._columns = x.dim() < 3
        trunk = trainer.model.trunk
        self._x = trunk.encode(rows) if isinstance(trunk, EnsembleTrunk) else rows
        trainer.losses.terms.append(self._loss)

    def _loss(self, model: Autoencoder, teacher: Autoencoder, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The term: every member of an ensemble draws its own rows, ``len(batch.x)`` of them."""
        known: Any = self._x
        targets: Any = self._targets
        members = model.trunk.members if isinstance(model.trunk, EnsembleTrunk) else 1
        draws = shards.draw((len(batch.x), members, 2), lambda empty: empty.uniform_(), device=known.device)
        first, second = (draws * len(known)).long().clamp(max=len(known) - 1).unbind(2)
        x = known[first]
        if self._columns:
            x = torch.where(shards.rand_like(x) < self.swap, known[second], x)
        with frozen_statistics(model):
            if isinstance(model.trunk, EnsembleTrunk):
                category: Any = model.category
                logits = category.logits(model.trunk.features_of(x.transpose(0, 1)))
            else:
                logits = class_logits(model, x[:, 0])
        loss = divergence(targets[first].flatten(0, 1), logits.reshape(-1, logits.shape[-1]))
        return self.weight * loss, {"baseline_loss": loss}
