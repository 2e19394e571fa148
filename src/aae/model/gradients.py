"""Checks that gradients reach what parts of one's own have to learn, on the calls of `aae.model.first_call`."""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from aae.model.autoencoder import Autoencoder
from aae.model.own_parts import is_own
from aae.system.errors import AAEError, first_line

__all__ = ["NoGradientError", "check_passes", "check_reached"]

LISTED = 3  # names of parameters


class NoGradientError(AAEError):
    """Something does not learn."""


def check_passes(part: Any, name: str, found: Tensor, given: Iterable[Tensor]) -> None:
    """Check that what a part of one's own returned has a gradient, and passes it on to what the part was given.

    Args:
        part: The part.
        name: What errors call it.
        found: What it returned.
        given: The tensors that it was given.

    Raises:
        AAEError: It detaches something.
    """
    inputs = [value for value in given if value.requires_grad]
    learns = any(weight.requires_grad for weight in part.parameters())
    if not is_own(part) or not (inputs or learns):
        return
    if not found.requires_grad:
        frozen = f", or freeze {type(part).__name__} with requires_grad_(False)" * (not inputs)
        raise NoGradientError(
            f"{name} gives values without a gradient, so that {'the parts before it do' if inputs else 'it does'} "
            f"not learn; compute it without detach(), item() and torch.no_grad(){frozen}."
        )
    if inputs and all(gradient is None for gradient in _gradients(name, [found.sum()], inputs)):
        raise NoGradientError(
            f"{name} passes no gradient on to what it is given, so that the parts before it do not learn; use its "
            "input without detach(), item() and torch.no_grad()."
        )


def check_reached(model: Autoencoder, losses: Sequence[Tensor], idle: Container[object] = ()) -> None:
    """Check that the losses of a step reach the parameters of the parts that are the user's own.

    A backbone may have weights that are not used, such as the last layer of a pretrained network, and so may
    discriminators and merges. Of what is rarely trained, such as a prior, every parameter must be reached.

    Args:
        model: The model.
        losses: The losses of its phases.
        idle: Rules that are zero, as before a warm-up; their parameters may be reached later.

    Raises:
        AAEError: No loss reaches a parameter.
    """
    roots = [loss for loss in losses if loss.requires_grad]
    for part, role, every in _learners(model):
        if part is None or not is_own(part) or part in idle:
            continue
        weights = {name: weight for name, weight in part.named_parameters() if weight.requires_grad}
        if not weights:
            continue
        gradients = _gradients(type(part).__name__, roots, list(weights.values())) if roots else [None] * len(weights)
        missed = [name for name, gradient in zip(weights, gradients, strict=True) if gradient is None]
        if missed and (every or len(missed) == len(weights)):
            raise _unreached(part, role, missed)


def _learners(model: Autoencoder) -> Iterator[tuple[Any, str, bool]]:
    """The parts of a model or None, what they are, and whether each of their parameters must be reached."""
    yield model.trunk, "trunk", False
    yield model.decoder, "decoder", False
    yield model.merge, "merge", False
    yield model.likelihood, "likelihood", True
    yield model.corruption, "corruption", True
    for latent in model.latents:
        if latent.posterior is not None and latent.label != "supervised":  # which learns from labels, too
            yield latent.posterior, "posterior", False
        yield latent.prior, "prior", True
        for rule in latent.matching:
            yield rule, "rule", not hasattr(rule, "generator_loss")
            discriminator = getattr(rule, "discriminator", None)
            if isinstance(discriminator, nn.Module):
                yield discriminator, "discriminator", False


def _gradients(name: str, roots: Sequence[Tensor], of: Sequence[Tensor]) -> Sequence[Tensor | None]:
    try:
        return torch.autograd.grad(roots, of, retain_graph=True, allow_unused=True)
    except RuntimeError as error:  # such as a value that was changed in place
        raise AAEError(f"{name} has no gradient that can be computed: {first_line(error).rstrip('.:')}.") from error


def _unreached(part: object, role: str, missed: Sequence[str]) -> NoGradientError:
    listed = ", ".join(missed[:LISTED]) + ", ..." * (len(missed) > LISTED)
    what, they, them, buffers = ("a parameter", "it", "it", "a buffer")
    if len(missed) > 1:
        what, they, them, buffers = ("parameters", "they", "them", "buffers")
    advice = f"freeze {them} with requires_grad_(False), or use {them} in what it returns"
    if role == "prior":  # whose samples carry no gradient, unless they are drawn by rsample
        advice = f"freeze {them} with requires_grad_(False), or match the prior by KL, or by MMD if it has an rsample"
    return NoGradientError(
        f"{type(part).__name__} has {what} that no loss reaches ({listed}), so that {they} would never learn; "
        f"register {them} as {buffers}, {advice}."
    )
