"""The models as scikit-learn estimators: classifier, clusterer, embedder and outlier detector.

Rows are arrays or data frames of numbers ``(N, D)``, or images of bytes ``(N, H, W[, C])``. What was
learned is in ``model_``, an `Autoencoder`; pickles hold it as its specification and safetensors.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, ClusterMixin, OutlierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from aae.errors import AAEError
from aae.estimator_base import Coder, Estimator, is_missing, label_array, plain
from aae.outliers import REFERENCES, OutlierScore
from aae.table import fit_table

__all__ = ["AAEClassifier", "AAEClusterer", "AAEEmbedder", "AAEOutlierDetector"]


class AAEClassifier(ClassifierMixin, Coder):
    """Classifier that learns from few labelled rows and any number of unlabelled ones (Makhzani et al., §5).

    Args:
        options: What differs from the options of the preset ``few-labels`` (`aae presets few-labels`).
        max_iter: Training steps; None follows the data.
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
        """Learn from rows, some of them labelled.

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
            raise AAEError(f"Labels of two classes at least are needed; found {len(self.classes_)} class.")
        labels = np.full(len(rows), -1)
        labels[known] = numbers
        return self._fit(rows, "few-labels", {}, labels, self.classes_.tolist())

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Probability of each class, ``(N, classes)``, in the order of ``classes_``."""
        return self._look(X, lambda model, x: {"p": model.classify(x)})["p"].astype(np.float64)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The likeliest class of each row, ``(N,)``."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]


class AAEClusterer(ClusterMixin, Coder):
    """Clusters, and a continuous code for what varies within them (Makhzani et al., §6).

    Args:
        n_clusters: Number of clusters.
        options: What differs from the options of the preset ``clustering``.
        max_iter: Training steps; None follows the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.

    Attributes:
        model_: The trained `Autoencoder`.
        labels_: The cluster of each row.
        n_iter_: Training steps taken.
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        options: Mapping[str, Any] | None = None,
        max_iter: int | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        super().__init__(options, max_iter, random_state, device, verbose)
        self.n_clusters = n_clusters

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Find clusters in rows ``(N, D)`` or images; ``y`` is not looked at."""
        self._fit(self._read(X, reset=True), "clustering", {"clusters": self.n_clusters})
        self.labels_ = self.predict(X)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The cluster of each row, ``(N,)``."""
        return self._look(X, lambda model, x: {"p": model.classify(x)})["p"].argmax(1)


class AAEEmbedder(Coder):
    """A map of the rows: codes that follow a Gaussian prior (Makhzani et al., §3).

    Args:
        n_components: Length of the code.
        options: What differs from the options of the preset ``aae``.
        max_iter: Training steps; None follows the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.

    Attributes:
        model_: The trained `Autoencoder`.
        n_iter_: Training steps taken.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        options: Mapping[str, Any] | None = None,
        max_iter: int | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        super().__init__(options, max_iter, random_state, device, verbose)
        self.n_components = n_components

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn the map from rows ``(N, D)`` or images; ``y`` is not looked at."""
        return self._fit(self._read(X, reset=True), "aae", {"z": self.n_components})


# Weak matching and strong noise: what the model decodes must stay close to the rows it has seen, and to nothing else.
_PIXELS = {"z": 32, "z_weight": 0.005, "corruption_level": 0.3, "hidden": (400, 400), "least_steps": 600}
_COLUMNS = {"z_weight": 0.02, "corruption_level": 3.0, "hidden": (128, 128), "least_steps": 300}
_OUTLIERS = {
    "prior_std": 1.0, "batch_size": 128, "corruption": "gaussian", "discriminator_hidden": (128, 128), "epochs": 15,
}  # fmt: skip


class AAEOutlierDetector(OutlierMixin, Estimator):
    """Tells rows that are unlike those it learned from: badly reconstructed, or with an unlikely code.

    Args:
        contamination: Share of the training rows that are taken for outliers; it sets ``offset_``.
        options: What differs from the detector's own options of the preset ``aae``.
        max_iter: Training steps; None follows the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.

    Attributes:
        model_: The trained `Autoencoder`.
        offset_: Score below which a row is an outlier.
        n_iter_: Training steps taken.
    """

    def __init__(
        self,
        contamination: float = 0.1,
        *,
        options: Mapping[str, Any] | None = None,
        max_iter: int | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        super().__init__(options, max_iter, random_state, device, verbose)
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn from rows ``(N, D)`` or images, most of which are normal; ``y`` is not looked at.

        Raises:
            ValueError: Rows that cannot be used, or a share of outliers outside 0 to 0.5.
        """
        if not 0 < self.contamination <= 0.5:
            raise AAEError(f"contamination is a share above 0 and at most 0.5, not {self.contamination}.")
        rows = self._read(X, reset=True)
        self._fit(rows, "aae", _outlier_options(rows))
        order = np.random.default_rng(0).permutation(len(rows))[:REFERENCES]
        known = X if len(order) == len(rows) else rows[order]
        decoded = self._look(known, lambda model, x: {"rows": model(x).flatten(1)})["rows"]
        self.score_ = OutlierScore().fit(decoded)
        self.offset_ = float(np.quantile(self.score_samples(X), self.contamination))
        return self

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """How normal each row is, ``(N,)``: about 0 where it is usual, lower where not (`aae.outliers`)."""
        check_is_fitted(self)
        # As the networks read them: the model itself has nothing more to say of a new row.
        return -self.score_(self._look(X, lambda model, x: {"rows": x.flatten(1)})["rows"])

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """`score_samples` less ``offset_``, ``(N,)``: below zero for outliers."""
        scores = self.score_samples(X)
        return scores - self.offset_

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """1 for a normal row, -1 for an outlier, ``(N,)``."""
        return np.where(self.decision_function(X) < 0, -1, 1)


def _outlier_options(rows: np.ndarray) -> dict[str, Any]:
    pixels = rows.ndim > 2 or fit_table(rows).bounded
    return _OUTLIERS | (_PIXELS if pixels else {"z": min(32, max(2, rows.shape[1] // 2)), **_COLUMNS})
