"""The columns of a table for the page: its cells, and how those of a decoded row are read."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from aae.explorer.arrays import pack
from aae.model.table import Table
from aae.runs.table_output import cell_texts

__all__ = ["decoded_columns", "table_columns"]

BYTES = 3_000_000  # of base64 for all cells
CELL = 16 / 3  # bytes of a number in base64
FEWEST = 12  # columns that are shown whatever they take


def table_columns(table: Table, rows: np.ndarray) -> tuple[list[dict[str, Any]], list[str]]:
    """The columns of rows ``(N, columns)``, and a note if there are more than a page can hold."""
    count = max(FEWEST, int(BYTES / (CELL * max(1, len(rows)))))
    names = [str(name) if table.named else f"column {name}" for name in table.names]
    found = [_column(column, names[k], rows[:, k]) for k, column in enumerate(table.columns[:count])]
    more = len(names) - count
    return found, [f"The first {count} of {len(names):,} columns are shown."] if more > 0 else []


def _column(column: Mapping[str, Any], name: str, cells: np.ndarray) -> dict[str, Any]:
    """One column; what float32 cannot tell apart, as seconds since 1970, comes as text besides."""
    values = np.where(cells < 0, np.nan, cells) if "values" in column else cells  # a value that the model does not know
    kind = _page_kind(column)
    exact = kind in ("category", "bool") or not _needs_text(kind, values)
    return {"name": name, "kind": kind, "unit": column.get("unit"), "levels": _levels_of(column),
            "clock": _clock(column), "values": pack(values, "f32"),
            "texts": None if exact else cell_texts(column, cells)}  # fmt: skip


def _needs_text(kind: str, values: np.ndarray) -> bool:
    """Whether float32 would lose what distinguishes the cells."""
    if kind in ("date", "time"):
        return True
    known = values[np.isfinite(values)].astype(np.float64)
    return len(known) > 0 and bool(np.abs(known.astype(np.float32) - known).max() > 1e-6 * np.ptp(known))


def decoded_columns(table: Table) -> list[dict[str, Any]]:
    """How cells are read from the output, as `Table.restore` does: numbers, indicators of empty cells, one-hots."""
    names = [str(name) if table.named else f"column {name}" for name in table.names]
    numbers = [k for k, column in enumerate(table.columns) if "values" not in column]
    place = {k: start for start, k in enumerate(numbers)}
    start = len(numbers) + sum(bool(column.get("missing")) for column in table.columns)
    columns = []
    for k, column in enumerate(table.columns):
        entry: dict[str, Any] = {"name": names[k], "kind": _page_kind(column), "unit": column.get("unit"),
                                 "clock": _clock(column), "whole": False, "low": None, "high": None,
                                 "empty_start": None}  # fmt: skip
        if "values" in column:
            entry |= {"start": start, "width": len(column["values"]), "offset": 0.0, "scale": 1.0,
                      "levels": list(column["values"])}  # fmt: skip
            start += len(column["values"])
        else:
            scale = 0.0 if column.get("constant") else float(column["scale"])
            entry |= {"start": place[k], "width": 1, "offset": float(column["mean"]), "scale": scale,
                      "levels": _levels_of(column), "whole": column.get("kind") == "whole"}  # fmt: skip
        columns.append(entry)
    return columns


def _page_kind(column: Mapping[str, Any]) -> str:
    """The kind of a column as the page names it."""
    if "values" in column:
        return "category"
    kind = str(column.get("kind", "number"))
    return {"whole": "number", "boolean": "bool"}.get(kind, kind)


def _clock(column: Mapping[str, Any]) -> bool:
    """Whether the dates of a column have a time of the day."""
    return column.get("kind") == "date" and bool(column.get("clock", True))


def _levels_of(column: Mapping[str, Any]) -> list[str] | None:
    """The values of a category, or how a truth value is written."""
    if "values" in column:
        return list(column["values"])
    return list(column.get("texts", ["false", "true"])) if column.get("kind") == "boolean" else None
