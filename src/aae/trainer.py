"""One model in training: phases, optimisers, the moving average, and all of it as a state to save."""

import copy
import hashlib
import logging
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from aae.average import Average, average_weight
from aae.capture import CapturedStep
from aae.component import describe, rebuild
from aae.data.batches import Batches
from aae.data.sources import Dataset
from aae.data.splits import Split
from aae.dividing import Dividing
from aae.errors import AAEError
from aae.machine import keep_freed_memory
from aae.model import Autoencoder
from aae.neighbours import Neighbours, wanted_frequencies
from aae.optimizers import decay_factor, make_optimizer, restore_optimizer, set_rate
from aae.phases import Batch, Losses, Phase, build_phases
from aae.posteriors import Category
from aae.settings import Settings
from aae.shards import Shard, share_batch_norm, sharing
from aae.transformation import LearnedTransformation

__all__ = ["Trainer", "make_fabric", "precision_of"]

FINGERPRINT = 1000  # rows that tell one data set from another
JUDGED = 0.02  # share of the newest step in what beginnings are compared by
SHOWN = 2**26  # values of rows that are kept to find neighbours among, or to count clusters by: 256 MiB


def make_fabric(device: str = "auto", precision: str = "auto", **several: Any) -> Fabric:
    """Choose device and precision.

    Args:
        device: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
        precision: ``auto`` (bf16 where the processor multiplies it faster), ``32`` or ``bf16``.
        **several: What Fabric needs to know of several processes (see `aae.processes`).

    Raises:
        AAEError: CUDA was asked for and there is none, it lacks bf16, or a name is unknown.
    """
    if device not in ("auto", "cpu", "cuda") or precision not in ("auto", "32", "bf16"):
        raise AAEError(f"Device is auto, cpu or cuda and precision auto, 32 or bf16; not {device} and {precision}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise AAEError("A CUDA device was asked for, but PyTorch finds none here; use --device cpu or auto.")
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported() if cuda else _cpu_multiplies_bf16()
        precision = "bf16" if fast else "32"
    if precision == "bf16" and cuda and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise AAEError("This GPU has no bf16; use --precision 32.")
    # Fabric tells the precision it uses to everyone's log; the run's configuration says it already.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    return Fabric(
        accelerator="cuda" if cuda else "cpu",
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        **{"devices": 1, **several},
    )


def precision_of(fabric: Fabric) -> str:
    """The precision that was chosen: ``32`` or ``bf16``."""
    return "bf16" if "bf16" in fabric._precision.precision else "32"


def _cpu_multiplies_bf16() -> bool:
    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check and check())


def fingerprint(data: Dataset, split: Split) -> str:
    """A number that stands for what is trained on, by rows and labels all over it and by which labels are used."""
    numbers = np.unique(np.linspace(0, len(data.x) - 1, min(len(data.x), FINGERPRINT)).astype(np.int64))
    found = hashlib.sha256(f"{data.x.shape} {data.x.dtype}".encode())
    for part in (data.x[numbers], data.y[numbers], split.labelled[:FINGERPRINT], data.y[split.labelled[:FINGERPRINT]]):
        found.update(np.ascontiguousarray(part).tobytes())
    return found.hexdigest()


class _Loss(nn.Module):
    """The loss of a phase as a module, which is what PyTorch's gradient reducer takes."""

    def __init__(self, phase: Phase) -> None:
        super().__init__()
        self.moved = nn.ParameterList(phase.parameters)
        self._loss = phase.loss

    def forward(self, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return self._loss(batch)


def reduced(phase: Phase, shard: Shard, once: bool) -> nn.Module:
    """The loss of a phase, after whose backward pass the gradients are the mean over all processes.

    ``once`` tells that no other phase moves the same parameters: their gradients can then stay where they are reduced.
    """
    return DistributedDataParallel(_Loss(phase), process_group=shard.group, gradient_as_bucket_view=once)


class Trainer:
    """A model in training: phases, optimisers, teacher, and the step reached.

    Args:
        model: The model; it is moved to the device.
        data: Training rows.
        split: Their division.
        settings: How to train.
        seed: Seed of initial state of the generators and of the order of rows.
        fabric: Device and precision.
        shard: This process's place among those that share every batch; None if there is one.
    """

    def __init__(
        self,
        model: Autoencoder,
        data: Dataset,
        split: Split,
        settings: Settings,
        seed: int,
        fabric: Fabric,
        shard: Shard | None = None,
    ) -> None:
        keep_freed_memory()
        self.settings, self.fabric, self.shard = settings, fabric, shard
        self.model: Autoencoder = fabric.to_device(model)  # type: ignore[assignment]
        self.kept = self.model
        self.losses = Losses(self.model, settings.reconstruction_weight, settings.classification_weight, settings.terms)
        if shard is not None:
            share_batch_norm(self.model)
        if settings.ema is not None:
            # The moving average is the teacher, and what is evaluated and kept.
            self._average = Average(self.model)
            self.kept = self.losses.teacher = self._average.model
        self.phases = build_phases(self.losses, settings.schedule)
        self._on_cuda = fabric.device.type == "cuda"
        # A record cannot hold what processes say to each other.
        self.captured = CapturedStep(self._take) if self._on_cuda and shard is None else None
        moved = [id(parameter) for phase in self.phases for parameter in phase.parameters]
        once = len(moved) == len(set(moved))
        self._loss = {phase.name: phase.loss if shard is None else reduced(phase, shard, once) for phase in self.phases}
        self.optimizers = {
            phase.name: make_optimizer(phase, settings, self.captured is not None) for phase in self.phases
        }
        self.batches = Batches(
            data, split, self.model, settings.batch_size, settings.labelled_batch_size, seed, fabric.device, shard
        )
        self._prepare(settings.teaching, settings.terms, settings.dividing)
        self._data = fingerprint(data, split)
        self.beginning, self._began = 0, 0  # its number, and the step that was its first
        self._judged: torch.Tensor | None = None  # how good it is
        self._best: dict[str, Any] = {}  # the best one before it
        self.step = 0
        self.seconds = 0.0
        self.slowed = 1.0  # factor on every learning rate, below 1 after a divergence

    def _prepare(
        self, teaching: Neighbours | None, terms: Sequence[nn.Module], dividing: Dividing | None
    ) -> None:
        """Show rows to what learns from nearest ones, and keep those that clusters are looked at by.

        A teaching is left out where every row has a label, and dividing where there are no clusters.
        """
        most = SHOWN // max(1, math.prod(self.model.input_shape))
        for change in (getattr(term, "change", None) for term in terms):
            if isinstance(change, LearnedTransformation):
                change.prepare(self.batches.some(min(change.rows, most))[0])
        self._teaching: Neighbours | None = None
        if teaching is not None:
            rows, labels = self.batches.some(min(teaching.rows, most))
            if (labels < 0).any():
                teaching.prepare(rows, wanted_frequencies(self.model))
                self._teaching = teaching
        self._dividing = dividing if self._has_clusters() else None
        if self._dividing is not None:
            self._counted = self.batches.some(min(self._dividing.rows, most))[0]

    def _has_clusters(self) -> bool:
        category = self.model.category
        return category is not None and category.label == "none" and isinstance(category.posterior, Category)

    def _begin(self) -> float:
        """Begin again where that is due, or go on from the best beginning; progress is told from the beginning on."""
        beginnings = self.settings.beginnings
        if beginnings is None:
            return self.progress
        number, progress = beginnings.place(self.progress)
        if number > self.beginning:
            if self._better():
                self._best = {"judged": float(self._judged), "steps": self.own_step, **copy.deepcopy(self._weights())}
            if number < beginnings.count:
                self._afresh()
            elif self._best:
                self._restore_weights(self._best)
                self._began, self._best = self.step - self._best["steps"], {}
            self.beginning = number
        return progress

    @property
    def own_step(self) -> int:
        """Steps since the beginning that the weights are of."""
        return self.step - self._began

    @property
    def choosing(self) -> bool:
        """Whether the training may still go on from another beginning."""
        return self.settings.beginnings is not None and self.beginning < self.settings.beginnings.count

    def _better(self) -> bool:
        """Whether this beginning is better than those before it; one that diverged, or has only begun, is not."""
        if self._judged is None or not self._judged.isfinite():
            return False
        if self._best and float(self._judged) >= self._best["judged"]:
            return False
        values = chain(self.model.state_dict().values(), self.kept.state_dict().values())
        return all(bool(value.isfinite().all()) for value in values)

    def settle(self) -> None:
        """Take the best beginning so far for the model, where a training has ended before it went on from one."""
        if self.choosing and self._best and not self._better():
            self.kept.load_state_dict(self._best["model" if self.kept is self.model else "average"])

    def _afresh(self) -> None:
        """New weights, drawn as those of a new model; they are the same in every process."""
        fresh = rebuild(describe(self.model), {type(part) for part in self.model.modules()})
        for model in (self.model, self.kept):
            model.load_state_dict(fresh.state_dict())
        for optimizer in self.optimizers.values():
            optimizer.state.clear()
        if self._teaching is not None:
            self._teaching.begin()
        self._began, self._judged = self.step, None
        if self.captured is not None:
            self.captured.forget()

    def _judge(self, metrics: dict[str, torch.Tensor]) -> None:
        """Follow what beginnings are compared by, as a mean over the last steps."""
        beginnings = self.settings.beginnings
        if beginnings is None or not self.choosing:
            return
        if beginnings.metric not in metrics:
            raise AAEError(
                f"Beginnings are compared by {beginnings.metric}, and this training measures {', '.join(metrics)}. Set "
                "beginnings=1, or y_matching=information."
            )
        now = metrics[beginnings.metric]
        now = now if self.shard is None else self.shard.gathered(now).mean()
        self._judged = now if self._judged is None else torch.lerp(self._judged.to(now), now, JUDGED)

    def _divide(self, progress: float) -> None:
        """Divide clusters that hold two heaps of rows."""
        if self._dividing is not None and self._dividing.due(self.own_step, progress):
            with self.fabric.autocast():
                features = self._dividing.look(self.kept, self._counted)
            plan = self._dividing.plan(self.kept, features)
            if self.shard is not None:  # it hangs on a hair, and has to be the same in every process
                plan = self.shard.gathered(plan)[0]
            self._dividing.divide(self.model, self.kept, self.optimizers.values(), plan)

    def _teach(self, progress: float) -> None:
        """Take up the teaching at the beginning of the training, and let it go when its time is over."""
        teaching = self._teaching if self._teaching is not None and progress < self._teaching.until else None
        if teaching is not self.losses.teaching:
            self.losses.teaching = teaching
            if self.captured is not None:  # a record has it, or lacks it, for good
                self.captured.forget()

    @property
    def total_steps(self) -> int | None:
        """Length of the training in steps; None if it is given in seconds."""
        if self.settings.epochs is not None:
            return max(1, round(self.settings.epochs * self.batches.steps_per_epoch))
        return self.settings.steps

    @property
    def progress(self) -> float:
        """Share of the training that is over, by steps or by time; of all beginnings together."""
        if self.settings.max_seconds is not None:
            return self.seconds / self.settings.max_seconds
        return self.step / self.total_steps

    def train_step(self) -> dict[str, torch.Tensor]:
        """Take one step through every phase and return what it measured."""
        progress = self._begin()
        self._teach(progress)
        self._divide(progress)
        factor = self.slowed * decay_factor(self.settings.decay, progress)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                set_rate(group, self.settings.learning_rate[group["kind"]] * factor)
        # Whatever an evaluation did to it, the teacher reads a batch as the model does, by the batch's statistics.
        for module in (self.model, self.kept):
            if not module.training:  # setting it on every part takes longer than some of a small model's passes
                module.train()
        batch = self.batches.at(self.step, progress)
        metrics = self._take(batch) if self.captured is None else self.captured(batch)
        self._judge(metrics)
        if self.kept is not self.model:
            self._average.follow(average_weight(self.settings.ema, self.own_step))
        self.step += 1
        return metrics

    def _take(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Every phase on one batch; nothing in it may wait for the device."""
        metrics: dict[str, torch.Tensor] = {}
        for phase in self.phases:
            optimizer = self.optimizers[phase.name]
            optimizer.zero_grad()
            with self.fabric.autocast(), sharing(self.shard):
                loss, measured = self._loss[phase.name](batch)
                # Only this phase's parameters receive gradients: what the others need is not computed.
            self.fabric.backward(loss, inputs=phase.parameters)
            optimizer.step()
            metrics |= {name: value.detach() for name, value in measured.items()}
        return metrics

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "slowed": self.slowed,
            "data": self._data,
            **self._weights(),
            "beginning": {"number": self.beginning, "began": self._began, "judged": self._judged, "best": self._best},
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.fabric.device) if self._on_cuda else None,
        }

    def _weights(self) -> dict[str, Any]:
        """What training has made of the model."""
        return {
            "model": self.model.state_dict(),
            "average": None if self.kept is self.model else self.kept.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "teaching": None if self._teaching is None else self._teaching.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a saved state.

        Raises:
            AAEError: The state is of another model, other settings or other data.
        """
        if state.get("data") != self._data:
            raise AAEError(
                "The data are not those that the checkpoint was trained on: rows, labels or their division have "
                "changed since. Bring them back, or train again without --resume."
            )
        try:
            self._restore_weights(state)
            if self.settings.beginnings is not None:
                beginning = state["beginning"]
                self.beginning, self._began = int(beginning["number"]), int(beginning["began"])
                self._judged, self._best = beginning["judged"], beginning["best"]
            self.step, self.seconds, self.slowed = int(state["step"]), float(state["seconds"]), float(state["slowed"])
            torch.set_rng_state(state["random"])
            if self._on_cuda and isinstance(state["random_cuda"], torch.Tensor):  # of the first process, for all
                torch.cuda.set_rng_state(state["random_cuda"], self.fabric.device)
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise AAEError(
                f"The checkpoint belongs to another model or other settings ({str(error)[:200]})."
            ) from error

    def _restore_weights(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.kept is not self.model:
            self.kept.load_state_dict(state["average"])
        for name, optimizer in self.optimizers.items():
            restore_optimizer(optimizer, state["optimizers"][name])
        if self._teaching is not None:
            self._teaching.load_state_dict(state["teaching"])
        if self.captured is not None:
            self.captured.forget()
