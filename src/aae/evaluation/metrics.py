"""Metrics of a trained model: plain functions of arrays, or of a model and rows."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference
from aae.evaluation.intervals import Share
from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent
from aae.model.own_parts import is_own

__all__ = [
    "cluster_classes",
    "cluster_error",
    "collapsed",
    "component_accuracy",
    "error_percent",
    "parzen",
    "prior_mismatch",
    "probe_accuracy",
    "quick_metrics",
    "reconstruction_loss",
    "squared_error",
    "style_leak",
    "two_sample_accuracy",
]

MIN_DISCRIMINATOR_LOSS = 0.02  # below it a discriminator is almost never wrong
BANDWIDTHS = np.geomspace(0.05, 1.0, 12)
MIN_SPREAD = 1e-4  # of the spread that a code should have; below it a code is constant up to rounding
QUICK_ROWS = 2000  # enough to see a trend; final metrics use every row


def error_percent(true: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of labelled rows whose most probable class is wrong, in percent; ``true`` may hold -1."""
    known = true >= 0
    return float(100 * np.mean(probabilities[known].argmax(1) != true[known]))


def can_classify(model: Autoencoder) -> bool:
    """Whether the model's category output names the classes of the data."""
    return model.category is not None and model.category.label == "supervised"


def quick_metrics(model: Autoencoder, data: Dataset, split: Split) -> dict[str, float]:
    """Error on labelled and validation rows (percent) and reconstruction loss on validation rows."""
    metrics: dict[str, float] = {}
    rows = split.validation
    if can_classify(model):
        known = rows[data.y[rows] >= 0]
        if len(known):
            metrics["validation_error"] = error_percent(data.y[known], inference.classify(model, data.x[known]))
        known = split.labelled[:QUICK_ROWS]
        if len(known):
            metrics["train_error"] = error_percent(data.y[known], inference.classify(model, data.x[known]))
    if len(rows):
        some = rows[:QUICK_ROWS]
        metrics["validation_reconstruction_loss"] = reconstruction_loss(model, data.x[some], data.y[some])
    return metrics


def health(model: Autoencoder, data: Dataset, split: Split, row: Mapping[str, float]) -> dict[str, str]:
    """Early warnings: a discriminator that has won, a code that has collapsed."""
    warnings = {}
    for name, value in row.items():
        if name.startswith("discriminator_loss_") and value < MIN_DISCRIMINATOR_LOSS:
            latent_name = name.removeprefix("discriminator_loss_")
            if any(is_own(rule) for rule in model.latent(latent_name).rules("generator_loss")):
                continue  # a game of one's own may have its equilibrium elsewhere, as that of a critic
            warnings[name] = (
                f"The discriminator of {latent_name!r} dominates (loss {value:.4f}, 1.386 is equilibrium): the encoder "
                "no longer learns from it. Lower lr_adversarial or raise discriminator_dropout."
            )
    rows = split.validation[:QUICK_ROWS] if len(split.validation) else split.unlabelled[:QUICK_ROWS]
    encoded = any(latent.posterior is not None for latent in model.latents)
    for name, codes in inference.encode(model, data.x[rows]).items() if encoded and len(rows) >= 10 else ():
        latent = model.latent(name)
        if latent is model.category:
            used = len(np.unique(codes.argmax(1)))
            if used <= max(1, codes.shape[1] // 3) < codes.shape[1]:
                warnings[name] = f"Latent {name!r} uses {used} of its {codes.shape[1]} categories: it has collapsed."
        elif not latent.is_category and codes.std(0).max() < 0.02 * _prior_std(latent):
            warnings[name] = f"The code {name!r} has collapsed: it is almost the same for every example."
    return warnings


def collapsed(model: Autoencoder, rows: np.ndarray) -> bool:
    """Whether the whole code is the same for all given rows, and so carries no information about them."""
    if len(rows) < 2 or all(latent.posterior is None for latent in model.latents):
        return False
    for name, codes in inference.encode(model, rows).items():
        latent = model.latent(name)
        expected = 1 / latent.dim if latent.is_category else _prior_std(latent)
        if not np.isfinite(codes).all() or codes.std(0).max() > MIN_SPREAD * expected:
            return False
    return True


def _prior_std(latent: Latent) -> float:
    if latent.prior is None:
        return 1.0
    return float(latent.prior(500).sample().std(0).mean())


@torch.inference_mode()
def reconstruction_loss(model: Autoencoder, rows: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood of a row under its own reconstruction, in nats."""
    model.eval()
    total = 0.0
    for x, y in inference.chunks(model, rows, labels):
        codes = model.complete(model.encode(x), y)
        total += float(model.likelihood.loss(model.decoder(model.merge(codes)), x).sum())
    return total / len(rows)


def squared_error(
    model: Autoencoder, rows: np.ndarray, labels: np.ndarray | None = None, target: np.ndarray | None = None
) -> float:
    """Squared error of the reconstruction, summed over a row's values and averaged over rows.

    Rows are network inputs; ``target`` is the expected output, if that is not ``rows`` (denoising).
    """
    difference = inference.reconstruct(model, rows, labels, prepared=True) - (rows if target is None else target)
    return float(np.square(difference, dtype=np.float64).reshape(len(rows), -1).sum(1).mean())


def cluster_classes(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class of every cluster ``(K,)`` by the paper's protocol (Makhzani et al., section 6).

    Each cluster takes the label of the validation row that has the highest probability of it.

    Args:
        probabilities: Those of labelled validation rows, ``(N, K)``.
        labels: Their classes ``(N,)``.
    """
    return labels[probabilities.argmax(0)]


def cluster_error(validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> float:
    """Clustering error of labelled test rows in percent, with clusters named by `cluster_classes`.

    Args:
        validation: Probabilities ``(N, K)`` and labels ``(N,)``.
        test: The same of the test rows.
    """
    known = test[1] >= 0
    return float(100 * np.mean(cluster_classes(*validation)[test[0][known].argmax(1)] != test[1][known]))


def component_accuracy(latent: Latent, codes: np.ndarray, labels: np.ndarray) -> float:
    """Share of codes, in percent, whose most likely component of the prior is that of their label."""
    device = next(latent.parameters()).device
    values = torch.from_numpy(codes).to(device)
    log_probs = [
        latent.checked_prior(len(values), torch.full((len(values),), k, device=device)).log_prob(values)
        for k in range(latent.components)
    ]
    known = labels >= 0
    return float(100 * np.mean(torch.stack(log_probs).argmax(0).cpu().numpy()[known] == labels[known]))


def two_sample_accuracy(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Share:
    """Classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017): how often a classifier distinguishes two samples.

    Gradient-boosted trees, trained on one half of the rows and tested on the other. With samples of the same size,
    chance is 50 %: then the classifier sees no difference. 100 % is complete separation.

    Args:
        first: Rows ``(N, D)``.
        second: As many rows ``(N, D)``.
        seed: Seed of the halves and of the trees.

    Returns:
        Its accuracy on the tested half.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows = np.concatenate([first, second])
    source = np.repeat([0, 1], [len(first), len(second)])
    order = np.random.default_rng(seed).permutation(len(rows))
    train, test = np.array_split(order, 2)
    classifier = HistGradientBoostingClassifier(random_state=seed, early_stopping=True).fit(rows[train], source[train])
    return Share(float(100 * classifier.score(rows[test], source[test])), len(test))


def prior_mismatch(codes: np.ndarray, samples: np.ndarray, seed: int = 0) -> float:
    """Accuracy above chance, in points, of `two_sample_accuracy` for codes and samples of their prior.

    0 is a perfect match, 50 complete separation. Both arrays are ``(N, D)``.
    """
    return max(0.0, two_sample_accuracy(codes, samples, seed).percent - 50)


def probe_accuracy(codes: np.ndarray, labels: np.ndarray) -> tuple[Share, float]:
    """How often a linear probe reads the class from the code.

    Half the rows train the probe, half test it; the halves are balanced, whatever the order of the rows.

    Args:
        codes: Codes ``(N, D)``.
        labels: Their classes ``(N,)``.

    Returns:
        Its accuracy on the tested half; and chance, the share of the most frequent class there, in percent.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    order = np.random.default_rng(0).permutation(len(codes))
    order = order[np.argsort(labels[order], kind="stable")]
    train, test = order[::2], order[1::2]
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(codes[train], labels[train])
    chance = float(100 * np.bincount(labels[test]).max() / len(test))
    return Share(float(100 * probe.score(codes[test], labels[test])), len(test)), chance


def style_leak(codes: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy, in percent, of a linear probe that reads the class from the style (`probe_accuracy`)."""
    return probe_accuracy(codes, labels)[0].percent


def parzen(samples: np.ndarray, validation: np.ndarray, test: np.ndarray) -> tuple[float, float]:
    """Parzen-window log-likelihood of test rows and its standard error, in nats (the paper, section 3).

    The bandwidth is the one from 0.05 to 1 that fits the validation rows best, to about 7 %. A poor
    measure of a generator (Theis et al., arXiv 1511.01844), kept for comparison.

    Args:
        samples: ``(N, ...)`` rows drawn from the model.
        validation: ``(M, ...)`` rows that choose the bandwidth.
        test: ``(T, ...)`` rows to evaluate.
    """
    samples, validation, test = (
        rows.reshape(len(rows), -1).astype(np.float32, copy=False) for rows in (samples, validation, test)
    )
    best = _best_width(samples, validation, BANDWIDTHS)
    between = BANDWIDTHS[max(best - 1, 0)], BANDWIDTHS[min(best + 1, len(BANDWIDTHS) - 1)]
    finer = np.geomspace(*between, 9)
    width = float(finer[_best_width(samples, validation, finer)])
    (density,) = _log_densities(samples, test, [width])
    return float(density.mean()), float(density.std(ddof=1) / math.sqrt(len(density)))


def _best_width(samples: np.ndarray, validation: np.ndarray, widths: np.ndarray) -> int:
    """Index of the width that gives the validation rows the highest density."""
    return int(_log_densities(samples, validation, widths).mean(1).argmax())


def _log_densities(samples: np.ndarray, rows: np.ndarray, widths: Sequence[float] | np.ndarray) -> np.ndarray:
    """Log-density of each row under Gaussians of each width around the samples, ``(widths, rows)``."""
    samples_, rows_ = torch.from_numpy(samples), torch.from_numpy(rows)
    square = samples_.square().sum(1)
    dim = samples.shape[1]
    # Reused for every part: new ones of this size would fragment the memory.
    distances, weights = torch.empty(200, len(samples)), torch.empty(200, len(samples))
    parts = []
    for part in rows_.split(200):
        distance, weight = distances[: len(part)], weights[: len(part)]
        torch.mm(part, samples_.T, out=distance).mul_(-2).add_(square)
        nearest = distance.amin(1, keepdim=True)
        distance -= nearest
        nearest = (nearest[:, 0] + part.square().sum(1)).double()
        densities = []
        for width in widths:
            scale = 1 / (-2 * width**2)
            torch.mul(distance, scale, out=weight)
            densities.append(weight.exp_().sum(1).log().double() + scale * nearest)
        parts.append(torch.stack(densities))
    constant = [math.log(len(samples)) + dim / 2 * math.log(2 * math.pi * width**2) for width in widths]
    return (torch.cat(parts, 1) - torch.tensor(constant, dtype=torch.float64)[:, None]).numpy()
