"""The protocol through which the trainer knows its extras."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["Extra"]


@runtime_checkable
class Extra(Protocol):
    """Something a training has besides its step.

    The trainer calls its extras in the order in which the settings list them. An extra inherits from this class and
    overrides what it needs; whatever it leaves out does nothing.

    Attributes:
        name: Key of its state in a checkpoint.
    """

    name: str

    @property
    def tentative(self) -> bool:
        """Whether the training may still continue from other weights than the present ones."""
        return False

    def prepare(self, trainer: "Trainer") -> None:
        """Get ready, once, before the phases are built; model, losses and batches are there."""
        return

    def before_step(self, trainer: "Trainer", progress: float) -> float:
        """Act before a step.

        Args:
            trainer: The training.
            progress: Share of the training that is over, 0 to 1, as the extra before this one gave it.

        Returns:
            The progress that the rest of the step goes by; usually the same.
        """
        return progress

    def after_step(self, trainer: "Trainer", metrics: Mapping[str, Tensor]) -> None:
        """Act after the step has moved the weights; ``metrics`` holds what it measured."""
        return

    def restart(self) -> None:
        """Forget what was learned from the weights: they have just been drawn anew."""
        return

    def finish(self, trainer: "Trainer") -> None:
        """Act once the training has ended, early or not; the last checkpoint is written already."""
        return

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on, for a checkpoint: tensors, numbers, texts, None, and dictionaries of these."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to what `state_dict` gave."""
        return
