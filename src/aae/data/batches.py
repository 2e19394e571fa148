"""Batches as a function of the step: any step's rows can be had without taking the ones before."""

import numpy as np
import torch
from torch import Tensor

from aae.data.sources import Dataset
from aae.data.splits import Split
from aae.errors import AAEError
from aae.model import Autoencoder
from aae.phases import Batch
from aae.shards import Shard
from aae.table import Table

__all__ = ["Batches", "to_input"]


def to_input(rows: Tensor, device: torch.device | str = "cpu", table: Table | None = None) -> Tensor:
    """Rows as the networks see them, on the device: float32, bytes in [0, 1], columns as the table says."""
    rows = rows.to(device)
    if rows.dtype == torch.uint8 and table is None:
        return rows.float().div_(255)
    return rows.float() if table is None else table(rows.float())


def _home(size: int, device: torch.device) -> torch.device:
    """Where the rows stay for the whole training: on the device if they take less than half of what is free there."""
    if device.type == "cuda" and 2 * size < torch.cuda.mem_get_info(device)[0]:
        return device
    return torch.device("cpu")


class _Stream:
    """An endless reshuffled walk over row numbers; pass ``k`` has a permutation of its own."""

    def __init__(
        self, rows: np.ndarray, batch_size: int, seed: int, home: torch.device | str, shards: int = 1
    ) -> None:
        self.rows = torch.from_numpy(rows)
        self._home = home
        self.batch_size = min(batch_size, len(rows))
        self.batch_size -= self.batch_size % shards  # every process's share is as large
        self.steps = max(1, len(rows) // max(1, self.batch_size))
        self._seed = seed
        self._order: tuple[int, Tensor] = (-1, self.rows)

    def at(self, step: int) -> Tensor:
        number, place = divmod(step, self.steps)
        if self._order[0] != number:
            # One generator per pass: nothing to save for a resume but the step.
            generator = torch.Generator().manual_seed((self._seed * 1_000_003 + number) % 2**63)
            # The order of a whole pass goes to the device at once: its batches are cut there.
            order = self.rows[torch.randperm(len(self.rows), generator=generator)].to(self._home)
            self._order = (number, order)
        return self._order[1][place * self.batch_size : (place + 1) * self.batch_size]


class Batches:
    """Rows for every step of a training.

    What a step reads follows from the latents: an observed label needs labelled rows; otherwise the
    unlabelled rows are read (all rows if fewer are unlabelled than labelled), with labelled rows beside
    them if a latent is supervised, or among them if one is conditioned.

    Args:
        data: The data set.
        split: Its division.
        model: The model that will read the batches.
        batch_size: Rows of the main stream.
        labelled_batch_size: Labelled rows beside them, or among them (half of them at most).
        seed: Seed of the order.
        device: Where batches are put.
        shard: This process's place, where processes share every batch; sizes are those of the whole one.

    Raises:
        AAEError: Labels are needed and there are none, there are fewer than two rows, or fewer in a
            batch than processes.
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
            raise AAEError("This model learns from labels and none were given; use --labels N.")
        home = _home(data.x.nbytes, torch.device(device))
        self._x = torch.from_numpy(data.x).to(home)
        labels = np.full(len(data.y), -1, dtype=np.int64)
        labels[split.labelled] = data.y[split.labelled]
        self._labels = torch.from_numpy(labels).to(home)
        self._device, self._table, self._shard = device, model.table, shard
        processes = 1 if shard is None else shard.count
        many = len(split.unlabelled) >= max(1, len(split.labelled))  # a few unlabelled rows would be seen over and over
        beside = many and bool(roles & {"supervised", "conditioned"}) and "observed" not in roles
        if "observed" in roles:
            rows = split.labelled
        elif beside:
            rows = split.unlabelled
        else:
            rows = np.sort(np.concatenate([split.labelled, split.unlabelled]))
        if len(rows) < 2:
            raise AAEError(f"{data.name} leaves {len(rows)} rows to train on; two are the least.")
        self._supervised = "supervised" in roles
        main_size = batch_size
        if beside and not self._supervised:
            # Labelled rows join the main stream: half of it at most, so that few labels still have a say.
            labelled_batch_size = min(labelled_batch_size, max(1, batch_size // 2))
            main_size = batch_size - labelled_batch_size
        self._main = _Stream(rows, main_size, 2 * seed, home, processes)
        self._labelled = None
        if self._supervised or beside:
            # The labelled rows are walked through again and again; a small set fills a batch by repeating.
            repeats = -(-min(labelled_batch_size, batch_size) // len(split.labelled))
            again = np.tile(split.labelled, repeats)
            self._labelled = _Stream(again, labelled_batch_size, 2 * seed + 1, home, processes)
        for stream in (self._main, self._labelled):
            if stream is not None and not stream.batch_size:
                raise AAEError(
                    f"{processes} processes cannot share a batch of {main_size} rows and {labelled_batch_size} "
                    "labelled ones: each needs one of both. Raise --batch-size, or use fewer devices."
                )

    @property
    def steps_per_epoch(self) -> int:
        """Steps that make one full pass over the main stream."""
        return self._main.steps

    def at(self, step: int, progress: float = 0.0) -> Batch:
        """The batch of step ``step`` (from 0)."""
        rows = self._main.at(step)
        labelled = self._labelled.at(step) if self._labelled is not None else None
        if labelled is not None and not self._supervised:
            rows, labelled = torch.cat([rows, labelled]), None
        every = None
        if self._shard is not None:
            every = self._labels[rows].to(self._device)
            rows, labelled = self._shard.own(rows), labelled if labelled is None else self._shard.own(labelled)
            self._shard.reads(len(rows), 0 if labelled is None else len(labelled))
        x = to_input(self._x[rows], self._device, self._table)
        batch = Batch(x, self._labels[rows].to(self._device), progress=progress, every_label=every)
        if labelled is not None:
            batch.labelled_x = to_input(self._x[labelled], self._device, self._table)
            batch.labelled_y = self._labels[labelled].to(self._device)
        return batch
