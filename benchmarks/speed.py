"""Speed compared with the tutorial's loop and with pythae, in one run on one machine.

``python benchmarks/speed.py`` alternates between all of them, so that a busy moment affects all
alike, prints the figures and writes docs/speed.md; ``--json`` prints one flat object instead.
pythae is included if it is installed (``pip install -r benchmarks/requirements.txt``).
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import torch

import aae

sys.path.insert(0, str(Path(__file__).parent))
from rates import linear, product_rate, profile, rates
from use import help_seconds, reading, stream, stream_one, until_3_percent

from aae.system.machine import describe_machine

# Ratios: name of the figure, our variant, and the baseline.
RATIOS = {
    "ratio_same_maths": ("same maths", "tutorial's loop"),
    "ratio_default_same_batch": ("default, same batch", "tutorial's loop"),
    "ratio_default": ("default", "tutorial's loop"),
    "ratio_pythae": ("unsupervised, pythae's networks", "pythae"),
}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures as a flat dictionary."""
    data = aae.load_data("mnist")
    found: dict[str, Any] = {"machine": describe_machine(), "torch": torch.__version__, "help_seconds": help_seconds()}
    speed, operations = rates(data, arguments.repeats, arguments.steps)
    found |= {f"rows_per_second {name}": value for name, value in speed.items()}
    found |= {f"operations {name}": value for name, value in operations.items()}
    for name, (ours, other) in RATIOS.items():
        if other in speed:
            found[name] = speed[ours] / speed[other]
    found["product_rate"] = product_rate()
    found |= {f"share {kind}": value for kind, value in profile(data).items()}
    found |= {f"training {rows} rows {epochs} epochs": seconds for rows, epochs, seconds in linear(data)}
    found |= reading(data)
    if arguments.stream:
        found |= stream(arguments.stream) | {"stream_rows": arguments.stream}
    if arguments.seeds:
        runs = [until_3_percent(arguments.seconds, seed) for seed in range(arguments.seeds)]
        taken, errors, memory = zip(*runs, strict=True)
        found["seconds_to_3_percent"], found["worst_seconds"] = statistics.median(taken), max(taken)
        found["error_after"], found["worst_error_after"] = statistics.median(errors), max(errors)
        found["peak_memory_mb"] = max(memory)
    return found


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    return ["", *(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)), ""]


def _named(found: dict[str, Any], start: str) -> dict[str, Any]:
    return {name.removeprefix(start): value for name, value in found.items() if name.startswith(start)}


def _training(found: dict[str, Any]) -> list[str]:
    speed, operations = _named(found, "rows_per_second "), _named(found, "operations ")
    base, rows = speed["tutorial's loop"], []
    for name, value in speed.items():
        batch = 256 if name in ("default", "default with few-label term") else 100
        milliseconds, products = 1000 * batch / value, 1000 * operations[name] / found["product_rate"]
        rows.append(
            [name, f"{value:.0f}", f"{value / base:.2f}", f"{milliseconds:.0f}", f"{operations[name]:.1f}",
             f"{products:.0f}"]
        )  # fmt: skip
    heads = [
        "method", "rows per second", "relative to the tutorial's loop", "ms per step",
        "matrix products, 10^9 operations", "lower bound, ms",
    ]  # fmt: skip
    lines = _table(heads, rows)
    if "ratio_pythae" in found:
        ratio = f"{found['ratio_pythae']:.2f}"
        lines += [
            f"With pythae's networks and batch size, `aae` trains on {ratio} times as many rows per second as pythae.",
            "",
        ]
    return lines


def render(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "# Speed",
        "",
        f"Measured in one run on {found['machine']}, torch {found['torch']}, by `python benchmarks/speed.py`.",
        "",
        "## Training",
        "",
        "MNIST with 3,000 labels, networks 784-1000-1000, z = 2; medians of repeats in which all methods take",
        "turns. Rows per second counts unlabelled rows; each step also reads 100 labelled ones. *Tutorial's loop*:",
        "three phases with separate optimisers, float32, Adam with its defaults, a loader that collates single",
        "rows, batch size 100. *Same maths*: the tutorial's recipe in `aae` (alternating phases, float32).",
        "*Default, same batch*: the preset `semi-supervised` with the tutorial's latents and batch size, without",
        "its few-label term; *default*: the same at batch size 256; *default with few-label term*: the unchanged",
        "preset, z = 10. *Unsupervised*: the preset `aae` with pythae's networks. Measured before the discriminators",
        "became smaller and `semi-supervised` got three more terms for few labels.",
        *_training(found),
        "*Lower bound* is the time that the matrix products of a step take at "
        f"{found['product_rate']:.0f} * 10^9 operations per second, the speed",
        "of float32 products of these shapes on this machine: no loop that computes the same in float32 can be faster.",
        "Nothing on this page was measured on a GPU.",
        "",
        "## Where the default step spends its time",
        *_table(["operation", "share, %"], [[k, f"{v:.1f}"] for k, v in _named(found, "share ").items()]),
        "## Training time by rows and epochs",
        "",
        "Preset `aae`, two layers of 300: the time per row and epoch should be constant.",
        *_table(
            ["rows, epochs", "seconds", "microseconds per row and epoch"],
            [
                [f"{name.split()[0]}, {name.split()[2]}", f"{value:.1f}",
                 f"{1e6 * value / int(name.split()[0]) / int(name.split()[2]):.0f}"]
                for name, value in _named(found, "training ").items()
            ],
        ),
        "## Other figures",
        *_table(["figure", "value"], [[name, value] for name, value in _using(found).items()]),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _using(found: dict[str, Any]) -> dict[str, str]:
    """The other figures as text."""
    lines = {
        "`aae --help`": f"{found['help_seconds']:.2f} s",
        "encode, semi-supervised model": f"{found['encode_rows_per_second']:.0f} rows per second",
        "predict, semi-supervised model": f"{found['predict_rows_per_second']:.0f} rows per second",
    }
    if "stream_rows" in found:
        lines |= {
            f"encode {found['stream_rows']:,} rows of 784 bytes from a file": f"{found['stream_rows_per_second']:.0f} "
            "rows per second",
            "memory for this, beyond that of the model": f"{found['stream_memory_mb']:.0f} MB",
            "speed on its last tenth, relative to its first": f"{found['stream_last_over_first']:.2f}",
        }
    if "seconds_to_3_percent" in found:
        lines |= {
            "`aae train few-labels`, 100 labels of MNIST, from process start to report, median seed": (
                f"{found['seconds_to_3_percent']:.1f} s"
            ),
            "the same, slowest seed": f"{found['worst_seconds']:.1f} s",
            "test error of these runs, median seed": f"{found['error_after']:.2f} %",
            "test error of these runs, worst seed": f"{found['worst_error_after']:.2f} %",
            "peak memory of these runs": f"{found['peak_memory_mb']:.0f} MB",
        }
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one flat JSON object and nothing else")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="steps of one repeat")
    parser.add_argument("--seeds", type=int, default=5, help="runs of few-labels to 3 %% error; 0 for none")
    parser.add_argument("--seconds", type=float, default=20.0, help="training time of these runs")
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
