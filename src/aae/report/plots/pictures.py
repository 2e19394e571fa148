"""Plots of a model's outputs: the decoded latent grid, styles by class, samples, reconstructions, mistakes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aae.data.dataset import as_float
from aae.evaluation.inference import decode
from aae.evaluation.prior_regions import seeded
from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent
from aae.report.plots.drawing import (
    STYLE,
    add_legend,
    hide_axes,
    new_figure,
    set_text,
    set_title,
    show_tiles,
    style_axes,
    to_pixels,
)
from aae.report.plots.names import class_names
from aae.system.errors import AAEError

__all__ = ["manifold", "mistakes", "reconstructions", "samples", "styles"]

MOST_A_SIDE = 60
MOST_COLUMNS = 30


def manifold(model: Autoencoder, low: float = -10, high: float = 10, step: float = 1.5, label: int = 0) -> Figure:
    """Decoded images on a grid of a 2-D latent; the default is the tutorial's grid of 14 x 14 images.

    Args:
        model: A model of images whose only continuous latent is two-dimensional.
        low: First value of both coordinates (see `prior_range`).
        high: Upper limit of both coordinates.
        step: Distance between neighbours.
        label: Class or cluster of all images, for a model that has them.

    Raises:
        AAEError: The model is of another kind, the range is invalid, or there is no such class.
    """
    _check_images(model, "The manifold")
    continuous = [latent for latent in model.latents if not latent.is_category]
    categories = len(model.latents) - len(continuous)
    if len(continuous) != 1 or continuous[0].dim != 2 or categories > 1:
        found = ", ".join(f"{latent.name} of {latent.dim}" for latent in continuous) or "none"
        raise AAEError(f"The manifold needs one continuous latent of 2 numbers; this model has {found} (class "
                       f"latents: {categories}). Train with a 2-D latent, or draw the latent map instead.")
    if not (step > 0 and low < high and (high - low) / step < MOST_A_SIDE):
        raise AAEError(f"The manifold goes from low to high in at most {MOST_A_SIDE} positive steps, not from {low} "
                       f"to {high} in steps of {step}.")
    values = np.arange(low, high + step * 1e-6, step)
    across, up = np.meshgrid(values, values[::-1])
    codes = {continuous[0].name: np.stack([across.ravel(), up.ravel()], 1)}
    title = "Decoded codes on a grid"
    category = model.category
    if category is not None:
        names, noun = _columns(model, category)
        if not 0 <= label < category.dim:
            raise AAEError(f"There is no {noun} {label}; this model has 0 to {category.dim - 1}.")
        codes[category.name] = np.eye(category.dim)[np.full(across.size, label)]
        title += f", {noun} {names[label]}"
    return _grid(to_pixels(decode(model, codes), "The manifold"), values, (low, high), step, title)


def _grid(pixels: np.ndarray, values: np.ndarray, limits: tuple[float, float], step: float, title: str) -> Figure:
    """Images on axes that show the values of the latent."""
    figure = new_figure(6.8, 6.9)
    axes = figure.add_subplot()
    show_tiles(axes, pixels, len(values), gap=0)
    edge = (values[0] - step / 2, values[-1] + step / 2)
    axes.images[0].set_extent((*edge, *edge))
    axes.set_aspect(pixels.shape[1] / pixels.shape[2])
    style_axes(axes, title, "z 1", "z 2", frame=False)
    ticks = [tick for tick in np.linspace(*limits, 5) if edge[0] <= tick <= edge[1]]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.tick_params(length=3)
    return figure


def _check_images(model: Autoencoder, what: str) -> None:
    if len(model.shape) < 2:
        raise AAEError(f"{what} shows images, but this model is trained on vectors of {model.shape[0]} numbers; "
                       "draw the latent map or reconstructions instead.")


def _columns(model: Autoencoder, category: Latent) -> tuple[list[str], str]:
    """Names of the values of a category, and what they are: classes if learned from labels, otherwise clusters."""
    labelled = category.label != "none"
    return class_names(model.classes if labelled else None, category.dim), "class" if labelled else "cluster"


def styles(model: Autoencoder, rows: int = 10, seed: int = 0) -> Figure:
    """Grid of styles and classes: each row is one style drawn from the prior, each column one class or cluster.

    The styles are sorted by their first principal component, so that similar ones are neighbours.

    Args:
        model: A model of images with a category latent.
        rows: Number of styles.
        seed: Seed of the styles.

    Raises:
        AAEError: The model has no category, no prior to draw from, or its rows are not images.
    """
    _check_images(model, "The style grid")
    category = model.category
    if category is None:
        found = sum(latent.is_category for latent in model.latents)
        raise AAEError(f"The style grid needs one latent for the class or cluster; this model has {found}. Draw the "
                       "manifold or samples instead.")
    rows = rows if model.style is not None else 1
    with seeded(seed):
        drawn = {name: code.cpu().numpy() for name, code in model.sample_codes(rows).items()}
    order = _by_first_component(np.concatenate([code for name, code in drawn.items() if name != category.name] or
                                               [np.zeros((rows, 1))], 1))
    drawn = {name: code[order] for name, code in drawn.items()}
    count = min(category.dim, MOST_COLUMNS)
    codes = {name: np.repeat(code, count, axis=0) for name, code in drawn.items()}
    codes[category.name] = np.tile(np.eye(category.dim)[:count], (rows, 1))
    names, noun = _columns(model, category)
    pixels = to_pixels(decode(model, codes), "The style grid")
    width = min(11, 1.2 + 0.62 * count)
    longest = max(map(len, names))
    head = 0.6 if longest <= 3 else 0.6 + 0.05 * longest
    figure = new_figure(width, head + (width - 0.1) * rows / count * pixels.shape[1] / pixels.shape[2])
    axes = figure.add_subplot()
    show_tiles(axes, pixels, count)
    title = f"Each row one style, each column one {noun}"
    style_axes(axes, title + (f" (the first {count} of {category.dim})" if count < category.dim else ""), frame=False)
    slanted: dict[str, Any] = {"rotation": 45, "ha": "left", "va": "bottom"} if longest > 3 else {}
    axes.xaxis.tick_top()
    axes.set_xticks(range(count), names[:count], parse_math=False, **slanted)
    axes.set_yticks([])
    return figure


def _by_first_component(codes: np.ndarray) -> np.ndarray:
    """The order of codes ``(N, D)`` along their first principal component, whose largest coefficient counts up."""
    centred = codes - codes.mean(0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    direction *= np.sign(direction[np.abs(direction).argmax()]) or 1
    return np.argsort(centred @ direction, kind="stable")


def samples(images: np.ndarray, title: str = "") -> Figure:
    """Contact sheet of images ``(N, H, W[, C])`` in a nearly square grid.

    Raises:
        AAEError: The rows are vectors, or there are none.
    """
    pixels = to_pixels(images, "A contact sheet")
    columns = math.ceil(math.sqrt(len(pixels)))
    rows = math.ceil(len(pixels) / columns)
    width = min(12, max(2, 0.6 * columns))
    figure = new_figure(width, width * rows / columns * pixels.shape[1] / pixels.shape[2] + (0.3 if title else 0))
    axes = figure.add_subplot()
    show_tiles(axes, pixels, columns)
    hide_axes(axes)
    set_title(axes, title)
    return figure


def reconstructions(originals: np.ndarray, reconstructed: np.ndarray, corrupted: np.ndarray | None = None) -> Figure:
    """Rows and their reconstructions, with the corrupted input between them if there was one.

    Images become strips of at most ten; vectors become small line charts.

    Args:
        originals: ``(N, *shape)``.
        reconstructed: The same shape.
        corrupted: The same shape, for a denoising model.

    Raises:
        AAEError: No rows, or shapes that differ.
    """
    kinds = {"original": originals, "corrupted": corrupted, "reconstructed": reconstructed}
    given = {name: np.asarray(rows) for name, rows in kinds.items() if rows is not None}
    shapes = {rows.shape for rows in given.values()}
    if len(shapes) > 1 or not len(originals):
        raise AAEError("Reconstructions need the shape of the originals, and at least one row; "
                       f"found {', '.join(f'{name} {rows.shape}' for name, rows in given.items())}.")
    if np.asarray(originals).ndim == 2:
        return _line_charts({name: as_float(rows) for name, rows in given.items()})
    pixels = {name: to_pixels(rows, "Reconstructions") for name, rows in given.items()}
    blocks = -(-len(originals) // 10)
    columns = -(-len(originals) // blocks)
    cell = min(0.75, 6 / columns)
    height = cell * len(given) * pixels["original"].shape[1] / pixels["original"].shape[2]
    figure = new_figure(1.2 + cell * columns, 0.5 + blocks * (height + 0.12))
    for block, axes in enumerate(figure.subplots(blocks, 1, squeeze=False).ravel()):
        part = slice(block * columns, (block + 1) * columns)
        lines = [_fill(rows[part], columns) for rows in pixels.values()]
        show_tiles(axes, np.concatenate(lines), columns)
        axes.set_xticks([])
        axes.set_yticks(range(len(given)), list(given))
        if block == 0:
            set_title(axes, " / ".join(given).capitalize())
    return figure


def _fill(pixels: np.ndarray, count: int) -> np.ndarray:
    """Pad with white images to ``count``."""
    return np.concatenate([pixels, np.ones((count - len(pixels), *pixels.shape[1:]), pixels.dtype)])


def _line_charts(rows: dict[str, np.ndarray], most: int = 12) -> Figure:
    """Vectors as line charts, one for each row."""
    count = min(most, len(rows["original"]))
    columns = min(3, count)
    lines = -(-count // columns)
    figure = new_figure(2.4 * columns + 0.4, 1.5 * lines + 0.8)
    line_styles = {"original": {"color": STYLE["ink"], "linewidth": 1.6},
                   "corrupted": {"color": STYLE["rest"], "linestyle": "", "marker": ".", "markersize": 3},
                   "reconstructed": {"color": STYLE["second"], "linewidth": 1.2}}
    grid = figure.subplots(lines, columns, sharex=True, squeeze=False).ravel()
    for k, axes in enumerate(grid):
        if k >= count:
            axes.set_visible(False)
            continue
        lowest = k >= count - columns
        style_axes(axes, x="position" if lowest else "").tick_params(labelbottom=lowest)
        for name, values in rows.items():
            axes.plot(values[k], **line_styles[name])
    handles = [Line2D([], [], **line_styles[name]) for name in rows]
    add_legend(figure, handles, list(rows), loc="outside upper left", ncols=3)
    return figure


def mistakes(rows: np.ndarray, true: np.ndarray, probabilities: np.ndarray,
             classes: Sequence[str | int | float] | None = None,
             count: int = 25) -> Figure:
    """The most confident mistakes of a classifier, each with ``true → predicted`` and the predicted probability.

    Args:
        rows: ``(N, *shape)`` images or vectors.
        true: ``(N,)`` class numbers; rows with -1 are left out.
        probabilities: ``(N, K)``.
        classes: Names of the classes.
        count: Number of mistakes to show.

    Raises:
        AAEError: The three arrays do not have the same number of rows.
    """
    rows, true, probabilities = np.asarray(rows), np.asarray(true), np.asarray(probabilities)
    if not len(rows) == len(true) == len(probabilities):
        raise AAEError(f"{len(rows)} rows, {len(true)} labels and {len(probabilities)} predictions: give one each.")
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero((true >= 0) & (predicted != true))
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    labelled = int((true >= 0).sum())
    surest = f"; the {len(shown)} most confident" if len(shown) else ""
    title = f"{len(wrong):,} of {labelled:,} examples misclassified{surest}"
    columns = min(5, max(1, len(shown)))
    lines = max(1, -(-len(shown) // columns))
    figure = new_figure(max(4, 1.35 * columns), 1.55 * lines + 0.5)
    set_text(figure.suptitle("", x=0.01, ha="left", fontsize=STYLE["title"], color=STYLE["ink"]), title)
    names = class_names(classes, max(probabilities.shape[1], int(true.max(initial=-1)) + 1), length=12)
    gap = "\n" if max(map(len, names)) > 3 else " "
    for k, axes in enumerate(figure.subplots(lines, columns, squeeze=False).ravel()):
        axes.set_visible(k < len(shown))
        if k < len(shown):
            row = shown[k]
            _draw_row(axes, rows[row])
            # Rounded down: only a probability of one is shown as 100 %.
            caption = f"{names[true[row]]} →{gap}{names[predicted[row]]}  {math.floor(100 * confidence[row])} %"
            set_text(axes.set_title("", fontsize=STYLE["text"], color=STYLE["ink"]), caption)
    return figure


def _draw_row(axes: Axes, row: np.ndarray) -> None:
    """One image, or one vector as a line."""
    if row.ndim == 1:
        axes.plot(row, color=STYLE["first"], linewidth=1)
    else:
        show_tiles(axes, to_pixels(row[None], "A row"), 1, gap=0)
    hide_axes(axes)
