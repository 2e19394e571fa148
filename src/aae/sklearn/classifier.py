"""A classifier that learns from few labels, as a scikit-learn estimator."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from aae.sklearn.base import Coder
from aae.sklearn.labels import class_labels, class_numbers
from aae.system.errors import AAEError

__all__ = ["AAEClassifier"]


class AAEClassifier(ClassifierMixin, Coder):
    """Classifier that learns from few labelled rows and any number of unlabelled ones (Makhzani et al., §5).

    Args:
        options: Options that differ from the preset ``few-labels`` (`aae presets few-labels`).
        max_iter: Training steps; None: chosen from the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.

    Attributes:
        model_: The trained `Autoencoder`.
        classes_: The classes, sorted.
        n_iter_: Training steps taken.

    Example:
        >>> X = np.r_[np.random.default_rng(0).normal(0, 1, (20, 2)), np.random.default_rng(1).normal(9, 1, (20, 2))]
        >>> y = [0, 0] + [-1] * 18 + [1, 1] + [-1] * 18
        >>> AAEClassifier(max_iter=50, random_state=0).fit(X, y).predict([[0, 0], [9, 9]])
        array([0, 1])
    """

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Fit to rows, some of them labelled.

        Args:
            X: Rows ``(N, D)``, in an array or a data frame, which may have categories, texts, truth values, dates and
                empty cells; or images ``(N, H, W[, C])`` of bytes, or of numbers in [0, 1] or [0, 255].
            y: Classes ``(N,)``, texts or whole numbers. None, NaN and blank texts stand for "not labelled", and so
                does -1 where all other labels are whole numbers from 0 up (-1 and 1 alone are two classes).

        Raises:
            ValueError: Rows or labels that cannot be used, or fewer than two classes.
        """
        if y is None:
            raise AAEError("This estimator requires y to be passed, but the target y is None; -1 means not labelled.")
        rows = self._read(X, reset=True)
        self.classes_, labels = class_labels(y, len(rows))
        return self._fit(rows, "few-labels", {}, labels, self.classes_.tolist())

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Probability of each class, ``(N, classes)``, in the order of ``classes_``."""
        return self._apply(X, lambda model, x: {"p": model.classify(x)})["p"].astype(np.float64)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable class of each row, ``(N,)``."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Share of the labelled rows whose class is predicted; rows without a label do not count.

        Args:
            X: Rows, as for `fit`.
            y: Classes ``(N,)``, as for `fit`.
            sample_weight: Weights of the rows ``(N,)``.

        Raises:
            AAEError: No row has a label.
        """
        numbers = class_numbers(y, _num_samples(X), self.classes_)
        known = np.flatnonzero(numbers != -1)
        if not len(known):
            raise AAEError("None of the rows has a label, so there is nothing to score; pass rows with labels.")
        predicted = self.predict_proba(_safe_indexing(X, known)).argmax(1)
        weights = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(accuracy_score(numbers[known], predicted, sample_weight=weights))
