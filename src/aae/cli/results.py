"""The figures of a run and its report, written by `train`, `evaluate` and `report`."""

from pathlib import Path
from typing import Any

import typer

__all__ = ["measure_run", "report_run"]


def measure_run(run: Any, data: str | None = None) -> dict[str, Any]:
    """The flat object of `aae evaluate --json`; for the run's own data it is also saved in the run directory."""
    from aae.evaluation.figures import evaluate as measure
    from aae.runs.card import write_card
    from aae.system.files import write_json
    from aae.system.progress import spinner

    with spinner("Evaluating"):
        figures = measure(run.model, run.data, run.split)
    config = run.config
    last = run.directory.history()
    facts = {
        name: config[name] for name in ("preset", "data", "labels", "seed", "device", "precision") if name in config
    }
    results = {
        **facts,
        "steps": int(last.last("step") or 0),
        "seconds": round(last.last("seconds") or 0.0, 2),
        **{name: round(value, 4) for name, value in figures.items()},
    }
    if data is not None:
        return results | {"data": data}
    write_json(run.directory.path / "evaluation.json", results)
    write_card(run.model, config, results, run.directory.model)
    return results


def report_run(path: Path) -> None:
    """Measure a run, print its errors and write its report."""
    from aae.report.gallery import write_run_report
    from aae.runs.open import open_run

    run = open_run(path)
    figures = measure_run(run)
    for name in ("test_error", "cluster_error"):
        if name in figures:
            typer.echo(f"{name.replace('_', ' ')}: {figures[name]:.2f} % of {len(run.data.test_x)} test rows")
    typer.echo(f"Report: {write_run_report(run, figures)}")
