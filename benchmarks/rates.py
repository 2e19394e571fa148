"""The cost of a training step: ours, the tutorial's loop and pythae, taking turns."""

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from peers import BATCH, PythaeLoop, TutorialLoop
from torch.utils.flop_counter import FlopCounterMode

import aae
from aae.distributed.fabric import make_fabric
from aae.runs.prepare import prepare
from aae.training.precision import choose_precision
from aae.training.trainer import Trainer

# The tutorial's model and batch with our training, without our few-label terms.
SAME = {"z": 2, "hidden": [1000, 1000], "batch_size": BATCH, "labelled_batch_size": BATCH,
        "vat_radius": 0.0, "interpolation": 0.0, "transformation": 0.0, "neighbour_targets": 0.0}  # fmt: skip
OURS: dict[str, tuple[str, dict[str, Any], str]] = {
    "same maths": ("semi-supervised", {"recipe": "tutorial"}, "32"),
    "default, same batch": ("semi-supervised", SAME, "auto"),
    "default": ("semi-supervised", {**SAME, "batch_size": 256}, "auto"),
    "default with few-label term": ("semi-supervised", {}, "auto"),
    "unsupervised, pythae's networks": ("aae", {"hidden": [1000, 1000], "batch_size": BATCH}, "auto"),
}


@dataclass
class Contender:
    """A call that takes ``steps`` training steps and reads ``rows`` unlabelled rows."""

    call: Callable[[], Any]
    steps: int
    rows: int


def trainer_of(preset: str, data: aae.Dataset, changes: dict[str, Any], precision: str) -> Trainer:
    """A trainer of ours without an end."""
    labels = 0 if preset == "aae" else 3000
    model, settings, split, _ = prepare(preset, data, labels, "tutorial" if labels else "random", 0, changes,
                                        {"steps": 1_000_000})  # fmt: skip
    chosen = choose_precision(precision, torch.device("cpu"))
    return Trainer(model, data, split, settings, 0, make_fabric("cpu"), precision=chosen)


def _times(step: Callable[[], Any], steps: int, rows: int) -> Contender:
    def call() -> None:
        for _ in range(steps):
            step()

    return Contender(call, steps, steps * rows)


def our_contender(name: str, data: aae.Dataset, steps: int) -> Contender:
    preset, changes, precision = OURS[name]
    trainer = trainer_of(preset, data, changes, precision)
    return _times(trainer.train_step, steps, trainer.settings.batch_size)


def contenders(data: aae.Dataset, steps: int) -> dict[str, Contender]:
    """Everything that is timed; pythae only if it is installed."""
    split = aae.split_data(data, 3000, "tutorial", 0)
    tutorial = TutorialLoop(data.x, data.y, split.labelled, split.unlabelled)
    found = {"tutorial's loop": _times(tutorial.step, steps, BATCH)}
    with contextlib.suppress(ImportError), contextlib.redirect_stderr(io.StringIO()):
        found["pythae"] = Contender(PythaeLoop(data.x, steps, tempfile.mkdtemp()).round, steps, steps * BATCH)
    return found | {name: our_contender(name, data, steps) for name in OURS}


def rates(data: aae.Dataset, repeats: int, steps: int) -> tuple[dict[str, float], dict[str, float]]:
    """Median rows per second of every contender, taking turns, and its matrix products in 10^9 operations a step."""
    calls = contenders(data, steps)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    operations = {}
    for turn in range(repeats + 1):  # the first turn is the warm-up, in which operations are counted
        for name, contender in calls.items():
            counter = FlopCounterMode(display=False) if not turn else contextlib.nullcontext()
            start = time.perf_counter()
            with contextlib.redirect_stderr(io.StringIO()), counter:
                contender.call()
            if turn:
                seconds[name].append(time.perf_counter() - start)
            else:
                operations[name] = counter.get_total_flops() / contender.steps / 1e9
    return {name: calls[name].rows / statistics.median(taken) for name, taken in seconds.items()}, operations


def product_rate(rows: int = 2 * BATCH, width: int = 1000) -> float:
    """Speed of this machine's matrix products at the shapes of a step, in 10^9 operations a second."""
    x, weight = torch.randn(rows, width), torch.randn(width, width)
    times = []
    for _ in range(200):
        start = time.perf_counter()
        torch.mm(x, weight)
        times.append(time.perf_counter() - start)
    return 2 * rows * width * width / statistics.median(times[50:]) / 1e9


KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "mkldnn_linear"),
    "Adam": ("aten::_fused_adam_", "Optimizer.step"),
    "moving average": ("aten::lerp_",),
    "dropout masks": ("aten::random_", "aten::bernoulli_", "aten::ge"),
    "copies and casts": ("aten::copy_", "aten::cat", "aten::to", "aten::_to_copy"),
    "sums of gradients": ("aten::sum", "aten::add_", "aten::add"),
    "activations and losses": ("aten::threshold_backward", "aten::clamp_min", "aten::relu", "batch_norm", "softplus",
                               "binary_cross_entropy", "softmax"),
}  # fmt: skip


def profile(data: aae.Dataset, name: str = "default") -> dict[str, float]:
    """Share of each kind of operation in the time of a step, in percent."""
    contender = our_contender(name, data, 10)
    contender.call()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        contender.call()
    shares = dict.fromkeys([*KINDS, "other"], 0.0)
    events = found.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    for event in events:
        whole = next((kind for kind, words in KINDS.items() if event.key in words), None)
        part = next((kind for kind, words in KINDS.items() if any(word in event.key for word in words)), "other")
        shares[whole or part] += 100 * event.self_cpu_time_total / total
    return shares


def linear(data: aae.Dataset) -> list[tuple[int, int, float]]:
    """Rows, epochs and seconds of training; the time should be proportional to both."""
    found = []
    for rows, epochs in ((5000, 2), (10_000, 2), (20_000, 2), (40_000, 2), (5000, 4), (5000, 8)):
        part = replace(data, x=data.x[:rows], y=data.y[:rows])
        model, settings, split, _ = prepare("aae", part, 0, "random", 0, {"hidden": [300, 300]}, {"epochs": epochs})
        torch.manual_seed(0)
        start = time.perf_counter()
        aae.train(model, part, settings, split=split, progress=False)
        found.append((len(split.labelled) + len(split.unlabelled), epochs, time.perf_counter() - start))
    return found
