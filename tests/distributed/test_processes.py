import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from aae.distributed import processes
from aae.distributed.fabric import make_fabric
from aae.distributed.processes import ProcessGroup
from aae.distributed.shards import Shard
from aae.runs.train import resume_run
from aae.system.errors import AAEError, DivergenceError, LostProcessError, UsageError
from aae.training.checkpoints import latest_checkpoint
from aae.training.rundir import RunDir
from helpers import several
from helpers.close import assert_close, rounding
from helpers.runs import ENVIRONMENT, SMALL, VARIANTS, python, wait_for
from helpers.several import STEPS, TERMS

TESTS = Path(__file__).parents[1]


def start(*command, **environment):
    return subprocess.Popen(
        [sys.executable, *map(str, command)], env=ENVIRONMENT | environment, text=True, stderr=subprocess.PIPE,
        stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Folders of the same work done by one process and by two."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    two = start(TESTS / "helpers" / "several.py", 2, folders[1])
    several.main(1, folders[0])
    output = two.communicate(timeout=200)
    assert two.returncode == 0, output
    return folders


@pytest.mark.parametrize("name", VARIANTS)
def test_two_processes_train_as_one_does(name, both):
    one, two = (RunDir(folder / name).history().columns() for folder in both)
    losses = [key for key in one if "seconds" not in key]
    assert {"step", "epoch"} < set(losses)
    for key in losses:
        # A virtual adversarial direction is a tiny gradient made long, rounding errors and all.
        terms = TERMS * (10 if key == "adversarial_loss" else 1)
        assert_close(two[key], one[key], terms, name=key)
    weights = [load_file(folder / name / "model" / "weights.safetensors") for folder in both]
    for key in weights[0]:
        assert_close(weights[1][key], weights[0][key], TERMS, name=key)


def test_only_the_first_process_writes(both):
    one, two = ({path.relative_to(folder) for path in folder.rglob("*")} for folder in both)
    assert one == two
    assert RunDir(both[1] / "aae").config()["devices"] == 2


def test_several_processes_write_one_result_in_order(both):
    one, two = both
    with np.load(one / "codes.npz") as alone, np.load(two / "codes.npz") as divided:
        assert len(alone["z"]) == 4321
        for name in alone:
            assert_close(divided[name], alone[name], TERMS, name=name)
    first, second = (np.genfromtxt(folder / "predictions.csv", delimiter=",", skip_header=1) for folder in both)
    np.testing.assert_array_equal(second[:, 0], np.arange(4321))
    np.testing.assert_allclose(second[:, 3:], first[:, 3:], rtol=0, atol=1e-6 + rounding(TERMS))  # of six digits each


@pytest.mark.parametrize("name", ["semi-supervised", "few-labels", "conditioned"])
def test_a_run_of_two_is_resumed_by_one(name, both, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(both[1] / name, run)
    saved = sorted((run / "checkpoints").glob("step-*.safetensors"))
    for newer in saved[1:]:
        newer.unlink()
    assert latest_checkpoint(run / "checkpoints")[0]["step"] == STEPS - 2
    result = resume_run(run, progress=False, devices=1)
    assert result.step == STEPS
    straight = load_file(both[0] / name / "model" / "weights.safetensors")
    for key, value in result.model.state_dict().items():
        assert_close(value, straight[key], TERMS, name=key)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked for in /proc")
@pytest.mark.parametrize("victim", ["first", "other"])
def test_a_lost_process_ends_the_others_with_a_sentence(victim, tmp_path):
    run = tmp_path / "run"
    small = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    command = ["-m", "aae", "train", "aae", "--steps", "1000000", "--checkpoint-every", "0.5", "--devices", "2"]
    first = start(*command, *small, "--device", "cpu", "--out", run)
    other = None
    try:
        assert wait_for(lambda: list((run / "checkpoints").glob("step-*.safetensors")))
        (other,) = children(first.pid)
        os.kill(first.pid if victim == "first" else other, signal.SIGKILL)
        errors = first.communicate(timeout=60)[1]  # ends once both processes have closed it
    finally:
        for pid in filter(None, (first.pid, other)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    lines = [line for line in errors.splitlines() if "aae: " in line]
    assert len(lines) == 1, errors
    assert "stops, because another one of this training ended" in lines[0]
    assert f"--out {run} --resume" in lines[0]
    assert "Traceback" not in errors
    assert first.returncode == (-signal.SIGKILL if victim == "first" else 1)
    step = latest_checkpoint(run / "checkpoints")[0]["step"]
    assert f"from step {step} " in lines[0]


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--devices", "0"], 2, "--devices must be 1 or more"),
        (["--devices", "4000"], 1, "4000 devices were asked for, but this machine has"),
        (["--num-nodes", "2"], 2, "set MASTER_ADDR, MASTER_PORT, NODE_RANK"),
    ],
)
def test_impossible_numbers_of_processes_are_refused(options, code, sentence, cli, tmp_path):
    result = cli("train", "aae", *options, "--device", "cpu", "--out", tmp_path / "run")
    assert result.code == code
    assert sentence in result.err
    assert not (tmp_path / "run").exists()


def test_options_must_agree_with_torchrun(monkeypatch):
    for name, value in (("TORCHELASTIC_RUN_ID", "x"), ("LOCAL_WORLD_SIZE", "3"), ("GROUP_WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    assert processes._process_counts(None, None) == (3, 2)
    assert processes._process_counts(3, 2) == (3, 2)
    with pytest.raises(UsageError, match="torchrun started 3 processes on each of 2 machines"):
        processes._process_counts(2, None)


def test_waiting_for_missing_processes_ends_after_a_timeout():
    code = "from aae.distributed import processes as p; p.JOIN_TIMEOUT = 2; p.launch('cpu', '32', 1, 2)"
    port = str(processes._free_port())
    for rank in ("0", "1"):
        done = python(code, MASTER_ADDR="127.0.0.1", MASTER_PORT=port, NODE_RANK=rank)
        assert f"did not meet at 127.0.0.1:{port} within 2 seconds" in done.stderr


def test_one_process_is_a_group_of_its_own():
    group = processes.launch("cpu", "32")
    assert (group.is_rank_zero, group.world_size, group.shard) == (True, 1, None)
    assert group.broadcast_result(lambda: 3) == 3
    assert group.broadcast(0.5) == 0.5
    assert group.mean_and_any({"a": 1.0}, stop=False) == ({"a": 1.0}, {"stop": False})
    group.barrier()


def test_errors_that_are_not_about_lost_processes_pass_unchanged():
    group = ProcessGroup(make_fabric("cpu"))
    for error in (RuntimeError("Connection closed by peer"), AAEError("no"), ZeroDivisionError()):
        with pytest.raises(type(error)) as found, group.explain_lost_process(lambda: ""):
            raise error
        assert found.value is error


@pytest.mark.parametrize(
    "text",
    [
        "[gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.1]:4711",
        "Application timeout caused pair closure",
        "Timed out waiting 50000ms for recv operation to complete",
        "NCCL error: remote process exited or there was a network error",
    ],
)
def test_pytorchs_error_about_a_lost_process_becomes_a_sentence(text):
    group = ProcessGroup(make_fabric("cpu"), Shard(1, 2))
    sentence = r"Process 1 of 2 stops, .* Go on\."
    with pytest.raises(LostProcessError, match=sentence) as found, group.explain_lost_process(lambda: "Go on."):
        raise RuntimeError(text)
    assert found.value.alone
    with pytest.raises(RuntimeError, match="mat1"), group.explain_lost_process(lambda: ""):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_errors_of_one_process_are_marked():
    group = ProcessGroup(make_fabric("cpu"), Shard(1, 2))
    for error, alone in ((AAEError("its own"), True), (DivergenceError("everyone's"), False)):
        with pytest.raises(AAEError) as found, group.explain_lost_process(lambda: ""):
            raise error
        assert found.value.alone is alone
