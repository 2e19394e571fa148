"""The metrics of a run and its report, written by `train`, `evaluate` and `report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from aae.cli.own_figure import own_figure

if TYPE_CHECKING:
    from aae.data.dataset import ReadOptions

__all__ = ["class_lines", "figure_lines", "headlines", "last_measured", "report_run"]

UNEVEN = 2  # the largest class has more than this many times the test rows of the smallest
LISTED = 12  # classes that are printed


def figure_lines(figures: dict[str, Any]) -> list[str]:
    """A line for each metric but those of single classes: name, value, interval, rows, and which direction is good."""
    from aae.evaluation.by_class import ENTRIES
    from aae.evaluation.measures import MEASURES, detail, is_detail, label_of, measured, value_text
    from aae.evaluation.sample_quality import ENTRY

    named = dict(measured(figures))
    single = (*ENTRIES, ENTRY)
    lines = {}
    for key, value in figures.items():
        if key in named:
            about = "; ".join([*detail(key, figures), *filter(None, [named[key].better])])
            lines[label_of(key)] = f"{value_text(key, figures):>14}  {about}".rstrip()
        elif not (key in MEASURES or key in single or key.startswith("recall_") or is_detail(key)):
            lines[label_of(key)] = f"{value:>14}"
    width = max(map(len, lines))
    return [f"{name:{width}}  {text}" for name, text in lines.items()]


def class_lines(run: Any) -> list[str]:
    """A table of the classes, those found least first, at most a dozen; empty without classes."""
    found = run.by_class
    if found is None:
        return []
    order = found.worst()
    names = [str(found.classes[k]) for k in order[:LISTED]]
    width = max(map(len, ["class", *names]))

    def percent(value: float, interval: Any) -> str:
        return f"{'-' if value != value else f'{value:.1f} % ({interval[0]:.1f} to {interval[1]:.1f})':>24}"

    lines = [f"{'class':{width}}  {'recall (95 % interval)':>24}  {'precision':>24}  {'support':>9}"]
    for k, name in zip(order, names, strict=False):
        recall = percent(found.recall[k], found.recall_interval[k])
        numbers = f"{recall}  {percent(found.precision[k], found.precision_interval[k])}  {found.support[k]:9,}"
        lines.append(f"{name:{width}}  {numbers}")
    more = len(order) - len(names)
    return [*lines, *([f"and {more:,} more; --json lists all"] if more else [])]


def headlines(run: Any, figures: dict[str, Any]) -> list[str]:
    """The errors, or the metric of a model without classes, or why there is none; then signs of a short training."""
    return [*_figure_headlines(run, figures), *_training_lines(run, figures)]


def _figure_headlines(run: Any, figures: dict[str, Any]) -> list[str]:
    from aae.evaluation.metrics import can_classify

    lines = [_error_line(run, name, figures) for name in ("test_error", "cluster_error") if name in figures]
    lines += _baseline_lines(figures)
    if lines:
        return lines
    if run.model.category is None or run.model.category.posterior is None or not run.data.classes:
        return [own_figure(run, figures)]
    name = "test error" if can_classify(run.model) else "cluster error"
    rows, labelled = figures["test_rows"], figures["test_labelled"]
    if not rows:
        return [f"no {name}: there are no test examples"]
    if not labelled:
        return [f"no {name}: none of the {rows:,} test examples has a label"]
    return [f"no {name}: no validation example has a label to assign clusters to classes"]


def _error_line(run: Any, name: str, figures: dict[str, Any]) -> str:
    """An error with its rows and interval."""
    import numpy as np

    labelled = figures["test_labelled"]
    rows = f"{labelled:,} labelled test example{'s' * (labelled != 1)}"
    if "cross_validation_folds" in figures:
        rows = f"{labelled:,} labelled examples, by {figures['cross_validation_folds']}-fold cross-validation"
    line = f"{name.replace('_', ' ')}: {figures[name]:.2f} % of {rows}"
    low, high = figures[f"{name}_low"], figures[f"{name}_high"]
    counts = np.bincount(run.data.test_y[run.data.test_y >= 0])
    uneven = counts.max() > UNEVEN * counts[counts > 0].min()
    balanced = f"; balanced accuracy {figures['balanced_accuracy']:.1f} %" if uneven else ""
    return f"{line} (95 % interval: {low:.2f} to {high:.2f} %{balanced})"


def _training_lines(run: Any, figures: dict[str, Any]) -> list[str]:
    """Signs that the training was too short; they are of the run's own data."""
    from aae.evaluation.undertrained import signs_of_undertraining

    return list(signs_of_undertraining(run.model, run.directory.history().columns(), figures).values())


def _baseline_lines(figures: dict[str, Any]) -> list[str]:
    """The errors of other classifiers with the same labels, and a remark if one of them is better."""
    errors = {
        name: figures[f"baseline_{name}"]
        for name in ("logistic_regression", "random_forest")
        if f"baseline_{name}" in figures
    }
    if not errors:
        return []
    best = min(errors, key=lambda name: errors[name])
    # Below the interval of the model's own error: a row or two of difference say nothing.
    better = errors[best] < figures.get("test_error_low", figures["test_error"])
    advice = f"; {best.replace('_', ' ')} performs better on these data" if better else ""
    some = ", ".join(f"{name.replace('_', ' ')} {value:.2f} %" for name, value in errors.items())
    return [f"on the same labels: {some}{advice}"]


def last_measured(history: Any) -> str:
    """The newest measurement of a training that is not evaluated: its error, otherwise its reconstruction loss."""
    known = {
        "validation_error": "validation error: {:.2f} %",
        "validation_reconstruction_loss": "validation reconstruction loss: {:.4g} nats per example",
        "reconstruction_loss": "reconstruction loss: {:.4g} nats per example",
    }
    found = ((text, history.last(name)) for name, text in known.items())
    return next((text.format(value) for text, value in found if value is not None), "no measurements yet")


def report_run(path: Path, given: "ReadOptions | None" = None) -> None:
    """Measure a run, print its errors and write its report."""
    from aae.report.gallery import write_run_report
    from aae.runs.measure import measure_run
    from aae.runs.open import open_run

    run = open_run(path, given=given)
    figures = measure_run(run)
    for line in headlines(run, figures):
        typer.echo(line)
    typer.echo(f"Report: {write_run_report(run, figures)}")
