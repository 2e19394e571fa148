"""A folder of images as raw data: rows, labels from its folders or from a file, parts, and what was read."""

from pathlib import Path

import numpy as np

from aae.data.dataset import ReadOptions
from aae.data.image_files import readable_name
from aae.data.image_labels import file_labels
from aae.data.image_structure import structure_of
from aae.data.images import read_images
from aae.data.raw import RawData
from aae.model.pictures import PictureFormat

__all__ = ["read_image_folder"]

NAMED = 3  # images that a note names


def read_image_folder(folder: Path, reading: ReadOptions) -> RawData[np.ndarray]:
    """The images of a folder with their labels; test rows if it has folders for training and for testing.

    Raises:
        AAEError: There is no image, or the file of labels does not fit the folder.
    """
    how = reading.pictures or PictureFormat(fit=reading.fit)
    file = Path(reading.labels_file) if reading.labels_file is not None else None
    pictures = read_images(folder, reading.image_size, reading.colour, reading.strict, how, file)
    notes, labels = [*_skipped_notes(pictures.skipped), *pictures.notes], None
    if file is not None:
        labels, more = file_labels(file, folder, pictures.files, list(pictures.skipped))
        notes += more
    structure = structure_of(pictures.files, labels)
    notes += structure.notes
    values, used, test = np.array(structure.labels, dtype=object), structure.used, structure.test
    name = folder.name if folder.name not in ("", "..") else folder.resolve().name
    if test is not None and reading.test is not None:
        notes.append(f"{test.sum():,} images of folders for testing are left out, because --test names others.")
        used, test = used & ~test, None
    if test is None:
        x, values = (pictures.x, values) if used.all() else (pictures.x[used], values[used])
        return RawData(name, x, values, str(folder), notes=tuple(notes), pictures=pictures.how)
    rest = used & ~test
    raw = RawData(name, pictures.x[rest], values[rest], str(folder), notes=tuple(notes), pictures=pictures.how)
    raw.test = pictures.x[test], values[test]
    return raw


def _skipped_notes(skipped: dict[str, str]) -> list[str]:
    if not skipped:
        return []
    some = ", ".join(f"{readable_name(name)} ({reason})" for name, reason in list(skipped.items())[:NAMED])
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    were = "image could not be read and was" if len(skipped) == 1 else "images could not be read and were"
    return [f"{len(skipped):,} {were} left out: {some}{more}."]
