"""Arguments and options that several commands share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aae.cli.components import import_components
from aae.cli.examples import complete_options, complete_presets
from aae.presets.options import current_names
from aae.system.errors import UsageError

if TYPE_CHECKING:
    from aae.data.dataset import ReadOptions

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.", show_default=False)]
PresetName = Annotated[
    str,
    typer.Argument(
        metavar="PRESET",
        help="What to train; see `aae presets`.",
        show_default=False,
        autocompletion=complete_presets,
    ),
]
Labels = Annotated[
    int | None, typer.Option(help="Labels that may be used; the preset's own number if not given.")
]
SplitHow = Annotated[str, typer.Option(help="random, or tutorial (fixed rows in file order).")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0, max=2**63 - 1)]
Data = Annotated[
    str, typer.Option(help="digits, mnist, a file (.npz, .npy, .csv, .parquet), a folder of images or of IDX files.")
]
OtherData = Annotated[str | None, typer.Option("--data", help="Other data than the run's own.")]
Out = Annotated[Path, typer.Option(help="File to write.", show_default=False)]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column of a .csv or .parquet file that holds the labels.", metavar="NAME")
]
Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT", help="Rows to read: as --data, or a single image.", show_default=False
    ),
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print one flat JSON object and nothing else.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Devices = Annotated[
    int | None,
    typer.Option(help="Processes on this machine, one for each GPU or for some of the cores. Under torchrun, drop it."),
]
Precision = Annotated[str, typer.Option(help="auto, 32 or bf16.")]
ImageSize = Annotated[
    int | None, typer.Option(help="Side of the images of a folder, 8 to 128; their own, 64 at most, if not given.")
]
LabelsFile = Annotated[
    str | None, typer.Option(help="CSV file with the columns file,label for a folder of images.", metavar="FILE")
]
Test = Annotated[str | None, typer.Option(help="Rows to test on; a part of --data if not given.", metavar="SPEC")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at an image that cannot be read or a category that is not known.")
]
Fit = Annotated[
    str | None, typer.Option(help="How images that are not square become so: crop, pad or stretch.", metavar="HOW")
]
Categories = Annotated[
    str | None, typer.Option(help="Columns whose numbers are names of categories, as ward,zip.", metavar="NAMES")
]
Decimal = Annotated[str | None, typer.Option(help="Decimal mark of the numbers in a table.", metavar="MARK")]
Delimiter = Annotated[str | None, typer.Option(help="Character between the cells of a .csv file.", metavar="MARK")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of a .csv file, such as cp1252.", metavar="NAME")]
Missing = Annotated[
    str | None, typer.Option(help="Texts that stand for an empty cell of a table, as ?,n/a.", metavar="TEXTS")
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(help="Column of a table that is not learned from; may be repeated.", metavar="COLUMN"),
]
Kind = Annotated[
    list[str] | None,
    typer.Option(
        help="What a column of a table is: number, category, date or text (not learned from); may be repeated.",
        metavar="COLUMN=KIND",
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change an option of the preset; may be repeated. `aae presets NAME` lists them.",
        autocompletion=complete_options,
    ),
]

Components = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODULE:CLASS",
        help="A class of your own that the model is made of, as my_parts:TwoMoons; may be repeated.",
        callback=import_components,
        is_eager=True,
    ),
]


def read_options(context: typer.Context) -> "ReadOptions":
    """The options of a command that say how data are read."""
    from aae.data.dataset import ReadOptions

    given = {field.name for field in fields(ReadOptions)} - {"chosen"}
    options = {name: value for name, value in context.params.items() if name in given}
    options |= {"ignore": list(options.get("ignore") or ()) or None, "kind": _kinds(options.get("kind") or ())}
    return ReadOptions(**options)


def _kinds(pairs: Sequence[str]) -> dict[str, str] | None:
    """Kinds of columns by name, from ``COLUMN=KIND``."""
    kinds: dict[str, str] = {}
    for pair in pairs:
        name, equals, kind = pair.rpartition("=")
        if not equals:
            raise UsageError(f"--kind takes COLUMN=KIND, such as age=number, not {pair!r}.")
        if kinds.setdefault(name.strip(), kind.strip()) != kind.strip():
            raise UsageError(f"--kind says that {name!r} is a {kinds[name.strip()]} and a {kind}; drop one of them.")
    return kinds or None


def parse_changes(pairs: list[str]) -> dict[str, Any]:
    """Options from ``name=value``; a value is read as JSON, else as text."""
    options = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set takes name=value, not {pair!r}.")
        try:
            options[name.strip()] = json.loads(text)
        except ValueError:
            options[name.strip()] = text
    options, notes = current_names(options)
    for note in notes:
        typer.echo(f"Note: {note}", err=True)
    return options


def set_words(changes: Mapping[str, Any]) -> list[str]:
    """Options as ``name=value``, as `parse_changes` reads them."""
    return [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in changes.items()]
