"""What an encoder of images reads: pictures as its ``preprocessor_config.json`` says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from aae.system.errors import AAEError

__all__ = ["Preprocessing", "preprocessing_of"]

MOST = 4096  # pixels of a side
WHOLE = 384  # shorter side from which ConvNeXt resizes to the whole square and cuts nothing off


@dataclass(frozen=True)
class Preprocessing:
    """From a picture to ``(3, height, width)``.

    Args:
        shortest: Length of the shorter side after resizing; None: the sides ``size``, or not resized.
        size: Height and width after resizing, if both are given.
        crop: Height and width of the middle that is cut out; None: all of it.
        resample: Pillow's number of the interpolation.
        scale: By which the bytes are multiplied.
        mean: Taken off each channel.
        deviation: By which each channel is divided.
        bgr: Whether the channels are in the order blue, green, red.
    """

    shortest: int | None
    size: tuple[int, int] | None
    crop: tuple[int, int] | None
    resample: int
    scale: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    bgr: bool = False

    @property
    def sides(self) -> tuple[int, int] | None:
        """Height and width of what comes out; None if they depend on the picture."""
        return self.crop or self.size

    def read(self, image: Image.Image, out: np.ndarray) -> None:
        """Write a picture into ``out`` ``(3, height, width)``, float32."""
        image = self._resized(image.convert("RGB"))
        pixels = np.asarray(image, dtype=np.float32)
        if self.crop is not None:
            pixels = _middle(pixels, *self.crop)
        channels = pixels.transpose(2, 0, 1)[:: -1 if self.bgr else 1]
        np.multiply(channels, np.float32(self.scale), out=out)
        out -= np.array(self.mean, np.float32)[:, None, None]
        out /= np.array(self.deviation, np.float32)[:, None, None]

    def _resized(self, image: Image.Image) -> Image.Image:
        if self.shortest is not None:
            short, long = sorted(image.size)
            other = int(self.shortest * long / short)  # rounded down, as in the libraries that trained the encoders
            size = (self.shortest, other) if image.width <= image.height else (other, self.shortest)
        elif self.size is not None:
            size = self.size[1], self.size[0]
        else:
            return image
        return image if image.size == size else image.resize(size, Image.Resampling(self.resample))


def _middle(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of a picture ``(H, W, 3)``; black where it is smaller."""
    rows, columns = pixels.shape[:2]
    if rows < height or columns < width:
        tall, wide = max(rows, height), max(columns, width)
        padded = np.zeros((tall, wide, 3), pixels.dtype)
        top, left = math.ceil((tall - rows) / 2), math.ceil((wide - columns) / 2)
        padded[top : top + rows, left : left + columns] = pixels
        pixels, rows, columns = padded, tall, wide
    top, left = (rows - height) // 2, (columns - width) // 2
    return pixels[top : top + height, left : left + width]


def preprocessing_of(settings: Mapping[str, Any], where: str) -> Preprocessing:
    """What a ``preprocessor_config.json`` says.

    Args:
        settings: Its content.
        where: What the file is called in messages.

    Raises:
        AAEError: An entry has no meaning, or asks for what is not supported.
    """
    reader = _Reader(settings, where)
    if settings.get("do_pad"):
        raise reader.wrong("do_pad", "padding is not supported")
    shortest = size = None
    crop_share = reader.number("crop_pct", None, 0.1, 1) if settings.get("crop_pct") is not None else None
    cropped = reader.switch("do_center_crop", "crop_size" in settings)
    if reader.switch("do_resize", "size" in settings):
        shortest, size = reader.size("size", cropped or crop_share is not None)
    crop = reader.sides("crop_size") if cropped else None
    if crop_share is not None and shortest is not None and crop is None:  # as ConvNeXt names its crop
        crop = shortest, shortest
        shortest, size = (int(shortest / crop_share), None) if shortest < WHOLE else (None, crop)
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    deviation: tuple[float, ...] = (1.0, 1.0, 1.0)
    if reader.switch("do_normalize", "image_mean" in settings):
        mean, deviation = reader.channels("image_mean"), reader.channels("image_std")
        if min(deviation) <= 0:
            raise reader.wrong("image_std", "it must be positive")
    scale = reader.number("rescale_factor", 1 / 255, 1e-9, 1e9) if reader.switch("do_rescale", True) else 1.0
    resample = settings.get("resample", Image.Resampling.BICUBIC.value)
    if isinstance(resample, bool) or resample not in [one.value for one in Image.Resampling]:
        raise reader.wrong("resample", "it is a number from 0 to 5")
    found = Preprocessing(shortest, size, crop, resample, scale, mean, deviation,
                          reader.switch("do_flip_channel_order", False))  # fmt: skip
    if found.sides is None:
        raise AAEError(f"{where} gives pictures of different sizes; set do_center_crop and crop_size, or height and "
                       "width in size.")  # fmt: skip
    return found


class _Reader:
    """The entries of the file, checked."""

    def __init__(self, settings: Mapping[str, Any], where: str) -> None:
        self._settings, self._where = settings, where

    def wrong(self, name: str, why: str) -> AAEError:
        return AAEError(f"{self._where} has {name} = {self._settings.get(name)!r:.60}; {why}, so check that the file "
                        "belongs to the encoder.")  # fmt: skip

    def switch(self, name: str, default: bool) -> bool:
        value = self._settings.get(name)
        value = default if value is None else value
        if not isinstance(value, bool):
            raise self.wrong(name, "it is true or false")
        return value

    def number(self, name: str, default: float | None, low: float, high: float) -> float:
        value = self._settings.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(name, f"it is a number from {low:g} to {high:g}")
        return float(value)

    def channels(self, name: str) -> tuple[float, ...]:
        value = self._settings.get(name)
        value = [value] * 3 if isinstance(value, int | float) and not isinstance(value, bool) else value
        plain = isinstance(value, Sequence) and len(value) == 3
        if not plain or not all(isinstance(one, int | float) and math.isfinite(one) for one in value):  # type: ignore[union-attr]
            raise self.wrong(name, "it is three numbers")
        return tuple(float(one) for one in value)  # type: ignore[union-attr]

    def side(self, name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
            raise self.wrong(name, f"a side is 1 to {MOST:,} pixels")
        return value

    def sides(self, name: str) -> tuple[int, int]:
        """Height and width, in any of the forms that such files use."""
        value = self._settings.get(name)
        if isinstance(value, Mapping) and "shortest_edge" in value:
            value = value["shortest_edge"]
        if isinstance(value, Mapping):
            return self.side(name, value.get("height")), self.side(name, value.get("width"))
        if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
            return self.side(name, value[0]), self.side(name, value[1])
        return self.side(name, value), self.side(name, value)

    def size(self, name: str, cropped: bool) -> tuple[int | None, tuple[int, int] | None]:
        """The shorter side, or height and width. A single number is the shorter side where a crop follows."""
        value = self._settings.get(name)
        if isinstance(value, Mapping) and "longest_edge" in value:
            raise self.wrong(name, "a longest_edge is not supported")
        if isinstance(value, Mapping) and "shortest_edge" in value:
            return self.side(name, value["shortest_edge"]), None
        if not isinstance(value, Mapping | Sequence) and cropped:
            return self.side(name, value), None
        return None, self.sides(name)
