"""Trainings that are killed, asked to end or interrupted at any moment."""

import signal
import time

import numpy as np
import pytest

from aae.training.checkpoints import latest_checkpoint
from helpers.harness import checkpoints, command, finish, many, resume, step_of, tally, weights
from helpers.runs import final_state, leftovers, wait_for

STEPS = 40


def test_killed_at_any_moment(processes, straight, tmp_path):
    rng, resumed, kills = np.random.default_rng(0), 0, 0
    expected, times = straight(STEPS), []
    for name in ("one", "other"):  # how long a run takes before its second checkpoint, and after it
        begin = time.monotonic()
        processes.start(*command(tmp_path / name, STEPS), "--checkpoint-every", 0.05)
        assert wait_for(lambda name=name: len(checkpoints(tmp_path / name)) > 1)
        second = time.monotonic()
        processes.wait()
        times.append((second - begin, time.monotonic() - second))
    before, after = np.min(times, axis=0)
    with tally("SIGKILL at a random moment") as count:
        for number in range(many(8, 50)):
            out = tmp_path / str(number)
            processes.start(*command(out, STEPS), "--checkpoint-every", 0.05)
            if number % 5:
                assert wait_for(lambda out=out: len(checkpoints(out)) > 1)
                time.sleep(rng.uniform(0, after))
            else:
                time.sleep(rng.uniform(0, before))
            kills += processes.kill()
            seen = [step_of(path) for path in checkpoints(out)]
            lost = 0 if not seen else max(seen) - latest_checkpoint(out / "checkpoints")[0]["step"]
            resumed += finish(processes, out, STEPS)
            count.add(weights(out) == expected and not leftovers(out), lost)
    assert resumed >= 0.7 * many(8, 50)
    assert kills >= 0.3 * many(8, 50)


def test_killed_many_times_on_the_way(processes, straight, tmp_path):
    rng, kills, out, steps = np.random.default_rng(1), 0, tmp_path / "run", 150
    with tally("SIGKILL of one run again and again") as count:
        processes.start(*command(out, steps), "--checkpoint-every", 0)
        for _ in range(many(8, 30)):
            seen = checkpoints(out)
            assert wait_for(lambda seen=seen: checkpoints(out)[-1:] != seen[-1:])
            time.sleep(rng.uniform(0, 0.02))
            kills += processes.kill()
            reached = step_of(checkpoints(out)[-1])
            count.add(True, reached - latest_checkpoint(out / "checkpoints")[0]["step"])
            processes.start(*resume(out), "--checkpoint-every", 0)
            if reached == steps:
                break
        code, text = processes.wait()
        count.add(code == 0 and weights(out) == straight(steps) and not leftovers(out) and len(checkpoints(out)) == 3)
    assert code == 0, text
    assert kills >= 5


@pytest.mark.parametrize(("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "Ctrl-C")])
def test_asked_to_end_at_any_moment(processes, straight, tmp_path, number, name):
    """Checkpoints come by the clock every half minute only: what is left is written on the way out."""
    rng, steps, out = np.random.default_rng(2), 120, tmp_path / "run"
    begin = time.monotonic()
    processes.start(*command(out, steps))
    assert wait_for(lambda: checkpoints(out))
    first = time.monotonic() - begin
    assert processes.wait()[0] == 0
    rest, inside = time.monotonic() - begin - first, 0
    with tally(f"{name} at a random moment") as count:
        for k in range(many(4, 20)):
            out = tmp_path / str(k)
            processes.start(*command(out, steps))
            assert wait_for(lambda out=out: checkpoints(out))
            time.sleep(rng.uniform(0, rest))
            processes.send(number)
            code, text = processes.wait()
            if code == 128 + number and f"aae train semi-supervised --out {out} --resume" in text:
                inside += 1
                count.add("Traceback" not in text and 0 <= final_state(out)["step"] <= steps)
                code, text = processes.run("predict", out, "digits", "--out", tmp_path / "labels.csv")
                assert code == 0, text
            finish(processes, out, steps)
            count.add(weights(out) == straight(steps) and not leftovers(out))
    assert inside >= 0.4 * many(4, 20)
