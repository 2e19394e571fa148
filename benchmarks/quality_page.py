"""Writes docs/results.md and the figures in docs/research-notes.md from the results of benchmarks/quality.py."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter
from quality_rows import LABELS, ROWS, TABLE, UNSEEN, WITHOUT, Line

from aae.presets.options import current_names

ROOT = Path(__file__).parent.parent
NONE = ""
PAGE, PICTURE = ROOT / "docs/results.md", ROOT / "docs/images/error-over-time.png"
NOTES = ROOT / "docs/research-notes.md"
# A place in the notes, filled with the runs of a variant: lines whose row is "few-100 VARIANT" and the like.
PLACE = re.compile(r"(<!-- runs: (.+?) -->)[^<]*(<!-- end -->)")
PRESENT = "present presets"  # the variant of the unchanged rows
TITLES = {line.row: line.title for line in reversed(TABLE + UNSEEN)}

INTRODUCTION = """\
# Results, with seeds and spread

All figures are measured on the untouched test images: mean ± standard deviation over seeds, and the worst seed. Each
seed draws its own labels, validation images and initial weights. Errors, accuracies and leaks are in percent. Settings
were chosen on validation images, in part for label draws of this table on which earlier settings had failed. Every row
and seed uses its preset unchanged, except for the number of clusters, the model of the Parzen likelihood (see
`benchmarks/quality_rows.py`) and the shorter trainings of the last two tables. Other things that were tried are in
[research-notes.md](research-notes.md).

Regenerate with `python benchmarks/quality.py` (about a day on two cores; `--resume` continues). The runs are the lines
of `benchmarks/results/quality.jsonl`.

*Paper* is Makhzani et al., *Adversarial Autoencoders*, arXiv 1511.05644. Published figures are cited from the papers
named, some at second hand. *Target* is what this project set itself beforehand, *stretch target* a very good result.
*Time* is per training, on one thread, with one or two other trainings on the same two cores (the machines are named at
the end); the trainings that had both cores to themselves are listed below the table. On the GPU, fifteen trainings ran
in parallel.
"""
EXPLANATION = """
- *Style leak*: accuracy of a linear probe that predicts the class from the style code of test images; chance is
  11.35 %.
- *Conditional-generation accuracy*: share of 10,000 images, each decoded from a chosen class and a style drawn from the
  prior, that a convolutional classifier trained on all labels (`benchmarks/judge.py`) assigns to that class.
- *Clusters*: each gets the class of the validation image with the highest probability in it (the paper's protocol);
  *matched one to one* is the best assignment of ten clusters to ten classes.
- *Parzen log-likelihood* follows the paper's protocol (10,000 samples, bandwidth chosen on validation images). It says
  little about the quality of a generative model (Theis et al., arXiv 1511.01844) and is listed for comparison only.
"""
REMARK = """
On these draws interpolation consistency and neighbour targets hardly change the mean. They are there for unfavourable
label draws, on which an entire subpopulation is misclassified without them: a quarter of the nines as sevens, all
crossed sevens as twos ([research-notes.md](research-notes.md)). The style adversary, the independence of style and
class, and the low momentum are there for the style code: without them it also carries the class, and a chosen class
with a style drawn from the prior gives images of other classes. Learning-rate decay makes `few-labels` slightly worse
in so short a training; in a full one (seeds 0, 1 and 3) the validation error is 1.06 without it and 0.97 with it, and
the test error 0.83 and 0.83.
"""


def read(file: Path) -> list[dict[str, Any]]:
    """The lines of a file of results, with the options' current names."""
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    return [line | {"settings": current_names(line["settings"])[0]} for line in lines]


def latest(lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """For each row, the newest line of each seed among those with the newest settings of the row."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for line in lines:
        found.setdefault(line["row"], {})[line["seed"]] = line
    rows = {}
    for row, seeds in found.items():
        settings = next(line["settings"] for line in reversed(lines) if line["row"] == row)
        rows[row] = [line for _, line in sorted(seeds.items()) if line["settings"] == settings]
    return rows


def write(file: Path) -> None:
    """Write the page and the picture of the error over time, and fill in the figures of the notes."""
    runs = latest(read(file))
    text = INTRODUCTION + _main(runs) + _alone(runs) + EXPLANATION
    if _picture(runs):
        text += f"\n## Error over time\n\n![Validation error over seconds](images/{PICTURE.name})\n"
    text += _unseen(runs) + _ablations(runs) + _machines(runs)
    PAGE.write_text(text)
    notes = PLACE.sub(lambda place: place[1] + _variant(runs, place[2]) + place[3], NOTES.read_text())
    new = NOTES.with_name(f"{NOTES.name}.{os.getpid()}")  # another process may be reading the notes
    new.write_text(notes)
    new.replace(NOTES)


def _values(runs: dict[str, list[dict[str, Any]]], row: str, figure: str) -> list[float]:
    return [line["figures"][figure] for line in runs.get(row, []) if figure in line["figures"]]


def _spread(values: list[float]) -> str:
    if not values:
        return "not measured"
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


def _time(runs: dict[str, list[dict[str, Any]]], row: str) -> str:
    if not runs.get(row):
        return NONE
    # A machine's name ends with its threads, or with its GPU.
    place = "" if runs[row][0]["machine"].endswith(("thread", "threads")) else " on a GPU"
    minutes = np.mean([line["seconds"] for line in runs[row]]) / 60
    return f"{minutes:.{1 if minutes < 1 else 0}f} min{place}"


def _wanted(line: Line, values: list[float]) -> str:
    """The target, and whether it was met."""
    if line.must is None:
        return NONE
    sign, sense = ("≥", -1) if line.more else ("≤", 1)
    text = f"{sign} {line.must:g}" + (f", worst {sign} {line.worst:g}" if line.worst is not None else "")
    if not values:
        return text
    worst = max(sense * value for value in values)
    met = sense * np.mean(values) <= sense * line.must and (line.worst is None or worst <= sense * line.worst)
    so_far = "" if len(values) >= ROWS[line.row].seeds else " so far"
    return f"{text}: {'met' if met else '**missed**'}{so_far}"


def _main(runs: dict[str, list[dict[str, Any]]]) -> str:
    heads = "what | mean ± sd | worst | seeds | time | target | stretch target | paper | best published"
    lines = ["", f"| {heads} |", "|---" * 9 + "|"]
    for line in TABLE:
        values = _values(runs, line.row, line.figure)
        worst = f"{(min if line.more else max)(values):.2f}" if values else NONE
        aim = NONE if line.aim is None else f"{'≥' if line.more else '≤'} {line.aim:g}"
        cells = [line.title, f"**{_spread(values)}**", worst, str(len(values)), _time(runs, line.row)]
        lines.append(f"| {' | '.join([*cells, _wanted(line, values), aim, line.paper, line.best])} |")
    return "\n".join(lines) + "\n"


def _alone(runs: dict[str, list[dict[str, Any]]]) -> str:
    """Time of the trainings that had both cores, including those with earlier settings."""
    found = []
    for name, lines in runs.items():
        row, _, variant = name.partition(" ")
        title = TITLES.get(row, name) + (" (earlier settings)" if row in TITLES and variant else "")
        both = [line for line in lines if line["machine"].endswith(" 2 threads")]
        found += [f"{title} {line['seconds'] / 60:.1f} minutes ({line['machine']})" for line in both]
    return f"\nTrainings that had both cores: {'; '.join(found)}.\n" if found else ""


def _unseen(runs: dict[str, list[dict[str, Any]]]) -> str:
    lines = ["", "## The same settings on data they were not chosen on", "",
             "| what | test error, mean ± sd | worst | seeds | time |", "|---" * 5 + "|"]  # fmt: skip
    for line in UNSEEN:
        values = _values(runs, line.row, line.figure)
        worst = f"{max(values):.2f}" if values else NONE
        lines.append(f"| {line.title} | {_spread(values)} | {worst} | {len(values)} | {_time(runs, line.row)} |")
    return "\n".join(lines) + "\n"


def _ablations(runs: dict[str, list[dict[str, Any]]]) -> str:
    text = ""
    for preset, parts in WITHOUT.items():
        rows = {name: f"{preset} without {name}" for name in parts}
        length = ROWS[rows["nothing"]].length["epochs"]
        heads = "without | test error | worst | style leak | conditional-generation accuracy | seeds"
        lines = ["", f"## `{preset}` without one of its parts", "",
                 f"100 labels, {length:g} epochs instead of the preset's own number.", "",
                 f"| {heads} |", "|---" * 6 + "|"]  # fmt: skip
        for name, row in rows.items():
            values = _values(runs, row, "test_error")
            worst = f"{max(values):.2f}" if values else NONE
            others = [_spread(_values(runs, row, figure)) for figure in ("style_leak", "label_obedience")]
            cells = [LABELS.get(name, name), _spread(values), worst, *others, str(len(values))]
            lines.append(f"| {' | '.join(cells)} |")
        text += "\n".join(lines) + "\n"
    return text + REMARK


def _variant(runs: dict[str, list[dict[str, Any]]], variant: str) -> str:
    """Mean, spread and number of seeds of every row that was trained in a variant."""
    figures = {line.row: line.figure for line in reversed(TABLE)}
    parts = []
    for row in (row for row in ROWS if variant != PRESENT or row in TITLES):
        preset, _, part = row.partition(" without ")
        title = f"`{preset}` without {LABELS.get(part, part)}" if part else f"`{row}`"
        figure = figures.get(row, "test_error")
        if values := _values(runs, row if variant == PRESENT else f"{row} {variant}", figure):
            unit = "nats" if figure in ("log_likelihood", "importance_bound") else "%"
            parts.append(f"{title} {_spread(values)} {unit} ({len(values)})")
    return ", ".join(parts)


def _machines(runs: dict[str, list[dict[str, Any]]]) -> str:
    found = sorted({f"{line['machine']}; torch {line['torch']}" for lines in runs.values() for line in lines})
    return "\nMeasured on " + ", and on ".join(found) + ".\n" if found else ""


def _picture(runs: dict[str, list[dict[str, Any]]]) -> bool:
    """Validation error over time of the runs with 100 labels."""
    shown = {row: [line for line in runs.get(row, []) if line["curve"]] for row in ("semi-100", "few-100")}
    if not any(shown.values()):
        return False
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for colour, (row, lines) in zip(("C0", "C1"), shown.items(), strict=True):
        labels = {line["machine"]: f"{ROWS[row].preset} ({line['machine']})" for line in lines}  # one per machine
        for line in lines:
            seconds, errors = np.array(line["curve"]).T
            axes.plot(seconds / 60, errors, color=colour, alpha=0.6, label=labels.pop(line["machine"], None))
    axes.set(xlabel="minutes", ylabel="validation error (%)", yscale="log", title="100 labels of MNIST, each seed")
    for axis in ("major", "minor"):
        getattr(axes.yaxis, f"set_{axis}_formatter")(FormatStrFormatter("%g"))
    axes.legend()
    axes.grid(which="both", alpha=0.3)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110)
    return True
