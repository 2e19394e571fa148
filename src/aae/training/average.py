"""A moving average of the weights: the teacher of some terms, and the model that is evaluated and saved."""

import copy
from itertools import chain

import torch

from aae.model.autoencoder import Autoencoder

__all__ = ["Average", "average_weight"]


def average_weight(decay: float, step: int) -> float:
    """Share of the newest weights in the moving average after step ``step`` (from 0).

    At step 0 the average takes the new weights as they are. Then it reaches back over about a ninth of the
    steps so far, until it reaches back as far as ``decay`` does. Otherwise a short training would end on old
    weights.
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
        floating = [k for k, value in enumerate(old) if value.is_floating_point()]
        self._averaged = [old[k] for k in floating], [new[k].detach() for k in floating]
        self._copied = [(old[k], new[k]) for k in set(range(len(old))) - set(floating)]

    @torch.no_grad()
    def update(self, weight: float) -> None:
        """Move the average towards the present weights of the model."""
        torch._foreach_lerp_(*self._averaged, weight)
        for old, new in self._copied:
            old.copy_(new)
