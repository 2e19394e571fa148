"""The protocol through which the trainer calls its extras."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["Extra"]


@runtime_checkable
class Extra(Protocol):
    """Something a training does in addition to its step, such as restarts; other libraries call it a callback.

    The trainer calls its extras in the order in which the settings list them. An extra inherits from this class and
    overrides the methods it needs; the others do nothing. Its constructor arguments are kept under their own names and
    are plain values, because a run's configuration lists them. Where several processes train, each has its own copy of
    the extra and calls it; `Trainer.shard` says which process it is.

    Attributes:
        name: Key of its state in a checkpoint.
    """

    name: str

    @property
    def tentative(self) -> bool:
        """Whether the extra may still replace the current weights by others."""
        return False

    def prepare(self, trainer: "Trainer") -> None:
        """Called once, before phases and optimisers are built; the trainer has its model, losses and batches."""
        return

    def before_step(self, trainer: "Trainer", progress: float) -> float | None:
        """Called before each step; ``trainer.step`` is its number, from 0.

        Args:
            trainer: The trainer.
            progress: Fraction of the training that is done, 0 to 1, as the previous extra returned it.

        Returns:
            The progress that the rest of the step uses; None leaves it as it is.
        """
        return None

    def after_step(self, trainer: "Trainer", metrics: Mapping[str, Tensor]) -> None:
        """Called after each step, its moving average included; ``trainer.step`` counts the step already."""
        return

    def restart(self) -> None:
        """Called when new weights have been drawn: forget what was learned with the old ones."""
        return

    def finish(self, trainer: "Trainer") -> None:
        """Called when the training has ended, early or not; the last checkpoint is already written."""
        return

    def state_dict(self) -> dict[str, Any]:
        """The state that the next step depends on: tensors, numbers, texts, None, and dictionaries of these."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        return
