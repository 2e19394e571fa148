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
        UsageError: A name is not ``module:Class``.
        AAEError: The module cannot be imported, or has no such class.
    """
    if names and not context.resilient_parsing:
        from aae.model.component import component

        for name in names:
            component(_class_of(name))
    return names


def _class_of(name: str) -> type:
    module_name, colon, class_name = name.partition(":")
    if not (module_name and colon and class_name):
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
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        raise AAEError(f"The module {module_name} has no class {class_name}; check the name after the colon.")
    return found
