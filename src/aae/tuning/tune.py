"""Many trials of a preset's settings through Optuna, judged on validation rows only.

Optuna proposes settings (a tree-structured Parzen estimator), stops trials that fall behind the median
of the others, and keeps the study in a database that several workers share. What is searched, and by
which figure a model is judged, is decided here.
"""

import json
import logging
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aae.data.sources import Dataset, ReadOptions, load_data
from aae.data.splits import split_data
from aae.evaluation.figures import validation_figure
from aae.model.autoencoder import Autoencoder
from aae.presets.build import build_model
from aae.presets.options import Options, renamed
from aae.runs.train import default_labels, resolve_for, train_preset
from aae.system.errors import AAEError, UsageError
from aae.system.progress import say
from aae.tuning import studies

__all__ = ["Search", "space_of", "tune"]

LOOKS = 10  # places of a training at which trials are compared
COUNTED = ("COMPLETE", "PRUNED")

Range = tuple[float, float, bool]  # lowest, highest, whether in proportion

# What matters: name, range, and whether the preset makes use of it.
_SPACE: dict[str, tuple[Range, Any]] = {
    "lr": ((2e-4, 1e-2, True), lambda o: o.optimizer == "adam"),
    "z_weight": ((0.01, 3.0, True), lambda o: o.z > 0 and o.matching == "adversarial"),
    "mmd_weight": ((1.0, 1000.0, True), lambda o: o.z > 0 and "mmd" in o.matching),
    "y_weight": ((0.005, 0.5, True), lambda o: o.y not in ("none", "observed") and "adversarial" in o.y_matching),
    "information_weight": (
        (1.0, 300.0, True), lambda o: o.y in ("clusters", "auto") and "information" in o.y_matching
    ),
    "adversarial_radius": ((0.05, 1.0, True), lambda o: o.adversarial_radius > 0),
    "interpolation": ((0.2, 5.0, True), lambda o: o.interpolation > 0),
    "transformation": ((0.5, 5.0, True), lambda o: o.transformation > 0),
    "consistency": ((0.2, 5.0, True), lambda o: o.consistency > 0),
    "dropout": ((0.0, 0.5, False), lambda o: o.network == "mlp"),
}


class _SurplusError(Exception):
    """Another worker took the last trial at the same moment."""


@dataclass(frozen=True)
class Search:
    """What came of a search.

    Args:
        study: Optuna's study, for its own plots and tables.
        figure: Name of the figure that was made small.
        best: The settings of the best trial, ``{name: value}``.
        interrupted: Whether it was stopped before its last trial.
    """

    study: Any
    figure: str
    best: dict[str, float]
    interrupted: bool = False


def space_of(options: Options, fixed: Mapping[str, Any]) -> dict[str, Range]:
    """The settings that are searched and their ranges: those the preset uses and the user has not fixed."""
    return {name: span for name, (span, used) in _SPACE.items() if name not in fixed and used(options)}


def tune(
    preset: str,
    data: str | Path | Dataset = "digits",
    *,
    trials: int,
    storage: str | None = None,
    study: str = "aae",
    labels: int | None = None,
    split: str = "random",
    seed: int = 0,
    changes: Mapping[str, Any] | None = None,
    reading: ReadOptions | None = None,
    progress: bool = True,
    **loop: Any,
) -> Search:
    """Search for a preset's settings; test rows are not looked at.

    The first trial has the preset's own settings, so that the best is never worse than they are on
    the validation rows. Every trial has the same rows, labels and seed.

    Args:
        preset: Its name.
        data: A data set, or its name or path.
        trials: Number of trials of the study, those of other workers and earlier calls included.
        storage: URL of the database that keeps the study, for example ``sqlite:///study.db``; None
            keeps it in memory.
        study: Its name in the database.
        labels: As for `train_preset`.
        split: As for `train_preset`.
        seed: Seed of label draw, training and proposals.
        changes: Settings that are fixed, ``{name: value}``.
        reading: How a path is read.
        progress: Show a bar for each trial and its figure.
        **loop: Passed to `train_preset`: epochs, steps or max_seconds, device, precision.

    Raises:
        AAEError: Optuna is missing, the storage cannot be opened, the study is of something else,
            or the data have no validation rows to judge by.
    """
    if trials < 1:
        raise UsageError(f"The number of trials must be 1 or more, not {trials}.")
    optuna = _optuna()
    fixed = renamed(changes or {})
    rows = load_data(data, reading or ReadOptions())
    options = resolve_for(preset, fixed, rows)
    labels = default_labels(preset, rows) if labels is None else labels
    division = split_data(rows, labels, split, seed)
    figure, _ = validation_figure(build_model(options, rows, len(division.labelled)).eval(), rows, division)
    space = space_of(options, fixed)
    length = {name: loop[name] for name in ("epochs", "steps", "max_seconds") if loop.get(name)}
    asked: dict[str, Any] = {"preset": preset, "data": rows.name, "labels": labels, "split": split, "seed": seed,
                             "figure": figure, "fixed": fixed, "length": length}
    found, kept = studies.open_study(optuna, storage, study, seed)
    with studies.reached(optuna, storage):
        _claim(found, json.loads(json.dumps(asked)), study)
        found.enqueue_trial({name: getattr(options, name) for name in space}, skip_if_exists=True)

    def objective(trial: Any) -> float:
        if sum(other.number < trial.number for other in counted(found, "RUNNING")) >= trials:
            raise _SurplusError
        chosen = {name: trial.suggest_float(name, low, high, log=log) for name, (low, high, log) in space.items()}
        value, looked = float("nan"), -1

        def watch(model: Autoencoder, share: float) -> None:
            nonlocal value, looked
            _, value = validation_figure(model, rows, division)
            # At tenths of the training, so that trials are compared at the same places.
            place = int(LOOKS * min(share, 1.0))
            if place > looked:  # Optuna keeps the first value of a place, and complains of others
                trial.report(value, place)
                looked = place
            if share < 1 and trial.should_prune():
                raise optuna.TrialPruned

        try:
            result = train_preset(preset, rows, labels=labels, split=split, seed=seed, changes=fixed | chosen,
                                  watch=watch, progress=progress, **loop)
        except UsageError:
            raise
        except AAEError as error:  # it diverged: as bad as can be, and no reason to stop the search
            trial.set_user_attr("failure", str(error))
            raise optuna.TrialPruned from error
        if result.interrupted:
            raise KeyboardInterrupt
        return value

    with studies.reached(optuna, storage):
        return Search(found, figure, *_search(optuna, found, kept, objective, trials, progress))


def _search(
    optuna: Any, study: Any, kept: Any, objective: Any, trials: int, progress: bool
) -> tuple[dict[str, float], bool]:
    """Run trials until the study has enough, whoever runs them; the best settings, and whether it was stopped."""

    def tell(study: Any, trial: Any) -> None:
        if trial.state.name in COUNTED:
            outcome = outcome_of(trial, study.user_attrs["figure"])
            say(f"trial {trial.number + 1} ({len(counted(study))} of {trials}): {outcome}")

    interrupted = False
    try:
        while True:
            begun = counted(study, "RUNNING")
            if sum(trial.state.name != "RUNNING" for trial in begun) >= trials:
                break
            if len(begun) >= trials:
                # Others are at work on the last ones. If they die, their trials become free again.
                time.sleep(1)
                _hear(kept, begun)
                optuna.storages.fail_stale_trials(study)
                continue
            try:
                study.optimize(objective, n_trials=1, catch=_SurplusError, callbacks=[tell] if progress else [])
            except ValueError as error:
                if "Cannot tell a FAIL trial" not in str(error):
                    raise
                # This machine was asleep, or cut off, for longer than the others bear.
                say(f"A trial is lost: silent for {studies.GRACE} seconds, it became free again.")
    except KeyboardInterrupt:
        interrupted = True
    if not any(trial.state.name == "COMPLETE" for trial in study.get_trials(deepcopy=False)):
        if interrupted:
            return {}, True
        raise AAEError("No trial came to its end, so there is no best one; give more --trials or fix a lower lr.")
    return dict(study.best_params), interrupted


def _hear(kept: Any, trials: list[Any]) -> None:
    """Give a first heartbeat to running trials that have none, so that their silence is noticed.

    A worker that is killed after it has taken a trial and before its first heartbeat would be waited for
    without end; one that lives goes on from here.
    """
    from sqlalchemy import text

    with kept.engine.connect() as connection:
        heard = set(connection.scalars(text("SELECT trial_id FROM trial_heartbeats")))
    for trial in trials:
        if trial.state.name == "RUNNING" and trial._trial_id not in heard:
            kept.record_heartbeat(trial._trial_id)


def counted(study: Any, *also: str) -> list[Any]:
    """The trials that count as done, whole or stopped early; those of other states too, if they are named."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name in (*COUNTED, *also)]


def outcome_of(trial: Any, figure: str) -> str:
    """What came of a finished trial, and its settings."""
    settings = " ".join(f"{name}={value:.4g}" for name, value in trial.params.items())
    outcome = "stopped early" if trial.state.name == "PRUNED" else f"{figure} {trial.value:.4g}"
    return f"{'diverged' if 'failure' in trial.user_attrs else outcome} ({settings})"


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise AAEError(
            "Tuning needs Optuna, which is not installed; `pip install 'adversarial-autoencoder[tune]'`."
        ) from error
    optuna.logging.set_verbosity(logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return optuna


def _claim(study: Any, asked: dict[str, Any], name: str) -> None:
    """Write down what a new study is of; refuse one of something else."""
    known = study.user_attrs
    for key, value in asked.items():
        if key in known and known[key] != value:
            raise UsageError(
                f"The study {name!r} in this storage is of {key} {known[key]!r}, not {value!r}; "
                "give another --study or --storage, or the same settings to go on with it."
            )
    for key, value in asked.items():
        if key not in known:
            study.set_user_attr(key, value)
