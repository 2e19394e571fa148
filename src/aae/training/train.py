"""`train`: train a model on data, and write a run directory if one is asked for."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from aae.data.builtin import source_entries
from aae.data.dataset import Dataset
from aae.data.facts import Digests, data_facts, digests_of, what_changed
from aae.data.sources import load_data
from aae.data.splits import Split, check_draw, split_data
from aae.data.summary import warnings_about
from aae.distributed.processes import ProcessGroup, launch
from aae.evaluation import inference
from aae.model.autoencoder import Autoencoder
from aae.model.component import describe
from aae.model.first_call import check_results
from aae.model.own_parts import is_own
from aae.model.rebuilding import check_rebuilds
from aae.system import generators
from aae.system.errors import AAEError, check_number, kind_of
from aae.system.files import is_utf8
from aae.system.machine import describe_machine
from aae.system.rows import evenly
from aae.training.checkpoints import latest_checkpoint
from aae.training.loop import Loop, Result, Watch
from aae.training.precision import choose_precision
from aae.training.rundir import RunDir
from aae.training.settings import Settings
from aae.training.trainer import Trainer

__all__ = ["Result", "check_unchanged", "train"]

USUAL_BETA1 = 0.9  # of Adam

TRIED = 64  # rows on which the parts of a model are tried; of a few, a rule may rightly give no finite number


@generators.exclusive()
def train(
    model: Autoencoder,
    data: Dataset | str | Path,
    settings: Settings,
    *,
    labels: int | None = None,
    split: str | Split = "random",
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    out: str | Path | None = None,
    devices: int | None = None,
    num_nodes: int | None = None,
    resume: bool = False,
    checkpoint_every: float | None = None,
    tensorboard: bool = False,
    progress: bool = True,
    watch: Watch | None = None,
    info: Mapping[str, Any] | None = None,
    fit_noise: bool = True,
    group: ProcessGroup | None = None,
) -> Result:
    """Train a model.

    Trainings in several threads use torch's random generator in turns, so that each has its own results.

    Args:
        model: The model; it is trained in place.
        data: A data set, or its name or path.
        settings: How to train.
        labels: Number of labels that may be used; None for all, 0 for none.
        split: ``"random"``, ``"tutorial"`` or a `Split`.
        seed: Seed of the label draw, the order of rows and everything random in training. Seed
            torch before building the model if its initial weights are to follow too.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        precision: ``"auto"``, ``"32"`` or ``"bf16"``.
        out: Run directory to write; None keeps everything in memory.
        devices: Processes on this machine that share every batch, one for each GPU or for some of the
            processor cores. The script is started again for each of them; ``torchrun`` has started them
            already.
        num_nodes: Number of machines.
        resume: Continue from the newest usable checkpoint in ``out``, on any number of processes.
        checkpoint_every: Seconds between two checkpoints; if None, 30, or more where checkpoints every
            30 seconds would take over 2 % of the time.
        tensorboard: Also write TensorBoard event files into the run directory.
        progress: Show a progress bar on the terminal.
        watch: Called with the model and the share of the training that is over, at each evaluation; an
            exception that it raises ends the training.
        info: More entries for the run's ``config.json``, such as the preset's name.
        fit_noise: Learn how the cells of a table vary, for samples; False for models that are not kept.
        group: A process group that is ready; it replaces ``device``, ``precision``, ``devices`` and ``num_nodes``.

    Raises:
        AAEError: Anything the user can correct: labels, shapes, the run directory, divergence, a lost process.
    """
    _check_arguments(model, settings, checkpoint_every)
    labels, seed = check_draw(labels, seed)
    group = group or launch(device, precision, devices, num_nodes)
    source = source_entries(data)
    data = load_data(data)
    division = split if isinstance(split, Split) else split_data(data, labels, split, seed)
    check_inputs(model, data, settings.batch_size)
    fabric = group.fabric
    run = RunDir(out) if out is not None else None
    board = _tensorboard(run) if tensorboard else None
    chosen = group.broadcast_result(lambda: choose_precision(group.precision, fabric.device))
    memory = None if run is None or resume or not group.is_rank_zero else _remember(data)
    reads_labels = _reads_labels(model, settings)
    config = {
        **({} if info and "data" in info else source),
        "labels": len(division.labelled),
        "labels_used": len(division.labelled) * reads_labels,
        "split": split if isinstance(split, str) else "given",
        "seed": seed,
        "device": fabric.device.type,
        "precision": chosen,
        "devices": group.world_size,
        "machine": describe_machine(),
        **describe(info or {}),  # numbers of numpy are no JSON
        **({} if memory is None else {"data_facts": memory.facts}),
        "settings": describe(vars(settings)),
    }
    if resume and run is not None:
        group.broadcast_result(lambda: check_unchanged(run, data))
    torch.manual_seed(seed)
    with group.explain_lost_process(lambda: _recovery_advice(run, "preset" in (info or {}))), ExitStack() as locks:
        group.barrier()  # machines may differ in how long they take to read the data
        trainer = Trainer(model, data, division, settings, seed, fabric, group.shard, chosen)
        if run is not None:
            # The model is described before the training, so that a part that cannot be saved is refused in time. The
            # trainer is made first, so that settings that are refused leave no directory behind.
            if not resume:
                group.broadcast_result(lambda: check_rebuilds(model))
            group.broadcast_result(
                lambda: _lock_run_dir(run, locks, None if resume else {**config, "model": describe(model)})
            )
            if memory is not None and memory.digests is not None:
                digests = memory.digests
                trained = np.delete(digests.train, division.validation)
                run.save_digests(trained, digests.train[division.validation], digests.test)
        elif resume:
            raise AAEError("Resuming needs the run directory; give out=.")
        loop = Loop(trainer, data, division, run, checkpoint_every, board, progress, watch, group)
        loop.reads_labels = reads_labels
        loop.fit_noise, loop.of_preset = fit_noise, "preset" in (info or {})
        if memory is not None:
            loop.warnings = memory.warnings
            loop.notes += memory.warnings
        loop.notes += [] if loop.of_preset else _unstable(model, settings)
        if resume and run is not None:
            loop.resume(run)
        return loop.run()


def _reads_labels(model: Autoencoder, settings: Settings) -> bool:
    """Whether anything learns from labels: a latent, or perhaps a term or extra of the user's own."""
    own = map(is_own, (*settings.terms, *settings.extras))
    return any(latent.label != "none" for latent in model.latents) or any(own)


def _unstable(model: Autoencoder, settings: Settings) -> list[str]:
    """A note if adversarial matching is known to fail with these settings: the codes end on a part of the prior."""
    parts: list[nn.Module] = list(model.trunk.modules()) if isinstance(model.trunk, nn.Module) else []
    normed = model.trunk is None or any(isinstance(part, _BatchNorm) for part in parts)
    adversarial = any(latent.rules("generator_loss") for latent in model.latents if not latent.is_category)
    if normed or not adversarial or settings.optimizer != "adam" or settings.beta1["adversarial"] < USUAL_BETA1:
        return []
    return ["Adversarial matching of a continuous code often fails with Adam's usual beta1 of 0.9 and no batch norm in "
            "the encoder: codes end on a part of the prior; set batch_norm=True, or beta1 to 0.5."]  # fmt: skip


def _check_arguments(model: object, settings: object, checkpoint_every: float | None) -> None:
    if not isinstance(model, Autoencoder):
        raise AAEError(f"The model must be an Autoencoder, as in aae.Autoencoder([latent], ...), not {kind_of(model)}.")
    if not isinstance(settings, Settings):
        raise AAEError(f"settings must be Settings, as in aae.Settings(epochs=20), not {kind_of(settings)}.")
    if checkpoint_every is not None:
        check_number("checkpoint_every", checkpoint_every)


def _lock_run_dir(run: RunDir, locks: ExitStack, config: dict[str, Any] | None) -> None:
    """Lock a run directory; with a configuration, a new one."""
    if config is None:
        run.config()
    else:
        run.make()
    locks.enter_context(run.locked())
    if config is not None:
        run.create(config)


class _Memory(NamedTuple):
    """What a new run remembers of its data, and what looks wrong with them."""

    facts: dict[str, Any]
    digests: Digests | None
    warnings: list[str]


def _remember(data: Dataset) -> _Memory:
    digests = digests_of(data)
    return _Memory(data_facts(data, digests), digests, warnings_about(data, digests))


def check_unchanged(run: RunDir, data: Dataset) -> None:
    """Check that the data are those that a run was trained on.

    Raises:
        AAEError: They have changed since.
    """
    before = run.config().get("data_facts")
    changed = before and what_changed(before, data_facts(data, digests_of(data)))
    if changed:
        raise AAEError(
            f"The data of {run.path} changed since training: {changed}. Restore the old data, or train again without "
            "--resume."
        )


def _recovery_advice(run: RunDir | None, of_preset: bool) -> str:
    """How to continue a run whose processes were lost."""
    if run is None:
        return "Train again."
    with suppress(AAEError):
        state, _ = latest_checkpoint(run.checkpoints)
        how = f"--out {run.path} --resume" if of_preset else f"aae.train(..., out={str(run.path)!r}, resume=True)"
        return f"Continue from step {state['step']} with {how}, on any number of devices."
    return f"{run.path} holds no checkpoint; train again."


def check_inputs(model: Autoencoder, data: Dataset, batch_size: int) -> None:
    """Check that the data fit the model.

    Raises:
        AAEError: Rows of another shape, or outside [0, 1] for a Bernoulli likelihood, or a part that returns something
            other than it should.
    """
    if data.shape != model.shape:
        raise AAEError(f"The model takes rows of shape {model.shape}, but {data.name} has rows of shape {data.shape}.")
    bounded = getattr(model.likelihood, "bounded", False) and not data.is_image and model.table is None
    if bounded and isinstance(data.x, np.ndarray):  # those on the disk are too many to look at
        outside = np.flatnonzero((data.x < 0).any(1) | (data.x > 1).any(1))
        if len(outside):
            raise AAEError(
                f"Row {outside[0]} of {data.name} has values outside [0, 1], which a Bernoulli likelihood cannot hold; "
                "scale the data to [0, 1] or use the Gaussian likelihood."
            )
    if len(data.x) > 1:  # of fewer rows nothing is learned, which is said elsewhere
        rows = data.x[evenly(len(data.x), max(2, min(TRIED, batch_size)))]
        check_results(model, next(inference.chunks(model, rows))[0])


def _tensorboard(run: RunDir | None) -> Callable[[], Any]:
    """A function that opens TensorBoard's files. Errors are raised before anything is written."""
    if run is None:
        raise AAEError("TensorBoard files need a run directory; give out=.")
    if not is_utf8(run.path):
        raise AAEError(f"TensorBoard writes only to names in UTF-8, which {run.path.resolve()} is not; rename it.")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise AAEError("TensorBoard is not installed; `pip install 'adversarial-autoencoder[tensorboard]'`.") from error
    return partial(SummaryWriter, run.path / "tensorboard")
