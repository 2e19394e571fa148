"""Images as sprite sheets: all rows of a page in a few pictures."""

import base64
import io
import math
from typing import Any

import numpy as np
from PIL import Image

from aae.system.rows import evenly

__all__ = ["BYTES", "sprite_sheets", "tile_of"]

BYTES = 4_200_000  # of base64 for all rows
LEAST = 420  # of base64 that each of many rows may take
SIDES = (128, 64, 48, 40, 32, 24, 16)  # longer sides of a tile that are tried
SAMPLE = 256  # rows that tell how large a sheet will be
SHEET = 2048  # sides of a sheet in pixels, at most
PIXELATED = 32  # longer side up to which single pixels are shown as squares
QUALITY = 82


def sprite_sheets(x: np.ndarray) -> tuple[dict[str, Any], list[str]]:
    """Images as sheets for the page, and notes on what was done to them.

    They are kept as they are, as PNG, where there is room; many photographs become JPEG, and smaller if need be.

    Args:
        x: Rows of bytes ``(N, H, W)`` or ``(N, H, W, C)``.
    """
    images, notes = _shown_channels(x)
    some = images[evenly(len(images), SAMPLE)]
    room = max(LEAST, BYTES // len(images)) * len(some)
    own = max(images.shape[1:3])
    sides = [own, *(side for side in SIDES if side < own)]
    side, kind = next((one for side in sides for one in ((side, "PNG"), (side, "JPEG"))
                       if _fits(_tiles(some, side), one[1], room)), (sides[-1], "PNG"))  # fmt: skip
    tiles = _tiles(images, side)
    if side < own:
        notes.append(f"The images are shown with {tiles.shape[1]} x {tiles.shape[2]} of their {images.shape[1]} x "
                     f"{images.shape[2]} pixels, so that the page stays small.")  # fmt: skip
    columns = max(1, min(SHEET // tiles.shape[2], math.ceil(math.sqrt(len(tiles)))))
    each = columns * max(1, SHEET // tiles.shape[1])
    sheets = [_sheet(tiles[start : start + each], kind, columns) for start in range(0, len(tiles), each)]
    return {"tile": list(tiles.shape[1:3]), "columns": columns, "per_sheet": each, "pixelated": own <= PIXELATED,
            "sheets": [f"data:image/{kind.lower()};base64,{sheet}" for sheet in sheets]}, notes  # fmt: skip


def tile_of(thumbnails: dict[str, Any], row: int) -> np.ndarray:
    """The pixels of one row, as the page finds them: ``(h, w)`` or ``(h, w, C)``."""
    height, width = thumbnails["tile"]
    sheet, place = divmod(row, thumbnails["per_sheet"])
    y, x = divmod(place, thumbnails["columns"])
    with Image.open(io.BytesIO(base64.b64decode(thumbnails["sheets"][sheet].partition(",")[2]))) as image:
        return np.asarray(image)[y * height : (y + 1) * height, x * width : (x + 1) * width]


def _shown_channels(x: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Images with one, three or four channels ``(N, H, W, C)``; of others, their mean."""
    images = x if x.ndim == 4 else x[..., None]
    if images.shape[-1] in (1, 3, 4):
        return images, []
    mean = np.round(images.mean(-1, keepdims=True)).astype(np.uint8)
    return mean, [f"{images.shape[-1]} channels cannot be shown; the images are grey, with the mean of them."]


def _tiles(images: np.ndarray, side: int) -> np.ndarray:
    """The images with ``side`` pixels on their longer side."""
    height, width = images.shape[1:3]
    if side >= max(height, width):
        return images
    size = (max(1, round(width * side / max(height, width))), max(1, round(height * side / max(height, width))))
    small = [np.asarray(_picture(image).resize(size, Image.Resampling.LANCZOS)) for image in images]
    return np.stack(small).reshape(len(images), size[1], size[0], -1)


def _fits(tiles: np.ndarray, kind: str, room: int) -> bool:
    """Whether there is room for a sheet of this kind; JPEG has no transparency, and smears tiles of odd sides."""
    if kind == "JPEG" and (tiles.shape[-1] == 4 or tiles.shape[1] % 8 or tiles.shape[2] % 8):
        return False
    return len(_sheet(tiles, kind)) <= room


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _sheet(tiles: np.ndarray, kind: str, columns: int | None = None) -> str:
    """Tiles in rows of ``columns`` as one image, in base64."""
    count, height, width, channels = tiles.shape
    columns = columns or math.ceil(math.sqrt(count))
    lines = math.ceil(count / columns)
    full = np.zeros((lines * columns, height, width, channels), np.uint8)
    full[:count] = tiles
    sheet = full.reshape(lines, columns, height, width, channels).swapaxes(1, 2)
    file = io.BytesIO()
    # Without subsampling of colours, which would smear those of one tile into the next.
    options: dict[str, Any] = {"optimize": True} if kind == "PNG" else {"quality": QUALITY, "subsampling": 0,
                                                                        "optimize": True}  # fmt: skip
    _picture(sheet.reshape(lines * height, columns * width, channels)).save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()
