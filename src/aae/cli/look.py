"""Commands that show presets, data, figures, pictures and the report."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aae.cli.options import (
    AsJSON,
    Categories,
    Decimal,
    Delimiter,
    Encoding,
    Fit,
    Ignore,
    ImageSize,
    Kind,
    LabelColumn,
    LabelsFile,
    Missing,
    OtherData,
    Out,
    RunPath,
    Strict,
    Test,
    read_options,
)
from aae.cli.results import class_lines, figure_lines, headlines, measure_run, report_run
from aae.system.errors import UsageError, printable

if TYPE_CHECKING:
    from aae.data.dataset import Dataset, ReadOptions

__all__ = ["evaluate", "plot", "presets", "report", "show_data"]


def presets(name: Annotated[str | None, typer.Argument(help="Show this preset's options.")] = None) -> None:
    """List what can be trained, one line each; or the options of one preset."""
    from dataclasses import asdict

    from aae.presets.presets import PRESETS, resolve
    from aae.presets.recipes import RECIPES

    if name is not None:
        for option, value in asdict(resolve(name)).items():
            typer.echo(f"{option}={json.dumps(value)}")
        others = {"vectors and tables": PRESETS[name].vectors, "fewer than 50 columns": PRESETS[name].narrow}
        for kind, changes in others.items():
            if changes:
                typer.echo(f"# {kind}: {', '.join(f'{k}={json.dumps(v)}' for k, v in changes.items())}")
        recipes = [recipe for recipe, covered in RECIPES.items() if name in covered]
        typer.echo(
            f"# also: recipe={' or recipe='.join(recipes)}, the published settings" if recipes else "", nl=bool(recipes)
        )
        return
    width = max(map(len, PRESETS))
    for preset, row in PRESETS.items():
        typer.echo(f"{preset:{width}}  {row.summary}")


def show_data(
    context: typer.Context,
    data: Annotated[str, typer.Argument(metavar="SPEC", help="As --data of train.", show_default=False)],
    image_size: ImageSize = None,
    labels_file: LabelsFile = None,
    label_column: LabelColumn = None,
    test: Test = None,
    strict: Strict = False,
    fit: Fit = None,
    categories: Categories = None,
    decimal: Decimal = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    missing: Missing = None,
    ignore: Ignore = None,
    kind: Kind = None,
    out: Annotated[
        Path | None, typer.Option(help="Write a contact sheet of the images to this file (.png, .svg or .pdf).")
    ] = None,
) -> None:
    """Show what is understood of some data: rows, classes, every column of a table, and what looks wrong."""
    from aae.data.sources import load_data
    from aae.data.summary import describe_data, warnings_about
    from aae.system.files import check_output_path

    if out is not None:
        check_output_path(out, ".png", ".svg", ".pdf")
        among = _among_images(out, data, test)
        if among is not None:
            raise UsageError(f"{out} would lie among the images of {among}; name a file outside of that folder.")
    reading = read_options(context)
    described = _print_columns(data, reading)
    rows = load_data(data, reading)
    typer.echo(printable("\n".join(describe_data(rows))))
    if not described and not rows.is_image:
        from aae.data.column_summary import column_lines, summarize_rows

        typer.echo("\n" + "\n".join(column_lines(summarize_rows(rows))))
    for kind_of_note, sentences in (("Note", rows.notes), ("Warning", warnings_about(rows))):
        for sentence in sentences:
            typer.echo(printable(f"{kind_of_note}: {sentence}"), err=True)
    if out is not None:
        _write_contact_sheet(rows, out)


def _print_columns(data: str, reading: "ReadOptions") -> bool:
    """Print a line for each column of a table, if the data are one in memory; raise what is wrong with its columns."""
    from aae.data.column_summary import column_lines, summarize_table
    from aae.data.large import is_large_table
    from aae.data.sources import is_table

    if not is_table(data) or is_large_table(Path(data)):
        return False
    columns, errors = summarize_table(Path(data), reading)
    typer.echo("\n".join(column_lines(columns)) + "\n")
    for error in errors[1:]:
        typer.echo(printable(f"Error: {error}"), err=True)
    if errors:
        raise errors[0]
    return True


def _write_contact_sheet(rows: "Dataset", out: Path) -> None:
    from aae.data.dataset import as_float
    from aae.data.summary import contact_rows
    from aae.report import plots

    if not rows.is_image:
        typer.echo("No contact sheet: the rows are not images.")
    elif rows.shape[2:] not in ((), (1,), (3,), (4,)):
        typer.echo(f"No contact sheet: {rows.shape[2]} channels cannot be shown.")
    else:
        plots.save(plots.samples(as_float(contact_rows(rows)), title=rows.name), out)
        typer.echo(printable(f"Contact sheet: {out}"))


def _among_images(file: Path, *sources: str | None) -> str | None:
    """The folder of images that a file would lie in, if any."""
    from aae.data.sources import is_image_source

    def inside(source: str) -> bool:
        return is_image_source(source) and file.resolve().is_relative_to(Path(source).resolve())

    return next((source for source in sources if source is not None and inside(source)), None)


def evaluate(
    context: typer.Context, run: RunPath, data: OtherData = None, as_json: AsJSON = False, strict: Strict = False,
    decimal: Decimal = None, delimiter: Delimiter = None, encoding: Encoding = None, missing: Missing = None,
) -> None:  # fmt: skip
    """Measure a run on its test set."""
    from aae.runs.open import open_run

    opened = open_run(run, data, strict, read_options(context))
    figures = measure_run(opened, data)
    if as_json:
        typer.echo(json.dumps(figures))
        return
    for line in [*headlines(opened, figures), *figure_lines(figures), *class_lines(opened)]:
        typer.echo(printable(line))


def plot(
    run: RunPath,
    kind: Annotated[
        str,
        typer.Argument(
            help="features, latent, manifold, styles, reconstructions, curves, confusion, mistakes, samples or time.",
            show_default=False,
        ),
    ],
    out: Out,
) -> None:
    """Draw one picture of a run."""
    from aae.report.gallery import draw_picture

    typer.echo(draw_picture(run, kind, out))


def report(run: RunPath) -> None:
    """Write RUN/report.html: every figure and picture in one file that opens offline."""
    report_run(run)
