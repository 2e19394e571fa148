"""The report of a search: the best options, all trials, and Optuna's plots."""

import shlex
import warnings
from pathlib import Path
from typing import Any

from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, MaxNLocator

from aae.report.page import write_report
from aae.tuning.judging import NAMES
from aae.tuning.tune import Search, finished_trials, outcome_of

__all__ = ["best_command", "write_search_report"]

MIN_TRIALS = 5  # complete trials that importances need
_CAPTIONS = {
    "history": "Result of every trial, and the best so far.",
    "importances": "Importance of each option, as estimated by Optuna.",
}


def best_command(search: Search, *arguments: str) -> str:
    """The command line that trains with the best options.

    Args:
        search: The finished search.
        *arguments: Arguments before the settings: preset, ``--data`` and the like.
    """
    settings = [part for name, value in search.best.items() for part in ("--set", f"{name}={value:.6g}")]
    return shlex.join(["aae", "train", *arguments, *settings])


def write_search_report(search: Search, path: Path, command: str) -> Path:
    """Write the page.

    Args:
        search: The finished search.
        path: The HTML file.
        command: The command line of the best options.

    Raises:
        AAEError: The file cannot be written.
    """
    figure = search.study.user_attrs["figure"]
    finished = finished_trials(search.study)
    finished.sort(key=lambda trial: (trial.state.name != "COMPLETE", trial.value if trial.value is not None else 0))
    pictures, notes = _pictures(search)
    notes = [*([f"Best {search.judge.describe(search.study.best_value)}."] if search.best else []), *notes]
    notes += ["The search was stopped before its last trial."] if search.interrupted else []
    table: dict[str, object] = {f"trial {trial.number + 1}": outcome_of(trial, figure) for trial in finished}
    title = f"{search.study.user_attrs['preset']} on {search.study.user_attrs['data']}: {len(finished)} trials"
    facts = {**search.study.user_attrs, "figure": NAMES.get(figure, figure.replace("_", " "))}
    return write_report(path, title, pictures, facts, table, notes, [command])


def _pictures(search: Search) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """Optuna's history and importances; importances are meaningless for few trials."""
    from optuna.visualization import matplotlib as drawing

    complete = sum(trial.state.name == "COMPLETE" for trial in finished_trials(search.study))
    draws: dict[str, Any] = {"history": drawing.plot_optimization_history}
    notes = []
    if complete >= MIN_TRIALS and len(search.best) > 1:
        draws["importances"] = drawing.plot_param_importances
    else:
        notes.append(f"The importance of options needs {MIN_TRIALS} complete trials; there are {complete}.")
    drawn = {}
    before = set(pyplot.get_fignums())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's: experimental features, and trials with equal values
        for name, draw in draws.items():
            axes = draw(search.study)
            if name == "history":  # Optuna counts from 0, the table from 1
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
                axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number + 1:g}"))
            drawn[name] = (_CAPTIONS[name], axes.figure)
    for number in set(pyplot.get_fignums()) - before:
        pyplot.close(number)
    return drawn, notes
