"""The columns of a table for a reader: what each holds, how much of it is empty, and what becomes of it."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aae.data.cells import CellError, number_text, share_text, shown
from aae.data.column_choice import TOO_MANY, coded_columns, column_texts, looks_identifying, why_ignored
from aae.data.columns import infer_columns
from aae.data.dataset import Dataset, ReadOptions
from aae.data.label_columns import label_cells
from aae.data.labels import is_missing
from aae.data.table_files import said_columns
from aae.data.tables import TableFile, open_table, readable
from aae.data.text_columns import Column
from aae.system.errors import AAEError, printable

__all__ = ["ColumnSummary", "column_lines", "summaries_of", "summarize_rows", "summarize_table"]

WIDTH = 100  # characters of a line, at least
MANY, SHOWN = 100, 60  # columns, above which only so many with nothing to say get a line of their own
NAME, VALUES = 24, 34  # characters of a name, and of values
FREQUENT = 3  # most frequent values that are shown
HEADER = ("column", "kind", "values", "empty", "use")
NAMES = {"whole": "number", "boolean": "true/false"}


@dataclass(frozen=True)
class ColumnSummary:
    """One column: its name and kind, its range or most frequent values, the share of empty cells, and its use."""

    name: str
    kind: str
    values: str
    empty: float | None
    use: str
    plain: bool = False  # whether there is nothing to say about it


def summarize_table(path: Path, reading: ReadOptions) -> tuple[list[ColumnSummary], list[AAEError]]:
    """The columns of a file as a training would read them, and what is wrong with those that it cannot read.

    Raises:
        AAEError: The file is damaged, or a column that is named does not exist.
    """
    with readable(path):
        return summaries_of(open_table(path, reading), str(path), reading)


def summaries_of(file: TableFile, where: str, reading: ReadOptions) -> tuple[list[ColumnSummary], list[AAEError]]:
    """`summarize_table` of a table that is open."""
    order, every = list(file.columns), dict(file.columns)
    found: dict[str, ColumnSummary] = {}
    if reading.label_column is not None:
        name = reading.label_column.strip()
        found[name] = _of_labels(name, label_cells(file, name, where))
    columns, kinds, ignored = said_columns(file, where, reading)
    for why, names in ignored.items():
        for name in names:
            found[name] = ColumnSummary(name, "?", "", None, f"ignored: {why}")
            for column in infer_columns({name: every[name]}, where, file.style, failed={}):
                found[name] = _of_column(column, file.rows, why)
    failed: dict[str, AAEError] = {}
    inferred = infer_columns(columns, where, file.style, kinds, failed)
    reasons = {column.name: why_ignored(column, file.rows, kinds) for column in inferred}
    coded = coded_columns([one for one in inferred if not (reasons[one.name] or one.name in kinds)], file.rows)
    for column in inferred:
        remarks = ["codes? then --kind"] if column.name in coded else []
        remarks += ["an ID? then --ignore"] if column.name not in kinds and looks_identifying(column) else []
        found[column.name] = _of_column(column, file.rows, reasons[column.name], remarks)
    for name, error in failed.items():
        summary = error.summary if isinstance(error, CellError) else ""
        found[name] = ColumnSummary(name, "?", summary, None, "error: see below")
    return [found[name] for name in order], list(failed.values())


def summarize_rows(data: Dataset) -> list[ColumnSummary]:
    """The columns of rows without names ``(N, columns)``; of a named table, what is known of its columns."""
    rows = np.concatenate([data.x, data.test_x]) if data.held is None else data.test_x
    if data.table is not None and data.table.named:
        cells = data.table.cells(rows)
        columns = [Column(name, cells[name], {"kind": c.get("kind", "number")} | dict(c))
                   for name, c in zip(cells, data.table.columns, strict=True)]  # fmt: skip
    else:
        columns = [Column(str(k), rows[:, k].astype(np.float64), {"kind": "number"}) for k in range(rows.shape[1])]
    return [_of_column(column, len(rows)) for column in columns]


def _of_column(column: Column, rows: int, why: str = "", remarks: Sequence[str] = ()) -> ColumnSummary:
    kind = str(column.facts.get("kind", "number"))
    if column.is_category:
        kind = "text" if why else "category"
        empty = sum(text is None for text in column.cells.tolist())
        texts = column_texts(column.cells)
        values = f"{len(texts):,} distinct, as {shown(texts[0])}" if why and texts else _frequent(column.cells)
    else:
        empty, values = int(np.isnan(column.cells).sum()), _range(column.cells, column.facts)
    why = "too many values (an ID?)" if why == TOO_MANY else why
    said = [] if why else [*_remarks(column), *remarks]
    used = f"one-hot ({len(column_texts(column.cells)):,})" if column.is_category else "standardised"
    use = f"ignored: {why}" if why else "; ".join([f"used, {used}", *said])
    return ColumnSummary(column.name, NAMES.get(kind, kind), values, empty / max(1, rows), use, not (why or said))


def _remarks(column: Column) -> list[str]:
    """What a reader should know of how the cells of a column were read."""
    remarks = [f"{shown(text)} read as empty" for text in list(column.marks)[:1]]
    if column.written:
        remarks.append(f"{'texts and numbers: ' if column.is_category else 'read '}{column.written}")
    if "unit" in column.facts:
        remarks.append(f"unit {column.facts['unit']}")
    known = column.cells[~np.isnan(column.cells)] if not column.is_category else np.zeros(0)
    if len(known) and known.min() == known.max() and not np.isnan(column.cells).any():
        remarks.append("the same in every row")
    return remarks


def _of_labels(name: str, cells: np.ndarray) -> ColumnSummary:
    texts = np.array([None if is_missing(value) or not str(value).strip() else str(value).strip()
                      for value in cells.tolist()], dtype=object)  # fmt: skip
    empty = sum(text is None for text in texts.tolist()) / max(1, len(texts))
    return ColumnSummary(name, "label", _frequent(texts), empty, f"labels: {len(column_texts(texts)):,} classes")


def _frequent(cells: np.ndarray) -> str:
    """The most frequent texts with their shares."""
    counts = Counter(text for text in cells.tolist() if text is not None)
    total = counts.total()
    some = [f"{text if len(text) <= 12 else text[:11] + '…'} {share_text(count / total)}"
            for text, count in counts.most_common(FREQUENT)]  # fmt: skip
    more = len(counts) - len(some)
    return ", ".join([*some, f"{more:,} more"] if more else some)


def _range(cells: np.ndarray, facts: dict[str, Any]) -> str:
    """The smallest and the largest number, date or time; how often it is true, of truth values."""
    known = cells[~np.isnan(cells)]
    if not len(known):
        return ""
    kind, unit = facts.get("kind"), facts.get("unit")
    if kind == "boolean":
        texts = facts.get("texts", ["false", "true"])
        return f"{texts[1]} {share_text(float(known.mean()))}, {texts[0]} {share_text(float(1 - known.mean()))}"
    ends = [_moment(value, facts) if kind in ("date", "time") else _number(value)
            for value in (known.min(), known.max())]  # fmt: skip
    return (ends[0] if ends[0] == ends[1] else " to ".join(ends)) + (f" {unit}" if unit else "")


def _number(value: float) -> str:
    return number_text(value) if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def _moment(seconds: float, facts: dict[str, Any]) -> str:
    if facts["kind"] == "time":
        return f"{int(seconds // 3600):02}:{int(seconds // 60 % 60):02}"
    try:
        moment = str(np.datetime64(round(seconds), "s"))
    except (OverflowError, ValueError):
        return f"{seconds:.4g} s"
    return moment.replace("T", " ")[:16] if facts.get("clock") else moment[:10]


def column_lines(summaries: Sequence[ColumnSummary]) -> list[str]:
    """The summaries as an aligned table, as wide as the terminal but at least 100 characters, one line a column.

    Of more than 100 columns, only 60 of those with nothing to say have a line; the last line counts the others.
    """
    plain = [one for one in summaries if one.plain]
    hidden = set(map(id, plain[SHOWN:])) if len(summaries) > MANY else set()
    cells = [HEADER, *((one.name, one.kind, one.values, "" if one.empty is None else share_text(one.empty), one.use)
                       for one in summaries if id(one) not in hidden)]  # fmt: skip
    rows = [[printable(cell).replace("\n", " ").replace("\t", " ") for cell in row] for row in cells]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEADER))]
    widths[0] = min(widths[0], NAME)
    line = max(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    rest = line - 2 * (len(HEADER) - 1) - widths[0] - widths[1] - widths[3]
    widths[2] = min(widths[2], max(VALUES, rest - widths[4]))
    widths[4] = min(widths[4], rest - widths[2])
    lines = ["  ".join(_cut(cell, width).rjust(width) if k == 3 else _cut(cell, width).ljust(width)
                       for k, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
             for row in rows]  # fmt: skip
    if hidden:
        kinds = Counter(one.kind for one in plain[SHOWN:])
        lines.append(f"and {len(hidden):,} more columns in use: "
                     f"{', '.join(f'{count:,} {kind}' for kind, count in kinds.most_common())}")  # fmt: skip
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
