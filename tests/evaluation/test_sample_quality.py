import numpy as np
import pytest

from aae.evaluation.sample_quality import column_distance, forest_accuracy, gaussian_copula
from aae.model.table_fit import fit_table


@pytest.mark.parametrize(("rows", "samples", "category", "distance"), [
    ([0, 0, 1, 1], [0, 0, 1, 1], True, 0.0), ([0, 0, 1, 1], [0, 0, 0, 1], True, 0.25), ([0, 0], [1, 1], True, 1.0),
    ([0, np.nan], [0, 0], True, 0.5), ([-1, 0], [0, 0], True, 0.5),
    ([1, 2, 3, 4], [1, 2, 3, 4], False, 0.0), ([1, 2], [3, 4], False, 1.0), ([1, 2, 3, 4], [1, 2, 3, 9], False, 0.25),
    ([1, 2, np.nan, np.nan], [1, 2, 1, 2], False, 0.5), ([np.nan, np.nan], [1, 2], False, 1.0),
])  # fmt: skip
def test_the_distance_of_a_column(rows, samples, category, distance):
    assert column_distance(np.array(rows, float), np.array(samples, float), category) == pytest.approx(distance)


def test_a_forest_tells_rows_apart_that_differ_and_no_others():
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((150, 3))
    assert forest_accuracy(rows, generator.standard_normal((150, 3))) == pytest.approx(50, abs=9)
    assert forest_accuracy(rows, generator.standard_normal((150, 3)) / 10) > 90
    empty = generator.standard_normal((150, 3))
    empty[:, 1] = np.nan
    assert forest_accuracy(rows, empty) == 100


def test_a_gaussian_copula_has_the_distributions_and_correlations_of_the_rows():
    import torch

    generator = np.random.default_rng(0)
    first = generator.standard_normal(2000)
    rows = np.stack([np.exp(first), first + 0.5 * generator.standard_normal(2000)], 1)
    table = fit_table(rows, ["a", "b"])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = gaussian_copula(table, rows).draw(table, torch.zeros(2000, table.width)).numpy()
    assert max(column_distance(rows[:, k], drawn[:, k], False) for k in (0, 1)) < 0.05
    assert forest_accuracy(rows[:300], drawn[:300]) < 58
