"""Checks of parts that a user wrote, when a model is built; `aae.model.first_call` checks what they return."""

import inspect
from numbers import Integral

from torch import nn

from aae.system.errors import AAEError, check_number

__all__ = ["check_arguments", "check_attributes", "check_dim", "check_methods", "check_module", "check_shape", "is_own"]


def is_own(part: object) -> bool:
    """Whether a part, or its class, is not of this package."""
    cls = part if isinstance(part, type) else type(part)
    return cls.__module__.partition(".")[0] != "aae"


def check_module(part: object, role: str) -> None:
    """Check that a part is a module, and not the class of one.

    Raises:
        AAEError: It is something else, or its constructor does not call that of a module.
    """
    if isinstance(part, type):
        name = part.__name__
        raise AAEError(f"The {role} is the class {name}, not an object of it; pass {name}(...), with its arguments.")
    if not isinstance(part, nn.Module):
        raise AAEError(f"The {role} is an object of {type(part).__name__}, which is no torch.nn.Module; pass one.")
    if "_modules" not in vars(part):
        name = type(part).__name__
        raise AAEError(f"{name}.__init__ does not call super().__init__(), as a module of torch must; call it first.")


def check_attributes(part: object, role: str, *names: str) -> None:
    """Check that a part has the attributes that are read from it.

    Raises:
        AAEError: One is missing.
    """
    for name in names:
        if not hasattr(part, name):
            raise AAEError(f"{type(part).__name__} has no {name}, which a {role} needs; set self.{name} in __init__.")


def check_methods(part: object, role: str, **methods: str) -> None:
    """Check that a part has the methods that are called.

    Args:
        part: The part.
        role: What it is, for the error.
        **methods: Names of the arguments of each method, as text.

    Raises:
        AAEError: One is missing.
    """
    for name, arguments in methods.items():
        if not callable(getattr(part, name, None)):
            raise AAEError(
                f"{type(part).__name__} has no {name}, which a {role} needs; write a method {name}(self, {arguments})."
            )


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


def check_dim(part: object, role: str) -> None:
    """Check that a posterior or prior has a ``dim``, the length of its codes.

    Raises:
        AAEError: It has none, or one that is no whole number above zero.
    """
    check_attributes(part, role, "dim")
    check_number(f"{type(part).__name__}.dim", part.dim, 1, whole=True)  # type: ignore[attr-defined]


def check_shape(part: object, role: str) -> None:
    """Check that a trunk or decoder has a ``shape``, that of one row of the data.

    Raises:
        AAEError: It has none, or one that is not made of whole numbers.
    """
    check_attributes(part, role, "shape")
    shape = part.shape  # type: ignore[attr-defined]
    if not isinstance(shape, list | tuple) or not all(isinstance(side, Integral) for side in shape):
        name = type(part).__name__
        raise AAEError(f"{name}.shape must be the shape of one row, such as (28, 28) or (13,), not {shape!r:.60}.")
