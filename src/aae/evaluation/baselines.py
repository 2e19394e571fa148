"""Scikit-learn's classifiers on the labels alone: what a model has to beat, and first targets for it."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["BASELINES", "Baselines", "fold_numbers"]

BASELINES: dict[str, Callable[[int], Any]] = {
    "logistic_regression": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    "random_forest": lambda seed: RandomForestClassifier(200, random_state=seed),
    "extra_trees": lambda seed: ExtraTreesClassifier(200, random_state=seed),
}
FOLDS = 5
PRIOR_ROWS = 10.0  # rows' worth of belief that all are equally good
MIN_PROBABILITY = 1e-3  # a forest may give a class none at all


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

    Attributes:
        errors: The cross-validated error of each in percent, ``{name: error}``.
        weights: The weight of each, ``{name: weight}``.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, x: np.ndarray, y: np.ndarray, classes: int, class_weights: Sequence[float] | None = None) -> Self:
        """Fit to labelled rows.

        Args:
            x: Rows as the networks read them ``(N, D)``.
            y: Class numbers ``(N,)``; a class may have no row.
            classes: Number of classes.
            class_weights: Weight of the rows of each class.
        """
        self.classes = classes
        weights = None if class_weights is None else {int(k): class_weights[k] for k in np.unique(y)}
        makers = {name: make(self.seed) for name, make in BASELINES.items()}
        for model in makers.values():
            last = model[-1] if isinstance(model, Pipeline) else model
            last.set_params(class_weight=weights)
        folds = fold_numbers(y, self.seed)
        held = folds >= 0
        outside = {name: self._cross_validate(model, x, y, folds)[held] for name, model in makers.items()}
        self.errors = {name: float(100 * np.mean(p.argmax(1) != y[held])) for name, p in outside.items()}
        shares = _mixture_weights(np.stack([p[np.arange(held.sum()), y[held]] for p in outside.values()], 1))
        self.weights = dict(zip(outside, shares.tolist(), strict=True))
        self.models = {name: model.fit(x, y) for name, model in makers.items()}
        return self

    def _cross_validate(self, model: Any, x: np.ndarray, y: np.ndarray, folds: np.ndarray) -> np.ndarray:
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
