"""Rows of a table in the report: reconstructions, mistakes and samples as small tables under the columns' names."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from aae.data.row_keys import INDEX, keys_of
from aae.evaluation import inference, metrics
from aae.model.autoencoder import Autoencoder
from aae.model.table import Table
from aae.runs.open import Run
from aae.runs.table_output import cell_texts
from aae.system.errors import AAEError

__all__ = ["Cell", "Sheet", "refuse_cells", "row_sheets", "shows_cells", "text_sheets"]

RECONSTRUCTED, MISTAKEN, DRAWN = 5, 10, 5  # rows of each sheet
MOST_COLUMNS = 12
MOST_LETTERS = 300  # of a text
FAR = 0.5  # standard deviations beyond which a reconstructed number is marked
EMPTY = "\N{EN DASH}"


class Cell(NamedTuple):
    """A cell of a sheet; a marked one is shown in bold."""

    text: str
    marked: bool = False


@dataclass(frozen=True)
class Sheet:
    """A small table of the report."""

    key: str
    heading: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def shows_cells(model: Autoencoder) -> bool:
    """Whether rows are shown as cells: columns with names, or of different units. Others are curves, or images."""
    return model.table is not None and model.table.has_units and model.frozen_encoder is None


def refuse_cells(model: Autoencoder) -> None:
    """Refuse to draw rows whose columns mean different things.

    Raises:
        AAEError: Rows are shown as cells.
    """
    if model.frozen_encoder is not None:
        raise AAEError("Vectors of a frozen encoder cannot be drawn as images; write them to an .npz file.")
    if shows_cells(model):
        raise AAEError("Rows of a table cannot be drawn as images; `aae report` shows them as cells, and `aae "
                       "reconstruct` and `aae sample` write them to a .csv, .parquet or .npz file.")


def row_sheets(run: Run) -> list[Sheet]:
    """The sheets that suit a run; none for images."""
    if run.model.frozen_encoder is not None:
        return text_sheets(run)
    if not shows_cells(run.model):
        return []
    sheets: list[Callable[[Run], Sheet]] = [_reconstructions, _mistakes, _samples, _distances]
    found = []
    for make in sheets:
        try:
            found.append(make(run))
        except AAEError:
            continue
    return found


def text_sheets(run: Run) -> list[Sheet]:
    """The mistakes of a model of texts; none for photos, which are drawn."""
    originals, labels = run.data.originals, run.data.test_y
    if originals is None or originals.are_pictures or not metrics.can_classify(run.model) or not (labels >= 0).any():
        return []
    wrong, shown = _most_confident_mistakes(run)
    keys = keys_of(run.data)
    texts = originals.texts(keys.test[shown].tolist())
    lines = [[Cell(keys.of_test(row)), Cell(text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS] + "…"),
              _class_name(run, labels[row]), *_prediction(run, row)]
             for row, text in zip(shown, texts, strict=True)]  # fmt: skip
    header = [_row_header(run), "Text", "Label", "Prediction", "Confidence"]
    caption = _mistakes_caption(run, wrong, shown) + (_rows_note(run) if len(shown) else "")
    return [Sheet("mistakes", "Mistakes", caption, header, lines)]


def _most_confident_mistakes(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the misclassified test rows, and of those that are shown."""
    predicted, confidence = run.probabilities.argmax(1), run.probabilities.max(1)
    wrong = np.flatnonzero((run.data.test_y >= 0) & (predicted != run.data.test_y))
    return wrong, wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKEN]


def _mistakes_caption(run: Run, wrong: np.ndarray, shown: np.ndarray) -> str:
    caption = f"{len(wrong):,} of {int((run.data.test_y >= 0).sum()):,} labelled {_judged(run)} are misclassified."
    return caption + (f" These are the {len(shown)} with the highest confidence." if len(wrong) > len(shown) else "")


def _judged(run: Run) -> str:
    return "test rows" if run.cross_validation is None else "rows"  # that the model has learned


def _table(run: Run) -> Table:
    if run.model.table is None:
        raise AAEError("Only the rows of a table have cells to show.")
    return run.model.table


def _names(table: Table) -> list[str]:
    return [str(name) if table.named else f"column {name}" for name in table.names[:MOST_COLUMNS]]


def _columns_note(table: Table) -> str:
    count = len(table.columns)
    return f" The first {MOST_COLUMNS} of {count:,} columns." if count > MOST_COLUMNS else ""


def _texts(table: Table, rows: np.ndarray) -> list[list[str]]:
    """The cells of the shown columns, row by row; numbers with four digits at most."""
    columns = [_column_texts(column, rows[:, k]) for k, column in enumerate(table.columns[:MOST_COLUMNS])]
    return [[text or EMPTY for text in row] for row in zip(*columns, strict=True)]


def _column_texts(column: Mapping[str, Any], values: np.ndarray) -> list[str]:
    if "values" in column or column.get("kind", "number") != "number":
        return cell_texts(column, values)
    return ["" if math.isnan(value) else f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}" for value in values]


def _far(table: Table, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which cells of the others differ: another category, or a number half a standard deviation away."""
    limits = np.array([FAR * column.get("scale", 0.0) for column in table.columns])
    return np.asarray(~(np.abs(rows.astype(np.float64) - others) <= limits) & ~np.isnan(rows))


def _row_header(run: Run) -> str:
    name = keys_of(run.data).name
    return "Row" if name == INDEX else name


def _rows_note(run: Run) -> str:
    return " Rows are numbered from 0, as in the data." if keys_of(run.data).name == INDEX else ""


def _class_name(run: Run, number: int) -> Cell:
    return Cell(EMPTY if number < 0 else str(run.data.classes[number]))


def _percent(confidence: float) -> Cell:
    """Rounded down: only a probability of one is shown as 100 %."""
    return Cell(f"{math.floor(100 * confidence)}\N{NARROW NO-BREAK SPACE}%")


def _prediction(run: Run, row: int) -> list[Cell]:
    p = run.probabilities[row]
    return [Cell(str(run.data.classes[p.argmax()]), run.data.test_y[row] not in (-1, p.argmax())), _percent(p.max())]


def _reconstructions(run: Run) -> Sheet:
    table, rows = _table(run), run.data.test_x[:RECONSTRUCTED]
    if not len(rows):
        raise AAEError("There are no test rows to reconstruct.")
    with inference.seeded(run.model, 0):  # for the labels of rows without one
        found = inference.reconstruct(run.model, rows, run.data.test_y[:RECONSTRUCTED])
    classifies = metrics.can_classify(run.model)
    header, lines = [_row_header(run), "", *_names(table)], []
    keys = keys_of(run.data)
    header += ["Label", "Prediction", "Confidence"] if classifies else []
    far = _far(table, rows, found)
    for k, (before, after) in enumerate(zip(_texts(table, rows), _texts(table, found), strict=True)):
        first = [Cell(keys.of_test(k)), Cell("data"), *map(Cell, before)]
        second = [Cell(""), Cell("reconstruction"), *(Cell(text, bool(far[k, j])) for j, text in enumerate(after))]
        lines.append([*first, *([_class_name(run, run.data.test_y[k]), Cell(""), Cell("")] if classifies else [])])
        lines.append([*second, *([Cell(""), *_prediction(run, k)] if classifies else [])])
    caption = f"{_judged(run).capitalize()}, and the model's mean for each cell. Bold: another category or class, or " \
              "a number more than half a standard deviation away."
    caption += _rows_note(run) + _columns_note(table)
    return Sheet("reconstructions", "Reconstructions", caption, header, lines)


def _mistakes(run: Run) -> Sheet:
    table, labels = _table(run), run.data.test_y
    if not metrics.can_classify(run.model) or not (labels >= 0).any():
        raise AAEError("This model is not a classifier, or no test row has a label.")
    wrong, shown = _most_confident_mistakes(run)
    keys = keys_of(run.data)
    lines = [[Cell(keys.of_test(row)), *map(Cell, texts), _class_name(run, labels[row]), *_prediction(run, row)]
             for row, texts in zip(shown, _texts(table, run.data.test_x[shown]), strict=True)]  # fmt: skip
    caption = _mistakes_caption(run, wrong, shown) + (_rows_note(run) if len(shown) else "")
    header = [_row_header(run), *_names(table), "Label", "Prediction", "Confidence"]
    return Sheet("mistakes", "Mistakes", caption + (_columns_note(table) if len(shown) else ""), header, lines)


def _samples(run: Run) -> Sheet:
    table = _table(run)
    with inference.seeded(run.model, 0):
        drawn = inference.sample(run.model, DRAWN)
    caption = "Rows drawn from the model, as the command aae sample writes them." if run.model.noise is not None else \
              "Means of rows drawn from the model; models trained with a newer version also learn the noise of cells."
    lines = [[Cell(text) for text in row] for row in _texts(table, drawn)]
    return Sheet("samples", "Samples", caption + _columns_note(table), _names(table), lines)


def _distances(run: Run) -> Sheet:
    table, quality = _table(run), run.sample_quality
    if quality is None:
        raise AAEError("There are too few test rows to compare with samples.")
    order = np.argsort(-np.array(quality.distances), kind="stable")[:MOST_COLUMNS]
    names = [str(name) if table.named else f"column {name}" for name in table.names]
    lines = [[Cell(names[k]), Cell(_measure(table.columns[k])), Cell(f"{quality.distances[k]:.3f}"),
              Cell(f"{quality.copula_distances[k]:.3f}")] for k in order]  # fmt: skip
    caption = (f"A random forest distinguishes samples from rows of the data with {quality.accuracy:.1f} % accuracy "
               f"(chance: 50 %; a Gaussian copula's samples: {quality.copula_accuracy:.1f} %), with "
               f"{len(quality.rows):,} rows of each. Distances per column range from 0 (identical) to 1.")  # fmt: skip
    if len(table.columns) > len(order):
        caption += f" The {len(order)} columns that differ most, of {len(table.columns):,}."
    return Sheet("distances", "Distance of samples from the data", caption,
                 ["Column", "Distance", "Samples", "Gaussian copula"], lines)  # fmt: skip


def _measure(column: Mapping[str, Any]) -> str:
    return "total variation" if "values" in column else "Kolmogorov\N{EN DASH}Smirnov"
