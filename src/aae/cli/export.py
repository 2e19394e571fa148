"""Commands that export a model or time its training: export and bench."""

from pathlib import Path
from typing import Annotated

import typer

from aae.cli.examples import complete_presets
from aae.cli.options import AsJSON, Components, Data, RunPath

__all__ = ["bench", "export"]


def export(
    run: RunPath,
    out: Annotated[Path, typer.Option(help="Output folder.", show_default=False)],
    components: Components = None,
) -> None:
    """Export the model to ONNX and check the result against PyTorch."""
    from aae.runs.onnx import export_onnx

    typer.echo(export_onnx(run, out))


def bench(
    preset: Annotated[
        str, typer.Argument(metavar="[PRESET]", help="Preset to time.", autocompletion=complete_presets)
    ] = "semi-supervised",
    data: Data = "mnist",
    as_json: AsJSON = False,
    out: Annotated[Path, typer.Option(help="Output file of the bar chart.")] = Path("bench.png"),
) -> None:
    """Time training on each device, with the tutorial's settings and with ours."""
    from aae.presets.presets import resolve

    resolve(preset)  # checks the name before anything heavy is loaded
    from aae.report.bench import bench as measure

    measure(preset, data, as_json, out)
