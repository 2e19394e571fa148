import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from aae.data.dataset import Dataset
from aae.data.splits import Split, split_data
from aae.distributed.fabric import make_fabric
from aae.distributed.processes import ProcessGroup
from aae.evaluation import inference
from aae.runs import trial
from aae.runs.open import read_config
from aae.runs.train import resume_run, train_preset
from aae.runs.trial import _half, settle_targets
from aae.training.rundir import RunDir
from aae.training.settings import Settings

SMALL = {"network": "mlp", "hidden": [16], "discriminator_hidden": [8], "batch_size": 16, "labelled_batch_size": 16}


@pytest.fixture(scope="module")
def pictures():
    """Two classes of small pictures that every classifier separates."""
    y = np.arange(200) % 2
    x = np.random.default_rng(0).integers(0, 60, (200, 6, 6), dtype=np.uint8)
    x[y == 1, :3] += 150
    return Dataset("pictures", x, y, x[:0], y[:0], ["a", "b"])


def unneeded(*_):
    pytest.fail("nobody samples from this model")


def settle(data, monkeypatch, better, labels=40, **length):
    """Settle the targets of data of which the other one, committee or network, is always wrong."""
    split = split_data(data, labels, "random", 0)
    wrong = 0.8 * np.eye(2)[1 - data.y[_half(data.y, split, 0)[1]]] + 0.1
    if better == "committee":
        network = SimpleNamespace(classify=lambda *_: wrong, prepare=inference.prepare)
        monkeypatch.setattr(trial, "inference", network)
    else:
        monkeypatch.setattr(trial, "_committee", lambda *_: wrong)
    monkeypatch.setattr("aae.training.loop.attach_noise", unneeded)
    return settle_targets("few-labels", data, split, 0, SMALL, length, ProcessGroup(make_fabric("cpu")), progress=False)


@pytest.mark.parametrize(("better", "weight"), [("committee", trial.WEIGHT), ("network", 0.0)])
def test_the_better_of_both_settles_what_unlabelled_rows_learn(pictures, monkeypatch, better, weight):
    found = settle(pictures, monkeypatch, better, steps=400)
    assert found.changes == {**SMALL, "baseline_targets": weight}
    assert found.length == {"steps": 400}
    (note,) = found.notes
    assert f"(baseline_targets={weight or 0})" in note
    assert "of the 20 others, the network got " in note


@pytest.mark.parametrize(("wrong", "needed", "follows"), [
    ((1, 4), False, "the network got 1 wrong, simple classifiers 4; so their predictions are not used as targets "
                    "(baseline_targets=0)."),
    ((4, 1), True, "4 wrong, simple classifiers 1; so unlabelled rows also learn their predictions "
                   "(baseline_targets=0.5)."),
    ((1, 4), True, "simple classifiers 4; the probabilities of these fit better, so unlabelled rows also learn"),
    ((4, 1), False, "classifiers 1; the probabilities of these do not fit well enough, so their predictions are not"),
    ((4, 4), False, "4 wrong, simple classifiers 4; so their predictions are not used as targets"),
])
def test_the_note_says_what_follows_from_the_trial(wrong, needed, follows):
    note = trial._note(wrong, 50, needed)
    assert note.startswith("A short trial with half of the labels: of the 50 others, the network got ")
    assert follows in note


@pytest.mark.parametrize(
    ("labels", "length"), [(40, {"steps": 399}), (8, {"steps": 400})], ids=["too few steps", "too few labels"]
)
def test_what_is_too_short_or_has_few_labels_has_no_trial(pictures, monkeypatch, labels, length):
    monkeypatch.setattr(trial, "train", None)
    split = split_data(pictures, labels, "random", 0)
    found = settle_targets("few-labels", pictures, split, 0, SMALL, length, None)
    none = {"baseline_targets": 0.0} if labels == 40 else {}  # a repetition of another length has none either
    assert found == ({**SMALL, **none}, length, ())


def test_without_unlabelled_rows_there_is_no_trial(pictures, monkeypatch):
    monkeypatch.setattr(trial, "train", None)
    everything = Split(np.arange(200), np.arange(0), np.arange(0))
    assert settle_targets("few-labels", pictures, everything, 0, SMALL, {"steps": 400}, None).changes == SMALL


def test_a_number_needs_no_trial(pictures):
    changes = {**SMALL, "baseline_targets": 0.3}
    split = split_data(pictures, 40, "random", 0)
    assert settle_targets("few-labels", pictures, split, 0, changes, {"steps": 400}, None) == (
        changes,
        {"steps": 400},
        (),
    )


def test_a_committee_that_knows_little_does_not_teach(pictures, monkeypatch):
    """It is better than the network here, but hardly better than chance."""
    split = split_data(pictures, 40, "random", 0)
    right = np.eye(2)[pictures.y[_half(pictures.y, split, 0)[1]]]
    monkeypatch.setattr(trial, "_committee", lambda *_: 0.45 + 0.1 * right)
    monkeypatch.setattr(trial, "inference", SimpleNamespace(classify=lambda *_: 0.5 + 0 * right))
    one = ProcessGroup(make_fabric("cpu"))
    found = settle_targets("few-labels", pictures, split, 0, SMALL, {"steps": 400}, one, progress=False)
    assert found.changes["baseline_targets"] == 0


def test_half_of_each_class_is_held_out():
    y = np.repeat([0, 1, 2], [5, 4, 1])
    half, held = _half(y, Split(np.arange(10), np.arange(10, 20), np.arange(20, 22)), 0)
    assert np.bincount(y[held], minlength=3).tolist() == [2, 2, 0]
    assert sorted([*held, *half.labelled]) == list(range(10))
    assert half.unlabelled.tolist() == list(range(10, 20))


def test_the_time_of_the_trial_is_part_of_the_time(pictures, monkeypatch):
    monkeypatch.setattr(trial, "STEPS", 1)
    found = settle(pictures, monkeypatch, "network", seconds=2.0, max_seconds=9.0)
    assert found.length == {"seconds": pytest.approx(1.8, abs=0.15), "max_seconds": pytest.approx(8.8, abs=0.15)}


def test_a_run_remembers_the_result_and_resumes_without_a_trial(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "STEPS", 3)
    run = tmp_path / "run"
    np.savez(tmp_path / "pictures.npz", x=pictures.x, y=pictures.y, x_test=pictures.x[:9], y_test=pictures.y[:9])
    arguments = {"labels": 40, "changes": SMALL, "steps": 6, "progress": False}
    result = train_preset("few-labels", tmp_path / "pictures.npz", out=run, **arguments)
    assert any("A short trial with half of the labels: of the" in note for note in result.notes)
    weight = read_config(RunDir(run))["changes"]["baseline_targets"]
    assert weight in (0.0, trial.WEIGHT)
    monkeypatch.setattr("aae.runs.train.settle_targets", None)
    assert resume_run(run, progress=False).step == 6


def test_an_interrupted_trial_ends_the_training(pictures, monkeypatch):
    def interrupted(model, data, settings, **loop):
        return dataclasses.make_dataclass("Result", ["interrupted", "step", "model"])(2, 9, model)

    monkeypatch.setattr(trial, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_preset("few-labels", pictures, labels=40, changes=SMALL, steps=400)


def shortened(**length):
    return trial._shortened(Settings(**length), steps_per_epoch=10)


@pytest.mark.parametrize(("steps", "taken"), [(399, None), (400, 200), (5000, 500), (1_000_000, 1000)])
def test_a_trial_is_a_tenth_of_the_training_within_limits(steps, taken):
    found = {} if taken is None else {"steps": taken}
    assert shortened(steps=steps) == shortened(epochs=steps / 10) == found


def test_a_long_training_by_the_clock_has_a_short_trial():
    assert shortened(max_seconds=36_000) == {"seconds": 120}
    assert shortened(max_seconds=10) == {"seconds": 1}
    assert shortened(max_seconds=10, steps=1000) == {"max_seconds": 1, "steps": 200}
