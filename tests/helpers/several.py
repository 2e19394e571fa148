"""Run by several processes at once: ``several.py DEVICES FOLDER`` trains every variant and divides rows for a model."""

import sys
import warnings
from pathlib import Path

import numpy as np

from aae.distributed.processes import launch
from aae.runs.outputs import codes, predictions
from helpers.runs import VARIANTS, train_small

STEPS = 11
# Steps of gradient descent are as exact as the gradients. Those of Adam divide each by its own size, rounding errors
# too, so that two runs of one process with other numbers of threads would drift apart as well.
CHANGES = {"optimizer": "sgd", "lr": 0.005, "lr_adversarial": 0.01, "lr_classification": 0.005, "batch_size": 128}
# Of `close.rounding`: in every step sums over the rows of the batch, the values of a row, and two hidden layers.
TERMS = STEPS * (128 + 64 + 16 + 16)


def main(devices, folder):
    for name in VARIANTS:
        train_small(name, devices=devices, steps=STEPS, changes=CHANGES, out=folder / name, checkpoint_every=0.0)
    group = launch(devices=devices)
    rows = np.random.default_rng(0).integers(0, 256, (4321, 8, 8), dtype=np.uint8)
    if group.is_rank_zero:
        np.save(folder / "rows.npy", rows)
    group.barrier()
    run = folder / "few-labels"
    predictions(run, str(folder / "rows.npy"), folder / "predictions.csv", group)
    codes(run, str(folder / "rows.npy"), folder / "codes.npz", group)
    group.barrier()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(int(sys.argv[1]), Path(sys.argv[2]))
