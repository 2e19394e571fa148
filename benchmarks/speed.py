"""Speed of training against the tutorial's loop and against pythae, in one run on one machine.

``python benchmarks/speed.py`` takes turns between all of them, so that a busy moment hits all
alike, prints the medians and writes docs/speed.md; ``--json`` prints one flat object instead.
"""

import argparse
import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import aae
from aae import inference
from aae.data.arrays import NpyRows
from aae.runs import prepare
from aae.trainer import Trainer, make_fabric

sys.path.insert(0, str(Path(__file__).parent))
from machine import describe_machine
from peers import BATCH, PythaeLoop, TutorialLoop

# The tutorial's model and batch, trained our way; its few-label terms are ours alone and are left out.
SAME = {"z": 2, "hidden": [1000, 1000], "batch_size": BATCH, "labelled_batch_size": BATCH, "adversarial_radius": 0.0}
OURS: dict[str, tuple[str, dict[str, Any], str]] = {
    "same maths": ("semi-supervised", {"recipe": "tutorial"}, "32"),
    "default, same batch": ("semi-supervised", SAME, "auto"),
    "default": ("semi-supervised", {**SAME, "batch_size": 256}, "auto"),
    "default with few-label term": ("semi-supervised", {}, "auto"),
    "unsupervised, as pythae's": ("aae", {"hidden": [1000, 1000], "batch_size": BATCH}, "auto"),
}


def our_step(name: str, data: aae.Dataset) -> tuple[Callable[[], Any], int]:
    """A training step of ours and the unlabelled rows it reads."""
    preset, changes, precision = OURS[name]
    labels = 0 if preset == "aae" else 3000
    model, settings, split, _ = prepare(preset, data, labels, "tutorial" if labels else "random", 0, changes,
                                        {"steps": 1_000_000})  # fmt: skip
    trainer = Trainer(model, data, split, settings, 0, make_fabric("cpu", precision))
    return trainer.train_step, settings.batch_size


def contenders(data: aae.Dataset, steps: int) -> dict[str, tuple[Callable[[], Any], int]]:
    """What is timed: a call that takes ``steps`` steps, and the rows that these read."""
    split = aae.split_data(data, 3000, "tutorial", 0)
    tutorial = TutorialLoop(data.x, data.y, split.labelled, split.unlabelled)
    found: dict[str, tuple[Callable[[], Any], int]] = {"tutorial's loop": (_times(tutorial.step, steps), steps * BATCH)}
    with contextlib.suppress(ImportError), contextlib.redirect_stderr(io.StringIO()):
        found["pythae"] = (PythaeLoop(data.x, steps, tempfile.mkdtemp()).round, steps * BATCH)
    for name in OURS:
        step, rows = our_step(name, data)
        found[name] = (_times(step, steps), steps * rows)
    return found


def _times(step: Callable[[], Any], steps: int) -> Callable[[], None]:
    def repeat() -> None:
        for _ in range(steps):
            step()

    return repeat


def rates(data: aae.Dataset, repeats: int, steps: int) -> dict[str, float]:
    """Median rows per second of every contender, taking turns."""
    calls = contenders(data, steps)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):  # the first turn warms up
        for name, (call, _) in calls.items():
            start = time.perf_counter()
            with contextlib.redirect_stderr(io.StringIO()):
                call()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: calls[name][1] / statistics.median(taken) for name, taken in seconds.items()}


def profile(data: aae.Dataset) -> dict[str, float]:
    """Share of each kind of operation in the time of the default step, in percent."""
    step, _ = our_step("default", data)
    _times(step, 5)()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        _times(step, 10)()
    kinds = {"matrix products": ("mm", "bmm", "linear"), "Adam": ("_fused_adam",), "copies and casts": ("copy_",)}
    events = found.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    shares = {
        kind: 100 / total * sum(
            event.self_cpu_time_total for event in events if any(word in event.key for word in words)
        )
        for kind, words in kinds.items()
    }  # fmt: skip
    return shares | {"all else": 100 - sum(shares.values())}


def until_3_percent(seconds: float, seed: int) -> tuple[float, float]:
    """Time from process start to a finished run of ``few-labels``, and its test error."""
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "aae"]
        start = time.perf_counter()
        subprocess.run(
            [*run, "train", "few-labels", "--data", "mnist", "--labels", "100", "--seed", str(seed), "--max-seconds",
             str(seconds), "--out", f"{folder}/run", "--no-report"],
            check=True, capture_output=True,
        )  # fmt: skip
        taken = time.perf_counter() - start
        done = subprocess.run([*run, "evaluate", f"{folder}/run", "--json"], check=True, capture_output=True, text=True)
    return taken, json.loads(done.stdout)["test_error"]


def use(data: aae.Dataset) -> dict[str, float]:
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
    """Rows on the disk that note when each slice of them was asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.stamps: list[float] = []

    def __getitem__(self, part: slice) -> np.ndarray:
        self.stamps.append(time.perf_counter())
        return super().__getitem__(part)


def stream_one(path: Path) -> dict[str, float]:
    """Encode a file in this process: memory above what the model took, and the rate at both ends."""
    model, *_ = prepare("semi-supervised", aae.load_data("mnist"), 100, "random", 0, {}, {"steps": 1})
    inference.encode(model, np.zeros((4000, 28, 28), np.uint8))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = _Stamped(path)
    inference.encode(model, rows)
    tenth = len(rows.stamps) // 10
    first, last = (rows.stamps[k + tenth] - rows.stamps[k] for k in (0, len(rows.stamps) - tenth - 1))
    return {
        "stream_memory_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "stream_rows_per_second": len(rows) / 10 / first,
        "stream_last_over_first": first / last,
    }


def stream(count: int) -> dict[str, float]:
    """Encode ``count`` random images from a file, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        rows = np.lib.format.open_memmap(path, "w+", np.uint8, (count, 28, 28))
        for start in range(0, count, 100_000):
            part = rows[start : start + 100_000]
            part[:] = np.random.default_rng(start).integers(0, 256, part.shape, dtype=np.uint8)
        del rows
        done = subprocess.run(
            [sys.executable, __file__, "--stream-one", str(path)], check=True, capture_output=True, text=True
        )
    return json.loads(done.stdout)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every figure, flat."""
    data = aae.load_data("mnist")
    found: dict[str, Any] = {"machine": describe_machine()}
    speed = rates(data, arguments.repeats, arguments.steps)
    for name, value in speed.items():
        found[f"rows_per_second {name}"] = value
    base = speed["tutorial's loop"]
    found["ratio_same_maths"] = speed["same maths"] / base
    found["ratio_default_same_batch"] = speed["default, same batch"] / base
    found["ratio_default"] = speed["default"] / base
    if "pythae" in speed:
        found["ratio_pythae"] = speed["unsupervised, as pythae's"] / speed["pythae"]
    found |= {f"share {kind}": value for kind, value in profile(data).items()}
    found |= use(data)
    if arguments.stream:
        found |= stream(arguments.stream)
    if arguments.seeds:
        runs = [until_3_percent(arguments.seconds, seed) for seed in range(arguments.seeds)]
        found["seconds_to_3_percent"] = statistics.median(taken for taken, _ in runs)
        found["error_after"] = statistics.median(error for _, error in runs)
        found["worst_error_after"] = max(error for _, error in runs)
        found["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return found


def render(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "# Speed",
        "",
        f"One run on {found['machine']}, torch {torch.__version__}; medians of repeats that took turns.",
        "Regenerate with `python benchmarks/speed.py`.",
        "",
        "| figure | value |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value:.4g} |" for name, value in found.items() if isinstance(value, float)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one flat JSON object and nothing else")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="steps of one repeat")
    parser.add_argument("--seeds", type=int, default=5, help="runs of few-labels to 3 %% error; 0 for none")
    parser.add_argument("--seconds", type=float, default=30.0, help="training time of these runs")
    parser.add_argument("--table", type=Path, default=Path("docs/speed.md"))
    parser.add_argument("--stream", type=int, default=2_000_000, help="rows of the file that is encoded; 0 for none")
    parser.add_argument("--stream-one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stream_one:
        print(json.dumps(stream_one(arguments.stream_one)))
        return
    found = measure(arguments)
    text = render(found)
    arguments.table.write_text(text)
    print(json.dumps(found) if arguments.json else text)


if __name__ == "__main__":
    main()
