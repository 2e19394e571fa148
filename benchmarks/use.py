"""Waiting times of a user: the first useful model, encoding, predicting, the help text; and memory use."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import aae
from aae.data.arrays import NpyRows
from aae.evaluation import inference
from aae.runs.prepare import prepare

# The peak memory of a process includes that of the one it was forked from; a small one in between excludes ours.
LAUNCH = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, capture_output=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def until_3_percent(seconds: float, seed: int) -> tuple[float, float, float]:
    """Seconds of ``aae train few-labels`` from its start to its report, test error, and peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", LAUNCH, sys.executable, "-m", "aae", "train", "few-labels", "--data", "mnist",
             "--labels", "100", "--seed", str(seed), "--seconds", str(seconds), "--out", f"{folder}/run"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        taken = time.perf_counter() - start
        error = json.loads(Path(folder, "run", "evaluation.json").read_text())["test_error"]
        return taken, error, int(done.stdout) / 1024


def help_seconds() -> float:
    """Median time of ``aae --help``."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "aae", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def reading(data: aae.Dataset) -> dict[str, float]:
    """Rows per second of encoding and predicting with the default model."""
    model, *_ = prepare("semi-supervised", data, 100, "random", 0, {}, {"steps": 1})
    found = {}
    for name, call in {"encode": inference.encode, "predict": inference.classify}.items():
        times = []
        for _ in range(6):
            start = time.perf_counter()
            call(model, data.test_x)
            times.append(time.perf_counter() - start)
        found[f"{name}_rows_per_second"] = len(data.test_x) / statistics.median(times[1:])
    return found


class _Stamped(NpyRows):
    """Rows on disk that record the time of each access to a slice."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.stamps: list[float] = []

    def __getitem__(self, part: slice) -> np.ndarray:
        self.stamps.append(time.perf_counter())
        return super().__getitem__(part)


def stream_one(path: Path) -> dict[str, float]:
    """Encode a file in this process: memory beyond that of the model, and the rate at both ends."""
    model, *_ = prepare("semi-supervised", aae.load_data("mnist"), 100, "random", 0, {}, {"steps": 1})
    inference.encode(model, np.zeros((4000, 28, 28), np.uint8))
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = _memory_mb("VmRSS")
    rows = _Stamped(path)
    for _ in inference.map_chunks(model, rows, lambda x, _: model.encode(x)):
        pass
    tenth = len(rows.stamps) // 10
    first, last = (rows.stamps[k + tenth] - rows.stamps[k] for k in (0, len(rows.stamps) - tenth - 1))
    return {
        "stream_memory_mb": _memory_mb("VmHWM") - before,
        "stream_rows_per_second": len(rows) / (rows.stamps[-1] - rows.stamps[0]),
        "stream_last_over_first": first / last,
    }


def _memory_mb(name: str) -> float:
    """Memory of this process from Linux: current (VmRSS) or peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def stream(count: int) -> dict[str, float]:
    """Encode ``count`` random images from a file, in a separate process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        rows = np.lib.format.open_memmap(path, "w+", np.uint8, (count, 28, 28))
        for start in range(0, count, 100_000):
            part = rows[start : start + 100_000]
            part[:] = np.random.default_rng(start).integers(0, 256, part.shape, dtype=np.uint8)
        del rows, part
        script = Path(__file__).with_name("speed.py")
        done = subprocess.run(
            [sys.executable, script, "--stream-one", str(path)], check=True, capture_output=True, text=True
        )
    return json.loads(done.stdout)
