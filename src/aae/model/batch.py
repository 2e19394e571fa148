"""The rows of one training step."""

from dataclasses import dataclass, field

from torch import Tensor

__all__ = ["Batch"]


@dataclass
class Batch:
    """The inputs of one step, and what its phases pass to each other."""

    x: Tensor  # (B, *shape)
    labels: Tensor  # (B,), -1 where unknown
    labelled_x: Tensor | None = None  # (L, *shape)
    labelled_y: Tensor | None = None  # (L,)
    all_labels: Tensor | None = None  # labels of the whole batch, where processes share it
    progress: float | Tensor = 0.0  # share of the training that is done; on a GPU a tensor ()
    codes: dict[str, Tensor] = field(default_factory=dict)  # from one phase of the joint schedule to the next
    targets: Tensor | None = None  # (B + L, K): target class probabilities, set when a term needs them
