"""What a training of a preset is made of: the model, the settings, the labels it uses."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from aae.data.batches import Batches
from aae.data.dataset import Dataset
from aae.data.splits import VALIDATION_ROWS, Split, split_data
from aae.model.autoencoder import Autoencoder
from aae.presets.build import build_model
from aae.presets.build_settings import build_settings
from aae.presets.classes import resolve_classes
from aae.presets.options import Options
from aae.presets.presets import PRESETS, resolve
from aae.training.settings import Settings

__all__ = ["LENGTHS", "Length", "default_labels", "long_note", "photo_notes", "prepare", "resolve_for"]

LENGTHS = ("epochs", "steps", "seconds", "max_seconds")  # in a run's configuration
Length = dict[str, float | int]  # of a training, by the name of its unit
LONG = 2.5  # times the preset's own length


def resolve_for(preset: str, changes: Mapping[str, Any], data: Dataset) -> Options:
    """Options of a preset for a data set; some differ for vectors and tables."""
    embeddings = data.table is not None and data.table.vectors
    return resolve(preset, changes, None if data.is_image else math.prod(data.shape), embeddings)


def prepare(
    preset: str,
    data: Dataset,
    labels: int | None,
    split: str | Split,
    seed: int,
    changes: Mapping[str, Any],
    length: Length,
) -> tuple[Autoencoder, Settings, Split, dict[str, Any]]:
    """Build the model (initialised from the seed), settings, split and options of a preset."""
    options = resolve_for(preset, changes, data)
    division = split if isinstance(split, Split) else split_data(data, labels, split, seed)
    options = resolve_classes(options, data, division)
    torch.manual_seed(seed)
    model = build_model(options, data, len(division.labelled))
    steps = Batches(data, division, model, options.batch_size, options.labelled_batch_size, seed).steps_per_epoch
    return model, build_settings(options, data, steps, length), division, asdict(options)


def long_note(options: Mapping[str, Any], settings: Settings, rows: int) -> tuple[str, ...]:
    """A note if a training is much longer than the preset's own, on as many rows."""
    steps = max(1, rows // settings.batch_size)  # of one pass, about
    own = max(options["min_steps"], options["epochs"] * steps)
    times = (settings.steps or (settings.epochs or 0) * steps) / own
    if times < LONG:
        return ()
    return (
        f"This is about {times:.0f} times the preset's own length, for which its options were chosen; a longer "
        "training may end worse, so compare the validation error with that of the preset's own length.",
    )


def photo_notes(options: Mapping[str, Any], data: Dataset) -> tuple[str, ...]:
    """What can be done for colour images: whether they are photos, and keep their class when mirrored, is not known."""
    if not data.is_image or len(data.shape) < 3:
        return ()
    notes = []
    if options["y"] in ("supervised", "clusters", "auto"):
        notes.append("If these images are photos, a pretrained encoder (--features ENCODER) lowers the error far more "
                     "than any option.")  # fmt: skip
    if options["consistency"] and not options["flip"]:
        notes.append("The augmentation does not mirror images; if a mirrored image keeps its class, as most photos do "
                     "and characters do not, add --set flip=true.")  # fmt: skip
    return tuple(notes)


def default_labels(preset: str, data: Dataset) -> int:
    """Number of labels a preset uses: its own number for the bundled data sets, otherwise all.

    If nearly every row is labelled, the labels of a sixth of the rows are kept for validation, unless cross-validation
    tests the model.
    """
    available = int((data.y >= 0).sum()) if data.classes else 0
    if data.cross_validated:
        return available
    if data.held is not None and available:  # test and validation rows are among them
        available -= int((data.y[data.held] >= 0).sum()) + min(VALIDATION_ROWS, len(data.y) // 6)
    wanted = PRESETS[preset].labels
    if wanted and not data.bundled:
        return min(available, len(data.y) - len(data.y) // 6)
    return available if wanted is None else min(wanted, available)
