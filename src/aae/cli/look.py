"""Commands that show presets, data, metrics, plots and the report."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aae.cli.examples import PICTURE_NAMES, complete_pictures, complete_presets
from aae.cli.options import (
    DATA,
    AsJSON,
    Categories,
    Components,
    Decimal,
    Delimiter,
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
    OtherData,
    Out,
    RunPath,
    Strict,
    Test,
    TextColumn,
    read_options,
)
from aae.cli.results import class_lines, figure_lines, headlines, report_run
from aae.system.errors import UsageError, printable

if TYPE_CHECKING:
    from aae.data.dataset import Dataset, ReadOptions

__all__ = ["evaluate", "plot", "presets", "report", "show_data"]


def presets(
    name: Annotated[
        str | None, typer.Argument(help="Preset whose options to show.", autocompletion=complete_presets)
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Show the options that a recipe changes: tutorial or paper.", metavar="NAME")
    ] = None,
) -> None:
    """List the presets, or show the options of one preset and their meaning."""
    from aae.presets.meanings import describe_preset, describe_recipe
    from aae.presets.presets import PRESETS

    if name is not None:
        lines = describe_preset(name) if recipe is None else describe_recipe(name, recipe)
    elif recipe is not None:
        raise UsageError(f"--recipe needs a preset, as in `aae presets semi-supervised --recipe {recipe}`.")
    else:
        width = max(map(len, PRESETS))
        lines = [f"{preset:{width}}  {row.summary}" for preset, row in PRESETS.items()]
    typer.echo("\n".join(lines))


def show_data(
    context: typer.Context,
    data: Annotated[str, typer.Argument(metavar="SPEC", help=f"Data to show: {DATA}.", show_default=False)],
    image_size: ImageSize = None,
    labels_file: LabelsFile = None,
    key_column: KeyColumn = None,
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
    features: Features = None,
    features_output: FeaturesOutput = None,
    text_column: TextColumn = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write a contact sheet of the images (.png, .svg or .pdf).")
    ] = None,
) -> None:
    """Show how a data set is read: examples, classes, every column of a table, what a training would use, and possible
    problems.
    """
    from aae.data.sources import load_data
    from aae.data.summary import describe_data, warnings_about
    from aae.runs.plan import usual_training
    from aae.system.files import check_output_path

    if out is not None:
        check_output_path(out, ".png", ".svg", ".pdf")
        among = _among_images(out, data, test)
        if among is not None:
            raise UsageError(f"{out} would lie among the images of {among}; name a file outside that folder.")
    reading = read_options(context)
    described = _print_columns(data, reading)
    rows, trainings = usual_training(load_data(data, reading))
    typer.echo(printable("\n".join([*describe_data(rows), "", *trainings])))
    if not described and not rows.is_image and rows.encoder is None:
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

    if reading.text_column is not None or not is_table(data) or is_large_table(Path(data)):
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
    from aae.data.row_keys import keys_of
    from aae.data.summary import contact_numbers, contact_rows
    from aae.report import plots

    if rows.originals is not None and rows.originals.are_pictures:
        keys = keys_of(rows).train[contact_numbers(rows)].tolist()
        plots.save(plots.samples(as_float(rows.originals.pictures(keys)), title=rows.name), out)
        typer.echo(printable(f"Contact sheet: {out}"))
    elif not rows.is_image:
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
    labels_file: LabelsFile = None, key_column: KeyColumn = None, label_column: LabelColumn = None,
    features: Features = None, text_column: TextColumn = None, components: Components = None,
) -> None:  # fmt: skip
    """Evaluate a run on its test examples, or on other data."""
    from aae.runs.measure import measure_run
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
            help=f"{', '.join(PICTURE_NAMES[:-1])} or {PICTURE_NAMES[-1]}.",
            show_default=False,
            autocompletion=complete_pictures,
        ),
    ],
    out: Out,
    features: Features = None,
    components: Components = None,
) -> None:
    """Draw one plot of a run."""
    from aae.data.dataset import ReadOptions
    from aae.report.gallery import draw_picture

    typer.echo(draw_picture(run, kind, out, ReadOptions(features=features)))


def report(run: RunPath, features: Features = None, components: Components = None) -> None:
    """Write RUN/report.html: all metrics and plots in one self-contained file."""
    from aae.data.dataset import ReadOptions

    report_run(run, ReadOptions(features=features))
