"""All test metrics of one trained model, as one flat dictionary."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from aae.data.dataset import Dataset
from aae.data.labels import ClassName
from aae.data.splits import Split
from aae.evaluation import bounds, inference, metrics
from aae.evaluation.baselines import baseline_errors, pca_squared_error
from aae.evaluation.calibration import calibration_error, raised
from aae.evaluation.conditional import conditional_accuracy
from aae.evaluation.intervals import Share
from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent
from aae.system.errors import AAEError

__all__ = ["class_figures", "evaluate", "validation_figure"]

MIN_ROWS = 50  # test rows; with fewer, metrics that compare distributions mean nothing
MAX_VALIDATION_ROWS = 2000  # that compare settings


def evaluate(model: Autoencoder, data: Dataset, split: Split | None = None) -> dict[str, float]:
    """Measure a model on the test rows; metrics that do not apply to it are left out.

    Args:
        model: The model.
        data: The data set; its test rows are evaluated.
        split: The split used in training; its validation rows are evaluated too.

    Returns:
        Some of ``test_error``, ``validation_error``, ``cluster_error``, ``style_leak`` (accuracy of a linear probe on
        the style; for a model without a class latent also as ``class_readable``, because there a high value is good),
        ``prior_classifier_accuracy`` (of a classifier of codes and prior samples; chance is 50) and ``prior_mismatch``
        (the same, in points above 50), ``component_accuracy``, ``conditional_accuracy`` and ``judge_accuracy``
        (`aae.evaluation.conditional`), ``balanced_accuracy`` (the mean over classes), ``calibration_error``
        (`aae.evaluation.calibration`) and ``recall_NAME`` for each class (percent); ``reconstruction_loss``, ``elbo``,
        ``log_likelihood``, ``log_likelihood_se`` (nats); ``baseline_logistic_regression`` and
        ``baseline_random_forest``, the test errors of these on the same labels (percent); ``squared_error``,
        ``pca_squared_error`` (of PCA with as many components as the code is long), ``denoising_error``, ``noisy_error``
        (summed over a row's values). Metrics that need labels are of the ``test_labelled`` of the ``test_rows``, or of
        the ``validation_labelled`` of the ``validation_rows``. An error or accuracy ``NAME`` has its number of rows,
        ``NAME_rows``, and its 95 % interval, ``NAME_low`` to ``NAME_high`` (`aae.evaluation.intervals.Share`); what a
        linear probe reads also has ``NAME_chance``, the share of the most frequent class.
    """
    validation = split.validation if split is not None else np.arange(0)
    values: dict[str, float] = {"test_rows": len(data.test_x), "test_labelled": int((data.test_y >= 0).sum())}
    if len(validation):
        values |= {"validation_rows": len(validation), "validation_labelled": int((data.y[validation] >= 0).sum())}
    if not len(data.test_x):
        return values
    x, y = data.test_x, data.test_y
    if any(latent.label == "observed" for latent in model.latents) and (y >= 0).any():
        x, y = x[y >= 0], y[y >= 0]  # another row would be reconstructed with the label of a random class
    with inference.seeded(model, 0):
        rows = _measure_rows(model, x, y)
        if metrics.can_classify(model):
            values |= class_figures("test_error", y, rows["probabilities"].argmax(1), data.classes)
            if values["test_labelled"] >= MIN_ROWS:
                sure = raised(rows["probabilities"][y >= 0], model.calibration)
                values["calibration_error"] = calibration_error(sure, y[y >= 0])
            if split is not None and len(validation):
                found = _only(metrics.quick_metrics(model, data, split), "validation_error")
                values |= _counted(found, int(values["validation_labelled"]))
            if split is not None:
                found = {f"baseline_{name}": error for name, error in baseline_errors(model, data, split).items()}
                values |= _counted(found, int(values["test_labelled"]))
        values["reconstruction_loss"] = float(rows["loss"].mean(dtype=np.float64))
        values["squared_error"] = float(rows["square"].mean(dtype=np.float64))
        pca = pca_squared_error(model, data, split, x) if split is not None and model.category is None else None
        values |= {} if pca is None else {"pca_squared_error": pca}
        values |= _denoising(model, x, y)
        bound = bounds.elbo(model, x, y)
        if bound is not None:
            values["elbo"] = bound
        values |= _cluster(model, data, validation)
        if model.style is not None and "style" in rows:
            values |= _style(model, model.style, x, y, rows["style"])
        if len(validation) and len(x) >= MIN_ROWS:
            values |= _likelihood(model, data, validation)
        values |= conditional_accuracy(model, data)
    return values


def class_figures(error: str, y: np.ndarray, predicted: np.ndarray, classes: Sequence[ClassName]) -> dict[str, float]:
    """The error of the labelled rows and how much of each class is found, in percent; nothing without labelled rows."""
    known = y >= 0
    if not known.any() or not classes:
        return {}
    right = predicted[known] == y[known]
    counts = np.bincount(y[known], minlength=len(classes))
    found = 100 * np.bincount(y[known], weights=right, minlength=len(classes)) / np.maximum(counts, 1)
    recall = {f"recall_{name}": float(found[k]) for k, name in enumerate(classes) if counts[k]}
    wrong = Share(float(100 * np.mean(~right)), len(right)).entries(error)
    return {**wrong, "balanced_accuracy": float(np.mean(list(recall.values()))), **recall}


def _counted(percents: dict[str, float], rows: int) -> dict[str, float]:
    """Shares of so many rows, with their intervals."""
    return {key: value for name, one in percents.items() for key, value in Share(one, rows).entries(name).items()}


def validation_figure(model: Autoencoder, data: Dataset, split: Split) -> tuple[str, float]:
    """The one metric by which settings are compared: on validation rows only, lower is better.

    The first of these that the model has: error of its classes, error of its clusters (half of the
    rows label them), negative evidence bound, negative Parzen likelihood of its samples, squared
    error of denoised rows, squared error of reconstructed rows.

    Args:
        model: The model.
        data: The data set.
        split: The split used in training.

    Returns:
        Its name and value.

    Raises:
        AAEError: No validation rows, or none with a label for a classifier.
    """
    rows = split.validation[:MAX_VALIDATION_ROWS]
    if len(rows) < 2:
        raise AAEError(f"{data.name} leaves no validation examples to compare options on; use fewer labels.")
    if metrics.can_classify(model):
        known = rows[data.y[rows] >= 0]
        if not len(known):
            raise AAEError(f"No validation example of {data.name} has a label to compare options on; use fewer labels.")
        return "validation_error", metrics.error_percent(data.y[known], inference.classify(model, data.x[known]))
    labelling, held_out = rows[::2], replace(data, test_x=data.x[rows[1::2]], test_y=data.y[rows[1::2]])
    x, y = held_out.test_x, held_out.test_y
    with inference.seeded(model, 0):
        clusters = _cluster(model, held_out, labelling)
        if clusters:
            return "cluster_error", clusters["cluster_error"]
        bound = bounds.elbo(model, x, y)
        if bound is not None and any(latent.rules("divergence") for latent in model.latents):
            return "negative_elbo", -bound
        likelihood = _likelihood(model, held_out, labelling)
        if likelihood:
            return "negative_log_likelihood", -likelihood["log_likelihood"]
        denoised = _denoising(model, x, y)
        if denoised:
            return "denoising_error", denoised["denoising_error"]
        return "squared_error", metrics.squared_error(model, inference.prepare(model, x), y)


@torch.inference_mode()
def _measure_rows(model: Autoencoder, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """For every row its ``loss``, squared error (``square``), ``probabilities`` and a draw of its ``style``.

    The style is one draw from the row's posterior, which is what the discriminator sees.
    """
    model.eval()
    category, style = model.category, model.style
    parts: dict[str, list[np.ndarray]] = {}
    for rows, labels in inference.chunks(model, x, y):
        posteriors = model.posteriors(rows)
        codes = model.complete({name: posterior.mean for name, posterior in posteriors.items()}, labels)
        output = model.decoder(model.merge(codes))
        values = {
            "loss": model.likelihood.loss(output, rows),
            "square": (model.likelihood.mean(output) - rows).square().flatten(1).sum(1),
        }
        if category is not None and category.posterior is not None:
            values["probabilities"] = posteriors[category.name].mean
        if style is not None and style.posterior is not None:
            values["style"] = posteriors[style.name].sample()
        for name, value in values.items():
            parts.setdefault(name, []).append(value.cpu().numpy())
    return {name: np.concatenate(chunks) for name, chunks in parts.items()}


def _only(values: dict[str, float], *names: str) -> dict[str, float]:
    return {name: values[name] for name in names if name in values}


def _denoising(model: Autoencoder, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Squared error to the clean rows, before and after the model, of rows corrupted as in training."""
    corruption = model.corruption
    if corruption is None or not hasattr(corruption, "corrupt"):
        return {}
    clean = inference.prepare(model, x)
    noisy = corruption.corrupt(torch.from_numpy(clean)).numpy()
    before = float(np.square(noisy - clean, dtype=np.float64).reshape(len(x), -1).sum(1).mean())
    return {"noisy_error": before, "denoising_error": metrics.squared_error(model, noisy, y, target=clean)}


def _cluster(model: Autoencoder, data: Dataset, validation: np.ndarray) -> dict[str, float]:
    """Metrics of the clusters, each read as the class of the labelled validation row that is surest of it."""
    category = model.category
    if category is None or category.posterior is None or category.label != "none":
        return {}
    known, test = validation[data.y[validation] >= 0], data.test_y >= 0
    if not len(known) or not test.any():
        return {}
    names = metrics.cluster_classes(inference.classify(model, data.x[known]), data.y[known])
    predicted = names[inference.classify(model, data.test_x[test]).argmax(1)]
    return class_figures("cluster_error", data.test_y[test], predicted, data.classes)


def _style(model: Autoencoder, style: Latent, x: np.ndarray, y: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """How well the style latent matches its prior, and how much it reveals of the class."""
    values: dict[str, float] = {}
    if style.prior is not None and len(x) >= MIN_ROWS:
        told = metrics.two_sample_accuracy(codes, style.prior(len(codes)).sample().cpu().numpy())
        values |= {**told.entries("prior_classifier_accuracy"), "prior_mismatch": max(0.0, told.percent - 50)}
    known = y >= 0
    if known.sum() >= MIN_ROWS and (np.bincount(y[known]) > 1).sum() > 1:
        read, chance = metrics.probe_accuracy(codes[known], y[known])
        # Without a class latent the code has to hold the class: then the same metric is good news.
        for name in ("style_leak", *(("class_readable",) if model.category is None else ())):
            values |= {**read.entries(name), f"{name}_chance": chance}
    conditioned = style.label == "conditioned" and model.category is None
    if known.any() and conditioned and getattr(style.prior, "has_density", False):
        found = metrics.component_accuracy(style, inference.encode(model, x)[style.name], y)
        values |= Share(found, int(known.sum())).entries("component_accuracy")
    return values


def _likelihood(model: Autoencoder, data: Dataset, validation: np.ndarray) -> dict[str, float]:
    """Parzen-window log-likelihood with 10,000 samples, for models that can sample."""
    try:
        samples = np.concatenate([model.sample(1000).cpu().numpy() for _ in range(10)])
    except AAEError:
        return {}
    some, test = (inference.prepare(model, rows) for rows in (data.x[validation[:1000]], data.test_x))
    value, error = metrics.parzen(samples, some, test)
    return {"log_likelihood": value, "log_likelihood_se": error}
