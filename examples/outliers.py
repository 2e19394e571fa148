"""Outliers: a detector trained on one digit only is tested on all of them.

Run it with ``.venv/bin/python examples/outliers.py``: it learns from scikit-learn's images of one digit
and draws the ten images with the lowest scores, of this digit and of the others. It also prints how often an image of
another digit scores lower than one of its own (AUROC).
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

import aae
from aae.report import plots


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digit", type=int, default=3, choices=range(10))
    parser.add_argument("--steps", type=int, help="length of the training; the detector's own if not given")
    parser.add_argument("--out", type=Path, default=Path("runs/outliers.png"))
    arguments = parser.parse_args()

    x, y = load_digits(return_X_y=True)
    own = np.flatnonzero(y == arguments.digit)
    learned, test = own[: len(own) // 2], np.concatenate([own[len(own) // 2 :], np.flatnonzero(y != arguments.digit)])
    detector = aae.AAEOutlierDetector(max_iter=arguments.steps, random_state=0, verbose=True).fit(x[learned])
    scores = detector.score_samples(x[test])
    normal = y[test] == arguments.digit
    print(f"AUROC of digit {arguments.digit} against the rest: {roc_auc_score(normal, scores):.3f}")

    order = np.argsort(scores)
    rows = [*order[normal[order]][:10], *order[~normal[order]][:10]]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    pictures = (x[test][rows] / 16).reshape(-1, 8, 8).astype(np.float32)
    title = f"Strangest of digit {arguments.digit}, then of the others"
    plots.save(plots.samples(pictures, title=title), arguments.out)
    print(f"The strangest: {arguments.out}")


if __name__ == "__main__":
    main()
