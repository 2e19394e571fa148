"""Gradients averaged over processes, by PyTorch's own reducer."""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from aae.distributed.shards import Shard
from aae.model.batch import Batch
from aae.objectives.phases import Phase

__all__ = ["reduced_loss"]


class _Loss(nn.Module):
    """The loss of a phase as a module, as PyTorch's gradient reducer requires."""

    def __init__(self, phase: Phase) -> None:
        super().__init__()
        self.trained = nn.ParameterList(phase.parameters)
        self._loss = phase.loss

    def forward(self, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return self._loss(batch)


def reduced_loss(phase: Phase, shard: Shard, disjoint: bool) -> nn.Module:
    """The loss of a phase; its backward pass leaves the gradients averaged over all processes.

    Args:
        phase: The phase.
        shard: This process's share of every batch.
        disjoint: Whether no two phases train the same parameters; gradients can then stay in the reducer's buckets.
    """
    return DistributedDataParallel(_Loss(phase), process_group=shard.group, gradient_as_bucket_view=disjoint)
