"""Components: classes whose constructor arguments are their whole configuration.

A component keeps every constructor argument under the argument's own name (the
scikit-learn convention), so that it can be described as JSON and built again
without a second, parallel configuration class. A model is itself a component.
"""

import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import torch
from torch.nn import Module, ModuleDict, ModuleList

from aae.model.own_parts import is_own
from aae.system.errors import AAEError, kind_of, unknown
from aae.system.renaming import old_arguments

__all__ = ["component", "components_of", "describe", "fits", "foreign_classes", "get_params", "own_classes", "rebuild"]

T = TypeVar("T")
UNWRITTEN = (type, Enum, os.PathLike, set, frozenset, slice, range, torch.dtype, torch.device)
_REGISTRY: dict[str, type] = {}


def component(cls: type[T]) -> type[T]:
    """Class decorator: a model's specification may name ``cls``.

    Raises:
        AAEError: A class of one's own has the name of one of the package.
    """
    _check_name(cls)
    _REGISTRY[cls.__name__] = cls
    return cls


def _check_name(cls: type) -> None:
    """Check that a class of one's own has another name than those of the package: files have only the name."""
    known = _REGISTRY.get(cls.__name__)
    if known is not None and not is_own(known) and is_own(cls):
        raise AAEError(
            f"Your class {cls.__name__} has the name of a class of aae, and a model file has only the name; give yours "
            "another."
        )


def own_classes(components: Iterable[type] | type) -> tuple[type, ...]:
    """Classes of a user's own, of which one may be given without a list.

    Raises:
        AAEError: Something else is given, such as an object or a name.
    """
    given: Any = components
    classes = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    for cls in classes:
        if not isinstance(cls, type):
            what = repr(cls) if isinstance(cls, str) else f"an object of {type(cls).__name__}"
            raise AAEError(f"components takes classes, as in components=[TwoMoons], not {what:.60}.")
    return classes


def get_params(obj: object) -> dict[str, Any]:
    """Return the constructor arguments of a component as ``{name: value}``.

    Raises:
        AAEError: The object does not keep an argument under its own name.
    """
    cls = type(obj)
    if cls.__init__ is Module.__init__:  # no constructor of its own, hence no arguments
        return {}
    params = {}
    try:
        parameters = inspect.signature(cls).parameters
    except (TypeError, ValueError):
        raise AAEError(f"{kind_of(obj)} cannot be written to a model file; use numbers, texts and lists.") from None
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise AAEError(
                f"{cls.__name__} cannot be written to a model file: its constructor takes {parameter}; list its "
                "arguments by name."
            )
        if not hasattr(obj, name):
            raise AAEError(
                f"{cls.__name__} cannot be written to a model file: its constructor argument {name!r} is not kept "
                f"as an attribute of the same name. Store it as `self.{name} = {name}`."
            )
        params[name] = getattr(obj, name)
    return params


def describe(obj: Any) -> Any:
    """Turn a component, or a value held by one, into plain JSON data.

    Raises:
        AAEError: A component cannot be described.
    """
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, Mapping | ModuleDict):
        if "type" in obj:
            raise AAEError("A dictionary with the key 'type' cannot be written to a model file; use another key.")
        return {str(key): describe(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple | ModuleList):
        return [describe(item) for item in obj]
    if hasattr(obj, "tolist"):  # arrays and numbers of numpy and torch
        return obj.tolist()
    _check_name(type(obj))
    return {"type": type(obj).__name__, **{key: _argument(obj, key, value) for key, value in get_params(obj).items()}}


def _argument(owner: object, name: str, value: Any) -> Any:
    """Describe an argument of a component."""
    plain = isinstance(value, bool | int | float | str)  # as some enumerations are
    if not plain and (isinstance(value, UNWRITTEN) or (callable(value) and not isinstance(value, Module))):
        cls = type(owner).__name__
        given = f"the class {value.__name__}" if isinstance(value, type) else f"of type {kind_of(value)}"
        raise AAEError(
            f"{cls} cannot be written to a model file: its argument {name!r} is {given}; let it be a text or a number, "
            f"and find what it stands for inside {cls}."
        )
    of_torch = type(value).__module__.startswith("torch.") and not isinstance(value, ModuleList | ModuleDict)
    if isinstance(value, Module) and of_torch:
        try:
            get_params(value)
        except AAEError:
            cls = type(owner).__name__
            inside = cls if is_own(owner) else "a class of your own"
            raise AAEError(
                f"{cls} cannot be written to a model file: its argument {name!r} is {kind_of(value)}, a module of "
                f"torch; build it inside {inside}, from plain numbers."
            ) from None
    return describe(value)


def components_of(obj: Any) -> Iterator[Any]:
    """The components in what `describe` describes, outer ones first."""
    if isinstance(obj, Mapping | ModuleDict):
        for value in obj.values():
            yield from components_of(value)
    elif isinstance(obj, list | tuple | ModuleList):
        for value in obj:
            yield from components_of(value)
    elif not (obj is None or isinstance(obj, bool | int | float | str) or hasattr(obj, "tolist")):
        yield obj
        yield from components_of(get_params(obj))


def foreign_classes(obj: Any) -> list[type]:
    """The classes from outside of the package that a component and its parts are of, each once."""
    found = dict.fromkeys(type(part) for part in components_of(obj))
    return [cls for cls in found if is_own(cls)]


def rebuild(spec: Any, extra: Iterable[type] = ()) -> Any:
    """Build what `describe` described; classes come from a fixed list, never from an import.

    Args:
        spec: JSON data from `describe`.
        extra: A user's own component classes that the specification may name.

    Raises:
        AAEError: An unknown component or argument is named, or an argument is missing or of the wrong type.
    """
    known = _REGISTRY | {cls.__name__: cls for cls in extra}
    if missing := list(dict.fromkeys(_missing(spec, known))):
        one = len(missing) == 1
        raise AAEError(
            f"The specification names the component{'s' * (not one)} {', '.join(map(repr, missing))}, which this "
            f"version of aae does not have. If {'it is a class' if one else 'they are classes'} of your own, pass "
            f"{'it' if one else 'them'}: components=[{', '.join(missing)}] in Python, or --components "
            f"MODULE:{','.join(missing)} to a command."
        )
    return _rebuild(spec, known)


def _missing(spec: Any, known: Mapping[str, type]) -> Iterator[str]:
    """The components that a specification names and that are not known."""
    if isinstance(spec, dict) and "type" in spec:
        name = spec["type"]
        if not isinstance(name, str) or name not in known:
            yield str(name)
            return
    for item in spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else ():
        yield from _missing(item, known)


def _rebuild(spec: Any, known: Mapping[str, type]) -> Any:
    if isinstance(spec, list):
        return [_rebuild(item, known) for item in spec]
    if not isinstance(spec, dict):
        return spec
    if "type" not in spec:
        return {key: _rebuild(value, known) for key, value in spec.items()}
    name = spec["type"]
    signature = inspect.signature(known[name])
    current = old_arguments(known[name])  # a model file of an older version; the user need not know
    spec = {key if current.get(key) in spec else current.get(key, key): value for key, value in spec.items()}
    for key in spec:
        if key != "type" and key not in signature.parameters:
            raise unknown(f"argument of {name}", key, signature.parameters)
    arguments = {key: _rebuild(value, known) for key, value in spec.items() if key != "type"}
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise AAEError(f"The specification of {name} is incomplete: {error}.") from error
    for key, kind in _type_hints(known[name]).items():
        if key in arguments and not fits(arguments[key], kind):
            raise AAEError(f"{name} does not take a {key} such as {arguments[key]!r:.60}.")
    return known[name](**arguments)


def _type_hints(cls: type) -> dict[str, Any]:
    """Type hints of the constructor; empty if they cannot be resolved."""
    try:
        return get_type_hints(cls.__init__)  # type: ignore[misc]  # of this very class, whatever its subclasses take
    except Exception:  # a user's class may name types imported only for a type checker
        return {}


def fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON, or a component, has the type that an annotation names."""
    if kind is Any:
        return True
    args = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(fits(value, one) for one in args)
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and abs(value) <= sys.float_info.max  # neither NaN nor infinity, nor an integer beyond them
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    base = get_origin(kind) or kind
    if base is None or base is NoneType:
        return value is None
    if not isinstance(base, type):
        return True
    if issubclass(base, Mapping):
        return isinstance(value, base) and (not args or all(fits(item, args[1]) for item in value.values()))
    if issubclass(base, Sequence) and base is not str:
        return isinstance(value, list | tuple) and (not args or all(fits(item, args[0]) for item in value))
    return isinstance(value, base)
