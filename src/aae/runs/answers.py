"""Predictions as text for the terminal, and the key by which rows of a table are known."""

from collections.abc import Sequence
from pathlib import Path

from aae.data.dataset import ReadOptions
from aae.data.tables import LIMITS, open_table, pyarrow_parquet, readable, table_kind
from aae.evaluation import inference
from aae.model.artifact import load
from aae.runs.outputs import class_names, read_input, reading_of
from aae.system.errors import UsageError, unknown

__all__ = ["SHOWN", "answers", "key_column"]

SHOWN = 20  # rows whose answers are printed
OTHERS = 2  # further classes that are told of a single row


def answers(
    run: Path, spec: str, strict: bool = False, given: ReadOptions | None = None, key: str | None = None
) -> list[str]:
    """Lines with the classes of the first rows of some input, in its order.

    Args:
        run: The run, or the folder of a model.
        spec: The input, as `aae.runs.outputs.read_input` takes it.
        strict: Refuse unknown categories, and images that cannot be read.
        given: How the input is written.
        key: Column of a table that tells its rows.

    Raises:
        AAEError: The input cannot be read, or the model does not classify.
    """
    model = load(run)
    reading = reading_of(run, strict, given)
    rows, _, files = read_input(spec, model, reading)
    names = files if key is None else key_column(spec, key, reading)
    some = inference.classify(model, rows[:SHOWN])
    classes = class_names(model, some.shape[1])
    if len(rows) == 1:
        first, *others = some[0].argsort()[::-1][: 1 + OTHERS]
        then = ", ".join(f"{classes[k]} {some[0, k]:.4f}" for k in others)
        return [f"{names[0] if names else 'row 0'}: {classes[first]} (confidence {some[0, first]:.4f}; then {then})"]
    head = (key or ("index" if files is None else "file"), "label", "confidence")
    told = [
        (str(names[k] if names else k), classes[row.argmax()], f"{row.max():.4f}") for k, row in enumerate(some)
    ]
    more = len(rows) - len(some)
    return [*_columns([head, *told]), *([f"and {more:,} more; --out FILE.csv writes all of them"] if more else [])]


def _columns(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def key_column(spec: str, name: str, reading: ReadOptions) -> list[str]:
    """The texts of one column of a table, a row each.

    Raises:
        UsageError: The input is no table, or has no such column.
        AAEError: The file cannot be read.
    """
    path = Path(spec)
    if not path.exists() or table_kind(path) is None:
        raise UsageError(f"--id names a column of a table (.csv, .parquet), and {spec} is none; drop it.")
    if name in ("label", "confidence"):
        raise UsageError(f"--id {name} would be a second column {name} of the output; rename it in {spec}.")
    if path.is_file() and table_kind(path) == "parquet":
        with readable(path), pyarrow_parquet().ParquetFile(path, **LIMITS) as file:
            stored = {each.strip(): each for each in file.schema_arrow.names}
            cells = file.read(columns=[stored[name]]).column(0) if name in stored else None
    else:
        stored = open_table(path, reading, hints=True).columns
        cells = stored.get(name)
    if cells is None:
        raise unknown(f"column of {spec} called", name, stored)
    return ["" if cell is None else str(cell) for cell in cells.to_pylist()]
