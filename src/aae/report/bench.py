"""Training speed on each device, of the tutorial's model and of a preset: time per step, per row and for 500 passes."""

import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.distributed.fabric import make_fabric
from aae.presets.presets import PRESETS, resolve
from aae.presets.recipes import RECIPES
from aae.report import plots
from aae.runs.prepare import prepare
from aae.system.files import check_output_path
from aae.system.progress import spinner
from aae.training.precision import choose_precision, supports_bf16
from aae.training.trainer import Trainer

__all__ = ["SHOWN", "bench", "same_model", "step_times"]

PASSES = 500  # the tutorial's length
BLOCKS = 5
SHOWN = {"tutorial": "tutorial's model, its settings", "same_model": "tutorial's model, our settings",
         "ours": "the preset's own model"}


def step_times(
    preset: str, data: Dataset, changes: dict[str, Any], device: str, precision: str, steps: int = 30
) -> dict[str, float]:
    """Time the training steps of a preset.

    Args:
        preset: Its name.
        data: The data set.
        changes: Options that differ from the preset.
        device: ``"cpu"`` or ``"cuda"``.
        precision: ``"32"`` or ``"bf16"``.
        steps: Number of timed steps, in five blocks, after five warm-up steps.

    Returns:
        ``ms_per_step`` (median of the blocks), ``microseconds_per_row``, ``rows_per_second`` and
        ``minutes_500_epochs``.
    """
    labels = PRESETS[preset].labels
    model, settings, split, _ = prepare(preset, data, labels, "random", 0, changes, {"steps": 1_000_000})
    trainer = Trainer(model, data, split, settings, 0, make_fabric(device), precision=precision)
    times = []
    for block in range(BLOCKS + 1):
        count = 5 if not block else -(-steps // BLOCKS)  # the first block warms up
        start = time.perf_counter()
        for _ in range(count):
            trainer.train_step()
        if device == "cuda":
            torch.cuda.synchronize()  # once per block: steps do not wait for each other, as in training
        if block:
            times.append((time.perf_counter() - start) / count)
    median = statistics.median(times)
    passes = trainer.batches.steps_per_epoch
    return {
        "ms_per_step": 1000 * median,
        "microseconds_per_row": 1e6 * median / settings.batch_size,
        "rows_per_second": settings.batch_size / median,
        "minutes_500_epochs": PASSES * passes * median / 60,
    }


def bench(preset: str, data: str, as_json: bool, out: Path) -> None:
    """Time a preset on every available device, print a table (or JSON) and draw the bar chart.

    The tutorial's model is timed with the tutorial's settings and with ours (``same_model``), so that these two compare
    like with like; the preset itself (``ours``) is another model. It is timed in each precision that the device
    computes; ``ours`` without a precision is the one that ``--precision auto`` takes.

    Raises:
        AAEError: Unknown preset or data, or the chart cannot be written.
    """
    check_output_path(out, ".png", ".svg", ".pdf")
    rows = load_data(data)
    found: dict[str, Any] = {"preset": preset, "data": rows.name, "threads": torch.get_num_threads()}
    bars: list[tuple[str, float]] = []
    other: list[tuple[str, float]] = []
    lines, notes = [], []
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        auto = found[f"{device}_auto_precision"] = choose_precision("auto", torch.device(device))
        notes.append(f"--precision auto selects {auto} on {device}.")
        for name, changes, precision in _settings(preset, device, auto):
            with spinner(f"Timing {SHOWN[name]} in {precision} on {device}"):
                measured = {key: round(v, 3) for key, v in step_times(preset, rows, changes, device, precision).items()}
            if name == "ours":
                found |= {f"{device}_ours_{precision}_{key}": value for key, value in measured.items()}
            if name != "ours" or precision == auto:
                found |= {f"{device}_{name}_{key}": value for key, value in measured.items()}
                group = other if name == "ours" else bars
                group.append((f"{device}, {SHOWN[name]}", measured["microseconds_per_row"]))
            lines.append((device, SHOWN[name], precision, *(f"{value:,.1f}" for value in measured.values())))
    plots.save(plots.training_time(bars, other), out)
    if as_json:
        print(json.dumps(found))
    else:
        _print_table(lines, notes)
        print(f"Chart: {out}", file=sys.stderr)


def _settings(preset: str, device: str, precision: str) -> list[tuple[str, dict[str, Any], str]]:
    """What is timed on a device: name, options that differ, and precision; ``precision`` is that of our settings."""
    tutorial = []
    if preset in RECIPES["tutorial"]:
        tutorial = [("tutorial", {"recipe": "tutorial"}, "32"), ("same_model", same_model(preset), precision)]
    precisions = ["32", "bf16"] if supports_bf16(torch.device(device)) else ["32"]
    return [*tutorial, *(("ours", {}, each) for each in precisions)]


def same_model(preset: str) -> dict[str, Any]:
    """Options that train the tutorial's model as the preset trains its own: its schedule, batch size and averaging."""
    own = resolve(preset)
    return {"recipe": "tutorial", **{name: getattr(own, name) for name in ("schedule", "batch_size", "ema_decay")}}


def _print_table(lines: Sequence[Sequence[str]], notes: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("device", "model and settings", "precision", "ms per step", "µs per example", "examples per second",
                  "minutes for 500 epochs")
    for line in lines:
        table.add_row(*line)
    Console().print(table)
    for note in notes:
        print(note)
