"""The command `suggest`: which rows to label next."""

from pathlib import Path
from typing import Annotated, Any

import typer

from aae.cli.options import (
    DATA,
    Categories,
    Components,
    Decimal,
    Delimiter,
    Device,
    Encoding,
    Features,
    FeaturesOutput,
    Fit,
    Ignore,
    ImageSize,
    KeyColumn,
    Kind,
    LabelColumn,
    LabelsFile,
    Missing,
    Out,
    Precision,
    Seed,
    Test,
    TextColumn,
    read_options,
)
from aae.system.errors import counted, printable

__all__ = ["suggest"]


def suggest(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="SPEC_OR_RUN", help=f"Run directory, or data: {DATA}.",
                            show_default=False)
    ],
    n: Annotated[int, typer.Option("--n", help="Number of rows to suggest.", min=1, show_default=False)],
    out: Out,
    labels_file: LabelsFile = None,
    key_column: KeyColumn = None,
    label_column: LabelColumn = None,
    seed: Seed = 0,
    epochs: Annotated[float | None, typer.Option(help="Passes over the data to train the clustering.")] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps of that training.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Length of that training in seconds.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Time limit of that training in seconds.")] = None,
    device: Device = "auto", precision: Precision = "auto", image_size: ImageSize = None, test: Test = None,
    fit: Fit = None, categories: Categories = None, decimal: Decimal = None, delimiter: Delimiter = None,
    encoding: Encoding = None, missing: Missing = None, ignore: Ignore = None, kind: Kind = None,
    features: Features = None, features_output: FeaturesOutput = None, text_column: TextColumn = None,
    components: Components = None,
) -> None:  # fmt: skip
    """Suggest rows to label next: typical ones at first, later those of which the model is unsure.

    Writes a CSV file with an empty column `label` to fill in, and a page on which the rows can be labelled with the
    keyboard. Without a run, a clustering is trained first, without labels; it is kept beside the output.
    """
    from aae.system.files import check_output_path

    check_output_path(out, ".csv")  # before torch is loaded
    from aae.runs.suggest import suggest as choose
    from aae.runs.suggest import write_suggestions

    training: dict[str, Any] = {"epochs": epochs, "steps": steps, "seconds": seconds, "max_seconds": max_seconds,
                                "device": device, "precision": precision}  # fmt: skip
    keep = out.with_name(f"{out.stem}-clustering")
    found = choose(source, n, reading=read_options(context), seed=seed, keep=keep, **training)
    write_suggestions(found, out)
    typer.echo(printable(f"{counted(len(found.rows), 'row')} to label: {out}"))
    page = out.with_suffix(".html")
    _write_page(found, page)
    typer.echo(printable(f"Label them in: {page}"))


def _write_page(found: Any, out: Path) -> None:
    """The page to label the rows in."""
    from aae.data.labels import class_indices
    from aae.explorer.labelling import label_page

    classes = found.data.classes or found.model.classes or []
    proposed = None if found.proposed is None else class_indices(found.proposed, classes)
    label_page(found.data, found.rows, found.reasons, proposed, out, found.model)
