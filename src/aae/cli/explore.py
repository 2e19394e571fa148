"""The command that writes the explorer of a run."""

from typing import Annotated

import typer

from aae.cli.options import (
    Components,
    Decimal,
    Delimiter,
    Encoding,
    Features,
    KeyColumn,
    LabelColumn,
    LabelsFile,
    Missing,
    OtherData,
    Out,
    RunPath,
    Strict,
    TextColumn,
    read_options,
)
from aae.system.errors import printable

__all__ = ["explore"]


def explore(
    context: typer.Context, run: RunPath, out: Out,
    data: OtherData = None,
    rows: Annotated[int, typer.Option(help="Rows to show, at most 20,000.")] = 5000,
    labels_file: LabelsFile = None, label_column: LabelColumn = None, key_column: KeyColumn = None,
    strict: Strict = False, decimal: Decimal = None, delimiter: Delimiter = None, encoding: Encoding = None,
    missing: Missing = None, features: Features = None, text_column: TextColumn = None,
    components: Components = None,
) -> None:  # fmt: skip
    """Write one HTML file to look at a run: a map of its rows, the decoder, lists, and labelling.

    The file needs nothing else and no network. It shows test rows and a draw of the training rows.
    """
    from aae.explorer.count import check_count
    from aae.system.files import check_output_path

    check_count(rows)  # before torch is loaded
    check_output_path(out, ".html", ".htm")
    from aae.explorer.explore import write_explorer

    typer.echo(printable(write_explorer(run, out, rows, data, strict, read_options(context))))
