"""Errors by cross-validation over the labels, for tables that have too few labels to hold some out."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aae.data.arrays import read_numpy
from aae.data.dataset import Dataset
from aae.data.facts import list_some
from aae.data.labels import ClassName
from aae.data.raw import ALL_TRAIN
from aae.data.row_keys import keys_of
from aae.data.splits import Split
from aae.distributed.processes import ProcessGroup
from aae.evaluation import conditional, inference
from aae.evaluation.baselines import FOLDS, cross_validated_errors, fold_numbers
from aae.evaluation.figures import class_figures, evaluate
from aae.evaluation.intervals import Share
from aae.model.autoencoder import Autoencoder
from aae.runs.prepare import Length, prepare, resolve_for
from aae.system.errors import AAEError
from aae.system.files import write_atomically
from aae.system.progress import row_progress, say
from aae.training.rundir import RunDir
from aae.training.train import train

__all__ = [
    "CrossValidation",
    "choose_test_rows",
    "cross_validate",
    "saved_cross_validation",
    "shared_time",
    "single_label_notes",
    "with_all_labels",
]  # fmt: skip

ENOUGH = 200  # labelled test rows, whose error says something: its 95 % interval is 6 to 14 for 10 %
DRAWS = 5  # of the folds of simple classifiers, which take a moment
COUNTS = ("_rows", "_labelled", "_folds")  # ends of the names of whole numbers
NAMES = ("probabilities", "names", "values")  # in a run's file


NOTE = (
    f"Fewer than {ENOUGH} labelled rows could be held out to test on, so the model learns from all labels, and "
    f"{FOLDS} more trainings, each without a part of the labels, measure its error (cross-validation); to test on "
    "held-out rows instead, give --test FILE, or fewer labels with --labels N."
)


@dataclass(frozen=True)
class CrossValidation:
    """What trainings without a fifth of the labels say of that fifth.

    Args:
        probabilities: Of the test rows of `with_all_labels`, each by the training that has not seen it ``(N, K)``.
        figures: Those of `aae.evaluation.figures.evaluate` over all of these rows.
    """

    probabilities: np.ndarray
    figures: dict[str, float]

    def save(self, run: RunDir) -> None:
        """Write it into a run directory.

        Raises:
            AAEError: The file cannot be written.
        """
        names, values = np.array(list(self.figures)), np.array(list(self.figures.values()))
        write_atomically(
            run.folds, lambda file: np.savez(file, probabilities=self.probabilities, names=names, values=values)
        )


def saved_cross_validation(run: RunDir, data: Dataset) -> CrossValidation | None:
    """That of a run; None if it has none of these data, because it was interrupted or the data have changed."""
    with suppress(AAEError):
        found = read_numpy(run.folds, NAMES) if run.folds.is_file() else {}
        if len(found) == len(NAMES) and len(found["probabilities"]) == len(data.test_x):
            pairs = zip(found["names"].tolist(), found["values"].tolist(), strict=True)
            figures = {name: round(value) if name.endswith(COUNTS) else value for name, value in pairs}
            return CrossValidation(found["probabilities"], figures)
    return None


def choose_test_rows(
    data: Dataset, preset: str, changes: Mapping[str, Any], labels: int | None, split: str | Split, seed: int
) -> Dataset:
    """The data to train a preset on: all of them, if the labels held out for testing would say little of its error.

    That is so for a classifier with fewer than 200 labelled test rows, unless the user has chosen the test rows or how
    many labels to use. Only vectors and tables are trained several times, which takes seconds.

    Args:
        data: The data set as it was read.
        preset: Name of the preset.
        changes: Options that differ from it.
        labels: Number of labels that the user has chosen.
        split: As for `aae.train`.
        seed: Seed of the folds.
    """
    chosen = labels is not None or split != "random" or not data.test_held_out
    if chosen or data.is_image or data.held is not None:
        return data
    y = np.concatenate([data.test_y, data.y])
    few = int((data.test_y >= 0).sum()) < ENOUGH and np.bincount(y[y >= 0], minlength=1).max() > 1
    if not few or resolve_for(preset, changes, data).y != "supervised":
        return data
    counts = np.bincount(y[y >= 0], minlength=len(data.classes))
    single = [data.classes[k] for k in np.flatnonzero(counts == 1)]
    notes = [note for note in data.notes if note != ALL_TRAIN.format(int((y >= 0).sum()))]  # which NOTE says, too
    return replace(with_all_labels(data, seed), notes=(*notes, NOTE, *single_label_notes(single)))


def single_label_notes(classes: Sequence[ClassName]) -> list[str]:
    """A sentence on the classes whose only label cannot be held out, so that no error is known of them."""
    if not classes:
        return []
    some = list_some([repr(name) for name in classes])
    if len(classes) == 1:
        return [f"The class {some} has a single label, which every training learns; the error by cross-validation says "
                "nothing about this class."]  # fmt: skip
    return [f"{len(classes):,} classes have a single label, which every training learns ({some}); the error by "
            "cross-validation says nothing about these classes."]  # fmt: skip


def with_all_labels(data: Dataset, seed: int) -> Dataset:
    """The data with all rows to train on. Test rows are those that have a fold, though they are trained on, too."""
    x, y = np.concatenate([data.test_x, data.x]), np.concatenate([data.test_y, data.y])
    rows, _ = _folds(y, seed)
    keys = keys_of(data)
    names = np.concatenate([keys.test, keys.train])
    return replace(data, x=x, y=y, test_x=x[rows], test_y=y[rows], test_held_out=False, cross_validated=True,
                   keys=replace(keys, train=names, test=names[rows]))  # fmt: skip


def _folds(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are held out once, in order, and their folds; the only row of a class is always learned."""
    labelled = np.flatnonzero(y >= 0)
    folds = fold_numbers(y[labelled], seed)
    return labelled[folds >= 0], folds[folds >= 0]


def shared_time(data: Dataset, length: Length) -> Length:
    """The length of one training, where it shares its seconds with those of cross-validation."""
    if not data.cross_validated:
        return length
    return {name: value / (FOLDS + 1) if name.endswith("seconds") else value for name, value in length.items()}


def cross_validate(
    preset: str,
    data: Dataset,
    seed: int,
    changes: Mapping[str, Any],
    length: Length,
    group: ProcessGroup,
    progress: bool = True,
) -> CrossValidation:
    """Train once without each fifth of the labels and measure the model on that fifth.

    Args:
        preset: Name of the preset.
        data: The data of `with_all_labels`.
        seed: Seed of the folds and of each training.
        changes: Options that differ from the preset.
        length: Length of all trainings together if in seconds, otherwise of each one.
        group: The processes that train.
        progress: Show progress bars.

    Raises:
        KeyboardInterrupt: A training was interrupted.
    """
    rows, folds = _folds(data.y, seed)
    numbers = np.unique(folds)
    length = shared_time(data, length)
    probabilities = np.zeros((len(rows), len(data.classes)))
    found = []
    shown = progress and group.is_rank_zero
    if shown:
        say(f"Cross-validation: {len(numbers)} more trainings, each without a part of the labels, measure the error.")
    with row_progress("Cross-validation", len(rows), shown) as advance:
        for k in numbers:
            out = rows[folds == k]
            kept = np.setdiff1d(np.arange(len(data.x)), out)
            part = replace(data, x=data.x[kept], y=data.y[kept], test_x=data.x[out], test_y=data.y[out], notes=())
            split = Split(np.flatnonzero(part.y >= 0), np.flatnonzero(part.y < 0), np.arange(0))
            model, settings, *_ = prepare(preset, part, len(split.labelled), split, seed, changes, length)
            sampled = len(out) >= conditional.FEWEST  # only then does `evaluate` sample from the model
            result = train(model, part, settings, split=split, seed=seed, group=group, progress=False,
                           fit_noise=sampled, info={"preset": preset})  # fmt: skip
            if result.interrupted:
                raise KeyboardInterrupt
            found.append(evaluate(result.model, part))  # simple classifiers come after it, over more folds
            probabilities[folds == k] = inference.classify(result.model, part.test_x)
            advance(len(out))
    figures = pooled(found) | class_figures("test_error", data.test_y, probabilities.argmax(1), data.classes)
    figures |= _baselines(result.model, data, seed)
    return CrossValidation(probabilities, {**figures, "cross_validation_folds": len(numbers)})


def _baselines(model: Autoencoder, data: Dataset, seed: int) -> dict[str, float]:
    """The errors of simple classifiers, the mean over several draws of the folds: one draw may be off by points."""
    x = inference.prepare(model, data.test_x).reshape(len(data.test_x), -1)
    images = len(model.input_shape) > 1
    draws = [cross_validated_errors(x, data.test_y, seed + k, images) for k in range(DRAWS)]
    return {key: value for name in draws[0]
            for key, value in Share(float(np.mean([one[name] for one in draws])), len(x))
            .entries(f"baseline_{name}").items()}  # fmt: skip


def pooled(found: list[dict[str, float]]) -> dict[str, float]:
    """The figures over the rows of all folds, of those that every fold has.

    Args:
        found: Those of each fold, as `aae.evaluation.figures.evaluate` names them.
    """
    tested = np.array([figures["test_rows"] for figures in found])
    values: dict[str, float] = {}
    for name in found[0]:
        if name.endswith(("_low", "_high", "_rows", "_labelled")) or not all(name in figures for figures in found):
            continue
        rows = np.array([figures.get(f"{name}_rows", figures["test_rows"]) for figures in found])
        value = float(np.average([figures[name] for figures in found], weights=rows))
        values |= Share(value, int(rows.sum())).entries(name) if f"{name}_rows" in found[0] else {name: value}
    return {"test_rows": int(tested.sum()), "test_labelled": int(tested.sum()), **values}
