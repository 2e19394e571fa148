"""Several starts of one training, of which the best continues."""

import copy
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aae.system.errors import AAEError
from aae.training.extras.protocol import Extra

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["Restarts"]

SMOOTHING = 0.02  # share of the newest step in the mean by which starts are compared


class Restarts(Extra):
    r"""Start a training several times, each time with new weights, and continue from the best start.

    What the first pass over the data has settled stays. Where fours and nines begin in one cluster, the features under
    the class head lose what separates them, and splitting clusters later does not bring it back; on one of five seeds
    ten clusters of MNIST end so. The loss of mutual information shows it later on, without any label: a cluster of two
    classes has twice its share of the rows, while another class holds two clusters. k-means is restarted for the same
    reason (`n_init` in scikit-learn).

    All starts and the rest are together one training of the length that was asked for. ``count`` starts with ``share``
    divide it as ``share : share : ... : 1 - share``. A model that comes with trained weights loses them at the second
    start.

    Args:
        count: Number of starts.
        share: Length of each start, as a share of a training with a single start; between 0 and 1.
        metric: The metric by which starts are compared; the lowest mean over the last steps is best.

    Raises:
        AAEError: Fewer than one start, or a share outside 0 to 1.
    """

    name = "restarts"

    def __init__(self, count: int = 3, share: float = 0.5, metric: str = "mutualinformation_y") -> None:
        if count < 1:
            raise AAEError(f"A training needs at least one start, not {count}; set restarts to 1 or more.")
        if not 0 < share < 1:
            raise AAEError(f"The share of a start is between 0 and 1, not {share}.")
        self.count, self.share, self.metric = count, share, metric
        self._reset()

    def _reset(self) -> None:
        self.number = 0  # of the present start; ``count`` once the best one continues
        self._score: Tensor | None = None
        self._best: dict[str, Any] = {}

    def prepare(self, trainer: "Trainer") -> None:
        self._reset()

    def position(self, progress: float) -> tuple[int, float]:
        """Where the training is when a share of all of it, from 0 to 1, is over.

        Returns:
            The number of the start, or ``count`` where the best one continues; and the share that is over of a
            training with that single start.
        """
        together = self.count * self.share
        done = progress * (together + 1 - self.share)
        if done >= together:
            return self.count, done - together + self.share
        number = min(int(done / self.share), self.count - 1)
        return number, done - number * self.share

    @property
    def tentative(self) -> bool:
        """Whether the best start is still to be chosen."""
        return self.number < self.count

    def before_step(self, trainer: "Trainer", progress: float) -> float:
        """Restart where that is due, or continue from the best start; returns the progress of the present start."""
        number, progress = self.position(progress)
        if number > self.number:
            if self._score is not None and self._improves(trainer):
                self._best = {
                    "score": float(self._score),
                    "steps": trainer.steps_since_restart,
                    "weights": copy.deepcopy(trainer.weights()),
                    "extras": copy.deepcopy(self._others(trainer)),
                }
            if number < self.count:
                trainer.restart()
                trainer.messages.append(f"Start {number + 1} of {self.count}, with new weights.")
            elif self._best:
                self._continue(trainer)
            self.number = number
        return progress

    def after_step(self, trainer: "Trainer", metrics: Mapping[str, Tensor]) -> None:
        """Follow the metric by which starts are compared."""
        if not self.tentative:
            return
        if self.metric not in metrics:
            raise AAEError(
                f"Restarts are compared by {self.metric}, but this training measures {', '.join(metrics)}. Set "
                "restarts=1, or y_matching=information."
            )
        now = metrics[self.metric]
        now = now if trainer.shard is None else trainer.shard.all_gather(now).mean()
        self._score = now if self._score is None else torch.lerp(self._score.to(now), now, SMOOTHING)

    def restart(self) -> None:
        self._score = None

    def finish(self, trainer: "Trainer") -> None:
        """Keep the best start so far, where a training has ended before it continued from one."""
        if self.tentative and self._best and not self._improves(trainer):
            weights = self._best["weights"]
            trainer.averaged.load_state_dict(weights["model"] if weights["average"] is None else weights["average"])

    def state_dict(self) -> dict[str, Any]:
        return {"number": self.number, "score": self._score, "best": self._best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.number, self._score, self._best = int(state["number"]), state["score"], state["best"]

    def _improves(self, trainer: "Trainer") -> bool:
        """Whether the present start is better than those before it; one that diverged, or has only begun, is not."""
        if self._score is None or not self._score.isfinite():
            return False
        if self._best and float(self._score) >= self._best["score"]:
            return False
        values = chain(trainer.model.state_dict().values(), trainer.averaged.state_dict().values())
        return all(bool(value.isfinite().all()) for value in values)

    def _continue(self, trainer: "Trainer") -> None:
        trainer.load_weights(self._best["weights"])
        for extra in trainer.extras:
            if extra is not self:
                extra.load_state_dict(self._best["extras"][extra.name])
        trainer.first_step = trainer.step - self._best["steps"]
        trainer.messages.append(f"Continuing from the best of {self.count} starts.")
        self._best = {}

    def _others(self, trainer: "Trainer") -> dict[str, Any]:
        return {extra.name: extra.state_dict() for extra in trainer.extras if extra is not self}
