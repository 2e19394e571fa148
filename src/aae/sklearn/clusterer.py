"""Clusters without labels, as a scikit-learn estimator."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted

from aae.sklearn.base import Coder

__all__ = ["AAEClusterer"]


class AAEClusterer(ClusterMixin, Coder):
    """Clusters, and a continuous code for what varies within them (Makhzani et al., §6).

    Args:
        n_clusters: Number of clusters.
        options: Options that differ from the preset ``clustering``.
        max_iter: Training steps; None: chosen from the data.
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
        """Find clusters in rows ``(N, D)`` or images; ``y`` is ignored."""
        rows = self._read(X, reset=True)
        self._fit(rows, "clustering", {"clusters": self.n_clusters})
        self.labels_ = self._clusters(rows)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The cluster of each row, ``(N,)``."""
        check_is_fitted(self)
        return self._clusters(self._read(X))

    def _clusters(self, rows: np.ndarray) -> np.ndarray:
        return self._apply_rows(rows, lambda model, x: {"p": model.classify(x)})["p"].argmax(1)
