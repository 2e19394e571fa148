"""A moving average of the weights: the teacher of some terms, and what is evaluated and kept."""

import copy
from itertools import chain

import torch

from aae.model.autoencoder import Autoencoder

__all__ = ["Average", "average_weight"]


def average_weight(decay: float, step: int) -> float:
    """Share of the newest weights in the moving average after step ``step`` (from 0).

    The first step is taken over whole; then the average reaches back over about a ninth of the steps
    so far, until that is as far as ``decay`` reaches. A short training would end on old weights else.
    """
    return max(1 - decay, 9 / (9 + step))


class Average:
    """A moving average of a model's weights and of the statistics of its batch norm.

    Args:
        model: The model.
    """

    def __init__(self, model: Autoencoder) -> None:
        self.model = copy.deepcopy(model)
        old, new = (list(chain(module.parameters(), module.buffers())) for module in (self.model, model))
        moving = [k for k, value in enumerate(old) if value.is_floating_point()]
        self._moving = [old[k] for k in moving], [new[k].detach() for k in moving]
        self._copied = [(old[k], new[k]) for k in set(range(len(old))) - set(moving)]

    @torch.no_grad()
    def follow(self, weight: float) -> None:
        """Move the average towards the model as it is now."""
        torch._foreach_lerp_(*self._moving, weight)
        for old, new in self._copied:
            old.copy_(new)
