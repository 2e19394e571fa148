"""A classifier that learns from few labels, as a scikit-learn estimator."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from aae.sklearn.base import Coder
from aae.sklearn.labels import is_missing, label_array, plain
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
            X: Rows ``(N, D)``, or images of bytes ``(N, H, W[, C])``.
            y: Classes ``(N,)``, texts or whole numbers; -1, NaN and None stand for "not labelled".

        Raises:
            ValueError: Rows or labels that cannot be used, or fewer than two classes.
        """
        if y is None:
            raise AAEError("This estimator requires y to be passed, but the target y is None; -1 means not labelled.")
        rows = self._read(X, reset=True)
        values = label_array(y, len(rows))
        known = np.array([not is_missing(value) for value in values.tolist()])
        check_classification_targets(plain(values[known]))
        self.classes_, numbers = np.unique(plain(values[known]), return_inverse=True)
        if len(self.classes_) < 2:
            raise AAEError(f"Labels of at least two classes are needed; found {len(self.classes_)} class.")
        labels = np.full(len(rows), -1)
        labels[known] = numbers
        return self._fit(rows, "few-labels", {}, labels, self.classes_.tolist())

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Probability of each class, ``(N, classes)``, in the order of ``classes_``."""
        return self._apply(X, lambda model, x: {"p": model.classify(x)})["p"].astype(np.float64)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable class of each row, ``(N,)``."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]
