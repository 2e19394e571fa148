"""A folder of images as raw data: rows, labels from its folders or from a file, parts, and what was read."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aae.data.dataset import ReadOptions
from aae.data.image_files import readable_name
from aae.data.image_labels import file_labels
from aae.data.image_structure import structure_of
from aae.data.images import Pictures, read_images
from aae.data.labels_file import given_labels
from aae.data.raw import RawData
from aae.data.row_keys import FILE, RowKeys
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
    if file is None:
        notes += _lost_classes(pictures, structure.labels)
    notes += _in_several_classes(pictures, structure.labels)
    files = np.array([readable_name(name) for name in pictures.files], dtype=object)
    values, used, test = np.array(structure.labels, dtype=object), structure.used, structure.test
    given = None if file is None else given_labels(file, dict(zip(files.tolist(), labels or (), strict=True)))
    name = folder.name if folder.name not in ("", "..") else folder.resolve().name
    if test is not None and reading.test is not None:
        are = "image of a folder for testing is" if test.sum() == 1 else "images of folders for testing are"
        notes.append(f"{test.sum():,} {are} left out, because --test names others.")
        used, test = used & ~test, None
    if test is None:
        x, values = (pictures.x, values) if used.all() else (pictures.x[used], values[used])
        keys = RowKeys(FILE, files[used], files[:0])
        return RawData(name, x, values, str(folder), notes=tuple(notes), pictures=pictures.how, keys=keys,
                       given=given)  # fmt: skip
    rest = used & ~test
    raw = RawData(name, pictures.x[rest], values[rest], str(folder), notes=tuple(notes), pictures=pictures.how)
    raw.test, raw.keys, raw.given = (pictures.x[test], values[test]), RowKeys(FILE, files[rest], files[test]), given
    return raw


def _skipped_notes(skipped: dict[str, str]) -> list[str]:
    if not skipped:
        return []
    some = ", ".join(f"{readable_name(name)} ({reason})" for name, reason in list(skipped.items())[:NAMED])
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    were = "image could not be read and was" if len(skipped) == 1 else "images could not be read and were"
    return [f"{len(skipped):,} {were} left out: {some}{more}."]


def _lost_classes(pictures: Pictures, labels: Sequence[str | None]) -> list[str]:
    """Classes that no image is left of."""
    if not pictures.skipped:
        return []
    every = structure_of([*pictures.files, *pictures.skipped]).labels
    lost = sorted({label for label in every if label is not None} - set(labels))
    some = ", ".join(map(repr, lost[:NAMED])) + (" ..." if len(lost) > NAMED else "")
    return [f"No image of {'the class' if len(lost) == 1 else 'the classes'} {some} could be read."] if lost else []


def _in_several_classes(pictures: Pictures, labels: Sequence[str | None]) -> list[str]:
    """The same image under different labels."""
    first: dict[bytes, tuple[str | None, str]] = {}
    twice: dict[bytes, str] = {}
    for row, name, label in zip(pictures.x, pictures.files, labels, strict=True):
        if label is None:
            continue
        digest = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        other, where = first.setdefault(digest, (label, name))
        if other != label:
            twice.setdefault(digest, f"{readable_name(where)} ({other}) and {readable_name(name)} ({label})")
    if not twice:
        return []
    some = ", ".join(list(twice.values())[:NAMED]) + (" ..." if len(twice) > NAMED else "")
    are = "image is" if len(twice) == 1 else "images are"
    return [f"{len(twice):,} {are} in two classes: {some}; keep one of each."]
