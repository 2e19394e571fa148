"""Builds the settings of a training from options and data."""

import math

from aae.data.dataset import Dataset
from aae.presets.extras import build_extras
from aae.presets.options import Options
from aae.presets.terms import build_terms
from aae.training.settings import Settings, check_length

__all__ = ["build_settings"]


def build_settings(options: Options, data: Dataset, steps_per_epoch: int, length: dict[str, float | int]) -> Settings:
    """Build the training settings that the options describe.

    Args:
        options: The options.
        data: The data set.
        steps_per_epoch: Steps in one pass over the rows.
        length: ``{"epochs": E}``, ``{"steps": N}`` or ``{"seconds": T}``; without any of these, the preset's own. With
            ``"max_seconds"``, no longer than that.
    """
    length = dict(length)
    if "seconds" in length:
        check_length(length)  # under its own name, because the settings know it as max_seconds
        seconds = length.pop("seconds")
        length = {"max_seconds": min(seconds, length.get("max_seconds", math.inf))}
    elif not length.keys() & {"epochs", "steps"}:
        length["steps"] = max(options.min_steps, round(options.epochs * steps_per_epoch))
    terms = build_terms(options, data)
    rates = {
        "reconstruction": options.lr,
        "adversarial": options.lr_adversarial or options.lr,
        "classification": options.lr_classification or options.lr,
    }
    adversarial = options.beta1_adversarial
    return Settings(
        **length,  # type: ignore[arg-type]  # the names are those of arguments
        batch_size=options.batch_size,
        labelled_batch_size=options.labelled_batch_size,
        schedule=options.schedule,
        optimizer=options.optimizer,
        learning_rate=rates,
        beta1={
            "reconstruction": options.beta1,
            "adversarial": options.beta1 if adversarial is None else adversarial,
            "classification": options.beta1,
        },
        lr_schedule=options.lr_schedule,
        reconstruction_weight=_reconstruction(options, data),
        class_weights=options.class_weight,  # type: ignore[arg-type]  # names are resolved
        terms=terms,
        extras=build_extras(options, terms),
        ema_decay=options.ema_decay,
    )


def _reconstruction(options: Options, data: Dataset) -> float:
    values = math.prod(data.input_shape)
    return 2 / values if options.reconstruction is None else options.reconstruction or 1 / values
