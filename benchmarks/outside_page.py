"""Writes docs/outside.md and its picture from the results of benchmarks/outside.py."""

from pathlib import Path

import numpy as np
from outside_figures import Comparison, Line, comparisons, latest, read
from outside_methods import OURS
from outside_plot import draw

__all__ = ["latest", "read", "render", "write"]

ROOT = Path(__file__).parent.parent
PAGE, PICTURE = ROOT / "docs/outside.md", ROOT / "docs/images/outside.png"

INTRODUCTION = """\
# External data sets

Tables, outlier detection and images from external data sets: `aae` with default settings, compared with a few lines of
scikit-learn on the same rows and labels. **These are development data: the defaults were chosen on all of them
together. The figures show how `aae` compares on data like these; they are not results on unseen data.**

Regenerate with `python benchmarks/outside.py` (`--quick`: some small sets in under 10 minutes). The runs are the lines
of `benchmarks/results/outside.jsonl`; nothing on this page is written by hand. The figure of a data set is the mean
over the draws. *Mean* averages it over the sets, ± the standard deviation of that average over the draws; *worst* is
the set with the worst figure; *mean rank* averages over all sets and draws (1 is best, ties share ranks); *best on*
counts the sets on which no method has a better figure.
"""
TITLES = {
    "tables": "Tables, a tenth of the rows labelled",
    "outliers-normal": "Outliers, trained on normal rows",
    "outliers-all": "Outliers, trained on all rows",
    "images": "Images, 100 labels",
    "rare": "A rare class",
}
PROTOCOLS = {
    "tables": """\
UCI data sets as collected by KEEL; of larger ones, 10,000 rows are drawn. 30 % of the rows are for testing, and 10 % of
the others (at least one of each class) are labelled, both stratified. Baselines get standardised columns (missing
numbers replaced by the median, categories one-hot encoded), with the preprocessing fitted to all training rows.
Logistic regression, random forest (200 trees), SVC and HistGradientBoosting learn from the labelled rows only.""",
    "outliers-normal": """\
The classical data sets of ADBench; of larger ones, 10,000 rows are drawn (stratified, but at least 30 outliers). 30 %
of the rows are for testing, stratified; the normal rows among the others are for training. Baselines get standardised
columns. *5 nearest neighbours* is the distance to the 5th neighbour, and *a tenth as neighbours* to the k-th, where k
is a tenth of the number of training rows; LOF uses 20 neighbours; PCA is the reconstruction error from the principal
components with 90 % of the variance. The others are isolation forest, ECOD, and COPOD and HBOS of pyod, if it is
installed.""",
    "outliers-all": "The same, with the outliers left among the training rows, unmarked.",
    "images": """\
100 stratified labels; 2,000 test images, except for digits, which has its own. MNIST and *textured MNIST* (white digits
over grey photos; the test images have other photos) have 5,000 training images, CIFAR-10 (as grey 28 x 28 images)
10,000. Baselines get the pixels scaled to [0, 1].""",
    "rare": """\
Two Gaussian classes in a ratio of 97 to 3, with means 3 (10 columns) or 4 (20 columns) standard deviations apart; 3,000
training rows, 40 of them labelled (two of the rare class), and 3,000 test rows.""",
}


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _glance(found: list[Comparison]) -> list[str]:
    """One line for each suite and method of ours."""
    rows = []
    for suite in found:
        best, digits = suite.best_baseline(), suite.measure.digits
        usual = f"{best} {_number(suite.by_set(best).mean(), digits)}"
        for method in suite.ours:
            rank = suite.ranks[method]
            place = sorted(suite.ranks.values()).index(rank) + 1
            rows.append([
                TITLES[suite.suite], suite.measure.title, f"{len(suite.sets)}",
                f"`{method}` {_number(suite.by_set(method).mean(), digits)}", usual,
                f"{rank:.2f} of {len(suite.methods)} (place {place})", f"{suite.best_on(method)}",
            ])  # fmt: skip
    if not rows:
        return ["Ours have not been measured yet."]
    return _table(["", "metric", "sets", "ours", "baseline with the best mean", "our mean rank", "ours best on"], rows)


def _worse(suite: Comparison, ours: str, other: str) -> str:
    """On how many sets ours is worse than another method, and by how much at most."""
    losses = suite.losses(ours, other)
    count = int((losses > 0).sum())
    if not count:
        return "none"
    place = int(losses.argmax())
    return f"{count}, at most {_number(losses[place], suite.measure.digits)} ({suite.sets[place]})"


def _summary(suite: Comparison) -> list[str]:
    """One line for each method: mean, worst, rank, and on how many sets ours is worse."""
    digits, rows = suite.measure.digits, []
    best = min(suite.ranks.values())
    for method in suite.methods:
        name, worst = suite.worst(method)
        rank = f"{suite.ranks[method]:.2f}"
        rows.append([
            f"**{method}**" if method in OURS else method,
            f"{_number(suite.by_set(method).mean(), digits)} ± {_number(suite.spread(method), digits)}",
            f"{_number(worst, digits)} ({name})", f"**{rank}**" if suite.ranks[method] == best else rank,
            str(suite.best_on(method)), f"{np.median(suite.values(method, 'seconds')):.1f}",
            *("" if method in OURS else _worse(suite, ours, method) for ours in suite.ours),
        ])  # fmt: skip
    head = ["method", "mean", "worst", "mean rank", "best on", "median fit time, s"]
    return _table([*head, *(f"`{ours}` is worse on" for ours in suite.ours)], rows)


def _each(suite: Comparison, figure: str | None = None) -> list[str]:
    """One line for each set, the best figure in bold."""
    digits = suite.measure.digits
    cells = np.array([[_number(v, digits) for v in suite.by_set(method, figure)] for method in suite.methods])
    rows = []
    for k, name in enumerate(suite.sets):
        values = cells[:, k].astype(float)
        best = values.max() if suite.measure.more else values.min()
        row = [cells[m, k] if figure or values[m] != best else f"**{cells[m, k]}**" for m in range(len(values))]
        rows.append([name, *row])
    return _table(["set", *suite.methods], rows)


def _unfinished(suite: Comparison) -> list[str]:
    return [f"Not among them: {method}, measured in {count} of {len(suite.cases)} runs."
            for method, count in suite.unfinished.items()]  # fmt: skip


def _section(suite: Comparison) -> list[str]:
    """The protocol, the summary and the figures of each set."""
    title = suite.measure.title
    text = [f"## {TITLES[suite.suite]}", "", PROTOCOLS[suite.suite], ""]
    better = "higher is better" if suite.measure.more else "lower is better"
    text += [f"{title[0].upper()}{title[1:]} ({better}), {len(suite.sets)} sets, {suite.draws} draws:", ""]
    text += [*_summary(suite), "", *_unfinished(suite), "", "Set by set:", "", *_each(suite), ""]
    if suite.suite == "rare":
        text += ["Share of the test rows that are predicted to be of the rare class, in percent (3 are):", ""]
        text += [*_each(suite, "positive"), ""]
    return text


def _machines(lines: list[Line]) -> str:
    machines = sorted({line["machine"] for line in lines})
    versions = sorted({line["version"] for line in lines if line["method"] not in OURS})
    ours = sorted({line["version"] for line in lines if line["method"] in OURS})
    parts = [f"Measured on {', and on '.join(machines)}", ", ".join(versions), *(f"aae {version}" for version in ours)]
    return "; ".join(part for part in parts if part) + "."


def render(lines: list[Line]) -> str:
    """The page as Markdown."""
    found = comparisons(lines)
    text = [INTRODUCTION, *_glance(found), "", f"![Ours and the baselines, set by set](images/{PICTURE.name})", ""]
    text += [line for suite in found for line in _section(suite)]
    text += [_machines(list(latest(lines).values()))]
    joined = "\n".join(text) + "\n"
    while "\n\n\n" in joined:
        joined = joined.replace("\n\n\n", "\n\n")
    return joined


def write(file: Path) -> None:
    """Write the page and the picture."""
    lines = read(file)
    if not lines:
        return
    PAGE.write_text(render(lines))
    draw(comparisons(lines), PICTURE, TITLES)
