"""The report of a run: one self-contained HTML file with its figures, pictures and settings."""

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from aae.evaluation.by_class import ENTRIES, ByClass
from aae.evaluation.sample_quality import ENTRY
from aae.report.plots.drawing import png
from aae.report.tables import Sheet
from aae.system.errors import AAEError
from aae.system.files import utf8, write_atomically

__all__ = ["flatten", "format_value", "write_report"]

DPI = 120
SHOWN = 12  # classes, and kinds of mistake; the other classes are folded away


@dataclass(frozen=True)
class _Measure:
    """How a result is shown."""

    label: str
    unit: str
    digits: int
    meaning: str


_PERCENT = "\N{NARROW NO-BREAK SPACE}%"
_NATS = "\N{NARROW NO-BREAK SPACE}nats"
_POINTS = "\N{NARROW NO-BREAK SPACE}points"

# In the order of the page; all other results go into the table of results.
MEASURES = {
    "test_error": _Measure("Test error", _PERCENT, 2, "share of test rows put into the wrong class"),
    "baseline_logistic_regression": _Measure("Logistic regression", _PERCENT, 2, "its test error with the same labels"),
    "baseline_random_forest": _Measure("Random forest", _PERCENT, 2, "its test error with the same labels"),
    "cluster_error": _Measure("Cluster error", _PERCENT, 2,
                              "share of test rows whose cluster stands for another class"),
    "validation_error": _Measure("Validation error", _PERCENT, 2, "the same on rows kept back from training"),
    "reconstruction_loss": _Measure("Reconstruction loss", _NATS, 1, "mean for one row; lower is closer"),
    "denoising_error": _Measure("Denoising error", "", 1, "squared difference from the clean row; 0 is best"),
    "elbo": _Measure("Evidence lower bound", _NATS, 1, "mean for one row; higher is better"),
    "log_likelihood": _Measure("Log-likelihood", _NATS, 1, "of test rows under a Parzen window on samples; "
                                                           "higher is better"),
    "component_accuracy": _Measure("Codes in their place", _PERCENT, 1, "share of codes in the prior's component of "
                                                                        "their class"),
    "style_leak": _Measure("Style leak", _PERCENT, 1, "how often a linear probe reads the class from the style; "
                                                      "chance is best"),
    "prior_mismatch": _Measure("Prior mismatch", _POINTS, 1, "how far above chance codes are told from prior samples; "
                                                             "0 is best, 50 worst"),
    "seconds": _Measure("Training time", "", 0, ""),
}
# How many rows a headline is of: the key of that number, and what the rows are.
_ROWS = {
    **dict.fromkeys(("test_error", "cluster_error", "component_accuracy", "style_leak"),
                    ("test_labelled", "labelled test rows")),
    "validation_error": ("validation_labelled", "labelled validation rows"),
    **dict.fromkeys(("reconstruction_loss", "denoising_error", "elbo", "log_likelihood", "prior_mismatch"),
                    ("test_rows", "test rows")),
}
_LABELS = {"steps": "Training steps", "noisy_error": "Squared error of the corrupted rows",
           "squared_error": "Squared error of reconstructions"}


def write_report(path: Path, title: str, figures: Mapping[str, tuple[str, Figure]], facts: Mapping[str, object],
                 results: Mapping[str, object], warnings: Sequence[str], commands: Sequence[str],
                 by_class: ByClass | None = None, sheets: Sequence[Sheet] = ()) -> Path:
    """Write a report as one HTML file that opens offline.

    Args:
        path: The file.
        title: Its heading.
        figures: ``{key: (caption, figure)}`` in display order.
        facts: Settings; nested dictionaries and lists are flattened.
        results: The flat dictionary of `aae evaluate --json`; the known figures become headlines.
        warnings: What a reader must know before trusting the figures, one sentence each.
        commands: The command lines that reproduce the report.
        by_class: How well each class is found.
        sheets: Rows of a table, as small tables.

    Raises:
        AAEError: The file cannot be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise AAEError(f"The folder {path.parent} does not exist; make it first, or choose another place.")
    pictures = [{"key": key, "caption": caption, "data": base64.b64encode(png(figure, DPI)).decode()}
                for key, (caption, figure) in figures.items()]
    rest = {_LABELS.get(key, _sentence(key)): format_value(value) for key, value in flatten(_without_classes(results))
            if _known(value) and key.removesuffix("_se") not in MEASURES and not key.startswith("recall_")}
    classes, confused = ([], []) if by_class is None else (_class_rows(by_class), _confused(by_class))
    page = _template().render(
        title=title, headlines=_headlines(results), pictures=pictures, results=rest, warnings=list(warnings),
        facts={key: format_value(value) for key, value in flatten(facts)}, commands=list(commands),
        classes=classes, shown=SHOWN, confused=confused, sheets=list(sheets),
    )
    write_atomically(path, lambda file: file.write(utf8(page)))
    return path


def _without_classes(results: Mapping[str, object]) -> dict[str, object]:
    """Results without those of single classes, which have tables of their own."""
    return {name: value for name, value in results.items() if name not in (*ENTRIES, ENTRY)}


def _class_rows(found: ByClass) -> list[tuple[str, str, str, str]]:
    """For each class its name, labelled test rows, recall and precision; those found least come first."""
    def percent(value: float) -> str:
        return "\N{EN DASH}" if math.isnan(value) else f"{value:.1f}{_PERCENT}"

    return [(str(found.classes[k]), f"{found.support[k]:,}", percent(found.recall[k]), percent(found.precision[k]))
            for k in found.worst()]


def _confused(found: ByClass) -> list[tuple[str, str, str, str]]:
    """The most frequent mistakes: true class, predicted class, rows, and their share of the rows of the true class."""
    return [(str(found.classes[true]), str(found.classes[other]), f"{rows:,}",
             f"{100 * rows / found.support[true]:.1f}{_PERCENT}") for true, other, rows in found.mistaken()[:SHOWN]]


def _template() -> Any:
    environment = Environment(loader=PackageLoader("aae.report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html.j2")


def _headlines(results: Mapping[str, object]) -> list[dict[str, str]]:
    """The figures at the top: label, value with unit, and meaning."""
    headlines = []
    for key, measure in MEASURES.items():
        value = results.get(key)
        if not isinstance(value, Real) or not _known(value):
            continue
        text = _duration(float(value)) if key == "seconds" else f"{float(value):,.{measure.digits}f}{measure.unit}"
        error = results.get(f"{key}_se")
        if isinstance(error, Real) and _known(error):
            text = f"{float(value):,.{measure.digits}f} ± {float(error):,.{measure.digits}f}{measure.unit}"
        meaning = measure.meaning
        count, what = _ROWS.get(key, ("", ""))
        if isinstance(results.get(count), Integral):
            meaning = f"{meaning}; {results[count]:,} {what}"
        if key == "seconds" and isinstance(results.get("device"), str):
            meaning = f"on {results['device']}"
        headlines.append({"label": measure.label, "value": text, "meaning": meaning})
    return headlines


def _known(value: object) -> bool:
    return value is not None and not (isinstance(value, Real) and math.isnan(value))


def _sentence(key: str) -> str:
    """``test_error`` as ``Test error``."""
    words = key.replace("_", " ")
    return words[:1].upper() + words[1:]


def _duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> _duration(7), _duration(100), _duration(7260)
        ('7 s', '1 min 40 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_value(value: object) -> str:
    """A setting or result as text.

    Example:
        >>> format_value(True), format_value(None), format_value(0.30000000000000004), format_value(47000)
        ('yes', 'none', '0.3', '47,000')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        return f"{float(value):.6g}"
    return str(value)


def flatten(data: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Leaves of nested dictionaries and lists with dotted names; a list of plain values is one leaf.

    Example:
        >>> list(flatten({"a": {"b": 1, "c": [2, 3]}, "d": [{"e": 4}]}))
        [('a.b', 1), ('a.c', '2, 3'), ('d.1.e', 4)]
    """
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{name}.") if value else [(name, None)]
        elif isinstance(value, list | tuple):
            if any(isinstance(item, Mapping | list | tuple) for item in value):
                yield from flatten({str(k): item for k, item in enumerate(value, 1)}, f"{name}.")
            else:
                yield name, ", ".join(map(format_value, value)) or None
        else:
            yield name, value
