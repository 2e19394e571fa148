"""The methods of benchmarks/outside.py: each is fitted to a draw and gives a function of the test rows.

All have their defaults, and the preprocessing they need: baselines get standardised columns, medians for missing
numbers and one column for each category, learned from all training rows. Ours get the rows as they are.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from outside_data import Draw
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

import aae

Answer = Callable[[Any], np.ndarray]  # class numbers of rows, or scores that are higher for outliers
Method = Callable[[Draw, int, bool], Answer]  # the draw, the seed, and whether to be quick

QUICK_SECONDS = 15  # that training on images may take with --quick


def encoder(x: Any) -> Any:
    """Preprocessing of the baselines for rows of that kind, not fitted yet."""
    if hasattr(x, "columns"):
        numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        return make_column_transformer(
            (numbers, make_column_selector(dtype_include="number")),
            (texts, make_column_selector(dtype_exclude="number")),
        )
    return _Pixels() if x.ndim > 2 else make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


class _Pixels:
    """Images of bytes as rows of numbers in [0, 1]."""

    def fit_transform(self, x: np.ndarray) -> np.ndarray:
        return self.transform(x)

    def transform(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1) / 255


def encoded(x: Any) -> tuple[np.ndarray, Callable[[Any], np.ndarray]]:
    """Training rows for a baseline, and the function that does the same to others."""
    fitted = encoder(x)
    return fitted.fit_transform(x), fitted.transform


def on_labels(make: Callable[[int], Any]) -> Method:
    """A classifier that learns from the labelled rows only."""

    def fit(draw: Draw, seed: int, quick: bool) -> Answer:
        x, transform = encoded(draw.x)
        known = draw.y >= 0
        model = make(seed).fit(x[known], draw.y[known])
        return lambda rows: model.predict(transform(rows))

    return fit


def on_all(make: Callable[[int], Any]) -> Method:
    """A classifier that learns from all training rows."""

    def fit(draw: Draw, seed: int, quick: bool) -> Answer:
        x, transform = encoded(draw.x)
        model = make(seed).fit(x, draw.y)
        return lambda rows: model.predict(transform(rows))

    return fit


def classifier(draw: Draw, seed: int, quick: bool) -> Answer:
    """`AAEClassifier` on the table as it is."""
    return aae.AAEClassifier(random_state=seed).fit(draw.x, draw.y).predict


def preset(name: str) -> Method:
    """A preset, trained on images with their labels."""

    def fit(draw: Draw, seed: int, quick: bool) -> Answer:
        classes: list[str | int | float] = list(range(draw.y.max() + 1))
        data = aae.Dataset("outside", draw.x, draw.y, draw.x[:0], draw.y[:0], classes)
        labels, seconds = int((draw.y >= 0).sum()), QUICK_SECONDS if quick else None
        result = aae.train_preset(name, data, labels=labels, seed=seed, seconds=seconds, progress=False)
        return lambda rows: aae.classify(result.model, rows).argmax(1)

    return fit


def scored(make: Callable[[np.ndarray, int], Answer]) -> Method:
    """An outlier detector on standardised columns; ``make`` gets the rows and the seed, and returns the score."""

    def fit(draw: Draw, seed: int, quick: bool) -> Answer:
        x, transform = encoded(draw.x)
        score = make(x, seed)
        return lambda rows: score(transform(rows))

    return fit


def neighbours(count: int | None) -> Callable[[np.ndarray, int], Answer]:
    """Distance to the ``count``-th neighbour; None: a tenth of the rows."""

    def make(x: np.ndarray, seed: int) -> Answer:
        model = NearestNeighbors(n_neighbors=min(count or max(1, len(x) // 10), len(x))).fit(x)

        def score(rows: np.ndarray) -> np.ndarray:
            parts = np.array_split(rows, max(1, len(rows) // 500))  # all distances at once may not fit into memory
            return np.concatenate([model.kneighbors(part)[0][:, -1] for part in parts])

        return score

    return make


def lof(x: np.ndarray, seed: int) -> Answer:
    model = LocalOutlierFactor(n_neighbors=min(20, len(x) - 1), novelty=True).fit(x)
    return lambda rows: -model.score_samples(rows)


def forest(x: np.ndarray, seed: int) -> Answer:
    model = IsolationForest(random_state=seed).fit(x)
    return lambda rows: -model.score_samples(rows)


def pca(x: np.ndarray, seed: int) -> Answer:
    """Squared error of the reconstruction from the components with 90 % of the variance."""
    model = PCA(0.9, svd_solver="full").fit(x)
    return lambda rows: np.square(model.inverse_transform(model.transform(rows)) - rows).sum(1)


def ecod(x: np.ndarray, seed: int) -> Answer:
    """Improbability of the tails, each column by itself (Li et al., arXiv 2201.00382)."""
    ordered = np.sort(x, axis=0)
    centred = x - x.mean(0)
    skewed_left = (centred**3).mean(0) < 0

    def tails(rows: np.ndarray) -> np.ndarray:
        columns = range(rows.shape[1])
        below = np.stack([np.searchsorted(ordered[:, k], rows[:, k], side="right") for k in columns], 1)
        above = len(x) - np.stack([np.searchsorted(ordered[:, k], rows[:, k], side="left") for k in columns], 1)
        return -np.log(np.stack([below + 1, above + 1]) / (len(x) + 1))

    def score(rows: np.ndarray) -> np.ndarray:
        left, right = tails(rows)
        return np.max([left.sum(1), right.sum(1), np.where(skewed_left, left, right).sum(1)], axis=0)

    return score


def detector(draw: Draw, seed: int, quick: bool) -> Answer:
    model = aae.AAEOutlierDetector(random_state=seed).fit(draw.x)
    return lambda rows: -model.score_samples(rows)


def pyod(module: str, name: str) -> Callable[[np.ndarray, int], Answer]:
    """A detector of pyod with its defaults."""

    def make(x: np.ndarray, seed: int) -> Answer:
        return getattr(importlib.import_module(f"pyod.models.{module}"), name)().fit(x).decision_function

    return make


LABELS_ALONE: dict[str, Method] = {
    "logistic regression": on_labels(lambda seed: LogisticRegression(max_iter=2000)),
    "random forest": on_labels(lambda seed: RandomForestClassifier(200, random_state=seed)),
    "SVC": on_labels(lambda seed: SVC()),
}
SPREADING = {"LabelSpreading": on_all(lambda seed: LabelSpreading(kernel="knn", n_neighbors=7))}
TABLES: dict[str, Method] = {
    "AAEClassifier": classifier,
    **LABELS_ALONE,
    "HistGradientBoosting": on_labels(lambda seed: HistGradientBoostingClassifier(random_state=seed)),
    **SPREADING,
    "SelfTraining(SVC)": on_all(lambda seed: SelfTrainingClassifier(SVC(probability=True, random_state=seed))),
}
OUTLIERS: dict[str, Method] = {
    "AAEOutlierDetector": detector,
    "5 nearest neighbours": scored(neighbours(5)),
    "a tenth as neighbours": scored(neighbours(None)),
    "LOF": scored(lof),
    "isolation forest": scored(forest),
    "PCA": scored(pca),
    "ECOD": scored(ecod),
}
if importlib.util.find_spec("pyod"):
    OUTLIERS |= {f"pyod {name}": scored(pyod(name.lower(), name)) for name in ("COPOD", "HBOS")}
IMAGES: dict[str, Method] = {
    "few-labels": preset("few-labels"),
    "semi-supervised": preset("semi-supervised"),
    **LABELS_ALONE,
    **SPREADING,
}
RARE: dict[str, Method] = {"AAEClassifier": classifier, **LABELS_ALONE}
OURS = ("AAEClassifier", "AAEOutlierDetector", "few-labels", "semi-supervised")
