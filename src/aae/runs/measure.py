"""Measures a run on its test rows and keeps the metrics beside it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aae.data.dataset import ReadOptions
from aae.evaluation.figures import evaluate as measure
from aae.runs.card import write_card
from aae.runs.open import Run, open_run
from aae.system.errors import AAEError
from aae.system.files import write_json
from aae.system.progress import spinner
from aae.training.train import Result

__all__ = ["evaluate", "measure_run", "saved_run"]


def evaluate(
    run: str | Path | Run | Result,
    data: str | None = None,
    components: Iterable[type] | type = (),
    reading: ReadOptions | None = None,
) -> dict[str, Any]:
    """The metrics of a model on test rows, as `aae evaluate --json` prints them.

    Args:
        run: A run directory, an opened run, or the result of a training, which may have been kept in memory.
        data: Other data to test a run directory on; its own if not given.
        components: Classes of your own that the model of a run directory is made of.
        reading: How the other data are written and where their labels are (``label_column``, ``labels_file``).

    Returns:
        ``{name: value}``, as `aae.evaluation.figures.evaluate` names them, and facts such as preset, steps and seconds.
        Of a run's own data they are also saved in its directory.

    Raises:
        AAEError: The run or the data cannot be read, or other data are given for what is no run directory.
    """
    if isinstance(run, str | Path):
        return measure_run(open_run(run, data, given=reading, components=components), data)
    if data is not None:
        raise AAEError("Other data are read for a run directory; give its path, as in aae.evaluate(path, data).")
    if isinstance(run, Run):
        return measure_run(run)
    if run.path is not None:
        return measure_run(saved_run(run))
    figures = _figures(run)
    return {"data": run.data.name, "steps": run.step, "seconds": round(run.seconds, 2), **figures}


def _figures(run: Run | Result) -> dict[str, float]:
    """Those of cross-validation, where it tested the model."""
    if run.cross_validation is not None:
        return run.cross_validation.figures
    return measure(run.model, run.data, run.split)


def saved_run(result: Result) -> Run:
    """The run that a training has just written, with the model and data that it still holds.

    Raises:
        AAEError: The training was kept in memory.
    """
    if result.path is None:
        raise AAEError("This training was kept in memory, so it has no run directory; train with out=DIRECTORY.")
    from aae.training.rundir import RunDir

    directory = RunDir(result.path)
    return Run(directory, directory.config(), result.model.cpu(), result.data, result.split, result.cross_validation)


def measure_run(run: Run, data: str | None = None) -> dict[str, Any]:
    """The flat object of `aae evaluate --json`; for the run's own data it is also saved in the run directory."""
    with spinner("Evaluating"):
        figures = _figures(run)
    config = run.config
    last = run.directory.history()
    facts: dict[str, Any] = {
        name: config[name] for name in ("preset", "data", "labels", "seed", "device", "precision") if name in config
    }
    results: dict[str, Any] = {
        **facts,
        "steps": int(last.last("step") or 0),
        "seconds": round(last.last("seconds") or 0.0, 2),
        **{name: round(value, 4) for name, value in figures.items()},
        **({} if run.by_class is None else run.by_class.entries()),
        **({} if run.sample_quality is None else run.sample_quality.entries()),
    }
    if data is not None:
        return results | {"data": data}
    write_json(run.directory.path / "evaluation.json", results)
    write_card(run.model, config, results, run.directory.model)
    return results
