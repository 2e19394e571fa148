"""Fits what `aae sample` adds to the decoder's mean of a table: the noise of a `TableNoise`."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.special import ndtri
from sklearn.covariance import ledoit_wolf
from torch import Tensor

from aae.data.dataset import Dataset
from aae.data.splits import Split, some_rows
from aae.evaluation import inference
from aae.model.autoencoder import Autoencoder
from aae.model.table import Table
from aae.model.table_noise import TableNoise

__all__ = ["attach_noise", "fit_noise"]

ROWS = 5_000  # of the training that are looked at
LEAST_DRAWS = 1_000  # rows drawn to compare them with; twice as many as there are rows, if these are more
MAX_SCORES = 2_000  # columns whose correlations are learned
MAX_DECIMALS = 6
ROUNDS = 50  # of the adjustment of frequencies
MATCHINGS, MATCHING_RATE, MAX_MATCHED = 10, 0.7, 300  # rounds of that of correlations, and columns it is done for


def attach_noise(model: Autoencoder, data: Dataset, split: Split, seed: int = 0) -> None:
    """Learn from the training rows how cells of a table vary, for `inference.sample`; nothing for other models, or for
    vectors of other encoders, whose cells nobody looks at.

    Args:
        model: The trained model.
        data: The data set.
        split: The split used in training.
        seed: Seed of what is drawn.
    """
    count = len(split.labelled) + len(split.unlabelled)
    if model.table is None or model.table.vectors or count < 2 or any(latent.prior is None for latent in model.latents):
        return
    chosen = some_rows(split, ROWS, seed)
    rows = model.table.as_rows(np.asarray(data.x[chosen]))
    labels = np.where(np.isin(chosen, split.labelled), data.y[chosen], -1)
    with inference.seeded(model, seed):
        means = inference.reconstruct(model, inference.prepare(model, rows), labels, prepared=True)
        drawn = inference.sample_means(model, max(LEAST_DRAWS, min(2 * len(chosen), ROWS)))
    noise = fit_noise(model.table.cpu(), rows, means, drawn, seed)
    device = next(model.parameters()).device
    model.table.to(device)
    model.noise = noise.to(device)


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
    rows, prior = table.as_rows(rows), torch.from_numpy(drawn)
    noise, around = _blank(table), _blank(table)
    around.offsets = _offsets(around, table, rows, torch.zeros(1, table.width))
    noise.offsets = _offsets(noise, table, rows, prior)
    scores = _scores(noise, table, rows, means, generator)
    noise.spread = scores.spread
    _fit_curves(noise, table, rows, prior, generator)
    if len(noise.factor) <= MAX_SCORES:
        noise.factor = torch.from_numpy(_factor(_correlation(scores.values)))
    if len(noise.factor) <= MAX_MATCHED:
        _match_correlations(noise, around, table, rows, prior, generator)
    return noise


class _Scores(NamedTuple):
    """Normal scores ``(N, S)`` of numbers, empty cells and categories given their means; the numbers' spread."""

    values: np.ndarray
    spread: Tensor


def _blank(table: Table) -> TableNoise:
    values = [len(column["values"]) for column in table.columns if "values" in column]
    marked = sum(bool(column.get("missing")) for column in table.columns)
    return TableNoise(len(table.columns) - len(values), marked, values)


def _scores(
    noise: TableNoise, table: Table, rows: np.ndarray, means: np.ndarray, generator: np.random.Generator
) -> _Scores:
    """How unusual each cell is given its mean, as a draw from a standard normal distribution if the noise is right."""
    every = range(len(table.columns))
    numbers = [k for k in every if "values" not in table.columns[k]]
    categories = [k for k in every if "values" in table.columns[k]]
    marked = [k for k in every if table.columns[k].get("missing")]
    x, mean, empty = table(torch.from_numpy(rows)), torch.from_numpy(np.ascontiguousarray(means)), np.isnan(rows)
    scores, spread = _number_scores((x - mean).numpy()[:, : len(numbers)], empty[:, numbers], generator)
    columns = [
        *scores,
        *_empty_scores(noise, mean, empty[:, marked], generator),
        *_category_scores(noise, mean, rows[:, categories], generator),
    ]
    return _Scores(np.stack(columns, 1), torch.from_numpy(spread))


def _match_correlations(
    noise: TableNoise, around: TableNoise, table: Table, rows: np.ndarray, prior: Tensor,
    generator: np.random.Generator,
) -> None:  # fmt: skip
    """Correlate the noise so that cells of draws are correlated as those of the training are.

    Noise as correlated as the residuals does that if codes of rows are distributed as the prior; they never quite are.
    """
    flat = np.zeros((1, table.width), np.float32)

    def correlation(some: np.ndarray) -> np.ndarray:
        means = np.broadcast_to(flat, (len(some), table.width))
        return _correlation(_scores(around, table, some, means, generator).values)

    wanted = correlation(rows)
    found = noise.factor.double().numpy() @ noise.factor.double().numpy().T
    for _ in range(MATCHINGS):
        normal = torch.from_numpy(generator.standard_normal((len(prior), len(found))).astype(np.float32))
        found = found + MATCHING_RATE * (wanted - correlation(noise.draw(table, prior, normal).numpy()))
        values, vectors = np.linalg.eigh(found)
        found = (vectors * values.clip(1e-3)) @ vectors.T
        noise.factor = torch.from_numpy(_factor(found))
        found = noise.factor.double().numpy() @ noise.factor.double().numpy().T


def _correlation(scores: np.ndarray) -> np.ndarray:
    """The correlation of normal scores ``(N, S)``, shrunk as far as few rows make it uncertain."""
    covariance = ledoit_wolf(scores)[0] + 1e-6 * np.eye(scores.shape[1])
    size = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(size, size))


def _factor(covariance: np.ndarray) -> np.ndarray:
    size = np.sqrt(np.diag(covariance))
    return np.linalg.cholesky(covariance / np.outer(size, size)).astype(np.float32)


def _number_scores(
    residuals: np.ndarray, empty: np.ndarray, generator: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Normal scores of the residuals ``(N, n)`` of numbers, and the standard deviations of these ``(n,)``."""
    scores, spread = [], np.zeros(residuals.shape[1], np.float32)
    for k, column in enumerate(residuals.T):
        known = ~empty[:, k]
        score = generator.standard_normal(len(column))
        if known.sum() > 1:
            spread[k] = column[known].std(dtype=np.float64)
            order = np.lexsort([generator.random(known.sum()), column[known]])  # ties are broken at random
            ranks = np.empty(len(order))
            ranks[order] = (np.arange(len(order)) + 0.5) / len(order)
            score[known] = ndtri(ranks)
        scores.append(score)
    return scores, spread


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


def _offsets(noise: TableNoise, table: Table, rows: np.ndarray, prior: Tensor) -> Tensor:
    """What makes empty cells and categories as frequent among draws as in the training."""
    marked = [k for k, column in enumerate(table.columns) if column.get("missing")]
    empty = torch.from_numpy(np.isnan(rows[:, marked]).mean(0).astype(np.float32))
    one_hot = table(torch.from_numpy(rows))[:, noise.numbers + noise.marked :].mean(0)
    trial = _blank(table)
    for _ in range(ROUNDS):
        parts = [_log_odds(empty) - _log_odds(trial.empty_probabilities(prior).mean(0))]
        for wanted, found in zip(one_hot.split(noise.values), trial.probabilities(prior), strict=True):
            share = wanted / wanted.sum().clamp(min=1e-12)
            parts.append(share.clamp(min=1e-9).log() - found.mean(0).clamp(min=1e-9).log())
        trial.offsets += torch.cat(parts)
    return trial.offsets


def _log_odds(share: Tensor) -> Tensor:
    return share.clamp(1e-6, 1 - 1e-6).logit()


def _fit_curves(
    noise: TableNoise, table: Table, rows: np.ndarray, prior: Tensor, generator: np.random.Generator
) -> None:
    """The distribution of each number among noisy draws, and among the training's cells."""
    if not noise.numbers:
        return
    numbers = [k for k, column in enumerate(table.columns) if "values" not in column]
    cells = rows[:, numbers].astype(np.float64)
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
