"""A training step recorded once as a CUDA graph and replayed.

On a GPU, starting the many small kernels of a step one by one takes longer than running them.
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

WARM_UP = 3  # steps taken one kernel at a time first: libraries choose and allocate what the record must hold


class CapturedStep:
    """Takes training steps on batches of one shape.

    The first few steps run as they are; then the step is recorded on a batch that stays in one place in
    memory, and every further one copies its batch there and replays the record.

    Args:
        take: Takes one step on a batch and returns what it measured. It must not wait for the device.
        record: False runs every step as it is, but on the batch that stays in place: all that a
            machine without a GPU can do of this.
    """

    def __init__(self, take: Callable[[Batch], Metrics], record: bool = True) -> None:
        self._take, self._record = take, record
        self.failure: str | None = None
        self.forget()

    def forget(self) -> None:
        """Begin anew: what a step does, or the memory that it refers to, has changed."""
        self._steps = 0
        self._place: Batch | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._measured: Metrics = {}

    def __call__(self, batch: Batch) -> Metrics:
        self._steps += 1
        if self.failure is not None:
            return self._take(batch)
        if self._steps <= WARM_UP:
            return self._beside(batch) if self._record else self._take(batch)
        if self._place is None:
            self._place = _kept(batch)
            if self._record and not self._recorded(self._place):
                return self._take(batch)
        _copy(batch, self._place)
        if self._graph is None:
            return self._take(self._place)
        self._graph.replay()
        # The next replay writes over what this one measured.
        return {name: value.clone() for name, value in self._measured.items()}

    def _beside(self, batch: Batch) -> Metrics:
        """A step on a stream of its own, as recording asks of the steps before it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            measured = self._take(batch)
        torch.cuda.current_stream().wait_stream(stream)
        return measured

    def _recorded(self, place: Batch) -> bool:
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        before = generator.clone_state()
        try:
            with torch.cuda.graph(graph), self._noticed():
                self._measured = self._take(place)
        except RuntimeError as error:
            # A part of the user's own may need what a record cannot hold; steps are then taken as on a CPU.
            self.failure = self.failure or _said(error)
            # Ending a record that is broken fails, and leaves in place what was there for it.
            generator.graphsafe_set_state(before)
            torch.cuda.set_stream(stream)
            return False
        self._graph = graph
        return True

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        """Keep what goes wrong within the step, and not what follows from it."""
        try:
            yield
        except RuntimeError as error:
            self.failure = _said(error)
            raise


def _said(error: RuntimeError) -> str:
    return str(error).partition("\n")[0]


_PARTS = ("x", "labels", "labelled_x", "labelled_y", "progress")


def _kept(batch: Batch) -> Batch:
    """A copy of a batch whose every part is a tensor on the device."""
    device = batch.x.device
    parts = {name: getattr(batch, name) for name in _PARTS}
    kept: dict[str, Any] = {k: v if v is None else torch.as_tensor(v, device=device).clone() for k, v in parts.items()}
    return replace(batch, codes={}, **kept)


def _copy(batch: Batch, place: Batch) -> None:
    for name in _PARTS:
        there, here = getattr(place, name), getattr(batch, name)
        if isinstance(here, Tensor):
            there.copy_(here, non_blocking=True)
        elif here is not None:
            there.fill_(here)
