"""One image file as a square of bytes.

Two things are the same for a whole folder and not known from one image: the range of values deeper than 8 bits, and
what is behind transparent pixels. Where the format does not name them yet, an image tells what it needs in `Seen`.
"""

import io
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from aae.data.image_files import HEIF
from aae.data.pixel_ranges import Deep, range_of, told_by
from aae.model.pictures import EACH, PictureFormat

__all__ = ["Seen", "has_colour", "is_uneven", "picture_file", "plain_rows", "read_pictures",
           "whole_picture"]  # fmt: skip

# Pillow goes by the content of a file, and for some other formats it starts programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
MAX_FILE_SIZE = 2**28  # bytes
GREY = ("1", "L", "LA", "La", "I", "F")  # and 16 bits, "I;16..."
NO_DATA = 42113  # tag of a TIFF: the value of pixels that were not measured
ALONE = 4096  # values that tell the range of an image by itself
PLAIN = 3  # steps of 255 within which all pixels are of one colour


@dataclass
class Seen:
    """What was seen in some images, by their numbers."""

    skipped: dict[int, str] = field(default_factory=dict)  # could not be read, with the reason
    deep: dict[int, Deep] = field(default_factory=dict)  # not read yet: the range of values is not known
    clear: dict[int, float] = field(default_factory=dict)  # lightness of what is not transparent, NaN if not needed
    scaled: dict[int, tuple[str, float]] = field(default_factory=dict)  # deep ones: kind, share of pixels out of range
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)  # width and height, in either order
    several: dict[int, bool] = field(default_factory=dict)  # more than one page or frame

    def add(self, other: "Seen") -> None:
        for one in fields(self):
            getattr(self, one.name).update(getattr(other, one.name))


def picture_file(path: Path) -> Image.Image:
    """An open image of which only the header was read."""
    return Image.open(path, formats=_formats(path.name))


def _formats(name: str) -> tuple[str, ...]:
    ending = name.lower()
    if ending.endswith(HEIF):
        return (*FORMATS, "HEIF")
    # Nearly any file can be taken for a TGA, so only the ending tells.
    return (*FORMATS, "TGA") if ending.endswith(".tga") else FORMATS


def has_colour(image: Image.Image) -> bool:
    """Whether an image is in colour, by its header."""
    return image.mode not in GREY and not image.mode.startswith("I;16")


def is_uneven(size: tuple[int, int]) -> bool:
    """Whether the longer side is longer than the other by more than a third (and a pixel)."""
    return 3 * (max(size) - 1) > 4 * min(size)


def read_pictures(numbers: list[int], names: list[str], folder: Path, x: np.ndarray, how: PictureFormat,
                  values: int) -> Seen:  # fmt: skip
    """Read some images into their rows of ``x``.

    Args:
        numbers: Which images.
        names: Paths of all images within the folder.
        folder: The folder.
        x: Rows of bytes ``(N, S, S[, 3])``.
        how: What is done to them.
        values: How many values of a deep image tell its range, if ``how`` does not name one.
    """
    seen = Seen()
    for k in numbers:
        try:
            # Read at once: many small reads, each of which may switch threads, take longer.
            _read(os.path.join(folder, names[k]), k, x, how, values, seen)
        except Exception as error:  # a decoder may raise anything on a damaged file
            # Pillow names the object in memory; the file is named anyway.
            seen.skipped[k] = str(error).partition("\n")[0].partition(" <_io")[0][:120] or type(error).__name__
    return seen


def plain_rows(x: np.ndarray) -> np.ndarray:
    """The numbers of the rows that are of one colour each."""
    rows, numbers = x.reshape(len(x), x.shape[1] ** 2, -1), np.arange(len(x))
    for step in (97, 1):  # most are told by a few pixels
        plain = (np.ptp(rows[:, ::step], axis=1) <= PLAIN).all(1)
        rows, numbers = rows[plain], numbers[plain]
    return numbers


def _read(path: str, k: int, x: np.ndarray, how: PictureFormat, values: int, seen: Seen) -> None:
    side, mode = x.shape[1], "RGB" if x.ndim == 4 else "L"
    opaque = _decoded(path, k, mode, side, how, values, seen)
    if opaque is None:
        return
    if opaque.size != (side, side):
        opaque = _squared(opaque, side, how.fit)
    x[k] = np.asarray(opaque)


def whole_picture(path: str, how: PictureFormat, side: int) -> Image.Image:
    """An image in colour with its own sides, as `read_pictures` reads it.

    Args:
        path: The file.
        how: What is done to it; nothing may be left open.
        side: Pixels of the shorter side that are needed; a JPEG may come smaller than it is, but not below twice that.

    Raises:
        Exception: Any, on a damaged file.
    """
    image = _decoded(path, 0, "RGB", side, how, ALONE, Seen())
    if image is None:
        raise ValueError("the range of its values is not known")
    return image


def _decoded(
    path: str, k: int, mode: str, side: int, how: PictureFormat, values: int, seen: Seen
) -> Image.Image | None:
    """An image upright and without transparency; None if the range of its values is not known yet."""
    data = _contents(path)
    with Image.open(io.BytesIO(data), formats=_formats(path)) as image:
        if image.width * image.height > (Image.MAX_IMAGE_PIXELS or 2**31):
            raise ValueError(f"{image.width} x {image.height} pixels are over the limit")
        size = image.size
        other_bytes = _low_bytes(image, data)
        # A JPEG can be decoded at down to an eighth of its size; here at least at twice the size needed.
        image.draft(mode, (2 * side, 2 * side))
        ImageOps.exif_transpose(image, in_place=True)
        shallow: Image.Image = image
        if other_bytes is not None or image.mode in ("I", "F") or image.mode.startswith("I;16"):
            kind = "floats" if image.mode == "F" else "integers"
            numbers = _values(image, other_bytes)
            limits = getattr(how, kind)
            if limits is None:
                seen.deep[k] = told_by(kind, numbers, values)
                return None
            if limits == EACH:
                limits = range_of([told_by(kind, numbers, ALONE)], kind)[:2]
            seen.scaled[k] = kind, float(((numbers < limits[0]) | (numbers > limits[1])).mean())
            shallow = _scaled(numbers, limits, image if other_bytes is not None else None)
        opaque = _opaque(shallow, k, how, seen).convert(mode)
        opaque.load()
        seen.sizes[k] = size
        with suppress(Exception):  # a later page may be damaged
            # An MPO is a photo with a preview or a second view of it.
            if image.format != "MPO" and getattr(image, "is_animated", False):
                seen.several[k] = True
        return opaque


def _contents(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE_SIZE:
            raise OSError(f"larger than {MAX_FILE_SIZE >> 20} MiB")
        return file.read()


def _low_bytes(image: Image.Image, data: bytes) -> Image.Image | None:
    """Of colours of 16 bits Pillow keeps the high bytes: the same image of their low bytes. None for others."""
    tile = image.tile[0] if isinstance(getattr(image, "tile", None), list) and image.tile else None  # type: ignore[attr-defined]
    arguments = getattr(tile, "args", None)
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    if not isinstance(raw, str) or raw[:-1] not in ("RGB;16", "RGBA;16"):
        return None
    order = raw[-1] if raw[-1] != "N" else "L" if sys.byteorder == "little" else "B"
    swapped = raw[:-1] + ("L" if order == "B" else "B")
    low = Image.open(io.BytesIO(data), formats=[str(image.format)])
    given = swapped if isinstance(arguments, str) else (swapped, *arguments[1:])  # type: ignore[index]
    low.tile = [tile._replace(args=given)]  # type: ignore[union-attr]
    ImageOps.exif_transpose(low, in_place=True)
    return low


def _values(image: Image.Image, low_bytes: Image.Image | None) -> np.ndarray:
    """The values of a deep image, NaN where it says that nothing was measured."""
    if low_bytes is not None:
        return np.asarray(image.convert("RGB")).astype(np.uint16) << 8 | np.asarray(low_bytes.convert("RGB"))
    array = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    with suppress(ValueError, TypeError):
        absent = float(tags[NO_DATA].strip("\0 ")) if NO_DATA in tags else None
        if absent is not None and (array == np.asarray(absent, array.dtype)).any():
            return np.where(array == np.asarray(absent, array.dtype), np.nan, array.astype(np.float64))
    return array


def _scaled(numbers: np.ndarray, limits: "tuple[float, float]", original: Image.Image | None) -> Image.Image:
    """An image of 8 bits; the transparency of the original is kept."""
    low, high = limits
    if (low, high) == (0, 65535) and numbers.dtype.kind != "f":
        scaled = (np.clip(numbers, 0, 65535) >> 8).astype(np.uint8)
    else:
        with np.errstate(invalid="ignore", over="ignore"):
            share = (numbers.astype(np.float64) - low) / (high - low)
        scaled = (np.nan_to_num(share, nan=0, posinf=1, neginf=0).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    image = Image.fromarray(scaled)
    if original is not None and original.mode == "RGBA":
        image.putalpha(original.getchannel("A"))
    return image


def _opaque(image: Image.Image, k: int, how: PictureFormat, seen: Seen) -> Image.Image:
    """The image without transparency."""
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        return image
    full = image.convert("RGBA")
    alpha = full.getchannel("A")
    background = how.background if how.background not in (None, EACH) else "white"
    if int(alpha.getextrema()[0]) < 255:  # type: ignore[arg-type]
        lightness = np.nan
        if how.background in (None, EACH):
            weights = np.asarray(alpha, dtype=np.float64)
            if weights.any():
                lightness = float((np.asarray(full.convert("L")) * weights).sum() / weights.sum())
        seen.clear[k] = lightness
        if how.background == EACH and lightness > 127.5:
            background = "black"
    return Image.alpha_composite(Image.new("RGBA", full.size, background), full)


def _squared(image: Image.Image, side: int, fit: str | None) -> Image.Image:
    """The image with equal sides."""
    square = (side, side)
    if fit == "stretch":
        return image.resize(square, Image.Resampling.BICUBIC)
    if fit != "pad" or image.width == image.height:
        return ImageOps.fit(image, square, Image.Resampling.BICUBIC)
    scale = side / max(image.size)
    inner = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))),
                         Image.Resampling.BICUBIC)  # fmt: skip
    pixels = np.asarray(inner)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    # A margin in the usual colour of the image's edge: black or white would be the strongest line in it.
    colour = np.median(edge, axis=0).astype(int)
    whole = Image.new(image.mode, square, tuple(colour.tolist()) if colour.ndim else int(colour))
    whole.paste(inner, ((side - inner.width) // 2, (side - inner.height) // 2))
    return whole
