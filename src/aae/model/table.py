r"""Columns as the networks see them: numbers standardised, categories one-hot, empty cells filled and marked.

The rows of a table are a matrix ``(N, columns)``: numbers as they are, a category as its place in the
list of known values, NaN for an empty cell. A `Table` turns them into what the networks read and back.
It does what scikit-learn's ``SimpleImputer(add_indicator=True)``, ``StandardScaler`` and
``OneHotEncoder`` do together, but its state is a few JSON values in the model's own specification, it
runs inside the exported graph, and it can be undone to give generated rows in the units of the table.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aae.model.component import component
from aae.system.errors import AAEError

__all__ = ["Table", "fit_table"]

PIXELS = 16  # columns from which on numbers of one unit are taken for one picture or spectrum


@component
class Table(nn.Module):
    """The columns of a table, fitted.

    Args:
        columns: For each column its ``name`` and either ``mean`` and ``scale`` (a number) or ``values``
            (a category); ``missing`` is true where empty cells get a mark of their own.
        bounded: Numbers lie in [0, 1] after scaling and are held there (pixels, for instance).

    Raises:
        AAEError: A column without one of these, or a scale that is not above zero.
    """

    _numbers: Tensor
    _marked: Tensor
    _owners: Tensor
    _places: Tensor
    _mean: Tensor
    _scale: Tensor

    def __init__(self, columns: Sequence[Mapping[str, Any]], bounded: bool = False) -> None:
        super().__init__()
        self.columns = [dict(column) for column in columns]
        self.bounded = bounded
        for column in self.columns:
            _check_column(column)
        every = range(len(self.columns))
        numbers = [k for k in every if "values" not in self.columns[k]]
        marked = [k for k in every if self.columns[k].get("missing")]
        one_hot = [(k, place) for k in every for place in range(len(self.columns[k].get("values", ())))]
        self.shape = (len(self.columns),)
        self.width = len(numbers) + len(marked) + len(one_hot)
        self._plain = len(numbers) == len(self.columns) == self.width
        self._keep("_numbers", numbers, torch.long)
        self._keep("_marked", marked, torch.long)
        self._keep("_owners", [k for k, _ in one_hot], torch.long)
        self._keep("_places", [place for _, place in one_hot], torch.float32)
        self._keep("_mean", [self.columns[k]["mean"] for k in numbers], torch.float32)
        self._keep("_scale", [self.columns[k]["scale"] for k in numbers], torch.float32)

    def _keep(self, name: str, values: list[Any], dtype: torch.dtype) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=dtype), persistent=False)

    @property
    def named(self) -> bool:
        """Whether columns go by names; those of an array go by their numbers."""
        return isinstance(self.columns[0]["name"], str)

    @property
    def names(self) -> list[str | int]:
        """Names of the columns, in order."""
        return [column["name"] for column in self.columns]

    def forward(self, rows: Tensor) -> Tensor:
        """What the networks read, ``(B, width)``, of rows ``(B, columns)``: numbers, marks, one-hots."""
        numbers = (rows if self._plain else rows[:, self._numbers]).sub(self._mean).div(self._scale)
        numbers = torch.where(numbers.isnan(), 0.0, numbers)  # an empty cell counts as the mean
        if self.bounded:
            numbers = numbers.clamp(0, 1)
        if self._plain:
            return numbers
        marks = rows[:, self._marked].isnan().float()
        one_hot = (rows[:, self._owners] == self._places).float()
        return torch.cat([numbers, marks, one_hot], 1)

    def restore(self, x: Tensor) -> Tensor:
        """Rows ``(B, columns)`` of what the networks gave, ``(B, width)``; a category is its likeliest value."""
        rows = x.new_empty(len(x), len(self.columns))
        count = len(self._numbers)
        rows[:, self._numbers] = x[:, :count] * self._scale + self._mean
        start = count + len(self._marked)
        for k, column in enumerate(self.columns):
            if "values" in column:
                end = start + len(column["values"])
                rows[:, k] = x[:, start:end].argmax(1).to(x.dtype)
                start = end
        return rows

    def read(self, cells: Mapping[str, np.ndarray], where: str) -> np.ndarray:
        """Rows ``(N, columns)`` from cells by the names of their columns; columns of other names are passed over.

        Args:
            cells: Numbers (float, NaN where empty) or texts (object, None where empty), ``(N,)`` each.
            where: What they are of, for the errors.

        Raises:
            AAEError: A column is missing, or holds something else than the model knows.
        """
        rows = np.empty((len(next(iter(cells.values()))) if cells else 0, len(self.columns)), np.float32)
        for k, column in enumerate(self.columns):
            name = str(column["name"])
            if name not in cells:
                near = difflib.get_close_matches(name, list(cells), n=1)
                hint = f"; is it {near[0]!r}?" if near else "."
                raise AAEError(f"{where} has no column {name!r}, which the model was trained on{hint}")
            known = column.get("values")
            read = _as_numbers(cells[name], f"{where}: column {name!r}") if known is None else _as_places(
                cells[name], known, f"{where}: column {name!r}")  # fmt: skip
            rows[:, k] = read
        return rows

    def cells(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Cells by the names of their columns, from rows ``(N, columns)``: what `read` takes."""
        found: dict[str, np.ndarray] = {}
        for column, values in zip(self.columns, rows.T, strict=True):
            known = column.get("values")
            if known is not None:
                values = np.array([None if math.isnan(v) else known[int(v)] for v in values], dtype=object)
            found[str(column["name"])] = values
        return found


def _check_column(column: Mapping[str, Any]) -> None:
    values = column.get("values")
    good = "name" in column and (
        isinstance(values, list)
        or all(isinstance(column.get(k), int | float) and math.isfinite(column[k]) for k in ("mean", "scale"))
    )
    if not good or (values is None and not column["scale"] > 0):
        raise AAEError(f"A column needs a name and either values or a mean and a scale above zero, not {column}.")


def _as_numbers(values: np.ndarray, where: str) -> np.ndarray:
    if values.dtype == object:
        row = next((k for k, value in enumerate(values) if value is not None), None)
        if row is not None:
            raise AAEError(f"{where} holds {values[row]!r} in row {row}, and the model takes numbers there.")
        return np.full(len(values), np.nan, np.float32)
    endless = np.flatnonzero(np.isinf(values) | (np.abs(values) > np.finfo(np.float32).max))
    if len(endless):
        raise AAEError(f"{where} holds {values[endless[0]]} in row {endless[0]}; correct it, or leave the cell empty.")
    return values


def _as_places(values: np.ndarray, known: Sequence[str], where: str) -> np.ndarray:
    place = {value: k for k, value in enumerate(known)}
    if values.dtype != object:  # numbers where the model knows texts such as '1'
        values = np.array([None if math.isnan(v) else f"{v:g}" for v in values], dtype=object)
    strange = next((k for k, value in enumerate(values) if value is not None and value not in place), None)
    if strange is not None:
        some = ", ".join(map(repr, known[:5])) + (" ..." if len(known) > 5 else "")
        raise AAEError(
            f"{where} holds {values[strange]!r} in row {strange}, which the model has never seen; it knows {some}. "
            "Correct the cell, or leave it empty."
        )
    return np.array([np.nan if value is None else place[value] for value in values], dtype=np.float32)


def fit_table(
    rows: np.ndarray, names: Sequence[str] | None = None, values: Mapping[int, Sequence[str]] | None = None
) -> Table:
    """Learn mean and scale of every column.

    Numbers of one unit (none negative, and half of the columns reaching the same height, as pixels do)
    are divided by their largest value; others are standardised each by itself.

    Args:
        rows: Rows to learn from, ``(N, columns)``; NaN where a cell is empty.
        names: Names of the columns; their numbers if not given.
        values: Known values of the columns that are categories.
    """
    values = values or {}
    empty = np.isnan(rows)
    bounded = not values and not empty.any() and _one_unit(rows)
    largest = float(rows.max()) if bounded else 1.0
    filled = np.where(empty, 0, rows).astype(np.float64)
    count = np.maximum((~empty).sum(0), 1)
    means = filled.sum(0) / count
    spreads = np.sqrt((np.where(empty, 0, filled - means) ** 2).sum(0) / count)
    spreads[spreads <= 1e-7 * np.abs(means)] = 1.0  # the same in every row: it stays 0
    columns: list[dict[str, Any]] = []
    for k in range(rows.shape[1]):
        column: dict[str, Any] = {"name": k if names is None else names[k]}
        if k in values:
            column["values"] = list(values[k])
        elif bounded:
            column |= {"mean": 0.0, "scale": largest}
        else:
            column |= {"mean": float(means[k]), "scale": float(spreads[k]) or 1.0}
        if empty[:, k].any():
            column["missing"] = True
        columns.append(column)
    return Table(columns, bounded)


def _one_unit(rows: np.ndarray) -> bool:
    if rows.shape[1] < PIXELS or rows.min() < 0:
        return False
    heights = rows.max(0)
    heights = heights[heights > rows.min(0)]  # what never changes says nothing
    return len(heights) > 0 and bool(np.median(heights) >= 0.9 * heights.max())
