"""Several starts of one training; the best one continues."""

import copy
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aae.system.errors import AAEError, check_counts
from aae.training.extras.protocol import Extra

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["Restarts"]

SMOOTHING = 0.02  # weight of the newest step in the mean by which starts are compared


class Restarts(Extra):
    r"""Start a training several times, each time with new weights, and continue from the best start.

    The first pass over the data decides which classes share a cluster. If fours and nines begin in one cluster, the
    features under the class head lose what separates them, and splitting clusters later does not bring it back. On one
    of five seeds, ten clusters of MNIST end like this. The loss of mutual information shows it later without any label:
    a cluster of two classes has twice its share of the rows, while another class holds two clusters. k-means is
    restarted for the same reason (`n_init` in scikit-learn).

    All starts and the rest together are one training of the requested length. ``count`` starts with ``share``
    divide it as ``share : share : ... : 1 - share``. A model that comes with trained weights loses them at the second
    start.

    Args:
        count: Number of starts.
        share: Length of each start, as a share of a training with a single start; between 0 and 1.
        metric: The metric by which starts are compared; the lowest mean over recent steps is best.

    Raises:
        AAEError: Fewer than one start, or a share outside 0 to 1.
    """

    name = "restarts"

    def __init__(self, count: int = 3, share: float = 0.5, metric: str = "mutualinformation_y") -> None:
        check_counts("Restarts", count=count)
        if not 0 < share < 1:
            raise AAEError(f"The share of a start is between 0 and 1, not {share}.")
        self.count, self.share, self.metric = count, share, metric
        self._reset()

    def _reset(self) -> None:
        self.number = 0  # of the present start; ``count`` after the last, when the best one continues
        self._score: Tensor | None = None
        self._best: dict[str, Any] = {}

    def prepare(self, trainer: "Trainer") -> None:
        self._reset()

    def position(self, progress: float) -> tuple[int, float]:
        """The present start, and the progress within it, at ``progress`` (0 to 1) of the whole training.

        Returns:
            The number of the start, or ``count`` when the best one continues; and the share that is over of a
            training with that single start.
        """
        all_starts = self.count * self.share
        done = progress * (all_starts + 1 - self.share)
        if done >= all_starts:
            return self.count, done - all_starts + self.share
        number = min(int(done / self.share), self.count - 1)
        return number, done - number * self.share

    @property
    def tentative(self) -> bool:
        """Whether the best start is still to be chosen."""
        return self.number < self.count

    def before_step(self, trainer: "Trainer", progress: float) -> float:
        """Restart, or continue from the best start, when that is due; returns the progress of the present start."""
        number, progress = self.position(progress)
        if number > self.number:
            if self._score is not None and self._improves(trainer):
                self._best = {
                    "score": float(self._score),
                    "steps": trainer.steps_since_restart,
                    "weights": copy.deepcopy(trainer.weights()),
                    "extras": copy.deepcopy(self._states_of_others(trainer)),
                }
            if number < self.count:
                trainer.restart()
                trainer.messages.append(f"Start {number + 1} of {self.count}, with new weights.")
            elif self._best:
                self._load_best(trainer)
            self.number = number
        return progress

    def after_step(self, trainer: "Trainer", metrics: Mapping[str, Tensor]) -> None:
        """Update the running mean of the metric by which starts are compared."""
        if not self.tentative:
            return
        if self.metric not in metrics:
            raise AAEError(
                f"Restarts are compared by {self.metric}, but this training measures {', '.join(metrics)}. "
                "Name one of these as metric; in a preset, set restarts=1 or y_matching=information."
            )
        value = metrics[self.metric]
        value = value if trainer.shard is None else trainer.shard.all_gather(value).mean()
        self._score = value if self._score is None else torch.lerp(self._score.to(value), value, SMOOTHING)

    def restart(self) -> None:
        self._score = None

    def finish(self, trainer: "Trainer") -> None:
        """Use the best start so far if the training ended before it continued from one."""
        if self.tentative and self._best and not self._improves(trainer):
            weights = self._best["weights"]
            trainer.averaged.load_state_dict(weights["model"] if weights["average"] is None else weights["average"])

    def state_dict(self) -> dict[str, Any]:
        return {"number": self.number, "score": self._score, "best": self._best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.number, self._score, self._best = int(state["number"]), state["score"], state["best"]

    def _improves(self, trainer: "Trainer") -> bool:
        """Whether the present start is better than those before it; a start that diverged or took no step is not."""
        if self._score is None or not self._score.isfinite():
            return False
        if self._best and float(self._score) >= self._best["score"]:
            return False
        values = chain(trainer.model.state_dict().values(), trainer.averaged.state_dict().values())
        return all(bool(value.isfinite().all()) for value in values)

    def _load_best(self, trainer: "Trainer") -> None:
        trainer.load_weights(self._best["weights"])
        for extra in trainer.extras:
            if extra is not self:
                extra.load_state_dict(self._best["extras"][extra.name])
        trainer.first_step = trainer.step - self._best["steps"]
        trainer.messages.append(f"Continuing from the best of {self.count} starts.")
        self._best = {}

    def _states_of_others(self, trainer: "Trainer") -> dict[str, Any]:
        return {extra.name: extra.state_dict() for extra in trainer.extras if extra is not self}
