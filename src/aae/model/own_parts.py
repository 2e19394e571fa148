"""Checks of parts that a user wrote: of what they take, when a model is built, and return, before it is trained."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from aae.system import generators
from aae.system.errors import AAEError

__all__ = ["check_arguments", "check_attributes", "check_results"]

ROWS = 4  # of a trial


def check_attributes(part: object, role: str, *names: str) -> None:
    """Check that a part has the attributes that are read from it.

    Raises:
        AAEError: One is missing.
    """
    for name in names:
        if not hasattr(part, name):
            raise AAEError(f"{type(part).__name__} has no {name}, which a {role} needs; set self.{name} in __init__.")


def check_arguments(part: object, method: str, *names: str) -> None:
    """Check that a method can be called with these arguments, by position.

    Raises:
        AAEError: It takes fewer, or needs others.
    """
    function = getattr(part, method, None)
    try:
        signature = inspect.signature(function)  # type: ignore[arg-type]  # what has no signature is let pass
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*names)
    except TypeError:
        given = ", ".join(signature.parameters)
        raise AAEError(
            f"{type(part).__name__}.{method} takes ({given}), but it is called with ({', '.join(names)}); write it as "
            f"def {method}(self, {', '.join(names)})."
        ) from None


def check_results(latents: Sequence[Any], features: int | None, device: torch.device) -> None:
    """Call posteriors, priors and penalties once, and check what they return; random states stay as they are.

    Args:
        latents: The latents of a model.
        features: Length of the trunk's features.
        device: Where the model is.

    Raises:
        AAEError: A posterior or prior does not return a distribution over rows of the latent's length, or a rule does
            not return one number.
    """
    devices = [device] if device.type == "cuda" else []
    with generators.forked(devices), torch.no_grad():
        for latent in latents:
            training = latent.training
            latent.eval()
            try:
                _check_latent(latent, features, device)
            finally:
                latent.train(training)


def _check_latent(latent: Any, features: int | None, device: torch.device) -> None:
    prior = posterior = None
    if latent.prior is not None:
        prior = latent.prior(ROWS, None)
        _check_distribution(latent, latent.prior, prior)
    if latent.posterior is not None and features is not None:
        posterior = latent.posterior(torch.zeros(ROWS, features, device=device))
        _check_distribution(latent, latent.posterior, posterior)
    if prior is None or posterior is None:
        return
    for rule in latent.rules("penalty"):
        _check_number(f"{type(rule).__name__}.penalty", rule.penalty(posterior, posterior.sample(), prior))


def _check_distribution(latent: Any, part: nn.Module, found: object) -> None:
    name = type(part).__name__
    if not isinstance(found, Distribution):
        raise AAEError(
            f"{name} returns a {type(found).__name__}, not a distribution; return one of torch.distributions, such as "
            "Independent(Normal(means, 0.1), 1)."
        )
    shape = tuple(found.sample().shape)
    if shape != (ROWS, latent.dim):
        raise AAEError(
            f"{name} draws codes of shape {shape} for {ROWS} rows; latent {latent.name!r} needs ({ROWS}, {latent.dim})."
        )


def _check_number(name: str, found: object) -> None:
    if not isinstance(found, Tensor) or found.numel() != 1:
        what = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise AAEError(f"{name} returns {what}, not one number; return the mean over the rows, as a tensor.")
