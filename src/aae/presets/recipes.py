"""The settings published by the tutorial and the paper."""

from collections.abc import Mapping
from typing import Any

__all__ = ["RECIPES"]

# What the tutorial and the paper have in common.
_PUBLISHED = {
    "hidden": (1000, 1000),
    "batch_norm": False,
    "discriminator_hidden": (1000, 1000),
    "z_weight": 1.0,
    "y_weight": 1.0,
    "conditional": False,
    "schedule": "alternating",
    "batch_size": 100,
    "labelled_batch_size": 100,
    "ema_decay": None,
    "vat_radius": 0.0,
    "interpolation": 0.0,
    "transformation": 0.0,
    "neighbour_targets": 0.0,
    "baseline_targets": 0.0,
    "beta1": 0.9,
}
_TUTORIAL = {
    **_PUBLISHED,
    "dropout": 0.2,
    "discriminator_dropout": 0.2,
    "corruption": "none",
    "z": 2,
    "prior_std": 5.0,
    "lr": 6e-4,
    "lr_adversarial": 8e-4,
    "lr_classification": 1e-3,
    "lr_schedule": "constant",
    "reconstruction": 0.0,
    "epochs": 10,
}
_PAPER = {
    **_PUBLISHED,
    "dropout": 0.0,
    "z": 10,
    "optimizer": "sgd",
    "beta1_adversarial": 0.1,
    "lr": 0.01,
    "lr_adversarial": 0.1,
    "lr_classification": 0.01,
    "lr_schedule": "steps",
    "corruption": "gaussian",
    "corruption_level": 0.3,
    "reconstruction": 1.0,  # the paper sums over pixels
    "epochs": 50,
}

# The published settings, for the presets that the sources train; only the length is ours.
RECIPES: dict[str, dict[str, Mapping[str, Any]]] = {
    "tutorial": {
        "aae": _TUTORIAL,
        "supervised": _TUTORIAL,
        "semi-supervised": {**_TUTORIAL, "prior_std": 1.0, "dropout": 0.25},
    },
    "paper": {
        "aae": {**_PAPER, "z": 8, "prior_std": 5.0, "corruption": "none"},
        "supervised": {**_PAPER, "corruption": "none"},
        "semi-supervised": _PAPER,
    },
}
