"""Arguments and options that several commands share."""

import json
from collections.abc import Sequence
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

DATA = "digits, mnist, a file (.npz, .npy, .csv, .parquet), or a folder of images or IDX files"

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.", show_default=False)]
PresetName = Annotated[
    str,
    typer.Argument(
        metavar="PRESET",
        help="Preset to train; see `aae presets`.",
        show_default=False,
        autocompletion=complete_presets,
    ),
]
Labels = Annotated[
    int | None, typer.Option(help="Number of labels to use; default: set by the preset.")
]
SplitHow = Annotated[str, typer.Option(help="How to split the data: random, or tutorial (fixed, in file order).")]
Seed = Annotated[int, typer.Option(help="Random seed.", min=0, max=2**63 - 1)]
Data = Annotated[str, typer.Option(help=f"Data to train on: {DATA}.", metavar="SPEC")]
OtherData = Annotated[
    str | None, typer.Option("--data", help=f"Data to use instead of the run's own: {DATA}.", metavar="SPEC")
]
Out = Annotated[Path, typer.Option(help="Output file.", show_default=False)]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column of a table (.csv, .parquet) that holds the labels.", metavar="NAME")
]
Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT", help=f"Input data: {DATA}, or a single image.", show_default=False
    ),
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print only one flat JSON object.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Devices = Annotated[
    int | None,
    typer.Option(help="Processes on this machine: one per GPU, or sharing the CPU cores. Omit under torchrun."),
]
Precision = Annotated[str, typer.Option(help="auto (32 on a CPU, bf16 on a GPU that has it), 32 or bf16.")]
ImageSize = Annotated[
    int | None, typer.Option(help="Side length of images from a folder, 8 to 128; default: their own, at most 64.")
]
LabelsFile = Annotated[
    str | None,
    typer.Option(
        help="CSV file that holds the labels, with the columns file,label for images; index,label, or the key column "
        "and label, for other rows.",
        metavar="FILE",
    ),
]
KeyColumn = Annotated[
    str | None,
    typer.Option(
        help="Column of a table that identifies its rows in --labels-file; the model does not learn from it.",
        metavar="NAME",
    ),
]
Test = Annotated[
    str | None, typer.Option(help="Data to test on, in the format of --data; default: part of --data.", metavar="SPEC")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at an unreadable image or an unknown category.")
]
Fit = Annotated[
    str | None, typer.Option(help="How to make images square: crop, pad or stretch.", metavar="HOW")
]
Categories = Annotated[
    str | None, typer.Option(help="Columns of numbers to treat as categories, such as ward,zip.", metavar="NAMES")
]
Decimal = Annotated[str | None, typer.Option(help="Decimal separator of numbers in a table.", metavar="MARK")]
Delimiter = Annotated[str | None, typer.Option(help="Field separator of a .csv file.", metavar="MARK")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of a .csv file, such as cp1252.", metavar="NAME")]
Missing = Annotated[
    str | None, typer.Option(help="Texts that mark missing values in a table, such as ?,n/a.", metavar="TEXTS")
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(help="Table column to ignore; may be repeated.", metavar="COLUMN"),
]
Kind = Annotated[
    list[str] | None,
    typer.Option(
        help="Type of a table column: number, category, date or text (ignored); may be repeated.",
        metavar="COLUMN=KIND",
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        help="Frozen encoder (ONNX file, folder, or Hugging Face Hub name) that makes vectors of images or texts; for "
        "a run, where its encoder lies now.",
        metavar="ENCODER",
    ),
]
FeaturesOutput = Annotated[
    str | None,
    typer.Option(help="Output of the encoder: pooled, class_token, mean, or its name.", metavar="NAME"),
]
TextColumn = Annotated[
    str | None, typer.Option(help="Column of a table whose texts --features reads.", metavar="NAME")
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set an option of the preset; may be repeated. `aae presets NAME` lists them.",
        autocompletion=complete_options,
    ),
]

Components = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODULE:CLASS,...",
        help="Own classes that the model uses, such as my_parts:TwoMoons or my_parts:TwoMoons,MyRule; may be "
        "repeated.",
        callback=import_components,
        is_eager=True,
    ),
]


def read_options(context: typer.Context) -> "ReadOptions":
    """The options of a command that say how data are read."""
    from aae.data.dataset import ReadOptions

    given = {field.name for field in fields(ReadOptions)} - {"chosen", "encoder", "pictures"}
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
            raise UsageError(f"--kind gives {name!r} two types, {kinds[name.strip()]} and {kind}; drop one of them.")
    return kinds or None


def parse_changes(pairs: list[str]) -> dict[str, Any]:
    """Options from ``name=value``; a value is read as JSON, otherwise as text."""
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
