"""Which rows a step reads, as a function of the step: all rows again and again, reshuffled for every pass.

Rows in memory are shuffled as a whole. Rows on the disk are shuffled by blocks: a pass takes blocks of neighbouring
rows in random order and shuffles the rows of some dozens of blocks, a window, together. A batch then holds rows of
blocks from all over the file. Two neighbours of the file are in the same window of a pass, but in the same batch only
by chance. Nothing has to be stored for each row.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

__all__ = ["BlockStream", "RowsExcept", "Stream"]

BLOCKS_PER_WINDOW = 64  # blocks whose rows are shuffled together


class RowsExcept:
    """The numbers of all rows except some, without a list of them.

    Args:
        count: Number of all rows.
        left_out: Numbers of the rows that are left out.
    """

    def __init__(self, count: int, left_out: np.ndarray) -> None:
        self.count, self.left_out = count, np.unique(left_out)

    def __len__(self) -> int:
        return self.count - len(self.left_out)

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        # At most all rows that are left out lie before the last requested one.
        return self.in_range(0, min(stop + len(self.left_out), self.count))[start:stop]

    def in_range(self, start: int, stop: int) -> np.ndarray:
        """The numbers from ``start`` to below ``stop``."""
        first, last = np.searchsorted(self.left_out, (start, stop))
        keep = np.ones(max(stop - start, 0), bool)
        keep[self.left_out[first:last] - start] = False
        return np.flatnonzero(keep) + start

    def block_counts(self, size: int) -> np.ndarray:
        """How many of the rows are in each block of ``size`` neighbouring rows."""
        blocks = -(-self.count // size)
        sizes = np.full(blocks, size)
        sizes[-1] = self.count - (blocks - 1) * size
        return sizes - np.bincount(self.left_out // size, minlength=blocks)

    def including(self, numbers: np.ndarray) -> "RowsExcept":
        """The same rows and those with these numbers."""
        return RowsExcept(self.count, np.setdiff1d(self.left_out, numbers))


def _generator(*seed: int) -> torch.Generator:
    """A separate generator for every pass, so that resuming needs only the step."""
    state = 0
    for part in seed:
        state = (state * 1_000_003 + part) % 2**63
    return torch.Generator().manual_seed(state)


class Stream:
    """An endless stream of row numbers; every pass has its own permutation."""

    def __init__(
        self, rows: np.ndarray, batch_size: int, seed: int, device: torch.device | str = "cpu", shards: int = 1
    ) -> None:
        self.rows = torch.from_numpy(rows)
        self._device = device
        self.batch_size, self.steps = _batch_size_and_steps(len(rows), batch_size, shards)
        self._seed = seed
        self._order: tuple[int, Tensor] = (-1, self.rows)

    def at(self, step: int) -> Tensor:
        """Numbers of the rows of a step."""
        number, place = divmod(step, self.steps)
        if self._order[0] != number:
            # The order of a whole pass is moved to the device at once, and batches are slices of it.
            order = self.rows[torch.randperm(len(self.rows), generator=_generator(self._seed, number))].to(self._device)
            self._order = (number, order)
        return self._order[1][place * self.batch_size : (place + 1) * self.batch_size]


def _batch_size_and_steps(rows: int, batch_size: int, shards: int) -> tuple[int, int]:
    """Rows of a batch, a multiple of the number of processes, and batches in a pass."""
    size = min(batch_size, rows)
    size -= size % shards
    return size, max(1, rows // max(1, size))


class BlockStream:
    """A `Stream` for rows on the disk, shuffled by blocks.

    Args:
        rows: The rows to read.
        batch_size: Rows of a step.
        seed: Seed of the order.
        block: Neighbouring rows that make a block.
        shards: Number of processes that share a batch.
    """

    def __init__(self, rows: RowsExcept, batch_size: int, seed: int, block: int, shards: int = 1) -> None:
        self.rows, self._seed, self._block = rows, seed, block
        self._counts = rows.block_counts(block)
        self.batch_size, self.steps = _batch_size_and_steps(len(rows), batch_size, shards)
        self._pass: tuple[int, np.ndarray, np.ndarray] = (-1, self._counts, self._counts)
        self._windows: dict[tuple[int, int], np.ndarray] = {}

    def at(self, step: int) -> Tensor:
        """Numbers of the rows of a step."""
        number, place = divmod(step, self.steps)
        start, stop = place * self.batch_size, (place + 1) * self.batch_size
        ends = self._ends(number)
        first, last = np.searchsorted(ends, (start, stop - 1), side="right")
        parts = []
        for window in range(first, last + 1):
            before = ends[window - 1] if window else 0
            parts.append(self._window(number, window)[max(start - before, 0) : stop - before])
        return torch.from_numpy(np.concatenate(parts))

    def blocks(self, step: int) -> Iterator[tuple[int, int]]:
        """First row and end of every block in the window of a step."""
        number, place = divmod(step, self.steps)
        window = int(np.searchsorted(self._ends(number), place * self.batch_size, side="right"))
        for block in self._pass[1][window * BLOCKS_PER_WINDOW : (window + 1) * BLOCKS_PER_WINDOW]:
            yield int(block) * self._block, min(int(block + 1) * self._block, self.rows.count)

    def _ends(self, number: int) -> np.ndarray:
        """Position in a pass at which each of its windows ends."""
        if self._pass[0] != number:
            order = torch.randperm(len(self._counts), generator=_generator(self._seed, number)).numpy()
            ends = np.cumsum(self._counts[order])
            last = np.append(np.arange(BLOCKS_PER_WINDOW - 1, len(ends) - 1, BLOCKS_PER_WINDOW), len(ends) - 1)
            self._pass = (number, order, ends[last])
        return self._pass[2]

    def _window(self, number: int, window: int) -> np.ndarray:
        """Row numbers of a window, shuffled. A batch may lie across two windows, so two are cached."""
        if (number, window) not in self._windows:
            blocks = self._pass[1][window * BLOCKS_PER_WINDOW : (window + 1) * BLOCKS_PER_WINDOW]
            numbers = np.concatenate([
                self.rows.in_range(block * self._block, min((block + 1) * self._block, self.rows.count))
                for block in blocks.tolist()
            ])  # fmt: skip
            order = torch.randperm(len(numbers), generator=_generator(self._seed, number, window)).numpy()
            self._windows = dict([*self._windows.items()][-1:]) | {(number, window): numbers[order]}
        return self._windows[number, window]
