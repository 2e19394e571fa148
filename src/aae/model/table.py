r"""Columns as the networks see them: numbers standardised, categories one-hot, empty cells filled and marked.

The rows of a table are a matrix ``(N, columns)``: numbers as they are, a category as its index in the
list of known values (-1 for a value that is not among them), NaN for an empty cell. Dates are seconds since
1970 (UTC), times of the day seconds since midnight, truth values 0 and 1. A `Table` converts rows to the networks'
input and back.
It does what scikit-learn's ``SimpleImputer(add_indicator=True)``, ``StandardScaler`` and
``OneHotEncoder`` do together, but its state is a few JSON values in the model's own specification, it
runs inside the exported graph, and its inverse gives generated rows in the units of the table.
"""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aae.model.component import component
from aae.model.unseen import UnseenValues
from aae.system.errors import AAEError

__all__ = ["KINDS", "Table", "check_known_columns"]

KINDS = ("number", "whole", "boolean", "date", "time", "category")
# What a column may keep besides, so that new files are read, and rows written, as the training's file was.
_FACTS = {
    "kind": str,
    "texts": list,  # how a truth value was written: false, true
    "zone": str,  # of dates that have one, as "UTC", "+02:00" or "Europe/Rome"
    "clock": bool,  # whether dates have a time of the day
    "order": str,  # of day, month and year in dates that are not in ISO's order, as "dmy"
    "decimal": str,  # mark of numbers that are not written with a point
    "constant": bool,  # whether all numbers of the training were the mean
    "unit": str,  # left out of the numbers, as "kg"
}
LISTED = 5  # names that a sentence lists
CLOSE = 0.8  # of the letters that a suggested name shares with the missing one


@component
class Table(nn.Module):
    """The fitted columns of a table.

    Args:
        columns: For each column its ``name`` and either ``mean`` and ``scale`` (a number) or ``values``
            (a category); ``missing`` is true if its empty cells get an indicator. ``kind`` says what its
            numbers are, one of `KINDS`; ``texts``, ``zone``, ``clock``, ``order``, ``decimal`` and ``unit``
            say how they were written; ``constant`` is true if all its numbers are the mean.
        bounded: Numbers lie in [0, 1] after scaling and are clipped to that range (pixels, for instance).
        clip: Scales from the mean at which the networks' input ends, if the column has no ``clip`` of its own; None:
            nowhere.
        float64: Rows are float64: in float32 a column's differences would drown in its mean.
        vectors: Rows are vectors that another encoder made, on one scale.
        roots: Means and scales are of the square roots of the numbers, and negative ones count as zero.

    Raises:
        AAEError: A column without one of these, or a scale that is not above zero.
    """

    _numbers: Tensor
    _marked: Tensor
    _owners: Tensor
    _places: Tensor
    _mean: Tensor
    _scale: Tensor
    _limit: Tensor
    _constant: Tensor

    def __init__(
        self,
        columns: Sequence[Mapping[str, Any]],
        bounded: bool = False,
        clip: float | None = None,
        float64: bool = False,
        vectors: bool = False,
        roots: bool = False,
    ) -> None:
        super().__init__()
        self.columns = [dict(column) for column in columns]
        self.bounded, self.clip, self.float64 = bounded, clip, float64
        self.vectors, self.roots = vectors, roots
        if clip is not None and not clip > 0:
            raise AAEError(f"A table's input is clipped at a number above zero, not at {clip}.")
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
        limits = [self.columns[k].get("clip", math.inf if clip is None else clip) for k in numbers]
        self._clipped = any(limit < math.inf for limit in limits)
        self._register("_limit", limits, self._float)
        self._register("_constant", [bool(self.columns[k].get("constant")) for k in numbers], torch.bool)
        self._register("_mean", [self.columns[k]["mean"] for k in numbers], self._float)
        self._register("_scale", [self.columns[k]["scale"] for k in numbers], self._float)

    def _register(self, name: str, values: list[Any], dtype: torch.dtype) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=dtype), persistent=False)

    @property
    def _float(self) -> torch.dtype:
        return torch.float64 if self.float64 else torch.float32

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rows: float32, or float64 where that would lose what distinguishes them."""
        return np.dtype(np.float64 if self.float64 else np.float32)

    def as_rows(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the type that this table needs; not copied if they have it."""
        with np.errstate(over="ignore"):  # a cell beyond float32 becomes infinite, and is clipped
            return rows.astype(self.dtype, copy=False)

    @property
    def named(self) -> bool:
        """Whether columns have names; those of an array have numbers."""
        return isinstance(self.columns[0]["name"], str)

    @property
    def has_units(self) -> bool:
        """Whether its columns have names or units of their own; others are pixels, points of a curve, or vectors."""
        return self.named or not (self.bounded or self.vectors)

    @property
    def names(self) -> list[str | int]:
        """Names of the columns, in order."""
        return [column["name"] for column in self.columns]

    def forward(self, rows: Tensor) -> Tensor:
        """Network input ``(B, width)``, float32, from rows ``(B, columns)``: numbers, indicators, one-hots.

        Of an unseen value all one-hots are zero; an empty cell has its indicator besides.
        """
        rows = rows.to(self._float)
        rows = rows.clamp(min=0).sqrt() if self.roots else rows
        numbers = (rows if self._plain else rows[:, self._numbers]).sub(self._mean).div(self._scale)
        numbers = torch.where(numbers.isnan(), 0.0, numbers)  # an empty cell counts as the mean
        if self.bounded:
            numbers = numbers.clamp(0, 1)
        elif self._clipped:
            numbers = numbers.minimum(self._limit).maximum(-self._limit)
        numbers = numbers.float()
        if self._plain:
            return numbers
        indicators = rows[:, self._marked].isnan().float()
        one_hot = (rows[:, self._owners] == self._places).float()
        return torch.cat([numbers, indicators, one_hot], 1)

    def restore(self, x: Tensor) -> Tensor:
        """Rows ``(B, columns)`` from network output ``(B, width)``; a category becomes its most likely value."""
        rows = x.new_empty(len(x), len(self.columns), dtype=self._float if self.float64 else x.dtype)
        count = len(self._numbers)
        rows[:, self._numbers] = torch.where(self._constant, 0.0, x[:, :count]) * self._scale + self._mean
        if self.roots:
            rows = rows.clamp(min=0).square()
        start = count + len(self._marked)
        for k, column in enumerate(self.columns):
            if "values" in column:
                end = start + len(column["values"])
                rows[:, k] = x[:, start:end].argmax(1).to(rows.dtype)
                start = end
        return rows

    def read(
        self,
        cells: Mapping[str, np.ndarray],
        where: str,
        unseen: UnseenValues | None = None,
        dtype: Any = None,
    ) -> np.ndarray:
        """Rows ``(N, columns)`` from cells by column name; columns of other names are ignored.

        Args:
            cells: Numbers (float, NaN where empty) or texts (object, None where empty), ``(N,)`` each.
            where: Where they come from, for error messages.
            unseen: Collects values of categories that the model does not know; if None, they are refused.
            dtype: Type of the rows; `Table.dtype` if not given.

        Raises:
            AAEError: A column is missing, or holds values that the model does not know.
        """
        rows = np.empty((len(next(iter(cells.values()))) if cells else 0, len(self.columns)), dtype or self.dtype)
        found = UnseenValues() if unseen is None else unseen
        check_known_columns(self.names, list(cells), where)
        for k, column in enumerate(self.columns):
            values = cells[str(column["name"])]
            if "values" in column:
                rows[:, k] = _as_indices(values, column["values"])
                found.add(column, values, rows[:, k])
            else:
                rows[:, k] = _as_numbers(values, rows.dtype, f"column {column['name']}",
                                         lambda row: f"{where}, {found.row_name(found.total + row)}")  # fmt: skip
                if not self.vectors:  # their means are not of the numbers themselves
                    found.add_numbers(column, rows[:, k], column.get("clip", self.clip))
            found.add_filled(column, rows[:, k])
        found.next_rows(len(rows))
        if unseen is None:
            found.refuse(where)
        return rows

    def cells(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Cells by column name from rows ``(N, columns)``: the inverse of `read`; None for an unseen value."""
        cells: dict[str, np.ndarray] = {}
        for column, values in zip(self.columns, rows.T, strict=True):
            known = column.get("values")
            if known is not None:
                texts = [known[int(v)] if v >= 0 else None for v in values]  # NaN is not above zero
                values = np.array(texts, dtype=object)
            cells[str(column["name"])] = values
        return cells


def check_known_columns(names: Sequence[str | int], present: Sequence[str], where: str) -> None:
    """Check that all columns of a model are present.

    Raises:
        AAEError: One is missing.
    """
    missing = [str(name) for name in names if str(name) not in set(present)]
    if missing:
        near = difflib.get_close_matches(missing[0], [name for name in present if name not in names], n=1, cutoff=CLOSE)
        more = f" and {len(missing) - LISTED} more" if missing[LISTED:] else ""
        listed = ", ".join(map(repr, missing[:LISTED])) + more
        hint = f"; is it {near[0]!r}?" if near else "."
        lacks = f"none of the columns {listed}" if len(missing) > 1 else f"no column {listed}"
        raise AAEError(f"{where} has {lacks}, which the model was trained on{hint}")


def _check_column(column: Mapping[str, Any]) -> None:
    values = column.get("values")
    valid = "name" in column and (
        isinstance(values, list)
        or all(isinstance(column.get(k), int | float) and math.isfinite(column[k]) for k in ("mean", "scale"))
    )
    if not valid or (values is None and not column["scale"] > 0):
        raise AAEError(f"A column needs a name and either values or a mean and a scale above zero, not {column}.")
    wrong = next((key for key, kind in _FACTS.items() if key in column and not isinstance(column[key], kind)), None)
    if wrong is not None or column.get("kind", "number") not in KINDS:
        raise AAEError(f"A column of a table has no {wrong or 'kind'} such as {column[wrong or 'kind']!r:.60}.")
    if not (isinstance(column.get("clip", 1.0), int | float) and column.get("clip", 1.0) > 0):
        raise AAEError(f"A column is clipped at a number above zero, not at {column['clip']!r:.60}.")
    if values is not None and not all(isinstance(value, str) for value in values):
        raise AAEError(f"The values of a column are texts, not {values!r:.60}.")
    if "texts" in column and not (len(column["texts"]) == 2 and all(isinstance(t, str) for t in column["texts"])):
        raise AAEError(f"A truth value is written in two ways, not as {column['texts']!r:.60}.")


def _as_numbers(values: np.ndarray, dtype: np.dtype[Any], column: str, place: Callable[[int], str]) -> np.ndarray:
    """Numbers, NaN where empty; ``column`` and the ``place`` of a row name a cell in an error."""
    if values.dtype == object:
        numbers = np.full(len(values), np.nan)
        for row, value in enumerate(values):
            try:
                numbers[row] = np.nan if value is None else value
            except (TypeError, ValueError):
                raise AAEError(f"{place(row)}, {column}: {value!r} is no number, but the model takes numbers there; "
                               "correct it, or leave the cell empty.") from None  # fmt: skip
        values = numbers
    invalid = np.flatnonzero(np.isinf(values) | (np.abs(values) > np.finfo(np.float32).max))
    if len(invalid):
        row = int(invalid[0])
        raise AAEError(f"{place(row)}, {column}: {values[row]} is infinite or too large; correct it, or leave the cell "
                       "empty.")  # fmt: skip
    return values


def _as_indices(values: np.ndarray, known: Sequence[str]) -> np.ndarray:
    """Indices of texts among the known ones, NaN for empty cells, -1 for others."""
    index: dict[str | None, float] = {value: float(k) for k, value in enumerate(known)}
    if values.dtype != object:  # numbers in place of texts such as '1'
        values = np.array([None if math.isnan(v) else f"{v:g}" for v in values], dtype=object)
    index[None] = math.nan
    return np.array([index.get(value, -1.0) for value in values.tolist()], dtype=np.float64)
