"""A folder of images as rows of bytes: read side by side, made one size, and kept for the next time.

Sub-folders are classes; files at the top and those in ``unlabelled/`` have no label. A CSV file with
the columns ``file`` and ``label`` may name the labels instead.
"""

import csv
import hashlib
import io
import json
import os
import statistics
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import platformdirs
from PIL import Image, ImageOps

from aae.system.errors import AAEError
from aae.system.files import read_json, write_atomically, write_json
from aae.system.progress import counted

__all__ = ["ENDINGS", "Pictures", "file_labels", "folder_labels", "is_image_folder", "read_images"]

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
# What those endings stand for. Pillow goes by what a file holds, and for some formats it starts other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
LARGEST_FILE = 2**28  # bytes
UNLABELLED = "unlabelled"
SMALLEST, LARGEST = 8, 128
USUAL = 64  # photographs of any size come down to this
LOOKED_AT = 200  # images whose size decides, if the user does not
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F")


@dataclass
class Pictures:
    """Images of a folder: bytes ``(N, S, S[, 3])``, the path of each within the folder, and what was left out."""

    x: np.ndarray
    files: list[str]
    skipped: dict[str, str] = field(default_factory=dict)  # path -> why


def is_image_folder(path: Path) -> bool:
    """Whether there is an image in the folder or one level below."""
    return any(True for _ in _files(path))


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Images in the folder and one level below, as paths within it, in order; a single image is a folder of one."""
    if folder.is_file():
        yield folder.name, folder.stat()
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            for inner in sorted(os.scandir(entry.path), key=lambda inner: inner.name):
                if inner.name.lower().endswith(ENDINGS) and not inner.name.startswith(".") and inner.is_file():
                    yield f"{entry.name}/{inner.name}", inner.stat()
        elif entry.name.lower().endswith(ENDINGS) and entry.is_file():
            yield entry.name, entry.stat()


def read_images(folder: Path, size: int | None = None, colour: bool | None = None, strict: bool = False) -> Pictures:
    """Read every image of a folder, or take what an earlier reading kept.

    Args:
        folder: The folder.
        size: Side of the images; if None, their own (the median of the shorter sides, 64 at most).
        colour: Whether to keep colours; if None, they are kept if any image has them.
        strict: Stop at the first image that cannot be read; else it is left out.

    Raises:
        AAEError: No image, one that cannot be read and ``strict``, or a size outside 8 to 128.
    """
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise AAEError(f"Images can be {SMALLEST} to {LARGEST} pixels wide, not {size}; choose another --image-size.")
    found = list(_files(folder))
    if not found:
        raise AAEError(
            f"{folder} holds no images ({', '.join(ENDINGS)}) at its top or in its sub-folders; check the path."
        )
    kept = _Kept(folder, found, (size, colour))
    pictures = kept.take()
    if pictures is None:
        pictures = _read([name for name, _ in found], folder if folder.is_dir() else folder.parent, size, colour)
        kept.put(pictures)
    if pictures.skipped and strict:
        name, reason = next(iter(pictures.skipped.items()))
        raise AAEError(f"{folder / name} cannot be read ({reason}); remove it, or read without --strict.")
    if not len(pictures.x):
        name, reason = next(iter(pictures.skipped.items()))
        raise AAEError(f"None of the {len(found)} images in {folder} can be read; {name}: {reason}.")
    return pictures


def _read(names: list[str], folder: Path, size: int | None, colour: bool | None) -> Pictures:
    with warnings.catch_warnings():
        # Pillow warns of images over its limit and reads them all the same; here they are left out.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return _read_all(names, folder, size, colour)


def _read_all(names: list[str], folder: Path, size: int | None, colour: bool | None) -> Pictures:
    looked = [look for name in names[:: max(1, len(names) // LOOKED_AT)] if (look := _look(folder / name))]
    middle = statistics.median([min(sides) for sides, _ in looked] or [USUAL])
    if size is None:
        size = int(min(USUAL, max(SMALLEST, middle)))
    if colour is None:
        # One image in colour among grey ones is enough, so none that looks grey is passed over.
        colour = any(coloured for _, coloured in looked) or _any_colour(names, folder)
    # With small images most time goes to Python itself, where threads only get in each other's way.
    threads = 1 if middle <= LARGEST else os.cpu_count()
    shape = (size, size, 3) if colour else (size, size)
    x = np.zeros((len(names), *shape), np.uint8)
    skipped: dict[str, str] = {}
    with counted(f"Reading {folder.name}", len(names)) as advance, ThreadPoolExecutor(threads) as pool:
        blocks = [range(k, min(k + 64, len(names))) for k in range(0, len(names), 64)]
        for block, reasons in zip(blocks, pool.map(lambda b: _decode(b, names, folder, x), blocks), strict=True):
            skipped |= reasons
            advance(len(block))
    good = np.array([name not in skipped for name in names])
    return Pictures(x if good.all() else x[good], [name for name in names if name not in skipped], skipped)


def _look(path: Path) -> tuple[tuple[int, int], bool] | None:
    """Sides of an image and whether it has colours, from its head; None if it cannot be read."""
    with suppress(Exception), Image.open(path, formats=FORMATS) as image:  # a decoder may raise anything
        return image.size, image.mode not in GREY
    return None


def _any_colour(names: list[str], folder: Path) -> bool:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return any(look is not None and look[1] for look in pool.map(lambda name: _look(folder / name), names))


def _decode(block: range, names: list[str], folder: Path, x: np.ndarray) -> dict[str, str]:
    """Read some images into their places; return those that could not be read, with the reason."""
    skipped = {}
    side, mode = x.shape[1], "RGB" if x.ndim == 4 else "L"
    for k in block:
        try:
            # Read whole: many small reads, each of which gives way to another thread, take longer.
            with Image.open(io.BytesIO(_contents(folder / names[k])), formats=FORMATS) as image:
                if image.width * image.height > (Image.MAX_IMAGE_PIXELS or 2**31):
                    raise ValueError(f"{image.width} x {image.height} pixels are over the limit")
                # A JPEG can be read at an eighth of its size, at least twice what is needed.
                image.draft(mode, (2 * side, 2 * side))
                ImageOps.exif_transpose(image, in_place=True)
                flat = _on_white(image).convert(mode)
                if flat.size != (side, side):
                    flat = ImageOps.fit(flat, (side, side), Image.Resampling.BICUBIC)
                x[k] = np.asarray(flat)
        except Exception as error:  # a decoder may raise anything on a damaged file
            skipped[names[k]] = str(error).partition("\n")[0][:120] or type(error).__name__
    return skipped


def _contents(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_FILE:
        raise OSError(f"larger than {LARGEST_FILE >> 20} MiB")
    return path.read_bytes()


def _on_white(image: Image.Image) -> Image.Image:
    """The image without transparency, on white; 16-bit grey scaled to 8."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        full = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", full.size, "white"), full)
    return image


class _Kept:
    """What reading a folder gave, kept under a name that stands for its files, their sizes and dates."""

    def __init__(self, folder: Path, found: list[tuple[str, os.stat_result]], options: tuple[object, ...]) -> None:
        facts = [str(folder.resolve()), options, [(name, stat.st_size, stat.st_mtime_ns) for name, stat in found]]
        key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
        place = Path(platformdirs.user_cache_dir("aae")) / "images"
        self._rows, self._facts = place / f"{key}.npy", place / f"{key}.json"

    def take(self) -> Pictures | None:
        """The images, if they were kept whole."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            facts = read_json(self._facts)
            x = np.load(self._rows, allow_pickle=False)
            if x.dtype == np.uint8 and len(x) == len(facts["files"]):
                return Pictures(x, facts["files"], facts["skipped"])
        return None

    def put(self, pictures: Pictures) -> None:
        """Keep them if there is a place; training goes on without."""
        with suppress(OSError, AAEError):
            self._rows.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._rows, lambda file: np.save(file, pictures.x))
            write_json(self._facts, {"files": pictures.files, "skipped": pictures.skipped})


def folder_labels(files: list[str]) -> list[str | None]:
    """The class of each image: its sub-folder, None at the top and in ``unlabelled``."""
    folders = [name.partition("/")[0] if "/" in name else None for name in files]
    return [None if folder == UNLABELLED else folder for folder in folders]


def _outside(name: str) -> bool:
    return Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name


def file_labels(path: Path, folder: Path, files: list[str]) -> list[str | None]:
    """The class of each image from a CSV file with the columns ``file`` and ``label``; an empty label is none.

    Raises:
        AAEError: The file cannot be read, lacks a column, or names images that are not there.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            missing = {"file", "label"} - set(reader.fieldnames or [])
            if missing:
                raise AAEError(
                    f"{path} has no column {' and no column '.join(map(repr, sorted(missing)))}; its first line should "
                    "be file,label."
                )
            labels = {row["file"]: row["label"] or None for row in reader if row["file"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AAEError(f"{path} cannot be read as CSV ({error}); it should hold the columns file and label.") from error
    strange = next((name for name in labels if _outside(name) or not (folder / name).is_file()), None)
    if strange is not None:
        raise AAEError(f"{path} names {strange}, which is not in {folder}; give paths within that folder.")
    return [labels.get(name) for name in files]
