"""Fits what `aae sample` adds to the decoder's mean of a table: the noise of a `TableNoise`."""

import numpy as np
import torch
from scipy.special import ndtri
from sklearn.covariance import ledoit_wolf
from torch import Tensor

from aae.data.arrays import Rows
from aae.evaluation import inference
from aae.model.autoencoder import Autoencoder
from aae.model.table import Table
from aae.model.table_noise import LEAST, TableNoise
from aae.system.errors import AAEError

__all__ = ["attach_noise", "fit_noise"]

ROWS = 20_000  # of the training that are looked at, and drawn to compare them with
MAX_SCORES = 2_000  # columns whose correlations are learned
MAX_DECIMALS = 6
ROUNDS = 50


def attach_noise(model: Autoencoder, rows: Rows, labels: np.ndarray, seed: int = 0) -> None:
    """Fit the noise of a table's cells to training rows, for `inference.sample`; nothing for other models.

    Args:
        model: The trained model.
        rows: Training rows ``(N, columns)``.
        labels: Their class numbers ``(N,)``, -1 where unknown.
        seed: Seed of what is drawn.
    """
    if model.table is None or len(rows) < 2 or any(latent.prior is None for latent in model.latents):
        return
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:ROWS])
    some = np.asarray(rows[chosen])
    with inference.seeded(model, seed):
        means = inference.reconstruct(model, inference.prepare(model, some), labels[chosen], prepared=True)
        try:
            drawn = inference.sample_means(model, max(len(some), 2000))
        except AAEError:
            return
        model.noise = fit_noise(model.table, some, means, drawn, seed).to(next(model.parameters()).device)


def fit_noise(table: Table, rows: np.ndarray, means: np.ndarray, drawn: np.ndarray, seed: int = 0) -> TableNoise:
    """The noise of cells around their means.

    Args:
        table: The columns.
        rows: Rows ``(N, columns)``.
        means: The decoder's means of these rows ``(N, width)``.
        drawn: The decoder's means of codes drawn from the priors ``(M, width)``.
        seed: Seed of what is drawn.
    """
    generator = np.random.default_rng(seed)
    every = range(len(table.columns))
    numbers = [k for k in every if "values" not in table.columns[k]]
    marked = [k for k in every if table.columns[k].get("missing")]
    categories = [k for k in every if "values" in table.columns[k]]
    noise = TableNoise(len(numbers), len(marked), [len(table.columns[k]["values"]) for k in categories])
    x = table(torch.from_numpy(table.as_rows(rows)))
    mean, prior = torch.from_numpy(means), torch.from_numpy(drawn)
    empty = np.isnan(rows)
    _fit_offsets(noise, torch.from_numpy(empty[:, marked].astype(np.float32)), x, prior)
    scores = [
        *_number_scores(noise, x, mean, empty[:, numbers], generator),
        *_empty_scores(noise, mean, empty[:, marked], generator),
        *_category_scores(noise, mean, rows[:, categories], generator),
    ]
    if len(scores) <= MAX_SCORES:
        noise.factor = torch.from_numpy(_factor(np.stack(scores, 1)))
    _fit_curves(noise, table, rows[:, numbers].astype(np.float64), prior, numbers, generator)
    return noise


def _factor(scores: np.ndarray) -> np.ndarray:
    """A factor of the correlation of normal scores ``(N, S)``, shrunk as far as few rows make it uncertain."""
    covariance = ledoit_wolf(scores)[0] + 1e-6 * np.eye(scores.shape[1])
    size = np.sqrt(np.diag(covariance))
    return np.linalg.cholesky(covariance / np.outer(size, size)).astype(np.float32)


def _number_scores(
    noise: TableNoise, x: Tensor, mean: Tensor, empty: np.ndarray, generator: np.random.Generator
) -> list[np.ndarray]:
    """Normal scores of the residuals of every number; also fits their standard deviations."""
    scores = []
    for k in range(noise.numbers):
        known = ~empty[:, k]
        residuals = (x[:, k] - mean[:, k]).numpy()[known].astype(np.float64)
        score = generator.standard_normal(len(x))
        if len(residuals) > 1:
            noise.spread[k] = float(residuals.std())
            order = np.lexsort([generator.random(len(residuals)), residuals])  # ties are broken at random
            ranks = np.empty(len(order))
            ranks[order] = (np.arange(len(order)) + 0.5) / len(order)
            score[known] = ndtri(ranks)
        scores.append(score)
    return scores


def _within(low: np.ndarray, high: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Normal scores of levels drawn between two others."""
    return np.asarray(ndtri((low + (high - low) * generator.random(len(low))).clip(1e-6, 1 - 1e-6)))


def _empty_scores(
    noise: TableNoise, mean: Tensor, empty: np.ndarray, generator: np.random.Generator
) -> list[np.ndarray]:
    edges = 1 - noise.empty_probabilities(mean).numpy().astype(np.float64)
    return [_within(np.where(is_empty, edge, 0), np.where(is_empty, 1, edge), generator)
            for edge, is_empty in zip(edges.T, empty.T, strict=True)]  # fmt: skip


def _category_scores(
    noise: TableNoise, mean: Tensor, rows: np.ndarray, generator: np.random.Generator
) -> list[np.ndarray]:
    scores = []
    for probabilities, cells in zip(noise.probabilities(mean), rows.T, strict=True):
        edges = np.concatenate([np.zeros((len(cells), 1)), probabilities.double().cumsum(1).numpy()], 1)
        known = cells >= 0  # neither empty nor unseen
        index = np.where(known, cells, 0).astype(np.int64)[:, None]
        low, high = (np.take_along_axis(edges, index + step, 1)[:, 0] for step in (0, 1))
        scores.append(_within(np.where(known, low, 0), np.where(known, high, 1), generator))
    return scores


def _fit_offsets(noise: TableNoise, empty: Tensor, x: Tensor, prior: Tensor) -> None:
    """Make empty cells and categories as frequent among draws as in the training."""
    one_hot = x[:, noise.numbers + noise.marked :]
    for _ in range(ROUNDS):
        parts = []
        if noise.marked:
            parts.append(_log_odds(empty.mean(0)) - _log_odds(noise.empty_probabilities(prior).mean(0)))
        for wanted, found in zip(one_hot.split(noise.values, 1), noise.probabilities(prior), strict=True):
            share = wanted.mean(0) / wanted.mean().clamp(min=1e-12) / wanted.shape[1]
            parts.append(share.clamp(min=1e-9).log() - found.mean(0).clamp(min=1e-9).log())
        if parts:
            noise.offsets += torch.cat(parts)


def _log_odds(share: Tensor) -> Tensor:
    return share.clamp(1e-6, 1 - 1e-6).logit()


def _fit_curves(
    noise: TableNoise, table: Table, cells: np.ndarray, prior: Tensor, numbers: list[int],
    generator: np.random.Generator,
) -> None:  # fmt: skip
    """The distribution of each number among noisy draws, and among the training's cells."""
    if not noise.numbers:
        return
    scores = torch.from_numpy(generator.standard_normal((len(prior), noise.numbers)).astype(np.float32))
    noisy = noise.noisy(prior, scores).numpy()
    every = np.linspace(0, 1, noise.knots)
    noise.drawn = torch.from_numpy(np.quantile(noisy, every, axis=0).T.astype(np.float32).copy())
    for k, place in enumerate(numbers):
        column = table.columns[place]
        limit = column.get("clip", table.clip or np.inf) * column["scale"]
        known = cells[~np.isnan(cells[:, k]), k]
        near = known[np.abs(known - column["mean"]) <= limit]
        near = np.sort(near if len(near) else np.array([column["mean"]]))
        distinct, counts = np.unique(near, return_counts=True)
        noise.steps[k] = _steps(distinct, column, table)
        noise.stepped[k] = len(distinct) <= noise.knots
        if noise.stepped[k]:
            levels, values = counts.cumsum() / len(near), distinct
        else:
            levels, values = every, np.quantile(near, every)
        pad = noise.knots - len(levels)
        noise.levels[k] = torch.from_numpy(np.pad(levels, (0, pad), mode="edge"))
        noise.cells[k] = torch.from_numpy(np.pad(values, (0, pad), mode="edge"))


def _steps(cells: np.ndarray, column: dict[str, object], table: Table) -> float:
    """Ten to the number of decimals that the cells have; 0 if they have more than can be told."""
    if column.get("kind", "number") != "number":
        return 1.0
    for decimals in range(MAX_DECIMALS + 1):
        if np.array_equal(table.as_rows(np.round(cells, decimals)), table.as_rows(cells)):
            return float(10**decimals)
    return 0.0
