"""Few labels, and none, on vectors of frozen encoders: `aae` beside scikit-learn's methods.

``python benchmarks/embeddings.py --photos CIFAR10 --encoders FOLDER`` measures what is missing (``--draw 2``: of one
draw) and writes docs/embeddings.md (``--page``: only that). FOLDER is what ``python benchmarks/encoders.py FOLDER``
made; CIFAR10 has photos in ``train/CLASS`` and ``test/CLASS``. The texts are docstrings of ten installed packages, the
package being the class: 1,000 of each, the first 300 characters without the package's name, a fifth to test on.
Every method gets the same rows and labels: 4, 25 or 100 of each class, drawn anew by each draw.
"""

import argparse
import ast
import importlib.util
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.semi_supervised import LabelSpreading

import aae
from aae.data.dataset import ReadOptions
from aae.data.sources import load_data
from aae.system.machine import describe_machine

LINES = Path(__file__).parent / "results" / "embeddings.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "embeddings.md"
PACKAGES = ("torch", "numpy", "scipy", "sklearn", "pandas", "sympy", "matplotlib", "networkx", "sqlalchemy", "mypy")
EACH, LETTERS, LEAST = 1000, 300, 80  # docstrings of a package, and their characters
LABELS, DRAWS, CLASSES = (4, 25, 100), 5, 10
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # training rows and classes, test rows and classes


def photos(arguments: argparse.Namespace) -> Rows:
    data = load_data(str(arguments.photos), ReadOptions(features=str(arguments.encoders / "lite0-128")))
    return data.x, data.y, data.test_x, data.test_y


def texts(arguments: argparse.Namespace) -> Rows:
    folder = arguments.encoders / "docstrings"
    if not folder.is_dir():
        for package in PACKAGES:
            for k, text in enumerate(docstrings(package)):
                file = folder / ("test" if k % 5 == 0 else "train") / package / f"{k}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    data = load_data(str(folder), ReadOptions(features=str(arguments.encoders / "minilm")))
    return data.x, data.y, data.test_x, data.test_y


def docstrings(package: str) -> list[str]:
    """Docstrings of functions and classes, in an order that is drawn once."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"{package} is not installed; install it for its docstrings.")
    every = []
    for file in sorted(Path(found.submodule_search_locations[0]).rglob("*.py")):
        try:
            nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        except (SyntaxError, UnicodeDecodeError):
            continue
        documented = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        every += [text for node in documented if len(text := ast.get_docstring(node) or "") >= LEAST]
    every = sorted(set(every))
    return [re.sub(package, "", every[k], flags=re.IGNORECASE)[:LETTERS]
            for k in np.random.default_rng(0).permutation(len(every))[:EACH]]  # fmt: skip


SETS: dict[str, Callable[[argparse.Namespace], Rows]] = {"photos": photos, "texts": texts}


def _regression(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    known = y >= 0
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(x[known], y[known]).predict(test)


def _spreading(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    model = LabelSpreading(kernel="knn", n_neighbors=10, alpha=0.9, max_iter=100, tol=1e-2)
    return model.fit(normalize(x), y).predict(normalize(test))


def _ours(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    return aae.AAEClassifier(random_state=seed, device="cpu").fit(x, y).predict(test)


def _k_means(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    return KMeans(CLASSES, n_init=10, random_state=seed).fit(normalize(x)).predict(normalize(test))


def _our_clusters(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    return aae.AAEClusterer(CLASSES, random_state=seed, device="cpu").fit(x).predict(test)


METHODS = {"logistic regression": _regression, "label spreading": _spreading, "aae": _ours}
CLUSTERINGS = {"k-means": _k_means, "aae": _our_clusters}


def one(rows: Rows, labels: int, method: str, draw: int) -> dict[str, Any]:
    """Error in percent of the test rows; clusters are matched one to one to classes."""
    x, truth, test, test_y = rows
    start, y = time.perf_counter(), np.full(len(truth), -1)
    generator = np.random.default_rng(draw)
    for k in range(CLASSES):
        some = generator.permutation(np.flatnonzero(truth == k))[:labels]
        y[some] = k
    found = (METHODS if labels else CLUSTERINGS)[method](x, y, test, draw)
    if not labels:
        counts = np.zeros((CLASSES, CLASSES))
        np.add.at(counts, (found, test_y), 1)
        found = linear_sum_assignment(-counts)[1][found]
    return {"error": round(100 * float((found != test_y).mean()), 2), "seconds": round(time.perf_counter() - start, 1)}


def read() -> list[dict[str, Any]]:
    return [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []


def page(lines: list[dict[str, Any]]) -> str:
    text = ["# Vectors of frozen encoders", "", HEAD, "",
            "| data | labels per class | logistic regression | label spreading | k-means | `aae` |",
            "|---|---|---|---|---|---|"]  # fmt: skip
    for name in SETS:
        for labels in (*LABELS, 0):
            cells = [_cell([line["error"] for line in lines if (line["set"], line["labels"], line["method"]) ==
                            (name, labels, method)]) for method in (*METHODS, "k-means")]  # fmt: skip
            cells = [*cells[:2], cells[3], cells[2]]
            text += [f"| {name} | {labels or 'none: 10 clusters'} | {' | '.join(cells)} |"]
    machines = sorted({line["machine"] for line in lines})
    return "\n".join([*text, "", f"Machine: {'; '.join(machines)}.", "", *NOTES.strip().splitlines()]) + "\n"


HEAD = """\
Test error in percent: mean ± standard deviation over five draws (labels and seed), and the worst draw. *Photos*: 20,000
from the training set of CIFAR-10 and 5,000 from its test set, encoded by EfficientNet-Lite0 at 128 pixels (1,280
numbers each). *Texts*: docstrings of ten packages, 8,000 for training and 2,000 for testing, encoded by
all-MiniLM-L6-v2 (384 numbers each); the class is the package. Clusters are matched one to one to the classes.

Regenerated by `python benchmarks/embeddings.py`. Settings were chosen on the photos, and errors on their test set were
seen meanwhile. Nothing was chosen on the texts."""

NOTES = """
## How it learns

Rows that look like vectors from a frozen encoder (`--features`, or an array of at least 256 numeric columns on one
scale) have settings of their own; `aae data` says when they apply. `few-labels` and `clustering` then train the network
on the predictions of simpler models:

- A **Gaussian mixture** with one component per class, in the first 128 principal components, with one covariance for
  all components. It is fitted to all rows, labelled or not; class probabilities also follow the nearest neighbours of a
  row and the expected class frequencies. It is initialised by label spreading, or by k-means if there are no labels.
- **Logistic regression** on the labelled rows, in all dimensions. Cross-validation over the labels chooses the weights
  of the two: with 4 labels per class the mixture is far better, with 100 logistic regression is.

The network learns their combined predictions for all rows, along with the rest of an adversarial autoencoder: a style
code, samples, a map.
"""


def _cell(errors: list[float]) -> str:
    return f"{np.mean(errors):.1f} ± {np.std(errors):.1f}, {max(errors):.1f}" if errors else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder with train/CLASS and test/CLASS")
    parser.add_argument("--encoders", type=Path, help="folder that benchmarks/encoders.py made")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="data sets")
    parser.add_argument("--draw", type=int, help="one draw alone")
    parser.add_argument("--page", action="store_true", help="only write docs/embeddings.md")
    arguments = parser.parse_args()
    draws = range(DRAWS) if arguments.draw is None else [arguments.draw]
    for name in () if arguments.page else arguments.sets:
        rows = SETS[name](arguments)
        for draw in draws:
            for labels, method in [(n, m) for n in LABELS for m in METHODS] + [(0, m) for m in CLUSTERINGS]:
                job = {"set": name, "labels": labels, "method": method, "draw": draw}
                if any(job.items() <= line.items() for line in read()):
                    continue
                line = job | one(rows, labels, method, draw)
                line |= {"version": aae.__version__, "machine": describe_machine()}
                with LINES.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(json.dumps(line), flush=True)
    PAGE.write_text(page(read()))


if __name__ == "__main__":
    main()
