"""The report of a run: one self-contained HTML file with its metrics, plots and settings."""

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from aae.evaluation.by_class import ENTRIES, ByClass
from aae.evaluation.measures import MEASURES, detail, is_detail, known, label_of, measured, value_text
from aae.evaluation.sample_quality import ENTRY
from aae.report.plots.drawing import png
from aae.report.tables import Sheet
from aae.system.errors import AAEError
from aae.system.files import utf8, write_atomically

__all__ = ["Option", "flatten", "format_value", "write_report"]

DPI = 120
NARROW = "\N{NARROW NO-BREAK SPACE}"
NOTED = 2  # warnings; the others are folded away, so that a narrow screen begins with the results
SHOWN = 12  # classes, and kinds of mistake; the other classes are folded away


class Option(NamedTuple):
    """One option of a training."""

    name: str
    value: str
    meaning: str = ""  # one line


def write_report(path: Path, title: str, figures: Mapping[str, tuple[str, Figure]], facts: Mapping[str, object],
                 results: Mapping[str, object], warnings: Sequence[str], commands: Sequence[str],
                 by_class: ByClass | None = None, options: Sequence[Option] = (),
                 sheets: Sequence[Sheet] = ()) -> Path:
    """Write a report as one HTML file that opens offline.

    Args:
        path: The file.
        title: Its heading.
        figures: ``{key: (caption, figure)}`` in display order.
        facts: Settings; nested dictionaries and lists are flattened.
        results: The flat dictionary of `aae evaluate --json`; the known metrics become headlines.
        warnings: What a reader must know before trusting the results, one sentence each; the
            weightiest first, because only the first two are shown unfolded.
        commands: The command lines that make the run and its report anew.
        by_class: How well each class is found.
        options: What was set for the training, folded away under a heading.
        sheets: Rows of a table, as small tables.

    Raises:
        AAEError: The file cannot be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise AAEError(f"The folder {path.parent} does not exist; make it first, or choose another place.")
    pictures = [{"key": key, "caption": caption, "data": base64.b64encode(png(figure, DPI)).decode()}
                for key, (caption, figure) in figures.items()]
    rest = {label_of(key): _result_text(key, value, results) for key, value in flatten(_for_table(results))
            if key not in facts}
    classes, confused = ([], []) if by_class is None else (_class_rows(by_class), _confused(by_class))
    page = _template().render(
        title=title, headlines=_headlines(results), pictures=pictures, results=rest, warnings=list(warnings),
        facts={key: format_value(value) for key, value in flatten(facts)}, commands=list(commands),
        classes=classes, shown=SHOWN, noted=NOTED, confused=confused, options=list(options), sheets=list(sheets),
    )
    write_atomically(path, lambda file: file.write(utf8(page)))
    return path


def _for_table(results: Mapping[str, object]) -> dict[str, object]:
    """Results for the table: neither at the top of the page nor of a single class or column."""
    return {
        name: value for name, value in results.items()
        if known(value) and not (name in MEASURES and MEASURES[name].headline) and name not in (*ENTRIES, ENTRY)
        and not name.startswith("recall_") and not is_detail(name)
    }  # fmt: skip


def _result_text(key: str, value: object, results: Mapping[str, object]) -> str:
    """A result with its unit, which direction is good, and what it has to be compared with."""
    if key not in MEASURES or not isinstance(value, Real):
        return format_value(value)
    about = "; ".join(filter(None, [MEASURES[key].meaning, MEASURES[key].better, *detail(key, results)]))
    text = value_text(key, results)
    return f"{text} ({about})" if about else text


def _class_rows(found: ByClass) -> list[tuple[str, str, str, str]]:
    """For each class its name, labelled test rows, recall and precision; those found least come first."""
    def percent(value: float, interval: Sequence[float]) -> str:
        if math.isnan(value):
            return "\N{EN DASH}"
        return f"{value:.1f}{NARROW}% ({interval[0]:.1f} to {interval[1]:.1f})"

    return [(str(found.classes[k]), f"{found.support[k]:,}", percent(found.recall[k], found.recall_interval[k]),
             percent(found.precision[k], found.precision_interval[k])) for k in found.worst()]


def _confused(found: ByClass) -> list[tuple[str, str, str, str]]:
    """The most frequent mistakes: true class, predicted class, rows, and their share of the rows of the true class."""
    return [(str(found.classes[true]), str(found.classes[other]), f"{rows:,}",
             f"{100 * rows / found.support[true]:.1f}{NARROW}%") for true, other, rows in found.mistaken()[:SHOWN]]


def _template() -> Any:
    environment = Environment(loader=PackageLoader("aae.report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html.j2")


def _headlines(results: Mapping[str, object]) -> list[dict[str, str]]:
    """The metrics at the top: label, value with unit, which direction is good, interval and rows, and meaning."""
    return [
        {"label": measure.label, "value": value_text(key, results, NARROW), "better": measure.better,
         "detail": "; ".join(detail(key, results)).replace(" %", f"{NARROW}%"), "meaning": measure.meaning}
        for key, measure in measured(results) if measure.headline
    ]  # fmt: skip


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
