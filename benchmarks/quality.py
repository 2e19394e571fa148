"""The tables of docs/results.md and figures of docs/research-notes.md, over several draws of labels.

``python benchmarks/quality.py`` trains every row with all its seeds, which takes a day on two cores, so it can be
interrupted. ``ROW ...`` selects rows and ``--seeds N`` the number of seeds. ``--resume`` skips runs that were measured
with the same settings and continues an interrupted training. ``--list`` lists the rows, and ``--page`` only writes the
two documents. Every run is a line of benchmarks/results/quality.jsonl. Several processes may run side by side on
different rows (on two cores with OMP_NUM_THREADS=1 each).

Before a preset is changed for good, the row of each of its lines is renamed to ``ROW VARIANT``, where VARIANT says what
was different, and docs/research-notes.md gets an entry with ``<!-- runs: VARIANT --><!-- end -->`` for their figures.
"""

import argparse
import hashlib
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import rotate
from scipy.optimize import linear_sum_assignment

import aae
from aae.evaluation import inference
from aae.evaluation.bounds import importance_bound
from aae.evaluation.figures import evaluate
from aae.presets.options import Options
from aae.runs.open import Run, open_run
from aae.runs.prepare import resolve_for
from aae.runs.train import resume_run
from aae.system.errors import AAEError
from aae.system.files import write_atomically
from aae.system.machine import describe_machine

sys.path.insert(0, str(Path(__file__).parent))
import quality_page
from judge import DRAWN, frechet_distance, label_obedience, trained
from quality_rows import ROWS, Row

LINES = Path(__file__).parent / "results" / "quality.jsonl"
RUNS = Path("runs/quality")
# A hash of the code of the package: options can stay the same while their effect changes.
FILES = sorted(Path(aae.__file__).parent.rglob("*.py"))
CODE = hashlib.sha256(b"".join(file.read_bytes() for file in FILES)).hexdigest()[:12]
FIGURES = ("test_error", "validation_error", "cluster_error", "matched_error", "style_leak", "prior_mismatch",
           "log_likelihood", "log_likelihood_se", "reconstruction_loss", "label_obedience",
           "frechet_distance", "elbo", "importance_bound")  # fmt: skip


def spec_of(name: str) -> str:
    """Path or name of a data set; inverted or rotated MNIST is created and kept."""
    if name in ("mnist", "digits"):
        return name
    file = RUNS / "data" / f"mnist-{name}.npz"
    if not file.is_file():
        data = aae.load_data("mnist")
        change = {"inverted": lambda images: 255 - images, "rotated": _rotated}[name]
        arrays = {"x": change(data.x), "y": data.y, "x_test": change(data.test_x), "y_test": data.test_y}
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda place: np.savez(place, **arrays))  # another process may read it
    return str(file)


def _rotated(images: np.ndarray) -> np.ndarray:
    """Every image rotated by a random angle of the full circle."""
    angles = np.random.default_rng(len(images)).uniform(0, 360, len(images))
    return np.stack([rotate(image, angle, reshape=False, order=1) for image, angle in zip(images, angles, strict=True)])


def options_of(row: Row) -> dict[str, Any]:
    options = asdict(resolve_for(row.preset, row.changes, aae.load_data(spec_of(row.data))))
    return json.loads(json.dumps(options))


def settings(row: Row) -> dict[str, Any]:
    """The recorded settings of a run: options that differ from the defaults, and the length if it does."""
    options = options_of(row)
    defaults = asdict(Options())
    return {name: value for name, value in options.items() if value != defaults[name]} | dict(row.length)


def started(row: Row, path: Path) -> bool:
    """Whether there is a training with the present settings and code of the row, finished or interrupted."""
    file, mark = path / "config.json", path.with_suffix(".code")
    if not file.is_file() or not mark.is_file() or mark.read_text() != CODE:
        return False
    config = json.loads(file.read_text())
    return config["options"] == options_of(row) and config["length"] == dict(row.length)


def train(name: str, seed: int, device: str, resume: bool) -> Run:
    """Train, or continue an interrupted training."""
    row, path = ROWS[name], RUNS / f"{name.replace(' ', '-')}-{seed}"
    if resume and started(row, path):
        result = resume_run(path, device=device)  # a finished one ends at once
    else:
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".code").write_text(CODE)
        result = aae.train_preset(
            row.preset, spec_of(row.data), labels=row.labels, seed=seed, changes=row.changes, **row.length,
            out=path, device=device,
        )  # fmt: skip
    if result.interrupted:  # there is a model, but not one of the full training
        sys.exit(128 + result.interrupted)
    return open_run(path)


def measure(run: Run) -> dict[str, float]:
    """All figures of a trained model on the test images."""
    found = evaluate(run.model, run.data, run.split)
    category = run.model.category
    if category is not None and category.label == "none" and category.dim == len(run.data.classes):
        found["matched_error"] = matched_error(inference.classify(run.model, run.data.test_x), run.data.test_y)
    if run.config["data"] == "mnist" and category is not None and category.label == "supervised":
        judge = trained(run.data)
        found["label_obedience"] = label_obedience(judge, run.model)
        drawn = inference.sample(run.model, DRAWN)
        found["frechet_distance"] = frechet_distance(judge, drawn, run.data.test_x)
    bound = importance_bound(run.model, run.data.test_x, run.data.test_y)
    if bound is not None:
        found["importance_bound"] = bound
    return {key: round(found[key], 4) for key in FIGURES if key in found}


def matched_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Clustering error in percent under the best one-to-one assignment of clusters to classes (Hungarian method)."""
    counts = np.zeros((probabilities.shape[1],) * 2)
    np.add.at(counts, (probabilities.argmax(1), labels), 1)
    rows, columns = linear_sum_assignment(-counts)
    return float(100 * (1 - counts[rows, columns].sum() / len(labels)))


def curve(run: Run) -> list[list[float]]:
    """Seconds and validation error of each evaluation during training."""
    columns = run.directory.history().columns()
    if "validation_error" not in columns:
        return []
    pairs = zip(columns["seconds"], columns["validation_error"], strict=True)
    return [[round(float(a), 1), round(float(b), 2)] for a, b in pairs if a == a and b == b]


def one(name: str, seed: int, device: str, resume: bool) -> dict[str, Any]:
    """Train and measure; returns the line for the file of results."""
    run = train(name, seed, device, resume)
    history = run.directory.history()
    line = {"row": name, "seed": seed, "settings": settings(ROWS[name]), "figures": measure(run)}
    line |= {key: round(history.last(key) or 0) for key in ("seconds", "step")} | {"curve": curve(run)}
    return line | {"machine": describe_machine(), "version": aae.__version__, "code": CODE, "torch": torch.__version__}


def measured(name: str, seed: int) -> bool:
    """Whether the newest line of that run has the row's present settings."""
    known = [line for line in quality_page.read(LINES) if (line["row"], line["seed"]) == (name, seed)]
    return bool(known) and known[-1]["settings"] == settings(ROWS[name])


def save_line(line: dict[str, Any]) -> None:
    with LINES.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(line["row"], line["seed"], line["figures"], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="names of rows (default: all)")
    parser.add_argument("--seeds", type=int, help="seeds of each row, from 0 (default: each row's own number)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--resume", action="store_true", help="leave out what has been measured")
    parser.add_argument("--list", action="store_true", help="name the rows")
    parser.add_argument("--page", action="store_true", help="only write docs/results.md and docs/research-notes.md")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(ROWS))
        return
    if strange := [name for name in arguments.rows if name not in ROWS]:
        parser.error(f"there is no row {strange[0]!r}; --list names them")
    if arguments.seeds is not None and arguments.seeds < 1:
        parser.error(f"--seeds must be at least 1, not {arguments.seeds}")
    try:
        for name in () if arguments.page else arguments.rows or ROWS:
            for seed in range(arguments.seeds or ROWS[name].seeds):
                if not (arguments.resume and measured(name, seed)):
                    save_line(one(name, seed, arguments.device, arguments.resume))
    except AAEError as error:  # no MNIST, no such device
        sys.exit(f"quality.py: error: {error}")
    quality_page.write(LINES)


if __name__ == "__main__":
    main()
