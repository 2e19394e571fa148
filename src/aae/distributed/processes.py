"""Several processes for one training: how they start and communicate, and the error when one is lost.

PyTorch's distributed package does the work, set up by Lightning Fabric. Under ``torchrun`` the processes
are running already; otherwise the first one of a machine starts the others with its own command line.
"""

import atexit
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning_fabric.strategies import DDPStrategy

from aae.distributed.fabric import check_device, make_fabric
from aae.distributed.shards import Shard
from aae.system.errors import AAEError, LostProcessError, UsageError, first_line

__all__ = ["ProcessGroup", "launch", "terminate_children"]

JOIN_TIMEOUT = 60  # seconds that processes wait for each other at the start
TIMEOUT = 50  # seconds without an answer after which another process counts as lost
LONG_TIMEOUT = timedelta(hours=1)  # while one works and the others wait; a broken connection is still noticed
ADDRESS_OF_INTERFACE = 0x8915  # Linux's SIOCGIFADDR
EXIT_TIMEOUT = 20  # seconds that the other processes of this machine have to end once the first one is done

T = TypeVar("T")
_children: list[subprocess.Popen] = []  # the processes that this one started


@dataclass
class ProcessGroup:
    """The processes of one training, seen from one of them.

    Args:
        fabric: Device and precision.
        shard: This process's share of every batch; None if it is the only process.
        precision: The requested precision: ``auto``, ``32`` or ``bf16``.
        control: ``torch.distributed`` group for short messages.
        waiting: ``torch.distributed`` group for operations with long waits.
    """

    fabric: Fabric
    shard: Shard | None = None
    precision: str = "auto"
    control: Any = None
    waiting: Any = None

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return 0 if self.shard is None else self.shard.rank

    @property
    def is_rank_zero(self) -> bool:
        """Whether this process is the first one, which writes and prints."""
        return self.rank == 0

    @property
    def world_size(self) -> int:
        """Number of processes."""
        return 1 if self.shard is None else self.shard.world_size

    def barrier(self) -> None:
        """Wait until all processes reach this call, however long it takes."""
        if self.shard is not None:
            dist.barrier(group=self.waiting)

    def broadcast_result(self, work: Callable[[], T]) -> T:
        """Call a function in the first process, and give its result, or its error, to all.

        Raises:
            AAEError: The function failed in the first process.
        """
        if self.shard is None:
            return work()
        outcome: list[Any] = [None, None]  # result and error
        if self.is_rank_zero:
            try:
                outcome[0] = work()
            except AAEError as error:
                error.alone = False
                outcome[1] = error
        dist.broadcast_object_list(outcome, src=0, group=self.waiting)
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]

    def mean_and_any(self, row: Mapping[str, float], **flags: bool) -> tuple[dict[str, float], dict[str, bool]]:
        """The mean of each value over the processes, and for each flag whether it is set in any of them."""
        if self.shard is None:
            return dict(row), flags
        values = torch.tensor([*row.values(), *flags.values()], dtype=torch.float64)
        dist.all_reduce(values, group=self.control)
        means = dict(zip(row, (values / self.world_size).tolist(), strict=False))
        return means, {name: value > 0 for name, value in zip(flags, values[len(row) :].tolist(), strict=True)}

    def gather(self, part: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
        """Collect arrays of equal shape in the first process, by rank; the others get an empty list."""
        gathered: list[dict[str, np.ndarray]] = [{} for _ in range(self.world_size if self.is_rank_zero else 0)]
        for name, value in part.items():
            sent = torch.from_numpy(np.ascontiguousarray(value))
            received = [torch.empty_like(sent) for _ in gathered]
            dist.gather(sent, received or None, dst=0, group=self.waiting)
            for arrays, values in zip(gathered, received, strict=True):
                arrays[name] = values.numpy()
        return gathered

    def broadcast(self, value: float) -> float:
        """The first process's value of a number."""
        if self.shard is None:
            return value
        tensor = torch.tensor(value, dtype=torch.float64)
        dist.broadcast(tensor, src=0, group=self.control)
        return float(tensor)

    @contextmanager
    def explain_lost_process(self, advice: Callable[[], str]) -> Iterator[None]:
        """Turn PyTorch's error about a lost process into a sentence.

        Raises:
            LostProcessError: Another process ended, or no longer answers.
        """
        try:
            yield
        except AAEError as error:
            if error.alone is None:
                error.alone = True
            raise
        except RuntimeError as error:
            if self.shard is None or not _is_lost_process(error):
                raise
            raise LostProcessError(
                f"Process {self.shard.rank} of {self.world_size} stops, because another one of this training ended or "
                f"has not answered for {TIMEOUT} seconds; its own output may say why. {advice()}"
            ) from error


def launch(
    device: str = "auto", precision: str = "auto", devices: int | None = None, num_nodes: int | None = None
) -> ProcessGroup:
    """Start the requested processes, and wait until all of them have joined.

    Args:
        device: As for `aae.train`.
        precision: As for `aae.train`.
        devices: Processes on this machine, each with a GPU or a share of the processor cores; under
            ``torchrun`` the number that it started.
        num_nodes: Machines; under ``torchrun`` the number that it knows of.

    Raises:
        UsageError: Numbers that contradict ``torchrun``, or several machines without an address to meet at.
        AAEError: More devices than there are, or the others could not be reached.
    """
    check_device(device, precision)
    devices, num_nodes = _process_counts(devices, num_nodes)
    if devices * num_nodes == 1:
        return ProcessGroup(make_fabric(device), precision=precision)
    cuda = make_fabric(device).device.type == "cuda"
    elastic = TorchElasticEnvironment.detect()
    _check_devices(devices, cuda, elastic)
    if not elastic:
        _start_children(devices, num_nodes)
    if not cuda and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // devices))
    if num_nodes > 1 and not cuda and "GLOO_SOCKET_IFNAME" not in os.environ:
        os.environ |= _network_interface(os.environ.get("MASTER_ADDR", ""))
    environment = TorchElasticEnvironment() if elastic else LightningEnvironment()
    strategy = DDPStrategy(process_group_backend="nccl" if cuda else "gloo", timeout=timedelta(seconds=JOIN_TIMEOUT))
    fabric = make_fabric(device, devices=devices, num_nodes=num_nodes, strategy=strategy, plugins=[environment])
    try:
        fabric.launch()
        work = dist.new_group(timeout=timedelta(seconds=TIMEOUT))
        control = dist.new_group(timeout=timedelta(seconds=TIMEOUT), backend="gloo") if cuda else work
        waiting = dist.new_group(timeout=LONG_TIMEOUT, backend="gloo")
    except RuntimeError as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise AAEError(
            f"The {devices * num_nodes} processes of this training did not meet at {where} within {JOIN_TIMEOUT} "
            f"seconds ({first_line(error)}). Check that every machine was started, and that address and port can be "
            "reached."
        ) from error
    shard = Shard(fabric.global_rank, fabric.world_size, work)
    return ProcessGroup(fabric, shard, precision, control, waiting)


def _process_counts(devices: Any, num_nodes: Any) -> tuple[int, int]:  # of any kind: a user may pass a text
    for name, number in (("--devices", devices), ("--num-nodes", num_nodes)):
        if number is not None and (not isinstance(number, Integral) or number < 1):
            raise UsageError(f"{name} must be 1 or more, not {number}.")
    if not TorchElasticEnvironment.detect():
        return devices or 1, num_nodes or 1
    started = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ.get("GROUP_WORLD_SIZE", 1))
    if (devices or started[0], num_nodes or started[1]) != started:
        raise UsageError(
            f"torchrun started {started[0]} processes on each of {started[1]} machines; drop --devices and --num-nodes."
        )
    return started


def _check_devices(devices: int, cuda: bool, elastic: bool) -> None:
    available = torch.cuda.device_count() if cuda else os.cpu_count() or 1
    if devices > available and (cuda or not elastic):
        kind = "GPU" if cuda else "processor core"
        raise AAEError(
            f"{devices} devices were asked for, but this machine has {available} {kind}{'s' * (available > 1)}; use "
            f"--devices {available}."
        )


def _start_children(devices: int, num_nodes: int) -> None:
    """Start the other processes of this machine, unless this is one of them."""
    if "LOCAL_RANK" in os.environ:
        return
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if name not in os.environ]
    if num_nodes > 1 and missing:
        raise UsageError(
            f"With --num-nodes {num_nodes} each machine must know where to meet; set {', '.join(missing)} (address and "
            "port of the first machine, number of this one from 0), or start the command with torchrun."
        )
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(_free_port()))
    os.environ |= {"LOCAL_RANK": "0", "WORLD_SIZE": str(devices * num_nodes), "AAE_STARTED_BY": str(os.getpid())}
    atexit.register(_wait_for_children)
    for rank in range(1, devices):
        environment = {**os.environ, "LOCAL_RANK": str(rank)}
        _children.append(subprocess.Popen(_own_command(), env=environment, stdin=subprocess.DEVNULL))


def _network_interface(address: str) -> dict[str, str]:
    """Environment that makes gloo use the network interface from which an address is reached.

    By default it takes the one of the machine's own name, which is 127.0.0.1 on many machines.
    """
    with suppress(OSError, ImportError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        from fcntl import ioctl

        probe.connect((address, 9))  # sends nothing
        own_address = probe.getsockname()[0]
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # an interface without an address
                entry = ioctl(probe, ADDRESS_OF_INTERFACE, struct.pack("256s", name.encode()))
                if socket.inet_ntoa(entry[20:24]) == own_address:
                    return {"GLOO_SOCKET_IFNAME": name}
    return {}


def _own_command() -> list[str]:
    import __main__

    module = getattr(__main__, "__spec__", None)
    if module is None and not os.path.isfile(sys.argv[0]):
        raise UsageError("Several devices need a script to start again; in a notebook, run the `aae` command instead.")
    return [sys.executable, *(["-m", module.name] if module else [sys.argv[0]]), *sys.argv[1:]]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def terminate_children() -> None:
    """Stop the processes that this one started."""
    for child in _children:
        child.terminate()


def _wait_for_children() -> None:
    """Wait for the other processes, which end by themselves when the work is done; kill those that do not."""
    for child in _children:
        try:
            child.wait(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()


def _is_lost_process(error: RuntimeError) -> bool:
    text = str(error).lower()
    signs = ("closed by peer", "reset by peer", "broken pipe", "timed out", "timeout", "unreachable", "gloo", "nccl")
    return isinstance(error, dist.DistError) or any(sign in text for sign in signs)
