"""A folder of images as rows of bytes: read in parallel, made square in one size, and cached."""

import os
import statistics
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from aae.data.image_cache import ImageCache
from aae.data.image_files import ENDINGS, NEEDS_HEIF, Found, find_images
from aae.data.image_notes import images_have, reading_notes
from aae.data.pixel_ranges import KINDS, Deep, range_of
from aae.data.pixels import Seen, has_colour, is_uneven, picture_file, read_pictures
from aae.model.pictures import EACH, PictureFormat
from aae.system.errors import AAEError
from aae.system.progress import row_progress

__all__ = ["Pictures", "read_images"]

MIN_SIZE, MAX_SIZE = 8, 128
DEFAULT_SIZE = 64  # side of larger images, if the user gives none
SAMPLED_IMAGES = 200  # images whose sizes decide, if the user gives none
UNEVEN_SHARE = 0.1  # share of images with sides that differ by more than a third, above which all get a margin
CONTRAST = 64  # steps of 255 within which drawings cannot be seen on their background
MIXED_SHARE = 0.1  # share of drawings that cannot be seen on the background of the others, above which each has its own
TOLD_VALUES = 2**22  # values of deep images that tell their range


@dataclass
class Pictures:
    """Images of a folder: bytes ``(N, S, S[, 3])``, the path of each within the folder, and the files left out."""

    x: np.ndarray
    files: list[str]
    skipped: dict[str, str] = field(default_factory=dict)  # path -> reason
    how: PictureFormat = field(default_factory=PictureFormat)  # what was done to them
    notes: list[str] = field(default_factory=list)


def read_images(
    folder: Path,
    size: int | None = None,
    colour: bool | None = None,
    strict: bool = False,
    how: PictureFormat | None = None,
    besides: Path | None = None,
    mapped: bool = False,
) -> Pictures:
    """Read every image of a folder, or load them from the cache.

    Args:
        folder: The folder.
        size: Side of the images; if None, the median of their shorter sides (of their longer ones if nothing is cut
            off), 64 at most.
        colour: Whether to keep colours; if None, they are kept if any image has them.
        strict: Stop at the first image that cannot be read, instead of leaving it out.
        how: What is done to all of them; what it leaves open is decided by the images.
        besides: A file of the folder that need not be an image.
        mapped: Leave the rows on the disk, in the cache, if there is one.

    Raises:
        AAEError: There is no image, one cannot be read under ``strict``, or the size is outside 8 to 128.
    """
    if size is not None and not MIN_SIZE <= size <= MAX_SIZE:
        raise AAEError(f"Images can be {MIN_SIZE} to {MAX_SIZE} pixels wide, not {size}; choose another --image-size.")
    how = how or PictureFormat()
    found = find_images(folder, besides)
    if not found.images:
        raise AAEError(_no_images(folder, found))
    cache = ImageCache(folder, found.images, (size, colour, how))
    pictures = _from_cache(cache, mapped)
    if pictures is None:
        names = [name for name, _ in found.images]
        pictures = _read(names, folder if folder.is_dir() else folder.parent, size, colour, how)
        facts = {"files": pictures.files, "skipped": pictures.skipped, "notes": pictures.notes,
                 "how": vars(pictures.how)}  # fmt: skip
        cache.save(pictures.x, facts)
        pictures = (_from_cache(cache, mapped) if mapped else None) or pictures
    if pictures.skipped and strict:
        name, reason = next(iter(pictures.skipped.items()))
        raise AAEError(f"{folder / name} cannot be read ({reason}); remove it, or read without --strict.")
    if not len(pictures.x):
        name, reason = next(iter(pictures.skipped.items()))
        none = "The only image" if len(found.images) == 1 else f"None of the {len(found.images)} images"
        cannot = "cannot" if len(found.images) == 1 else "can"
        raise AAEError(f"{none} in {folder} {cannot} be read; {name}: {reason}.")
    pictures.notes = [*found.notes(), *pictures.notes]
    return pictures


def _no_images(folder: Path, found: Found) -> str:
    if found.heif:
        return f"{folder} holds no other images than {found.heif} in HEIC, and {NEEDS_HEIF}."
    what = f"; {found.described()}" if found.others else ""
    runs = "; runs are not looked into" if found.left_out else ""
    return f"{folder} holds no images ({', '.join(ENDINGS)}), nor do the folders in it{what}{runs}; check the path."


def _from_cache(cache: ImageCache, mapped: bool) -> Pictures | None:
    cached = cache.load(mapped)
    with suppress(KeyError, TypeError, AttributeError, AAEError):
        if cached is not None:
            x, facts = cached
            return Pictures(x, facts["files"], facts["skipped"], PictureFormat(**facts["how"]), facts["notes"])
    return None


def _read(names: list[str], folder: Path, size: int | None, colour: bool | None, how: PictureFormat) -> Pictures:
    with warnings.catch_warnings():
        # Pillow warns about what is odd in a file; what cannot be read is reported with its reason.
        warnings.simplefilter("ignore")
        return _read_all(names, folder, size, colour, how)


def _read_all(names: list[str], folder: Path, size: int | None, colour: bool | None, how: PictureFormat) -> Pictures:
    sample = [facts for name in names[:: max(1, len(names) // SAMPLED_IMAGES)] if (facts := _inspect(folder / name))]
    known = how
    if how.fit is None:
        # So that no image loses the part that tells its class.
        uneven = sum(is_uneven(sides) for sides, _ in sample)
        how = replace(how, fit="pad" if uneven > UNEVEN_SHARE * len(sample) else "crop")
    short = statistics.median([min(sides) for sides, _ in sample] or [DEFAULT_SIZE])
    if size is None:
        median = statistics.median([(min if how.fit == "crop" else max)(sides) for sides, _ in sample] or [short])
        size = int(min(DEFAULT_SIZE, max(MIN_SIZE, median)))
    if colour is None:
        # A single image in colour is enough, so all images are inspected if the sample is grey.
        colour = any(coloured for _, coloured in sample) or _any_colour(names, folder)
    # With small images most time goes to Python itself, where threads only slow each other down.
    threads = 1 if short <= MAX_SIZE else os.cpu_count()
    x = np.zeros((len(names), size, size, 3) if colour else (len(names), size, size), np.uint8)

    def read(numbers: Iterable[int], how: PictureFormat) -> Seen:
        return _read_rows(list(numbers), names, folder, x, how, threads)

    notes: list[str] = []
    seen = read(range(len(names)), how)
    if seen.deep:  # read once for the range of their values, and once more by it
        how, notes = _with_ranges(how, seen.deep)
        seen.add(read(seen.deep, how))
    if seen.clear and how.background is None:
        how = replace(how, background=_background(seen.clear))
        if how.background != "white":
            seen.skipped |= read(seen.clear, how).skipped
    kept = np.array([k not in seen.skipped for k in range(len(names))])
    x = x if kept.all() else x[kept]
    skipped = {names[k]: reason for k, reason in sorted(seen.skipped.items())}
    files = [name for name in names if name not in skipped]
    rows = np.flatnonzero(kept)
    return Pictures(x, files, skipped, how, [*notes, *reading_notes(seen, x, rows, how, known)])


def _inspect(path: Path) -> tuple[tuple[int, int], bool] | None:
    """Sides of an image and whether it has colours, from its header; None if it cannot be read."""
    with suppress(Exception), picture_file(path) as image:  # a decoder may raise anything
        return image.size, has_colour(image)
    return None


def _any_colour(names: list[str], folder: Path) -> bool:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return any(facts is not None and facts[1] for facts in pool.map(lambda name: _inspect(folder / name), names))


def _read_rows(numbers: list[int], names: list[str], folder: Path, x: np.ndarray, how: PictureFormat,
               threads: int | None) -> Seen:  # fmt: skip
    seen, values = Seen(), max(64, TOLD_VALUES // len(names))
    blocks = [numbers[k : k + 64] for k in range(0, len(numbers), 64)]
    with row_progress(f"Reading {folder.name}", len(numbers)) as advance, ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda block: read_pictures(block, names, folder, x, how, values), blocks)
        for block, result in zip(blocks, results, strict=True):
            seen.add(result)
            advance(len(block))
    return seen


def _with_ranges(how: PictureFormat, deep: dict[int, Deep]) -> tuple[PictureFormat, list[str]]:
    """The format with a range of values for each kind of deep images, and notes on them."""
    notes = []
    for kind, what in KINDS.items():
        told = [one for one in deep.values() if one.kind == kind]
        if not told:
            continue
        low, high, absent = range_of(told, kind)
        how = replace(how, integers=(low, high)) if kind == "integers" else replace(how, floats=(low, high))
        note = f"{images_have(len(told))} {what}: values from {low:,.6g} to {high:,.6g} are read as black to white."
        if absent:
            values = ", ".join(f"{value:.6g}" for value in absent)
            note += f" Pixels of {values}, far from all others, are cut to this range."
        notes.append(note)
    return how, notes


def _background(clear: dict[int, float]) -> str:
    """What shows the drawings: black behind light ones, white behind dark ones; each its own if there are both."""
    lightness = np.array([one for one in clear.values() if np.isfinite(one)])
    if not len(lightness):
        return "white"
    if min((lightness > 255 - CONTRAST).mean(), (lightness < CONTRAST).mean()) > MIXED_SHARE:
        return EACH
    return "black" if lightness.mean() > 127.5 else "white"
