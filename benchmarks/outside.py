"""Tables, outliers, images and a rare class of other people's data, against scikit-learn; writes docs/outside.md.

``python benchmarks/outside.py [SUITE ...]`` measures what has not been measured: ``--only SET ...`` selects data sets,
``--methods`` ours, baselines or methods by name, ``--draws N`` the number of seeds (3). Every run is a line of
benchmarks/results/outside.jsonl. A run of ours counts as measured if its line has the present version of the package;
``--again`` repeats everything selected, except runs of ours with the present code. ``--quick`` measures some small
data sets in one draw, in under 10 minutes on two cores, and only prints the result; ``--page`` only writes the page.
The data are in the folder ``AAE_DATA_DIR`` (see outside_data.py). Several processes may run side by side.
"""

import argparse
import hashlib
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

import aae
from aae.system.errors import AAEError
from aae.system.machine import describe_machine

sys.path.insert(0, str(Path(__file__).parent))
import outside_data as data
import outside_methods as methods
import outside_page as page

LINES = Path(__file__).parent / "results" / "outside.jsonl"
FILES = sorted(Path(aae.__file__).parent.rglob("*.py"))
CODE = hashlib.sha256(b"".join(file.read_bytes() for file in FILES)).hexdigest()[:12]
SMALL = 6  # data sets of a suite with --quick
QUICK_IMAGES = ("digits", "cifar10-grey")


def error_of(answer: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return {"error": round(100 * float((answer != truth).mean()), 3)}


def auroc_of(score: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return {"auroc": round(float(roc_auc_score(truth, score)), 5)}


def rare_of(answer: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """The error, the mean of both recalls and the share of rows that are said to be of the rare class, in percent."""
    balanced, positive = balanced_accuracy_score(truth, answer), (answer == 1).mean()
    return {**error_of(answer, truth), "balanced_accuracy": round(100 * float(balanced), 3),
            "positive": round(100 * float(positive), 3)}  # fmt: skip


@dataclass(frozen=True)
class Suite:
    """Data sets, the methods that are compared on them, and the figures of an answer."""

    sets: Callable[[], list[str]]
    draw: Callable[[str, int, bool], data.Draw]
    methods: dict[str, methods.Method]
    figures: Callable[[np.ndarray, np.ndarray], dict[str, float]]


SUITES = {
    "tables": Suite(partial(data.names, "tables", ".csv.gz"), data.table, methods.TABLES, error_of),
    "outliers-normal": Suite(
        partial(data.names, "outliers", ".npz"), partial(data.outliers, clean=True), methods.OUTLIERS, auroc_of
    ),
    "outliers-all": Suite(
        partial(data.names, "outliers", ".npz"), partial(data.outliers, clean=False), methods.OUTLIERS, auroc_of
    ),
    "images": Suite(lambda: list(data.IMAGES), data.images, methods.IMAGES, error_of),
    "rare": Suite(lambda: list(data.RARE), data.rare, methods.RARE, rare_of),
}


def selected_suites(words: list[str]) -> list[str]:
    """Suites whose names are given, or begin with a given word (``outliers``)."""
    return [suite for suite in SUITES if not words or any(suite == w or suite.startswith(f"{w}-") for w in words)]


def selected_methods(suite: Suite, words: list[str]) -> list[str]:
    """Names of the methods that are called for: ours, baselines, or by name."""
    def called(name: str) -> bool:
        return not words or name in words or ("ours" if name in methods.OURS else "baselines") in words

    return [name for name in suite.methods if called(name)]


def selected_sets(suite: str, words: list[str], quick: bool) -> list[str]:
    found = [name for name in SUITES[suite].sets() if not words or name in words]
    if not quick or words:
        return found
    if suite == "images":
        return [name for name in found if name in QUICK_IMAGES]
    part = suite.partition("-")[0]
    return sorted(found, key=lambda name: _bytes(part, name))[:SMALL]


def _bytes(part: str, name: str) -> int:
    return sum(file.stat().st_size for file in (data.folder() / part).glob(f"{name}.*"))


def measured(lines: list[dict[str, Any]], key: tuple[Any, ...], again: bool) -> bool:
    """Whether a run is known already: of ours with the present version, with ``again`` with the present code."""
    known = page.latest(lines).get(key)
    if known is None:
        return False
    if key[-1] not in methods.OURS:
        return not again
    return bool(known["code"] == CODE) or (not again and known["version"] == aae.__version__)


def one(suite: str, name: str, seed: int, method: str, draw: data.Draw, quick: bool) -> dict[str, Any]:
    """Fit a method to a draw and measure it; returns the line for the file of results."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of SVC's probabilities, duplicates, convergence: every set has some
        start = time.perf_counter()
        answer = SUITES[suite].methods[method](draw, seed, quick)
        seconds = time.perf_counter() - start
        figures = SUITES[suite].figures(answer(draw.test_x), draw.test_y)
    line = {"suite": suite, "set": name, "draw": seed, "method": method, **figures, "seconds": round(seconds, 2)}
    return line | {
        "rows": len(draw.y), "labels": int((draw.y >= 0).sum()), "test_rows": len(draw.test_y),
        "machine": describe_machine(), "version": _version(method), "code": CODE if method in methods.OURS else "",
    }  # fmt: skip


def _version(method: str) -> str:
    """Of the package that a method is from; ours without its name."""
    if method in methods.OURS:
        return aae.__version__
    package = "pyod" if method.startswith("pyod ") else "scikit-learn"
    return f"{package} {version(package)}"


def runs(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure what is selected and not known yet."""
    lines = [] if arguments.quick else page.read(LINES)
    for suite in selected_suites(arguments.suites):
        names = selected_methods(SUITES[suite], arguments.methods)
        for name in selected_sets(suite, arguments.only, arguments.quick):
            for seed in range(arguments.draws):
                missing = [m for m in names if not measured(lines, (suite, name, seed, m), arguments.again)]
                if not missing:
                    continue
                draw = SUITES[suite].draw(name, seed, arguments.quick)
                for method in missing:
                    yield one(suite, name, seed, method, draw, arguments.quick)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"{', '.join(SUITES)}, or outliers (default: all)")
    parser.add_argument("--draws", type=int, help="seeds, from 0 (default: 3)")
    parser.add_argument("--only", nargs="+", default=[], metavar="SET", help="data sets (default: all)")
    parser.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="ours, baselines, or names")
    parser.add_argument("--again", action="store_true", help="repeat runs that were measured")
    parser.add_argument("--quick", action="store_true", help="small sets, one draw; keeps nothing")
    parser.add_argument("--page", action="store_true", help="only write docs/outside.md")
    arguments = parser.parse_args()
    known = {"ours", "baselines", *(name for suite in SUITES.values() for name in suite.methods)}
    if strange := [word for word in arguments.suites if not selected_suites([word])]:
        parser.error(f"there is no suite {strange[0]!r}; there are {', '.join(SUITES)}")
    if strange := [word for word in arguments.methods if word not in known]:
        parser.error(f"there is no method {strange[0]!r}; there are {', '.join(sorted(known))}")
    if arguments.draws is not None and arguments.draws < 1:
        parser.error(f"--draws must be at least 1, not {arguments.draws}")
    arguments.draws = arguments.draws or (1 if arguments.quick else 3)
    return arguments


def main() -> None:
    arguments = parse()
    found = []
    try:
        for line in () if arguments.page else runs(arguments):
            found.append(line)
            if not arguments.quick:
                with LINES.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            figures = {key: line[key] for key in ("error", "auroc", "balanced_accuracy", "positive") if key in line}
            print(line["suite"], line["set"], line["draw"], line["method"], figures, f"{line['seconds']} s", flush=True)
    except AAEError as error:  # no data, no pandas
        sys.exit(f"outside.py: error: {error}")
    if arguments.quick:
        print(page.render(found))
    else:
        page.write(LINES)


if __name__ == "__main__":
    main()
