"""A short training with half of the labels, which settles what unlabelled rows learn from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from aae.data.batches import Batches
from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.distributed.processes import ProcessGroup
from aae.evaluation import inference
from aae.evaluation.baselines import MAX_VALUES
from aae.evaluation.calibration import misfit
from aae.evaluation.committee import Committee, sharpened
from aae.model.autoencoder import Autoencoder
from aae.runs.prepare import Length, prepare, resolve_for
from aae.training.settings import Settings
from aae.training.train import train

__all__ = ["Settled", "settle_targets"]

SHARE = 0.1  # of the length of the training
STEPS = 200  # at least; after fewer, a network seems worse than it will be
MOST = {"steps": 1000, "seconds": 120.0}  # of the trial
WORTH = 2  # a training is at least so many times as long as its trial
LABELS = 5  # of each class on average, with which half of them say something
ROWS = 10_000  # over which labels spread
WEIGHT = 0.5  # of the baseline targets, if they are needed; 2 makes no difference
CERTAIN = 0.8  # of the entropy of equal classes: a committee above that knows too little to teach
CAUTION = (0.2, 0.35, 0.6, 1.0)  # powers of the network's probabilities, which are too certain


class Settled(NamedTuple):
    """The changes and the length of the training that follows, and notes for the user."""

    changes: dict[str, Any]
    length: Length
    notes: tuple[str, ...] = ()


def settle_targets(
    preset: str,
    data: Dataset,
    split: Split,
    seed: int,
    changes: Mapping[str, Any],
    length: Length,
    group: ProcessGroup,
    progress: bool = True,
) -> Settled:
    """Replace ``baseline_targets="auto"`` by a number: whether unlabelled rows need targets of simple classifiers.

    Where a network separates the classes after a few steps, it is the best judge of unlabelled rows. Where it does not,
    as with photographs or clothes, it confirms its own mistakes, because everything that makes the classes smooth makes
    it certain of them. So it is trained with half of the labels for a tenth of the time. If a `Committee` predicts the
    other half better (by likelihood), and much better than chance, unlabelled rows learn what the committee says, too.

    Args:
        preset: Name of the preset.
        data: The data set.
        split: Which rows are labelled.
        seed: Seed of the trial.
        changes: Options that differ from the preset.
        length: Length of the training: epochs, steps or seconds, or none for that of the preset; and max_seconds.
        group: The processes that train.
        progress: Show a progress bar.

    Raises:
        KeyboardInterrupt: The trial was interrupted.
    """
    if resolve_for(preset, changes, data).baseline_targets != "auto":
        return Settled(dict(changes), length)
    without = {**changes, "baseline_targets": 0.0}
    half, held = _half(data.y, split, seed)
    few = not len(held) or len(split.labelled) < LABELS * len(data.classes)
    if few or not len(split.unlabelled) or len(split.labelled) * math.prod(data.shape) > MAX_VALUES:
        return Settled(dict(changes), length)
    model, settings, *_ = prepare(preset, data, len(half.labelled), half, seed, without, length)
    batches = Batches(data, half, model, settings.batch_size, settings.labelled_batch_size, seed)
    short = _shortened(settings, batches.steps_per_epoch)
    if not short:  # said in the changes, so that a run of another length that repeats this one has no trial either
        return Settled(without, length)
    model, settings, *_ = prepare(preset, data, len(half.labelled), half, seed, without, short)
    rows = replace(data, notes=("First, a short trial with half of the labels.",))
    result = train(model, rows, settings, split=half, seed=seed, group=group, progress=progress, fit_noise=False,
                   info={"preset": preset})  # fmt: skip
    if result.interrupted:
        raise KeyboardInterrupt
    left = {name: value - result.seconds * name.endswith("seconds") for name, value in length.items()}
    if result.step < STEPS:
        return Settled(without, left)
    y = data.y[held]
    # One process judges for all: what they compute may differ in the last digits.
    own, others = group.broadcast_result(
        lambda: (inference.classify(result.model, data.x[held]), _committee(result.model, batches, data.x[held]))
    )
    least = min(misfit(sharpened(own, power), y) for power in CAUTION)
    needed = misfit(others, y) < min(least, CERTAIN * math.log(len(data.classes)))
    wrong = [int((p.argmax(1) != y).sum()) for p in (own, others)]
    return Settled({**changes, "baseline_targets": WEIGHT if needed else 0.0}, left, (_note(wrong, len(y), needed),))


def _note(wrong: Sequence[int], rows: int, needed: bool) -> str:
    """What came of the trial: how many labelled rows network and committee got wrong, and what follows from it."""
    better = wrong[1] < wrong[0]
    why = ""
    if needed and not better:  # likelihood decides, which counts errors by how sure they are
        why = "the probabilities of these fit better, "
    elif better and not needed:
        why = "the probabilities of these do not fit well enough, "
    follows = "unlabelled rows also learn their predictions" if needed else "their predictions are not used as targets"
    return (f"A short trial with half of the labels: of the {rows} others, the network got {wrong[0]} wrong, simple "
            f"classifiers {wrong[1]}; {why}so {follows} (baseline_targets={WEIGHT if needed else 0}).")


def _half(y: np.ndarray, split: Split, seed: int) -> tuple[Split, np.ndarray]:
    """A split without half of the labelled rows of each class, and the numbers of these."""
    order = np.random.default_rng(seed).permutation(split.labelled)
    by_class = [order[y[order] == k] for k in np.unique(y[order])]
    held = np.sort(np.concatenate([rows[: len(rows) // 2] for rows in by_class])) if by_class else order
    return replace(split, labelled=np.setdiff1d(split.labelled, held)), held


def _shortened(settings: Settings, steps_per_epoch: int) -> Length:
    """The length of the trial; empty if the training is too short for one."""
    short: Length = {}
    if settings.max_seconds is not None:
        short["max_seconds"] = min(MOST["seconds"], SHARE * settings.max_seconds)
    total = settings.steps or round((settings.epochs or 0) * steps_per_epoch)
    if not total:
        return {"seconds": short["max_seconds"]}
    steps = int(min(MOST["steps"], max(STEPS, round(SHARE * total))))
    return {**short, "steps": steps} if total >= WORTH * steps else {}


def _committee(model: Autoencoder, batches: Batches, held: np.ndarray) -> np.ndarray:
    """What a committee says of held-out rows ``(M, *shape)`` by the labels of the batches, ``(M, K)``."""
    category: Any = model.category
    x, labels = batches.some_rows(ROWS)
    first = torch.from_numpy(inference.prepare(model, held))
    y = np.concatenate([np.full(len(held), -1), labels.cpu().numpy()])
    frequencies = category.prior(1).probs.flatten().double().cpu().numpy()
    return Committee().fit(torch.cat([first, x.cpu()]), y, frequencies).probabilities[: len(held)]
