"""The latents of a model for the page: what its sliders and buttons set, and the priors it draws from."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from aae.evaluation.prior_regions import prior_samples
from aae.explorer.arrays import pack
from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent
from aae.model.priors import CategoricalPrior, CubePrior, GaussianPrior

__all__ = ["describe_latent", "ordered_latents"]

DRAWS = 512  # of a prior that the page cannot draw from itself
LABELLED = ("observed", "supervised")  # latents that are classes; other categories are clusters


def ordered_latents(model: Autoencoder) -> list[Latent]:
    """The latents in the order in which they are merged."""
    order = list(getattr(model.merge, "dims", {}))
    return sorted(model.latents, key=lambda latent: order.index(latent.name) if latent.name in order else len(order))


def describe_latent(
    model: Autoencoder, latent: Latent, codes: np.ndarray | None, classes: Sequence[Any] | None
) -> dict[str, Any]:
    """One latent.

    Args:
        model: Its model.
        latent: The latent.
        codes: Codes of rows ``(N, D)``, whose mean and spread give the range of the sliders; None: none are known.
        classes: Names of the classes.
    """
    names = None
    if latent.is_category and latent.label in LABELLED and classes and len(classes) == latent.dim:
        names = [str(name) for name in classes]
    known = np.zeros((0, latent.dim)) if codes is None else codes.astype(np.float64)
    mean, std = (known.mean(0), known.std(0)) if len(known) else (np.zeros(latent.dim), np.zeros(latent.dim))
    return {
        "name": latent.name, "dim": latent.dim, "kind": "category" if latent.is_category else "style",
        "clusters": latent.is_category and latent.label not in LABELLED, "prior": _prior(latent), "names": names,
        "mean": mean.round(5).tolist(), "std": std.round(5).tolist(),
    }  # fmt: skip


def _prior(latent: Latent) -> dict[str, Any] | None:
    prior: Any = latent.prior
    if prior is None:
        return None
    if type(prior) is GaussianPrior:
        return {"type": "gaussian", "std": float(prior.std)}
    if type(prior) is CubePrior:
        return {"type": "uniform", "low": -prior.side / 2, "high": prior.side / 2}
    if type(prior) is CategoricalPrior and prior.balance is None:
        return {"type": "categorical", "probabilities": [1 / prior.dim] * prior.dim}
    return {"type": "samples", "samples": pack(prior_samples(prior, DRAWS, seed=0), "f16")}
