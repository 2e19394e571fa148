"""A training step captured once as a CUDA graph and replayed.

On a GPU, launching the many small kernels of a step one by one takes longer than running them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from aae.model.batch import Batch
from aae.objectives.phases import Metrics

__all__ = ["CapturedStep"]

WARM_UP = 3  # steps that are not captured: libraries first choose their kernels and allocate memory


class CapturedStep:
    """Takes training steps on batches of one shape.

    The first few steps run without a graph. Then the step is captured on a static batch, which stays in one
    place in memory. Every later step copies its batch there and replays the graph.

    Args:
        step: Takes one step on a batch and returns its metrics. It must not wait for the device.
        capture: False runs every step without a graph, but on the static batch: all of this that works
            without a GPU.
    """

    def __init__(self, step: Callable[[Batch], Metrics], capture: bool = True) -> None:
        self._step, self._capture = step, capture
        self.failure: str | None = None
        self.reset()

    def reset(self) -> None:
        """Start again, because what a step does or the memory that it refers to has changed."""
        self._steps = 0
        self._static_batch: Batch | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._static_metrics: Metrics = {}

    def __call__(self, batch: Batch) -> Metrics:
        self._steps += 1
        if self.failure is not None:
            return self._step(batch)
        if self._steps <= WARM_UP:
            return self._warm_up_step(batch) if self._capture else self._step(batch)
        if self._static_batch is None:
            self._static_batch = _make_static(batch)
            if self._capture and not self._capture_graph(self._static_batch):
                return self._step(batch)
        _copy(batch, self._static_batch)
        if self._graph is None:
            return self._step(self._static_batch)
        self._graph.replay()
        # The next replay overwrites these metrics.
        return {name: value.clone() for name, value in self._static_metrics.items()}

    def _warm_up_step(self, batch: Batch) -> Metrics:
        """A step on a side stream, as CUDA graphs require of the steps before the capture."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            metrics = self._step(batch)
        torch.cuda.current_stream().wait_stream(stream)
        return metrics

    def _capture_graph(self, static: Batch) -> bool:
        """Capture a step; returns False if that fails."""
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        state = generator.clone_state()
        try:
            with torch.cuda.graph(graph), self._noting_failure():
                self._static_metrics = self._step(static)
        except RuntimeError as error:
            # A user's own module may do what cannot be captured; steps then run as on a CPU.
            self.failure = self.failure or _message(error)
            # After a failed capture torch leaves the capture's generator state and stream in place.
            generator.graphsafe_set_state(state)
            torch.cuda.set_stream(stream)
            return False
        self._graph = graph
        return True

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """Note the error of the step itself, not the one that follows when the capture ends."""
        try:
            yield
        except RuntimeError as error:
            self.failure = _message(error)
            raise


def _message(error: RuntimeError) -> str:
    return str(error).partition("\n")[0]


_FIELDS = ("x", "labels", "labelled_x", "labelled_y", "progress")


def _make_static(batch: Batch) -> Batch:
    """A copy of a batch in which every field is a tensor on the device."""
    device = batch.x.device
    fields = {name: getattr(batch, name) for name in _FIELDS}
    static: dict[str, Any] = {
        name: None if value is None else torch.as_tensor(value, device=device).clone() for name, value in fields.items()
    }
    return replace(batch, codes={}, **static)


def _copy(batch: Batch, static: Batch) -> None:
    for name in _FIELDS:
        target, source = getattr(static, name), getattr(batch, name)
        if isinstance(source, Tensor):
            target.copy_(source, non_blocking=True)
        elif source is not None:
            target.fill_(source)
