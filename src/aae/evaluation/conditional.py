"""Conditional-generation accuracy: whether rows that are sampled from a class show that class."""

import math

import numpy as np

from aae.data.dataset import Dataset
from aae.evaluation import inference
from aae.evaluation.baselines import random_forest
from aae.evaluation.intervals import Share
from aae.model.autoencoder import Autoencoder
from aae.system.errors import AAEError

__all__ = ["conditional_accuracy"]

SAMPLES = 1000
FEWEST = 50  # labelled rows to learn from, and to test the judge on
MAX_ROWS = 5000  # that the judge learns from
MAX_VALUES = 4_000_000  # of these rows: more take a forest more than a few seconds
GOOD_JUDGE = 80.0  # percent; a judge that is wrong more often says nothing about the samples


def conditional_accuracy(model: Autoencoder, data: Dataset, seed: int = 0) -> dict[str, float]:
    """The share of sampled rows in which an independent classifier sees the class that they were sampled from.

    The classifier is a random forest that learns from the labelled rows of the data; it never sees the model.

    Args:
        model: A model that can sample from the classes of the data.
        data: The data set; all its labels are used, also those that the model was not given.
        seed: Seed of the choice of rows and of the forest.

    Returns:
        The entries of ``conditional_accuracy`` and ``judge_accuracy`` (of the classifier, on labelled test rows), in
        percent; nothing if the model has no such classes, or if the classifier is right on fewer than 80 % of the
        test rows.
    """
    drawn = _drawn(model, len(data.classes))
    if drawn is None:
        return {}
    known, test = np.flatnonzero(data.y >= 0), data.reused + np.flatnonzero(data.test_y[data.reused :] >= 0)
    if min(len(known), len(test)) < FEWEST or len(np.unique(data.y[known])) < 2:
        return {}
    generator = np.random.default_rng(seed)
    most = max(FEWEST, min(MAX_ROWS, MAX_VALUES // math.prod(model.input_shape)))
    known = np.sort(generator.permutation(known)[:most])
    test = np.sort(generator.permutation(test)[:most])
    judge = random_forest(seed).fit(_flat(model, data.x[known]), data.y[known])
    own = Share(float(100 * judge.score(_flat(model, data.test_x[test]), data.test_y[test])), len(test))
    if own.percent < GOOD_JUDGE:
        return {}
    rows, labels = drawn
    seen = Share(float(100 * judge.score(_flat(model, rows), labels)), len(rows))
    return {**seen.entries("conditional_accuracy"), **own.entries("judge_accuracy")}


def _drawn(model: Autoencoder, classes: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Samples and the classes they were drawn from, equally many of each; None if the model knows no such classes."""
    category, style = model.category, model.style
    named = category is not None and category.dim == classes and category.label != "none"
    conditioned = category is None and style is not None and style.label == "conditioned" and classes > 1
    if not (named or conditioned):
        return None
    labels = np.arange(SAMPLES) % classes
    try:
        return inference.sample(model, SAMPLES, labels), labels
    except AAEError:  # a latent without a prior
        return None


def _flat(model: Autoencoder, rows: np.ndarray) -> np.ndarray:
    return inference.prepare(model, rows).reshape(len(rows), -1)
