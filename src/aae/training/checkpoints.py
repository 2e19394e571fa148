"""Checkpoints: the whole state of a training, complete or absent, the last few kept.

A checkpoint is one safetensors file. Tensors lie in it under numbers; how they hang together, and every
other value, is told by JSON among its facts. A checksum tells whether both are as they were written.
"""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from aae.system.errors import AAEError, first_line
from aae.system.files import write_atomically
from aae.system.tensors import pack_tensors, unpack_tensors

__all__ = ["latest_checkpoint", "save_checkpoint", "set_aside"]

KEEP = 3
NAME = re.compile(r"step-\d+\.safetensors")


def _found(folder: Path) -> list[Path]:
    """Checkpoints in the folder, newest first."""
    return sorted((path for path in folder.glob("step-*") if NAME.fullmatch(path.name)), reverse=True)


def save_checkpoint(folder: Path, state: dict[str, Any], step: int) -> Path:
    """Write one checkpoint and drop all but the last few.

    Args:
        folder: Where they lie; made if it is not there.
        state: Dictionaries and lists of tensors, numbers, texts and None.
        step: The step it is of.

    Raises:
        AAEError: It could not be written; earlier checkpoints are left alone.
    """
    tensors: list[Tensor] = []
    form = json.dumps(_flat(state, tensors))
    raw = pack_tensors({str(number): tensor for number, tensor in enumerate(tensors)}, {"form": form})
    path = folder / f"step-{step:010d}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AAEError(f"{folder} cannot be made ({error.strerror}); see to the directory.") from error
    write_atomically(path, lambda file: file.write(raw))
    for old in _found(folder)[KEEP:]:
        old.unlink(missing_ok=True)
    return path


def latest_checkpoint(folder: Path) -> tuple[dict[str, Any], list[Path]]:
    """Load the newest checkpoint that is whole.

    Returns:
        Its state, and the damaged ones that are newer.

    Raises:
        AAEError: There is none, or none is whole.
    """
    damaged: list[Path] = []
    for path in _found(folder):
        try:
            return _load(path), damaged
        except (AAEError, OSError):
            damaged.append(path)
    names = f"Damaged: {', '.join(path.name for path in damaged)}. " if damaged else ""
    raise AAEError(f"No usable checkpoint in {folder}. {names}Train again without --resume.")


def set_aside(damaged: list[Path]) -> list[str]:
    """Give damaged checkpoints another name, so that nobody takes them for good ones; a sentence for each."""
    for path in damaged:
        with suppress(OSError):  # where it cannot be renamed it is passed over the next time as well
            path.rename(path.with_name(f"{path.name}.damaged"))
    return [f"Checkpoint {path.name} is damaged and was set aside; the one before it is used." for path in damaged]


def _load(path: Path) -> dict[str, Any]:
    tensors, facts = unpack_tensors(path.read_bytes(), str(path))
    try:
        state = _deep(json.loads(facts["form"]), tensors)
    except (KeyError, ValueError, TypeError, IndexError, RuntimeError, RecursionError) as error:
        raise AAEError(f"{path} holds no checkpoint ({first_line(error)}).") from error
    if not isinstance(state, dict):
        raise AAEError(f"{path} holds no checkpoint.")
    return state


def _flat(value: Any, tensors: list[Tensor]) -> Any:
    """A value as JSON that refers to tensors by their numbers; an object of one entry says what it was."""
    if isinstance(value, Tensor):
        # In the order in which it lies in memory: a fused optimiser takes neighbours, wherever they belong.
        strides = value.stride()
        order = sorted(range(value.dim()), key=lambda axis: -strides[axis])
        tensors.append(value.permute(order))
        return {"tensor": [len(tensors) - 1, order]}
    if isinstance(value, dict):
        return {"dict": [[key, _flat(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_flat(item, tensors) for item in value]}
    return value


def _deep(form: Any, tensors: dict[str, Tensor]) -> Any:
    """What `_flat` was given."""
    if not isinstance(form, dict):
        return form
    ((kind, held),) = form.items()
    if kind == "tensor":
        number, order = held
        return tensors[str(number)].permute([order.index(axis) for axis in range(len(order))])
    if kind == "dict":
        return {key: _deep(item, tensors) for key, item in held}
    items = [_deep(item, tensors) for item in held]
    return tuple(items) if kind == "tuple" else items
