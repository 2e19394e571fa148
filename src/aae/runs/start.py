"""Begins a training with the weights of another run: all that fit, above all its encoder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aae.data.dataset import Dataset
from aae.data.labels import ClassName, class_indices
from aae.model.autoencoder import Autoencoder
from aae.runs.open import load_run_model, read_config
from aae.runs.prepare import prepare, resolve_for
from aae.system.errors import AAEError
from aae.training.rundir import RunDir

__all__ = ["shortened", "start_from", "start_notes"]

SHARE = 1 / 3  # of a preset's own length that a training with such weights takes
PARTS = {"merge": "the decoder", "decoder": "the decoder"}


def start_notes(model: Autoencoder, path: str | Path, cross_validated: bool) -> list[str]:
    """Start from a run, as `start_from` does, and say so; and what a cross-validation does not start from."""
    apart = "Cross-validation trains new models, which do not start from that run."
    return [start_from(model, path), *([apart] if cross_validated else [])]


def start_from(model: Autoencoder, path: str | Path) -> str:
    """Give a new model the weights of a run's model, as far as they fit.

    The class outputs go by the names of the classes, of which there may be more or fewer than before.

    Args:
        model: The new model; its weights change.
        path: The run.

    Returns:
        A sentence on what was taken and what starts anew.

    Raises:
        AAEError: It is no finished run, or its encoder reads other rows or has other layers.
    """
    directory = RunDir(path)
    read_config(directory)  # which says what is wrong with it
    old = load_run_model(directory)
    _check_encoders(model, old, path)
    mine, theirs = model.state_dict(), _by_latent(old, old.state_dict())
    taken: dict[str, Tensor] = {}
    new: list[str] = []
    for name, place in _by_latent(model, {name: name for name in mine}).items():
        tensor, found = mine[place], theirs.get(name)
        if _is_head(model, name):
            found = _matched_classes(tensor, found, model.classes, old.classes)
        if found is not None and found.shape == tensor.shape:
            taken[place] = found
        else:
            new.append(name)
    model.load_state_dict({**mine, **taken})
    return _sentence(path, new, model, old)


def shortened(
    preset: str, data: Dataset, changes: Mapping[str, Any], length: dict[str, Any], rest: tuple[Any, ...]
) -> tuple[dict[str, Any], dict[str, float | int]]:
    """Changes and length of a training that starts from a run: only that start, and a third of the preset's length.

    Where cross-validation tests the model nothing changes: its trainings start anew and need the whole length.
    """
    changes = dict(changes)
    if data.cross_validated:
        return changes, length
    if "restarts" not in changes and resolve_for(preset, changes, data).restarts > 1:
        changes["restarts"] = 1
    if length.keys() & {"epochs", "steps", "seconds"}:
        return changes, length
    labels, division, seed = rest
    _, settings, *_ = prepare(preset, data, labels, division, seed, changes, length)
    return changes, {**length, "steps": max(1, round(SHARE * (settings.steps or 0)))}


def _check_encoders(model: Autoencoder, old: Autoencoder, path: str | Path) -> None:
    if model.trunk is None or old.trunk is None:
        raise AAEError(f"{path if old.trunk is None else 'This preset'} has no encoder to start from; drop --from.")
    if model.input_shape != old.input_shape:
        how = "data as that run did"
        if old.frozen_encoder is not None and model.frozen_encoder is None:
            how = f"data through its encoder {old.frozen_encoder.name} (--features)"
        raise AAEError(f"{path} reads rows of shape {old.input_shape}, the new model of {model.input_shape}; read the "
                       f"{how}, or drop --from.")  # fmt: skip
    names = [None if one.table is None else [str(name) for name in one.table.names] for one in (model, old)]
    if names[0] != names[1]:
        raise AAEError(f"{path} was trained on other columns than these data have; drop --from.")
    trunks: list[Any] = [old.trunk, model.trunk]
    shapes = [{name: tuple(tensor.shape) for name, tensor in trunk.state_dict().items()} for trunk in trunks]
    kinds = [type(trunk).__name__ for trunk in trunks]
    if kinds[0] != kinds[1] or shapes[0] != shapes[1]:
        raise AAEError(f"The encoder of {path} ({kinds[0]}) has other layers than that of this preset ({kinds[1]}); "
                       "give the preset and the options of that run, or drop --from.")  # fmt: skip


def _by_latent(model: Autoencoder, state: dict[str, Any]) -> dict[str, Any]:
    """Entries with the names of latents in place of their numbers, which may differ between models."""
    named = {}
    for key, value in state.items():
        part, _, rest = key.partition(".")
        if part == "latents":
            number, _, rest = rest.partition(".")
            key = f"latents.{model.latents[int(number)].name}.{rest}"
        named[key] = value
    return named


def _is_head(model: Autoencoder, name: str) -> bool:
    """Whether a tensor belongs to the posterior of the classes."""
    category = model.category
    return category is not None and name.startswith(f"latents.{category.name}.posterior.")


def _matched_classes(
    new: Tensor, old: Tensor | None, classes: list[ClassName] | None, before: list[ClassName] | None
) -> Tensor | None:
    """The head of a model with its classes in the order of another; classes that are new there keep their weights.

    Clusters have no names: they are taken for clusters only.
    """
    if old is None or (classes is None) != (before is None):
        return None
    if classes is None or before is None or classes == before:
        return old
    axes = [k for k in range(new.dim()) if old.dim() == new.dim() and new.shape[k] == len(classes)
            and old.shape[k] == len(before)
            and (*new.shape[:k], *new.shape[k + 1 :]) == (*old.shape[:k], *old.shape[k + 1 :])]  # fmt: skip
    places = class_indices(classes, before)
    known = [k for k, place in enumerate(places) if place >= 0]
    if len(axes) != 1 or not known:
        return None
    index = torch.tensor(known)
    source = old.index_select(axes[0], torch.tensor([places[k] for k in known]))
    return new.index_copy(axes[0], index, source.to(new.dtype))


def _sentence(path: str | Path, new: list[str], model: Autoencoder, old: Autoencoder) -> str:
    parts = {_part(name) for name in new}
    text = f"The weights of {path} are the start"
    text += f"; {', '.join(sorted(parts))} start anew" if parts else ""
    if model.classes is not None and old.classes is not None and not parts & {"the class outputs"}:
        added = [str(c) for c, k in zip(model.classes, class_indices(model.classes, old.classes), strict=True) if k < 0]
        gone = [str(c) for c, k in zip(old.classes, class_indices(old.classes, model.classes), strict=True) if k < 0]
        text += f"; new classes: {', '.join(added)}" if added else ""
        text += f"; classes that are no longer there: {', '.join(gone)}" if gone else ""
    return text + "."


def _part(name: str) -> str:
    """What a tensor is part of, in words."""
    if name.startswith("latents.") and ".posterior." in name:
        return "the class outputs" if name.split(".")[1].startswith("y") else "the style outputs"
    return PARTS.get(name.partition(".")[0], "discriminators")
