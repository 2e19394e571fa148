"""Class probabilities of unlabelled rows by several simple classifiers: first targets for a network."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from torch import Tensor

from aae.evaluation.baselines import REPORTED, baselines, class_probabilities, fold_numbers
from aae.evaluation.calibration import misfit, raised
from aae.evaluation.spreading import row_graph, spread_labels

__all__ = ["Committee", "sharpened"]

PRIOR_ROWS = 10.0  # rows' worth of belief that all members are equally good
POWERS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # forests and spread labels are far too cautious
DOUBT = 0.02  # spread evenly over the classes, so that nothing is certain

# Probabilities (M, K) of the rows with numbers (M,), by labels (N,).
Member = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Committee:
    """Logistic regression, a random forest, extremely randomised trees and spread labels, averaged.

    Cross-validation on the labelled rows says how certain each may be (a power of its probabilities) and how much it
    counts: the weights of a mixture that makes held-out labels most likely (by expectation maximisation), with a prior
    that with few labels keeps the four nearly equal. Choosing the best would then be choosing by chance.

    Args:
        seed: Seed of the forests and of the folds.

    Attributes:
        errors: The cross-validated error of each in percent, ``{name: error}``; empty if no class has two labels.
        weights: The weight of each, ``{name: weight}``.
        probabilities: What all together say of each row ``(N, K)``.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(
        self, x: Tensor, y: np.ndarray, frequencies: np.ndarray, class_weights: Sequence[float] | None = None
    ) -> Self:
        """Cross-validate on the labelled rows, then fit to all of them.

        Args:
            x: Rows as the networks read them ``(N, *shape)``.
            y: Class numbers ``(N,)``, -1 where unknown; at least two classes. A class may have no label.
            frequencies: Of the classes ``(K,)``.
            class_weights: Weight of the labelled rows of each class.
        """
        known = np.flatnonzero(y >= 0)
        truth, folds = y[known], fold_numbers(y[known], self.seed)
        held = folds >= 0
        outside, inside = {}, {}
        for name, member in self._members(x, y, frequencies, class_weights).items():
            found = np.full((len(known), len(frequencies)), np.nan)
            for k in np.unique(folds[held]):
                out, fewer = folds == k, y.copy()
                fewer[known[out]] = -1
                found[out] = member(fewer, known[out])
            misfits = {power: misfit(sharpened(found[held], power), truth[held]) for power in POWERS}
            power = min(POWERS, key=misfits.__getitem__)  # the first without labels to tell
            outside[name], inside[name] = sharpened(found, power), sharpened(member(y, np.arange(len(y))), power)
        wrong = {name: p[held].argmax(1) != truth[held] for name, p in outside.items()} if held.any() else {}
        self.errors = {name: float(100 * np.mean(each)) for name, each in wrong.items()}
        shares = mixture_weights(np.stack([p[held, truth[held]] for p in outside.values()], 1))
        self.weights = dict(zip(outside, shares.tolist(), strict=True))
        self.probabilities = sum(self.weights[name] * p for name, p in inside.items())
        return self

    def _members(
        self, x: Tensor, y: np.ndarray, frequencies: np.ndarray, class_weights: Sequence[float] | None
    ) -> dict[str, Member]:
        flat = x.flatten(1).cpu().numpy()

        def fitted(model: Any, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
            known = labels >= 0
            return class_probabilities(clone(model).fit(flat[known], labels[known]), flat[rows], len(frequencies))

        models = baselines(y[y >= 0], self.seed, class_weights)
        members: dict[str, Member] = {name: partial(fitted, model) for name, model in models.items()}
        graph = row_graph(x)
        return members | {"label_spreading": lambda labels, rows: spread_labels(graph, labels, frequencies)[rows]}

    def reported(self) -> dict[str, float]:
        """The errors of those that are reported beside a model's."""
        return {name: self.errors[name] for name in REPORTED if name in self.errors}


def sharpened(probabilities: np.ndarray, power: float) -> np.ndarray:
    """Probabilities ``(N, K)`` to a power, normalised, with a little of the uniform distribution."""
    return (1 - DOUBT) * raised(probabilities, power, least=1e-9) + DOUBT / probabilities.shape[1]


def mixture_weights(likelihoods: np.ndarray) -> np.ndarray:
    """Weights ``(M,)`` of the mixture that makes labels most likely, given each model's ``(N, M)``."""
    count = likelihoods.shape[1]
    weights = np.full(count, 1 / count)
    for _ in range(100):
        shares = weights * likelihoods
        weights = (shares / shares.sum(1, keepdims=True)).sum(0) + PRIOR_ROWS / count
        weights /= weights.sum()
    return weights
