"""A model in training: its phases, optimisers, moving average and extras, and their state for a checkpoint."""

import math
from typing import Any

import torch
from lightning_fabric import Fabric

from aae.data.batches import Batches
from aae.data.dataset import Dataset
from aae.data.splits import Split, fingerprint
from aae.distributed.shards import Shard, share_batch_norm, sharing
from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.model.component import components_of, describe, rebuild
from aae.objectives.phases import Losses, build_phases
from aae.system.errors import AAEError
from aae.system.machine import keep_freed_memory
from aae.training.average import Average, average_weight
from aae.training.capture import CapturedStep
from aae.training.optimizers import lr_factor, make_optimizer, restore_optimizer, set_rate
from aae.training.precision import autocast
from aae.training.reducer import reduced_loss
from aae.training.settings import Settings

__all__ = ["Trainer"]

MAX_VALUES = 2**26  # values of rows that an extra may keep: 256 MiB


class Trainer:
    """A model in training.

    Args:
        model: The model; it is moved to the device.
        data: Training rows.
        split: Which of them are labelled, unlabelled or for validation.
        settings: How to train.
        seed: Seed of the order of rows.
        fabric: Runs the training on its device.
        shard: This process's share of every batch; None if it is the only process.
        precision: ``"32"`` or ``"bf16"``.
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
        precision: str = "32",
    ) -> None:
        keep_freed_memory()
        self.settings, self.fabric, self.shard, self.precision = settings, fabric, shard, precision
        self.model = model.to(fabric.device)
        self.losses = Losses(
            self.model, settings.reconstruction_weight, settings.classification_weight, settings.terms,
            settings.class_weights,
        )  # fmt: skip
        if shard is not None:
            share_batch_norm(self.model)
        # The moving average is the teacher, and it is evaluated and saved; without one the model itself is.
        self._average = None if settings.ema_decay is None else Average(self.model)
        self.averaged = self.model if self._average is None else self._average.model
        self.losses.teacher = self.averaged
        self.batches = Batches(
            data, split, self.model, settings.batch_size, settings.labelled_batch_size, seed, fabric.device, shard
        )
        self._data = fingerprint(data, split)
        self.step = 0
        self.first_step = 0  # the first step with the current weights, after a restart
        self.seconds = 0.0
        self.rate_factor = 1.0  # factor on every learning rate; below 1 after a divergence
        self.captured: CapturedStep | None = None
        self.first_metrics: tuple[str, ...] = ()  # names of what a step computes before it changes a weight
        self.messages: list[str] = []  # lines for the user, removed when they are printed
        self.extras = settings.all_extras()
        for extra in self.extras:
            extra.prepare(self)
        self._build_phases()

    def _build_phases(self) -> None:
        settings, shard = self.settings, self.shard
        self.phases = build_phases(self.losses, settings.schedule)
        self._on_cuda = self.fabric.device.type == "cuda"
        # Communication between processes cannot be captured.
        self.captured = CapturedStep(self._run_phases) if self._on_cuda and shard is None else None
        trained = [id(parameter) for phase in self.phases for parameter in phase.parameters]
        disjoint = len(trained) == len(set(trained))
        self._loss = {
            phase.name: phase.loss if shard is None else reduced_loss(phase, shard, disjoint) for phase in self.phases
        }
        self.optimizers = {
            phase.name: make_optimizer(phase, settings, self.captured is not None) for phase in self.phases
        }

    def some_rows(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """At most ``count`` rows ``(N, *shape)``, 256 MiB of them at most, and labels ``(N,)``, -1 where unknown."""
        limit = MAX_VALUES // max(1, math.prod(self.model.input_shape))
        return self.batches.some_rows(min(count, limit))

    def autocast(self) -> torch.autocast:
        """The context in which a forward pass runs in the precision of the training."""
        return autocast(self.fabric.device, self.precision)

    @property
    def steps_since_restart(self) -> int:
        """Steps taken with the current weights."""
        return self.step - self.first_step

    @property
    def tentative(self) -> bool:
        """Whether an extra may still replace the current weights by others."""
        return any(extra.tentative for extra in self.extras)

    @property
    def total_steps(self) -> int | None:
        """Length of the training in steps, if its time allows them; None if only a time is given."""
        if self.settings.epochs is not None:
            return max(1, round(self.settings.epochs * self.batches.steps_per_epoch))
        return self.settings.steps

    @property
    def progress(self) -> float:
        """Share of the training that is over, by steps or by time if more of that is; restarts are part of it."""
        total, most = self.total_steps, self.settings.max_seconds
        return max(0.0 if total is None else self.step / total, 0.0 if most is None else self.seconds / most)

    def train_step(self) -> dict[str, torch.Tensor]:
        """Run every phase on the next batch and return the metrics."""
        progress = self.progress
        for extra in self.extras:
            changed = extra.before_step(self, progress)
            progress = progress if changed is None else changed
        factor = self.rate_factor * lr_factor(self.settings.lr_schedule, progress)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                set_rate(group, self.settings.learning_rate[group["kind"]] * factor)
        # An evaluation may have changed the mode. Model and teacher both normalise a batch by its own statistics.
        for module in (self.model, self.averaged):
            if not module.training:  # setting it on every part takes longer than some passes of a small model
                module.train()
        batch = self.batches.at(self.step, progress)
        metrics = self._run_phases(batch) if self.captured is None else self.captured(batch)
        if self._average is not None and self.settings.ema_decay is not None:
            self._average.update(average_weight(self.settings.ema_decay, self.steps_since_restart))
        self.step += 1
        for extra in self.extras:
            extra.after_step(self, metrics)
        return metrics

    def _run_phases(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Run every phase on one batch; nothing in it may wait for the device."""
        metrics: dict[str, torch.Tensor] = {}
        for phase in self.phases:
            optimizer = self.optimizers[phase.name]
            optimizer.zero_grad()
            with self.autocast(), sharing(self.shard):
                loss, phase_metrics = self._loss[phase.name](batch)
            self.first_metrics = tuple(phase_metrics) if phase is self.phases[0] else self.first_metrics
            # Only this phase's parameters receive gradients; computing the others would be wasted.
            self.fabric.backward(loss, inputs=phase.parameters)
            optimizer.step()
            metrics |= {name: value.detach() for name, value in phase_metrics.items()}
        return metrics

    def restart(self) -> None:
        """Draw new weights, as a new model would; they are the same in every process."""
        new = rebuild(describe(self.model), {type(part) for part in components_of(self.model)})
        for model in (self.model, self.averaged):
            model.load_state_dict(new.state_dict())
        for optimizer in self.optimizers.values():
            optimizer.state.clear()
        for extra in self.extras:
            extra.restart()
        self.first_step = self.step
        self.reset_captured_step()

    def reset_captured_step(self) -> None:
        """Capture the step again, because what it does or the memory that it refers to has changed."""
        if self.captured is not None:
            self.captured.reset()

    def finish(self) -> None:
        """Let the extras act at the end of the training, after its last checkpoint."""
        for extra in self.extras:
            extra.finish(self)

    def weights(self) -> dict[str, Any]:
        """The weights of the model and its average, and the states of the optimisers."""
        return {
            "model": self.model.state_dict(),
            "average": None if self._average is None else self.averaged.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }

    def load_weights(self, state: dict[str, Any]) -> None:
        """Load what `weights` returned."""
        self.model.load_state_dict(state["model"])
        if self._average is not None:
            self.averaged.load_state_dict(state["average"])
        for name, optimizer in self.optimizers.items():
            restore_optimizer(optimizer, state["optimizers"][name])
        self.reset_captured_step()

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "step": self.step,
            "first_step": self.first_step,
            "seconds": self.seconds,
            "rate_factor": self.rate_factor,
            "data": self._data,
            **self.weights(),
            "extras": {extra.name: extra.state_dict() for extra in self.extras},
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.fabric.device) if self._on_cuda else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a saved state.

        Raises:
            AAEError: The state is of another model, other settings, other data or an older version.
        """
        if state.get("data") != self._data:
            raise AAEError(
                "The checkpoint was trained on other data: rows, labels or the split have changed since. "
                "Restore the old data, or train again without --resume."
            )
        if "extras" not in state:
            raise AAEError(
                "The checkpoint was written by an older version of aae and cannot be continued. The model of that run "
                "can still be used; to train further, train again without --resume."
            )
        try:
            self.load_weights(state)
            for extra in self.extras:
                extra.load_state_dict(state["extras"][extra.name])
            self.step, self.first_step = int(state["step"]), int(state["first_step"])
            self.seconds, self.rate_factor = float(state["seconds"]), float(state["rate_factor"])
            torch.set_rng_state(state["random"])
            # The state is that of rank zero and is loaded by every process.
            if self._on_cuda and isinstance(state["random_cuda"], torch.Tensor):
                torch.cuda.set_rng_state(state["random_cuda"], self.fabric.device)
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise AAEError(
                f"The checkpoint belongs to another model or other settings ({str(error)[:200]})."
            ) from error
