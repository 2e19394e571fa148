"""Which rows are like which, and the lists of rows that are worth a look."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from aae.evaluation import inference
from aae.evaluation.outliers import OutlierScore, one_unit
from aae.explorer.rows import TRAINING, Shown
from aae.model.autoencoder import Autoencoder

__all__ = ["mistakes", "nearest_rows", "uncertain", "unusual"]

NEAREST = 10
LISTED = 200
SHARE, FEWEST = 10, 10  # a list by rank holds a tenth of the rows, but no fewer than ten
COMPARED = 5000  # rows that tell what is usual


def nearest_rows(features: np.ndarray) -> np.ndarray | None:
    """Numbers of the ten rows most like each row ``(N, 10)``, nearest first; fewer of few rows, None of one row."""
    count = min(NEAREST, len(features) - 1)
    if count < 1:
        return None
    # Asked for no rows, it leaves a row out of its own neighbours.
    return NearestNeighbors(n_neighbors=count).fit(features).kneighbors(return_distance=False)


def _ranked(score: np.ndarray) -> list[int]:
    """The rows with the largest scores ``(N,)``, the largest first."""
    count = min(LISTED, max(FEWEST, len(score) // SHARE))
    return np.argsort(-score, kind="stable")[:count].tolist()


def mistakes(labels: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """Rows whose most probable class is not their label, the most confident first."""
    wrong = np.flatnonzero((labels >= 0) & (probabilities.argmax(1) != labels))
    return wrong[np.argsort(-probabilities[wrong].max(1), kind="stable")][:LISTED].tolist()


def uncertain(probabilities: np.ndarray) -> list[int]:
    """The rows with the least confident predictions, the least first."""
    return _ranked(-probabilities.max(1))


def unusual(model: Autoencoder, shown: Shown) -> list[int]:
    """The rows least like any other, by `aae.evaluation.outliers`, the most unusual first; none of fewer than 10."""
    if len(shown) < NEAREST:
        return []
    inputs = inference.prepare(model, shown.x)
    order = np.argsort(shown.part != TRAINING, kind="stable")[:COMPARED]
    with inference.seeded(model, 0):  # for the labels of rows without one
        decoded = inference.reconstruct(model, inputs[order], shown.y[order], prepared=True)
    flat = inputs.reshape(len(inputs), -1)
    score = OutlierScore().fit(flat[order], decoded.reshape(len(order), -1), one_unit(shown.x, model.table))
    return _ranked(score(flat))
