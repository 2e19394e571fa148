"""What a training would be, without training: data, split, model, settings and how long it takes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from aae.data.batches import Batches
from aae.data.dataset import Dataset, ReadOptions
from aae.data.facts import digests_of
from aae.data.sources import load_data
from aae.data.splits import Split, check_draw, split_data
from aae.data.summary import describe_split, warnings_about
from aae.model.autoencoder import Autoencoder
from aae.presets.options import renamed
from aae.presets.presets import resolve
from aae.runs.cross_validation import choose_test_rows, shared_time
from aae.runs.prepare import default_labels, photo_notes, prepare
from aae.runs.start import shortened, start_notes
from aae.system import generators
from aae.system.errors import AAEError
from aae.training.settings import Settings, check_length

__all__ = ["Plan", "count_parameters", "plan_training", "usual_training"]

CLASSIFIER, OTHER = "few-labels", "aae"  # presets that stand for those with and without labels


class Plan(NamedTuple):
    """Everything that is settled before the first step.

    ``options`` are those of the preset for these data, after the user's changes.
    """

    data: Dataset
    split: Split
    model: Autoencoder
    settings: Settings
    options: dict[str, Any]
    steps_per_epoch: int

    def describe(self) -> list[str]:
        """Lines on the data, the model's size and the length of the training."""
        counts = count_parameters(self.model)
        parts = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        return [
            describe_split(self.data, self.split),
            f"model: {sum(counts.values()):,} parameters ({parts})",
            f"length: {self._length()}",
        ]

    def warnings(self) -> list[str]:
        """What looks wrong with the data."""
        return warnings_about(self.data, digests_of(self.data))

    def _length(self) -> str:
        settings = self.settings
        steps = settings.steps or round((settings.epochs or 0) * self.steps_per_epoch)
        if not steps:
            return f"{settings.max_seconds:g} seconds"
        most = "" if settings.max_seconds is None else f", or {settings.max_seconds:g} seconds if that is shorter"
        passes = f"{steps / self.steps_per_epoch:.3g} epochs"
        return f"{steps:,} steps of {settings.batch_size} examples ({passes}){most}"


@generators.exclusive()
def plan_training(
    preset: str,
    data: str | Path | Dataset = "digits",
    *,
    labels: int | None = None,
    split: str = "random",
    seed: int = 0,
    changes: Mapping[str, Any] | None = None,
    reading: ReadOptions | None = None,
    start: str | Path | None = None,
    **length: float | int,
) -> Plan:
    """Build what `aae.train_preset` would train with the same arguments; nothing is trained or written.

    Args:
        preset: As for `aae.train_preset`, like the other arguments.
        data: A data set, or its name or path.
        labels: Number of labels to use.
        split: ``"random"`` or ``"tutorial"``.
        seed: Seed of everything random.
        changes: Options that differ from the preset.
        reading: Options for reading a path.
        start: A run whose weights are the start.
        **length: One of epochs, steps and seconds, or none for the preset's own; and max_seconds.

    Raises:
        AAEError: Any error that the user can fix.
    """
    changes = renamed(changes or {})
    resolve(preset, changes)
    check_length(length)
    labels, seed = check_draw(labels, seed)
    rows = load_data(data, reading or ReadOptions())
    rows = choose_test_rows(rows, preset, changes, labels, split, seed)
    labels = default_labels(preset, rows) if labels is None else labels
    division = split_data(rows, labels, split, seed)
    if start is not None:
        changes, length = shortened(preset, rows, changes, length, (labels, division, seed))
    model, settings, _, options = prepare(preset, rows, labels, division, seed, changes, shared_time(rows, length))
    if start is not None:
        rows = replace(rows, notes=(*rows.notes, *start_notes(model, start, rows.cross_validated)))
    rows = replace(rows, notes=(*rows.notes, *photo_notes(options, rows)))
    batches = Batches(rows, division, model, settings.batch_size, settings.labelled_batch_size, seed)
    return Plan(rows, division, model, settings, options, batches.steps_per_epoch)


def usual_training(data: Dataset) -> tuple[Dataset, list[str]]:
    """The data as trainings with default options use them, and a line for each way in which these divide them.

    A classifier learns from all rows of a table with few labels; other models do not. The data are the classifier's if
    there are classes.
    """
    used = choose_test_rows(data, CLASSIFIER, {}, None, "random", 0) if data.classes else data
    parts = [(CLASSIFIER, used)] if data.classes else []
    parts += [(OTHER, data)] if used.cross_validated or not data.classes else []
    lines = []
    for preset, rows in parts:
        try:
            split = split_data(rows, default_labels(preset, rows))
            lines.append(describe_split(rows, split, f"aae train {preset}"))
        except AAEError as error:  # as the training would
            lines.append(f"aae train {preset}: {error}")
    return used, lines


def count_parameters(model: Autoencoder) -> dict[str, int]:
    """Numbers of parameters of the ``encoder``, the ``decoder`` and, if it has any, the ``discriminators``."""
    parts: dict[str, list[Any]] = {
        "encoder": [model.trunk, *(latent.posterior for latent in model.latents)],
        "decoder": [model.decoder, model.merge],
        "discriminators": [rule for latent in model.latents for rule in latent.matching],
    }
    counts = {
        name: sum(p.numel() for module in modules if module is not None for p in module.parameters())
        for name, modules in parts.items()
    }
    return {name: count for name, count in counts.items() if count or name != "discriminators"}
