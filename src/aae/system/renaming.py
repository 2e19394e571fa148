"""Old names of constructor arguments, which work until the next minor version."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from aae.system.errors import AAEError

__all__ = ["old_arguments", "renamed_arguments"]

T = TypeVar("T")


def renamed_arguments(**names: str) -> Callable[[type[T]], type[T]]:
    """Class decorator: the constructor and the objects answer to old names of arguments, with a `FutureWarning`.

    Args:
        **names: The current name of each old one.

    Example:
        >>> @renamed_arguments(ema="ema_decay")
        ... class Settings:
        ...     def __init__(self, ema_decay=None):
        ...         self.ema_decay = ema_decay
        >>> with warnings.catch_warnings(action="ignore"):
        ...     Settings(ema=0.9).ema_decay
        0.9
    """

    def decorate(cls: type[T]) -> type[T]:
        construct: Any = cls.__init__

        @functools.wraps(construct)
        def init(self: T, *values: Any, **arguments: Any) -> None:
            for old, new in names.items():
                if old in arguments:
                    if new in arguments:
                        raise AAEError(
                            f"{cls.__name__} is given {new} twice, once by its old name {old}; drop one of them."
                        )
                    _warn(f"The argument {old} of {cls.__name__}", new, 3)
                    arguments[new] = arguments.pop(old)
            construct(self, *values, **arguments)

        cls.__init__ = init  # type: ignore[method-assign, assignment]
        for old, new in names.items():
            setattr(cls, old, _alias(cls.__name__, old, new))
        cls._old_arguments = names  # type: ignore[attr-defined]
        return cls

    return decorate


def old_arguments(cls: type) -> dict[str, str]:
    """The current name of each old argument of a class, as `renamed_arguments` was told."""
    return getattr(cls, "_old_arguments", {})


def _alias(cls: str, old: str, new: str) -> property:
    def read(self: object) -> Any:
        _warn(f"{cls}.{old}", f"{cls}.{new}", 3)
        return getattr(self, new)

    return property(read)


def _warn(what: str, new: str, level: int) -> None:
    text = f"{what} is now called {new}; the old name still works in 0.2, and not in 0.3."
    warnings.warn(text, FutureWarning, stacklevel=level)
