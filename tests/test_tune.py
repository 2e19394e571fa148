import subprocess
import sys
import time

import numpy as np
import pytest

import aae
from aae.errors import AAEError, UsageError
from aae.evaluation import validation_figure
from aae.presets import resolve
from aae.tune import space_of, tune
from aae.tune_report import best_command, write_search_report

optuna = pytest.importorskip("optuna")
SMALL = {"network": "mlp", "hidden": [8], "discriminator_hidden": [8], "z": 2}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(k, 0.3, (40, 4)) for k in (0, 2)]).astype(np.float32)
    y = np.repeat([0, 1], 40)
    return aae.Dataset("two", x, y, x[::2], y[::2], [0, 1])


def search(data, preset="few-labels", **arguments):
    arguments = {"trials": 2, "steps": 4, "labels": 8, "progress": False, "changes": SMALL} | arguments
    return tune(preset, data, **arguments)


def test_the_preset_s_own_settings_come_first_and_the_best_is_no_worse(data):
    found = search(data, trials=3)
    own = resolve("few-labels", SMALL, columns=4)
    first, *others = found.study.trials
    assert first.params == {name: getattr(own, name) for name in first.params}
    assert set(first.params) == {"lr", "z_weight", "y_weight", "adversarial_radius", "dropout"}
    assert set(first.params) == set(space_of(own, SMALL))
    assert found.study.best_value <= first.value
    assert found.figure == "validation_error"
    assert len(others) == 2


def test_test_rows_are_not_looked_at(data):
    hidden = aae.Dataset("two", data.x, data.y, np.full_like(data.test_x, np.nan), data.test_y, [0, 1])
    first, second = (search(rows).study.trials for rows in (data, hidden))
    assert [trial.value for trial in first] == [trial.value for trial in second]


def test_fixed_settings_are_not_searched(data):
    found = search(data, changes=SMALL | {"lr": 0.003})
    assert "lr" not in found.study.trials[0].params
    assert "lr" not in found.best


def test_the_same_call_goes_on_with_a_study(data, tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    assert len(search(data, storage=storage).study.trials) == 2
    assert len(search(data, storage=storage, trials=3).study.trials) == 3
    assert len(search(data, storage=storage, trials=3).study.trials) == 3


@pytest.mark.parametrize(
    "other", [{"preset": "semi-supervised"}, {"labels": 10}, {"steps": 5}, {"changes": SMALL | {"lr": 0.1}}]
)
def test_a_study_of_something_else_is_refused(data, tmp_path, other):
    storage = f"sqlite:///{tmp_path}/study.db"
    search(data, storage=storage, trials=1)
    with pytest.raises(UsageError, match="The study 'aae' in this storage is of"):
        search(data, storage=storage, **other)
    assert len(search(data, storage=storage, study="other", trials=1, **other).study.trials) == 1


@pytest.mark.parametrize(
    "storage", ["sqlite:////no/such/folder/study.db", "nonsense", "postgresql://me:secret@localhost:1/study"]
)
def test_a_storage_that_cannot_be_opened(data, storage, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(AAEError, match="cannot be opened") as caught:
        search(data, storage=storage)
    assert "secret" not in str(caught.value)


def test_trials_that_diverge_do_not_stop_the_search(data, monkeypatch):
    import aae.tune

    train, calls = aae.tune.train_preset, []

    def first_fails(*arguments, **named):
        calls.append(named)
        if len(calls) == 1:
            raise AAEError("Training diverged.")
        return train(*arguments, **named)

    monkeypatch.setattr(aae.tune, "train_preset", first_fails)
    found = search(data, trials=2)
    assert [trial.state.name for trial in found.study.trials] == ["PRUNED", "COMPLETE"]
    assert found.study.trials[0].user_attrs["failure"] == "Training diverged."


def test_a_trial_that_falls_behind_is_stopped_early(data, monkeypatch):
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda self: self.number == 1)
    monkeypatch.setattr("aae.training.EVALUATE_SHARE", 1e9)
    found = search(data, trials=3, steps=None, epochs=4)
    assert [trial.state.name for trial in found.study.trials] == ["COMPLETE", "PRUNED", "COMPLETE"]


@pytest.mark.parametrize("trials", [0, -1])
def test_a_number_of_trials_that_is_none(data, trials):
    with pytest.raises(UsageError, match="1 or more"):
        search(data, trials=trials)


def test_rows_to_judge_by_are_needed(data):
    y = np.where(np.arange(80) % 40 < 4, data.y, -1)
    unlabelled = aae.Dataset("two", data.x, y, data.test_x, data.test_y, [0, 1])
    with pytest.raises(AAEError, match="No validation row of two has a label"):
        search(unlabelled)


@pytest.mark.parametrize(
    ("preset", "figure"),
    [
        ("aae", "negative_log_likelihood"),
        ("vae", "negative_elbo"),
        ("clustering", "cluster_error"),
        ("semi-supervised", "validation_error"),
        ("autoencoder", "squared_error"),
        ("denoising", "denoising_error"),
    ],
)
def test_every_kind_of_model_has_its_figure(preset, figure):
    result = aae.train_preset(preset, "digits", steps=2, progress=False, changes={"hidden": [8]})
    name, value = validation_figure(result.model, result.data, result.split)
    assert name == figure
    assert np.isfinite(value)
    assert (name, value) == validation_figure(result.model, result.data, result.split)


def test_report_and_command(data, tmp_path):
    found = search(data, trials=6)
    command = best_command(found, "few-labels", "--data", "my file.csv")
    assert command.startswith("aae train few-labels --data 'my file.csv' --set lr=")
    page = write_search_report(found, tmp_path / "report.html", command).read_text()
    assert "Trial 3" in page
    assert "validation_error" in page
    assert page.count("data:image/png;base64") == 2
    assert "--set lr=" in page


WORKER = """
import sys, numpy as np, aae, aae.tune as t
t.HEARTBEAT, t.GRACE = 1, 3
t.tune("few-labels", "digits", trials=6, storage=sys.argv[1], steps=int(sys.argv[2]), progress=True,
       changes={"network": "mlp", "hidden": [8]})
"""


def test_two_workers_share_a_study_and_one_is_killed(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, storage, "40"], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    # Its first trial is told of, so it is in the second one, or about to begin it.
    assert any(line.startswith("trial") for line in workers[0].stderr)
    workers[0].kill()
    _, errors = workers[1].communicate(timeout=120)
    assert workers[1].returncode == 0, errors
    trials = optuna.load_study(study_name="aae", storage=storage).trials
    states = [trial.state.name for trial in trials]
    assert sum(state in ("COMPLETE", "PRUNED") for state in states) == 6
    assert states.count("FAIL") <= 1  # the one that was running
    assert "RUNNING" not in states
