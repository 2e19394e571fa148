"""A folder of images as rows of bytes: read in parallel, resized to one size, and cached.

Sub-folders are classes; files at the top and those in ``unlabelled/`` have no label. A CSV file with
the columns ``file`` and ``label`` may give the labels instead.
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
from aae.system.progress import row_progress

__all__ = ["ENDINGS", "Pictures", "file_labels", "folder_labels", "is_image_folder", "read_images"]

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
# The formats of those endings. Pillow goes by the content of a file, and for some other formats it starts programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_FILE_SIZE = 2**28  # bytes
UNLABELLED = "unlabelled"
MIN_SIZE, MAX_SIZE = 8, 128
DEFAULT_SIZE = 64  # side of larger images, if the user gives none
SAMPLED_IMAGES = 200  # images whose sizes decide, if the user gives none
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F")


@dataclass
class Pictures:
    """Images of a folder: bytes ``(N, S, S[, 3])``, the path of each within the folder, and the files left out."""

    x: np.ndarray
    files: list[str]
    skipped: dict[str, str] = field(default_factory=dict)  # path -> reason


def is_image_folder(path: Path) -> bool:
    """Whether there is an image in the folder or one level below."""
    return any(True for _ in _files(path))


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Sorted paths, within the folder, of the images in it and one level below; a file counts as a folder of one."""
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
    """Read every image of a folder, or load them from the cache.

    Args:
        folder: The folder.
        size: Side of the images; if None, the median of their shorter sides, 64 at most.
        colour: Whether to keep colours; if None, they are kept if any image has them.
        strict: Stop at the first image that cannot be read, instead of leaving it out.

    Raises:
        AAEError: There is no image, one cannot be read under ``strict``, or the size is outside 8 to 128.
    """
    if size is not None and not MIN_SIZE <= size <= MAX_SIZE:
        raise AAEError(f"Images can be {MIN_SIZE} to {MAX_SIZE} pixels wide, not {size}; choose another --image-size.")
    files = list(_files(folder))
    if not files:
        raise AAEError(
            f"{folder} holds no images ({', '.join(ENDINGS)}) at its top or in its sub-folders; check the path."
        )
    cache = _Cache(folder, files, (size, colour))
    pictures = cache.load()
    if pictures is None:
        pictures = _read([name for name, _ in files], folder if folder.is_dir() else folder.parent, size, colour)
        cache.save(pictures)
    if pictures.skipped and strict:
        name, reason = next(iter(pictures.skipped.items()))
        raise AAEError(f"{folder / name} cannot be read ({reason}); remove it, or read without --strict.")
    if not len(pictures.x):
        name, reason = next(iter(pictures.skipped.items()))
        raise AAEError(f"None of the {len(files)} images in {folder} can be read; {name}: {reason}.")
    return pictures


def _read(names: list[str], folder: Path, size: int | None, colour: bool | None) -> Pictures:
    with warnings.catch_warnings():
        # Pillow warns about images over its limit but reads them; here they are left out.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return _read_all(names, folder, size, colour)


def _read_all(names: list[str], folder: Path, size: int | None, colour: bool | None) -> Pictures:
    sample = [facts for name in names[:: max(1, len(names) // SAMPLED_IMAGES)] if (facts := _inspect(folder / name))]
    median = statistics.median([min(sides) for sides, _ in sample] or [DEFAULT_SIZE])
    if size is None:
        size = int(min(DEFAULT_SIZE, max(MIN_SIZE, median)))
    if colour is None:
        # A single image in colour is enough, so all images are inspected if the sample is grey.
        colour = any(coloured for _, coloured in sample) or _any_colour(names, folder)
    # With small images most time goes to Python itself, where threads only slow each other down.
    threads = 1 if median <= MAX_SIZE else os.cpu_count()
    shape = (size, size, 3) if colour else (size, size)
    x = np.zeros((len(names), *shape), np.uint8)
    skipped: dict[str, str] = {}
    with row_progress(f"Reading {folder.name}", len(names)) as advance, ThreadPoolExecutor(threads) as pool:
        blocks = [range(k, min(k + 64, len(names))) for k in range(0, len(names), 64)]
        for block, reasons in zip(blocks, pool.map(lambda b: _decode(b, names, folder, x), blocks), strict=True):
            skipped |= reasons
            advance(len(block))
    good = np.array([name not in skipped for name in names])
    return Pictures(x if good.all() else x[good], [name for name in names if name not in skipped], skipped)


def _inspect(path: Path) -> tuple[tuple[int, int], bool] | None:
    """Sides of an image and whether it has colours, from its header; None if it cannot be read."""
    with suppress(Exception), Image.open(path, formats=FORMATS) as image:  # a decoder may raise anything
        return image.size, image.mode not in GREY
    return None


def _any_colour(names: list[str], folder: Path) -> bool:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return any(facts is not None and facts[1] for facts in pool.map(lambda name: _inspect(folder / name), names))


def _decode(block: range, names: list[str], folder: Path, x: np.ndarray) -> dict[str, str]:
    """Read some images into their rows of ``x``; return those that could not be read, with the reason."""
    skipped = {}
    side, mode = x.shape[1], "RGB" if x.ndim == 4 else "L"
    for k in block:
        try:
            # Read at once: many small reads, each of which may switch threads, take longer.
            with Image.open(io.BytesIO(_contents(folder / names[k])), formats=FORMATS) as image:
                if image.width * image.height > (Image.MAX_IMAGE_PIXELS or 2**31):
                    raise ValueError(f"{image.width} x {image.height} pixels are over the limit")
                # A JPEG can be decoded at down to an eighth of its size; here at least at twice the size needed.
                image.draft(mode, (2 * side, 2 * side))
                ImageOps.exif_transpose(image, in_place=True)
                opaque = _on_white(image).convert(mode)
                if opaque.size != (side, side):
                    opaque = ImageOps.fit(opaque, (side, side), Image.Resampling.BICUBIC)
                x[k] = np.asarray(opaque)
        except Exception as error:  # a decoder may raise anything on a damaged file
            skipped[names[k]] = str(error).partition("\n")[0][:120] or type(error).__name__
    return skipped


def _contents(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_SIZE:
        raise OSError(f"larger than {MAX_FILE_SIZE >> 20} MiB")
    return path.read_bytes()


def _on_white(image: Image.Image) -> Image.Image:
    """The image without transparency, on white; 16-bit grey scaled to 8."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        full = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", full.size, "white"), full)
    return image


class _Cache:
    """The cached images of a folder, under a key that depends on its files, their sizes and dates."""

    def __init__(self, folder: Path, files: list[tuple[str, os.stat_result]], options: tuple[object, ...]) -> None:
        facts = [str(folder.resolve()), options, [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]]
        key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
        cache_dir = Path(platformdirs.user_cache_dir("aae")) / "images"
        self._rows, self._facts = cache_dir / f"{key}.npy", cache_dir / f"{key}.json"

    def load(self) -> Pictures | None:
        """The images, or None if they are not completely in the cache."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            facts = read_json(self._facts)
            x = np.load(self._rows, allow_pickle=False)
            if x.dtype == np.uint8 and len(x) == len(facts["files"]):
                return Pictures(x, facts["files"], facts["skipped"])
        return None

    def save(self, pictures: Pictures) -> None:
        """Save the images; errors are ignored, because training works without a cache."""
        with suppress(OSError, AAEError):
            self._rows.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._rows, lambda file: np.save(file, pictures.x))
            write_json(self._facts, {"files": pictures.files, "skipped": pictures.skipped})


def folder_labels(files: list[str]) -> list[str | None]:
    """The class of each image: its sub-folder; None at the top and in ``unlabelled``."""
    folders = [name.partition("/")[0] if "/" in name else None for name in files]
    return [None if folder == UNLABELLED else folder for folder in folders]


def _leaves_folder(name: str) -> bool:
    return Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name


def file_labels(path: Path, folder: Path, files: list[str]) -> list[str | None]:
    """The class of each image from a CSV file with the columns ``file`` and ``label``; None if the label is empty.

    Raises:
        AAEError: The file cannot be read, lacks a column, or names images that do not exist.
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
    missing_file = next((name for name in labels if _leaves_folder(name) or not (folder / name).is_file()), None)
    if missing_file is not None:
        raise AAEError(f"{path} names {missing_file}, which is not in {folder}; give paths within that folder.")
    return [labels.get(name) for name in files]
