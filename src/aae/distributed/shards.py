"""One batch divided among processes: the rows of each, and the operations across all of them.

Each process works on its share of every batch and computes what one process would have computed on the whole. Every
process draws the random numbers of the whole batch from the same generator and keeps those of its rows. Batch norm, and
whatever else compares rows, uses all rows. Only then does a seed mean the same on any number of processes.

Outside of `sharing`, and with one process, everything here is the plain operation.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = [
    "Shard",
    "all_gather",
    "draw",
    "local_rows",
    "mean",
    "rand_like",
    "randn_like",
    "rank",
    "share_batch_norm",
    "sharing",
    "world_size",
]


@dataclass
class Shard:
    """This process's place among those that share a batch.

    Args:
        rank: Its rank, from 0.
        world_size: Number of processes.
        group: Their ``torch.distributed`` group.
    """

    rank: int
    world_size: int
    group: Any = None
    _parts: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def local_rows(self, whole: Tensor) -> Tensor:
        """This process's rows of a whole batch; all shares are equal in size."""
        each = len(whole) // self.world_size
        return whole[self.rank * each : (self.rank + 1) * each]

    def all_gather(self, x: Tensor) -> Tensor:
        """The tensors of all processes, by rank: ``(world_size, *)``.

        They are small, so that latency is what costs time, and an all-reduce would need twice as many messages.
        """
        parts = x.new_empty((self.world_size, *x.shape))
        dist.all_gather(list(parts.unbind()), x.contiguous(), group=self.group)
        return parts

    def set_sizes(self, main: int, labelled: int = 0) -> None:
        """Set the number of rows in the process's share of a batch: of the main stream, and of labelled rows.

        A pass is over one of the two, both, or codes and prior samples together; the length of a tensor says which.
        """
        self._parts = {2 * main: (main, main), main + labelled: (main, labelled), labelled: (labelled,), main: (main,)}

    def intervals(self, length: int) -> list[tuple[int, int]]:
        """Start and length, in the whole batch, of each part of a share of ``length`` rows; empty if it is no share."""
        start, intervals = 0, []
        for part in self._parts.get(length, ()):
            intervals.append((start + self.rank * part, part))
            start += part * self.world_size
        return intervals


_current: Shard | None = None


@contextmanager
def sharing(shard: Shard | None) -> Iterator[None]:
    """Within the block, tensors hold this process's share of a batch; None changes nothing."""
    global _current
    previous, _current = _current, shard
    try:
        yield
    finally:
        _current = previous


def world_size() -> int:
    """Number of processes that share the batch."""
    return 1 if _current is None else _current.world_size


def rank() -> int:
    """Rank of this process among them, from 0."""
    return 0 if _current is None else _current.rank


def local_rows(whole: Tensor) -> Tensor:
    """This process's rows of a whole batch."""
    return whole if _current is None else _current.local_rows(whole)


def draw(
    shape: Sequence[int],
    fill: Callable[[Tensor], Tensor],
    dim: int = 0,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """A random tensor of this process's rows, the same as if one process had drawn for the whole batch.

    Args:
        shape: Shape of the tensor.
        fill: Fills an empty tensor with random numbers and returns it.
        dim: The dimension of the rows.
        device: Its device.
        dtype: Its type.
    """
    intervals = [] if _current is None else _current.intervals(shape[dim])
    if _current is None or not intervals:
        return fill(torch.empty(tuple(shape), device=device, dtype=dtype))
    whole = list(shape)
    whole[dim] *= _current.world_size
    values = fill(torch.empty(whole, device=device, dtype=dtype))
    return torch.cat([values.narrow(dim, start, length) for start, length in intervals], dim)


def randn_like(x: Tensor) -> Tensor:
    """Standard normal numbers for rows ``(B, *)``."""
    return draw(x.shape, Tensor.normal_, device=x.device, dtype=x.dtype)


def rand_like(x: Tensor) -> Tensor:
    """Uniform numbers from 0 to 1 for rows ``(B, *)``."""
    return draw(x.shape, Tensor.uniform_, device=x.device, dtype=x.dtype)


class _AllGather(torch.autograd.Function):
    """Rows of all processes in the order of the whole batch."""

    @staticmethod
    def forward(context: Any, x: Tensor, shard: Shard) -> Tensor:
        context.shard = shard
        return shard.all_gather(x).flatten(0, 1)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        total = gradient.contiguous().clone()
        dist.all_reduce(total, group=context.shard.group)
        return context.shard.local_rows(total), None


class _Mean(torch.autograd.Function):
    """Mean over processes of a tensor that each of them has."""

    @staticmethod
    def forward(context: Any, x: Tensor, shard: Shard) -> Tensor:
        context.shard = shard
        return shard.all_gather(x).mean(0)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Mean.apply(gradient, context.shard), None


def all_gather(x: Tensor) -> Tensor:
    """The rows ``(B, *)`` of all processes, in the order of the whole batch; gradients flow back."""
    return x if _current is None else _AllGather.apply(x, _current)


def mean(x: Tensor) -> Tensor:
    """The mean over processes of a tensor; gradients flow back."""
    return x if _current is None else _Mean.apply(x, _current)


class _Normalise(torch.autograd.Function):
    """Batch norm over the rows of all processes; one exchange forward and one backward."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float, shard: Shard
    ) -> Tensor:
        context.save_for_backward(x, weight, mean, variance)
        context.eps, context.shard = eps, shard
        return nn.functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = context.saved_tensors
        shard: Shard = context.shard
        # The gradient as if mean and variance were constants; the part through them is added below.
        direct, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, variance, None, None, False, context.eps, [True, True, True]
        )
        sums = torch.stack([of_bias, of_weight])
        first, second = shard.all_gather(sums).sum(0) / (x.numel() // len(mean) * shard.world_size)
        inverse = torch.rsqrt(variance + context.eps)
        factor = inverse * weight
        view = _channel_dims(x)[0]
        through = torch.addcmul(
            (factor * (mean * inverse * second - first)).view(view), x, (-factor * inverse * second).view(view)
        )
        return direct.add_(through.to(direct.dtype)), of_weight, of_bias, None, None, None, None


def _channel_dims(x: Tensor) -> tuple[list[int], list[int]]:
    """Shape that broadcasts one value per channel over ``x``, and the dimensions that statistics reduce."""
    return [1, -1] + [1] * (x.dim() - 2), [dim for dim in range(x.dim()) if dim != 1]


class _SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm over the rows of all processes while they share a batch.

    PyTorch's own `torch.nn.SyncBatchNorm` works on GPUs only.
    """

    def _check_input_dim(self, x: Tensor) -> None:
        """Accept any shape: the class it replaces has checked it."""

    def forward(self, x: Tensor) -> Tensor:
        shard = _current
        if shard is None or not self.training:
            return super().forward(x)
        with torch.no_grad():
            values = x.float()
            variance, mean = torch.var_mean(values, _channel_dims(x)[1], correction=0)
            parts = shard.all_gather(torch.stack([mean, variance]))
            mean = parts[:, 0].mean(0)
            variance = parts[:, 1].mean(0) + parts[:, 0].var(0, correction=0)
            self._update_running(mean, variance, x.numel() // len(mean) * shard.world_size)
        return _Normalise.apply(x, self.weight, self.bias, mean, variance, self.eps, shard)

    def _update_running(self, mean: Tensor, variance: Tensor, rows: int) -> None:
        if self.running_mean is None or self.momentum is None or not self.track_running_stats:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        unbiased = variance * (rows / max(rows - 1, 1))
        self.running_var.lerp_(unbiased, self.momentum)  # type: ignore[union-attr]  # there with the mean


def share_batch_norm(model: nn.Module) -> None:
    """Make every batch norm of a model use the rows of all processes; parameters and their names stay."""
    for module in model.modules():
        if type(module) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d) and module.affine:
            module.__class__ = _SharedBatchNorm
