"""A folder of images, ten of each class labelled by their folder, the rest in ``unlabelled/``.

Run it with ``.venv/bin/python examples/image_folder.py``: it writes scikit-learn's digits as PNG files,
trains a classifier on them, and classifies new images. With your own images, the same is
``aae train few-labels --data photos`` and ``aae predict RUN new --out predictions.csv``.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import aae
from aae.cli.app import report
from aae.runs.outputs import predictions

LABELLED = 10  # images of each class
NEW = 300  # images kept for later


def write_folders(folder: Path) -> tuple[Path, Path]:
    """Write ``photos`` (a folder for each class, and ``unlabelled``) and ``new`` (all at the top)."""
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    photos, new = folder / "photos", folder / "new"
    seen = dict.fromkeys(range(10), 0)
    for k, (image, digit) in enumerate(zip(images, digits.target.tolist(), strict=True)):
        seen[digit] += 1
        place = photos / (f"digit-{digit}" if seen[digit] <= LABELLED else "unlabelled")
        if k >= len(images) - NEW:
            place = new
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{k:04}-{digit}.png")
    return photos, new


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="length of the training; the preset's own if not given")
    parser.add_argument("--out", type=Path, default=Path("runs/image-folder"))
    arguments = parser.parse_args()

    photos, new = write_folders(arguments.out)
    run = arguments.out / "run"
    aae.train_preset("few-labels", photos, steps=arguments.steps, out=run)
    report(run)
    print(predictions(run, str(new), arguments.out / "predictions.csv"))
    with (arguments.out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = sum(row["label"] != f"digit-{Path(row['file']).stem[-1]}" for row in rows)
    print(f"{wrong} of {len(rows)} new pictures in the wrong class ({100 * wrong / len(rows):.1f} %)")


if __name__ == "__main__":
    main()
