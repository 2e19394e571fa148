"""The one line that says how good a model without an error is, by the metric that its preset is about."""

from collections.abc import Callable, Mapping
from typing import Any

from aae.system.errors import counted

__all__ = ["own_figure"]

Figures = Mapping[str, Any]


def own_figure(run: Any, figures: Figures) -> str:
    """The metric that a model is trained for, as a sentence; every model has one.

    Args:
        run: The opened run.
        figures: Its metrics, as `aae.evaluation.figures.evaluate` measures them.
    """
    if not figures["test_rows"]:
        return "no metrics: there are no test examples"
    parts = [text for part in _PARTS if (text := part(run, figures))]
    return "; ".join([*parts, *([] if "denoising_error" in figures else [_reconstruction(run, figures)])])


def _denoising(run: Any, figures: Figures) -> str | None:
    if "denoising_error" not in figures:
        return None
    after, before = figures["denoising_error"], figures["noisy_error"]
    return f"squared error to the clean input: {after:.3g} (noisy input: {before:.3g})"


def _bound(run: Any, figures: Figures) -> str | None:
    if "elbo" not in figures or not any(latent.rules("divergence") for latent in run.model.latents):
        return None
    return f"likelihood bound (ELBO): {figures['elbo']:.2f} nats per example"


def _components(run: Any, figures: Figures) -> str | None:
    if "component_accuracy" not in figures:
        return None
    return f"codes in the mixture component of their class: {figures['component_accuracy']:.1f} %"


def _style(run: Any, figures: Figures) -> str | None:
    """For models that are given the class: how far the code leaves it out."""
    import numpy as np

    if "style_leak" not in figures or not any(latent.label == "observed" for latent in run.model.latents):
        return None
    known = run.data.test_y[run.data.test_y >= 0]
    chance = 100 * np.bincount(known).max() / len(known)
    leak = figures["style_leak"]
    return f"linear probe accuracy on the style: {leak:.1f} % (chance: {chance:.1f} %; lower is better)"


def _clusters(run: Any, figures: Figures) -> str | None:
    """For clusters without labels to measure an error by: how many there are."""
    import numpy as np

    category = run.model.category
    if category is None or category.posterior is None or category.label != "none":
        return None
    used = len(np.unique(run.probabilities.argmax(1)))
    return f"{used} of {counted(category.dim, 'cluster')} used; no labels to compute an error"


def _prior(run: Any, figures: Figures) -> str | None:
    if "prior_mismatch" not in figures:
        return None
    accuracy = 50 + figures["prior_mismatch"]
    return f"a classifier distinguishes codes from prior samples with {accuracy:.1f} % accuracy (chance: 50 %)"


def _reconstruction(run: Any, figures: Figures) -> str:
    text = f"squared error per example: {figures['squared_error']:.3g}"
    if "pca_squared_error" not in figures:
        return text
    return f"{text} (PCA with {counted(run.model.merge.dim, 'component')}: {figures['pca_squared_error']:.3g})"


_PARTS: tuple[Callable[[Any, Figures], str | None], ...] = (_denoising, _bound, _components, _style, _clusters, _prior)
