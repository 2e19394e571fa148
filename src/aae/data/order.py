"""Which rows a step reads: an endless walk, reshuffled for every pass, as a function of the step.

Rows in memory are shuffled as a whole. Rows that stay on the disk are shuffled by blocks: a pass takes
blocks of neighbouring rows in an order of its own, some dozens of them at a time, and shuffles the rows
of those. A batch then holds rows of blocks from all over the file, and two neighbours of the file meet in
the same stretch of a pass, but in the same batch only by chance; nothing has to be kept for each row.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

__all__ = ["BlockStream", "Others", "Stream"]

TOGETHER = 64  # blocks whose rows are shuffled together


class Others:
    """The numbers of all rows but a few, without a list of them.

    Args:
        count: Number of all rows.
        left_out: Numbers of those that are left out.
    """

    def __init__(self, count: int, left_out: np.ndarray) -> None:
        self.count, self.left_out = count, np.unique(left_out)

    def __len__(self) -> int:
        return self.count - len(self.left_out)

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        # No more than those that are left out can lie before the last one wanted.
        return self.between(0, min(stop + len(self.left_out), self.count))[start:stop]

    def between(self, start: int, stop: int) -> np.ndarray:
        """Those from ``start`` to below ``stop``."""
        first, last = np.searchsorted(self.left_out, (start, stop))
        keep = np.ones(max(stop - start, 0), bool)
        keep[self.left_out[first:last] - start] = False
        return np.flatnonzero(keep) + start

    def counts(self, size: int) -> np.ndarray:
        """How many there are in each block of ``size`` neighbouring rows."""
        blocks = -(-self.count // size)
        whole = np.full(blocks, size)
        whole[-1] = self.count - (blocks - 1) * size
        return whole - np.bincount(self.left_out // size, minlength=blocks)

    def and_these(self, numbers: np.ndarray) -> "Others":
        """The same, with some that had been left out."""
        return Others(self.count, np.setdiff1d(self.left_out, numbers))


def _generator(*seed: int) -> torch.Generator:
    """A generator of its own for every pass, so that a resume needs the step and nothing else."""
    state = 0
    for part in seed:
        state = (state * 1_000_003 + part) % 2**63
    return torch.Generator().manual_seed(state)


class Stream:
    """An endless reshuffled walk over row numbers; pass ``k`` has a permutation of its own."""

    def __init__(
        self, rows: np.ndarray, batch_size: int, seed: int, home: torch.device | str = "cpu", shards: int = 1
    ) -> None:
        self.rows = torch.from_numpy(rows)
        self._home = home
        self.batch_size, self.steps = _lengths(len(rows), batch_size, shards)
        self._seed = seed
        self._order: tuple[int, Tensor] = (-1, self.rows)

    def at(self, step: int) -> Tensor:
        """Numbers of the rows of a step."""
        number, place = divmod(step, self.steps)
        if self._order[0] != number:
            # The order of a whole pass goes to the device at once: its batches are cut there.
            order = self.rows[torch.randperm(len(self.rows), generator=_generator(self._seed, number))].to(self._home)
            self._order = (number, order)
        return self._order[1][place * self.batch_size : (place + 1) * self.batch_size]


def _lengths(rows: int, batch_size: int, shards: int) -> tuple[int, int]:
    """Rows of a batch, of which every process's share is as large, and batches of a pass."""
    size = min(batch_size, rows)
    size -= size % shards
    return size, max(1, rows // max(1, size))


class BlockStream:
    """The same for rows on the disk, shuffled by blocks.

    Args:
        rows: The rows to walk over.
        batch_size: Rows of a step.
        seed: Seed of the order.
        block: Neighbouring rows that make a block.
        shards: Number of processes that share a batch.
    """

    def __init__(self, rows: Others, batch_size: int, seed: int, block: int, shards: int = 1) -> None:
        self.rows, self._seed, self._block = rows, seed, block
        self._counts = rows.counts(block)
        self.batch_size, self.steps = _lengths(len(rows), batch_size, shards)
        self._pass: tuple[int, np.ndarray, np.ndarray] = (-1, self._counts, self._counts)
        self._windows: dict[tuple[int, int], np.ndarray] = {}

    def at(self, step: int) -> Tensor:
        """Numbers of the rows of a step."""
        number, place = divmod(step, self.steps)
        start, stop = place * self.batch_size, (place + 1) * self.batch_size
        ends = self._ends(number)
        first, last = np.searchsorted(ends, (start, stop - 1), side="right")
        found = []
        for window in range(first, last + 1):
            before = ends[window - 1] if window else 0
            found.append(self._window(number, window)[max(start - before, 0) : stop - before])
        return torch.from_numpy(np.concatenate(found))

    def blocks(self, step: int) -> Iterator[tuple[int, int]]:
        """First and last row of every block that the window of a step is made of."""
        number, place = divmod(step, self.steps)
        window = int(np.searchsorted(self._ends(number), place * self.batch_size, side="right"))
        for block in self._pass[1][window * TOGETHER : (window + 1) * TOGETHER]:
            yield int(block) * self._block, min(int(block + 1) * self._block, self.rows.count)

    def _ends(self, number: int) -> np.ndarray:
        """Place in a pass at which each of its windows ends."""
        if self._pass[0] != number:
            order = torch.randperm(len(self._counts), generator=_generator(self._seed, number)).numpy()
            ends = np.cumsum(self._counts[order])
            last = np.append(np.arange(TOGETHER - 1, len(ends) - 1, TOGETHER), len(ends) - 1)
            self._pass = (number, order, ends[last])
        return self._pass[2]

    def _window(self, number: int, window: int) -> np.ndarray:
        """Row numbers of a window, shuffled; a batch may lie across two, so two are kept."""
        if (number, window) not in self._windows:
            blocks = self._pass[1][window * TOGETHER : (window + 1) * TOGETHER]
            found = np.concatenate([
                self.rows.between(block * self._block, min((block + 1) * self._block, self.rows.count))
                for block in blocks.tolist()
            ])  # fmt: skip
            order = torch.randperm(len(found), generator=_generator(self._seed, number, window)).numpy()
            self._windows = dict([*self._windows.items()][-1:]) | {(number, window): found[order]}
        return self._windows[number, window]
