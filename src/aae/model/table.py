r"""Columns as the networks see them: numbers standardised, categories one-hot, empty cells filled and marked.

The rows of a table are a matrix ``(N, columns)``: numbers as they are, a category as its index in the
list of known values, NaN for an empty cell. A `Table` converts them to the networks' input and back.
It does what scikit-learn's ``SimpleImputer(add_indicator=True)``, ``StandardScaler`` and
``OneHotEncoder`` do together, but its state is a few JSON values in the model's own specification, it
runs inside the exported graph, and its inverse gives generated rows in the units of the table.
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

MIN_PIXELS = 16  # with fewer columns, numbers of one unit are not taken for an image or spectrum


@component
class Table(nn.Module):
    """The fitted columns of a table.

    Args:
        columns: For each column its ``name`` and either ``mean`` and ``scale`` (a number) or ``values``
            (a category); ``missing`` is true if its empty cells get an indicator.
        bounded: Numbers lie in [0, 1] after scaling and are clipped to that range (pixels, for instance).

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
        one_hot = [(k, index) for k in every for index in range(len(self.columns[k].get("values", ())))]
        self.shape = (len(self.columns),)
        self.width = len(numbers) + len(marked) + len(one_hot)
        self._plain = len(numbers) == len(self.columns) == self.width
        self._register("_numbers", numbers, torch.long)
        self._register("_marked", marked, torch.long)
        self._register("_owners", [k for k, _ in one_hot], torch.long)
        self._register("_places", [index for _, index in one_hot], torch.float32)
        self._register("_mean", [self.columns[k]["mean"] for k in numbers], torch.float32)
        self._register("_scale", [self.columns[k]["scale"] for k in numbers], torch.float32)

    def _register(self, name: str, values: list[Any], dtype: torch.dtype) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=dtype), persistent=False)

    @property
    def named(self) -> bool:
        """Whether columns have names; those of an array have numbers."""
        return isinstance(self.columns[0]["name"], str)

    @property
    def names(self) -> list[str | int]:
        """Names of the columns, in order."""
        return [column["name"] for column in self.columns]

    def forward(self, rows: Tensor) -> Tensor:
        """Network input ``(B, width)`` from rows ``(B, columns)``: numbers, indicators of empty cells, one-hots."""
        numbers = (rows if self._plain else rows[:, self._numbers]).sub(self._mean).div(self._scale)
        numbers = torch.where(numbers.isnan(), 0.0, numbers)  # an empty cell counts as the mean
        if self.bounded:
            numbers = numbers.clamp(0, 1)
        if self._plain:
            return numbers
        indicators = rows[:, self._marked].isnan().float()
        one_hot = (rows[:, self._owners] == self._places).float()
        return torch.cat([numbers, indicators, one_hot], 1)

    def restore(self, x: Tensor) -> Tensor:
        """Rows ``(B, columns)`` from network output ``(B, width)``; a category becomes its most likely value."""
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
        """Rows ``(N, columns)`` from cells by column name; columns of other names are ignored.

        Args:
            cells: Numbers (float, NaN where empty) or texts (object, None where empty), ``(N,)`` each.
            where: Where they come from, for error messages.

        Raises:
            AAEError: A column is missing, or holds values that the model does not know.
        """
        rows = np.empty((len(next(iter(cells.values()))) if cells else 0, len(self.columns)), np.float32)
        for k, column in enumerate(self.columns):
            name = str(column["name"])
            if name not in cells:
                near = difflib.get_close_matches(name, list(cells), n=1)
                hint = f"; is it {near[0]!r}?" if near else "."
                raise AAEError(f"{where} has no column {name!r}, which the model was trained on{hint}")
            known = column.get("values")
            read = _as_numbers(cells[name], f"{where}: column {name!r}") if known is None else _as_indices(
                cells[name], known, f"{where}: column {name!r}")  # fmt: skip
            rows[:, k] = read
        return rows

    def cells(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Cells by column name from rows ``(N, columns)``: the inverse of `read`."""
        cells: dict[str, np.ndarray] = {}
        for column, values in zip(self.columns, rows.T, strict=True):
            known = column.get("values")
            if known is not None:
                values = np.array([None if math.isnan(v) else known[int(v)] for v in values], dtype=object)
            cells[str(column["name"])] = values
        return cells


def _check_column(column: Mapping[str, Any]) -> None:
    values = column.get("values")
    valid = "name" in column and (
        isinstance(values, list)
        or all(isinstance(column.get(k), int | float) and math.isfinite(column[k]) for k in ("mean", "scale"))
    )
    if not valid or (values is None and not column["scale"] > 0):
        raise AAEError(f"A column needs a name and either values or a mean and a scale above zero, not {column}.")


def _as_numbers(values: np.ndarray, where: str) -> np.ndarray:
    if values.dtype == object:
        row = next((k for k, value in enumerate(values) if value is not None), None)
        if row is not None:
            raise AAEError(f"{where} holds {values[row]!r} in row {row}, but the model takes numbers there.")
        return np.full(len(values), np.nan, np.float32)
    invalid = np.flatnonzero(np.isinf(values) | (np.abs(values) > np.finfo(np.float32).max))
    if len(invalid):
        raise AAEError(f"{where} holds {values[invalid[0]]} in row {invalid[0]}; correct it, or leave the cell empty.")
    return values


def _as_indices(values: np.ndarray, known: Sequence[str], where: str) -> np.ndarray:
    index = {value: k for k, value in enumerate(known)}
    if values.dtype != object:  # numbers in place of texts such as '1'
        values = np.array([None if math.isnan(v) else f"{v:g}" for v in values], dtype=object)
    unseen = next((k for k, value in enumerate(values) if value is not None and value not in index), None)
    if unseen is not None:
        some = ", ".join(map(repr, known[:5])) + (" ..." if len(known) > 5 else "")
        raise AAEError(
            f"{where} holds {values[unseen]!r} in row {unseen}, which the model has never seen; it knows {some}. "
            "Correct the cell, or leave it empty."
        )
    return np.array([np.nan if value is None else index[value] for value in values], dtype=np.float32)


def fit_table(
    rows: np.ndarray, names: Sequence[str] | None = None, values: Mapping[int, Sequence[str]] | None = None
) -> Table:
    """Learn mean and scale of every column.

    Numbers of one unit (none negative, and half of the columns with about the same maximum, as pixels have)
    are divided by their largest value; other columns are standardised one by one.

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
    spreads[spreads <= 1e-7 * np.abs(means)] = 1.0  # a constant column stays 0
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
    if rows.shape[1] < MIN_PIXELS or rows.min() < 0:
        return False
    maxima = rows.max(0)
    maxima = maxima[maxima > rows.min(0)]  # constant columns do not count
    return len(maxima) > 0 and bool(np.median(maxima) >= 0.9 * maxima.max())
