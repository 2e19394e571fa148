"""What was understood of some data: parts, shapes, classes, and what looks wrong."""

import hashlib

import numpy as np

from aae.data.arrays import NpyRows
from aae.data.sources import Dataset

__all__ = ["contact_rows", "describe_data", "warnings_about"]

FEW = 3  # labels of a class below which a split leaves one part without it
SHEET = 64  # images on the contact sheet
SOME_COLUMNS = 5  # columns with empty cells that are named


def describe_data(data: Dataset) -> list[str]:
    """One line for each fact."""
    if data.is_image:
        kind = f"{data.shape[0]} x {data.shape[1]} images, {'colour' if len(data.shape) == 3 else 'grey'}"
    elif data.table is not None and data.table.named:
        categories = sum("values" in column for column in data.table.columns)
        kind = f"{data.shape[0]} columns, {data.shape[0] - categories} of numbers and {categories} of categories"
    else:
        kind = f"vectors of {data.shape[0]} numbers"
    known, tested = int((data.y >= 0).sum()), int((data.test_y >= 0).sum())
    rows = len(data.x)
    if data.held is not None:  # those to test on are among the others
        rows, known = rows - len(data.held), known - int((data.y[data.held] >= 0).sum())
    lines = [
        f"{data.name}: {kind}",
        f"{rows} rows to train on, {known} of them labelled, {rows - known} not",
        f"{len(data.test_x)} rows to test on, {tested} of them labelled",
    ]
    if data.classes:
        counts = [(str(name), int((data.y == k).sum()), int((data.test_y == k).sum()))
                  for k, name in enumerate(data.classes)]  # fmt: skip
        width = max(5, *(len(name) for name, *_ in counts))
        lines += ["", f"{'class':{width}}  train   test"]
        lines += [f"{name:{width}}  {train:5}  {test:5}" for name, train, test in counts]
    else:
        lines.append("no labels")
    return lines


def warnings_about(data: Dataset) -> list[str]:
    """A sentence for each thing that looks wrong."""
    found = list(data.notes)
    for k, name in enumerate(data.classes):
        count = int((data.y == k).sum())
        if count < FEW:
            labels = "label" if count == 1 else "labels"
            found.append(f"The class {name!r} has {count} {labels} to train on; label some more of it.")
    if isinstance(data.x, NpyRows):  # to look at every row would take as long as to train on them
        return found
    if not data.is_image:
        low, high = np.fmin.reduce(data.x), np.fmax.reduce(data.x)  # NaN where every cell is empty
        names = data.table.names if data.table is not None else range(data.shape[0])
        flat = np.flatnonzero(high - low <= 1e-6 * np.abs(high).clip(1e-12))
        if len(flat):
            some = ", ".join(str(names[k]) for k in flat[:5]) + (" ..." if len(flat) > 5 else "")
            found.append(f"{len(flat)} of {data.shape[0]} columns hold the same in every row ({some}).")
        empty = np.isnan(data.x).mean(0)
        for k in np.argsort(-empty)[:SOME_COLUMNS]:
            if empty[k]:
                found.append(f"The column {names[k]!r} is empty in {100 * empty[k]:.2g} % of the rows.")
    seen = {_digest(row) for row in data.x}
    double = sum(_digest(row) in seen for row in data.test_x)
    if double:
        found.append(
            f"{double} of the {len(data.test_x)} rows to test on are among the rows to train on; figures will flatter."
        )
    again = len(data.x) - len(seen)
    if again:
        found.append(f"{again} of the {len(data.x)} rows to train on are copies of others.")
    return found


def _digest(row: np.ndarray) -> bytes:
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest()


def contact_rows(data: Dataset) -> np.ndarray:
    """Images for a contact sheet: as many of each class as there is room for, then some without a label."""
    if data.held is not None:
        return data.test_x[:SHEET]
    groups = [np.flatnonzero(data.y == k) for k in (*range(len(data.classes)), -1)]
    groups = [group for group in groups if len(group)]
    each = max(1, SHEET // max(1, len(groups)))
    return data.x[np.concatenate([group[:each] for group in groups])[:SHEET]]
