"""A summary of a data set: parts, shapes, classes, and what looks wrong."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aae.data.arrays import NpyRows
from aae.data.cells import share_text
from aae.data.dataset import Dataset
from aae.data.facts import Digests, digests_of, list_some
from aae.data.raw import single_labels
from aae.data.splits import Split
from aae.model.table import Table

__all__ = ["column_notes", "contact_numbers", "contact_rows", "describe_data", "describe_split", "warnings_about"]

_NAMES = {"boolean": "truth values", "date": "dates", "time": "times of the day"}
MIN_LABELS = 3  # labels of a class; with fewer, a split leaves one part without the class
SHEET = 64  # images on the contact sheet
LISTED_COLUMNS = 5  # columns with empty cells that are named


def describe_data(data: Dataset) -> list[str]:
    """Lines of text that describe the data."""
    if data.is_image:
        channels = data.shape[2] if len(data.shape) == 3 else 1
        colours = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
        kind = f"{data.shape[0]} x {data.shape[1]} images, {colours}"
    elif data.encoder is not None:
        kind = f"{data.encoder.kind}s, each {data.shape[0]} numbers of the frozen encoder {data.encoder.name}"
    elif data.table is not None and data.table.named:
        kind = f"{data.shape[0]} columns, {_kinds(data.table)}"
    else:
        kind = f"vectors of {data.shape[0]} numbers"
    labelled, test_labelled = int((data.y >= 0).sum()), int((data.test_y >= 0).sum())
    rows = len(data.x)
    if data.held is not None:  # the test rows are part of data.x
        rows, labelled = rows - len(data.held), labelled - int((data.y[data.held] >= 0).sum())
    counted = f"{labelled} labelled, {rows - labelled} unlabelled"
    if data.cross_validated:
        lines = [f"{data.name}: {kind}", f"{rows} examples, {counted}"]
    else:
        test = f"{len(data.test_x)} test examples, {test_labelled} labelled"
        lines = [f"{data.name}: {kind}", f"{rows} training examples, {counted}", test]
    if data.classes and data.cross_validated:
        lines += ["", *_labels_by_class(data)]
    elif data.classes:
        counts = [(str(name), int((data.y == k).sum()), int((data.test_y == k).sum()))
                  for k, name in enumerate(data.classes)]  # fmt: skip
        width = max(5, *(len(name) for name, *_ in counts))
        lines += ["", f"{'class':{width}}  train   test"]
        lines += [f"{name:{width}}  {train:5}  {test:5}" for name, train, test in counts]
    else:
        lines.append("no labels")
    return lines


def _labels_by_class(data: Dataset) -> list[str]:
    counts = np.bincount(data.y[data.y >= 0], minlength=len(data.classes))
    width = max(5, *(len(str(name)) for name in data.classes))
    return [f"{'class':{width}}  labels",
            *(f"{name!s:{width}}  {count:6}" for name, count in zip(data.classes, counts, strict=True))]  # fmt: skip


def describe_split(data: Dataset, split: Split, heading: str | None = None, reads_labels: bool = True) -> str:
    """What a training uses: rows, labels, rows for validation and rows to test on.

    Args:
        data: The data set.
        split: Its split.
        heading: Stands before it; the name of the data set if not given.
        reads_labels: Whether the model learns from labels.
    """
    heading = data.name if heading is None else heading
    held = np.arange(0) if data.held is None else data.held
    rows, available = len(data.x) - len(held), int((data.y >= 0).sum() - (data.y[held] >= 0).sum())
    validation = f", {len(split.validation):,} of them for validation" if len(split.validation) else ""
    used = len(split.labelled) if reads_labels else 0
    labels = f"{used:,} of {available:,} labels used" if available else "no labels"
    labels = labels if used or not available else f"no labels used ({available:,} available)"
    test, known = len(data.test_x), int((data.test_y >= 0).sum())
    if data.cross_validated:
        tested = f"tested by cross-validation over {test:,} of them"
        if (data.y[split.validation] < 0).all():
            validation = validation.replace("of them", "without a label")
        return f"{heading}: {rows:,} training examples{validation}; {labels}; {tested}."
    labelled = f", {known:,} of them labelled" if data.classes and known < test else ""
    return f"{heading}: {rows:,} training examples{validation}; {labels}; {test:,} test examples{labelled}."


def _kinds(table: Table) -> str:
    """How many columns there are of each kind."""
    kinds = Counter("categories" if "values" in c else _NAMES.get(c.get("kind", ""), "numbers") for c in table.columns)
    parts = [f"{kinds[name]} of {name}" for name in ("numbers", *_NAMES.values(), "categories")
             if kinds[name] or name in ("numbers", "categories")]  # fmt: skip
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def warnings_about(data: Dataset, digests: Digests | None = None) -> list[str]:
    """A sentence for each thing that looks wrong.

    Args:
        data: The data set.
        digests: Those of its rows, if they are known already.
    """
    warnings = [*_few_labels(data), *_unlabelled_test(data)]
    if isinstance(data.x, NpyRows):  # reading every row would take as long as training on them
        return warnings
    if not data.is_image and data.encoder is None:
        names = data.table.names if data.table is not None else range(data.shape[0])
        # Of all rows of the source, as `aae data` shows its columns.
        rows = np.concatenate([data.x, data.test_x]) if data.test_held_out else data.x
        warnings += column_notes(rows, names)
    digests = digests or digests_of(data)
    if digests is not None and data.cross_validated:  # every test row is also a training row, of other folds
        digests = replace(digests, test=digests.test[:0])
    return warnings if digests is None else warnings + _copies(digests)


def column_notes(rows: np.ndarray, names: Sequence[str | int]) -> list[str]:
    """Sentences on the columns of rows ``(N, columns)`` that are constant, and on those with empty cells (NaN)."""
    notes = []
    low, high = np.fmin.reduce(rows), np.fmax.reduce(rows)  # NaN where every cell is empty
    constant = np.flatnonzero(high == low)
    if len(constant):
        some = ", ".join(str(names[k]) for k in constant[:5]) + (" ..." if len(constant) > 5 else "")
        have = "has" if len(constant) == 1 else "have"
        notes.append(f"{len(constant)} of {len(names)} columns {have} the same value in every row ({some}).")
    empty = np.isnan(rows).mean(0)
    for k in np.argsort(-empty)[:LISTED_COLUMNS]:
        if empty[k]:
            notes.append(f"The column {names[k]!r} is empty in {share_text(empty[k])} of the rows.")
    return notes


def _few_labels(data: Dataset) -> list[str]:
    """Classes with so few labels that they can hardly be learned."""
    counts = np.bincount(data.y[data.y >= 0], minlength=len(data.classes))
    few = [(name, int(count)) for name, count in zip(data.classes, counts, strict=True) if count < MIN_LABELS]
    if not few:
        return []
    if len(few) > 1:
        some = f"{len(few)} classes have fewer than {MIN_LABELS} labels to train on"
        return [f"{some} ({list_some([f'{name!r}: {count}' for name, count in few])}); label more examples of them."]
    name, count = few[0]
    labels = f"{count} {'label' if count == 1 else 'labels'}"
    return [f"The class {name!r} has {labels} to train on; label more examples of it."]


def _unlabelled_test(data: Dataset) -> list[str]:
    """Why no row with a label was held out, if some have one."""
    if not data.test_held_out or not (data.y >= 0).any() or (data.test_y >= 0).any():
        return []
    test = len(data.test_x)
    if not single_labels(data.y):  # of a labels file
        if not data.is_image:
            return [f"All labels are for training, and the {test:,} test examples have none; training a classifier "
                    "measures its error by cross-validation."]  # fmt: skip
        return [f"No error can be measured: all labels are for training, and the {test:,} test examples have none. "
                "Label more examples, or provide test data."]  # fmt: skip
    rows = f"the {test:,} test examples have none" if test else "there are no test examples"
    return [f"No labelled example was held out for testing, because a class would lose its only label; {rows}. Label "
            "more examples, or provide test data."]  # fmt: skip


def _copies(digests: Digests) -> list[str]:
    """Rows that occur more than once, above all to test on and to train on."""
    warnings = []
    leaked, copies = int(np.isin(digests.test, digests.train).sum()), len(digests.train) - len(np.unique(digests.train))
    if leaked:
        warnings.append(
            f"{leaked:,} of the {len(digests.test):,} test examples {'is' if leaked == 1 else 'are'} also in the "
            "training data; results will be too optimistic."
        )
    if copies:
        are = "is a copy of another" if copies == 1 else "are copies of others"
        warnings.append(f"{copies:,} of the {len(digests.train):,} training examples {are}.")
    return warnings


def contact_rows(data: Dataset) -> np.ndarray:
    """Images for a contact sheet: as many of each class as there is room for, then some without a label."""
    return data.test_x[:SHEET] if data.held is not None else data.x[contact_numbers(data)]


def contact_numbers(data: Dataset) -> np.ndarray:
    """Numbers of the training rows on a contact sheet."""
    groups = [np.flatnonzero(data.y == k) for k in (*range(len(data.classes)), -1)]
    groups = [group for group in groups if len(group)]
    each = max(1, SHEET // max(1, len(groups)))
    return np.concatenate([group[:each] for group in groups])[:SHEET]
