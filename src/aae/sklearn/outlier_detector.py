"""An outlier detector, as a scikit-learn estimator."""

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from aae.evaluation.outliers import MAX_REFERENCES, OutlierScore, one_unit
from aae.model.autoencoder import Autoencoder
from aae.model.table import Table
from aae.sklearn.base import Estimator
from aae.system.errors import AAEError

__all__ = ["AAEOutlierDetector"]


LEAST_SPREAD = 0.4  # of scores, whose spread is near 1; most rows may be equal

# Weak matching and strong noise: reconstructions of pixels must stay close to the training rows and to nothing else.
_PIXELS = {"z": 32, "z_weight": 0.005, "corruption_level": 0.3, "hidden": (400, 400), "min_steps": 600, "epochs": 15}
_COLUMNS = {"z_weight": 0.02, "corruption_level": 3.0, "hidden": (128, 128), "min_steps": 100, "epochs": 4}
_OUTLIERS = {"prior_std": 1.0, "batch_size": 128, "corruption": "gaussian", "discriminator_hidden": (128, 128)}


class AAEOutlierDetector(OutlierMixin, Estimator):
    """Detects rows far from the training rows, whether or not outliers are among these (`aae.evaluation.outliers`).

    Args:
        contamination: Share of outliers among the training rows, above 0 and at most 0.5; it sets ``offset_``. With
            ``"auto"`` it is not needed: outliers then are rows whose score lies more than 3 robust standard
            deviations (1.4826 times the median absolute deviation) below the median of the training rows.
        options: Options that differ from the detector's defaults for the preset ``aae``.
        max_iter: Training steps; None: chosen from the data.
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
        contamination: float | Literal["auto"] = 0.1,
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
        """Fit to rows ``(N, D)`` or images, most of them normal; ``y`` is ignored.

        Raises:
            ValueError: Rows that cannot be used, or a share of outliers outside 0 to 0.5.
        """
        share = self.contamination
        _check_contamination(share)
        rows = self._read(X, reset=True)
        self._fit(rows, "aae", _outlier_options(rows, self._fit_table(rows)))
        order = np.random.default_rng(0).permutation(len(rows))[:MAX_REFERENCES]
        known = rows if len(order) == len(rows) else rows[order]
        seen = self._apply_rows(known, lambda model, x: {"rows": x.flatten(1), "decoded": model(x).flatten(1)})
        self.score_ = OutlierScore().fit(seen["rows"], seen["decoded"], one_unit(rows, self.model_.table))
        scores = -self.score_(self._apply_rows(rows, _inputs)["rows"])
        self.offset_ = float(np.quantile(scores, share)) if share != "auto" else _robust_offset(scores)
        return self

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """How normal each row is, ``(N,)``: about 0 if it is normal, lower if not (`aae.evaluation.outliers`)."""
        check_is_fitted(self)
        return -self.score_(self._apply(X, _inputs)["rows"])

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """`score_samples` minus ``offset_``, ``(N,)``: below zero for outliers."""
        scores = self.score_samples(X)
        return scores - self.offset_

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """1 for a normal row, -1 for an outlier, ``(N,)``."""
        return np.where(self.decision_function(X) < 0, -1, 1)


def _inputs(model: Autoencoder, x: Tensor) -> dict[str, Tensor]:
    return {"rows": x.flatten(1)}


def _check_contamination(share: object) -> None:
    number = isinstance(share, int | float | np.number) and not isinstance(share, bool) and 0 < share <= 0.5
    if not (number or (isinstance(share, str) and share == "auto")):
        raise AAEError(f'contamination must be above 0 and at most 0.5, or "auto", not {share!r}.')


def _robust_offset(scores: np.ndarray) -> float:
    """The median less 3 robust standard deviations (Leys et al., 2013): scores of usual rows are skewed.

    Where most scores are equal, as of rows of few categories, the median deviation says nothing of the others: plain
    standard deviations then.
    """
    median = np.median(scores)
    tied = len(np.unique(scores.round(6))) < len(scores) / 2
    spread = scores.std() if tied else 1.4826 * np.median(np.abs(scores - median))
    return float(median - 3 * max(spread, LEAST_SPREAD))


def _outlier_options(rows: np.ndarray, table: Table | None) -> dict[str, Any]:
    return _OUTLIERS | (_PIXELS if one_unit(rows, table) else {"z": min(32, max(2, rows.shape[1] // 2)), **_COLUMNS})
