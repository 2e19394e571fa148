"""Scikit-learn's classifiers on the labels alone: what a model has to beat, and first targets for it."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference
from aae.model.autoencoder import Autoencoder

__all__ = ["BASELINES", "REPORTED", "Baselines", "baseline_errors", "fold_numbers"]

BASELINES: dict[str, Callable[[int], Any]] = {
    "logistic_regression": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    "random_forest": lambda seed: RandomForestClassifier(random_state=seed),
    "extra_trees": lambda seed: ExtraTreesClassifier(random_state=seed),
}
REPORTED = ("logistic_regression", "random_forest")  # beside the error of a model
MAX_VALUES = 2_000_000  # of labelled rows, to which they are fitted: a forest would take minutes for more
FOLDS = 5
PRIOR_ROWS = 10.0  # rows' worth of belief that all are equally good
MIN_PROBABILITY = 1e-3  # a forest may give a class none at all


def baseline_errors(model: Autoencoder, data: Dataset, split: Split) -> dict[str, float]:
    """The test errors of logistic regression and a random forest that learn from the labels of a training.

    Args:
        model: The trained model, whose columns they read.
        data: The data set.
        split: Which of its rows were labelled.

    Returns:
        ``{name: error in percent}``; empty without labelled rows to learn from or to test on, or if there are more
        labels than a forest learns from in a moment.
    """
    labelled, known = split.labelled, data.test_y >= 0
    y = data.y[labelled]
    too_many = len(labelled) * math.prod(model.input_shape) > MAX_VALUES
    if too_many or not known.any() or len(np.unique(y)) < 2:
        return {}
    x, test = (inference.prepare(model, rows).reshape(len(rows), -1) for rows in (data.x[labelled], data.test_x[known]))
    fitted = {name: BASELINES[name](0).fit(x, y) for name in REPORTED}
    return {name: float(100 * np.mean(each.predict(test) != data.test_y[known])) for name, each in fitted.items()}


def fold_numbers(y: np.ndarray, seed: int) -> np.ndarray:
    """The fold ``(N,)`` of every labelled row, stratified; -1 for the only row of a class, which is always learned."""
    generator = np.random.default_rng(seed)
    folds = np.full(len(y), -1)
    start = 0
    for k in np.unique(y):
        rows = generator.permutation(np.flatnonzero(y == k))
        if len(rows) > 1:
            folds[rows] = (start + np.arange(len(rows))) % FOLDS
            start += len(rows)
    return folds


class Baselines:
    """Logistic regression, a random forest and extremely randomised trees, averaged by what cross-validation says.

    The weight of each is how likely it makes the labels of rows that it was not fitted to (a mixture fitted by
    expectation maximisation), with a prior that with few labels keeps the three nearly equal: choosing the best would
    then be choosing by chance.

    Args:
        seed: Seed of the forests and of the folds.
        names: Which of `BASELINES`.

    Attributes:
        errors: The cross-validated error of each in percent, ``{name: error}``; empty if no class has two rows.
        weights: The weight of each, ``{name: weight}``.
    """

    def __init__(self, seed: int = 0, names: Sequence[str] = tuple(BASELINES)) -> None:
        self.seed, self.names = seed, names

    def fit(self, x: np.ndarray, y: np.ndarray, classes: int, class_weights: Sequence[float] | None = None) -> Self:
        """Cross-validate, then fit to all labelled rows.

        Args:
            x: Rows as the networks read them ``(N, D)``.
            y: Class numbers ``(N,)``; a class may have no row.
            classes: Number of classes.
            class_weights: Weight of the rows of each class.
        """
        makers = self._makers(y, class_weights)
        self.cross_validate(x, y, classes, class_weights)
        self.models = {name: model.fit(x, y) for name, model in makers.items()}
        return self

    def cross_validate(
        self, x: np.ndarray, y: np.ndarray, classes: int, class_weights: Sequence[float] | None = None
    ) -> Self:
        """Find the errors and weights only; arguments as for `fit`."""
        self.classes = classes
        folds = fold_numbers(y, self.seed)
        held = folds >= 0
        makers = self._makers(y, class_weights)
        outside = {name: self._held_out(model, x, y, folds)[held] for name, model in makers.items()}
        wrong = {name: p.argmax(1) != y[held] for name, p in outside.items()} if held.any() else {}
        self.errors = {name: float(100 * np.mean(each)) for name, each in wrong.items()}
        shares = _mixture_weights(np.stack([p[np.arange(held.sum()), y[held]] for p in outside.values()], 1))
        self.weights = dict(zip(outside, shares.tolist(), strict=True))
        return self

    def _makers(self, y: np.ndarray, class_weights: Sequence[float] | None) -> dict[str, Any]:
        weights = None if class_weights is None else {int(k): class_weights[k] for k in np.unique(y)}
        makers = {name: BASELINES[name](self.seed) for name in self.names}
        for model in makers.values():
            (model[-1] if isinstance(model, Pipeline) else model).set_params(class_weight=weights)
        return makers

    def _held_out(self, model: Any, x: np.ndarray, y: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """Probabilities of every row by the model that was fitted without the row's fold."""
        found = np.zeros((len(y), self.classes))
        for k in range(FOLDS):
            out = folds == k
            if out.any() and len(np.unique(y[~out])) > 1:
                found[out] = self._probabilities(clone(model).fit(x[~out], y[~out]), x[out])
        return found

    def _probabilities(self, model: Any, x: np.ndarray) -> np.ndarray:
        found = np.zeros((len(x), self.classes))
        found[:, model.classes_] = model.predict_proba(x)
        return found

    def reported(self) -> dict[str, float]:
        """The errors of those that are reported beside a model's."""
        return {name: self.errors[name] for name in REPORTED if name in self.errors}

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Class probabilities ``(M, classes)`` of rows ``(M, D)``."""
        return sum(self.weights[name] * self._probabilities(model, x) for name, model in self.models.items())


def _mixture_weights(likelihoods: np.ndarray) -> np.ndarray:
    """Weights ``(M,)`` of the mixture that makes labels most likely, given each model's ``(N, M)``."""
    count = likelihoods.shape[1]
    likelihoods = np.maximum(likelihoods, MIN_PROBABILITY)
    weights = np.full(count, 1 / count)
    for _ in range(100):
        shares = weights * likelihoods
        weights = (shares / shares.sum(1, keepdims=True)).sum(0) + PRIOR_ROWS / count
        weights /= weights.sum()
    return weights
