"""Gradients as the mean over processes, through PyTorch's own reducer."""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from aae.distributed.shards import Shard
from aae.model.batch import Batch
from aae.objectives.phases import Phase

__all__ = ["reduced_loss"]


class _Loss(nn.Module):
    """The loss of a phase as a module, which is what PyTorch's gradient reducer takes."""

    def __init__(self, phase: Phase) -> None:
        super().__init__()
        self.moved = nn.ParameterList(phase.parameters)
        self._loss = phase.loss

    def forward(self, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return self._loss(batch)


def reduced_loss(phase: Phase, shard: Shard, once: bool) -> nn.Module:
    """The loss of a phase, after whose backward pass the gradients are the mean over all processes.

    Args:
        phase: The phase.
        shard: This process's share of every batch.
        once: Whether no other phase moves the same parameters; their gradients can then stay where they are reduced.
    """
    return DistributedDataParallel(_Loss(phase), process_group=shard.group, gradient_as_bucket_view=once)
