"""Optimisers, one for each phase, and their learning rates."""

import math
from typing import Any

import torch

from aae.objectives.phases import Phase
from aae.training.settings import Settings

__all__ = ["lr_factor", "make_optimizer", "restore_optimizer", "set_rate"]


def make_optimizer(phase: Phase, settings: Settings, captured: bool = False) -> torch.optim.Optimizer:
    """The optimiser of one phase, with a learning rate for each of its groups.

    Args:
        phase: The phase.
        settings: How to train.
        captured: Whether its steps are captured, so that the rates must be on the device.
    """
    rates: dict[str, Any] = dict(settings.learning_rate)
    if captured:
        rates = {kind: torch.tensor(rate, device=phase.parameters[0].device) for kind, rate in rates.items()}
    groups = [
        {"params": parameters, "kind": kind, "lr": rates[kind]} for kind, parameters in phase.groups.items()
    ]
    sgd = settings.optimizer == "sgd"
    for group in groups:
        beta1 = settings.beta1[group["kind"]]
        group |= {"momentum": beta1} if sgd else {"betas": (beta1, 0.999)}
    fused = all(weight.is_floating_point() for group in groups for weight in group["params"])  # not for complex numbers
    return torch.optim.SGD(groups, fused=fused) if sgd else torch.optim.Adam(groups, fused=fused, capturable=captured)


def set_rate(group: dict[str, Any], rate: float) -> None:
    """Set the learning rate of a group; in place if it is a tensor, because a captured step reads it there."""
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def lr_factor(schedule: str, progress: float) -> float:
    """Factor on the learning rate when ``progress`` (0 to 1) of the training is over."""
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    if schedule == "steps":
        return 0.1 ** ((progress >= 0.01) + (progress >= 0.2))
    return 1.0


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an optimiser.

    Raises:
        ValueError: The state belongs to weights of other shapes.
    """
    optimizer.load_state_dict(state)
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):  # a captured step reads the rate on the device
            group["lr"] = group["lr"].to(group["params"][0].device)
        for parameter in group["params"]:
            for value in optimizer.state.get(parameter, {}).values():
                if isinstance(value, torch.Tensor) and value.dim() and value.shape != parameter.shape:
                    raise ValueError(f"moments of shape {tuple(value.shape)} for weights {tuple(parameter.shape)}")
