"""How near samples of a table are to its rows: by column, and by a classifier that tries to distinguish them.

Both are given for a Gaussian copula beside the model: the distribution of each column, joined by the correlations of
their ranks. It is the simplest generator of tables that is of use, and what a model has to beat.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference
from aae.evaluation.baselines import random_forest
from aae.evaluation.noise import fit_noise
from aae.model.autoencoder import Autoencoder
from aae.model.table import Table
from aae.model.table_noise import TableNoise
from aae.system.errors import AAEError

__all__ = ["ENTRY", "SampleQuality", "column_distance", "forest_accuracy", "gaussian_copula", "sample_quality"]

ENTRY = "sample_distances"  # of `aae evaluate --json`: the distance of each column
MIN_ROWS = 50  # held-out rows; with fewer, nothing can be distinguished
MAX_ROWS = 1000  # held-out rows, and as many samples
TRAINING = 5000  # rows that the copula learns from, as many as the noise of a model
FOLDS = 5


@dataclass(frozen=True)
class SampleQuality:
    """Samples beside held-out rows.

    Args:
        table: The columns.
        rows: Held-out rows ``(N, columns)``.
        samples: As many samples of the model.
        distances: Of each column, from 0 to 1: total variation of categories, Kolmogorov-Smirnov of numbers.
        accuracy: Of a random forest that distinguishes samples from held-out rows, in percent; 50 is chance, and best.
        copula_distances: Those of a Gaussian copula.
        copula_accuracy: That of a Gaussian copula.
    """

    table: Table
    rows: np.ndarray
    samples: np.ndarray
    distances: list[float]
    accuracy: float
    copula_distances: list[float]
    copula_accuracy: float

    def entries(self) -> dict[str, Any]:
        """The entries of `aae evaluate --json`."""
        return {
            "sample_accuracy": round(self.accuracy, 4),
            "copula_accuracy": round(self.copula_accuracy, 4),
            "sample_distance": round(float(np.mean(self.distances)), 4),
            "copula_distance": round(float(np.mean(self.copula_distances)), 4),
            ENTRY: {str(name): round(value, 4) for name, value in zip(self.table.names, self.distances, strict=True)},
        }


def sample_quality(model: Autoencoder, data: Dataset, split: Split, seed: int = 0) -> SampleQuality | None:
    """Compare samples of a model with held-out rows of its table.

    Args:
        model: The model.
        data: The data set; its test rows are compared.
        split: The split used in training, from whose rows the copula learns.
        seed: Seed of what is drawn.

    Returns:
        None without a table, for vectors of another encoder, without a prior to sample from, or with fewer than 50
        test rows.
    """
    table, count = model.table, min(len(data.test_x) - data.reused, MAX_ROWS)
    if table is None or table.vectors or count < MIN_ROWS or any(latent.prior is None for latent in model.latents):
        return None
    generator = np.random.default_rng(seed)
    order = data.reused + generator.permutation(len(data.test_x) - data.reused)[:count]
    rows = table.as_rows(np.asarray(data.test_x[np.sort(order)]))
    training = np.sort(generator.permutation(np.concatenate([split.labelled, split.unlabelled]))[:TRAINING])
    if len(training) < 2:
        return None
    copula = gaussian_copula(table, np.asarray(data.x[training]))
    try:
        with inference.seeded(model, seed):
            samples = inference.sample(model, count)
            other = copula.draw(table, torch.zeros(count, table.width)).numpy()
    except AAEError:
        return None
    distances, others = (_distances(table, rows, drawn) for drawn in (samples, other))
    return SampleQuality(table, rows, samples, distances, forest_accuracy(rows, samples, seed),
                         others, forest_accuracy(rows, other, seed))  # fmt: skip


def gaussian_copula(table: Table, rows: np.ndarray, seed: int = 0) -> TableNoise:
    """A Gaussian copula of rows ``(N, columns)``: the noise around a mean that is the same for all of them."""
    constant = np.zeros((1, table.width), np.float32)
    return fit_noise(table, rows, np.broadcast_to(constant, (len(rows), table.width)), constant.repeat(2000, 0), seed)


def _distances(table: Table, rows: np.ndarray, samples: np.ndarray) -> list[float]:
    return [column_distance(rows[:, k], samples[:, k], "values" in column) for k, column in enumerate(table.columns)]


def column_distance(rows: np.ndarray, samples: np.ndarray, category: bool) -> float:
    """How far the cells of a column are from others, from 0 (alike) to 1.

    Args:
        rows: Cells ``(N,)``, NaN where empty.
        samples: Others ``(M,)``.
        category: Whether cells are numbers of categories: their total variation, an empty cell being one of them.
            Otherwise the Kolmogorov-Smirnov statistic of the numbers, or the difference in empty cells if that is more.
    """
    if category:
        both = np.nan_to_num(np.concatenate([rows, samples]), nan=-2.0)  # -1 is a value that is not known
        index = np.unique(both, return_inverse=True)[1]
        shares = [np.bincount(part, minlength=index.max() + 1) / len(part)
                  for part in (index[: len(rows)], index[len(rows) :])]  # fmt: skip
        return float(np.abs(shares[0] - shares[1]).sum() / 2)
    from scipy.stats import ks_2samp

    empty = float(abs(np.isnan(rows).mean() - np.isnan(samples).mean()))
    real, drawn = rows[~np.isnan(rows)], samples[~np.isnan(samples)]
    if not len(real) or not len(drawn):
        return empty
    return max(empty, float(ks_2samp(real, drawn, method="asymp").statistic))


def forest_accuracy(rows: np.ndarray, samples: np.ndarray, seed: int = 0) -> float:
    """How often a random forest distinguishes samples from rows, in percent, by cross-validation; 50 is chance.

    Args:
        rows: Rows ``(N, columns)``, NaN where a cell is empty.
        samples: As many samples.
        seed: Seed of the forest and of the folds.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    x = np.concatenate([rows, samples]).astype(np.float64)
    x = np.concatenate([np.where(np.isnan(x), 0, x), np.isnan(x)[:, np.isnan(x).any(0)]], 1)
    x = x.clip(-1e30, 1e30)  # a forest reads float32
    y = np.repeat([0, 1], [len(rows), len(samples)])
    forest = random_forest(seed, min_samples_leaf=2)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return float(100 * cross_val_score(forest, x, y, cv=folds).mean())
