"""Scikit-learn's classifiers on the labels alone: what a model has to beat, and first targets for it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference
from aae.model.autoencoder import Autoencoder

__all__ = [
    "BASELINES",
    "REPORTED",
    "baseline_errors",
    "baselines",
    "class_probabilities",
    "cross_validated_errors",
    "fold_numbers",
    "pca_squared_error",
    "random_forest",
]

TREES = 100  # of a forest
ITERATIONS = 2000  # of logistic regression at most


def random_forest(seed: int, **settings: Any) -> RandomForestClassifier:
    """A random forest that is not fitted."""
    return RandomForestClassifier(TREES, random_state=seed, **settings)


BASELINES: dict[str, Callable[[int], Any]] = {
    "logistic_regression": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS)),
    "random_forest": random_forest,
    "extra_trees": lambda seed: ExtraTreesClassifier(TREES, random_state=seed),
}
REPORTED = ("logistic_regression", "random_forest")  # beside the error of a model
MAX_VALUES = 2_000_000  # of labelled rows, to which they are fitted: a forest would take minutes for more
FOLDS = 5
PCA_ROWS, PCA_VALUES = 10_000, 20_000_000  # training rows, and numbers in them, that PCA is fitted to at most


def _reported(seed: int, images: bool) -> dict[str, Any]:
    """The classifiers beside a model, not fitted.

    Logistic regression reads images as they are, with one scale for all pixels: standardised, pixels at the border that
    are hardly ever touched would count as much as those of the strokes, and the comparison would be unfair. The targets
    of a training come from `baselines`, which standardises all rows alike.
    """
    models = {name: BASELINES[name](seed) for name in REPORTED}
    return models | ({"logistic_regression": LogisticRegression(max_iter=ITERATIONS)} if images else {})


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
    images = len(model.input_shape) > 1 and x.min() >= 0 and x.max() <= 1  # of another model, they may be anything
    fitted = {name: each.fit(x, y) for name, each in _reported(0, images).items()}
    return {name: float(100 * np.mean(each.predict(test) != data.test_y[known])) for name, each in fitted.items()}


def pca_squared_error(model: Autoencoder, data: Dataset, split: Split, x: np.ndarray) -> float | None:
    """The squared error of reconstructions by PCA with as many components as the code is long, summed over a row.

    Args:
        model: The trained model, whose columns PCA reads.
        data: The data set.
        split: Which of its rows were trained on.
        x: The test rows ``(N, *shape)``.

    Returns:
        The mean over the rows; None if the code is as long as a row, or there are fewer training rows than components.
    """
    values, size = math.prod(model.input_shape), model.merge.dim
    count = min(len(data.x), PCA_ROWS, PCA_VALUES // values)
    drawn = np.random.default_rng(0).choice(len(data.x), count, replace=False, shuffle=False)
    some = np.setdiff1d(drawn, split.validation if data.held is None else np.union1d(split.validation, data.held))
    if not 0 < size < min(values, len(some)):
        return None
    train, test = (inference.prepare(model, rows).reshape(len(rows), -1) for rows in (data.x[some], x))
    pca = PCA(size, random_state=0).fit(train)
    rest = test - pca.inverse_transform(pca.transform(test))
    return float(np.square(rest, dtype=np.float64).sum(1).mean())


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


def baselines(y: np.ndarray, seed: int = 0, class_weights: Sequence[float] | None = None) -> dict[str, Any]:
    """The classifiers by name, not fitted.

    Args:
        y: The classes they are to learn ``(N,)``.
        seed: Seed of the forests.
        class_weights: Weight of the rows of each class.
    """
    weights = None if class_weights is None else {int(k): class_weights[k] for k in np.unique(y)}
    models = {name: make(seed) for name, make in BASELINES.items()}
    for model in models.values():
        (model[-1] if isinstance(model, Pipeline) else model).set_params(class_weight=weights)
    return models


def class_probabilities(model: Any, x: np.ndarray, classes: int) -> np.ndarray:
    """What a fitted classifier says of rows, ``(N, classes)``: 0 for classes that it has not seen."""
    found = np.zeros((len(x), classes))
    found[:, model.classes_] = model.predict_proba(x)
    return found


def cross_validated_errors(x: np.ndarray, y: np.ndarray, seed: int = 0, images: bool = False) -> dict[str, float]:
    """The errors of logistic regression and a random forest on labelled rows, by cross-validation.

    Args:
        x: The labelled rows, as the networks read them ``(N, D)``.
        y: Their classes ``(N,)``.
        seed: Seed of the forest and of the folds.
        images: Whether the rows are pixels in [0, 1], which are not standardised.

    Returns:
        ``{name: error in percent}``; empty if no class has two rows, or if there are more rows than they learn from in
        a moment.
    """
    folds = fold_numbers(y, seed)
    held = folds >= 0
    if x.size > MAX_VALUES or not held.any():
        return {}
    wrong = {name: np.zeros(len(y), bool) for name in REPORTED}
    for k in np.unique(folds[held]):
        out = folds == k
        for name, each in _reported(seed, images).items():
            wrong[name][out] = each.fit(x[~out], y[~out]).predict(x[out]) != y[out]
    return {name: float(100 * np.mean(each[held])) for name, each in wrong.items()}
