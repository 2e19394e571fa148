"""A map of the rows, as a scikit-learn estimator."""

from collections.abc import Mapping
from typing import Any, Self

from aae.sklearn.base import Coder

__all__ = ["AAEEmbedder"]


class AAEEmbedder(Coder):
    """A map of the rows: codes that follow a Gaussian prior (Makhzani et al., §3).

    Args:
        n_components: Length of the code.
        options: Options that differ from the preset ``aae``.
        max_iter: Training steps; None: chosen from the data.
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
        """Learn the map from rows ``(N, D)`` or images; ``y`` is ignored."""
        return self._fit(self._read(X, reset=True), "aae", {"z": self.n_components})
