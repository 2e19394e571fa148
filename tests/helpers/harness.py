"""What the fault tests share. ``AAE_FAULTS=all`` tries every fault, which takes minutes; else it is a few of each."""

import os
import shutil
import time
from contextlib import contextmanager

from helpers.reliability import record
from helpers.runs import SMALL

ALL = os.environ.get("AAE_FAULTS") == "all"
PRESET = "semi-supervised"


def many(few, every):
    """How many faults to try."""
    return every if ALL else few


def command(out, steps, *more):
    small = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    place = ["--device", "cpu", "--precision", "32"]
    return ["train", PRESET, "--steps", steps, *small, *place, "--no-report", "--out", out, *more]


def resume(out, *more):
    return ["train", PRESET, "--out", out, "--resume", "--no-report", *more]


def checkpoints(out):
    return sorted((out / "checkpoints").glob("step-*.safetensors")) if out.exists() else []


def step_of(path):
    return int(path.stem.removeprefix("step-"))


def weights(out):
    return (out / "model" / "weights.safetensors").read_bytes()


def finish(processes, out, steps):
    """Go on with a run that was stopped, or begin it again if it had not come to a checkpoint; whether it went on."""
    code, text = processes.run(*resume(out))
    if code == 0:
        return True
    last = text.strip().splitlines()[-1]
    assert code == 1, text
    assert "Traceback" not in text
    assert "No usable checkpoint" in last or "has no config.json" in last or "There is no folder" in last, last
    assert not checkpoints(out)
    shutil.rmtree(out, ignore_errors=True)
    code, text = processes.run(*command(out, steps))
    assert code == 0, text
    return False


class Tally:
    """Faults that were tried, those that ended as promised, and what was lost."""

    def __init__(self):
        self.tried = self.survived = self.lost = 0

    def add(self, good, lost=0):
        self.tried += 1
        self.survived += bool(good)
        self.lost += lost


@contextmanager
def tally(part):
    """Count faults, put the count on record, and fail if one did not end as promised."""
    found, start = Tally(), time.monotonic()
    yield found
    record(part, found.tried, found.survived, found.lost, time.monotonic() - start)
    assert found.tried == found.survived > 0
    assert not found.lost
