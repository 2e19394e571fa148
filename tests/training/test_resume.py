import shutil

import numpy as np
import pytest

from aae.runs.train import resume_run
from aae.training.trainer import Trainer
from helpers.runs import differences, final_state, train_small

STEPS, STOP = 11, 6  # with batches of 256 an epoch of digits is four steps: there is an evaluation in both parts
LENGTH = {"batch_size": 256}


class Killed(BaseException):
    """Ends a training immediately."""


def stop_at(monkeypatch, step, error):
    """Let the training stop when it is about to take a step."""
    take = Trainer.train_step

    def train_step(self):
        if self.step == step:
            raise error
        return take(self)

    monkeypatch.setattr(Trainer, "train_step", train_step)


CASES = {
    "semi-supervised": {},  # virtual adversarial training, moving average
    "few-labels": {"changes": LENGTH},  # convolution, augmentation, a teacher
    "tutorial aae": {"changes": LENGTH},  # alternating, dropout
    "paper semi-supervised": {"changes": LENGTH},  # momentum, corruption, rates that fall in steps
    "vae": {},
    "denoising": {},
    "discrete-vae": {"changes": {"variables": 2}},  # Gumbel noise
    "conditioned": {"changes": {"posterior": "noisy"}},
    # Evaluation draws labels for this one, and its time depends on the clock.
    "supervised": {"labels": 1000, "changes": {"posterior": "gaussian", "dropout": 0.2}},
}


@pytest.mark.parametrize("error", [Killed(), KeyboardInterrupt()], ids=["killed", "interrupted"])
@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_ends_like_one_that_was_never_stopped(case, error, tmp_path, monkeypatch):
    straight = train_small(case, steps=STEPS, out=tmp_path / "straight", **CASES[case])
    assert straight.step == STEPS
    assert not straight.interrupted
    out = tmp_path / "stopped"
    settings = {"steps": STEPS, "out": out, "checkpoint_every": 0.0, **CASES[case]}
    with monkeypatch.context() as patch:
        stop_at(patch, STOP, error)
        if isinstance(error, Killed):
            with pytest.raises(Killed):
                train_small(case, **settings)
        else:
            result = train_small(case, **settings)
            assert result.interrupted
            assert result.step == STOP
    assert final_state(out)["step"] == STOP
    resumed = resume_run(out, progress=False)
    assert resumed.step == STEPS
    assert not differences(final_state(out), final_state(tmp_path / "straight"))
    weights = [folder / "model" / "weights.safetensors" for folder in (out, tmp_path / "straight")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_the_comparison_detects_a_single_bit(tmp_path):
    """The comparison above detects a change of a single bit."""
    state, other = (final_state(train_small("semi-supervised", out=tmp_path / name).path) for name in "ab")
    assert not differences(state, other)
    for place, tensor in (
        ("model", next(iter(other["model"].values()))),
        ("optimizers", other["optimizers"]["joint"]["state"][0]["exp_avg_sq"]),
        ("average", other["average"]["decoder.layers.0.weight"]),
        ("random", other["random"]),
    ):
        kept = tensor.clone()
        tensor.numpy().view(np.uint8).reshape(-1)[3] ^= 1
        (found,) = differences(state, other)
        assert place in found
        tensor.copy_(kept)
    assert differences(state, {**other, "step": 3}) == ["state.step"]


def test_history_continues_from_the_checkpoint(tmp_path, monkeypatch):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_at(patch, STOP, KeyboardInterrupt())
        train_small("semi-supervised", steps=STEPS, out=out, changes=LENGTH)
    before = (out / "metrics.csv").read_text().splitlines()
    shutil.copy(sorted((out / "checkpoints").iterdir())[-1], tmp_path / "kept")
    result = resume_run(out, progress=False)
    steps = [row["step"] for row in result.history.rows]
    assert steps == sorted(steps)
    assert steps[0] == 4
    assert steps[-1] == STEPS
    assert (out / "metrics.csv").read_text().splitlines()[: len(before)] == before
    # Rows of steps after the checkpoint are replaced, not repeated.
    shutil.rmtree(out / "checkpoints")
    (out / "checkpoints").mkdir()
    shutil.copy(tmp_path / "kept", out / "checkpoints" / f"step-{STOP:010d}.safetensors")
    assert [row["step"] for row in resume_run(out, progress=False).history.rows] == steps


def test_resuming_a_finished_run_changes_no_weight(copied):
    run = copied("semi-supervised")
    before = (run / "model" / "weights.safetensors").read_bytes()
    assert resume_run(run, progress=False).step == 2
    assert (run / "model" / "weights.safetensors").read_bytes() == before
