"""Checkpoints: the whole state of a training, complete or absent, the last few kept."""

import re
from pathlib import Path
from typing import Any, BinaryIO

import torch

from aae.errors import AAEError
from aae.files import write_atomically

__all__ = ["latest_checkpoint", "save_checkpoint"]

KEEP = 3


def _found(folder: Path) -> list[Path]:
    """Checkpoints in the folder, newest first."""
    return sorted((path for path in folder.glob("step-*.pt") if re.fullmatch(r"step-\d+\.pt", path.name)), reverse=True)


def save_checkpoint(folder: Path, state: dict[str, Any], step: int) -> Path:
    """Write one checkpoint and drop all but the last few.

    Raises:
        AAEError: It could not be written; earlier checkpoints are left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:010d}.pt"
    write_atomically(path, lambda file: _save(state, file))
    for old in _found(folder)[KEEP:]:
        old.unlink(missing_ok=True)
    return path


def _save(state: dict[str, Any], file: BinaryIO) -> None:
    try:
        torch.save(state, file)
    except RuntimeError as error:  # so torch's zip writer reports a full disk
        raise OSError(str(error)) from error


def latest_checkpoint(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Load the newest checkpoint that can be read.

    Returns:
        Its state, and a sentence for each damaged one that was passed over.

    Raises:
        AAEError: There is none, or none can be read.
    """
    notes: list[str] = []
    for path in _found(folder):
        try:
            return torch.load(path, map_location="cpu", weights_only=True), notes
        except Exception as error:  # torch.load raises a dozen different types on a damaged file
            notes.append(f"Checkpoint {path.name} is damaged ({type(error).__name__}); going back to the one before.")
    raise AAEError(f"No usable checkpoint in {folder}. {' '.join(notes)} Train again without --resume.")
