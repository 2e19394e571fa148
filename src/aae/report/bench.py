"""Training speed on each device, with the tutorial's settings and ours: time per step and for 500 passes."""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

from aae.data.sources import Dataset, load_data
from aae.distributed.fabric import make_fabric
from aae.presets.presets import PRESETS
from aae.presets.recipes import RECIPES
from aae.report import plots
from aae.runs.train import prepare
from aae.system.files import check_place
from aae.system.progress import spinner
from aae.training.trainer import Trainer

__all__ = ["bench", "step_times"]

PASSES = 500  # the tutorial's length
BLOCKS = 5


def step_times(
    preset: str, data: Dataset, changes: dict[str, Any], device: str, precision: str, steps: int = 30
) -> dict[str, float]:
    """Time the training steps of a preset.

    Args:
        preset: Its name.
        data: The data set.
        changes: Options that differ from the preset.
        device: ``"cpu"`` or ``"cuda"``.
        precision: ``"auto"``, ``"32"`` or ``"bf16"``.
        steps: Number of timed steps, in five blocks, after five warm-up steps.

    Returns:
        ``ms_per_step`` (median of the blocks), ``rows_per_second`` and ``minutes_500_epochs``.
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
        "rows_per_second": settings.batch_size / median,
        "minutes_500_epochs": PASSES * passes * median / 60,
    }


def bench(preset: str, data: str, as_json: bool, out: Path) -> None:
    """Time a preset on every available device, print a table (or JSON) and draw the bar chart.

    Raises:
        AAEError: Unknown preset or data, or the chart cannot be written.
    """
    from rich.console import Console
    from rich.table import Table

    check_place(out, ".png", ".svg", ".pdf")
    rows = load_data(data)
    settings: list[tuple[str, dict[str, Any], str]] = [("ours", {}, "auto")]
    if preset in RECIPES["tutorial"]:
        settings.insert(0, ("tutorial", {"recipe": "tutorial"}, "32"))
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    found: dict[str, Any] = {"preset": preset, "data": rows.name, "threads": torch.get_num_threads()}
    bars = []
    table = Table("device", "settings", "ms per step", "rows per second", "500 epochs, minutes")
    for device in devices:
        for name, changes, precision in settings:
            with spinner(f"Timing {name} settings on {device}"):
                measured = step_times(preset, rows, changes, device, precision)
            found |= {f"{device}_{name}_{key}": round(value, 3) for key, value in measured.items()}
            bars.append((f"{device}, {name} settings", measured["minutes_500_epochs"]))
            table.add_row(
                device,
                name,
                *(f"{measured[key]:.1f}" for key in ("ms_per_step", "rows_per_second", "minutes_500_epochs")),
            )
    plots.save(plots.training_time(bars), out)
    if as_json:
        print(json.dumps(found))
    else:
        Console().print(table)
        print(f"Chart: {out}", file=sys.stderr)
