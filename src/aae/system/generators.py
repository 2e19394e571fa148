"""Torch's own random generators, for one thread at a time.

Torch has one generator for all threads. A training or an initialisation that is to follow a seed therefore uses it
alone: other threads wait, and long work lets them draw in between.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

__all__ = ["exclusive", "forked", "give_way"]

TURN = 0.1  # seconds that work goes on before it lets others draw
HANDOVER = 0.002  # seconds in which another thread can begin


class _Turns:
    """Whose turn it is."""

    def __init__(self) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.waiting: set[int] = set()  # threads; adding and removing one is atomic
        self.began = 0.0


class _Blocks(threading.local):
    """The blocks that a thread is in."""

    depth = 0
    outside: torch.Tensor | None = None  # state of the generator outside of all `forked` blocks


_turns, _blocks = _Turns(), _Blocks()


def _renew() -> None:
    global _turns
    _turns = _Turns()  # the thread whose turn it was does not exist in a forked process


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def exclusive() -> Iterator[None]:
    """Within the block no other thread draws in a block of this kind; blocks may be nested."""
    turns, thread = _turns, threading.get_ident()
    turns.waiting.add(thread)
    try:
        turns.lock.acquire()
    finally:
        turns.waiting.discard(thread)
    if not _blocks.depth:
        turns.began = time.monotonic()
    _blocks.depth += 1
    try:
        yield
    finally:
        _blocks.depth -= 1
        turns.lock.release()


@contextmanager
def forked(devices: Sequence[torch.device | int] = ()) -> Iterator[None]:
    """An `exclusive` block that leaves the generators of the CPU and of these GPUs as they were."""
    with exclusive():
        outermost = _blocks.outside is None
        if outermost:
            _blocks.outside = torch.get_rng_state()
        try:
            with torch.random.fork_rng(list(devices)):
                yield
        finally:
            if outermost:
                _blocks.outside = None


def give_way() -> None:
    """Inside an `exclusive` block: let waiting threads draw now; the generators then are as they were before."""
    turns = _turns
    if not turns.waiting or not _blocks.depth or time.monotonic() - turns.began < TURN:
        return
    thread, state = threading.get_ident(), torch.get_rng_state()
    state_cuda = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
    if _blocks.outside is not None:
        torch.set_rng_state(_blocks.outside)
    turns.waiting.add(thread)
    try:
        turns.lock.wait(HANDOVER)  # releases the lock
    finally:
        turns.waiting.discard(thread)
        turns.began = time.monotonic()
        torch.set_rng_state(state)
        if state_cuda is not None:
            torch.cuda.set_rng_state(state_cuda)
