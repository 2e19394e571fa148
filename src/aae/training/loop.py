"""The training loop: steps, history, evaluation, checkpoints, recovery from divergence, and the progress bar."""

import math
import signal
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.data.summary import describe_split
from aae.distributed.processes import ProcessGroup
from aae.evaluation import inference
from aae.evaluation.metrics import collapsed, health, quick_metrics
from aae.evaluation.noise import attach_noise
from aae.model.artifact import write_model
from aae.model.autoencoder import Autoencoder
from aae.system import generators
from aae.system.errors import AAEError, DivergenceError
from aae.system.progress import Bar, caught_interrupts, deferred_interrupts, sigterm_as_interrupt
from aae.training.checkpoints import latest_checkpoint, save_checkpoint, set_aside
from aae.training.rundir import History, RunDir
from aae.training.settings import Settings
from aae.training.trainer import Trainer

__all__ = ["Loop", "Result", "Watch"]

LOG_EVERY = 20  # steps between two readings of the losses, each of which waits for the device
WARM_UP = 200  # steps before the first warning about the model's health
EVALUATE_SHARE = 0.05  # evaluation may take at most this share of the time
CHECKPOINT_EVERY, CHECKPOINT_SHARE = 30.0, 0.02  # seconds, and the share of the time that checkpoints may take
RECOVERY_FACTOR = 0.1  # on the learning rate after a divergence
PROBE_ROWS = 32  # rows that are encoded to see whether the code has collapsed

Watch = Callable[[Autoencoder, float], None]


@dataclass(repr=False)
class Result:
    """The result of a training.

    Args:
        model: The model, in evaluation mode, with averaged weights if there is an average.
        history: Losses and errors by step; ``history.columns()`` has all of them, ``history.last(name)`` the newest.
        data: What was trained on.
        split: Which rows were labelled, unlabelled and held out.
        step: Number of steps.
        seconds: Seconds that they took, evaluations included.
        path: The run directory; None if the training was kept in memory.
        notes: Sentences on the data and on the training.
        interrupted: The signal that ended it; 0 if none did.
        is_rank_zero: Whether this process is the one that writes and evaluates.
        cross_validation: What cross-validation found, if it tested the model.
    """

    model: Autoencoder
    history: History
    data: Dataset
    split: Split
    step: int
    seconds: float
    path: Path | None = None
    notes: list[str] = field(default_factory=list)
    interrupted: int = 0  # the signal that ended it; 0 if none did
    is_rank_zero: bool = True  # rank zero alone writes and evaluates
    cross_validation: Any = None  # an `aae.runs.cross_validation.CrossValidation`, if that tested the model

    def __repr__(self) -> str:
        """What was trained on what, for how long, and its newest metrics, in a few lines."""
        codes = ", ".join(f"{latent.name} ({latent.dim})" for latent in self.model.latents)
        weights = sum(parameter.numel() for parameter in self.model.parameters())
        names = [name for name in self.history.columns() if name not in ("step", "epoch", "seconds")]
        last = {name: self.history.last(name) for name in names}
        figures = ", ".join(f"{name} {value:.4g}" for name, value in last.items() if value is not None)
        stopped = "" if not self.interrupted else " (interrupted)"
        return "\n".join([
            f"Result: {self.step:,} steps in {self.seconds:.0f} s{stopped}, {self.path or 'kept in memory only'}",
            f"model: latents {codes}; {weights:,} parameters",
            *self.data.summary(),
            *textwrap.wrap(f"newest metrics: {figures}" if figures else "no metrics", 90, max_lines=6),
            *([f"notes: {len(self.notes)}, in .notes"] if self.notes else []),
        ])


class Loop:
    """One run of the loop, with the state that belongs to neither the trainer nor the run directory."""

    def __init__(
        self,
        trainer: Trainer,
        data: Dataset,
        split: Split,
        run: RunDir | None,
        checkpoint_every: float | None,
        board: Callable[[], Any] | None,
        progress: bool,
        watch: Watch | None,
        group: ProcessGroup,
    ) -> None:
        self.trainer, self.data, self.split, self.group = trainer, data, split, group
        self.path, self.directory = run, run if group.is_rank_zero else None
        self._checkpoint_every = checkpoint_every
        self._spacing = CHECKPOINT_EVERY if checkpoint_every is None else checkpoint_every
        self.history = History()
        self.notes = [*data.notes, *_uneven_batch_notes(trainer.settings, group.world_size)]
        self.fit_noise, self.of_preset, self.reads_labels = True, True, True
        self.warnings: list[str] = []  # notes of what looks wrong with the data
        self._warned: set[str] = set()
        self._sums: dict[str, torch.Tensor] = {}
        self._count = 0
        self._checkpointed = self._evaluated = time.monotonic()
        self._evaluation_seconds = 0.0
        self._board = board() if board is not None and group.is_rank_zero else None
        self._show, self._watch = progress and group.is_rank_zero, watch
        self._signals: list[int] = []  # signals to stop that this process has received
        self._code_varied = False
        self._began_finite: torch.Tensor | bool = True  # whether the losses of the first step were, before its updates
        self._probe_rows: np.ndarray | None = None
        self._stopped = 0  # the signal that stopped the training

    def resume(self, run: RunDir) -> None:
        """Load the newest usable checkpoint, with the history up to it."""
        state, damaged = self.group.broadcast_result(lambda: _load_state(run))
        self.trainer.restore(state)
        self.history = History.from_state(state["history"])
        self.notes = list(dict.fromkeys([*state["notes"], *self.notes, *damaged]))

    def run(self) -> Result:
        bar = Bar(self._show)
        with bar as self._bar, sigterm_as_interrupt():
            if self.path is not None:
                self._print(describe_split(self.data, self.split, reads_labels=self.reads_labels))
            for note in self.notes:
                self._print(f"{'Warning' if note in self.warnings else 'Note'}: {note}")
            self._failure()
            if not self.trainer.step:
                self._checkpoint()  # to resume from if the training stops or diverges before the next one
            while not self._finished():
                pass
            self._save_model()
        return Result(
            self.trainer.averaged.eval(),
            self.history,
            self.data,
            self.split,
            self.trainer.step,
            self.trainer.seconds,
            self.path.path if self.path else None,
            self.notes,
            self._stopped,
            self.group.is_rank_zero,
        )

    def _finished(self) -> bool:
        """Train to the end. Returns False after a divergence, from which the training recovers once."""
        try:
            self._steps()
            self._log(final=True)
        except DivergenceError as error:
            with deferred_interrupts() if self.group.world_size == 1 else nullcontext():
                self._recover(error)
            return False
        return True

    def _steps(self) -> None:
        try:
            # One process stops after its step; several have to agree on the step after which all of them stop.
            with caught_interrupts() if self.group.world_size > 1 else nullcontext(self._signals) as self._signals:
                while self.trainer.progress < 1 and not self._stopped:
                    self._one_step()
        except KeyboardInterrupt as stop:
            self._stopped = int(stop.args[0]) if stop.args else signal.SIGINT
        if self._stopped:
            self._checkpoint()  # first, because the process may be killed soon after it was asked to end
            self._print(f"Stopped at step {self.trainer.step}; the model is saved.")

    def _recover(self, error: DivergenceError) -> None:
        """Go back to the last good checkpoint, with a lower learning rate."""
        trainer = self.trainer
        if self.path is None or trainer.rate_factor < 1 or not self._began_finite:  # the same in all processes
            raise error
        notes, seconds = self.notes, trainer.seconds
        self.resume(self.path)
        trainer.rate_factor = RECOVERY_FACTOR
        if trainer.settings.max_seconds is not None:
            trainer.seconds = seconds  # going back does not give the time back
        self._sums, self._count = {}, 0
        note = (
            f"{str(error).partition('. ')[0]}. It resumed from the checkpoint of step {trainer.step} with "
            f"{RECOVERY_FACTOR:g} times the learning rate."
        )
        self.notes = [*notes, note]
        self._print(f"Warning: {note}")

    def _one_step(self) -> None:
        start = time.perf_counter()
        # An interrupt between the updates of two parameters would leave a state that is neither old nor new.
        with deferred_interrupts() if self.group.world_size == 1 else nullcontext():
            metrics = self.trainer.train_step()
        if self.trainer.step == 1:
            first = [metrics[name].isfinite().all() for name in self.trainer.first_metrics]
            self._began_finite = torch.stack(first).all() if first else True  # read later: reading waits for the device
        for name, value in metrics.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._count += 1
        if self._count >= LOG_EVERY or self._epoch_over():
            self._log()
        self.trainer.seconds += time.perf_counter() - start
        if self.trainer.settings.max_seconds is not None:
            self.trainer.seconds = self.group.broadcast(self.trainer.seconds)
        if time.monotonic() - self._checkpointed > self._spacing:
            self._checkpoint()
        generators.give_way()

    def _epoch_over(self) -> bool:
        return self.trainer.step % self.trainer.batches.steps_per_epoch == 0

    def _log(self, final: bool = False) -> None:
        """Average the losses since the last time, check them, and evaluate when that is due."""
        trainer = self.trainer
        if not self._count and not final:
            return
        row = {name: float(total) / self._count for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        due = self.group.is_rank_zero and self._evaluation_due(final)
        failed = self._failure() is not None
        row, flags = self.group.mean_and_any(
            row, due=due, stop=bool(self._signals), failed=failed, began_not_finite=not self._began_finite
        )
        self._began_finite = not flags["began_not_finite"]
        self._check_finite(row)
        if flags["failed"]:
            raise DivergenceError(self._divergence_message(self._failure() or "a weight became NaN or infinite"))
        if flags["stop"]:
            self._stopped = self._signals[0] if self._signals else signal.SIGINT
        if flags["due"]:
            row |= self.group.broadcast_result(lambda: self._evaluate(row, final))
        if row:
            epoch = trainer.step / trainer.batches.steps_per_epoch
            self.history.add({"step": trainer.step, "epoch": epoch, "seconds": trainer.seconds, **row})
            if self._board is not None:
                for name, value in row.items():
                    self._board.add_scalar(name, value, trainer.step)
        self._bar.show(trainer.progress, row)
        self._print_messages()

    def _print_messages(self) -> None:
        """Print the messages of the trainer, such as why the losses jump."""
        for message in self.trainer.messages:
            self._print(message)
        self.trainer.messages.clear()

    def _print(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.print(text)

    def _without_side_effects(self) -> AbstractContextManager[None]:
        """An evaluation must not change what training draws next, because its time depends on the clock."""
        return inference.without_side_effects(self.trainer.fabric.device)

    def _evaluation_due(self, final: bool) -> bool:
        """Whether an evaluation is due; rank zero decides by its own clock."""
        if final:
            return not self.history.evaluated_at(self.trainer.step)
        spacing = self._evaluation_seconds / EVALUATE_SHARE
        return self._epoch_over() and time.monotonic() - self._evaluated > spacing

    def _evaluate(self, row: dict[str, float], final: bool) -> dict[str, float]:
        """Metrics on validation rows; warns about what they and the losses in ``row`` show."""
        trainer = self.trainer
        start = time.monotonic()
        with self._without_side_effects():
            metrics = quick_metrics(trainer.averaged, self.data, self.split)
            self._check_finite(metrics)
            self._warn({**row, **metrics})
            if self._watch is not None:
                self._watch(trainer.averaged, 1.0 if final else trainer.progress)
        self._evaluated = time.monotonic()
        self._evaluation_seconds = self._evaluated - start
        return metrics

    def _check_finite(self, row: Mapping[str, float]) -> None:
        bad = [name for name, value in row.items() if not math.isfinite(value)]
        if bad:
            raise DivergenceError(self._divergence_message(f"{' and '.join(bad)} became NaN or infinite"))

    def _failure(self) -> str | None:
        """What is wrong with the weights or with the codes of a few rows; None if nothing is."""
        model = self.trainer.model
        if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
            return "a weight became NaN or infinite"
        if self._probe_rows is None:
            rows = self.split.unlabelled if len(self.split.unlabelled) else self.split.labelled
            self._probe_rows = self.data.x[np.sort(rows[:PROBE_ROWS])]
        with self._without_side_effects():
            constant = collapsed(model, self._probe_rows)
        self._code_varied |= not constant  # a code that is constant from the start is intended
        return "the code became the same for every example" if constant and self._code_varied else None

    def _divergence_message(self, what: str) -> str:
        again = ", although the learning rate had been lowered" if self.trainer.rate_factor < 1 else ""
        if not self._began_finite:
            return (
                f"Training diverged: {what} in the first step, before any weight changed, so that the learning rate is "
                "not the cause; check the values of the data and what the parts of the model return."
            )
        where = f"Training diverged: {what} near step {self.trainer.step}{again}."
        lower = "--set lr=0.0003" if self.of_preset else "Settings(learning_rate=...)"
        advice = f"Lower the learning rate, for example with {lower}"
        if self.directory is None:
            return f"{where} {advice}."
        with suppress(AAEError):
            state, _ = latest_checkpoint(self.directory.checkpoints)
            return f"{where} The checkpoint of step {state['step']} in {self.directory.checkpoints} is kept. {advice}."
        return f"{where} No checkpoint had been taken yet. {advice}."

    def _warn(self, row: Mapping[str, float]) -> None:
        if self.trainer.tentative or self.trainer.steps_since_restart < WARM_UP:
            return
        warnings = health(self.trainer.averaged, self.data, self.split, row)
        if self.trainer.captured is not None and self.trainer.captured.failure is not None:
            warnings["captured"] = f"Steps run slower, kernel by kernel: {self.trainer.captured.failure}."
        for name, text in warnings.items():
            if name not in self._warned:
                self._warned.add(name)
                self.notes.append(text)
                self._print(f"Warning: {text}")

    def _checkpoint(self) -> None:
        if self.directory is None:
            return
        start = time.monotonic()
        # A model that has just diverged must not become the newest checkpoint.
        if self._failure() is None:
            state = {**self.trainer.state(), "history": self.history.state(), "notes": self.notes}
            save_checkpoint(self.directory.checkpoints, state, self.trainer.step)
            self.history.write(self.directory.metrics)
        self._checkpointed = time.monotonic()
        if self._checkpoint_every is None:
            self._spacing = max(CHECKPOINT_EVERY, (self._checkpointed - start) / CHECKPOINT_SHARE)

    def _save_model(self) -> None:
        """Write the final checkpoint, history and model to the run directory."""
        if self.directory is not None:
            self._checkpoint()
            self.history.write(self.directory.metrics)
        self.trainer.finish()  # after the checkpoint, so that the training can be continued as it was
        if self.fit_noise:
            attach_noise(self.trainer.averaged, self.data, self.split)
        if self.directory is not None:
            write_model(self.trainer.averaged, self.directory.model)
            if self.notes:
                self.directory.add_to_config("notes", self.notes)
        if self._board is not None:
            self._board.close()
        self.group.barrier()  # no process may read the run before it is complete


def _load_state(run: RunDir) -> tuple[dict[str, Any], list[str]]:
    """The state in the newest usable checkpoint, and a sentence for each damaged one."""
    run.remove_temporary_files()
    state, damaged = latest_checkpoint(run.checkpoints)
    return state, set_aside(damaged)


def _uneven_batch_notes(settings: Settings, processes: int) -> list[str]:
    left_over = settings.batch_size % processes
    if not left_over:
        return []
    return [f"A batch of {settings.batch_size} rows cannot be divided evenly among {processes} processes: "
            f"each step uses {settings.batch_size - left_over} rows."]  # fmt: skip
