"""Hyperparameter search for a preset with Optuna, judged on validation rows or by cross-validation over the labels.

Optuna proposes settings (a tree-structured Parzen estimator), stops trials that are worse than the median
of the others, and keeps the study in a database that several workers can share. This module defines the
search space and the objective.
"""

import functools
import json
import logging
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aae.data.dataset import Dataset, ReadOptions
from aae.data.facts import Digests, data_facts, digests_of
from aae.data.sources import load_data
from aae.data.splits import Split, split_data
from aae.data.summary import describe_split, warnings_about
from aae.presets.build import build_model
from aae.presets.options import Options, renamed
from aae.runs.cross_validation import single_label_notes
from aae.runs.prepare import LENGTHS, default_labels, resolve_for
from aae.runs.train import train_preset
from aae.system.errors import AAEError, UsageError
from aae.system.progress import say, without_notes
from aae.tuning import studies
from aae.tuning.judging import FoldJudge, Judge, PrunedError, choose_judge, figure_text

__all__ = ["Search", "space_of", "tune"]

FINISHED = ("COMPLETE", "PRUNED")

Range = tuple[float, float, bool]  # lowest, highest, whether on a logarithmic scale

# The search space: name, range, and whether the preset uses the setting.
_SPACE: dict[str, tuple[Range, Any]] = {
    "lr": ((2e-4, 1e-2, True), lambda o: o.optimizer == "adam"),
    "z_weight": ((0.01, 3.0, True), lambda o: o.z > 0 and o.matching == "adversarial"),
    "mmd_weight": ((1.0, 1000.0, True), lambda o: o.z > 0 and "mmd" in o.matching),
    "y_weight": ((0.005, 0.5, True), lambda o: o.y not in ("none", "observed") and "adversarial" in o.y_matching),
    "information_weight": (
        (1.0, 300.0, True), lambda o: o.y in ("clusters", "auto") and "information" in o.y_matching
    ),
    "vat_radius": ((0.05, 1.0, True), lambda o: o.vat_radius > 0),
    "interpolation": ((0.2, 5.0, True), lambda o: o.interpolation > 0),
    "transformation": ((0.5, 5.0, True), lambda o: o.transformation > 0),
    "consistency": ((0.2, 5.0, True), lambda o: o.consistency > 0),
    "dropout": ((0.0, 0.5, False), lambda o: o.network == "mlp"),
}


class _SurplusError(Exception):
    """Another worker took the last trial at the same moment."""


@dataclass(frozen=True)
class Search:
    """The result of a search.

    Args:
        study: Optuna's study, for its own plots and tables.
        judge: How trials were judged.
        best: The options of the best trial, ``{name: value}``.
        interrupted: Whether it was stopped before its last trial.
    """

    study: Any
    judge: Judge
    best: dict[str, float]
    interrupted: bool = False

    @property
    def figure(self) -> str:
        """Name of the metric that was minimised."""
        return self.judge.figure


def space_of(options: Options, fixed: Mapping[str, Any]) -> dict[str, Range]:
    """The options that are searched and their ranges: those the preset uses and the user has not fixed."""
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
    """Search for options of a preset; test rows are not used.

    The first trial uses the preset's own options, so that the best trial is never worse on the
    validation rows. All trials use the same rows, labels and seed.

    Args:
        preset: Its name.
        data: A data set, or its name or path.
        trials: Number of trials of the study, including those of other workers and earlier calls.
        storage: URL of the database of the study, for example ``sqlite:///study.db``; None: in
            memory.
        study: Its name in the database.
        labels: As for `train_preset`.
        split: As for `train_preset`.
        seed: Seed of label draw, training and proposals.
        changes: Options that are fixed, ``{name: value}``.
        reading: How a path is read.
        progress: Show a progress bar for each trial, and its metric.
        **loop: Passed to `train_preset`: epochs, steps, seconds or max_seconds, device, precision.

    Raises:
        AAEError: Optuna is missing, the storage cannot be opened, the study has other options,
            or the data have no validation rows.
    """
    if trials < 1:
        raise UsageError(f"The number of trials must be 1 or more, not {trials}.")
    optuna = _optuna()
    fixed = renamed(changes or {})
    rows = load_data(data, reading or ReadOptions())
    digests = digests_of(rows)
    options = resolve_for(preset, fixed, rows)
    labels = default_labels(preset, rows) if labels is None else labels
    division = split_data(rows, labels, split, seed)
    space = space_of(options, fixed)
    length = {name: loop[name] for name in LENGTHS if loop.get(name)}
    judge = choose_judge(build_model(options, rows, len(division.labelled)).eval(), rows, division, seed, length)
    if progress:
        _say_how(rows, digests, division, judge)
    settings: dict[str, Any] = {"preset": preset, "data": rows.name, "labels": labels, "split": split, "seed": seed,
                                "figure": judge.figure, "fixed": fixed, "length": length,
                                "data_digest": data_facts(rows, digests)["rows_digest"]}
    opened, database = studies.open_study(optuna, storage, study, seed)
    with studies.explain_lost_storage(optuna, storage):
        _record_settings(opened, json.loads(json.dumps(settings)), study)
        opened.enqueue_trial({name: getattr(options, name) for name in space}, skip_if_exists=True)

    def objective(trial: Any) -> float:
        if sum(other.number < trial.number for other in finished_trials(opened, "RUNNING")) >= trials:
            raise _SurplusError
        chosen = {name: trial.suggest_float(name, low, high, log=log) for name, (low, high, log) in space.items()}
        train = functools.partial(train_preset, preset, rows, labels=labels, split=split, seed=seed,
                                  changes=fixed | chosen, progress=progress, fit_noise=False, **loop)  # fmt: skip
        try:
            with without_notes():  # which every training would repeat
                return judge(train, trial)
        except UsageError:
            raise
        except PrunedError as error:
            raise optuna.TrialPruned from error
        except AAEError as error:  # it diverged: the worst result, but no reason to stop the search
            trial.set_user_attr("failure", str(error))
            raise optuna.TrialPruned from error

    with studies.explain_lost_storage(optuna, storage):
        return Search(opened, judge, *_search(optuna, opened, database, objective, trials, progress))


def _say_how(data: Dataset, digests: Digests | None, split: Split, judge: Judge) -> None:
    """Say what is to be known of the data, which rows are held out, and how trials are judged."""
    for note in data.notes:
        say(f"Note: {note}")
    for warning in warnings_about(data, digests):
        say(f"Warning: {warning}")
    say(describe_split(data, split))
    known = int((data.test_y >= 0).sum())
    if len(data.test_x):
        labels = f", nor the {known:,} labels of these" if known else ""
        say(f"Note: The search does not use the {len(data.test_x):,} test examples{labels}.")
    if isinstance(judge, FoldJudge):
        say(f"Few labels are left for validation, so trials are evaluated by cross-validation over {judge.rows:,} "
            "labelled examples: each trains five times.")
        single = [data.classes[k] for k in np.unique(data.y[judge.labelled[judge.folds < 0]])]
        for note in single_label_notes(single):
            say(f"Note: {note}")


def _search(
    optuna: Any, study: Any, database: Any, objective: Any, trials: int, progress: bool
) -> tuple[dict[str, float], bool]:
    """Run trials until the study has enough; returns the best settings and whether it was interrupted."""

    def report(study: Any, trial: Any) -> None:
        if trial.state.name in FINISHED:
            outcome = outcome_of(trial, study.user_attrs["figure"])
            say(f"trial {trial.number + 1} ({len(finished_trials(study))} of {trials}): {outcome}")

    interrupted = False
    try:
        while True:
            started = finished_trials(study, "RUNNING")
            if sum(trial.state.name != "RUNNING" for trial in started) >= trials:
                break
            if len(started) >= trials:
                # Other workers run the last trials. If they die, their trials become free again.
                time.sleep(1)
                _write_first_heartbeats(database, started)
                optuna.storages.fail_stale_trials(study)
                continue
            try:
                study.optimize(objective, n_trials=1, catch=_SurplusError, callbacks=[report] if progress else [])
            except ValueError as error:
                if "Cannot tell a FAIL trial" not in str(error):
                    raise
                # This machine was suspended or disconnected for longer than the grace period.
                say(f"A trial is lost: after {studies.GRACE} seconds without a heartbeat it was released.")
    except KeyboardInterrupt:
        interrupted = True
    if not any(trial.state.name == "COMPLETE" for trial in study.get_trials(deepcopy=False)):
        if interrupted:
            return {}, True
        raise AAEError("No trial was completed, so there is no best one; give more --trials or fix a lower lr.")
    return dict(study.best_params), interrupted


def _write_first_heartbeats(database: Any, trials: list[Any]) -> None:
    """Write a first heartbeat for running trials that have none, so that a dead worker is noticed.

    Without it, the others would wait forever for a worker that was killed between taking a trial and its first
    heartbeat. A worker that is alive continues with its own heartbeats.
    """
    from sqlalchemy import text

    with database.engine.connect() as connection:
        known = set(connection.scalars(text("SELECT trial_id FROM trial_heartbeats")))
    for trial in trials:
        if trial.state.name == "RUNNING" and trial._trial_id not in known:
            database.record_heartbeat(trial._trial_id)


def finished_trials(study: Any, *also: str) -> list[Any]:
    """The complete and the pruned trials, and those of further states if given."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name in (*FINISHED, *also)]


def outcome_of(trial: Any, figure: str) -> str:
    """The result of a finished trial and its settings, as text."""
    settings = " ".join(f"{name}={value:.4g}" for name, value in trial.params.items())
    outcome = "stopped early" if trial.state.name == "PRUNED" else figure_text(figure, trial.value)
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


def _record_settings(study: Any, settings: dict[str, Any], name: str) -> None:
    """Store the settings of the search in a new study; refuse a study with other settings."""
    known = study.user_attrs
    for key, value in settings.items():
        if key in known and known[key] != value:
            raise UsageError(
                f"The study {name!r} in this storage has {key} {known[key]!r}, not {value!r}; "
                "give another --study or --storage, or the same options to continue it."
            )
    for key, value in settings.items():
        if key not in known:
            study.set_user_attr(key, value)
