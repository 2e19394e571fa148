"""Few labels and outliers on several small data sets, compared with scikit-learn; writes docs/own-data.md.

``python benchmarks/own_data.py`` measures everything (about an hour on two cores); ``--only ROW`` measures some
rows and keeps the others. The figures are in benchmarks/results/own-data.json. Every method is used with its
defaults on the same rows: images divided by their largest value, other columns standardised (`AAEClassifier` and
`AAEOutlierDetector` take raw rows and do the same themselves).
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

import aae
from aae.system.files import read_json

sys.path.insert(0, str(Path(__file__).parent))
from aae.system.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "own-data.json"
TEST_SHARE, LABELLED_SHARE = 0.25, 0.1
MNIST_ROWS = 5000  # to train on
OURS = "aae"

Rows = tuple[np.ndarray, np.ndarray]


def _mnist() -> Rows:
    data = aae.load_data("mnist")
    chosen = np.random.default_rng(0).permutation(len(data.x))[: round(MNIST_ROWS / (1 - TEST_SHARE))]
    return data.x[chosen].reshape(len(chosen), -1).astype(np.float32), data.y[chosen]


DATA: dict[str, Callable[[], Rows]] = {
    "digits": lambda: load_digits(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "mnist": _mnist,
}
PICTURES = ("digits", "mnist")


def scaled(name: str, model: Any) -> Any:
    """A baseline with the scaling it needs."""
    return make_pipeline(FunctionTransformer(_unit) if name in PICTURES else StandardScaler(), model)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / (16 if x.shape[1] == 64 else 255)


def partly_labelled(y: np.ndarray, seed: int) -> np.ndarray:
    """The labels of a tenth of the rows, drawn in proportion to the classes; -1 elsewhere."""
    known, _ = train_test_split(np.arange(len(y)), train_size=LABELLED_SHARE, stratify=y, random_state=seed)
    partly = np.full(len(y), -1)
    partly[known] = y[known]
    return partly


def classify(name: str, seed: int) -> dict[str, float]:
    """Test error in percent of every method on one draw of test rows and labels, and our seconds."""
    x, test, y, truth = train_test_split(
        *DATA[name](), test_size=TEST_SHARE, stratify=DATA[name]()[1], random_state=seed
    )
    partly = partly_labelled(y, seed)
    known = partly >= 0
    start = time.perf_counter()
    ours = aae.AAEClassifier(random_state=seed).fit(x, partly)
    seconds = time.perf_counter() - start
    fitted = {
        OURS: ours,
        "LabelSpreading (kNN)": scaled(name, LabelSpreading(kernel="knn", n_neighbors=7)).fit(x, partly),
        "SelfTraining (SVC)": scaled(name, SelfTrainingClassifier(SVC(probability=True))).fit(x, partly),
        "SVC": scaled(name, SVC()).fit(x[known], y[known]),
        "HistGradientBoosting": scaled(name, HistGradientBoostingClassifier(random_state=0)).fit(x[known], y[known]),
    }
    return {method: 100 * (1 - model.score(test, truth)) for method, model in fitted.items()} | {"seconds": seconds}


def detect(name: str, seed: int) -> dict[str, float]:
    """AUROC of every method, one class against the rest, mean over the classes."""
    if name == "mnist":
        data = aae.load_data("mnist")
        x, y, test, truth = data.x.reshape(60_000, -1), data.y, data.test_x.reshape(10_000, -1), data.test_y
    else:
        rows, labels = DATA[name]()
        x, test, y, truth = train_test_split(rows, labels, test_size=0.4, stratify=labels, random_state=seed)
    found: dict[str, list[float]] = {}
    for kind in np.unique(y):
        own = x[np.random.default_rng(seed).permutation(np.flatnonzero(y == kind))[:MNIST_ROWS]].astype(np.float32)
        for method, scores in scores_of(name, own, test.astype(np.float32), seed).items():
            found.setdefault(method, []).append(float(roc_auc_score(truth == kind, scores)))
        print(name, seed, kind, {method: round(values[-1], 4) for method, values in found.items()}, flush=True)
    return {method: float(np.mean(values)) for method, values in found.items()}


def scores_of(name: str, own: np.ndarray, test: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Scores of the test rows by every method; higher is more normal."""
    scale = FunctionTransformer(_unit) if name in PICTURES else StandardScaler()
    a, b = scale.fit_transform(own), scale.transform(test)
    found = {
        OURS: aae.AAEOutlierDetector(random_state=seed).fit(own).score_samples(test),
        "IsolationForest": IsolationForest(random_state=seed).fit(a).score_samples(b),
        "LocalOutlierFactor": LocalOutlierFactor(novelty=True).fit(a).score_samples(b),
    }
    for share in (0.9, 0.95):
        pca = PCA(share, random_state=0).fit(a)
        found[f"PCA, {share:.0%} of variance"] = -np.square(pca.inverse_transform(pca.transform(b)) - b).sum(1)
    for parts in (16, 32):
        if parts < a.shape[1]:
            pca = PCA(parts, random_state=0).fit(a)
            found[f"PCA, {parts} components"] = -np.square(pca.inverse_transform(pca.transform(b)) - b).sum(1)
    return found


# row: (the measurement, the data set, the number of draws)
ROWS: dict[str, tuple[Callable[[str, int], dict[str, float]], str, int]] = {
    **{f"few labels: {name}": (classify, name, 10) for name in DATA},
    "outliers: breast cancer": (detect, "breast cancer", 10),
    "outliers: mnist": (detect, "mnist", 1),
}


def measure(row: str) -> dict[str, Any]:
    """The figures of all draws of a row."""
    call, name, draws = ROWS[row]
    found: dict[str, list[float]] = {}
    for seed in range(draws):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of SVC's probabilities
            for method, value in call(name, seed).items():
                found.setdefault(method, []).append(round(value, 5))
        print(row, seed, {method: values[-1] for method, values in found.items()}, flush=True)
    return {**found, "machine": describe_machine()}


def render(results: dict[str, dict[str, Any]]) -> str:
    """The tables as Markdown."""
    text = [
        "# Small data sets with default settings: few labels and outliers",
        "",
        "Regenerate with `python benchmarks/own_data.py`. Each draw splits the rows anew (a quarter for testing) and",
        "keeps the labels of a tenth of the others, stratified by class; every method gets the same rows and",
        "labels. `SVC` and `HistGradientBoosting` learn from the labelled rows only. The defaults were chosen on other",
        "data ([external data sets](outside.md)); for MNIST, on draws 100 to 129, which are not among these. MNIST:",
        "5,000 training rows with the pixels as columns, so the estimator does not know that they are images.",
        "",
        "## Test error in percent, mean ± standard deviation of 10 draws",
        "",
        *_table({row: found for row, found in results.items() if row.startswith("few")}, 2, min),
        "",
        "## Outliers: AUROC, one class against the rest, mean over the classes",
        "",
        "Of each draw 40 % of the rows, of all classes, are for testing; a detector learns from the other rows of one",
        "class. The score was chosen on other draws (seeds 1 to 5).",
        *(["MNIST: 5,000 training rows of one digit, all 10,000 test rows, one seed; the score was chosen on these."]
          if "outliers: mnist" in results else []),
        "",
        *_table({row: found for row, found in results.items() if row.startswith("outliers")}, 4, max),
        "",
        *dict.fromkeys(f"Measured on {found['machine']}.  " for found in results.values()),
    ]
    return "\n".join(text) + "\n"


def _table(results: dict[str, dict[str, Any]], digits: int, best: Callable[..., float]) -> list[str]:
    """One column for each data set, with the best mean in bold; our time is in the last line."""
    methods = dict.fromkeys(m for found in results.values() for m in found if m not in ("machine", "seconds"))
    lines = [f"| method | {' | '.join(row.partition(': ')[2] for row in results)} |", "|---" * (len(results) + 1) + "|"]
    for method in methods:
        cells = []
        for found in results.values():
            if method not in found:
                cells.append("")
                continue
            mean, spread = np.mean(found[method]), np.std(found[method], ddof=1) if len(found[method]) > 1 else None
            top = best(np.mean(values) for m, values in found.items() if m in methods)
            value = f"**{mean:.{digits}f}**" if mean == top else f"{mean:.{digits}f}"
            cells.append(value + (f" ± {spread:.{digits}f}" if spread is not None else ""))
        lines.append(f"| {method} | {' | '.join(cells)} |")
    if all("seconds" in found for found in results.values()):
        seconds = [f"{np.mean(found['seconds']):.1f}" for found in results.values()]
        lines.append(f"| fit time of aae, s | {' | '.join(seconds)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--table", type=Path, default=Path("docs/own-data.md"))
    arguments = parser.parse_args()
    results = read_json(RESULTS) if RESULTS.is_file() else {}
    for row in arguments.only:
        results[row] = measure(row)
        results = {name: results[name] for name in ROWS if name in results}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    arguments.table.write_text(render(results))


if __name__ == "__main__":
    main()
