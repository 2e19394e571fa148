"""Photos in rows, each row under a name: those of a class or a cluster, or a photo and those most like it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from aae.report.plots.drawing import new_figure, show_tiles, style_axes, tick_style, to_pixels
from aae.report.plots.names import class_names

__all__ = ["photo_rows"]

CELL = 0.75  # inches


def photo_rows(pictures: Sequence[np.ndarray], names: Sequence[str], title: str) -> Figure:
    """Rows of photos.

    Args:
        pictures: For each row its photos ``(n, S, S, 3)``; rows may differ in length.
        names: What each row is called.
        title: The title.
    """
    columns = max(len(row) for row in pictures)
    blank = np.full((1, *pictures[0].shape[1:]), 255, np.uint8)
    cells = [np.concatenate([row, np.repeat(blank, columns - len(row), 0)]) for row in pictures]
    figure = new_figure(1.4 + CELL * columns, 0.5 + CELL * len(pictures))
    axes = figure.add_subplot()
    show_tiles(axes, to_pixels(np.concatenate(cells), "Rows of photos"), columns)
    style_axes(axes, title, frame=False)
    axes.set_xticks([])
    shown = class_names(list(names), len(names), length=16)
    axes.set_yticks(range(len(names)), shown, **tick_style(shown))
    return figure
