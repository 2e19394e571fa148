"""Trains a preset, and resumes an interrupted run."""

import inspect
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aae.data.builtin import source_entries
from aae.data.dataset import Dataset, ReadOptions
from aae.data.features.files import encoder_place
from aae.data.frames import DataFrame
from aae.data.sources import load_data
from aae.data.splits import Split, check_draw, split_data
from aae.distributed.processes import launch
from aae.model.artifact import MEMORY_MARGIN
from aae.model.autoencoder import Autoencoder
from aae.presets.classes import prior_note
from aae.presets.options import RENAMED, Options, renamed
from aae.presets.presets import resolve
from aae.runs.calibrate import calibrate
from aae.runs.cross_validation import choose_test_rows, cross_validate, saved_cross_validation, shared_time
from aae.runs.encoders import encoder_entry
from aae.runs.open import load_run_data, read_config
from aae.runs.prepare import Length, default_labels, long_note, photo_notes, prepare
from aae.runs.start import shortened, start_notes
from aae.runs.trial import settle_targets
from aae.system import generators
from aae.system.budget import Budget
from aae.system.errors import AAEError, UsageError, unknown
from aae.training.rundir import RunDir
from aae.training.settings import Settings, check_length
from aae.training.train import Result, check_unchanged, train

__all__ = ["resume_run", "train_preset"]

LOOP = ("checkpoint_every", "tensorboard", "progress", "watch", "fit_noise")  # passed on to `aae.train`


@generators.exclusive()
def train_preset(
    preset: str,
    data: str | Path | Dataset | DataFrame = "digits",
    *,
    label_column: str | None = None,
    labels: int | None = None,
    split: str | Split = "random",
    seed: int = 0,
    changes: Mapping[str, Any] | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    max_seconds: float | None = None,
    start: str | Path | None = None,
    reading: ReadOptions | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    devices: int | None = None,
    num_nodes: int | None = None,
    **loop: Any,
) -> Result:
    """Train a preset.

    Args:
        preset: Its name (see `aae.presets.presets.PRESETS`).
        data: A data set, its name or path, or a data frame of pandas or polars.
        label_column: Column of a table that holds the labels, in place of ``reading.label_column``.
        labels: Number of labels to use; that of the preset if not given.
        split: ``"random"``, ``"tutorial"`` or a `Split`.
        seed: Seed of everything random.
        changes: Options that differ from the preset, ``{name: value}``; may include ``recipe``.
        epochs: Length in passes over the rows; that of the preset if none of the three is given.
        steps: Length in steps.
        seconds: Length in seconds, to which the schedule is fitted.
        max_seconds: The most seconds that the training takes; it ends earlier when it is done.
        start: A run whose weights are the start, as far as they fit; the preset's own length is then a third.
        reading: Options for reading a path.
        out: Run directory; None: keep everything in memory.
        device: As for `aae.train`.
        precision: As for `aae.train`.
        devices: As for `aae.train`.
        num_nodes: As for `aae.train`.
        **loop: Passed to `aae.train`: checkpoint_every, tensorboard, progress, watch, fit_noise.

    Raises:
        AAEError: Any error that the user can fix.

    Example:
        >>> import torch
        >>> result = train_preset("semi-supervised", "digits", steps=2, progress=False)
        >>> result.model.classify(torch.rand(3, 8, 8)).shape
        torch.Size([3, 10])
    """
    _check_loop("train_preset", train_preset, loop)
    given = {"epochs": epochs, "steps": steps, "seconds": seconds}
    length: Length = {name: value for name, value in given.items() if value is not None}
    if len(length) > 1:
        raise UsageError(f"Give one of epochs, steps and seconds, not {' and '.join(length)}.")
    if max_seconds is not None:
        length["max_seconds"] = max_seconds
    resolve(preset)
    check_length(length)
    labels, seed = check_draw(labels, seed)
    changes = renamed(changes or {})
    # Processes connect before they read the data, so that none times out while another is still reading.
    loop["group"] = launch(device, precision, devices, num_nodes)
    if out is not None and not loop.get("resume"):
        loop["group"].broadcast_result(RunDir(out).check_empty)  # before a trial or an encoding takes its time
    reading = reading or ReadOptions()
    reading = reading if label_column is None else replace(reading, label_column=label_column)
    rows = load_data(data, reading)
    rows = choose_test_rows(rows, preset, changes, labels, split, seed)
    labels = default_labels(preset, rows) if labels is None else labels
    division = split if isinstance(split, Split) else split_data(rows, labels, split, seed)
    group, shown = loop["group"], loop.get("progress", True)
    changes, length, notes = settle_targets(preset, rows, division, seed, changes, length, group, shown)
    rows = replace(rows, notes=(*rows.notes, *notes))
    if start is not None:
        changes, length = shortened(preset, rows, changes, length, (labels, division, seed))
    model, settings, _, options = prepare(preset, rows, labels, division, seed, changes, shared_time(rows, length))
    if start is not None:
        rows = replace(rows, notes=(*rows.notes, *start_notes(model, start, rows.cross_validated)))
    if changes.get("class_prior", "labels") == "labels" and not isinstance(options["class_prior"], str):
        rows = replace(rows, notes=(*rows.notes, prior_note(rows.classes, options["class_prior"])))
    rows = replace(rows, notes=(*rows.notes, *long_note(options, settings, len(rows.x)), *photo_notes(options, rows)))
    info = {
        "preset": preset,
        **source_entries(data if isinstance(data, str | Path) else rows),
        "reading": _with_absolute_paths(reading.given()),
        "labels": labels,
        "changes": changes,
        "length": length,
        "options": options,
        **({} if start is None else {"from": str(Path(start).resolve())}),
        **({} if rows.encoder is None else {"encoder": encoder_entry(rows.encoder, reading)}),
        **({"cross_validated": True} if rows.cross_validated else {}),
    }
    result = train(model, rows, settings, labels=labels, split=split, seed=seed, out=out, info=info, **loop)
    return _tested(result, preset, seed, changes, length, loop)


def _check_loop(owner: str, function: Callable[..., Any], loop: Mapping[str, Any]) -> None:
    """Check the names of what is passed on to `aae.train`."""
    for name in loop:
        if name in Options.__dataclass_fields__ or name in RENAMED:
            advice = f"pass changes={{{name!r}: ...}}" if owner == "train_preset" else "a run keeps its options"
            raise UsageError(f"{owner} has no argument {name!r}, which is an option of the preset; {advice}.")
        if name not in LOOP:
            own = (key for key in inspect.signature(function).parameters if key != "loop")
            raise unknown(f"argument of {owner} called", name, [*own, *LOOP])


def _tested(
    result: Result, preset: str, seed: int, changes: Mapping[str, Any], length: Length, loop: Mapping[str, Any]
) -> Result:
    """Cross-validate a training that needs it and has ended, and calibrate a classifier."""
    run = None if result.path is None else RunDir(result.path)
    if result.data.cross_validated and not result.interrupted:
        found = None if run is None else saved_cross_validation(run, result.data)
        group, shown = loop["group"], loop.get("progress", True)
        try:
            result.cross_validation = found or cross_validate(preset, result.data, seed, changes, length, group, shown)
        except KeyboardInterrupt:
            result.interrupted = signal.SIGINT
    calibrate(result)
    if run is not None and result.cross_validation is not None and result.is_rank_zero:
        result.cross_validation.save(run)
    return result


def _with_absolute_paths(given: dict[str, Any]) -> dict[str, Any]:
    """Read options with absolute paths, so that a run can be opened from anywhere."""
    plain: dict[str, Any] = {k: list(v) if k == "ignore" else dict(v) if k == "kind" else v for k, v in given.items()}
    absolute = {k: str(Path(v).resolve()) if k in ("labels_file", "test") else v for k, v in plain.items()}
    return absolute | ({"features": encoder_place(plain["features"])} if "features" in plain else {})


@generators.exclusive()
def resume_run(
    path: str | Path,
    preset: str | None = None,
    *,
    device: str | None = None,
    precision: str | None = None,
    devices: int | None = None,
    num_nodes: int | None = None,
    **loop: Any,
) -> Result:
    """Continue an interrupted run from its newest usable checkpoint, with the settings of the run.

    Args:
        path: The run directory.
        preset: If given, the run must be of this preset.
        device: As for `aae.train`; that of the run if not given.
        precision: As for `aae.train`; that of the run if not given.
        devices: As for `aae.train`.
        num_nodes: As for `aae.train`.
        **loop: As for `train_preset`.

    Raises:
        AAEError: Not a run, a run of another preset, or no usable checkpoint.
    """
    _check_loop("resume_run", resume_run, loop)
    config = read_config(RunDir(path))
    if "preset" not in config:
        raise AAEError(
            f"{path} was not made from a preset; build the model as before and call aae.train(..., resume=True)."
        )
    if preset is not None and preset != config["preset"]:
        raise AAEError(f"{path} is a run of {config['preset']}, not of {preset}; name the same preset to resume it.")
    loop["group"] = launch(device or config["device"], precision or config["precision"], devices, num_nodes)
    data, model, settings, split = _rebuild(config, path)
    info = {"preset": config["preset"]}
    result = train(model, data, settings, split=split, seed=config["seed"], out=path, resume=True, info=info, **loop)
    return _tested(result, config["preset"], config["seed"], config["changes"], config["length"], loop)


def _rebuild(config: dict[str, Any], path: str | Path) -> tuple[Dataset, Autoencoder, Settings, Split]:
    """Data, model, settings and split of a run; the model may not be larger than the largest checkpoint."""
    data = load_run_data(config, path)
    largest = max((file.stat().st_size for file in RunDir(path).checkpoints.glob("step-*")), default=0)
    with Budget(largest + MEMORY_MARGIN):
        labels, split, seed, changes = (config[name] for name in ("labels", "split", "seed", "changes"))
        try:
            length = shared_time(data, config["length"])
            model, settings, split, _ = prepare(config["preset"], data, labels, split, seed, changes, length)
        except AAEError:
            check_unchanged(RunDir(path), data)  # which explains an error about changed data better
            raise
    return data, model, settings, split
