"""The picture of docs/outside.md: ours and the best baselines, set by set."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from outside_figures import Comparison

BETTER, WORSE, USUAL, BEST = "#1b7837", "#c0392b", "#2c5aa0", "#8c8c8c"
MARKS = ("o", "D")  # of several methods of ours
SMALL = 8  # sets: a suite with no more gets a flat panel


def draw(found: list[Comparison], place: Path, titles: dict[str, str]) -> None:
    """Write the picture: a panel for each suite, a line for each set."""
    tall = [suite for suite in found if len(suite.sets) > SMALL]
    flat = [suite for suite in found if len(suite.sets) <= SMALL]
    rows = [part for part in (tall, flat) if part]
    heights = [0.7 + 0.27 * max(len(suite.sets) for suite in part) for part in rows]
    figure = Figure(figsize=(13, sum(heights) + 1.2), layout="constrained")
    parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, row in zip(rows, parts, strict=True):
        for suite, axes in zip(part, row.subplots(1, len(part), squeeze=False)[0], strict=True):
            _panel(axes, suite, titles[suite.suite])
    figure.legend(handles=_legend(), loc="outside lower center", ncols=3, frameon=False)
    place.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(place, dpi=100)


def _panel(axes: Axes, suite: Comparison, title: str) -> None:
    """Sets from top to bottom, those on which the best baseline has it easiest first."""
    best, usual = suite.best_baselines(), suite.by_set(suite.best_baseline())
    order = np.argsort(best if suite.measure.more else -best)
    height = np.arange(len(order))
    for method, mark in zip(suite.ours, MARKS, strict=False):
        ours = suite.by_set(method)
        worse = suite.losses(method, suite.best_baseline()) > 0
        colours = np.where(worse, WORSE, BETTER)[order]
        axes.hlines(height, best[order], ours[order], color=colours, alpha=0.35, linewidth=2)
        axes.scatter(ours[order], height, c=colours, marker=mark, s=36, zorder=3)
    axes.scatter(best[order], height, color=BEST, marker="|", s=90, linewidths=2, zorder=2)
    axes.scatter(usual[order], height, facecolors="none", edgecolors=USUAL, s=42, zorder=2)
    axes.set_yticks(height, [suite.sets[k] for k in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    arrow = "→ better" if suite.measure.more else "← better"
    axes.set(title=title, xlabel=f"{suite.measure.title} ({arrow})\nopen circles: {suite.best_baseline()}")
    axes.grid(axis="x", alpha=0.3)


def _legend() -> list[Line2D]:
    def mark(colour: str, marker: str, label: str, fill: str | None = None) -> Line2D:
        return Line2D([], [], color=colour, marker=marker, linestyle="none", label=label,
                      markerfacecolor=fill or colour, markersize=8)  # fmt: skip

    return [
        mark(BETTER, "o", "ours, not worse than the baseline with the best mean"),
        mark(WORSE, "o", "ours, worse than that baseline"),
        mark(USUAL, "o", "the baseline with the best mean over the sets", "none"),
        mark(BEST, "|", "the best baseline on that set, known only in hindsight"),
        mark("black", "D", "semi-supervised (images)"),
    ]
