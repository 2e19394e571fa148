import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import aae
from aae.evaluation.figures import validation_figure
from aae.presets.presets import resolve
from aae.system.errors import AAEError, UsageError
from aae.tuning.judging import FoldJudge, PrunedError
from aae.tuning.report import _pictures, best_command, write_search_report
from aae.tuning.studies import _address, _without_password, file_storage
from aae.tuning.tune import space_of, tune
from helpers.runs import ENVIRONMENT

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


def test_the_first_trial_has_the_settings_of_the_preset_and_the_best_is_no_worse(data):
    found = search(data, trials=3)
    own = resolve("few-labels", SMALL, columns=4)
    first, *others = found.study.trials
    assert first.params == {name: getattr(own, name) for name in first.params}
    assert set(first.params) == {"lr", "z_weight", "y_weight", "dropout"}
    assert set(first.params) == set(space_of(own, SMALL))
    assert found.study.best_value <= first.value
    assert found.figure == "validation_error"
    assert len(others) == 2


@pytest.mark.parametrize("labels", [8, 60], ids=["validation", "folds"])
def test_trials_do_not_learn_how_to_sample(data, labels, monkeypatch):
    monkeypatch.setattr("aae.training.loop.attach_noise", lambda *_: pytest.fail("nobody samples from a trial"))
    assert search(data, trials=1, steps=1, labels=labels).study.trials[0].value is not None


def test_test_rows_are_not_used(data):
    hidden = aae.Dataset("two", data.x, data.y, np.full_like(data.test_x, np.nan), data.test_y, [0, 1])
    first, second = (search(rows).study.trials for rows in (data, hidden))
    assert [trial.value for trial in first] == [trial.value for trial in second]


def test_fixed_settings_are_not_searched(data):
    found = search(data, changes=SMALL | {"lr": 0.003})
    assert "lr" not in found.study.trials[0].params
    assert "lr" not in found.best


def test_the_same_call_continues_a_study(data, tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    assert len(search(data, storage=storage).study.trials) == 2
    assert len(search(data, storage=storage, trials=3).study.trials) == 3
    assert len(search(data, storage=storage, trials=3).study.trials) == 3


def test_of_two_workers_that_start_together_only_one_adds_the_first_trial(data, tmp_path, monkeypatch):
    storage = f"sqlite:///{tmp_path}/study.db"
    other = optuna.create_study(study_name="aae", storage=storage)
    own = resolve("few-labels", SMALL, columns=4)
    settings = {name: getattr(own, name) for name in space_of(own, SMALL)}
    monkeypatch.setattr(time, "sleep", lambda seconds: other.enqueue_trial(settings))
    assert [trial.params == settings for trial in search(data, storage=storage).study.trials] == [True, False]


@pytest.mark.parametrize(
    "other", [{"preset": "semi-supervised"}, {"labels": 10}, {"steps": 5}, {"changes": SMALL | {"lr": 0.1}}]
)
def test_a_study_with_other_settings_is_refused(data, tmp_path, other):
    storage = f"sqlite:///{tmp_path}/study.db"
    search(data, storage=storage, trials=1)
    with pytest.raises(UsageError, match="The study 'aae' in this storage has"):
        search(data, storage=storage, **other)
    assert len(search(data, storage=storage, study="other", trials=1, **other).study.trials) == 1


@pytest.mark.parametrize(
    ("storage", "sentence"),
    [
        ("sqlite:////no/such/folder/study.db", "cannot be opened"),
        ("sqlite://study.db", "cannot be opened"),
        ("nonsense", "not the URL of a database; give sqlite:///"),
        ("postgresql://me:secret@host:port/study", "not the URL of a database"),
        ("postgresql://me:sec@secret@host/study", "write an @ .* as %40"),
        ("nosuch://me:secret@host/study", "not a known kind of database"),
        ("mysql+nosuch://me:secret@host/study", "not a known kind of database"),
        ("postgresql://me:secret@localhost:1/study", "cannot be opened|driver"),
    ],
)
def test_a_storage_that_cannot_be_opened(data, storage, sentence):
    with pytest.raises(AAEError, match=sentence) as caught:
        search(data, storage=storage)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", [b"no database" * 1000, None])
def test_a_file_that_is_not_a_database(data, tmp_path, content, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    file = tmp_path / "study.db"
    file.write_bytes(content) if content else file.mkdir()
    with pytest.raises(AAEError, match=r"cannot be opened .*(not a database|unable to open)"):
        search(data, storage=f"sqlite:///{file}")


def test_a_database_in_a_folder_whose_name_a_url_cannot_hold(data, tmp_path):
    for name in ("a?b#c%20d", os.fsdecode(b"caf\xe9")):
        (tmp_path / name).mkdir()
        for trials in (1, 2):
            found = search(data, trials=trials, storage=file_storage(tmp_path / name / "study.db"))
            assert len(found.study.trials) == trials
        assert [path.name for path in (tmp_path / name).iterdir()] == ["study.db"]


def test_trials_that_diverge_do_not_stop_the_search(data, monkeypatch):
    import aae.tuning.tune

    train, calls = aae.tuning.tune.train_preset, []

    def first_fails(*arguments, **named):
        calls.append(named)
        if len(calls) == 1:
            raise AAEError("Training diverged.")
        return train(*arguments, **named)

    monkeypatch.setattr(aae.tuning.tune, "train_preset", first_fails)
    found = search(data, trials=2)
    assert [trial.state.name for trial in found.study.trials] == ["PRUNED", "COMPLETE"]
    assert found.study.trials[0].user_attrs["failure"] == "Training diverged."


def test_a_trial_that_falls_behind_is_stopped_early(data, monkeypatch):
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda self: self.number == 1)
    monkeypatch.setattr("aae.training.loop.EVALUATE_SHARE", 1e9)
    found = search(data, trials=3, steps=None, epochs=4)
    assert [trial.state.name for trial in found.study.trials] == ["COMPLETE", "PRUNED", "COMPLETE"]


@pytest.mark.parametrize("trials", [0, -1])
def test_a_number_of_trials_below_one(data, trials):
    with pytest.raises(UsageError, match="1 or more"):
        search(data, trials=trials)


def few_labels(data, each):
    """The same rows, with so many labels of each of the two classes."""
    y = np.where(np.arange(80) % 40 < each, data.y, -1)
    return aae.Dataset("two", data.x, y, data.test_x, data.test_y, [0, 1])


def test_labels_are_needed_to_judge_by(data):
    with pytest.raises(AAEError, match="No validation example of two has a label"):
        search(few_labels(data, 1), labels=None)


def test_few_labels_are_judged_by_cross_validation(data, capsys):
    found = search(few_labels(data, 4), labels=None, progress=True)
    assert (found.figure, found.judge.rows) == ("cross_validated_error", 8)
    assert "evaluated by cross-validation over 8 labelled examples: each trains five times" in capsys.readouterr().err
    splits = list(found.judge.splits())
    assert sorted(np.concatenate([split.validation for split in splits])) == [*range(4), *range(40, 44)]
    for split in splits:
        assert not set(split.validation) & {*split.labelled, *split.unlabelled}
        assert len(split.labelled) + len(split.validation) == 8
        assert len(split.unlabelled) == 72
    assert all(100 * trial.value % 1250 == 0 for trial in found.study.trials)  # of 8 rows, whatever the fold's size
    described = found.judge.describe(found.study.best_value)
    assert described == f"error by cross-validation {found.study.best_value:.4g} % over 8 labelled examples"


def test_notes_are_said_once_with_the_rows_that_are_held_out(data, capsys):
    few = few_labels(data, 4)
    few = replace(few, y=np.where(np.arange(len(few.y)) == 79, 2, few.y), classes=[0, 1, "once"],
                  notes=("The column 'a' is empty.",))  # fmt: skip
    found = search(few, labels=None, progress=True, trials=2)
    lines = " ".join(capsys.readouterr().err.split())
    assert lines.count("Note: The column 'a' is empty.") == 1
    assert "two: 80 training examples, 13 of them for validation; 9 of 9 labels used; 40 test examples." in lines
    assert "The search does not use the 40 test examples, nor the 40 labels of these." in lines
    assert "The class 'once' has a single label, which every training learns" in lines
    assert lines.count("error by cross-validation") == 3  # the note, and a line for each trial
    assert "cross_validated" not in lines
    assert found.figure == "cross_validated_error"


def test_enough_labels_for_validation_are_used_as_before(data):
    assert search(data, trials=1).judge.rows == 13
    found = search(data, trials=1, labels=60)  # leaves 7 for validation
    assert (found.figure, found.judge.rows) == ("cross_validated_error", 60)


def test_the_time_of_a_trial_is_divided_among_its_folds(data):
    calls = []

    def train(**named):
        calls.append(named)
        model = SimpleNamespace()
        return SimpleNamespace(interrupted=0, model=model)

    labelled = np.array([*range(4), *range(40, 44)])
    judge = FoldJudge(data, labelled, np.arange(8) % 4, {"max_seconds": 20.0})
    reported = []
    trial = SimpleNamespace(report=lambda value, step: reported.append((step, value)), should_prune=lambda: False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aae.tuning.judging.inference.classify", lambda model, x: np.eye(2)[np.zeros(len(x), int)])
        assert judge(train, trial) == 50.0
        trial.should_prune = lambda: True
        with pytest.raises(PrunedError):
            judge(train, trial)
    assert [call["max_seconds"] for call in calls] == [5.0] * 5
    assert [call["labels"] for call in calls] == [6] * 5
    assert [step for step, _ in reported] == [0, 1, 2, 3, 0]


def test_trials_are_counted_from_one_in_the_plot_as_in_the_table(data):
    drawn, _ = _pictures(search(data, trials=3))
    axes = drawn["history"][1].axes[0]
    assert [axes.xaxis.get_major_formatter()(k) for k in (0, 1, 2)] == ["1", "2", "3"]
    assert all(tick == int(tick) for tick in axes.get_xticks())


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
    assert "validation error" in page
    assert page.count("data:image/png;base64") == 2
    assert "--set lr=" in page


def test_a_trial_that_was_given_up_is_repeated(data, tmp_path, monkeypatch, capsys):
    import aae.tuning.tune

    storage = f"sqlite:///{tmp_path}/study.db"
    train, calls = aae.tuning.tune.train_preset, []

    def first_sleeps(*arguments, **named):
        calls.append(named)
        if len(calls) == 1:
            others = optuna.storages.RDBStorage(storage)
            others.set_trial_state_values(1, optuna.trial.TrialState.FAIL)
        return train(*arguments, **named)

    monkeypatch.setattr(aae.tuning.tune, "train_preset", first_sleeps)
    states = [trial.state.name for trial in search(data, storage=storage).study.trials]
    assert states == ["FAIL", "COMPLETE", "COMPLETE"]
    assert "A trial is lost" in capsys.readouterr().err


def test_a_database_that_is_lost_during_a_trial(data, tmp_path, monkeypatch):
    monkeypatch.setattr(optuna.trial.Trial, "report", lambda *_: lose(tmp_path / "study.db"))
    with pytest.raises(AAEError, match=r"was lost .*the same command continues"):
        search(data, storage=f"sqlite:///{tmp_path}/study.db")


def lose(file):
    """Break every connection, like a server that goes away."""
    file.write_bytes(b"no database" * 1000)
    with sqlite3.connect(file) as connection:
        connection.execute("SELECT 1 FROM studies")


WORKER = """
import sys, numpy as np, aae, aae.tuning.studies as s, aae.tuning.tune as t
s.HEARTBEAT, s.GRACE = 1, 3
t.tune("few-labels", "digits", trials=6, storage=sys.argv[1], steps=int(sys.argv[2]), progress=True,
       changes={"network": "mlp", "hidden": [8], "neighbours": 0.0, "transformation": 0.0})
"""


def share(storage):
    """Two workers, one of which is killed in its second trial, or as it starts it."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, storage, "40"], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        assert any(line.startswith("trial") for line in workers[0].stderr)
        before = optuna.load_study(study_name="aae", storage=storage).trials
        workers[0].kill()
        _, errors = workers[1].communicate(timeout=120)
    finally:
        for process in workers:
            process.kill()
            process.communicate()
    assert workers[1].returncode == 0, errors
    trials = optuna.load_study(study_name="aae", storage=storage).trials
    states = [trial.state.name for trial in trials]
    assert sum(state in ("COMPLETE", "PRUNED") for state in states) == 6
    assert states.count("FAIL") <= 1  # the one that was running
    assert "RUNNING" not in states
    # Trials that were finished when the worker was killed have not changed.
    for old, new in zip(before, trials, strict=False):
        if old.state.is_finished():
            assert (new.state, new.value) == (old.state, old.value)


def test_two_workers_share_a_study_and_one_is_killed(tmp_path):
    share(f"sqlite:///{tmp_path}/study.db")


def test_a_worker_that_died_before_its_first_heartbeat_is_not_waited_for(data, tmp_path, monkeypatch):
    monkeypatch.setattr("aae.tuning.studies.HEARTBEAT", 1)
    monkeypatch.setattr("aae.tuning.studies.GRACE", 1)
    storage = f"sqlite:///{tmp_path}/study.db"
    search(data, storage=storage, trials=1)
    optuna.load_study(study_name="aae", storage=storage).ask()  # what such a worker leaves behind
    states = [trial.state.name for trial in search(data, storage=storage, trials=2).study.trials]
    assert states == ["COMPLETE", "FAIL", "COMPLETE"]


def programs():
    """PostgreSQL's `initdb` and `postgres`, or a test that says why it is skipped."""
    pytest.importorskip("psycopg", reason="the tests with PostgreSQL need psycopg: pip install 'psycopg[binary]'")
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    for folder in (None, *map(str, reversed(packaged))):
        initdb, postgres = (shutil.which(name, path=folder) for name in ("initdb", "postgres"))
        if initdb and postgres:
            return initdb, postgres
    pytest.skip("no PostgreSQL server on this machine: initdb and postgres are neither on PATH nor in /usr/lib")


def unprivileged():
    """A user who may run a server, as arguments of `subprocess`: it refuses to run as root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")


# The server ends with the pipe to its shell, so that it does not outlive a test run that is killed.
GUARD = '"$@" & server=$!; read -r _; kill -INT $server; wait $server'


@pytest.fixture(scope="module")
def server():
    """Address of a private server that listens to a socket in its own folder."""
    (initdb, postgres), who = programs(), unprivileged()
    # Not in pytest's folder: other users cannot enter it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="aae-pg-", dir="/tmp"))
    guard = None
    try:
        (folder / "password").write_text("secret")
        for path in (folder, folder / "password"):
            os.chown(path, who.get("user", -1), who.get("group", -1))
        setting = [initdb, "-D", folder / "data", "-U", "tester", "--pwfile", folder / "password",
                   "-A", "scram-sha-256", "--no-sync", "--no-locale", "-E", "UTF8"]
        made = subprocess.run(setting, cwd=folder, capture_output=True, text=True, timeout=60, **who)
        assert made.returncode == 0, made.stderr
        command = [postgres, "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        with open(folder / "log", "w") as log:
            guard = subprocess.Popen(["sh", "-c", GUARD, "sh", *command], stdin=subprocess.PIPE, stdout=log,
                                     stderr=log, cwd=folder, **who)
        address = f"postgresql://tester:secret@/postgres?host={folder}"
        wait_for(address, folder / "log")
        yield address
    finally:
        if guard:
            guard.communicate(timeout=30)
        shutil.rmtree(folder)


def wait_for(address, log):
    import psycopg

    end = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)


def test_two_workers_share_a_study_on_postgresql_and_one_is_killed(server):
    share(server)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((":secret@", ":wrong@"), "password authentication failed"),
        (("/postgres?", "/absent?"), 'database "absent" does not exist'),
        (("postgresql://", "postgresql+none://"), "not a known kind of database"),
    ],
)
def test_postgresql_errors_are_reported_at_once(data, server, change, sentence):
    with pytest.raises(AAEError, match=sentence) as caught:
        search(data, storage=server.replace(*change))
    assert "secret" not in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_a_study_of_another_preset_is_refused_on_postgresql(data, server):
    search(data, storage=server, study="first", trials=1)
    with pytest.raises(UsageError, match="has preset 'few-labels', not 'semi-supervised'"):
        search(data, storage=server, study="first", preset="semi-supervised")


def test_a_server_that_does_not_answer_is_not_waited_for(data, monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.setitem(aae.tuning.studies._TIMEOUTS, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"postgresql://me:secret@127.0.0.1:{mute.getsockname()[1]}/study"
        with pytest.raises(AAEError, match=r"me:\*\*\*@.* cannot be opened after [23] seconds .*timeout"):
            search(data, storage=address)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:sec:ret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:sec@ret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=secret&a=b", "postgresql://host/db?user=me&password=***&a=b"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
    ],
)
def test_no_sentence_shows_a_password(url, shown):
    assert _without_password(url) == shown


@pytest.mark.parametrize(
    ("present", "driver"), [({"psycopg", "psycopg2"}, "psycopg"), ({"psycopg2"}, "psycopg2"), (set(), "psycopg")]
)
@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_driver_that_is_there_is_taken(monkeypatch, present, driver, scheme):
    monkeypatch.setattr("aae.tuning.studies.find_spec", lambda name: name in present or None)
    assert _address(f"{scheme}://host/db").drivername == f"postgresql+{driver}"


def test_a_driver_that_is_missing_is_named(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(AAEError, match=r"needs a driver that cannot be loaded .*pip install '.*\[tune\]'"):
        search(data, storage="postgresql://host/db")
