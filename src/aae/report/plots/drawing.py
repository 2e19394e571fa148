"""Helpers for all plots: style, colours, text, tiles of images, and saving a figure."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from aae.data.dataset import as_float
from aae.report.plots.fonts import font_style
from aae.report.plots.names import drawable
from aae.system.errors import AAEError
from aae.system.files import write_atomically

__all__ = [
    "MARKERS",
    "PALETTE",
    "STYLE",
    "add_legend",
    "colours",
    "hide_axes",
    "marker",
    "new_figure",
    "png",
    "save",
    "set_text",
    "set_title",
    "show_tiles",
    "style_axes",
    "tick_style",
    "to_pixels",
]

STYLE: dict[str, Any] = {
    "ink": "#23272e", "muted": "#6a7079", "faint": "#d9dce1", "paper": "white",
    "first": "#006699", "second": "#ff5511", "rest": "#b4b9c1",
    "text": 9, "title": 11, "dpi": 150,
}

# Found by a search for ten colours that are distinct for normal, red-blind and green-blind vision
# (distances in OKLab at least 15 of 100, after Machado et al. 2009); among matplotlib's ten, distances fall to 1.
PALETTE = ("#006699", "#ff5511", "#11aa99", "#aa0000", "#88ddff", "#6600ff", "#ccdd00", "#550044", "#8888ff", "#000099")
MARKERS = ("o", "^", "s", "P", "X", "v", "D", "<", ">", "*")

_METADATA: dict[str, dict[str, Any]] = {
    # Nothing that names the host or differs from one file to the next.
    ".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None},
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of the given size in inches."""
    return Figure(figsize=(width, height), layout="constrained", facecolor=STYLE["paper"])


def set_text(text: Text, content: str) -> None:
    """Set a text literally: a dollar sign in a class name does not start a formula."""
    text.set_parse_math(False)
    text.set_text(drawable(content))
    text.set(**font_style(text.get_text()))


def tick_style(names: Sequence[str]) -> dict[str, Any]:
    """Arguments of ``set_xticks`` and ``set_yticks`` with which names are shown literally, as `set_text` shows them."""
    return {"parse_math": False, **font_style("".join(names))}


def set_title(axes: Axes, title: str) -> None:
    """Set a left-aligned title."""
    set_text(axes.set_title("", loc="left", fontsize=STYLE["title"], color=STYLE["ink"]), title)


def style_axes(axes: Axes, title: str = "", x: str = "", y: str = "", frame: bool = True) -> Axes:
    """Apply the common style, a title and labels; without ``frame`` only the tick labels stay."""
    set_title(axes, title)
    set_text(axes.set_xlabel("", fontsize=STYLE["text"], color=STYLE["ink"]), x)
    set_text(axes.set_ylabel("", fontsize=STYLE["text"], color=STYLE["ink"]), y)
    axes.tick_params(labelsize=STYLE["text"], colors=STYLE["muted"], labelcolor=STYLE["ink"], length=3 if frame else 0)
    for side, spine in axes.spines.items():
        spine.set_visible(frame and side in ("left", "bottom"))
        spine.set_color(STYLE["muted"])
    return axes


def colours(count: int) -> list[str]:
    """A colour for each class; after ten they repeat, with another marker (`marker`)."""
    return [PALETTE[k % len(PALETTE)] for k in range(count)]


def marker(number: int) -> str:
    """The marker of a class: together with its colour, 100 classes can be distinguished."""
    return MARKERS[number // len(PALETTE) % len(MARKERS)]


def add_legend(owner: Figure | Axes, handles: Sequence[Any], names: Sequence[str], **where: Any) -> Legend:
    """Add a legend whose texts are shown literally."""
    # matplotlib drops labels that begin with an underscore, so the names are set afterwards.
    legend = owner.legend(handles, [f"{k}" for k in range(len(names))], frameon=False, fontsize=STYLE["text"],
                          labelcolor=STYLE["ink"], **where)
    for text, name in zip(legend.get_texts(), names, strict=True):
        set_text(text, name)
    return legend


def hide_axes(axes: Axes) -> None:
    """Remove ticks and frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def to_pixels(images: np.ndarray, what: str) -> np.ndarray:
    """Images as RGB in [0, 1], ``(N, H, W, 3)``, from ``(N, H, W)`` or ``(N, H, W, C)``, bytes or floats.

    Args:
        images: Grey, RGB or RGBA images.
        what: Name of the plot, for the error message.

    Raises:
        AAEError: The rows are vectors, there are none, or the number of channels is not 1, 3 or 4.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4):
        raise AAEError(f"{what} needs images (N, H, W[, C]), but the rows have shape {images.shape[1:]}; vectors "
                       "cannot be drawn.")
    if not len(images):
        raise AAEError(f"{what} needs at least one image; none were given.")
    pixels = np.nan_to_num(as_float(images).clip(0, 1))
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    if pixels.shape[-1] == 4:
        pixels = pixels[..., :3] * pixels[..., 3:] + 1 - pixels[..., 3:]
    if pixels.shape[-1] not in (1, 3):
        raise AAEError(f"{what} shows images with 1, 3 or 4 channels, not {pixels.shape[-1]}.")
    return np.broadcast_to(pixels, (*pixels.shape[:-1], 3))


def show_tiles(axes: Axes, pixels: np.ndarray, columns: int, gap: int = 1) -> None:
    """Draw images ``(N, H, W, 3)`` as a grid, row by row; the image in row r, column c is centred at (c, r)."""
    count, height, width, _ = pixels.shape
    rows = -(-count // columns)
    cells = np.ones((rows * columns, height + gap, width + gap, 3), dtype=np.float32)
    cells[:count, :height, :width] = pixels
    sheet = cells.reshape(rows, columns, height + gap, width + gap, 3).swapaxes(1, 2)
    sheet = sheet.reshape(rows * (height + gap), columns * (width + gap), 3)[: rows * (height + gap) - gap,
                                                                           : columns * (width + gap) - gap]
    x, y = gap / (width + gap) / 2, gap / (height + gap) / 2
    axes.imshow(sheet, extent=(x - 0.5, columns - 0.5 - x, rows - 0.5 - y, y - 0.5),
                aspect=(height + gap) / (width + gap))
    style_axes(axes, frame=False)


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure atomically as ``.png`` (150 dpi), ``.svg`` or ``.pdf``.

    Raises:
        AAEError: Unknown ending, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _METADATA:
        raise AAEError(f"The file of a plot ends in {', '.join(_METADATA)}, not as {path.name!r} does; rename it.")
    if not path.parent.is_dir():
        raise AAEError(f"The folder {path.parent} does not exist; make it first, or choose another place.")

    def write(file: BinaryIO) -> None:
        figure.savefig(file, format=suffix[1:], dpi=STYLE["dpi"], metadata=_METADATA[suffix],
                       bbox_inches="tight")

    write_atomically(path, write)
    return path


def png(figure: Figure, dpi: int = STYLE["dpi"]) -> bytes:
    """The figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata=_METADATA[".png"], bbox_inches="tight")
    return buffer.getvalue()
