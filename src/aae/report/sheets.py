"""Contact sheets as files: originals and reconstructions side by side, and samples."""

from pathlib import Path

from aae.data.dataset import ReadOptions
from aae.evaluation import inference
from aae.model.artifact import load
from aae.report import plots
from aae.report.tables import refuse_cells
from aae.runs.outputs import draw_samples, label_numbers, read_input, reading_of
from aae.system.errors import counted
from aae.system.files import check_output_path

__all__ = ["reconstruction_sheet", "sample_sheet"]

SHOWN = 20  # reconstructions on a sheet


def reconstruction_sheet(
    run: Path, spec: str, out: Path, strict: bool = False, given: ReadOptions | None = None
) -> str:
    """Draw the first rows of an input and their reconstructions side by side.

    Args:
        run: A run, or the folder of a model.
        spec: Rows, as for `aae.runs.outputs.read_input`.
        out: The ``.png`` file.
        strict: Refuse categories that the model has not seen.
        given: How the input is written, if it is a table.

    Raises:
        AAEError: The input cannot be read, or the file cannot be written.
    """
    check_output_path(out, ".png")
    model = load(run)
    refuse_cells(model)
    rows, names, _ = read_input(spec, model, reading_of(run, strict, given))
    rows, names = rows[:SHOWN], None if names is None else names[:SHOWN]
    x = inference.prepare(model, rows)
    decoded = inference.reconstruct(model, x, label_numbers(model, names), prepared=True)
    plots.save(plots.reconstructions(x, decoded), out)
    return f"{counted(len(rows), 'reconstruction')}: {out}"


def sample_sheet(run: Path, n: int, label: str | None, seed: int, out: Path) -> str:
    """Draw samples decoded from the priors.

    Args:
        run: A run, or the folder of a model.
        n: Number of samples.
        label: Name of the class to draw from; None for all.
        seed: Seed of the draw.
        out: The ``.png`` file.

    Raises:
        AAEError: The model has no such class or no prior, its rows are not images, or the file cannot be written.
    """
    check_output_path(out, ".png")
    model = load(run)
    refuse_cells(model)
    plots.save(plots.samples(draw_samples(model, n, label, seed)), out)
    return f"{counted(n, 'sample')}: {out}"
