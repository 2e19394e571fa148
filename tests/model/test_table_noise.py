"""Draws around the decoder's mean: the cells that come out, whatever the mean is."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from aae.evaluation.noise import fit_noise
from aae.model.component import describe, rebuild
from aae.model.table_fit import fit_table

N = 3000
NAMES = ["amount", "count", "price", "yes", "day", "colour"]
KINDS = {1: {"kind": "whole"}, 3: {"kind": "boolean"}, 4: {"kind": "date", "clock": False}}


def rows_of(generator):
    """Skewed numbers, whole ones, prices with two decimals, truth values, dates, colours; some are empty."""
    rows = np.stack([
        generator.lognormal(size=N), generator.poisson(2, N), np.round(generator.gamma(2, 10, N), 2),
        generator.random(N) < 0.2, 86400.0 * generator.integers(18_000, 19_000, N),
        generator.choice(3, N, p=[0.7, 0.2, 0.1]),
    ], 1).astype(np.float64)  # fmt: skip
    rows[generator.random(N) < 0.3, 2] = np.nan
    rows[generator.random(N) < 0.1, 5] = np.nan
    return rows


@pytest.fixture(scope="module")
def fitted():
    """A table, its rows, and noise around means that are the same for all rows and wrong for draws."""
    rows = rows_of(np.random.default_rng(0))
    table = fit_table(rows, NAMES, {5: ["red", "green", "blue"]}, KINDS)
    rows = table.as_rows(rows)
    means = np.zeros((N, table.width), np.float32)
    drawn = np.random.default_rng(1).standard_normal((N, table.width)).astype(np.float32)
    return table, rows, fit_noise(table, rows, means, drawn), drawn


@pytest.fixture(scope="module")
def cells(fitted):
    table, _, noise, drawn = fitted
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return noise.draw(table, torch.from_numpy(drawn)).numpy()


def test_cells_are_such_as_the_training_had(fitted, cells):
    _, rows, _, _ = fitted
    assert cells.dtype == rows.dtype
    assert (np.nanmin(cells, 0) >= np.nanmin(rows, 0)).all()
    assert (np.nanmax(cells, 0) <= np.nanmax(rows, 0)).all()
    for k in (1, 3, 4, 5):  # whole numbers, truth values, dates and categories
        known = cells[~np.isnan(cells[:, k]), k].astype(np.float64)
        assert np.array_equal(known, np.round(known))
    price = cells[~np.isnan(cells[:, 2]), 2].astype(np.float64)
    assert np.allclose(price, np.round(price, 2), atol=1e-5)
    assert set(np.unique(cells[:, 3])) == {0, 1}


def test_cells_are_as_frequent_as_in_the_training(fitted, cells):
    _, rows, _, _ = fitted
    assert np.allclose(np.isnan(cells).mean(0), np.isnan(rows).mean(0), atol=0.03)
    assert np.allclose(np.nanmean(cells, 0), np.nanmean(rows, 0), rtol=0.1)
    assert np.allclose(np.nanstd(cells[:, :4], 0), np.nanstd(rows[:, :4], 0), rtol=0.15)
    for k, values in ((1, range(5)), (3, range(2)), (5, range(3))):
        assert all(abs((cells[:, k] == v).mean() - (rows[:, k] == v).mean()) < 0.03 for v in values)


def test_columns_vary_together_as_in_the_training():
    generator = np.random.default_rng(3)
    first = generator.standard_normal(N)
    rows = np.stack([np.exp(first), -first + 0.3 * generator.standard_normal(N), first > 0.5], 1)
    table = fit_table(rows, ["a", "b", "c"], {2: ["no", "yes"]})
    rows = table.as_rows(rows)
    drawn = generator.standard_normal((N, table.width)).astype(np.float32) * 0.2  # means that say nothing
    drawn[:, 2:] = drawn[:, 2:] / 2 + 0.5
    noise = fit_noise(table, rows, np.zeros((N, table.width), np.float32), drawn)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cells = noise.draw(table, torch.from_numpy(drawn)).numpy()

    assert np.allclose(spearmanr(cells).statistic, spearmanr(rows).statistic, atol=0.08)


@pytest.mark.parametrize("rows", [
    np.full((5, 2), 3.0), np.array([[1.0, np.nan], [2.0, np.nan], [3.0, np.nan]]),
    np.array([[1e30, 0], [1, 1], [2, 0]] * 20),
])  # fmt: skip
def test_columns_of_which_little_is_known(rows):
    """Constant ones, empty ones, and one with a cell far from all others."""
    table = fit_table(rows, ["a", "b"])
    rows = table.as_rows(rows)
    means = np.zeros((len(rows), table.width), np.float32)
    cells = fit_noise(table, rows, means, means).draw(table, torch.zeros(50, table.width)).numpy()
    assert np.isin(cells[~np.isnan(cells)], rows[~np.isnan(rows)]).all() or not np.isnan(rows[:, 1]).any()
    assert np.isnan(cells[:, 1]).all() == np.isnan(rows[:, 1]).all()


def test_noise_is_described_and_rebuilt(fitted):
    table, _, noise, drawn = fitted
    again = rebuild(describe(noise))
    again.load_state_dict(noise.state_dict())
    normal = torch.zeros(N, len(noise.factor))
    first, second = (one.draw(table, torch.from_numpy(drawn), normal) for one in (noise, again))
    assert torch.equal(first.nan_to_num(-1), second.nan_to_num(-1))
