"""How well each class is found: recall, precision and the confusion matrix of the test rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from aae.data.dataset import Dataset
from aae.data.labels import ClassName
from aae.data.splits import Split
from aae.evaluation import inference, metrics
from aae.evaluation.intervals import wilson
from aae.model.autoencoder import Autoencoder

__all__ = ["ENTRIES", "ByClass", "by_class"]

# Of `aae evaluate --json`; not recall_low, because recall_NAME is the recall of a class NAME.
ENTRIES = ("recall", "class_recall_low", "class_recall_high", "class_precision", "class_precision_low",
           "class_precision_high", "support", "classes", "confusion")  # fmt: skip


@dataclass(frozen=True)
class ByClass:
    """The labelled test rows by their true and their predicted class.

    Args:
        classes: Names of the classes.
        confusion: Numbers of rows ``(K, K)``: a row for each true class, a column for each predicted one.
    """

    classes: Sequence[ClassName]
    confusion: np.ndarray

    @cached_property
    def support(self) -> np.ndarray:
        """Labelled test rows of each class ``(K,)``."""
        return self.confusion.sum(1)

    @cached_property
    def recall(self) -> np.ndarray:
        """Percent of a class's rows that are found ``(K,)``; NaN for a class without test rows."""
        return _percent(self.confusion.diagonal(), self.support)

    @cached_property
    def precision(self) -> np.ndarray:
        """Percent of the rows predicted as a class that are of it ``(K,)``; NaN if no row is predicted as it."""
        return _percent(self.confusion.diagonal(), self.confusion.sum(0))

    @cached_property
    def recall_interval(self) -> np.ndarray:
        """The 95 % interval of the recall of each class in percent ``(K, 2)``; NaN for a class without test rows."""
        return wilson(self.confusion.diagonal(), self.support)

    @cached_property
    def precision_interval(self) -> np.ndarray:
        """The 95 % interval of the precision of each class in percent ``(K, 2)``; NaN if it is never predicted."""
        return wilson(self.confusion.diagonal(), self.confusion.sum(0))

    def worst(self) -> list[int]:
        """Numbers of the classes that have test rows or are predicted, those found least first."""
        there = np.flatnonzero(self.support + self.confusion.sum(0))
        order = np.nan_to_num(self.recall[there], nan=np.inf), there  # without test rows: last
        return there[np.lexsort(order[::-1])].tolist()

    def mistaken(self) -> list[tuple[int, int, int]]:
        """Pairs of a true and another predicted class and their number of rows, the most frequent first."""
        wrong = self.confusion - np.diag(self.confusion.diagonal())
        pairs = [(int(true), int(found), int(wrong[true, found])) for true, found in np.argwhere(wrong)]
        return sorted(pairs, key=lambda pair: -pair[2])

    def entries(self) -> dict[str, Any]:
        """The entries of `aae evaluate --json`, in percent and rows; null where there are no rows to divide by."""
        names = [str(name) for name in self.classes]

        def named(values: np.ndarray) -> dict[str, Any]:
            numbers = [None if np.isnan(value) else round(value, 4) for value in values.tolist()]
            return dict(zip(names, numbers, strict=True))

        values = (self.recall, *self.recall_interval.T, self.precision, *self.precision_interval.T, self.support)
        return dict(zip(ENTRIES, (*map(named, values), names, self.confusion.tolist()), strict=True))


def _percent(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    return np.divide(100.0 * parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0)


def by_class(
    model: Autoencoder, data: Dataset, split: Split, probabilities: np.ndarray | None = None
) -> ByClass | None:
    """The labelled test rows by true and predicted class; None if the model names no classes or no row has a label.

    Args:
        model: The model; clusters are named as `aae.evaluation.metrics.cluster_classes` does.
        data: The data set.
        split: The split used in training, whose validation rows name the clusters.
        probabilities: Those of the test rows ``(N, K)``, if they are known already.
    """
    category, known = model.category, data.test_y >= 0
    if category is None or category.posterior is None or not data.classes or not known.any():
        return None
    names = None
    if not metrics.can_classify(model):
        rows = split.validation[data.y[split.validation] >= 0]
        if not len(rows):
            return None
        names = metrics.cluster_classes(inference.classify(model, data.x[rows]), data.y[rows])
    from sklearn.metrics import confusion_matrix

    if probabilities is None:
        probabilities = inference.classify(model, data.test_x)
    found = probabilities[known].argmax(1)
    predicted = found if names is None else names[found]
    return ByClass(data.classes, confusion_matrix(data.test_y[known], predicted, labels=range(len(data.classes))))
