"""Two hosts, each with a network of its own, train together under torchrun."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aae.distributed.processes import _free_port
from aae.runs.train import resume_run
from aae.training.checkpoints import latest_checkpoint
from helpers.runs import ENVIRONMENT, SMALL, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def hosts():
    """Address of the first host, and the prefix of a command to run it on each of the two.

    They are network namespaces joined by a virtual cable; where those are not allowed, one loopback device is used.
    """
    names = [f"aae{os.getpid()}{k}" for k in "ab"]
    ends = [f"v{os.getpid()}{k}" for k in "ab"]
    commands = [("netns", "add", name) for name in names]
    commands += [("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])]
    for number, (name, end) in enumerate(zip(names, ends, strict=True), 1):
        inside = ("-n", name)
        commands += [
            ("link", "set", end, "netns", name),
            (*inside, "addr", "add", f"10.99.7.{number}/24", "dev", end),
            (*inside, "link", "set", "lo", "up"),
            (*inside, "link", "set", end, "up"),
        ]
    apart = shutil.which("ip") is not None and all(ip(*words).returncode == 0 for words in commands)
    try:
        if apart:
            yield "10.99.7.1", [["ip", "netns", "exec", name] for name in names]
        else:
            yield "127.0.0.1", [[], []]
    finally:
        for name in names if shutil.which("ip") else ():
            ip("netns", "del", name)


def processes_of(run):
    """The training processes, by their rank."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_text().split("\0")
            environment = (entry / "environ").read_text().split("\0")
        except OSError:
            continue
        if str(run) in words and "torch.distributed.run" not in words:
            found |= {word.removeprefix("RANK="): int(entry.name) for word in environment if word.startswith("RANK=")}
    return found


def test_two_hosts_train_together_and_one_that_is_lost_ends_the_other(hosts, tmp_path):
    address, places = hosts
    run, port = tmp_path / "run", str(_free_port())
    small = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    started = []
    for rank, place in enumerate(places):
        engine = [*place, sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
        engine += ["--node-rank", str(rank), "--master-addr", address, "--master-port", port, "-m"]
        command = ["aae", "train", "semi-supervised", "--steps", "1000000", "--checkpoint-every", "0.5"]
        command += [*small, "--device", "cpu", "--out", str(run)]
        with (tmp_path / f"host{rank}.txt").open("w") as log:
            started.append(subprocess.Popen([*engine, *command], env=ENVIRONMENT, stderr=log, stdout=log))
    try:
        assert wait_for(lambda: list((run / "checkpoints").glob("step-*.safetensors")))
        os.kill(processes_of(run)["1"], signal.SIGKILL)
        assert [host.wait(60) for host in started] == [1, 1]
    finally:
        for pid in (*processes_of(run).values(), *(host.pid for host in started if host.poll() is None)):
            os.kill(pid, signal.SIGKILL)
    output = (tmp_path / "host0.txt").read_text()
    assert "aae: Process 0 of 2 stops, because another one of this training ended" in output
    assert f"--out {run} --resume" in output
    reached = latest_checkpoint(run / "checkpoints")[0]["step"]
    alone = resume_run(run, progress=False, watch=_stop_after(reached + 3))
    assert alone.step > reached


def _stop_after(step):
    """Interrupts a training at the first evaluation after a step."""

    def watch(model, share):
        if share < 1 and share * 1_000_000 >= step:
            raise KeyboardInterrupt

    return watch
