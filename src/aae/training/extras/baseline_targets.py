r"""Targets for unlabelled rows from classifiers that learn from the labels alone."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from aae.distributed import shards
from aae.evaluation.baselines import Baselines
from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.objectives.terms import class_logits, divergence, frozen_statistics
from aae.system.errors import check_counts, check_share
from aae.training.extras.protocol import Extra

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["BaselineTargets"]


class BaselineTargets(Extra):
    r"""Unlabelled rows learn the class probabilities that logistic regression and forests give them.

    Knowledge distillation (Hinton et al., arXiv 1503.02531) from `Baselines`, on rows some of whose columns are
    swapped with another row's (SCARF, Bahri et al., arXiv 2106.15147): the network learns the classes between the rows
    as well.

    Args:
        weight: Factor on the divergence.
        swap: Share of the columns that another row gives.
        rows: Number of unlabelled rows that are stored.
        seed: Seed of the forests.
    """

    name = "baseline_targets"

    def __init__(self, weight: float = 1.0, swap: float = 0.2, rows: int = 20_000, seed: int = 0) -> None:
        check_counts("BaselineTargets", rows=rows)
        check_share("BaselineTargets", swap=swap)
        self.weight, self.swap, self.rows, self.seed = weight, swap, rows, seed
        self.baselines: Baselines | None = None
        self._x: Tensor | None = None
        self._targets: Tensor | None = None

    def prepare(self, trainer: "Trainer") -> None:
        x, labels = trainer.some_rows(self.rows)
        known, flat = (labels >= 0).cpu().numpy(), x.flatten(1).cpu().numpy()
        category: Any = trainer.model.category
        weights = trainer.losses.class_weights
        y = labels.cpu().numpy()[known]
        if known.all() or len(np.unique(y)) < 2:
            return
        self.baselines = Baselines(self.seed).fit(
            flat[known], y, category.dim, None if weights is None else weights.tolist()
        )
        found = self.baselines.predict_proba(flat[~known])
        self._x = x[torch.from_numpy(~known).to(x.device)]
        self._targets = torch.from_numpy(found).float().to(x.device)
        trainer.losses.terms.append(self)

    def __call__(self, model: Autoencoder, teacher: Autoencoder, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        known: Any = self._x
        targets: Any = self._targets
        draws = shards.draw((len(batch.x), 2), lambda empty: empty.uniform_(), device=known.device)
        first, second = (draws * len(known)).long().clamp(max=len(known) - 1).unbind(1)
        x = known[first]
        x = torch.where(shards.rand_like(x) < self.swap, known[second], x)
        with frozen_statistics(model):
            loss = divergence(targets[first], class_logits(model, x))
        return self.weight * loss, {"baseline_loss": loss}
