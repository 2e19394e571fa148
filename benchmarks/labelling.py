"""How good a classifier gets with 10, 20 or 50 labels, by the way in which the labelled rows are chosen.

``python benchmarks/labelling.py [SET ...]`` measures what has not been measured: ``--labels``, ``--methods`` and
``--draw`` select; ``--draw 3`` measures one draw, so that several processes may run side by side. Every result is a
line of benchmarks/results/labelling.jsonl, from which docs/labelling.md gets its table (``--page`` only writes that).
The draws differ in the seed of everything: the clustering whose features `aae suggest` uses, the random choice, and the
training. The labels are the true classes of the rows that were chosen. The clustering of a draw is kept in ``--runs``.
``--from`` measures instead what a training with 20 labels takes that starts from one with 10.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

import aae
from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.evaluation import inference
from aae.evaluation.typical import comparable, typical_rows
from aae.model.artifact import load
from aae.runs.suggest import CLUSTERS
from aae.system.machine import describe_machine

LINES = Path(__file__).parent / "results" / "labelling.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "labelling.md"
SETS, LABELS = ("digits", "mnist"), (10, 20, 50)
NAMES = {"random": "random rows", "typiclust": "TypiClust on the pixels", "suggest": "`aae suggest`",
         "clustering": "the same, a third of the steps from the clustering"}  # fmt: skip
START, END = "<!-- benchmarks/labelling.py -->", "<!-- end -->"
MOST = 10_000  # rows that are compared, as in `aae suggest`
NEAR = 20  # neighbours among which a row is typical, as in TypiClust


def chosen_rows(method: str, data: Dataset, n: int, draw: int, runs: Path, length: dict[str, Any]) -> np.ndarray:
    """Numbers of the rows that get a label."""
    some = np.sort(np.random.default_rng(draw).permutation(len(data.x))[:MOST])
    if method == "random":
        return np.random.default_rng(draw).permutation(len(data.x))[:n]
    if method == "typiclust":
        return some[typiclust(data.x[some].reshape(len(some), -1) / 255, n, draw)]
    run = clustering_run(data.name, draw, runs, length)
    if not (run / "model").is_dir():
        whole(aae.train_preset("clustering", data.name, seed=draw, changes={"clusters": CLUSTERS}, out=run,
                               progress=False, device="cpu", **length))  # fmt: skip
    return some[typical_rows(comparable(inference.features(load(run), data.x[some])), n).rows]


def clustering_run(name: str, draw: int, runs: Path, length: dict[str, Any]) -> Path:
    return runs / f"{name}-{draw}{''.join(f'-{value:g}' for value in length.values())}"


def whole(result: Any) -> Any:
    """A training that was not interrupted: another would be measured as if it had its full length."""
    if result.interrupted:
        raise KeyboardInterrupt
    return result


def typiclust(features: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The row of each of ``n`` clusters whose neighbours are nearest (Hacohen et al., arXiv 2202.02794)."""
    cluster = KMeans(n, n_init=3, random_state=seed).fit_predict(features)
    rows = [np.flatnonzero(cluster == k) for k in range(n)]
    return np.array([r[_distance(features[r]).argmin()] for r in rows])


def _distance(features: np.ndarray) -> np.ndarray:
    count = min(NEAR, len(features) - 1)
    if not count:
        return np.zeros(1)
    return NearestNeighbors(n_neighbors=count).fit(features).kneighbors()[0].mean(1)


def only(data: Dataset, rows: np.ndarray) -> Dataset:
    """The data with the labels of some rows alone, and the classes of these."""
    present, numbers = np.unique(data.y[rows], return_inverse=True)
    y = np.full(len(data.y), -1)
    y[rows] = numbers
    return replace(data, y=y, classes=[data.classes[k] for k in present], test_y=np.full(len(data.test_y), -1),
                   bundled=False)  # fmt: skip


def error(model: Any, data: Dataset, classes: list[Any]) -> float:
    """Percent of all test rows that get a wrong class; those of a class that was never labelled always do."""
    answer = np.array([data.classes.index(name) for name in classes])[inference.classify(model, data.test_x).argmax(1)]
    return 100 * float((answer != data.test_y).mean())


def one(name: str, n: int, method: str, draw: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Choose, label, train and measure."""
    data, start = load_data(name), time.perf_counter()
    rows = chosen_rows(method, data, n, draw, arguments.runs, arguments.length)
    some, options = only(data, rows), dict(arguments.length)
    if method == "clustering":
        options = {key: max(1, value // 3) for key, value in options.items()}
        options["start"] = clustering_run(name, draw, arguments.runs, arguments.length)
    result = whole(aae.train_preset("few-labels", some, labels=n, seed=draw, progress=False, device="cpu", **options))
    return {"set": name, "labels": n, "method": method, "draw": draw, "classes": len(some.classes),
            "error": round(error(result.model, data, some.classes), 3), "length": arguments.length,
            "seconds": round(time.perf_counter() - start), "version": aae.__version__,
            "machine": describe_machine()}  # fmt: skip


def from_run(name: str, draw: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Errors with 20 labels: a whole training, and one of a third that starts from a training with 10 of them."""
    data, run = load_data(name), arguments.runs / f"{name}-{draw}-ten"
    rows = chosen_rows("suggest", data, 20, draw, arguments.runs, arguments.length)
    options: dict[str, Any] = {"seed": draw, "progress": False, "device": "cpu"}
    if not (run / "model").is_dir():
        whole(aae.train_preset("few-labels", only(data, rows[:10]), labels=10, out=run, **options, **arguments.length))
    some = only(data, rows)
    line: dict[str, Any] = {"set": name, "labels": 20, "method": "from", "draw": draw, "length": arguments.length}
    third = {key: value / 3 if key == "epochs" else max(1, value // 3) for key, value in arguments.length.items()}
    for part, more in (("whole", arguments.length), ("started", {"start": run, **third}), ("third", third)):
        if part == "third" and not third:
            more = {"steps": line["started_steps"]}
        result = whole(aae.train_preset("few-labels", some, labels=20, **options, **more))
        line |= {part: round(error(result.model, data, some.classes), 3), f"{part}_steps": result.step,
                 f"{part}_seconds": round(result.seconds, 1)}  # fmt: skip
    return line | {"version": aae.__version__, "machine": describe_machine()}


def read() -> list[dict[str, Any]]:
    return [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []


def table(lines: list[dict[str, Any]]) -> str:
    """Mean and worst error by data set, number of labels and method."""
    head = ["data", "labels", *(NAMES[method] for method in NAMES)]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, length in _kinds([line for line in lines if line["method"] != "from"]):
        for n in LABELS:
            cells = [_cell([line for line in lines if (line["set"], line["labels"], line["method"], line["length"])
                            == (name, n, m, length)]) for m in NAMES]  # fmt: skip
            rows += [f"| {_named(name, length)} | {n} | {' | '.join(cells)} |"] if set(cells) != {"-"} else []
    return "\n".join(rows) + "\n\n" + _started(lines)


def _kinds(lines: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Data sets and lengths of the trainings, as they come first in the file."""
    found: list[tuple[str, dict[str, Any]]] = []
    for line in lines:
        found += [(line["set"], line["length"])] if (line["set"], line["length"]) not in found else []
    return sorted(found, key=lambda kind: SETS.index(kind[0]))


def _named(name: str, length: dict[str, Any]) -> str:
    return ", ".join([name, *(f"{value:,} {key}" for key, value in length.items())])


def _cell(lines: list[dict[str, Any]]) -> str:
    latest = {line["draw"]: line for line in lines}.values()
    if not latest:
        return "-"
    errors = [line["error"] for line in latest]
    draws = "" if len(errors) == 5 else f" ({len(errors)} draw{'s' * (len(errors) > 1)})"
    return f"{np.mean(errors):.2f}, {max(errors):.2f}{draws}"


def _started(lines: list[dict[str, Any]]) -> str:
    rows = ["| data | all steps | a third, from the run with 10 labels | a third, from the start | draws |",
            "|---|---|---|---|---|"]  # fmt: skip
    for name, length in _kinds([line for line in lines if line["method"] == "from"]):
        kind = (name, "from", length)
        some = list({x["draw"]: x for x in lines if (x["set"], x["method"], x["length"]) == kind}.values())
        cells = [f"{np.mean([x[part] for x in some]):.2f}, {max(x[part] for x in some):.2f}"
                 for part in ("whole", "started", "third")]  # fmt: skip
        rows += [f"| {_named(name, length)} | {' | '.join(cells)} | {len(some)} |"]
    return "\n".join(rows) + "\n" if len(rows) > 2 else ""


def write_page(lines: list[dict[str, Any]]) -> None:
    before, _, rest = PAGE.read_text().partition(START)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{START}\n\n{table(lines)}\n{END}{after}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"{', '.join(SETS)} (default: all)")
    parser.add_argument("--labels", nargs="+", type=int, default=LABELS, help="numbers of labels")
    parser.add_argument("--methods", nargs="+", choices=list(NAMES), default=list(NAMES), help="ways to choose")
    parser.add_argument("--draws", type=int, default=5, help="number of draws, from 0")
    parser.add_argument("--draw", type=int, help="one draw alone")
    parser.add_argument("--steps", type=int, help="length of every training (default: the presets' own)")
    parser.add_argument("--runs", type=Path, default=Path("runs/labelling"), help="folder for the clusterings")
    parser.add_argument("--from", dest="started", action="store_true", help="measure starts from a run")
    parser.add_argument("--page", action="store_true", help="only write the table of docs/labelling.md")
    arguments = parser.parse_args()
    if strange := [name for name in arguments.sets if name not in SETS]:
        parser.error(f"there is no data set {strange[0]!r} here; there are {', '.join(SETS)}")
    arguments.length = {} if arguments.steps is None else {"steps": arguments.steps}
    return arguments


def main() -> None:
    arguments = parse()
    draws = range(arguments.draws) if arguments.draw is None else [arguments.draw]
    jobs = [(name, n, method, draw) for name in arguments.sets or SETS for draw in draws
            for n in (arguments.labels if not arguments.started else [20])
            for method in (arguments.methods if not arguments.started else ["from"])]  # fmt: skip
    for job in () if arguments.page else jobs:
        if job in {(x["set"], x["labels"], x["method"], x["draw"]) for x in read() if x["length"] == arguments.length}:
            continue
        name, _, method, draw = job
        line = from_run(name, draw, arguments) if method == "from" else one(*job, arguments)
        with LINES.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
    write_page(read())


if __name__ == "__main__":
    main()
