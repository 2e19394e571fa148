"""Batches as a function of the step: the rows of any step are known without the steps before it."""

import numpy as np
import torch
from torch import Tensor

from aae.data.arrays import NpyRows, check_finite
from aae.data.dataset import Dataset
from aae.data.labels import ONE_CLASS
from aae.data.order import BlockStream, RowsExcept, Stream
from aae.data.splits import Split
from aae.distributed.shards import Shard
from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.model.table import Table
from aae.system.errors import AAEError
from aae.system.rows import evenly

__all__ = ["Batches", "to_input"]


READ_AHEAD = 20  # steps


def to_input(rows: Tensor, device: torch.device | str = "cpu", table: Table | None = None) -> Tensor:
    """Rows as input of the networks, on the device: float32, bytes scaled to [0, 1], columns encoded by the table."""
    rows = rows.to(device)
    if rows.dtype == torch.uint8 and table is None:
        return rows.float().div_(255)
    return rows.float() if table is None else table(rows)


def _choose_storage_device(size: int, device: torch.device) -> torch.device:
    """The device that holds the rows during training: the GPU if they take less than half of its free memory."""
    if device.type == "cuda" and 2 * size < torch.cuda.mem_get_info(device)[0]:
        return device
    return torch.device("cpu")


class _InMemory:
    """Rows and labels in memory, on the device if there is room."""

    def __init__(self, data: Dataset, labelled: np.ndarray, device: torch.device) -> None:
        self.storage_device = _choose_storage_device(data.x.nbytes, device)
        self._x = torch.from_numpy(data.x).to(self.storage_device)
        labels = np.full(len(data.y), -1, dtype=np.int64)
        labels[labelled] = data.y[labelled]
        self._labels = torch.from_numpy(labels).to(self.storage_device)

    def rows(self, numbers: Tensor) -> Tensor:
        return self._x[numbers]

    def labels(self, numbers: Tensor) -> Tensor:
        return self._labels[numbers]


class _OnDisk:
    """Rows on the disk, read when a step needs them; only the labels that may be used are in memory."""

    storage_device = torch.device("cpu")

    def __init__(self, data: Dataset, rows: NpyRows, labelled: np.ndarray) -> None:
        self._x, self._name = rows, data.name
        self._table = data.table
        self._labelled, self._known_labels = labelled, data.y[labelled]

    def rows(self, numbers: Tensor) -> Tensor:
        rows = self._x[numbers.numpy()]
        if rows.dtype == np.uint8 and rows.ndim > 2:
            return torch.from_numpy(rows)
        rows = rows.astype(np.float32, copy=False) if self._table is None else self._table.as_rows(rows)
        if self._table is None or not self._table.named:  # in columns with names a cell may be empty
            check_finite(rows, numbers.numpy(), self._name)
        return torch.from_numpy(rows)

    def labels(self, numbers: Tensor) -> Tensor:
        if not len(self._labelled):
            return torch.full((len(numbers),), -1)
        place = np.searchsorted(self._labelled, numbers.numpy()).clip(max=len(self._labelled) - 1)
        return torch.from_numpy(np.where(self._labelled[place] == numbers.numpy(), self._known_labels[place], -1))


class Batches:
    """Rows for every step of a training.

    The latents decide what a step reads: with an observed label, labelled rows; otherwise the unlabelled
    rows (all rows if fewer are unlabelled than labelled), with labelled rows besides if a latent is
    supervised, or among them if one is conditioned.

    Args:
        data: The data set.
        split: Which of its rows are labelled, unlabelled or for validation.
        model: The model that will read the batches.
        batch_size: Rows of the main stream.
        labelled_batch_size: Labelled rows besides them, or among them (half of them at most).
        seed: Seed of the order.
        device: Device of the batches.
        shard: This process's share, if several processes share every batch; sizes are those of the whole batch.

    Raises:
        AAEError: Labels are needed and there are none, there are fewer than two rows, or a batch has
            fewer rows than there are processes.
    """

    def __init__(
        self,
        data: Dataset,
        split: Split,
        model: Autoencoder,
        batch_size: int,
        labelled_batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        shard: Shard | None = None,
    ) -> None:
        roles = {latent.label for latent in model.latents}
        if roles != {"none"} and not len(split.labelled):
            raise AAEError("This model learns from labels, but none were given; use --labels N (in Python: labels=N).")
        on_disk = data.x if isinstance(data.x, NpyRows) else None
        self._source = (
            _InMemory(data, split.labelled, torch.device(device))
            if on_disk is None
            else _OnDisk(data, on_disk, split.labelled)
        )
        storage_device = self._source.storage_device
        self._prefetched: list[tuple[int, int]] = []
        self._device, self._table, self._shard, self._labelled_rows = device, model.table, shard, split.labelled
        processes = 1 if shard is None else shard.world_size
        many = len(split.unlabelled) >= max(1, len(split.labelled))  # a few unlabelled rows would be read too often
        separate = many and bool(roles & {"supervised", "conditioned"}) and "observed" not in roles
        rows: np.ndarray | RowsExcept
        if "observed" in roles:
            rows = split.labelled
        elif separate:
            rows = split.unlabelled
        elif isinstance(split.unlabelled, RowsExcept):
            rows = split.unlabelled.including(split.labelled)
        else:
            rows = np.sort(np.concatenate([split.labelled, split.unlabelled]))
        if len(rows) < 2:
            raise AAEError(f"{data.name} leaves {len(rows)} rows to train on; at least two are needed.")
        if roles != {"none"} and len(data.classes) == 1:
            raise AAEError(ONE_CLASS.format(1))
        self._supervised = "supervised" in roles
        main_size = batch_size
        if separate and not self._supervised:
            # Labelled rows fill a part of each batch, at most half, so that few labels still count.
            labelled_batch_size = min(labelled_batch_size, max(1, batch_size // 2))
            main_size = batch_size - labelled_batch_size
        self._main: Stream | BlockStream
        if isinstance(rows, RowsExcept):
            block = 1 if on_disk is None else on_disk.block
            self._main = BlockStream(rows, main_size, 2 * seed, block, processes)
        else:
            self._main = Stream(rows, main_size, 2 * seed, storage_device, processes)
        self._labelled = None
        if self._supervised or separate:
            # A small labelled set fills a batch by repeating its rows.
            repeats = -(-min(labelled_batch_size, batch_size) // len(split.labelled))
            repeated = np.tile(split.labelled, repeats)
            self._labelled = Stream(repeated, labelled_batch_size, 2 * seed + 1, storage_device, processes)
        for stream in (self._main, self._labelled):
            if stream is not None and not stream.batch_size:
                raise AAEError(
                    f"{processes} processes cannot share a batch of {main_size} rows and {labelled_batch_size} "
                    "labelled ones: each process needs at least one of both. Raise --batch-size, or use fewer devices."
                )

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps in one pass over the main stream."""
        return self._main.steps

    def some_rows(self, count: int) -> tuple[Tensor, Tensor]:
        """At most ``count`` rows of the whole training and their labels, -1 where unknown.

        Half of them are labelled, or as many as there are.
        """
        labelled = self._labelled_rows[evenly(len(self._labelled_rows), count // 2)]
        steps = min(self._main.steps, -(-count // self._main.batch_size))
        others = torch.cat([self._main.at(step) for step in range(steps)])
        labels = self._source.labels(others)
        others = others[labels < 0][: count - len(labelled)]
        numbers = torch.cat([torch.from_numpy(labelled).to(others.device), others])
        return to_input(self._source.rows(numbers), self._device, self._table), self._source.labels(numbers)

    def at(self, step: int, progress: float = 0.0) -> Batch:
        """The batch of step ``step`` (from 0)."""
        rows = self._main.at(step)
        labelled = self._labelled.at(step) if self._labelled is not None else None
        if labelled is not None and not self._supervised:
            rows, labelled = torch.cat([rows, labelled]), None
        self._prefetch(step)
        all_labels = None
        if self._shard is not None:
            all_labels = self._source.labels(rows).to(self._device)
            rows = self._shard.local_rows(rows)
            labelled = None if labelled is None else self._shard.local_rows(labelled)
            self._shard.set_sizes(len(rows), 0 if labelled is None else len(labelled))
        x = to_input(self._source.rows(rows), self._device, self._table)
        batch = Batch(x, self._source.labels(rows).to(self._device), progress=progress, all_labels=all_labels)
        if labelled is not None:
            batch.labelled_x = to_input(self._source.rows(labelled), self._device, self._table)
            batch.labelled_y = self._source.labels(labelled).to(self._device)
        return batch

    def _prefetch(self, step: int) -> None:
        """Let the system read ahead for the next steps, if rows stay on the disk."""
        if not (isinstance(self._main, BlockStream) and isinstance(self._source, _OnDisk)):
            return
        blocks = [*self._main.blocks(step), *self._main.blocks(step + READ_AHEAD)]
        for start, stop in blocks if blocks != self._prefetched else ():
            self._source._x.prefetch(start, stop)
        self._prefetched = blocks
