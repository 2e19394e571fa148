"""Checkpoints: the whole state of a training, written completely or not at all; the last few are kept.

A checkpoint is one safetensors file. Its tensors are named by numbers. JSON in the file's metadata holds the structure
of the state and every other value. A checksum shows whether tensors and JSON are as they were written.
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


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoints in the folder, newest first."""
    return sorted((path for path in folder.glob("step-*") if NAME.fullmatch(path.name)), reverse=True)


def save_checkpoint(folder: Path, state: dict[str, Any], step: int) -> Path:
    """Write one checkpoint and delete all but the last few.

    Args:
        folder: Folder of the checkpoints; made if it does not exist.
        state: Dictionaries and lists of tensors, numbers, texts and None.
        step: Number of the step.

    Raises:
        AAEError: It could not be written, or holds other values; earlier checkpoints are left alone.
    """
    tensors: list[Tensor] = []
    try:
        form = json.dumps(_flatten(state, tensors))
    except TypeError as error:
        raise AAEError(f"The state of the training cannot be written to a checkpoint ({first_line(error)}).") from error
    raw = pack_tensors({str(number): tensor for number, tensor in enumerate(tensors)}, {"form": form})
    path = folder / f"step-{step:010d}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AAEError(f"{folder} cannot be made ({error.strerror}); check the directory.") from error
    write_atomically(path, lambda file: file.write(raw))
    for old in _checkpoints(folder)[KEEP:]:
        old.unlink(missing_ok=True)
    return path


def latest_checkpoint(folder: Path) -> tuple[dict[str, Any], list[Path]]:
    """Load the newest checkpoint that is not damaged.

    Returns:
        Its state, and the damaged checkpoints that are newer.

    Raises:
        AAEError: There is no checkpoint, or all of them are damaged.
    """
    damaged: list[Path] = []
    for path in _checkpoints(folder):
        try:
            return _load(path), damaged
        except (AAEError, OSError):
            damaged.append(path)
    names = f"Damaged: {', '.join(path.name for path in damaged)}. " if damaged else ""
    raise AAEError(f"No usable checkpoint in {folder}. {names}Train again without --resume.")


def set_aside(damaged: list[Path]) -> list[str]:
    """Rename damaged checkpoints, so that they are not used again; returns a sentence for each."""
    for path in damaged:
        with suppress(OSError):  # a checkpoint that cannot be renamed is skipped the next time as well
            path.rename(path.with_name(f"{path.name}.damaged"))
    return [f"Checkpoint {path.name} is damaged and was set aside; the one before it is used." for path in damaged]


def _load(path: Path) -> dict[str, Any]:
    tensors, facts = unpack_tensors(path.read_bytes(), str(path))
    try:
        state = _unflatten(json.loads(facts["form"]), tensors)
    except (KeyError, ValueError, TypeError, IndexError, RuntimeError, RecursionError) as error:
        raise AAEError(f"{path} holds no checkpoint ({first_line(error)}).") from error
    if not isinstance(state, dict):
        raise AAEError(f"{path} holds no checkpoint.")
    return state


def _flatten(value: Any, tensors: list[Tensor]) -> Any:
    """A value as JSON that refers to tensors by number; containers become objects whose one key is their type."""
    if isinstance(value, Tensor):
        # Dimensions are stored in their order in memory, because a fused optimiser goes through memory in order.
        strides = value.stride()
        order = sorted(range(value.dim()), key=lambda axis: -strides[axis])
        tensors.append(value.permute(order))
        return {"tensor": [len(tensors) - 1, order]}
    if isinstance(value, dict):
        return {"dict": [[key, _flatten(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_flatten(item, tensors) for item in value]}
    return value


def _unflatten(form: Any, tensors: dict[str, Tensor]) -> Any:
    """The value that `_flatten` was given."""
    if not isinstance(form, dict):
        return form
    ((kind, content),) = form.items()
    if kind == "tensor":
        number, order = content
        return tensors[str(number)].permute([order.index(axis) for axis in range(len(order))])
    if kind == "dict":
        return {key: _unflatten(item, tensors) for key, item in content}
    items = [_unflatten(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items
