"""Signs that a training was too short."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from aae.model.autoencoder import Autoencoder
from aae.model.latent import condition_of
from aae.model.priors import GaussianPrior

__all__ = ["signs_of_undertraining", "style_is_independent"]

LAST = 0.25  # of the training, in which the error should hardly change any more
FALL = 0.1  # of the error: less is not worth a longer training
SURE = 2.0  # standard errors
LEAK = 15.0  # points above chance; after a full training it is at most about 10


def signs_of_undertraining(
    model: Autoencoder, history: Mapping[str, np.ndarray], figures: Mapping[str, Any]
) -> dict[str, str]:
    """Sentences that say what shows that a training was too short.

    Args:
        model: The model.
        history: Columns of the run's history, NaN where a value was not measured.
        figures: What `aae.evaluation.figures.evaluate` found.

    Returns:
        Some of ``accuracy`` (it was still rising) and ``style`` (it still shows the class).
    """
    return {**_accuracy(history, figures), **_style(model, figures)}


def _accuracy(history: Mapping[str, np.ndarray], figures: Mapping[str, Any]) -> dict[str, str]:
    """Whether the error was still falling; with few validation rows, that on the labels it learns from says more."""
    for kind, count in (("validation", "validation_labelled"), ("train", "labels")):
        fall = _fall(history, f"{kind}_error", int(figures.get(count, 0)))
        if fall is not None:
            name = "training" if kind == "train" else kind
            return {"accuracy": f"Undertrained: accuracy was still improving at the end ({name} error {fall[0]:.1f} %, "
                                f"then {fall[1]:.1f} %); train longer."}  # fmt: skip
    return {}


def _fall(history: Mapping[str, np.ndarray], name: str, rows: int) -> tuple[float, float] | None:
    """An error before the end of the training began and at its end, if it fell by more than chance."""
    steps, errors = (np.asarray(history.get(column, ()), float) for column in ("step", name))
    measured = np.isfinite(errors) if len(errors) == len(steps) else np.zeros(len(errors), bool)
    steps, errors = steps[measured], errors[measured]
    if len(errors) < 3:
        return None
    before = errors[steps <= (1 - LAST) * steps[-1]][-1:]
    if not len(before):
        return None
    first, last = float(before[0]), float(errors[-1])
    share = (first + last) / 200
    deviation = 100 * math.sqrt(share * (1 - share) / max(1, rows))
    return (first, last) if first - last > max(FALL * first, SURE * deviation) else None


def _style(model: Autoencoder, figures: Mapping[str, Any]) -> dict[str, str]:
    leak, chance = figures.get("style_leak"), figures.get("style_leak_chance")
    if model.category is None or not style_is_independent(model) or leak is None or chance is None:
        return {}
    if leak <= chance + LEAK:
        return {}
    return {"style": f"Undertrained: the style still encodes the class (linear probe accuracy: {leak:.1f} %, chance: "
                     f"{chance:.1f} %); train longer."}  # fmt: skip


def style_is_independent(model: Autoencoder) -> bool:
    """Whether the style is matched to the same prior in every class."""
    style = model.style
    if style is None:
        return False
    # A Gaussian prior that is conditioned on labels is the same for all of them.
    same = style.label == "conditioned" and isinstance(style.prior, GaussianPrior)
    return same or any(condition_of(rule) is not None for rule in style.matching)
