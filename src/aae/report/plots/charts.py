"""Charts of numbers: training curves, the confusion matrix and training times."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from aae.report.plots.drawing import STYLE, add_legend, colours, new_figure, set_text, style_axes, tick_style
from aae.report.plots.names import class_names, drawable, shorten
from aae.system.errors import AAEError

__all__ = ["confusion", "curves", "training_time"]

# The tutorial's times for 500 epochs of its 47,000 unlabelled images.
TUTORIAL_MINUTES = (("tutorial: CPU", 213.0), ("tutorial: M4000", 9.0), ("tutorial: P5000", 6.0))
TUTORIAL_ROWS = 500 * 47_000
_NAMES = {"train_error": "training", "validation_error": "validation", "reconstruction_loss": "training",
          "validation_reconstruction_loss": "validation", "classification_loss": "cross-entropy",
          "adversarial_loss": "virtual adversarial", "baseline_loss": "simple classifiers"}


@dataclass(frozen=True)
class _Line:
    """One curve of a panel."""

    name: str
    values: np.ndarray
    colour: str
    style: str = "-"


@dataclass(frozen=True)
class _Panel:
    title: str
    unit: str
    lines: list[_Line]
    references: Sequence[tuple[float, str]] = ()


def curves(history: Mapping[str, np.ndarray], weights: Mapping[str, float] | None = None) -> Figure:
    """Training curves: one panel for each group of measurements in the history.

    Args:
        history: Columns of ``metrics.csv``, NaN where a value was not measured.
        weights: Factor on the generator loss of each latent (`Adversarial.weight`); the loss is divided by
            it, so that the curve can be compared with log 2, the value of an undecided discriminator.

    Raises:
        AAEError: The history has no measurements.
    """
    measured = {name: np.asarray(values, dtype=np.float64) for name, values in history.items()}
    measured = {name: values for name, values in measured.items() if np.isfinite(values).any()}
    panels = [panel for panel in _panels(measured, weights or {}) if panel.lines]
    x_name = next((name for name in ("epoch", "step") if name in measured), None)
    if not panels or x_name is None:
        raise AAEError("The history holds no measurements yet; train a little longer, then draw the curves.")
    figure = new_figure(7.2, 1.9 * len(panels) + 0.4)
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=True):
        style_axes(axes, panel.title, x_name if axes is grid[-1] else "", panel.unit)
        _draw_panel(axes, measured[x_name], panel)
    return figure


def _panels(measured: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> list[_Panel]:
    def pick(names: Sequence[str]) -> list[_Line]:
        return [_Line(_legend_name(name), measured[name], colour)
                for name, colour in zip(names, colours(len(names)), strict=True) if name in measured]

    reconstruction = ("reconstruction_loss", "validation_reconstruction_loss")
    adversarial = [name for name in measured if name.startswith(("discriminator_loss", "generator_loss"))]
    penalties = [name for name in measured if name.startswith(("kl_", "mmd_")) or name.endswith("penalty")]
    # Every other loss is a term of the classification phase, including terms of the user.
    terms = [name for name in measured if name.endswith("_loss") and name not in (*reconstruction, *adversarial)]
    terms.sort(key=lambda name: name != "classification_loss")
    accuracy = [_Line(line.name, 100 - line.values, line.colour) for line in pick(("train_error", "validation_error"))]
    return [
        _Panel("Reconstruction", "nats per row", pick(reconstruction)),
        _Panel("Adversarial losses", "nats", _adversaries(measured, adversarial, weights),
               ((2 * math.log(2), "2 log 2"), (math.log(2), "log 2"))),
        _Panel("Classification", "nats", pick(terms)),
        _Panel("Penalties", "nats", pick(penalties)),
        _Panel("Accuracy", "% correct", accuracy),
    ]


def _legend_name(name: str) -> str:
    """Legend text of a column: ``kl_z`` becomes ``KL z``, ``consistency_loss`` becomes ``consistency``."""
    words = name.removesuffix("_loss").split("_")
    return _NAMES.get(name, " ".join(word.upper() if word in ("kl", "mmd") else word for word in words))


def _adversaries(measured: Mapping[str, np.ndarray], names: Sequence[str], weights: Mapping[str, float]) -> list[_Line]:
    """Discriminator solid, generator dashed, one colour for each latent."""
    latents = list(dict.fromkeys(name.partition("_loss")[2].removeprefix("_") for name in names))
    lines = []
    for latent, colour in zip(latents, colours(len(latents)), strict=True):
        for player, style in (("discriminator", "-"), ("generator", "--")):
            values = measured.get(f"{player}_loss_{latent}" if latent else f"{player}_loss")
            if values is not None:
                weight = weights.get(latent, 1.0) if player == "generator" else 1.0
                lines.append(_Line(f"{player} {latent}".strip(), values / weight if weight else values, colour, style))
    return lines


def _draw_panel(axes: Axes, positions: np.ndarray, panel: _Panel) -> None:
    handles = []
    for line in panel.lines:
        finite = np.isfinite(line.values) & np.isfinite(positions)
        x, y = positions[finite], line.values[finite]
        # Few points get a marker each; many are averaged, with the raw values faint behind them.
        marker = "o" if len(x) <= 30 else ""
        if len(x) > 200:
            axes.plot(x, y, color=line.colour, linewidth=0.6, alpha=0.25)
            x, y = _smooth(x, y, len(x) // 60)
        handles += axes.plot(x, y, line.style, color=line.colour, linewidth=1.4, marker=marker, markersize=3)
    axes.margins(x=0.02)
    limits = axes.get_ylim()
    for value, name in panel.references:
        axes.axhline(value, color=STYLE["rest"], linewidth=0.8, linestyle=":", zorder=0)
        axes.text(1.005, value, name, transform=axes.get_yaxis_transform(), va="center", fontsize=8,
                  color=STYLE["muted"])
        limits = min(limits[0], 0.9 * value), max(limits[1], 1.1 * value)
    axes.set_ylim(limits)
    axes.grid(axis="y", color=STYLE["faint"], linewidth=0.6)
    axes.set_axisbelow(True)
    add_legend(axes, handles, [line.name for line in panel.lines], loc="center left",
               bbox_to_anchor=(1.08 if panel.references else 1.0, 0.5))


def _smooth(x: np.ndarray, y: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Running means over ``width`` points, of both coordinates."""
    kernel = np.ones(width) / width
    return np.convolve(x, kernel, "valid"), np.convolve(y, kernel, "valid")


def confusion(true: np.ndarray, predicted: np.ndarray, classes: Sequence[str | int | float] | None = None) -> Figure:
    """Confusion matrix: shares of the row as shade, counts as numbers.

    Args:
        true: ``(N,)`` class numbers; rows with -1 are left out.
        predicted: ``(N,)`` class numbers.
        classes: Names of the classes.

    Raises:
        AAEError: Unequal lengths, or no labelled row.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape or not (true >= 0).any():
        raise AAEError(f"A confusion table needs one prediction for each label and one labelled row at least; found "
                       f"labels {true.shape} and predictions {predicted.shape}.")
    true, predicted = true[true >= 0], predicted[true >= 0]
    count = max(len(classes or []), int(true.max()) + 1, int(predicted.max()) + 1)
    table = np.zeros((count, count), dtype=int)
    np.add.at(table, (true, predicted), 1)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    side = float(np.clip(0.5 * count, 3, 9))
    figure = new_figure(side + 1.8, side + 1.1)
    wrong = 100 * (true != predicted).mean()
    axes = figure.add_subplot()
    # The square root makes the few mistakes of a good classifier visible.
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
    style_axes(axes, f"{wrong:.2f} % of {len(true):,} examples misclassified", "predicted", "true", frame=False)
    names = class_names(classes, count, length=16)
    slanted: dict[str, Any] = {}
    if max(map(len, names)) > 3:
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(count), names, **tick_style(names), **slanted)
    axes.set_yticks(range(count), names, **tick_style(names))
    if count <= 20:
        for row, column in zip(*table.nonzero(), strict=True):
            shade = "white" if shares[row, column] > 0.25 else STYLE["ink"]
            axes.text(column, row, str(table[row, column]), ha="center", va="center", fontsize=8, color=shade)
    bar = figure.colorbar(image, shrink=0.6, ticks=[0, 0.01, 0.1, 0.5, 1], format=lambda share, _: f"{100 * share:g} %")
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0, labelcolor=STYLE["ink"])
    set_text(bar.ax.set_ylabel("", fontsize=8, color=STYLE["muted"]), "fraction of the row")
    return figure


def training_time(bars: Sequence[tuple[str, float]], other: Sequence[tuple[str, float]] = ()) -> Figure:
    """Microseconds of training for a row of MNIST: measurements of the tutorial's model beside its own three times.

    Args:
        bars: ``(device and settings, microseconds)`` of the tutorial's model, measured here.
        other: The same of another model, in another colour: it does not compare with the rest.

    Raises:
        AAEError: A time is not above zero.
    """
    for name, time in (*bars, *other):
        if not (math.isfinite(time) and time > 0):
            raise AAEError(f"The time of {name!r} must be a number of microseconds above zero, not {time}.")
    tutorial = [(name, minutes * 60e6 / TUTORIAL_ROWS) for name, minutes in TUTORIAL_MINUTES]
    groups = ((tutorial, STYLE["rest"], "reported by the tutorial (2017)"), (bars, STYLE["first"], "measured here"),
              (other, STYLE["second"], "measured here, another model"))
    rows = sorted(((name, time, colour) for group, colour, _ in groups for name, time in group),
                  key=lambda row: -row[1])
    times = [time for _, time, _ in rows]
    figure = new_figure(6.8, 0.42 * len(rows) + 1.3)
    axes = style_axes(figure.add_subplot(), "Training time per example", "microseconds (logarithmic)")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda time, _: f"{time:g}")
    axes.tick_params(which="minor", colors=STYLE["muted"])
    axes.set_xlim(min(times) / 4, max(times) * 4)
    axes.barh(range(len(rows)), times, color=[colour for *_, colour in rows], height=0.66)
    names = shorten([drawable(name) for name, *_ in rows], 48)
    axes.set_yticks(range(len(rows)), names, **tick_style(names))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    for place, time in enumerate(times):
        axes.annotate(_microseconds(time), (time, place), (4, 0), textcoords="offset points", va="center",
                      fontsize=STYLE["text"], color=STYLE["ink"])
    shown = [(colour, text) for group, colour, text in reversed(groups) if group]
    add_legend(figure, [Patch(color=colour) for colour, _ in shown], [name for _, name in shown],
               loc="outside lower right", ncols=len(shown))
    return figure


def _microseconds(time: float) -> str:
    """Microseconds to two significant figures, or whole above ten."""
    return f"{time:,.0f} µs" if time >= 10 else f"{time:.2g} µs"
