"""How a trial is judged: on validation rows or, where few of these have labels, by cross-validation over the labels."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference
from aae.evaluation.baselines import FOLDS, fold_numbers
from aae.evaluation.figures import validation_figure
from aae.model.autoencoder import Autoencoder
from aae.training.train import Result

__all__ = ["FoldJudge", "Judge", "ValidationJudge", "choose_judge", "figure_text"]

EVALUATIONS = 10  # evaluations of a trial that are reported to Optuna
ENOUGH = 200  # labelled validation rows, with which settings can be compared
CROSS_VALIDATED = "cross_validated_error"

NAMES = {CROSS_VALIDATED: "error by cross-validation"}  # for readers, where the figure's own name does not say it

Train = Callable[..., Result]  # of the preset, with the settings of a trial


class PrunedError(Exception):
    """A trial that is worse than the others at the same point."""


@dataclass(frozen=True)
class ValidationJudge:
    """Judges a trial by its metric on the validation rows, which it reports at tenths of the training."""

    data: Dataset
    split: Split
    figure: str
    rows: int

    def __call__(self, train: Train, trial: Any) -> float:
        value, last_reported = float("nan"), -1

        def watch(model: Autoencoder, share: float) -> None:
            nonlocal value, last_reported
            _, value = validation_figure(model, self.data, self.split)
            # At tenths of the training, so that trials are compared at the same points.
            tenth = int(EVALUATIONS * min(share, 1.0))
            if tenth > last_reported:  # Optuna keeps the first value of a step and warns about others
                trial.report(value, tenth)
                last_reported = tenth
            if share < 1 and trial.should_prune():
                raise PrunedError

        if train(watch=watch).interrupted:
            raise KeyboardInterrupt
        return value

    def describe(self, value: float) -> str:
        return f"{figure_text(self.figure, value)} on {self.rows:,} validation rows"


@dataclass(frozen=True)
class FoldJudge:
    """Judges a trial by the error of labelled rows that it did not see: it trains once for each fifth of them."""

    data: Dataset
    labelled: np.ndarray
    folds: np.ndarray
    length: Mapping[str, float]
    figure: str = CROSS_VALIDATED

    @property
    def rows(self) -> int:
        """Number of rows by which a trial is judged."""
        return int((self.folds >= 0).sum())

    def splits(self) -> Iterator[Split]:
        """The divisions of the rows, one for each fold; rows that are held out are not read as unlabelled ones."""
        held = np.arange(0) if self.data.held is None else self.data.held
        others = np.setdiff1d(np.arange(len(self.data.x)), np.union1d(self.labelled, held))
        for k in range(FOLDS):
            out = self.folds == k
            if out.any():
                yield Split(self.labelled[~out], others, self.labelled[out])

    def __call__(self, train: Train, trial: Any) -> float:
        wrong = seen = 0
        splits = list(self.splits())
        # The time given is that of a trial, not of each of its trainings.
        length = {name: value / len(splits) for name, value in self.length.items() if name.endswith("seconds")}
        for number, split in enumerate(splits):
            result = train(split=split, labels=len(split.labelled), **length)
            if result.interrupted:
                raise KeyboardInterrupt
            predicted = inference.classify(result.model, self.data.x[split.validation]).argmax(1)
            wrong, seen = wrong + int((predicted != self.data.y[split.validation]).sum()), seen + len(predicted)
            trial.report(100 * wrong / seen, number)
            if number + 1 < len(splits) and trial.should_prune():
                raise PrunedError
        return 100 * wrong / seen

    def describe(self, value: float) -> str:
        return f"{figure_text(self.figure, value)} over {self.rows:,} labelled examples"


Judge = ValidationJudge | FoldJudge


def figure_text(figure: str, value: float) -> str:
    """A figure by which trials are judged, with its value.

    Example:
        >>> figure_text("cross_validated_error", 12.5), figure_text("negative_elbo", 80.25)
        ('error by cross-validation 12.5 %', 'negative elbo 80.25')
    """
    unit = " %" if figure.split("_")[0] in ("validation", "cluster", "cross") else ""
    return f"{NAMES.get(figure, figure.replace('_', ' '))} {value:.4g}{unit}"


def choose_judge(
    model: Autoencoder, data: Dataset, split: Split, seed: int, length: Mapping[str, float]
) -> Judge:
    """Judge by cross-validation if a classifier has few labelled validation rows, and more labels to learn from.

    Args:
        model: A model of the preset, untrained.
        data: The data set.
        split: The split of a training.
        seed: Seed of the folds.
        length: Length of a trial.

    Raises:
        AAEError: There are no rows to judge by.
    """
    labels = data.y[split.validation]
    known = int((labels >= 0).sum())
    if model.category is not None and model.category.label == "supervised" and known < ENOUGH:
        folds = fold_numbers(data.y[split.labelled], seed)
        if (folds >= 0).sum() > known:
            return FoldJudge(data, split.labelled, folds, length)
    figure, _ = validation_figure(model, data, split)
    labelled = figure in ("validation_error", "cluster_error")
    return ValidationJudge(data, split, figure, known if labelled else len(split.validation))
