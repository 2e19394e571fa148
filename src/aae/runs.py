"""From the name of a preset to a finished run, and from a run directory back to its parts."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import torch

from aae import inference
from aae.artifact import SPARE, load
from aae.budget import Budget
from aae.build import build_model, build_settings
from aae.component import fits
from aae.data.batches import Batches
from aae.data.sources import Dataset, Reading, load_data, names_images
from aae.data.splits import VALIDATED, Split, split_data
from aae.data.tables import ENDINGS as TABLES
from aae.errors import AAEError, UsageError
from aae.model import Autoencoder
from aae.presets import PRESETS, Options, resolve
from aae.processes import assemble
from aae.rundir import RunDir
from aae.settings import LENGTHS, Settings
from aae.training import Result, train

__all__ = ["Run", "open_run", "prepare", "reading_for", "resume_run", "train_preset"]


@dataclass
class Run:
    """A finished (or interrupted) run and what it was trained on."""

    directory: RunDir
    config: dict[str, Any]
    model: Autoencoder
    data: Dataset
    split: Split

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Class probabilities of the test rows; more than one picture asks for them."""
        return inference.classify(self.model, self.data.test_x)


def open_run(path: str | Path, data: str | None = None) -> Run:
    """Load a run's model and data.

    Args:
        path: The run directory.
        data: Other data to use with the model; the run's own if not given.

    Raises:
        AAEError: Not a run, or its model or data cannot be read.
    """
    directory = RunDir(path)
    config = _whole(directory)
    if not directory.model.is_dir():
        raise AAEError(
            f"{path} has no model yet, because its training did not come to an end; go on with `aae train "
            f"{config.get('preset', 'PRESET')} --out {path} --resume`."
        )
    model = load(directory.model)
    rows = load_data(config["data"], _reading(config)) if data is None else _other_data(data, model, config)
    if data is None:
        return Run(directory, config, model, rows, split_data(rows, config["labels"], config["split"], config["seed"]))
    if rows.shape != model.shape:
        raise AAEError(f"The model takes rows of shape {model.shape}, but {data} has rows of shape {rows.shape}.")
    rows = _renumbered(rows, model.classes)
    return Run(directory, config, model, rows, split_data(rows, 0, "random", 0))


def _whole(run: RunDir) -> dict[str, Any]:
    """A run's configuration, with all that is needed to open it or to go on with it."""
    config = run.config()
    preset = ("changes", "length", "device", "precision") if "preset" in config else ()
    needed = ["data", "labels", "split", "seed", *preset]
    missing = [name for name in needed if name not in config]
    if missing:
        raise AAEError(f"{run.path / 'config.json'} lacks {', '.join(missing)}; copy the file again.")
    strange = [name for name in config.get("length", {}) if name not in LENGTHS]
    if strange:
        known = ", ".join(LENGTHS)
        raise AAEError(f"{run.path / 'config.json'} gives a length in {strange[0]!r}; it is in one of {known}.")
    if not 0 <= config["seed"] < 2**63:
        raise AAEError(f"{run.path / 'config.json'} gives {config['seed']} as seed; it is 0 or more, below 2^63.")
    return config


def _reading(config: dict[str, Any]) -> Reading:
    given, kinds = config.get("reading", {}), get_type_hints(Reading)
    strange = next((name for name in given if name not in kinds or not fits(given[name], kinds[name])), None)
    if strange is not None:
        raise AAEError(f"The run's config.json says nothing usable of how its data were read ({strange}).")
    return Reading(**given)


def _other_data(data: str, model: Autoencoder, config: dict[str, Any]) -> Dataset:
    """Data that the model was not trained on, read as it takes them: size and colours of images, columns of tables."""
    if names_images(data):
        return load_data(data, reading_for(model))
    label_column = _reading(config).label_column if data.endswith(TABLES) else None
    return load_data(data, Reading(label_column=label_column), model.table)


def reading_for(model: Autoencoder) -> Reading:
    """How a folder of images is read for a model.

    Raises:
        AAEError: The model does not take square images.
    """
    if len(model.shape) not in (2, 3) or model.shape[0] != model.shape[1]:
        raise AAEError(f"The model takes rows of shape {model.shape}, and a folder of images gives square ones.")
    return Reading(image_size=model.shape[0], colour=len(model.shape) == 3)


def _renumbered(data: Dataset, classes: list[str | int] | None) -> Dataset:
    """The data set with its labels numbered as the model's classes are; not every class need occur in it."""
    if classes is None or data.classes == classes:
        return data
    strange = [name for name in data.classes if name not in classes]
    if strange:
        raise AAEError(
            f"{data.name} has the class {strange[0]!r}, which the model does not know; it knows "
            f"{', '.join(map(str, classes))}."
        )
    number = np.array([*(classes.index(name) for name in data.classes), -1])  # the last place is that of -1
    return replace(data, y=number[data.y], test_y=number[data.test_y], classes=classes)


def resolve_for(preset: str, changes: Mapping[str, Any], data: Dataset) -> Options:
    """Options of a preset for a data set: some differ for vectors and tables."""
    return resolve(preset, changes, None if data.is_image else math.prod(data.input_shape))


def prepare(
    preset: str,
    data: Dataset,
    labels: int | None,
    split: str | Split,
    seed: int,
    changes: Mapping[str, Any],
    length: dict[str, float | int],
) -> tuple[Autoencoder, Settings, Split, dict[str, Any]]:
    """Resolve a preset into its model (initialised from the seed), settings, split and options."""
    options = resolve_for(preset, changes, data)
    division = split if isinstance(split, Split) else split_data(data, labels, split, seed)
    torch.manual_seed(seed)
    model = build_model(options, data, len(division.labelled))
    steps = Batches(data, division, model, options.batch_size, options.labelled_batch_size, seed).steps_per_epoch
    return model, build_settings(options, data, steps, length), division, asdict(options)


def train_preset(
    preset: str,
    data: str | Path | Dataset = "digits",
    *,
    labels: int | None = None,
    split: str = "random",
    seed: int = 0,
    changes: Mapping[str, Any] | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    max_seconds: float | None = None,
    reading: Reading | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    devices: int | None = None,
    num_nodes: int | None = None,
    **loop: Any,
) -> Result:
    """Train a preset.

    Args:
        preset: Its name (see `aae.presets.PRESETS`).
        data: A data set, or its name or path.
        labels: Labels that may be used; the preset's own number if not given.
        split: ``"random"`` or ``"tutorial"``.
        seed: Seed of everything random.
        changes: Options that differ from the preset's, ``{name: value}``; ``recipe`` among them.
        epochs: Length in passes over the rows; the preset's own length if none of the three is given.
        steps: Length in steps.
        max_seconds: Length in seconds.
        reading: How a path is read, where there is a choice.
        out: Run directory; None keeps everything in memory.
        device: As for `aae.train`.
        precision: As for `aae.train`.
        devices: As for `aae.train`.
        num_nodes: As for `aae.train`.
        **loop: Passed to `aae.train`: checkpoint_every, tensorboard, progress, watch.

    Raises:
        AAEError: Anything the user can put right.

    Example:
        >>> result = train_preset("semi-supervised", "digits", steps=2, progress=False)
        >>> result.model.classify(torch.rand(3, 8, 8)).shape
        torch.Size([3, 10])
    """
    given = {"epochs": epochs, "steps": steps, "max_seconds": max_seconds}
    length: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if len(length) > 1:
        raise UsageError(f"Give one of epochs, steps and max_seconds, not {' and '.join(length)}.")
    if preset not in PRESETS:
        resolve(preset)
    # Processes meet before they read the data, so that none waits for another that has far to go.
    loop["team"] = assemble(device, precision, devices, num_nodes)
    reading = reading or Reading()
    rows = load_data(data, reading)
    labels = default_labels(preset, rows) if labels is None else labels
    model, settings, _, options = prepare(preset, rows, labels, split, seed, changes or {}, length)
    spec = data if isinstance(data, str | Path) else rows.name
    spec = str(Path(spec).resolve()) if Path(spec).exists() else str(spec)
    info = {
        "preset": preset,
        "data": spec,
        "reading": _absolute(reading.given()),
        "labels": labels,
        "changes": dict(changes or {}),
        "length": length,
        "options": options,
    }
    return train(model, rows, settings, labels=labels, split=split, seed=seed, out=out, info=info, **loop)


def _absolute(given: dict[str, Any]) -> dict[str, Any]:
    """The same with whole paths, so that a run can be opened from anywhere."""
    return {k: str(Path(v).resolve()) if k in ("labels_file", "test") else v for k, v in given.items()}


def default_labels(preset: str, data: Dataset) -> int:
    """Labels of a preset that learns from some: its own number of the data sets known by name, else all there are.

    Where nearly every row has one, a sixth of the rows keeps theirs for validation.
    """
    available = int((data.y >= 0).sum()) if data.classes else 0
    if data.held is not None and available:  # rows to test and to validate on are among them
        available -= int((data.y[data.held] >= 0).sum()) + min(VALIDATED, len(data.y) // 6)
    wanted = PRESETS[preset].labels
    if wanted and not data.bundled:
        return min(available, len(data.y) - len(data.y) // 6)
    return available if wanted is None else min(wanted, available)


def resume_run(path: str | Path, preset: str | None = None, **loop: Any) -> Result:
    """Go on with an interrupted run from its newest usable checkpoint, with the run's own settings.

    Args:
        path: The run directory.
        preset: If given, the preset that the run must be of.
        **loop: As for `train_preset`.

    Raises:
        AAEError: Not a run, another preset's, or one without a usable checkpoint.
    """
    config = _whole(RunDir(path))
    if "preset" not in config:
        raise AAEError(
            f"{path} was not made from a preset; build the model as before and call aae.train(..., resume=True)."
        )
    if preset is not None and preset != config["preset"]:
        raise AAEError(f"{path} is a run of {config['preset']}, not of {preset}; name the same preset to resume it.")
    place = {name: loop.pop(name, None) for name in ("device", "precision", "devices", "num_nodes")}
    for name in ("device", "precision"):
        place[name] = place[name] or config[name]
    loop["team"] = assemble(**place)
    data, model, settings, split = _as_before(config, path)
    return train(model, data, settings, split=split, seed=config["seed"], out=path, resume=True, **loop)


def _as_before(config: dict[str, Any], path: str | Path) -> tuple[Dataset, Autoencoder, Settings, Split]:
    """What a run was begun with; its model may not be larger than the checkpoints that are there."""
    data = load_data(config["data"], _reading(config))
    largest = max((file.stat().st_size for file in RunDir(path).checkpoints.glob("step-*")), default=0)
    with Budget(largest + SPARE):
        how = (config[name] for name in ("labels", "split", "seed", "changes", "length"))
        model, settings, split, _ = prepare(config["preset"], data, *how)
    return data, model, settings, split
