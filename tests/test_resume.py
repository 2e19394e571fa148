import shutil
import signal
import time

import numpy as np
import pytest

from aae.runs import resume_run
from aae.trainer import Trainer
from runs import SMALL, Processes, differences, final_state, leftovers, train_small, wait_for

STEPS, STOP = 11, 6  # a pass over digits is four steps: both halves hold an evaluation
LENGTH = {"batch_size": 256}


class Killed(BaseException):
    """Ends a training on the spot."""


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
    # An evaluation draws labels for this one; when it comes depends on the clock.
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


def test_what_a_difference_is(tmp_path):
    """The comparison above sees a single bit."""
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


def test_history_goes_on_where_the_checkpoint_was(tmp_path, monkeypatch):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_at(patch, STOP, KeyboardInterrupt())
        train_small("semi-supervised", steps=STEPS, out=out)
    before = (out / "metrics.csv").read_text().splitlines()
    shutil.copy(sorted((out / "checkpoints").iterdir())[-1], tmp_path / "kept.pt")
    result = resume_run(out, progress=False)
    steps = [row["step"] for row in result.history.rows]
    assert steps == sorted(steps)
    assert steps[0] == 4
    assert steps[-1] == STEPS
    assert (out / "metrics.csv").read_text().splitlines()[: len(before)] == before
    # Rows that were measured after the checkpoint are measured again, not kept twice.
    shutil.rmtree(out / "checkpoints")
    (out / "checkpoints").mkdir()
    shutil.copy(tmp_path / "kept.pt", out / "checkpoints" / f"step-{STOP:010d}.pt")
    assert [row["step"] for row in resume_run(out, progress=False).history.rows] == steps


def test_resuming_a_finished_run_changes_no_weight(copied):
    run = copied("semi-supervised")
    before = (run / "model" / "weights.safetensors").read_bytes()
    assert resume_run(run, progress=False).step == 2
    assert (run / "model" / "weights.safetensors").read_bytes() == before


# From here on, processes that are really killed.


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    server = Processes(tmp_path_factory.mktemp("processes") / "log")
    yield server
    server.close()


def command(out, steps):
    small = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    place = ["--device", "cpu", "--precision", "32"]
    return ["train", "semi-supervised", "--steps", steps, *small, *place, "--no-report", "--out", out]


def checkpoints(out):
    return sorted((out / "checkpoints").glob("step-*.pt")) if out.exists() else []


@pytest.fixture(scope="module")
def straight(processes, tmp_path_factory):
    """Weights of a run that nothing stopped, by its length."""
    folder, found = tmp_path_factory.mktemp("straight"), {}

    def weights(steps):
        if steps not in found:
            code, text = processes.run(*command(folder / str(steps), steps))
            assert code == 0, text
            found[steps] = (folder / str(steps) / "model" / "weights.safetensors").read_bytes()
        return found[steps]

    return weights


def finish(processes, out, steps):
    """Resume a run that was killed, or begin it again if it had not come to a checkpoint; whether it was resumed."""
    code, text = processes.run("train", "semi-supervised", "--out", out, "--resume", "--no-report")
    if code == 0:
        return True
    last = text.strip().splitlines()[-1]
    assert code == 1, text
    assert "Traceback" not in text
    assert "No usable checkpoint" in last or "has no config.json" in last or "is not there" in last
    assert not checkpoints(out)
    shutil.rmtree(out, ignore_errors=True)
    code, text = processes.run(*command(out, steps))
    assert code == 0, text
    return False


def test_killed_once_at_any_of_twenty_moments(processes, straight, tmp_path):
    steps, rng, kills, resumed = 40, np.random.default_rng(0), 0, 0
    expected = straight(steps)
    times = []
    for name in ("one", "other"):  # how long a run takes before its first checkpoint, and after it
        begin = time.monotonic()
        processes.start(*command(tmp_path / name, steps), "--checkpoint-every", 0.05)
        assert wait_for(lambda name=name: checkpoints(tmp_path / name))
        first = time.monotonic()
        processes.wait()
        times.append((first - begin, time.monotonic() - first))
    before, after = np.min(times, axis=0)
    for number in range(20):
        out = tmp_path / str(number)
        processes.start(*command(out, steps), "--checkpoint-every", 0.05)
        if number % 5:
            assert wait_for(lambda out=out: checkpoints(out))
            time.sleep(rng.uniform(0, after))
        else:
            time.sleep(rng.uniform(0, before))
        kills += processes.kill()
        resumed += finish(processes, out, steps)
        assert (out / "model" / "weights.safetensors").read_bytes() == expected, f"kill number {number}"
        assert not leftovers(out)
    assert resumed >= 16
    assert kills >= 6


def test_killed_twenty_times_on_the_way(processes, straight, tmp_path):
    steps, rng, kills = 150, np.random.default_rng(1), 0
    out = tmp_path / "run"
    processes.start(*command(out, steps), "--checkpoint-every", 0)
    for _ in range(20):
        seen = checkpoints(out)
        assert wait_for(lambda seen=seen: checkpoints(out)[-1:] != seen[-1:])
        time.sleep(rng.uniform(0, 0.02))
        kills += processes.kill()
        processes.start("train", "semi-supervised", "--out", out, "--resume", "--no-report", "--checkpoint-every", 0)
        if checkpoints(out)[-1].name == f"step-{steps:010d}.pt":
            break
    code, text = processes.wait()
    assert code == 0, text
    assert kills >= 5
    assert (out / "model" / "weights.safetensors").read_bytes() == straight(steps)
    assert not leftovers(out)
    assert len(checkpoints(out)) == 3


def test_interrupt_leaves_a_run_that_can_be_used_and_resumed(processes, straight, tmp_path):
    steps, out = 300, tmp_path / "run"
    processes.start(*command(out, steps), "--checkpoint-every", 0)
    assert wait_for(lambda: checkpoints(out))
    processes.send(signal.SIGINT)
    code, text = processes.wait()
    assert code == 130
    assert "Traceback" not in text
    assert f"aae train semi-supervised --out {out} --resume" in text
    assert final_state(out)["step"] < steps
    code, text = processes.run("predict", out, "digits", "--out", tmp_path / "labels.csv")
    assert code == 0, text
    code, text = processes.run("train", "semi-supervised", "--out", out, "--resume", "--no-report")
    assert code == 0, text
    assert (out / "model" / "weights.safetensors").read_bytes() == straight(steps)
