"""Scaling: two processes on this machine, and predictions for more from a cost model of a step.

`python benchmarks/scale.py` measures and rewrites the tables of docs/scale.md. It takes ten minutes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
CASES = [("autoencoder", 256), ("aae", 256), ("semi-supervised", 256), ("few-labels", 64),
         ("autoencoder", 1024), ("aae", 1024), ("semi-supervised", 1024), ("few-labels", 512)]  # fmt: skip
STEPS, WARM_UP, TURNS = 8, 3, 2
MB = 1e6


def measure(preset: str, batch: int, devices: int) -> dict[str, float]:
    """Seconds of a step with the given number of processes, and of its communication."""
    import torch
    import torch.distributed as dist

    from aae.distributed.processes import launch
    from aae.runs.prepare import default_labels, prepare
    from aae.runs.train import load_data
    from aae.training.trainer import Trainer

    group = launch("cpu", "32", devices)
    torch.set_num_threads(2 // devices)
    data = load_data("mnist")
    sizes = {"batch_size": batch, "labelled_batch_size": max(2, batch // 4)}
    model, settings, split, _ = prepare(preset, data, default_labels(preset, data), "random", 0, sizes, {"steps": 1000})
    trainer = Trainer(model, data, split, settings, 0, group.fabric, group.shard)
    times = []
    for _ in range(WARM_UP + STEPS):
        start = time.perf_counter()
        trainer.train_step()
        times.append(time.perf_counter() - start)
    parameters = sum(p.numel() for phase in trainer.phases for p in phase.parameters)
    found = {"step": statistics.median(times[WARM_UP:]), "parameters": parameters}
    if devices > 1:
        found |= {"reduce": _timed(lambda: dist.all_reduce(torch.ones(parameters)), 5)}
        found |= {"exchange": _timed(lambda: group.shard.all_gather(torch.ones(2000)), 100)}
        calls = []
        all_gather = group.shard.all_gather
        group.shard.all_gather = lambda x: (calls.append(1), all_gather(x))[1]
        trainer.train_step()
        found["exchanges"] = len(calls)
    start = time.perf_counter()
    for optimizer in trainer.optimizers.values():
        optimizer.step()
    found["update"] = time.perf_counter() - start
    return found if group.is_rank_zero else {}


def _timed(call: object, repeats: int) -> float:
    call()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def run(preset: str, batch: int, devices: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", preset, str(batch), str(devices)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(2 // devices), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def measured_rows() -> list[list[str]]:
    """One line for each case: one process on two threads, two on one thread each, and the prediction for the latter."""
    rows = []
    for preset, batch in CASES:
        one, two = {}, {}
        ones, twos = [], []
        for _ in range(TURNS):
            one, two = run(preset, batch, 1), run(preset, batch, 2)
            ones.append(one["step"])
            twos.append(two["step"])
        single, double = statistics.median(ones), statistics.median(twos)
        predicted = single + two["update"] - one["update"] + two["reduce"] + two["exchanges"] * two["exchange"]
        rows.append([preset, str(batch), f"{one['parameters'] / 1e6:.1f}", f"{single * 1e3:.0f}", f"{double * 1e3:.0f}",
                     f"{single / double:.2f}", f"{two['reduce'] * 1e3:.0f}",
                     f"{two['exchanges']:.0f} x {two['exchange'] * 1e3:.1f}", f"{predicted * 1e3:.0f}"])  # fmt: skip
        print(" ".join(rows[-1]), file=sys.stderr)
    return rows


@dataclass(frozen=True)
class Network:
    """A network between devices: bytes per second in each direction, and seconds of a small exchange between two."""

    name: str
    bytes_per_second: float
    latency: float


@dataclass(frozen=True)
class Device:
    """A device: seconds per row, and per update of one parameter."""

    name: str
    row: float
    update: float


NETWORKS = [Network("NVLink", 300e9, 15e-6), Network("InfiniBand, 200 Gb/s", 22e9, 25e-6),
            Network("Ethernet, 10 Gb/s", 1.1e9, 100e-6)]  # fmt: skip
DEVICES = [Device("CPU core", 1 / 700, 2e-9), Device("GPU", 1 / 200_000, 2e-11)]
PARAMETERS, EXCHANGES = 5.6e6, 15  # of the preset semi-supervised


def step_seconds(device: Device, network: Network, devices: int, batch: int) -> float:
    """The cost model: a share of the rows, the whole update, the ring all-reduce of gradients, the small exchanges."""
    alone = device.row * batch / devices + device.update * PARAMETERS
    if devices == 1:
        return alone
    ring = 2 * (devices - 1) / devices * 4 * PARAMETERS / network.bytes_per_second
    return alone + ring + EXCHANGES * network.latency * (devices - 1).bit_length()


def best(device: Device, network: Network, each: int) -> tuple[int, float]:
    """The largest number of devices, with ``each`` rows per batch, that are at least half used; and rows a second."""
    count = 1
    while count < 2**14:
        more = 2 * count
        if device.row * each < 0.5 * step_seconds(device, network, more, each * more):
            break
        count = more
    return count, each * count / step_seconds(device, network, count, each * count)


def model_rows() -> list[list[str]]:
    rows = []
    for device, network, each in ((DEVICES[0], NETWORKS[2], 256), (DEVICES[1], NETWORKS[2], 512),
                                  (DEVICES[1], NETWORKS[2], 8192), (DEVICES[1], NETWORKS[1], 512),
                                  (DEVICES[1], NETWORKS[0], 512)):  # fmt: skip
        used = [device.row * each / step_seconds(device, network, n, each * n) for n in (1, 2, 8, 64, 1024)]
        rows.append([device.name, network.name, str(each), *(f"{share:.0%}" for share in used)])
    return rows


def length_rows() -> list[list[str]]:
    """Hours of eight passes over a data set, and how many devices still leave ten thousand steps."""
    rows = []
    for count in (10**6, 10**8, 10**10):
        device, network, each, passes = DEVICES[1], NETWORKS[1], 512, 8
        most = max(1, count * passes // (each * 10_000))
        cells = []
        for devices in (1, 8, 64, 1024):
            hours = count * passes / (each * devices) * step_seconds(device, network, devices, each * devices) / 3600
            cells.append(f"{hours:.3g}" if devices <= most else f"({hours:.2g})")
        rows.append([f"10^{len(str(count)) - 1}", *cells, f"{min(most, 10**6):,}"])
    return rows


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=3)
    parser.add_argument("--model-only", action="store_true")
    arguments = parser.parse_args()
    if arguments.one:
        warnings.simplefilter("ignore")
        found = measure(arguments.one[0], int(arguments.one[1]), int(arguments.one[2]))
        if found:
            print(json.dumps(found))
        return
    tables = {
        "model": table(["device", "network", "rows per device", "1 device", "2", "8", "64", "1,024"], model_rows()),
        "length": table(["rows", "1 GPU", "8", "64", "1,024", "most GPUs for 10,000 steps"], length_rows()),
    }
    if not arguments.model_only:
        head = ["preset", "batch", "parameters, 10^6", "one process, ms", "two, ms", "rows per second, ratio",
                "all-reduce, ms", "exchanges, ms", "two, predicted, ms"]  # fmt: skip
        tables["measured"] = table(head, measured_rows())
    path = ROOT / "docs" / "scale.md"
    text = path.read_text()
    for name, lines in tables.items():
        start = text.index(f"<!-- {name} -->\n") + len(f"<!-- {name} -->\n")
        text = text[:start] + lines + text[text.index("\n<!-- end -->", start) :]
    path.write_text(text)


if __name__ == "__main__":
    main()
