"""What each metric of a model is called and means, for every place that shows it to a reader."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

__all__ = ["LABELS", "MEASURES", "Measure", "detail", "is_detail", "known", "label_of", "measured", "value_text"]

LOWER, HIGHER = "lower is better", "higher is better"


@dataclass(frozen=True)
class Measure:
    """How a metric is shown.

    Args:
        label: Its name.
        meaning: What was measured, in a few words.
        better: Which direction is good, in at most 20 characters: it stands on one line of a narrow box.
        unit: Its unit, written behind the value.
        digits: After the decimal point.
        rows: What the rows are that it was measured on.
        headline: Whether it stands at the top of a report, or in its table of results.
        chance: What guessing reaches, if that is the same for all data.
    """

    label: str
    meaning: str
    better: str = LOWER
    unit: str = "%"
    digits: int = 2
    rows: str = "labelled test examples"
    headline: bool = True
    chance: float | None = None


# In the order of a report.
MEASURES = {
    "test_error": Measure("Test error", "fraction of test examples misclassified"),
    "baseline_logistic_regression": Measure("Error of logistic regression", "trained on the same labels"),
    "baseline_random_forest": Measure("Error of a random forest", "trained on the same labels"),
    "cluster_error": Measure("Cluster error", "fraction of test examples whose cluster is assigned to another class"),
    "validation_error": Measure("Validation error", "the same on held-out training examples",
                                rows="labelled validation examples"),
    "balanced_accuracy": Measure("Balanced accuracy", "mean of the recall over classes", HIGHER, digits=1,
                                 headline=False),
    "calibration_error": Measure("Calibration error", "mean difference between confidence and accuracy, in bins of "
                                 "confidence", digits=1, headline=False),
    "reconstruction_loss": Measure("Reconstruction loss", "mean over examples", unit="nats", digits=1,
                                   rows="test examples"),
    "squared_error": Measure("Squared error", "of reconstructions, summed over values, mean over examples",
                             unit="", rows="test examples", headline=False),
    "pca_squared_error": Measure("Squared error of PCA", "with as many components as the code has dimensions", "",
                                 unit="", rows="test examples", headline=False),
    "denoising_error": Measure("Denoising error", "squared distance to the clean input, mean over examples", unit="",
                               digits=1, rows="test examples"),
    "elbo": Measure("Evidence lower bound", "mean over examples", HIGHER, unit="nats", digits=1, rows="test examples"),
    "log_likelihood": Measure("Log-likelihood", "of test examples, by a Parzen window on samples", HIGHER, unit="nats",
                              digits=1, rows="test examples"),
    "component_accuracy": Measure("Component accuracy", "fraction of codes in the mixture component of their class",
                                  HIGHER, digits=1),
    "class_readable": Measure("Class readable from the code", "accuracy of a linear probe on the code", HIGHER,
                              digits=1, rows="probed test examples"),
    "style_leak": Measure("Style leak", "accuracy of a linear probe that predicts the class from the style",
                          digits=1, rows="probed test examples"),
    "prior_classifier_accuracy": Measure("Prior classifier accuracy", "of a classifier that distinguishes codes "
                                         "from prior samples", "50 % is best", digits=1, rows="codes and prior samples",
                                         chance=50.0),
    "conditional_accuracy": Measure("Conditional-generation accuracy", "fraction of samples that an independent "
                                    "classifier assigns to the class they were sampled from", HIGHER, digits=1,
                                    rows="samples"),
    "sample_accuracy": Measure("Samples distinguished from data", "accuracy of a random forest between samples and "
                               "rows of the data", "50 % is best", digits=1, rows="", headline=False, chance=50.0),
    "copula_accuracy": Measure("Copula samples distinguished from data", "the same for a Gaussian copula",
                               "50 % is best", digits=1, rows="", headline=False, chance=50.0),
    "sample_distance": Measure("Distance of samples from data", "mean over columns", "0 is best, 1 worst", unit="",
                               digits=3, rows="", headline=False),
    "copula_distance": Measure("Copula distance", "the same for a Gaussian copula", "0 is best, 1 worst", unit="",
                               digits=3, rows="", headline=False),
    "calibration_power": Measure("Calibration power", "the class probabilities are raised to this power and rescaled",
                                 "1 changes nothing", unit="", rows="", headline=False),
    "seconds": Measure("Training time", "", "", unit="", digits=0, rows=""),
}
# Other entries, where their key does not say it as well.
LABELS = {"steps": "Training steps", "test_rows": "Test examples", "validation_rows": "Validation examples",
          "noisy_error": "Squared error of the corrupted input",
          "test_labelled": "Labelled test examples", "validation_labelled": "Labelled validation examples",
          "cross_validation_folds": "Folds of cross-validation"}
_DETAILS = ("_rows", "_low", "_high", "_se", "_chance")  # of a metric, shown beside it
# How many rows the other metrics are of.
_COUNTS = {"labelled test examples": "test_labelled", "test examples": "test_rows",
           "labelled validation examples": "validation_labelled"}


def measured(results: Mapping[str, Any]) -> Iterator[tuple[str, Measure]]:
    """The metrics with a name that a model has, in the order of a report.

    What a linear probe reads is either style leak or readable class, never both.
    """
    for key, measure in MEASURES.items():
        value = results.get(key)
        doubled = key == "style_leak" and "class_readable" in results
        if isinstance(value, Real) and known(value) and not doubled:
            yield key, measure


def is_detail(name: str) -> bool:
    """Whether an entry is shown beside the metric that it belongs to."""
    return name == "prior_mismatch" or name == "judge_accuracy" or any(
        name.endswith(end) and name.removesuffix(end) in (*MEASURES, "judge_accuracy") for end in _DETAILS
    )  # fmt: skip


def known(value: object) -> bool:
    """Whether there is a value: not None or NaN."""
    return value is not None and not (isinstance(value, Real) and math.isnan(value))


def label_of(key: str) -> str:
    """What an entry is called.

    Example:
        >>> label_of("test_error"), label_of("validation_rows")
        ('Test error', 'Validation examples')
    """
    return MEASURES[key].label if key in MEASURES else LABELS.get(key, key.replace("_", " ").capitalize())


def value_text(key: str, results: Mapping[str, Any], space: str = " ") -> str:
    """A metric with its unit; ``space`` stands before the unit.

    Example:
        >>> value_text("test_error", {"test_error": 1.284})
        '1.28 %'
    """
    measure = MEASURES[key]
    if key == "seconds":
        return _duration(float(results[key]))
    text = f"{float(results[key]):,.{measure.digits}f}"
    return f"{text}{space}{measure.unit}" if measure.unit else text


def detail(key: str, results: Mapping[str, Any]) -> list[str]:
    """What belongs to a metric: its interval, the rows it was measured on, and what it has to be compared with.

    Example:
        >>> detail("test_error", {"test_error": 0.0, "test_error_low": 0.0, "test_error_high": 29.91,
        ...                       "test_error_rows": 9})
        ['95 % interval: 0.00 to 29.91 %', '9 labelled test examples']
    """
    measure, parts = MEASURES[key], []
    if "cross_validation_folds" in results and measure.rows in _COUNTS:
        parts.append(f"by {results['cross_validation_folds']}-fold cross-validation")
    low, high = (results.get(f"{key}_{end}") for end in ("low", "high"))
    if isinstance(low, Real) and isinstance(high, Real):
        low, high = (f"{float(edge):.{measure.digits}f}" for edge in (low, high))
        parts.append(f"95 % interval: {low} to {high} %")
    error = results.get(f"{key}_se")
    if isinstance(error, Real) and known(error):
        parts.append(f"standard error: {float(error):,.{measure.digits}f} {measure.unit}".rstrip())
    count = results.get(f"{key}_rows", results.get(_COUNTS.get(measure.rows, "")))
    if isinstance(count, Integral):
        parts.append(f"{int(count):,} {measure.rows if count != 1 else measure.rows.removesuffix('s')}")
    if isinstance(chance := results.get(f"{key}_chance", measure.chance), Real):
        parts.append(f"chance: {float(chance):.3g} %")
    if key == "conditional_accuracy" and isinstance(judge := results.get("judge_accuracy"), Real):
        parts.append(f"accuracy of that classifier on test examples: {float(judge):.1f} %")
    if key == "seconds" and isinstance(results.get("device"), str):
        parts.append(f"on {results['device']}")
    return parts


def _duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> _duration(7), _duration(100), _duration(7260)
        ('7 s', '1 min 40 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
