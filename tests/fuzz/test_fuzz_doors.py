"""The same rows through two doors: whatever the file and its spelling, labels, columns and predictions are the same."""

import warnings

import numpy as np
from hypothesis import strategies as st

from aae.data.dataset import ReadOptions
from aae.data.labels import class_key
from aae.data.sources import load_data
from aae.evaluation import inference
from aae.model.table import Table
from aae.runs.outputs import read_input
from aae.runs.prepare import prepare
from aae.sklearn.labels import class_labels
from aae.system.errors import AAEError
from helpers.doors import LABELS, MARKS, sheet, write
from helpers.fuzzing import parts, try_all

WAYS = st.fixed_dictionaries({
    "order": st.integers(0, 3), "delimiter": st.sampled_from((",", ";", "\t", "|")), "comma": st.booleans(),
    "note": st.sampled_from(("", "", "sep", "comment")), "quotes": st.booleans(), "crlf": st.booleans(),
    "encoding": st.sampled_from(("utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252")), "gzip": st.booleans(),
    "mark": st.sampled_from(MARKS), "capitals": st.booleans(), "zeros": st.booleans(),
})  # fmt: skip
DOORS = st.sampled_from(("csv", "parquet", "csv", "parquet", "npz"))
PAIRS = st.tuples(st.integers(0, 2**32), st.sampled_from(sorted(LABELS)), st.lists(st.tuples(DOORS, WAYS), min_size=2,
                                                                                   max_size=2))  # fmt: skip
SMALL = {"hidden": (8,), "discriminator_hidden": (8,), "batch_size": 8}


def rows_of(data, original):
    """Every row in the order of the original table: its number there, cells by column name, class."""
    x, y = np.concatenate([data.x, data.test_x]), np.concatenate([data.y, data.test_y])
    keys = dict(zip(original.cells["key"], range(len(original)), strict=True))
    names = data.table.names if data.table.named else list(original.cells)
    cells = {str(name): column for name, column in zip(names, x.T, strict=True)}
    order = np.argsort([keys[value] for value in cells["key"].tolist()])
    classes = [None if k < 0 else class_key(data.classes[k]) for k in y[order]]
    return {name: column[order] for name, column in cells.items()}, classes


def texts_of(table: Table, name, column):
    """Cells as texts where they are numbers of categories, because these may be in another order."""
    known = next((c.get("values") for c in table.columns if c["name"] == name), None)
    if known is None:
        return column.tolist()
    return [None if v != v else known[int(v)] for v in column]


def agree(first, second):
    """Whether two lists hold the same cells, where NaN is equal to itself."""
    return all(a == b or (a != a and b != b) for a, b in zip(first, second, strict=True))


def check_pair(seed, labels, choices, folder):
    original = sheet(seed, labels, numeric=any(door == "npz" for door, _ in choices))
    paths = []
    for number, (door, way) in enumerate(choices):
        path, _ = write(original, folder / f"door{number}", door, way)
        paths.append(path)
    reading = [ReadOptions() if door == "npz" else ReadOptions(label_column="label") for door, _ in choices]
    one, other = (load_data(path, how) for path, how in zip(paths, reading, strict=True))
    (cells, classes), (other_cells, other_classes) = rows_of(one, original), rows_of(other, original)
    expected = [None if value is None else class_key(value) for value in original.labels]
    assert classes == other_classes == expected, (classes, other_classes, expected)
    with warnings.catch_warnings():  # of marks of absence among the labels
        warnings.simplefilter("ignore")
        named = class_labels(np.array([None, *original.labels], dtype=object)[1:], len(original))
    assert [None if k < 0 else class_key(named[0].tolist()[k]) for k in named[1]] == expected
    assert set(cells) == set(other_cells) == set(original.cells)
    for name in cells:
        first, second = texts_of(one.table, name, cells[name]), texts_of(other.table, name, other_cells[name])
        assert agree(first, second), (name, first, second)
    if one.table.named and other.table.named:
        check_predictions(one, paths, original)


def check_predictions(data, paths, original):
    """A model of the first file gives every row of both files the same probabilities."""
    model, *_ = prepare("semi-supervised", data, None, "random", 0, SMALL, {"steps": 1})
    found = []
    for path in paths:
        rows = read_input(str(path), model).rows
        key = rows[:][:, data.table.names.index("key")]
        found.append(inference.classify(model, np.asarray(rows[:]))[np.argsort(key)])
    # Rows in another order may be in another batch, and products of another size round differently.
    assert np.allclose(found[0], found[1], rtol=1e-4, atol=1e-6)


@parts
def test_two_doors(tmp_path, part):
    def read(given):
        try:
            check_pair(*given, tmp_path)
        except AAEError as error:
            raise AssertionError(f"A valid file was refused: {error}") from error

    try_all("Two doors", PAIRS, read, 25, 400)
