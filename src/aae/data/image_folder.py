"""A folder of images or texts as raw data: rows, labels from its folders or a file, parts, and what was read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aae.data.dataset import ReadOptions
from aae.data.features.folders import image_features, read_text_files
from aae.data.features.texts import text_features
from aae.data.image_files import readable_name
from aae.data.image_labels import file_labels
from aae.data.image_structure import structure_of
from aae.data.images import Pictures, read_images
from aae.data.labels_file import given_labels
from aae.data.originals import Originals
from aae.data.raw import RawData
from aae.data.row_keys import FILE, RowKeys
from aae.model.frozen import IMAGE, TEXT
from aae.model.pictures import PictureFormat

__all__ = ["read_image_folder", "read_text_folder"]

NAMED = 3  # images that a note names


def read_image_folder(folder: Path, reading: ReadOptions) -> RawData[np.ndarray]:
    """The images of a folder with their labels; test rows if it has folders for training and for testing.

    With a frozen encoder, rows are its vectors, and the images are small pictures to be shown.

    Raises:
        AAEError: There is no image, or the file of labels does not fit the folder.
    """
    how = reading.pictures or PictureFormat(fit=reading.fit)
    file = Path(reading.labels_file) if reading.labels_file is not None else None
    encoded = reading.features is not None or reading.encoder is not None
    pictures = read_images(folder, reading.image_size, reading.colour, reading.strict, how, file, encoded)
    found = FolderFiles(pictures.files, pictures.skipped, pictures.notes)
    if not encoded:
        raw, labels = folder_rows(folder, reading, found, pictures.x)
    else:
        vectors = image_features(folder, pictures.files, pictures.how, reading)
        found.notes = [*pictures.notes, *vectors.notes]
        raw, labels = folder_rows(folder, reading, found, vectors.x)
        names = {readable_name(name): k for k, name in enumerate(pictures.files)}
        raw.encoder, raw.originals = vectors.encoder, Originals(IMAGE, pictures.x, names)
    raw.pictures = pictures.how
    raw.notes += tuple(_in_several_classes(pictures, labels))
    return raw


def read_text_folder(folder: Path, reading: ReadOptions) -> RawData[np.ndarray]:
    """The texts of a folder as vectors of a frozen encoder, with labels and test rows as those of images.

    Raises:
        AAEError: There is no text, the encoder cannot be used, or the file of labels does not fit the folder.
    """
    file = Path(reading.labels_file) if reading.labels_file is not None else None
    read = read_text_files(folder, reading, file)
    vectors = text_features(folder.name, str(folder), read.texts, read.files, reading)
    found = FolderFiles(read.files, read.skipped, [*read.notes, *vectors.notes], TEXT)
    raw, _ = folder_rows(folder, reading, found, vectors.x)
    names = {readable_name(name): k for k, name in enumerate(read.files)}
    raw.encoder, raw.originals = vectors.encoder, Originals(TEXT, read.texts, names)
    return raw


@dataclass
class FolderFiles:
    """The files of a folder that became rows, those that could not be read, and what was said of them."""

    files: list[str]
    skipped: dict[str, str]
    notes: list[str]
    what: str = IMAGE


def folder_rows(
    folder: Path, reading: ReadOptions, found: FolderFiles, rows: np.ndarray
) -> tuple[RawData[np.ndarray], list[str | None]]:
    """Rows with the labels and parts that their folders, or a file of labels, say; and the labels of all files."""
    file = Path(reading.labels_file) if reading.labels_file is not None else None
    notes, labels = [*_skipped_notes(found), *found.notes], None
    if file is not None:
        labels, more = file_labels(file, folder, found.files, list(found.skipped), found.what)
        notes += [*more, *_replaced_labels(file.name, found, labels)]
    structure = structure_of(found.files, labels, found.what)
    notes += structure.notes
    if file is None:
        notes += _lost_classes(found, structure.labels)
    files = np.array([readable_name(name) for name in found.files], dtype=object)
    values, used, test = np.array(structure.labels, dtype=object), structure.used, structure.test
    given = None if file is None else given_labels(file, dict(zip(files.tolist(), labels or (), strict=True)))
    name = folder.name if folder.name not in ("", "..") else folder.resolve().name
    if test is not None and reading.test is not None:
        one, many = f"{found.what} of a folder for testing is", f"{found.what}s of folders for testing are"
        are = one if test.sum() == 1 else many
        notes.append(f"{test.sum():,} {are} left out, because --test names others.")
        used, test = used & ~test, None
    if test is None:
        x, values = (rows, values) if used.all() else (rows[used], values[used])
        keys = RowKeys(FILE, files[used], files[:0])
        raw = RawData(name, x, values, str(folder), notes=tuple(notes), keys=keys, given=given)
        return raw, structure.labels
    rest = used & ~test
    raw = RawData(name, rows[rest], values[rest], str(folder), notes=tuple(notes))
    raw.test, raw.keys, raw.given = (rows[test], values[test]), RowKeys(FILE, files[rest], files[test]), given
    return raw, structure.labels


def _skipped_notes(found: FolderFiles) -> list[str]:
    skipped, what = found.skipped, found.what
    if not skipped:
        return []
    some = ", ".join(f"{readable_name(name)} ({reason})" for name, reason in list(skipped.items())[:NAMED])
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    were = f"{what} could not be read and was" if len(skipped) == 1 else f"{what}s could not be read and were"
    return [f"{len(skipped):,} {were} left out: {some}{more}."]


def _lost_classes(found: FolderFiles, labels: Sequence[str | None]) -> list[str]:
    """Classes that no image or text is left of."""
    if not found.skipped:
        return []
    every = structure_of([*found.files, *found.skipped]).labels
    lost = sorted({label for label in every if label is not None} - set(labels))
    some = ", ".join(map(repr, lost[:NAMED])) + (" ..." if len(lost) > NAMED else "")
    classes = "the class" if len(lost) == 1 else "the classes"
    return [f"No {found.what} of {classes} {some} could be read."] if lost else []


def _replaced_labels(name: str, found: FolderFiles, labels: Sequence[str | None]) -> list[str]:
    """Images that have no row, although their folder is called like a class of the file of labels."""
    folders, classes = structure_of(found.files).labels, set(labels) - {None}
    pairs = zip(folders, labels, strict=True)
    lost = [folder for folder, label in pairs if folder is not None and label is None and folder in classes]
    if not lost:
        return []
    some = ", ".join(map(repr, sorted(set(lost))[:NAMED])) + (" ..." if len(set(lost)) > NAMED else "")
    are = "image counts" if len(lost) == 1 else "images count"
    return [f"{name} takes the place of the folders: {len(lost):,} {are} as unlabelled in {some}."]


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
