"""New images and texts for a model with a frozen encoder: all of a path, in order, as vectors."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aae.data.dataset import ReadOptions
from aae.data.features.folders import image_features, read_text_files
from aae.data.features.texts import read_text_column, text_features
from aae.data.image_files import TEXTS, readable_name
from aae.data.image_structure import structure_of
from aae.data.images import read_images
from aae.data.tables import table_kind
from aae.model.frozen import IMAGE
from aae.model.pictures import PictureFormat
from aae.system.errors import AAEError, UsageError

__all__ = ["Encoded", "read_encoded"]

HEAD = 2**16  # bytes of the first line of a table


class Encoded(NamedTuple):
    """Vectors ``(N, D)``, notes, and for files their names and the names of the folders that may be their classes."""

    x: np.ndarray
    notes: list[str]
    files: list[str] | None = None
    labels: list[str | None] | None = None


def _is_one_text(path: Path, reading: ReadOptions) -> bool:
    """Whether a ``.txt`` file, which may also be a table, is a text: its first line does not name the text column."""
    if not path.is_file() or path.suffix.lower() not in TEXTS:
        return False
    with path.open("rb") as file:
        return reading.text_column is None or reading.text_column.encode() not in file.readline(HEAD)


def read_encoded(path: Path, reading: ReadOptions) -> Encoded:
    """All rows of a path.

    Args:
        path: A folder of images or texts, a single one, or a table with a text column.
        reading: How it is read; ``reading.encoder`` is that of the model.

    Raises:
        AAEError: It cannot be read, or is not what the encoder reads.
    """
    if reading.encoder is None:
        raise UsageError("There is no frozen encoder to read with.")
    if table_kind(path) is not None and not _is_one_text(path, reading):
        if reading.encoder.kind == IMAGE:
            raise AAEError(f"{path} is a table, and the model was trained on images; give images.")
        if reading.text_column is None:
            raise UsageError(f"The model was trained on texts; name the column of {path} that holds texts with "
                             "--text-column.")  # fmt: skip
        raw = read_text_column(path, replace(reading, label_column=None, key_column=None, labels_file=None))
        return Encoded(raw.x, list(raw.notes))
    if reading.encoder.kind == IMAGE:
        images = read_images(path, strict=reading.strict, how=reading.pictures or PictureFormat(), mapped=True)
        files, skipped, said = images.files, images.skipped, images.notes
        found = image_features(path, files, images.how, reading)
    else:
        texts = read_text_files(path, reading)
        files, skipped, said = texts.files, texts.skipped, texts.notes
        found = text_features(path.name, str(path), texts.texts, files, reading)
    notes = [f"{path / name} was skipped: {reason.rstrip('.')}." for name, reason in skipped.items()]
    labels = structure_of(files, what=reading.encoder.kind).labels
    return Encoded(found.x, [*notes, *said, *found.notes], [readable_name(name) for name in files], labels)
