"""A classifier that learns from few labels, as a scikit-learn estimator."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from aae.evaluation import inference
from aae.evaluation.baselines import cross_validated_errors
from aae.sklearn.base import Coder
from aae.sklearn.labels import class_labels, class_numbers
from aae.system.errors import AAEError

__all__ = ["AAEClassifier"]


class AAEClassifier(ClassifierMixin, Coder):
    """Classifier that learns from few labelled rows and any number of unlabelled ones (Makhzani et al., §5).

    Classes are expected to be as frequent as among the labelled rows, as far as these are enough to tell; the option
    ``class_prior`` names other shares.

    Args:
        options: Options that differ from the preset ``few-labels`` (`aae presets few-labels`).
        max_iter: Training steps; None: chosen from the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.
        class_weight: What a labelled row counts in the loss: a weight for each class (``{class: weight}``; those
            missing: 1), ``"balanced"`` for weights that are inverse to the number of labels, or None for one.

    Attributes:
        model_: The trained `Autoencoder`.
        classes_: The classes, sorted.
        baselines_: What logistic regression and a random forest make of the same labels: their errors in percent by
            cross-validation on the labelled rows, ``{name: error}``. Empty if there are too many labels for that to
            take a moment. `sklearn.model_selection.cross_val_score` gives this estimator's own.
        class_prior_: How frequent the classes are taken to be, ``(classes,)``.
        n_iter_: Training steps taken.

    Example:
        >>> X = np.r_[np.random.default_rng(0).normal(0, 1, (20, 2)), np.random.default_rng(1).normal(9, 1, (20, 2))]
        >>> y = [0, 0] + [-1] * 18 + [1, 1] + [-1] * 18
        >>> AAEClassifier(max_iter=50, random_state=0).fit(X, y).predict([[0, 0], [9, 9]])
        array([0, 1])
    """

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        max_iter: int | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
    ) -> None:
        super().__init__(options, max_iter, random_state, device, verbose)
        self.class_weight = class_weight

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
        weights = _class_weights(self.class_weight, self.classes_.tolist())
        if isinstance(self.options, Mapping) and self.options.get("y", "auto") not in ("supervised", "auto"):
            raise AAEError("AAEClassifier learns the classes of y; drop the option y.")
        self._fit(rows, "few-labels", {"class_weight": weights}, labels, self.classes_.tolist())
        prior: Any = self.model_.category.prior  # type: ignore[union-attr]  # the preset has one
        self.class_prior_ = prior(1).probs.flatten().numpy().astype(np.float64)
        known = rows[labels >= 0]
        self.baselines_ = self._baselines
        if self.baselines_ is None:
            x = inference.prepare(self.model_, known).reshape(len(known), -1)
            self.baselines_ = cross_validated_errors(x, labels[labels >= 0], images=known.ndim > 2)
        del self._baselines
        return self

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Probability of each class, ``(N, classes)``, in the order of ``classes_``.

        No labels are held out to calibrate it, so it may be too certain; scikit-learn's ``CalibratedClassifierCV`` does
        that.
        """
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


def _class_weights(given: Any, classes: Sequence[Any]) -> str | list[Any] | None:
    """The option ``class_weight`` for weights as scikit-learn's classifiers take them."""
    if given is None or (isinstance(given, str) and given == "balanced"):
        return given
    if not isinstance(given, Mapping):
        raise AAEError(f"class_weight must be 'balanced', a dictionary {{class: weight}} or None, not {given!r:.60}.")
    unknown = [value for value in given if value not in classes]
    if unknown:
        some = ", ".join(map(repr, classes[:10]))
        raise AAEError(f"class_weight names {unknown[0]!r:.60}, which is no class of y; its classes begin with {some}.")
    weights = [given.get(value, 1.0) for value in classes]
    return [value.item() if isinstance(value, np.generic) else value for value in weights]
