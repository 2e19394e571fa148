"""The tutorial's models on MNIST: train every row, measure it, write docs/tutorial.md.

``python benchmarks/tutorial.py`` trains the rows that are missing under runs/tutorial and measures all;
``--only ROW`` measures some rows and keeps the others of the table. The figures are in
benchmarks/results/tutorial.json. All rows take two to three hours on two cores. A row whose run
directory exists is not trained again, so an interrupted benchmark continues where it stopped.
"""

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA

import aae
from aae.data.dataset import as_float
from aae.evaluation import metrics
from aae.runs.open import Run, open_run
from aae.system.files import read_json

sys.path.insert(0, str(Path(__file__).parent))
from aae.system.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "tutorial.json"

# name: (arguments of `aae train`, the figures of the row)
ROWS = {
    "tutorial": (
        "semi-supervised --labels 3000 --split tutorial --set recipe=tutorial --epochs 10",
        ("validation_error", "test_error"),
    ),
    "aae": ("aae", ("prior_mismatch",)),
    "ring": ("aae --labels 10000 --set prior=ring", ("component_accuracy", "prior_mismatch")),
    "swiss-roll": ("aae --labels 10000 --set prior=swiss-roll", ("component_accuracy", "prior_mismatch")),
    "supervised": ("supervised --labels 10000", ("style_leak", "prior_mismatch")),
    "autoencoder": ("autoencoder", ("squared_error", "pca_squared_error")),
    "denoising": ("denoising", ("denoising_error", "noisy_error", "plain_error")),
    "vae": ("vae", ("elbo",)),
    "clustering": ("clustering --set clusters=30", ("cluster_error",)),
    "embedding": ("embedding --labels 1000", ("test_error",)),
    "wae-mmd": ("wae-mmd", ("prior_mismatch",)),
    "info-vae": ("info-vae", ("elbo", "prior_mismatch")),
    "discrete-vae": ("discrete-vae", ("elbo",)),
}


def against_pca(run: Run, runs: Path) -> dict[str, float]:
    """Squared error of PCA with as many components as the autoencoder's code."""
    x, test = (as_float(rows).reshape(len(rows), -1) for rows in (run.data.x, run.data.test_x))
    pca = PCA(run.model.style.dim, random_state=0).fit(x)
    back = pca.inverse_transform(pca.transform(test))
    return {"pca_squared_error": float(np.square(back - test).sum(1).mean())}


def against_plain(run: Run, runs: Path) -> dict[str, float]:
    """Error of the plain autoencoder on the same noisy rows."""
    if not (runs / "autoencoder" / "model").is_dir():
        return {}
    torch.manual_seed(0)
    clean = as_float(run.data.test_x)
    noisy = run.model.corruption.corrupt(torch.from_numpy(clean)).numpy()
    plain = aae.load(runs / "autoencoder")
    return {"plain_error": metrics.squared_error(plain, noisy, run.data.test_y, target=clean)}


EXTRA: dict[str, Callable[[Run, Path], dict[str, float]]] = {"autoencoder": against_pca, "denoising": against_plain}


def measure(name: str, runs: Path) -> dict[str, Any]:
    """Train a row if its run is missing, and return its figures."""
    arguments, wanted = ROWS[name]
    path = runs / name
    aae_command = [sys.executable, "-m", "aae"]
    if not path.exists():
        subprocess.run(
            [*aae_command, "train", *shlex.split(arguments), "--data", "mnist", "--out", str(path)], check=True
        )
    if not (path / "evaluation.json").is_file():
        subprocess.run([*aae_command, "evaluate", str(path), "--json"], check=True, stdout=subprocess.DEVNULL)
    found = read_json(path / "evaluation.json")
    if name in EXTRA:
        found |= EXTRA[name](open_run(path), runs)
    kept = {key: found[key] for key in (*wanted, "steps", "seconds") if key in found}
    return kept | {
        "machine": f"{describe_machine()}, {'float32' if found['precision'] == '32' else found['precision']}"
    }


def render(results: dict[str, dict[str, Any]]) -> str:
    """The table as Markdown."""
    lines = [
        "# The tutorial's models on MNIST",
        "",
        "The models of the well-known PyTorch tutorial on adversarial autoencoders, and related ones. Each row is one",
        "training command, evaluated on the test set (`validation_error`: on held-out training rows). Errors,",
        "accuracies and leaks are in percent, bounds in nats, squared errors summed over the 784 pixels. Regenerate",
        "with `python benchmarks/tutorial.py`.",
        "",
        "- `prior_mismatch`: 7.6 means that a classifier distinguishes codes from prior samples with 57.6 % accuracy",
        "  (chance: 50 %).",
        "- `component_accuracy`: share of codes in the mixture component of their class.",
        "- `style_leak`: accuracy of a linear probe that predicts the class from the style.",
        "- `pca_squared_error`: error of PCA with as many components as the code has dimensions.",
        "- `denoising_error`, `noisy_error`, `plain_error`: squared error, against the clean image, of the model's",
        "  output, of the noisy input, and of the plain autoencoder's output for the same noisy input.",
        "",
        "| row | `aae train … --data mnist` | metrics | steps | seconds | machine |",
        "|---|---|---|---|---|---|",
    ]
    machines = dict.fromkeys(found["machine"] for found in results.values())
    letters = dict(zip(machines, ascii_uppercase, strict=False))
    for name, found in results.items():
        figures = ", ".join(f"{k} {v:.2f}" for k, v in found.items() if k not in ("steps", "seconds", "machine"))
        place = letters[found["machine"]]
        lines.append(
            f"| {name} | `{ROWS[name][0]}` | {figures} | {found['steps']:.0f} | {found['seconds']:.0f} | {place} |"
        )
    lines += ["", *(f"{letter}: {machine}.  " for machine, letter in letters.items())]
    lines += ["", "Classification from few labels is measured by `benchmarks/quality.py`."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--runs", type=Path, default=Path("runs/tutorial"))
    parser.add_argument("--table", type=Path, default=Path("docs/tutorial.md"))
    arguments = parser.parse_args()
    results = read_json(RESULTS) if RESULTS.is_file() else {}
    for name in arguments.only:
        results[name] = measure(name, arguments.runs)
        print(name, json.dumps(results[name]), flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        results = {row: results[row] for row in ROWS if row in results}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    arguments.table.write_text(render(results))


if __name__ == "__main__":
    main()
