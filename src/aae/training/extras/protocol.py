"""The protocol through which the trainer calls its extras."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["Extra"]


@runtime_checkable
class Extra(Protocol):
    """An addition to the training step.

    The trainer calls its extras in the order in which the settings list them. An extra inherits from this class and
    overrides the methods it needs; the others do nothing.

    Attributes:
        name: Key of its state in a checkpoint.
    """

    name: str

    @property
    def tentative(self) -> bool:
        """Whether the extra may still replace the present weights by others."""
        return False

    def prepare(self, trainer: "Trainer") -> None:
        """Get ready, once, before the phases are built; the trainer has its model, losses and batches already."""
        return

    def before_step(self, trainer: "Trainer", progress: float) -> float:
        """Act before a step.

        Args:
            trainer: The training.
            progress: Share of the training that is over, 0 to 1, as the previous extra returned it.

        Returns:
            The progress that the rest of the step uses; usually the same.
        """
        return progress

    def after_step(self, trainer: "Trainer", metrics: Mapping[str, Tensor]) -> None:
        """Act after the step has changed the weights; ``metrics`` are those of the step."""
        return

    def restart(self) -> None:
        """Forget what was learned with the old weights; new ones have just been drawn."""
        return

    def finish(self, trainer: "Trainer") -> None:
        """Act after the training has ended, early or not; the last checkpoint is already written."""
        return

    def state_dict(self) -> dict[str, Any]:
        """The state that the next step depends on: tensors, numbers, texts, None, and dictionaries of these."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        return
