"""Small runs on digits, a command line to call in this process, and one whose processes can be killed."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from aae.objectives import tangents
from aae.presets.presets import PRESETS
from aae.runs.train import train_preset
from aae.training.checkpoints import latest_checkpoint

# Without a trial, which has tests of its own.
SMALL = {"hidden": [16], "discriminator_hidden": [16], "channels": 2, "baseline_targets": 0.0}
THREADS = int(os.environ.get("AAE_TEST_THREADS") or 1)
PATHS = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "COLUMNS": "200", "PYTHONPATH": PATHS}

# Every preset, and the variants that take another way through the code: (preset, labels, changes).
VARIANTS = {
    **{name: (name, None, {}) for name in PRESETS},
    "conditioned": ("aae", 100, {"prior": "ring"}),
    "plain supervised": ("supervised", 1000, {"conditional": False, "z": 10}),
    "labelled embedding": ("embedding", 100, {}),
    "tutorial aae": ("aae", None, {"recipe": "tutorial"}),
    "tutorial semi-supervised": ("semi-supervised", None, {"recipe": "tutorial"}),
    "paper semi-supervised": ("semi-supervised", None, {"recipe": "paper"}),
}


def _learn_once():
    """Learn generators from the rows of digits once in a process: it takes most of the time of a small training.

    They follow from the pairs alone. From fewer pairs, as in their own tests, they are learned each time.
    """
    learn, known = tangents._learn, {}

    def remembered(start, steps, count):
        if len(start) < 4000:
            return learn(start, steps, count)
        key = hashlib.sha256(start.numpy().tobytes() + steps.numpy().tobytes()).digest(), count
        if key not in known:
            known[key] = learn(start, steps, count)
        return tuple(part.clone() for part in known[key])

    tangents._learn = remembered


_learn_once()


def train_small(name, **settings):
    """Train a variant of `VARIANTS`, quietly and small, for two steps if nothing else is said."""
    preset, labels, changes = VARIANTS[name]
    length = {} if settings.keys() & {"steps", "epochs", "seconds"} else {"steps": 2}
    changes = {**SMALL, **changes, **settings.pop("changes", {})}
    usual = {"data": "digits", "labels": labels, "progress": False, "device": "cpu", "precision": "32", **length}
    return train_preset(preset, changes=changes, **{**usual, **settings})


def final_state(path):
    """The newest checkpoint of a run, without the time it took and when it was measured."""
    state, damaged = latest_checkpoint(Path(path) / "checkpoints")
    assert not damaged
    del state["seconds"], state["history"], state["notes"]
    return state


def differences(one, other, where="state"):
    """Where two states differ, bit for bit."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return [where]
        return [place for key in one for place in differences(one[key], other[key], f"{where}.{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return differences(dict(enumerate(one)), dict(enumerate(other)), where)
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        same = (one.dtype, one.shape, one.numpy().tobytes()) == (other.dtype, other.shape, other.numpy().tobytes())
    else:
        same = type(one) is type(other) and one == other
    return [] if same else [where]


def leftovers(folder):
    """Temporary files anywhere below a folder."""
    return [path for path in Path(folder).rglob("*") if path.name.endswith(".tmp")]


def python(code, *arguments, **environment):
    """Run Python code in a fresh process."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=120)


_SERVER = """
import json, os, random, resource, sys, time
import torch
from aae import cli
from helpers.runs import train_small

torch.set_num_threads(1)
train_small("semi-supervised", steps=1)  # what takes time at first: modules to load, changes of rows to learn
for line in sys.stdin:
    arguments, log, faults = json.loads(line)
    child = os.fork()
    if not child:
        if "file_size" in faults:
            resource.setrlimit(resource.RLIMIT_FSIZE, (faults["file_size"], faults["file_size"]))
        if "clock" in faults:
            clock = time.time
            time.time = lambda: clock() + random.uniform(-1, 1) * faults["clock"]
        os.environ.update(faults.get("environment", {}))
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        sys.argv = ["aae", *arguments]
        code = 70
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(child, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Processes:
    """Commands as processes of their own, one at a time, each forked from one that has torch loaded already."""

    def __init__(self, log):
        self.log = Path(log)
        self.server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=ENVIRONMENT | {"OMP_NUM_THREADS": "1"},  # a fork finds none of the other threads there
        )  # fmt: skip

    def _say(self, text):
        self.server.stdin.write(text + "\n")
        self.server.stdin.flush()

    def start(self, *arguments, **faults):
        """Start a command; ``file_size`` limits what it may write, ``clock`` is by how much the time of day jumps."""
        self._say(json.dumps([list(map(str, arguments)), str(self.log), faults]))
        self.pid = int(self.server.stdout.readline())

    def send(self, number):
        """Send a signal; a process that is over already takes no harm, for the server still holds its number."""
        os.kill(self.pid, number)

    def wait(self):
        """Exit code of the process, and what it said."""
        self._say("")
        return int(self.server.stdout.readline()), self.log.read_text()

    def run(self, *arguments, **faults):
        self.start(*arguments, **faults)
        return self.wait()

    def kill(self):
        self.send(signal.SIGKILL)
        return self.wait()[0] == -signal.SIGKILL

    def close(self):
        self.server.stdin.close()
        self.server.wait(timeout=60)
        self.server.stdout.close()


def wait_for(condition, seconds=60.0):
    """Wait until a condition holds; whether it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False


def rewrite(path, **changes):
    """Change entries of a JSON file as a person would, who takes its checksum out; None takes an entry out."""
    data = {**json.loads(path.read_text()), "checksum": None, **changes}
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))
