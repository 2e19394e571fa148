"""Classes of unlabelled vectors by logistic regression and a mixture together: targets for a network."""

from collections.abc import Sequence
from itertools import product
from typing import Self

import numpy as np
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from aae.evaluation.baselines import REPORTED, class_probabilities, fold_numbers
from aae.evaluation.calibration import misfit
from aae.evaluation.mixture import VectorMixture, with_frequencies

__all__ = ["VectorCommittee"]

REGRESSION_POWERS, MIXTURE_POWERS = (0.5, 1.0, 2.0, 4.0), (0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
USUAL = 1.0, 0.25  # powers that few labels stay near
CAUTION = 0.5  # nats that a power twice as large or as small has to gain
INVERSE_PENALTY = 3.0  # C of logistic regression on rows of length 1
MAX_FOLDED = 2000  # labelled rows: with more, the usual powers are taken


class VectorCommittee:
    """A product of two experts: the labels alone, in all dimensions, and a mixture that all rows shape.

    With a few labels of each class the mixture is much better, with a hundred logistic regression is. Cross-validation
    on the labelled rows chooses the power of each. Without labels the mixture finds clusters.

    Args:
        seed: Seed of the folds and of the mixture.

    Attributes:
        errors: The cross-validated error of each in percent, ``{name: error}``; empty if no class has two labels.
        powers: The powers of logistic regression and mixture.
        probabilities: What both together say of each row ``(N, K)``.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.errors: dict[str, float] = {}
        self.powers = USUAL

    def fit(
        self, x: Tensor, y: np.ndarray, frequencies: np.ndarray, class_weights: Sequence[float] | None = None
    ) -> Self:
        """Cross-validate on the labelled rows, then fit to all of them.

        Args:
            x: Rows as the networks read them ``(N, D)``.
            y: Class numbers ``(N,)``, -1 where unknown; all -1: clusters are found.
            frequencies: Of the classes or clusters ``(K,)``.
            class_weights: Weight of the labelled rows of each class.
        """
        mixture, known = VectorMixture(x.flatten(1).cpu().numpy(), self.seed), np.flatnonzero(y >= 0)
        if not len(known):
            self.probabilities = mixture.fit_clusters(frequencies)
            return self
        folds = fold_numbers(y[known], self.seed)
        held = folds >= 0
        if held.any() and len(known) <= MAX_FOLDED:
            outside = np.zeros((2, len(known), len(frequencies)))
            for k in np.unique(folds[held]):
                out, fewer = folds == k, y.copy()
                fewer[known[out]] = -1
                outside[0, out] = _regression(mixture.rows, fewer, known[out], len(frequencies), class_weights)
                outside[1, out] = mixture.fit_labels(fewer, frequencies)[known[out]]
            truth = y[known][held]
            self.powers = _powers(outside[:, held], truth)
            for name, p in zip(("logistic_regression", "mixture"), outside[:, held], strict=True):
                self.errors[name] = float(100 * np.mean(p.argmax(1) != truth))
        regression = _regression(mixture.rows, y, np.arange(len(y)), len(frequencies), class_weights)
        both = _combined(np.stack([regression, mixture.fit_labels(y, frequencies)]), self.powers)
        self.probabilities = with_frequencies(both, frequencies)
        return self

    def reported(self) -> dict[str, float]:
        """The errors of those that are reported beside a model's."""
        return {name: self.errors[name] for name in REPORTED if name in self.errors}


def _regression(
    unit: np.ndarray, y: np.ndarray, rows: np.ndarray, classes: int, class_weights: Sequence[float] | None
) -> np.ndarray:
    known = y >= 0
    if len(np.unique(y[known])) < 2:
        return np.full((len(rows), classes), 1 / classes)
    weights = None if class_weights is None else {int(k): class_weights[k] for k in np.unique(y[known])}
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=300, class_weight=weights).fit(unit[known], y[known])
    return class_probabilities(model, unit[rows], classes)


def _combined(experts: np.ndarray, powers: tuple[float, float]) -> np.ndarray:
    """Product ``(N, K)`` of experts ``(2, N, K)`` to these powers."""
    logs = np.tensordot(powers, np.log(np.maximum(experts, 1e-6)), 1)
    found = np.exp(logs - logs.max(1, keepdims=True))
    return np.asarray(found / found.sum(1, keepdims=True))


def _powers(experts: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    def cost(powers: tuple[float, float]) -> float:
        apart = np.square(np.log2(np.array(powers) / USUAL)).sum()
        return len(y) * misfit(np.maximum(_combined(experts, powers), 1e-4), y) + CAUTION * float(apart)

    return min(product(REGRESSION_POWERS, MIXTURE_POWERS), key=cost)
