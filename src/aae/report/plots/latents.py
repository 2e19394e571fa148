"""Maps of rows: their codes with the contours of the prior, and the features of the encoder."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from scipy.spatial import cKDTree

from aae.evaluation.prior_regions import prior_samples, regions
from aae.model.parts import Prior
from aae.report.plots.drawing import (
    PALETTE,
    STYLE,
    add_legend,
    colours,
    hide_axes,
    marker,
    new_figure,
    set_text,
    set_title,
    style_axes,
)
from aae.report.plots.names import class_names, shorten
from aae.system.errors import AAEError

__all__ = ["feature_map", "latent_map", "prior_range"]

MOST_POINTS = 10_000
MOST_NAMES = 30
AROUND = 15  # points among which a class needs the majority for its name to be written there
LARGE_NAMES = 12  # with more, they are written smaller
NO_LABEL = "x"
PRIOR_SAMPLES = 200_000


def latent_map(codes: np.ndarray, labels: np.ndarray | None = None, classes: Sequence[str | int | float] | None = None,
               prior: Prior | None = None, what: str = "Codes", training: np.ndarray | None = None) -> Figure:
    """Codes as points coloured by class, with contours of the regions that hold 50 % and 90 % of the prior.

    Codes of more than two dimensions are projected to their first two principal components, without the prior;
    one-dimensional codes are spread at random along the other axis.

    Args:
        codes: ``(N, D)``.
        labels: ``(N,)`` class or cluster numbers, -1 where unknown.
        classes: Names of the classes.
        prior: The prior of these codes; it only has to be able to sample.
        what: What the points are, for the title.
        training: Codes of training rows ``(M, D)``, drawn beneath the others.

    Raises:
        AAEError: No codes, codes that are not finite, or not one label for each code.
    """
    codes = np.asarray(codes, dtype=np.float64)
    if codes.ndim != 2 or not len(codes) or not np.isfinite(codes).all():
        raise AAEError(f"The latent map needs finite codes (N, D), at least one row; these have shape {codes.shape}"
                       f"{'' if np.isfinite(codes).all() else ' and hold NaN or infinity: the training diverged'}.")
    every = codes if training is None else np.concatenate([codes, np.asarray(training, np.float64)])
    placed, x, y = _flatten(every)
    points = placed[: len(codes)]
    figure, axes, handles, texts = _new_map(points, labels, classes, what)
    seen = f"\nfirst two principal components of {codes.shape[1]} dimensions" if codes.shape[1] > 2 else ""
    style_axes(axes, axes.get_title(loc="left") + seen, x, y)
    if prior is not None and codes.shape[1] == 2:
        for text, style in _contours(axes, prior_samples(prior, PRIOR_SAMPLES, seed=0)):
            texts.append(text)
            handles.append(Line2D([], [], color=STYLE["ink"], linewidth=1, ls=style))
    if len(placed) > len(points):
        across, up = placed[len(points) :].T
        axes.scatter(across, up, s=6, c=STYLE["rest"], alpha=0.6, linewidths=0, rasterized=True,
                     zorder=0)
        texts.append("training rows")
        handles.append(Line2D([], [], linestyle="", marker="o", color=STYLE["rest"], markersize=4))
    if codes.shape[1] > 1:
        axes.set_aspect("equal", adjustable="datalim")
    _add_names(figure, handles, texts)
    return figure


def feature_map(points: np.ndarray, labels: np.ndarray | None = None,
                classes: Sequence[str | int | float] | None = None) -> Figure:
    """Projected features as points coloured by class; the axes mean nothing and have no numbers.

    Args:
        points: ``(N, 2)``, from `neighbour_plane`.
        labels: ``(N,)`` class or cluster numbers, -1 where unknown.
        classes: Names of the classes.

    Raises:
        AAEError: Not one label for each point.
    """
    figure, axes, handles, texts = _new_map(points, labels, classes, "Features")
    hide_axes(axes)
    set_title(axes, axes.get_title(loc="left") + "\nin two dimensions, by t-SNE")
    _add_names(figure, handles, texts)
    return figure


def _new_map(points: np.ndarray, labels: np.ndarray | None, classes: Sequence[str | int | float] | None,
             what: str) -> tuple[Figure, Axes, list[Line2D], list[str]]:
    """A figure of the points with a title, and the handles and texts of its legend."""
    labels = np.full(len(points), -1) if labels is None else np.asarray(labels)
    if labels.shape != (len(points),):
        raise AAEError(f"{len(points)} rows but labels of shape {labels.shape}; give one label for each row.")
    # In random order, so that the last class does not cover the others.
    order = np.random.default_rng(0).permutation(len(points))[:MOST_POINTS]
    title = f"{what} of {len(points):,} examples"
    if len(order) < len(points):
        title = f"{what} of {len(order):,} examples, drawn from {len(points):,}"
    figure = new_figure(6.8, 5.8)
    axes = figure.add_subplot()
    set_title(axes, title)
    names = class_names(classes, int(labels.max(initial=-1)) + 1)
    return figure, axes, *_scatter(axes, points[order], labels[order], names)


def _add_names(figure: Figure, handles: list[Line2D], texts: list[str]) -> None:
    """Add the legend next to a map."""
    add_legend(figure, handles, texts, loc="outside center right", ncols=1 + (len(texts) - 1) // 18, columnspacing=1)


def _flatten(codes: np.ndarray) -> tuple[np.ndarray, str, str]:
    """Codes as points in the plane, and the names of the two axes."""
    dim = codes.shape[1]
    if dim == 1:
        spread = np.random.default_rng(1).uniform(-1, 1, (len(codes), 1))
        return np.hstack([codes, spread]), "z", "spread at random, to be seen"
    if dim == 2:
        return codes, "z 1", "z 2"
    centred = codes - codes.mean(0)
    if len(codes) < 2 or not centred.any():
        return centred[:, :2], "principal component 1", "principal component 2"
    from sklearn.decomposition import PCA

    pca = PCA(2, svd_solver="full").fit(codes)
    first, second = (f"principal component {k + 1} ({100 * pca.explained_variance_ratio_[k]:.0f} % of the variance)"
                     for k in range(2))
    return pca.transform(codes), first, second


def _scatter(axes: Axes, points: np.ndarray, labels: np.ndarray, names: list[str]) -> tuple[list[Line2D], list[str]]:
    """Draw the points, one collection for each marker; return handles and texts of the legend."""
    size = float(np.clip(12_000 / len(points), 5, 30))
    palette = to_rgba_array([*colours(len(names)), STYLE["rest"]])  # label -1 selects the last
    # Grey is close to some colours for colour-blind readers, so the shape differs too.
    blank = NO_LABEL if (labels >= 0).any() else marker(0)
    groups = np.where(labels < 0, -1, labels // len(PALETTE))
    for group in np.unique(groups):
        member = groups == group
        x, y = points[member].T
        shape = marker(group * len(PALETTE)) if group >= 0 else blank
        axes.scatter(x, y, s=size if group <= 0 else 1.5 * size, c=palette[labels[member]], marker=shape, alpha=0.6,
                     linewidths=0.8 if shape == NO_LABEL else 0, rasterized=True, zorder=2 if group >= 0 else 1)
    present = [k for k in np.unique(labels) if k >= 0]
    short = shorten(names, 12)
    for k in present if len(present) <= MOST_NAMES else []:
        place = _densest(points[labels == k])
        if _most_around(place, points, labels == k):
            _label_class(axes, place, short[k], len(present) > LARGE_NAMES)
    shown = [(marker(k), colours(k + 1)[k], names[k]) for k in present]
    if (labels < 0).any():
        shown.append((blank, STYLE["rest"], "no label" if present else "rows"))
    handles = [Line2D([], [], linestyle="", marker=shape, color=colour, markersize=6) for shape, colour, _ in shown]
    return handles, [name for _, _, name in shown]


def _densest(points: np.ndarray) -> np.ndarray:
    """The point whose nearest third is closest: it lies inside a cluster, while a mean may lie between two."""
    distances, _ = cKDTree(points).query(points, k=[min(len(points), max(20, len(points) // 3))])
    return points[distances[:, 0].argmin()]


def _most_around(place: np.ndarray, points: np.ndarray, member: np.ndarray) -> bool:
    """Whether most points around a place are members: where classes overlap, names would cover each other."""
    _, nearest = cKDTree(points).query(place, k=min(len(points), AROUND))
    return bool(member[np.atleast_1d(nearest)].mean() > 0.5)


def _label_class(axes: Axes, place: np.ndarray, name: str, small: bool) -> None:
    """Write the name of a class among its codes: the map can be read without distinguishing colours."""
    x, y = place
    text = axes.text(x, y, "", ha="center", va="center", fontsize=STYLE["text"] - 2 if small else STYLE["title"],
                     color=STYLE["ink"], weight="bold",
                     path_effects=[withStroke(linewidth=3, foreground=STYLE["paper"])], zorder=4)
    set_text(text, name)


def _contours(axes: Axes, samples: np.ndarray) -> list[tuple[str, str]]:
    """Draw contours of the smallest regions with 50 % and 90 % of the samples; return their texts and line styles."""
    found = regions(samples)
    limits = axes.dataLim.frozen()
    styles = ["-"] if len(found.levels) == 1 else ["--", "-"]
    axes.contour(*found.centres, found.density.T, levels=found.levels, colors=STYLE["ink"], linewidths=1, alpha=0.8,
                 zorder=3, linestyles=styles)
    # contour() extends the limits to the whole grid; the points and nearly all of the prior are enough.
    axes.dataLim.set(limits)
    axes.update_datalim(np.quantile(samples, [0.005, 0.995], axis=0))
    axes.autoscale_view()
    return list(zip(found.names, styles, strict=True))[::-1]


def prior_range(prior: Prior) -> tuple[float, float, float]:
    """Range and step for `manifold`: round numbers around the central 95 % of the coordinates of a prior.

    The step gives 14 images per side, as in the tutorial.

    Example:
        >>> from aae.model.priors import GaussianPrior
        >>> prior_range(GaussianPrior(2, std=5))
        (-10.0, 10.0, 1.5)
    """
    low, high = np.quantile(prior_samples(prior, PRIOR_SAMPLES // 4, seed=0), [0.025, 0.975])
    rough = (high - low) / 10
    unit = 10 ** np.floor(np.log10(rough))
    unit *= max(factor for factor in (1, 2, 5) if factor * unit <= rough)
    low, high = (float(round(edge * unit, 10)) for edge in (np.floor(low / unit), np.ceil(high / unit)))
    return low, high, round(0.075 * (high - low), 10)
