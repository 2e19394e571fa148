"""Checks that parts of one's own are the same when they are built again from a model file."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from aae.model.autoencoder import Autoencoder
from aae.model.component import components_of, describe, get_params, rebuild
from aae.model.first_call import check_results
from aae.model.own_parts import is_own
from aae.system import generators
from aae.system.errors import AAEError, first_line

__all__ = ["check_rebuilds"]

ROWS = 8  # with which a model is tried


def check_rebuilds(model: Autoencoder) -> None:
    """Build the parts that are the user's own again from what a model file says of them, and compare.

    Raises:
        AAEError: A part cannot be described or built again, or has other arguments or weights then.
    """
    whole = describe(model)
    parts = [part for part in components_of(model) if is_own(part)]
    classes = {type(part) for part in parts}
    for part in parts:
        spec = describe(part)
        with generators.forked():  # initial weights are drawn, and not used
            if not _same_without_memory(part, spec, classes):
                _check(part, spec, classes)
    if any(_array_arguments(part) for part in parts):
        _check_arrays(model, whole, parts, classes)


def _same_without_memory(part: object, spec: Any, classes: set[type]) -> bool:
    """Whether a part is the same if it is built again without memory for its weights; not all can be."""
    try:
        with torch.device("meta"):
            _check(part, spec, classes)
    except Exception:  # on this device, values cannot be read; it is built on the processor then
        return False
    return True


def _check(part: object, spec: Any, classes: set[type]) -> None:
    name = type(part).__name__
    try:
        again = rebuild(spec, classes)
    except Exception as error:  # a constructor may raise any error
        raise AAEError(
            f"{name} cannot be built again from its arguments, as a model file does: {first_line(error).rstrip('.:')}; "
            "keep each argument as it was given, as in self.width = width."
        ) from error
    changed = next(_changes(spec, describe(again)), None)
    if changed is not None:
        owner, argument, before, after = changed
        raise AAEError(
            f"{owner} keeps {argument} as {before!r:.60}, from which a model file builds it again with {after!r:.60}; "
            f"keep it as it was given, as self.{argument} = {argument}, and what is computed from it under another "
            "name."
        )
    if isinstance(part, nn.Module):
        _check_weights(name, part.state_dict(), again.state_dict())


def _changes(before: Any, after: Any, owner: str = "", key: str = "") -> Iterator[tuple[str, str, Any, Any]]:
    """Arguments that differ between two specifications, with the class that has them."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        owner = before.get("type", owner)
        for name, value in before.items():
            yield from _changes(value, after[name], owner, name if "type" in before else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for old, new in zip(before, after, strict=True):
            yield from _changes(old, new, owner, key)
    elif before != after:
        yield owner, key, before, after


def _check_weights(name: str, before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
    old, new = _shapes(before), _shapes(after)
    for key in sorted(old.keys() | new.keys()):
        if key not in new or key not in old or (None not in (old[key], new[key]) and old[key] != new[key]):
            raise AAEError(
                f"{name} has other weights when a model file builds it again from its arguments: {key} "
                f"{_of_shape(old, key)} here and {_of_shape(new, key)} there; whatever decides the weights must be an "
                "argument of its constructor."
            )


def _shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...] | None]:
    """Shapes of weights; None of those whose shape is found in the first call."""
    tensors = {key: value for key, value in state.items() if isinstance(value, Tensor)}
    return {key: None if is_lazy(value) else tuple(value.shape) for key, value in tensors.items()}


def _of_shape(shapes: dict[str, tuple[int, ...] | None], key: str) -> str:
    return f"has shape {shapes[key]}" if key in shapes else "is missing"


def _array_arguments(part: object) -> list[str]:
    """Arguments that are arrays or tensors, which become lists in a model file."""
    return [name for name, value in get_params(part).items() if getattr(value, "ndim", 0)]


def _check_arrays(model: Autoencoder, spec: Any, parts: list[Any], classes: set[type]) -> None:
    """Check that the parts do with lists what they do with arrays, as far as a call can show it."""
    rows = torch.rand(ROWS, *model.input_shape, generator=torch.Generator().manual_seed(0))
    try:
        check_results(model, rows.to(next(model.parameters()).device))
    except AAEError:
        return  # these rows say nothing
    with generators.forked():
        again = rebuild(spec, classes)
    again.load_state_dict(model.state_dict())
    try:
        check_results(again, rows)
    except AAEError as error:
        part = next(part for part in parts if _array_arguments(part))
        argument = _array_arguments(part)[0]
        raise AAEError(
            f"A model file holds {argument} of {type(part).__name__} as a list, and with that, "
            f"{str(error).rstrip('.')}; make a tensor of it in the constructor: torch.as_tensor({argument})."
        ) from error
