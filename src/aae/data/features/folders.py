"""Folders of images and of texts as vectors of a frozen encoder."""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aae.data.dataset import ReadOptions
from aae.data.features.encoder import Encoder
from aae.data.features.files import kinds_of
from aae.data.features.opened import Features, opened
from aae.data.features.preprocessing import Preprocessing
from aae.data.image_files import find_images, readable_name
from aae.data.pixels import whole_picture
from aae.data.text_encoding import as_utf8
from aae.model.frozen import IMAGE, TEXT
from aae.model.pictures import PictureFormat
from aae.system.errors import AAEError, first_line

__all__ = ["TextFiles", "image_features", "read_text_files", "reads_texts"]

MAX_FILE_SIZE = 2**24  # bytes of a text


@dataclass
class TextFiles:
    """Texts of a folder, the path of each within it, and what was left out."""

    texts: list[str]
    files: list[str]
    skipped: dict[str, str] = field(default_factory=dict)  # path -> reason
    notes: list[str] = field(default_factory=list)


def reads_texts(folder: Path, reading: ReadOptions) -> bool:
    """Whether an encoder reads the texts of a folder: by what it can read, and by the files if it reads both.

    Raises:
        AAEError: The encoder cannot be found.
    """
    if reading.encoder is not None:
        return reading.encoder.kind == TEXT
    kinds = kinds_of(str(reading.features))
    return kinds == [TEXT] or (len(kinds) > 1 and folder.is_dir() and not find_images(folder).images)


def image_features(folder: Path, files: Sequence[str], how: PictureFormat, reading: ReadOptions) -> Features:
    """Vectors of images.

    Args:
        folder: Their folder, or a single image.
        files: Paths of the images within the folder.
        how: How they are read before the encoder's own preprocessing.
        reading: Which encoder, and which of its outputs.

    Raises:
        AAEError: The encoder cannot be used, or an image cannot be read any more.
    """
    root, how = folder if folder.is_dir() else folder.parent, how.for_others()
    paths = [os.path.join(root, name) for name in files]

    def compute(encoder: Encoder, numbers: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        def fill(k: int, preprocessing: Preprocessing, out: np.ndarray) -> None:
            side = max(preprocessing.shortest or 0, *(preprocessing.size or ()), *(preprocessing.sides or ()))
            try:
                preprocessing.read(whole_picture(paths[k], how, side), out)
            except Exception as error:  # a decoder may raise anything on a damaged file
                raise AAEError(f"{paths[k]} cannot be read any more ({first_line(error)}); run again.") from error

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about what is odd in a file
            for block, rows in encoder.encode_images(numbers, fill):
                yield block, rows, np.zeros(len(block), bool)

    source = [os.path.realpath(root), repr(how)]
    return opened(reading, IMAGE).rows(source, [_identity(path) for path in paths], list(files), compute,
                                       f"Encoding the images of {folder.name}")  # fmt: skip


def _identity(path: str) -> str:
    """A name for the content of a file: what no program can set tells it from another of the same name and date."""
    try:
        facts = os.stat(path)
    except OSError as error:
        raise AAEError(f"{path} cannot be read any more ({error.strerror}); run again.") from error
    numbers = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
    return f"{readable_name(os.path.basename(path))} {' '.join(map(str, numbers))}"


def read_text_files(folder: Path, reading: ReadOptions, besides: Path | None = None) -> TextFiles:
    """The ``.txt`` files of a folder, or a single one.

    Raises:
        AAEError: There is none, or one cannot be read under ``reading.strict``.
    """
    found = find_images(folder, besides, TEXT)
    if not found.images:
        what = f"; {found.described()}" if found.others else ""
        raise AAEError(f"{folder} holds no texts (.txt), nor do the folders in it{what}; check the path.")
    root = folder if folder.is_dir() else folder.parent
    read = TextFiles([], [], notes=found.notes())
    guessed: list[str] = []
    for name, facts in found.images:
        try:
            text, notes = _text_of(root / name, facts.st_size, reading.encoding)
        except AAEError as error:
            if reading.strict:
                raise
            read.skipped[name] = str(error).partition(" is not a ")[2] or str(error)
            continue
        guessed += [name] if notes else []
        read.texts.append(text)
        read.files.append(name)
    if guessed:
        files = "1 file is" if len(guessed) == 1 else f"{len(guessed):,} files are"
        read.notes.append(f"{files} not UTF-8, such as {readable_name(guessed[0])}; name their encoding with "
                          "--encoding if accented letters are wrong.")  # fmt: skip
    if not read.texts:
        name, reason = next(iter(read.skipped.items()))
        raise AAEError(f"No text in {folder} can be read; {name}: {reason}")
    return read


def _text_of(path: Path, size: int, encoding: str | None) -> tuple[str, list[str]]:
    if size > MAX_FILE_SIZE:
        raise AAEError(f"{path} is not a readable text: it is larger than {MAX_FILE_SIZE >> 20} MiB.")
    try:
        data, notes = as_utf8(path.read_bytes(), path, encoding, what="text")
    except ImportError as error:
        raise AAEError(f"{path} is not UTF-8, and other encodings need {error.name}; `pip install "
                       "'adversarial-autoencoder[tables]'`, or save it as UTF-8.") from error  # fmt: skip
    except OSError as error:
        raise AAEError(f"{path} is not a readable text: {error.strerror}.") from error
    return data.decode("utf-8", "replace"), notes
