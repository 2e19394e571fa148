import dataclasses
import json
import math
import os
import re
import time

import numpy as np
import pytest
import torch
from torch import nn

import aae
from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.data.splits import Split
from aae.model.artifact import load
from aae.model.component import describe
from aae.model.latent import Latent
from aae.model.posteriors import Delta, Point
from aae.model.priors import GaussianPrior
from aae.runs.train import resume_run
from aae.system.errors import AAEError, DivergenceError, UsageError
from aae.training import loop
from aae.training.checkpoints import KEEP, latest_checkpoint
from aae.training.settings import Settings
from aae.training.train import train
from aae.training.trainer import Trainer
from helpers.close import rounding
from helpers.models import CLASSES, FAMILIES, SHAPE, WIDTH, adversarial, autoencoder
from helpers.runs import differences, final_state, leftovers, rewrite, train_small

RATES = {"reconstruction": 1e-3, "adversarial": 1e-3, "classification": 1e-3}


def data_of(rows=60, classes=CLASSES, shape=SHAPE, high=1.0):
    rng = np.random.default_rng(0)
    x, y = (high * rng.random((rows, *shape))).astype(np.float32), np.arange(rows) % classes
    return Dataset("rows", x, y, x[:30], y[:30], list(range(classes)))


def train_tiny(model="aae", data=None, steps=6, settings=None, **options):
    """Train a tiny model for a few steps of 25 rows; an epoch is two steps."""
    if isinstance(model, str):
        torch.manual_seed(0)
        model = FAMILIES[model]()
    # With Adam's usual beta1 every such training would begin with a note.
    calm = {"beta1": dict.fromkeys(("reconstruction", "adversarial", "classification"), 0.5)}
    settings = Settings(steps=steps, batch_size=25, **calm | (settings or {}))
    usual = {"labels": 9, "progress": False, "device": "cpu", "precision": "32"}
    return train(model, data or data_of(), settings, **{**usual, **options})


def test_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = FAMILIES["semi-supervised"]()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    result = train_tiny(model)
    assert result.model is model
    assert not model.training
    assert any(not torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert (result.step, result.path, result.notes, result.interrupted) == (6, None, [], False)
    assert result.seconds > 0
    assert len(result.split.labelled) == 9
    assert result.history.rows[-1]["step"] == 6
    assert {"reconstruction_loss", "classification_loss", "validation_error"} <= result.history.columns().keys()
    assert not list(tmp_path.iterdir())


def test_what_a_run_directory_holds(tmp_path):
    result = train_tiny("semi-supervised", out=tmp_path / "run", seed=3, info={"preset": "mine"}, checkpoint_every=0.0)
    run = result.path
    found = sorted(path.name for path in run.iterdir())
    assert found == [".lock", "checkpoints", "config.json", "metrics.csv", "model", "rows.npz"]
    assert len(list((run / "checkpoints").iterdir())) == KEEP
    assert not leftovers(run)
    config = json.loads((run / "config.json").read_text())
    facts = {"data": "rows", "labels": 9, "split": "random", "seed": 3, "device": "cpu", "precision": "32",
             "preset": "mine"}
    assert {name: config[name] for name in facts} == facts
    assert config["settings"]["steps"] == 6
    assert config["settings"]["batch_size"] == 25
    assert config["model"] == describe(result.model)
    assert config["versions"]["torch"] == torch.__version__
    twin = load(run)
    assert all(torch.equal(a, b) for a, b in zip(twin.parameters(), result.model.parameters(), strict=True))
    assert (run / "metrics.csv").read_text().splitlines()[0].startswith("step,epoch,seconds,")


def test_a_given_split(tmp_path):
    split = Split(np.arange(6), np.arange(6, 40), np.arange(40, 60))
    result = train_tiny("semi-supervised", split=split, out=tmp_path / "run")
    assert result.split is split
    assert json.loads((result.path / "config.json").read_text())["split"] == "given"


@pytest.mark.numeric
def test_the_history_is_a_mean_of_the_steps(monkeypatch):
    seen = []
    step = Trainer.train_step

    def watched(self):
        measured = step(self)
        seen.append(float(measured["reconstruction_loss"]))
        return measured

    monkeypatch.setattr(Trainer, "train_step", watched)
    rows = train_tiny("aae").history.rows
    assert [row["step"] for row in rows[:3]] == [2, 4, 6]
    for k, row in enumerate(rows[:3]):
        assert row["reconstruction_loss"] == pytest.approx(np.mean(seen[2 * k : 2 * k + 2]), rel=rounding(2))
        assert row["epoch"] == k + 1


@pytest.mark.parametrize(("options", "sentence"), [
    ({"data": data_of(shape=(5,))}, r"The model takes rows of shape \(6,\), but rows has rows of shape \(5,\)"),
    ({"data": data_of(high=1.2)}, r"Row \d+ of rows has values outside \[0, 1\], which a Bernoulli .* Gaussian lik"),
    ({"labels": 2}, "2 labels are fewer than the 3 classes"),
    ({"labels": 61}, "61 labels were asked for, but rows has 60 labelled training rows"),
    ({"labels": 0}, "learns from labels, but none were given"),
    ({"split": "tutorial"}, "tutorial split needs 1,300 rows"),
    ({"device": "gpu"}, "Device is auto, cpu or cuda"),
    ({"data": data_of(rows=1, classes=1), "labels": None}, "leaves [01] rows to train on"),
    ({"tensorboard": True, "out": None}, "TensorBoard files need a run directory"),
    ({"resume": True, "out": None}, "Resuming needs the run directory"),
])
def test_refused_trainings_leave_nothing_behind(options, sentence, tmp_path):
    with pytest.raises(AAEError, match=sentence):
        train_tiny("semi-supervised", **{"out": tmp_path / "run", **options})
    assert not list(tmp_path.iterdir())


def test_the_first_row_outside_is_named():
    data = data_of()
    data.x[17, 2] = -0.01
    data.x[18, 0] = 1.01
    with pytest.raises(AAEError, match=r"Row 17 of rows"):
        train_tiny(data=data)


def test_settings_that_do_not_fit_the_model_leave_nothing_behind(tmp_path):
    from aae.objectives.terms import VirtualAdversarial

    with pytest.raises(AAEError, match=r"terms for few labels need one categorical latent"):
        train_tiny("aae", settings={"terms": [VirtualAdversarial()]}, out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


class Unnamed(nn.Module):
    """A matching rule that does not store its argument."""

    def __init__(self, factor=1.0):
        super().__init__()

    def penalty(self, posterior, codes, prior):
        return codes.sum()


def test_a_part_that_cannot_be_saved_is_refused_before_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "train_step", lambda self: pytest.fail("a step was taken"))
    model = autoencoder(Latent("z", Point(WIDTH, 2), GaussianPrior(2), Unnamed()))
    with pytest.raises(AAEError, match=r"Unnamed cannot be written to a model file"):
        train_tiny(model, out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_an_existing_run_is_left_alone(tmp_path):
    train_tiny(out=tmp_path / "run", steps=2)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(AAEError, match=r"exists already; choose another --out, or add --resume"):
        train_tiny(out=tmp_path / "run", steps=3)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_runs_that_cannot_be_resumed(tmp_path):
    with pytest.raises(AAEError, match=r"There is no folder .*absent; make a run with"):
        train_tiny(out=tmp_path / "absent", resume=True)
    train_tiny(out=tmp_path / "run", steps=2)
    with pytest.raises(AAEError, match=r"The checkpoint belongs to another model or other settings"):
        train_tiny("vae", out=tmp_path / "run", resume=True)
    rewrite(tmp_path / "run" / "config.json", format=99, versions={"aae": "9.8.7"})
    with pytest.raises(AAEError, match=r"was written by aae 9.8.7, which is newer"):
        train_tiny(out=tmp_path / "run", resume=True)


def test_a_run_made_in_python_resumes(tmp_path):
    straight = train_tiny(out=tmp_path / "straight", steps=6)
    train_tiny(out=tmp_path / "run", steps=2)
    assert train_tiny(out=tmp_path / "run", steps=6, resume=True).step == 6
    assert not differences(final_state(tmp_path / "run"), final_state(straight.path))


@pytest.mark.parametrize(("change", "sentence"), [
    ("a pixel", "changed since training: the values or the order of its rows"),
    ("a label", r"changed since training: other labels \(1 "),
    ("fewer rows", "changed since training: 60 training examples -> 59"),
    ("other labels", "The checkpoint was trained on other data"),
])
def test_a_run_does_not_resume_with_other_data(change, sentence, tmp_path):
    data = data_of()
    train_tiny(data=data, out=tmp_path / "run", steps=2)
    x, y = data.x.copy(), data.y.copy()
    if change == "a pixel":
        x[7] += 0.001
    elif change == "a label":
        y[7] = (y[7] + 1) % CLASSES
    elif change == "fewer rows":
        x, y = x[:-1], y[:-1]
    more = {"seed": 5} if change == "other labels" else {}
    with pytest.raises(AAEError, match=sentence):
        train_tiny(data=dataclasses.replace(data, x=x, y=y), out=tmp_path / "run", steps=4, resume=True, **more)
    assert train_tiny(data=data, out=tmp_path / "run", steps=4, resume=True).step == 4


def test_the_same_seed_gives_the_same_weights_and_history(tmp_path):
    names = {"one": 1, "again": 1, "other": 2}
    runs = [train_small("semi-supervised", steps=6, seed=seed, out=tmp_path / name) for name, seed in names.items()]
    weights = [(run.path / "model" / "weights.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1] != weights[2]
    first, second = ([{**row, "seconds": 0} for row in run.history.rows] for run in runs[:2])
    assert first == second
    assert np.array_equal(runs[0].split.labelled, runs[1].split.labelled)
    assert not np.array_equal(runs[0].split.labelled, runs[2].split.labelled)


@pytest.mark.parametrize("name", ["supervised", "clustering"])
def test_how_often_it_is_evaluated_does_not_matter(name, tmp_path, monkeypatch):
    """The times of evaluations depend on the clock."""
    weights = []
    for share in (1e-9, 1e9):
        monkeypatch.setattr(loop, "EVALUATE_SHARE", share)
        labels = {"labels": 1000} if name == "supervised" else {}
        changes = {"dropout": 0.2, "batch_size": 256}
        result = train_small(name, steps=13, out=tmp_path / str(share), changes=changes, **labels)
        weights.append((result.path / "model" / "weights.safetensors").read_bytes())
        evaluations = sum("validation_reconstruction_loss" in row for row in result.history.rows)
        assert evaluations == 2 if share < 1 else evaluations >= 4
    assert weights[0] == weights[1]


def test_the_time_given_is_the_time_taken():
    start = time.monotonic()
    result = train_small("aae", seconds=1.0)
    assert 1.0 <= result.seconds < 1.5
    assert time.monotonic() - start < 6
    assert result.step > 3
    assert result.history.rows[-1]["step"] == result.step


def test_the_most_time_does_not_lengthen_a_training():
    assert train_small("aae", epochs=0.5, max_seconds=600.0).step == 2


def test_epochs_become_steps():
    assert train_small("aae", epochs=1.5).step == 6  # an epoch of digits is four steps of 256
    assert train_small("aae", epochs=0.001).step == 1


class Failing(nn.Module):
    """A matching rule whose loss becomes NaN at the given call."""

    def __init__(self, call):
        super().__init__()
        self.call, self._calls = call, 0

    def penalty(self, posterior, codes, prior):
        self._calls += self.training  # the parts of a model are tried before it is trained
        return codes.square().mean() * (math.nan if self._calls >= self.call else 1.0)


def failing(call):
    torch.manual_seed(0)
    return autoencoder(Latent("z", Point(WIDTH, 2), GaussianPrior(2), Failing(call)))


def test_a_second_divergence_ends_the_training_and_leaves_the_last_good_checkpoint(tmp_path):
    with pytest.raises(DivergenceError) as error:
        train_tiny(failing(5), steps=9, out=tmp_path / "run", checkpoint_every=0.0)
    assert str(error.value).startswith(
        "Training diverged: reconstruction_loss and failing_z became NaN or infinite near step 6, "
    )
    assert "although the learning rate had been lowered. The checkpoint of step 4 in " in str(error.value)
    assert str(error.value).endswith("Lower the learning rate, for example with Settings(learning_rate=...).")
    state, damaged = latest_checkpoint(tmp_path / "run" / "checkpoints")
    assert (state["step"], damaged) == (4, [])
    assert all(bool(weight.isfinite().all()) for weight in state["model"].values())
    assert not (tmp_path / "run" / "model").exists()
    assert not leftovers(tmp_path)


def test_divergence_without_a_run_directory():
    with pytest.raises(DivergenceError, match=r"near step 2. Lower the learning rate"):
        train_tiny(failing(2))


@pytest.mark.parametrize("schedule", ["joint", "alternating"])
def test_losses_that_never_were_finite_are_not_blamed_on_the_learning_rate(schedule, tmp_path):
    with pytest.raises(DivergenceError) as error:
        train_tiny(failing(1), settings={"schedule": schedule}, out=tmp_path / "run")
    assert "failing_z became NaN or infinite in the first step, before any weight changed, so that" in str(error.value)
    assert "Lower the learning rate" not in str(error.value)


def test_a_step_that_spoils_the_phases_after_it_is_blamed_on_the_learning_rate():
    rates = {**RATES, "reconstruction": 1e38}
    with pytest.raises(DivergenceError, match="Lower the learning rate"):
        train_tiny("aae", steps=1, settings={"schedule": "alternating", "learning_rate": rates})


@pytest.mark.parametrize(("given", "sentence"), [
    ({"settings": None}, r"settings must be Settings, as in aae.Settings\(epochs=20\), not NoneType"),
    ({"settings": {"steps": 1}}, "settings must be Settings, .*, not dict"),
    ({"settings": Settings}, "settings must be Settings, .*, not the class Settings"),
    ({"model": None}, "The model must be an Autoencoder, .*, not NoneType"),
    ({"labels": "ten"}, "The number of labels must be a whole number of at least 0, not 'ten'"),
    ({"seed": -1, "split": Split(np.arange(9), np.arange(9, 40), np.arange(40, 60))}, "seed must be a whole number"),
    ({"checkpoint_every": -1}, "checkpoint_every must be a number of at least 0, not -1"),
])
def test_arguments_of_another_kind_are_refused(given, sentence):
    with pytest.raises(AAEError, match=sentence):
        train(**{"model": FAMILIES["aae"](), "data": data_of(), "settings": Settings(steps=1), **given}, progress=False)


SPOILT = {
    "weights": lambda trainer: trainer.model.decoder.layers[0].weight.data.fill_(math.nan),
    "code": lambda trainer: [part.data.zero_() for part in trainer.model.trunk.parameters()],
    "moments": lambda trainer: next(iter(trainer.optimizers["joint"].state.values()))["exp_avg"].fill_(math.inf),
}


@pytest.fixture(scope="module")
def unspoilt(tmp_path_factory):
    """The final state of the same training without a divergence."""
    return final_state(train_small("aae", steps=40, out=tmp_path_factory.mktemp("runs") / "straight").path)


@pytest.mark.parametrize(("what", "step"), [(what, step) for what in SPOILT for step in (0, 3, 29, 39)][:-1])
def test_a_training_recovers_from_its_first_divergence(what, step, unspoilt, tmp_path, monkeypatch):
    """Steps before the losses are first read, between readings, after a checkpoint, and the last one."""
    take, spoilt = Trainer.train_step, []

    def train_step(self):
        measured = take(self)
        if self.step == step + 1 and not spoilt:
            spoilt.append(self.step)
            SPOILT[what](self)
        return measured

    monkeypatch.setattr(Trainer, "train_step", train_step)
    result = train_small("aae", steps=40, out=tmp_path / "run", changes={"dropout": 0.0})
    assert result.step == 40
    (note,) = [note for note in result.notes if "diverged" in note]
    pattern = r"Training diverged: .* near step (\d+)\. It resumed from the checkpoint of step 0 .*"
    seen = int(re.fullmatch(pattern, note)[1])
    assert step < seen <= step + 20
    assert note in json.loads((tmp_path / "run" / "config.json").read_text())["notes"]
    state = final_state(tmp_path / "run")
    assert state["rate_factor"] == 0.1
    rates = [[group["lr"] for group in one["optimizers"]["joint"]["param_groups"]] for one in (state, unspoilt)]
    assert rates[0] == pytest.approx([0.1 * rate for rate in rates[1]])
    steps = [row["step"] for row in result.history.rows]
    assert steps == sorted(steps)
    assert note in resume_run(tmp_path / "run", progress=False).notes


@pytest.mark.parametrize("steps", [2, 3, 4])
@pytest.mark.parametrize("name", ["aae", "vae", "semi-supervised", "supervised"])
def test_a_learning_rate_beyond_all_bounds(name, steps, tmp_path):
    with pytest.raises(AAEError, match=r"Training diverged: "):
        train_small(name, steps=steps, changes={"lr": 1e38, "batch_norm": False}, out=tmp_path / "run")
    assert not (tmp_path / "run" / "model").exists()


class Constant(nn.Module):
    """A posterior that gives every row the same code."""

    def __init__(self, features, dim, value=0.0):
        super().__init__()
        self.features, self.dim, self.value = features, dim, value
        self.code = nn.Parameter(torch.full((dim,), float(value)))

    def forward(self, features):
        return Delta(self.code + 0 * features[:, : self.dim])  # a posterior must use the features


def collapsed(value=0.0):
    torch.manual_seed(0)
    return autoencoder(Latent("z", Constant(WIDTH, 2, value), GaussianPrior(2), adversarial(2)))


def test_a_collapse_is_reported_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(loop, "WARM_UP", 4)
    monkeypatch.setattr(loop, "EVALUATE_SHARE", 1e9)
    result = train_tiny(collapsed(), steps=12, out=tmp_path / "run", progress=True)
    text = "The code 'z' has collapsed: it is almost the same for every example."
    leak = "30 of the 30 test examples are also in the training data; results will be too optimistic."
    assert result.notes == [leak, text]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["notes"] == [leak, text]
    assert capsys.readouterr().err.count(f"Warning: {text}") == 1


def test_no_warning_before_the_warm_up(monkeypatch):
    monkeypatch.setattr(loop, "EVALUATE_SHARE", 1e9)
    assert train_tiny(collapsed(), steps=12).notes == []


def test_a_discriminator_that_has_won_is_reported_once(monkeypatch):
    monkeypatch.setattr(loop, "WARM_UP", 0)
    monkeypatch.setattr(loop, "EVALUATE_SHARE", 1e9)
    rates = {"reconstruction": 1e-9, "adversarial": 0.05, "classification": 1e-3}
    notes = train_tiny(collapsed(100.0), steps=60, settings={"learning_rate": rates}).notes
    assert [note.partition(":")[0].partition(" (")[0] for note in notes] == [
        "The code 'z' has collapsed", "The discriminator of 'z' dominates"]


def test_a_damaged_checkpoint_is_reported(tmp_path, capsys):
    run = train_small("vae", steps=4, out=tmp_path / "run", checkpoint_every=0.0).path
    newest = max((run / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-100])
    result = resume_run(run, progress=True)
    (note,) = result.notes
    assert note == "Checkpoint step-0000000004.safetensors is damaged and was set aside; the one before it is used."
    assert result.step == 4
    assert note in capsys.readouterr().err
    assert json.loads((run / "config.json").read_text())["notes"] == [note]
    for path in (run / "checkpoints").iterdir():
        path.write_bytes(b"")
    with pytest.raises(AAEError, match=r"No usable checkpoint in .* Train again without --resume"):
        resume_run(run, progress=False)


def test_a_full_disk_while_training(tmp_path, monkeypatch):
    sync, calls = os.fsync, []

    def fails(descriptor):
        calls.append(1)
        if len(calls) > 20:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(AAEError, match=r"could not be written: No space left on device"):
        train_tiny(out=tmp_path / "run", steps=9, checkpoint_every=0.0)
    assert not leftovers(tmp_path)
    monkeypatch.undo()
    assert 0 < latest_checkpoint(tmp_path / "run" / "checkpoints")[0]["step"] < 9
    straight = train_tiny(out=tmp_path / "straight", steps=9)
    train_tiny(out=tmp_path / "run", steps=9, resume=True)
    assert not differences(final_state(tmp_path / "run"), final_state(straight.path))


def test_checkpoints_come_by_the_clock(tmp_path):
    train_tiny(out=tmp_path / "run", checkpoint_every=1e9)
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "step-0000000000.safetensors", "step-0000000006.safetensors"]


def test_tensorboard(tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train_tiny(out=tmp_path / "run", tensorboard=True)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    near = rounding(1)
    found = [(event.step, pytest.approx(event.value, rel=near)) for event in events.Scalars("reconstruction_loss")]
    assert found == [(row["step"], row["reconstruction_loss"]) for row in result.history.rows[:3]]
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(AAEError, match=r"TensorBoard is not installed; `pip install 'adversarial-autoencoder\[tensorb"):
        train_tiny(out=tmp_path / "other", tensorboard=True)
    assert not (tmp_path / "other").exists()


def test_quiet_or_not(capsys):
    train_tiny(progress=False)
    assert capsys.readouterr() == ("", "")
    train_tiny("semi-supervised", progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "100% error" in err
    assert "100%" in err


def test_data_by_name_and_an_unknown_split():
    data = load_data("digits")
    model = FAMILIES["autoencoder"](shape=data.shape)
    assert train_tiny(model, "digits", steps=1, labels=0).data.name == "digits"
    with pytest.raises(UsageError, match=r"no split 'rnadom'; did you mean 'random'"):
        train_tiny(model, data, split="rnadom", labels=0)


def test_learning_takes_place():
    rates = {"settings": {"learning_rate": dict.fromkeys(RATES, 0.01), "beta1": dict.fromkeys(RATES, 0.9)}}
    data = load_data("digits")
    torch.manual_seed(0)
    model = FAMILIES["classifier"](shape=data.shape)
    data = Dataset("three", *(part for x, y in ((data.x, data.y), (data.test_x, data.test_y))
                              for part in (x[y < CLASSES], y[y < CLASSES])), list(range(CLASSES)))
    history = train_tiny(model, data, steps=60, labels=None, **rates).history.columns()
    assert history["validation_error"][-1] < 15
    assert history["reconstruction_loss"][-2] < history["reconstruction_loss"][0]


@pytest.mark.parametrize(("batch_norm", "beta1", "warned"), [
    (False, 0.9, True), (True, 0.9, False), (False, 0.5, False),
])  # fmt: skip
def test_settings_with_which_matching_is_known_to_fail(batch_norm, beta1, warned):
    trunk = aae.MLPTrunk((8, 8), hidden=(8,), batch_norm=batch_norm)
    z = aae.Latent("z", aae.Point(8, 2), aae.GaussianPrior(2), aae.Adversarial(aae.Discriminator(2, hidden=(8,))))
    model = aae.Autoencoder([z], trunk, aae.MLPDecoder(2, (8, 8), hidden=(8,)))
    momentum = dict.fromkeys(("reconstruction", "adversarial", "classification"), beta1)
    result = aae.train(model, "digits", aae.Settings(steps=2, beta1=momentum), labels=0, progress=False)
    assert any("no batch norm in the encoder" in note for note in result.notes) == warned
