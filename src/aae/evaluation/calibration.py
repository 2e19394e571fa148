"""Class probabilities that mean what they say: how far they do, and one power that brings them closer."""

import numpy as np
from scipy.optimize import minimize_scalar

__all__ = ["calibration_error", "fit_power", "misfit", "raised"]

BINS = 15
RANGE = 0.1, 3.0  # of the power
CAUTION = 5.0  # nats that a power e times as large or as small has to gain: with few labels it stays near 1


def calibration_error(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Expected calibration error in percent (Guo et al., arXiv 1706.04599), over 15 bins of equal width.

    The mean difference between how sure a classifier is of its answers and how many of these are right.

    Args:
        probabilities: ``(N, K)``.
        y: Classes ``(N,)``, 0 or more.

    Example:
        >>> calibration_error(np.array([[0.8, 0.2]] * 5), np.array([0, 0, 0, 0, 1]))
        0.0
    """
    sure, right = probabilities.max(1), probabilities.argmax(1) == y
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    gap = np.bincount(which, sure - right, BINS)
    return round(float(100 * np.abs(gap).sum() / len(y)), 10)


def misfit(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Mean negative log-likelihood of classes ``(N,)`` by probabilities ``(N, K)``; 0 without rows."""
    return float(-np.log(probabilities[np.arange(len(y)), y]).sum() / max(1, len(y)))


def raised(probabilities: np.ndarray, power: float, least: float = float(np.finfo(np.float32).tiny)) -> np.ndarray:
    """Probabilities ``(N, K)`` to a power, normalised: the same answers, surer above 1, less sure below.

    Args:
        probabilities: ``(N, K)``.
        power: Above 0.
        least: Smaller probabilities count as this one.
    """
    logits = power * np.log(np.maximum(probabilities.astype(np.float64), least))
    found = np.exp(logits - logits.max(1, keepdims=True))
    return (found / found.sum(1, keepdims=True)).astype(probabilities.dtype)


def fit_power(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The power that makes probabilities likely for labels which the classifier has not learned (temperature scaling).

    Args:
        probabilities: ``(N, K)``.
        y: Classes ``(N,)``, 0 or more.

    Returns:
        A number from 0.1 to 3; 1 without rows.
    """
    if not len(y):
        return 1.0
    exact = probabilities.astype(np.float64)

    def cost(log_power: float) -> float:
        return len(y) * misfit(raised(exact, float(np.exp(log_power))), y) + CAUTION * log_power**2

    return float(np.exp(minimize_scalar(cost, bounds=tuple(np.log(RANGE)), method="bounded").x))
