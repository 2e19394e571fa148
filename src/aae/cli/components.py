"""Classes of a user's own that a model's specification names: ``--components module:Class``."""

import importlib
import sys
from typing import Any

import typer

from aae.system.errors import AAEError, UsageError, first_line

__all__ = ["import_components"]


def import_components(context: typer.Context, names: list[str] | None) -> list[str] | None:
    """Import the classes and make them known to every model that this command loads.

    The module is looked for as ``python -m`` looks for it: in this folder first.

    Raises:
        UsageError: A name is neither ``module:Class`` nor ``module:Class,Other``.
        AAEError: The module cannot be imported, or has no such class.
    """
    if names and not context.resilient_parsing:
        from aae.model.component import component

        for name in names:
            for found in _classes_of(name):
                component(found)
    return names


def _classes_of(name: str) -> list[type]:
    """The classes of ``module:Class`` or ``module:Class,Other``."""
    module_name, colon, listed = name.partition(":")
    class_names = [part.strip() for part in listed.split(",")]
    if not (module_name and colon and all(class_names)):
        raise UsageError(f"--components takes module:Class, as in my_parts:TwoMoons, not {name!r}.")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module: Any = importlib.import_module(module_name)
    except Exception as error:  # the module is the user's own, and may raise anything
        raise AAEError(
            f"The module {module_name} cannot be imported ({first_line(error)}); start aae in its folder, or name that "
            "folder in PYTHONPATH."
        ) from error
    found = [getattr(module, class_name, None) for class_name in class_names]
    for class_name, one in zip(class_names, found, strict=True):
        if not isinstance(one, type):
            raise AAEError(f"The module {module_name} has no class {class_name}; check the name after the colon.")
    return [one for one in found if isinstance(one, type)]
