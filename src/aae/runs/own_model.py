"""How a run is described, above all of a model that its user built: labels, own classes, settings for options."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["LENGTHS", "PLACEHOLDER", "component_words", "how_made", "import_lines", "is_importable", "labels_used",
           "own_settings", "setting_texts"]  # fmt: skip

PLACEHOLDER = "my_parts"  # for the module of a class that cannot be imported
LENGTHS = ("epochs", "steps", "max_seconds")


def how_made(config: Mapping[str, Any]) -> str:
    """Which function trained a run that no command trained."""
    return f"trained by aae.{'train_preset' if 'preset' in config else 'train'} in Python"


def is_importable(cls: type) -> bool:
    """Whether a class is found in a module under its name; one of a notebook, script or function is not."""
    return cls.__module__ != "__main__" and cls.__qualname__ == cls.__name__


def _by_module(classes: Sequence[type]) -> dict[str, list[str]]:
    """Names of classes by the module to import them from."""
    found: dict[str, list[str]] = {}
    for cls in classes:
        found.setdefault(cls.__module__ if is_importable(cls) else PLACEHOLDER, []).append(cls.__name__)
    return found


def component_words(classes: Sequence[type]) -> list[str]:
    """The words with which a command is told of classes of one's own: ``--components my_parts:Star,Other``."""
    named = (f"{module}:{','.join(names)}" for module, names in _by_module(classes).items())
    return [word for name in named for word in ("--components", name)]


def import_lines(classes: Sequence[type]) -> list[str]:
    """The same as lines of Python."""
    return [f"from {module} import {', '.join(names)}" for module, names in _by_module(classes).items()]


def labels_used(config: Mapping[str, Any]) -> int:
    """How many labels a training learned from: none if nothing in its model read them, whatever its split has."""
    return int(config.get("labels_used", config.get("labels")) or 0)


def own_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The `aae.Settings` of a run that was not made from a preset, without the lengths that were not given."""
    settings = config.get("settings", {}) if "preset" not in config else {}
    return {name: value for name, value in settings.items() if value is not None or name not in LENGTHS}


def setting_texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as one would write them, parts as calls: ``{"terms": "Consistency(weight=0.5)"}``."""
    return {name: _text(value) for name, value in settings.items()}


def _text(value: Any) -> str:
    """A described value.

    Example:
        >>> _text({"type": "Consistency", "change": {"type": "Affine", "degrees": 10}}), _text({"a": 0.5, "b": 0.5})
        ('Consistency(change=Affine(degrees=10))', '0.5')
    """
    if isinstance(value, Mapping) and "type" in value:
        arguments = (f"{name}={_text(each)}" for name, each in value.items() if name != "type")
        return f"{value['type']}({', '.join(arguments)})"
    if isinstance(value, Mapping):  # numbers of the three phases
        texts = {name: _text(each) for name, each in value.items()}
        same = len(set(texts.values())) == 1
        return next(iter(texts.values())) if same else ", ".join(f"{name} {text}" for name, text in texts.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
