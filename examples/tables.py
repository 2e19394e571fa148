"""Tables with a mostly empty label column: scikit-learn's breast-cancer and wine data as CSV files.

Run it with ``.venv/bin/python examples/tables.py``: for each table it writes a file in which one row in
ten has its label, trains a classifier, and classifies the rows of a second file, as raw as the first.
With your own table, the same is ``aae train few-labels --data table.csv --label-column NAME``.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine

import aae
from aae.runs.outputs import predictions

TABLES = {"cancer": load_breast_cancer, "wine": load_wine}


def write_tables(name: str, folder: Path) -> tuple[Path, Path, list[str]]:
    """Write ``NAME.csv`` (a tenth labelled) and ``NAME-new.csv`` (no labels), whose true labels are returned."""
    bunch = TABLES[name]()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    names = [str(bunch.target_names[k]) for k in bunch.target]
    new = len(order) // 4
    known, unknown = folder / f"{name}.csv", folder / f"{name}-new.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with known.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*bunch.feature_names, "kind"])
        for place, k in enumerate(order[new:]):
            writer.writerow([*bunch.data[k], names[k] if place % 10 == 0 else ""])
    with unknown.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(bunch.feature_names)
        writer.writerows(bunch.data[order[:new]])
    return known, unknown, [names[k] for k in order[:new]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="length of the training; the preset's own if not given")
    parser.add_argument("--out", type=Path, default=Path("runs/tables"))
    arguments = parser.parse_args()
    for name in TABLES:
        known, unknown, truth = write_tables(name, arguments.out)
        run = arguments.out / f"{name}-run"
        aae.train_preset(
            "few-labels", known, steps=arguments.steps, out=run, reading=aae.ReadOptions(label_column="kind")
        )
        print(predictions(run, str(unknown), arguments.out / f"{name}-predictions.csv"))
        with (arguments.out / f"{name}-predictions.csv").open(newline="") as file:
            found = [row["label"] for row in csv.DictReader(file)]
        wrong = sum(a != b for a, b in zip(found, truth, strict=True))
        print(f"{name}: {wrong} of {len(truth)} new rows in the wrong class ({100 * wrong / len(truth):.1f} %)")


if __name__ == "__main__":
    main()
