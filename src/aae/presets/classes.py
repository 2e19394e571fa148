"""What a training assumes of its classes: how frequent they are, and how much a label of each counts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.class_weight import compute_class_weight

from aae.data.arrays import NpyRows
from aae.data.dataset import Dataset, as_float
from aae.data.labels import ClassName
from aae.data.order import RowsExcept
from aae.data.splits import Split
from aae.presets.options import Options
from aae.system.errors import AAEError

__all__ = ["has_rare", "label_frequencies", "prior_note", "resolve_classes", "uneven_frequencies"]

MIN_LABELS = 3  # of each class
MIN_ACCURACY = 0.9  # of the nearest labelled row, for labelled rows: below that its word is worth little
RARE = 0.25  # of an equal share: a class is rare below that
MAX_LABELLED, MAX_ROWS = 2000, 5000  # that are looked at
LISTED = 4  # classes that a sentence lists


def resolve_classes(options: Options, data: Dataset, split: Split) -> Options:
    """Options with the class frequencies and weights that follow from the labels in place of their names.

    Args:
        options: The options. ``class_prior="labels"`` becomes shares, or ``"uniform"`` where the labels say no more
            than that; ``class_weight="balanced"`` becomes weights.
        data: The data set.
        split: Which of its rows are labelled.

    Raises:
        AAEError: Weights for a model that does not learn classes from labels, or not one for each class.
    """
    learned = options.y in ("observed", "supervised") or (options.y == "auto" and len(split.labelled) > 0)
    if options.class_prior == "labels" and learned and data.classes and len(split.labelled):
        counts = np.bincount(data.y[split.labelled], minlength=len(data.classes))
        shares = None if options.y == "observed" else uneven_frequencies(data, split)
        if shares is None:
            shares = label_frequencies(counts)
        options = replace(options, class_prior="uniform" if len(set(shares)) == 1 else tuple(shares))
    if options.class_weight is not None:
        if not learned or options.y == "observed":
            raise AAEError(
                "The option class_weight is of a classifier's labels, and this preset learns no classifier; drop it."
            )
        options = replace(options, class_weight=_weights(options.class_weight, data, split))
    return options


def label_frequencies(counts: Sequence[int] | np.ndarray) -> list[float]:
    r"""Class frequencies by numbers of labels, shrunk towards equal ones as far as chance may explain that they differ.

    :math:`\lambda / K + (1 - \lambda)\, n_k / n` with the weight of least expected squared error,
    :math:`\lambda = (1 - \sum_k \hat p_k^2) / ((n - 1) \sum_k (1 / K - \hat p_k)^2)`, one at most (Hausser and
    Strimmer, *Entropy inference and the James-Stein estimator*, 2009, section 2.3). Labels that were drawn evenly, on
    purpose or nearly by chance, give equal frequencies; 39 and 1 give 0.974 and 0.026.

    Args:
        counts: Labelled rows of each class ``(K,)``. A class without any counts as half a row.
    """
    numbers = np.maximum(np.asarray(counts, dtype=np.float64), 0.5)
    total, classes = numbers.sum(), len(numbers)
    shares = numbers / total
    apart = (total - 1) * np.square(1 / classes - shares).sum()
    chance = 1 - np.square(shares).sum()
    if chance >= apart:
        return [1 / classes] * classes
    return (chance / apart / classes + (1 - chance / apart) * shares).tolist()


def uneven_frequencies(data: Dataset, split: Split) -> list[float] | None:
    """Shares of the classes among the rows of images, by the nearest labelled row; None unless one class is rare.

    Labels are often drawn evenly from uneven classes, and then do not tell. A classifier that is told that all classes
    are as frequent calls many rows by a rare one. The nearest labelled row is asked only where it is right for nine
    labelled rows of ten. With few labels of classes that are hard to distinguish nothing is known.

    Args:
        data: The data set.
        split: Which of its rows are labelled.
    """
    labelled, rest = split.labelled, split.unlabelled
    if not data.is_image or isinstance(data.x, NpyRows) or isinstance(rest, RowsExcept) or len(rest) < len(labelled):
        return None
    counts = np.bincount(data.y[labelled], minlength=len(data.classes))
    if len(counts) < 2 or counts.min() < MIN_LABELS:
        return None
    known, some = _spread(labelled, MAX_LABELLED), _spread(rest, MAX_ROWS)
    x, y = as_float(data.x[known]).reshape(len(known), -1), data.y[known]
    nearest = KNeighborsClassifier(1).fit(x, y)
    second = nearest.kneighbors(return_distance=False)[:, 0]  # of each labelled row, without itself
    if (y[second] == y).mean() < MIN_ACCURACY:
        return None
    found = nearest.predict(as_float(data.x[some]).reshape(len(some), -1))
    shares = np.bincount(found, minlength=len(counts)) * (len(rest) / len(some)) + counts
    shares /= shares.sum()
    return shares.tolist() if has_rare(shares) else None


def has_rare(shares: str | Sequence[float] | np.ndarray) -> bool:
    """Whether one of the class frequencies (in shares or counts) is less than a quarter of an equal one."""
    numbers = np.ones(1) if isinstance(shares, str) else np.asarray(shares)
    return bool(numbers.min() < RARE * numbers.mean())


def prior_note(classes: Sequence[ClassName], shares: Sequence[float]) -> str:
    """A sentence on the frequencies that follow from the labels."""
    named = list(zip(shares, map(str, classes), strict=True))
    listed = named if len(named) <= LISTED else sorted(named)[:LISTED]  # in the order of class_prior, or the rarest
    some = ", ".join(f"{name!r} {100 * share:.2g} %" for share, name in listed)
    rare = ", and rare ones are predicted about that often" if has_rare(shares) else ""
    return (
        f"Class frequencies are estimated from the labelled examples: {some}"
        f"{', ...' if len(classes) > LISTED else ''}{rare}; --set class_prior=[...] sets other frequencies, "
        "class_prior=uniform equal ones."
    )


def _weights(given: str | Sequence[float], data: Dataset, split: Split) -> tuple[float, ...]:
    """The weight of each class."""
    if isinstance(given, str):  # balanced
        y = data.y[split.labelled]
        weights = np.ones(len(data.classes))  # of a class without a label, which is never used
        weights[np.unique(y)] = compute_class_weight("balanced", classes=np.unique(y), y=y)
        return tuple(weights.tolist())
    if len(given) != len(data.classes):
        raise AAEError(
            f"The option class_weight holds {len(given)} numbers for {len(data.classes)} classes; give one for each."
        )
    return tuple(given)


def _spread(numbers: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of the row numbers, at equal distances."""
    return numbers[:: max(1, -(-len(numbers) // count))]
