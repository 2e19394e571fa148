"""The demo: a classifier from 100 labelled digits, compared with scikit-learn's methods.

It trains the semi-supervised AAE for images, `few-labels`. ``make demo`` runs it once and writes
runs/demo/report.html. ``python examples/demo.py --draws 10 --table docs/demo.md`` repeats it over
ten draws of the labels and writes the table; ``--preset semi-supervised`` uses the preset that does
not know that its rows are images.
"""

import argparse
import shutil
import statistics
from pathlib import Path

import numpy as np
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC

import aae
from aae.cli.app import report
from aae.data.dataset import as_float
from aae.evaluation.metrics import error_percent


def baselines(data: aae.Dataset, split: aae.Split) -> dict[str, float]:
    """Test errors of scikit-learn's LabelSpreading and SVC on the same labelled and unlabelled rows."""
    rows, test = (as_float(x).reshape(len(x), -1) for x in (data.x, data.test_x))
    seen = np.concatenate([split.labelled, split.unlabelled])
    partly = np.concatenate([data.y[split.labelled], np.full(len(split.unlabelled), -1)])
    fitted = {
        "LabelSpreading (kNN)": LabelSpreading(kernel="knn", n_neighbors=7).fit(rows[seen], partly),
        "SVC (labelled rows)": SVC().fit(rows[split.labelled], data.y[split.labelled]),
    }
    return {name: 100 * float(np.mean(model.predict(test) != data.test_y)) for name, model in fitted.items()}


def one_draw(preset: str, seed: int, out: Path | None = None) -> tuple[dict[str, float], float]:
    """Test error of each method on one draw of 100 labels, and our training time."""
    result = aae.train_preset(preset, "digits", labels=100, seed=seed, out=out, progress=out is not None)
    ours = error_percent(result.data.test_y, aae.classify(result.model, result.data.test_x))
    return {f"aae {preset}": ours, **baselines(result.data, result.split)}, result.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1, help="number of label draws; seeds 0, 1, ...")
    parser.add_argument("--preset", default="few-labels", choices=("few-labels", "semi-supervised"))
    parser.add_argument("--table", type=Path, help="write the table here")
    arguments = parser.parse_args()
    if arguments.draws == 1:
        out = Path("runs/demo")
        shutil.rmtree(out, ignore_errors=True)
        errors, seconds = one_draw(arguments.preset, 0, out)
        print(f"\nTest error with 100 labels, 360 test digits ({seconds:.0f} s of training):")
        for method, error in errors.items():
            print(f"  {method:22} {error:6.2f} %")
        report(out)
        return
    table = []
    for seed in range(arguments.draws):
        errors, seconds = one_draw(arguments.preset, seed)
        table.append(errors)
        print(f"draw {seed}:", ", ".join(f"{m} {e:.2f}" for m, e in errors.items()), f"({seconds:.0f} s)", flush=True)
    text = render(table)
    print(text)
    if arguments.table:
        arguments.table.write_text(text)


def render(table: list[dict[str, float]]) -> str:
    """The table as Markdown: mean, standard deviation and worst draw of each method."""
    lines = [
        "# Digits with 100 labels",
        "",
        f"Test error in percent on scikit-learn's digits (360 test rows) over {len(table)} draws of the 100 labels.",
        f"Regenerate with `.venv/bin/python examples/demo.py --draws {len(table)} --table docs/demo.md`.",
        "",
        "| method | mean | standard deviation | worst draw |",
        "|---|---|---|---|",
    ]
    for method in table[0]:
        errors = [draw[method] for draw in table]
        lines.append(
            f"| {method} | {statistics.mean(errors):.2f} | {statistics.stdev(errors):.2f} | {max(errors):.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
