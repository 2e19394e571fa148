"""The frozen encoder of a run: what its configuration keeps of it, and how it is found again."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from aae.data.dataset import ReadOptions
from aae.data.features.files import encoder_place
from aae.model.frozen import FrozenEncoder
from aae.system.errors import AAEError

__all__ = ["encoder_entry", "encoder_of", "with_encoder"]


def encoder_entry(encoder: FrozenEncoder, reading: ReadOptions) -> dict[str, Any]:
    """The entry ``encoder`` of a run's configuration."""
    return asdict(encoder) | {"path": encoder_place(reading.features or encoder.name)}


def encoder_of(config: Mapping[str, Any]) -> FrozenEncoder | None:
    """The encoder that a configuration names.

    Raises:
        AAEError: The entry is damaged.
    """
    entry = config.get("encoder")
    if entry is None:
        return None
    names = [field.name for field in fields(FrozenEncoder)]
    if not isinstance(entry, Mapping) or not all(isinstance(entry.get(name), str) for name in names):
        raise AAEError("The run's config.json does not say which frozen encoder it used; copy the file again.")
    return FrozenEncoder(**{name: entry[name] for name in names})


def with_encoder(
    reading: ReadOptions, encoder: FrozenEncoder | None, given: ReadOptions | None = None, own: str | None = None
) -> ReadOptions:
    """Read options by which data go through the encoder of a model, and through no other.

    Args:
        reading: The other options.
        encoder: The encoder of the model; None: it has none.
        given: What the user says of it now: where it lies.
        own: Where it lay when the model was trained.

    Raises:
        AAEError: An encoder is given to a model that has none.
    """
    place = None if given is None else given.features
    if encoder is None:
        if place is not None:
            raise AAEError("The model was trained without a frozen encoder; drop --features.")
        return reading
    column = reading.text_column if given is None or given.text_column is None else given.text_column
    return replace(reading, encoder=encoder, features=place or own, features_output=None, text_column=column)
