"""Commands that use a trained model: predict, encode, reconstruct, sample."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from aae.cli.options import (
    Components,
    Decimal,
    Delimiter,
    Devices,
    Encoding,
    Features,
    Input,
    Missing,
    Out,
    RunPath,
    Strict,
    TextColumn,
    read_options,
)
from aae.system.errors import UsageError, printable
from aae.system.files import check_output_path

__all__ = ["encode", "predict", "reconstruct", "sample"]

DECODED = (".npz", ".png", ".csv", ".parquet")  # endings of files with decoded rows


def predict(
    context: typer.Context, run: RunPath, rows: Input,
    out: Annotated[
        Path | None, typer.Option(help="CSV file to write; default: print the first predictions.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--id", help="Column of a table that identifies the rows, instead of their index.",
                                 metavar="COLUMN")
    ] = None,
    devices: Devices = None, strict: Strict = False,
    decimal: Decimal = None, delimiter: Delimiter = None,
    encoding: Encoding = None, missing: Missing = None, features: Features = None,
    text_column: TextColumn = None, components: Components = None,
) -> None:  # fmt: skip
    """Predict classes and their probabilities; print the first few, or write all of them as CSV.

    The confidence of a prediction is the probability of the predicted class, calibrated on labels that were not learned
    (by cross-validation or on held-out rows) where there are any.
    """
    given = read_options(context)
    if out is None:
        from aae.runs.answers import answers

        if devices not in (None, 1):
            raise UsageError("--devices needs an output file; name it with --out FILE.csv.")
        typer.echo(printable("\n".join(answers(run, rows, strict, given, key))))
        return
    from aae.runs.outputs import predictions

    _run_distributed(devices, lambda group: predictions(run, rows, out, group, strict, given, key))


def encode(
    context: typer.Context, run: RunPath, rows: Input, out: Out, devices: Devices = None, strict: Strict = False,
    decimal: Decimal = None, delimiter: Delimiter = None,
    encoding: Encoding = None, missing: Missing = None, features: Features = None,
    text_column: TextColumn = None, components: Components = None,
) -> None:  # fmt: skip
    """Write the latent codes of every example as .npz or .parquet."""
    from aae.runs.outputs import codes

    given = read_options(context)
    _run_distributed(devices, lambda group: codes(run, rows, out, group, strict, given))


def _run_distributed(devices: int | None, work: Callable[[Any], str | None]) -> None:
    """Run the work in one process, or divided among several; rank zero prints the result."""
    if devices in (None, 1) and "TORCHELASTIC_RUN_ID" not in os.environ:
        typer.echo(work(None))
        return
    from aae.distributed.processes import launch

    group = launch(devices=devices)
    with group.explain_lost_process(lambda: "Run the command again."):
        group.barrier()
        result = work(group)
    if result is not None:
        typer.echo(result)


def reconstruct(
    context: typer.Context, run: RunPath, rows: Input, out: Out, strict: Strict = False,
    decimal: Decimal = None, delimiter: Delimiter = None,
    encoding: Encoding = None, missing: Missing = None, features: Features = None,
    text_column: TextColumn = None, components: Components = None,
) -> None:  # fmt: skip
    """Write the reconstruction of every example: .npz, .csv or .parquet, or the first few as .png."""
    if check_output_path(out, *DECODED) == ".png":
        from aae.report.sheets import reconstruction_sheet as write
    else:
        from aae.runs.outputs import reconstructions as write
    typer.echo(write(run, rows, out, strict, read_options(context)))


def sample(
    run: RunPath,
    out: Out,
    n: Annotated[int, typer.Option("--n", help="Number of samples.", min=1)] = 64,
    label: Annotated[str | None, typer.Option(help="Class to sample from.")] = None,
    seed: Annotated[int, typer.Option(help="Random seed.", min=0, max=2**63 - 1)] = 0,
    components: Components = None,
) -> None:
    """Write samples from the model: .npz, .png, .csv or .parquet."""
    if check_output_path(out, *DECODED) == ".png":
        from aae.report.sheets import sample_sheet as write
    else:
        from aae.runs.outputs import samples as write
    typer.echo(write(run, n, label, seed, out))
