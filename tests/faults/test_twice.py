"""Two trainers of one run, and one training done twice."""


import numpy as np
import pytest

from aae.training.trainer import Trainer
from helpers.harness import ALL, checkpoints, command, finish, many, resume, tally, weights
from helpers.runs import VARIANTS, Processes, python, train_small, wait_for

STEPS = 150


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    server = Processes(tmp_path_factory.mktemp("others") / "log")
    yield server
    server.close()


def test_a_second_trainer_is_refused(processes, others, straight, tmp_path):
    with tally("Second trainer of one run") as count:
        for k in range(many(1, 5)):
            out = tmp_path / str(k)
            processes.start(*command(out, STEPS), "--checkpoint-every", 0)
            assert wait_for(lambda out=out: len(checkpoints(out)) > 1)
            code, text = others.run(*resume(out))
            count.add(code == 1 and text.splitlines()[-1].startswith(f"aae: Another process is training in {out}"))
            assert processes.kill()  # and a dead one does not keep the lock
            assert finish(processes, out, STEPS)
            count.add(weights(out) == straight(STEPS))


def test_of_two_that_start_together_one_trains(processes, others, straight, tmp_path):
    with tally("Two trainers that start together") as count:
        for k in range(many(2, 20)):
            out = tmp_path / str(k)
            for server in (processes, others):
                server.start(*command(out, 40))
            found = sorted([processes.wait(), others.wait()])
            assert [code for code, _ in found] == [0, 1], found
            sentence = found[1][1].splitlines()[-1]
            assert "Another process is training" in sentence or "exists already" in sentence
            count.add(weights(out) == straight(40))


def test_the_same_seed_gives_the_same_weights(tmp_path):
    """In processes of their own."""
    names = list(VARIANTS) if ALL else ["few-labels", "clustering"]
    code = f"""
import sys
from helpers.runs import train_small
for name in {names}:
    train_small(name, steps=11, seed=3, out=sys.argv[1] + "/" + name)
"""
    with tally("Same seed twice") as count:
        for k in range(2):
            done = python(code, tmp_path / str(k))
            assert done.returncode == 0, done.stderr
        for name in names:
            count.add(weights(tmp_path / "0" / name) == weights(tmp_path / "1" / name))


def test_divergences(tmp_path, monkeypatch):
    rng, take = np.random.default_rng(0), Trainer.train_step
    with tally("NaN, infinity or a collapsed code put into a training") as count:
        for k in range(many(4, 60)):
            moment, spoilt = int(rng.integers(0, 39)), []

            def train_step(self, moment=moment, spoilt=spoilt, k=k):
                measured = take(self)
                if self.step == moment + 1 and not spoilt:
                    spoilt.append(True)
                    _spoil(self, k % 3)
                return measured

            monkeypatch.setattr(Trainer, "train_step", train_step)
            result = train_small(("aae", "few-labels", "vae", "clustering")[k % 4], steps=40, out=tmp_path / str(k))
            told = [note for note in result.notes if "Training diverged" in note]
            finite = all(bool(weight.isfinite().all()) for weight in result.model.parameters())
            count.add(len(told) == 1 and result.step == 40 and finite)


def _spoil(trainer, how):
    if how == 2:
        for part in trainer.model.trunk.parameters():
            part.data.zero_()
        for optimizer in trainer.optimizers.values():
            optimizer.state.clear()  # or the moments would bring the network back to life
    else:
        next(trainer.model.decoder.parameters()).data.fill_((float("nan"), float("inf"))[how])
