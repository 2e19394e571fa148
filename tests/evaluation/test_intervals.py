import numpy as np
import pytest
from scipy.stats import binomtest

from aae.evaluation.intervals import Share, wilson


@pytest.mark.parametrize(("percent", "rows", "low", "high"), [
    (0.0, 9, 0.0, 29.91), (100.0, 9, 70.09, 100.0), (2.5, 200, 1.07, 5.72), (1.28, 10_000, 1.08, 1.52),
    (0.0, 1, 0.0, 79.35),
])
def test_wilson_intervals_are_those_of_the_formula(percent, rows, low, high):
    assert Share(percent, rows).interval == pytest.approx((low, high), abs=0.006)


def test_they_are_those_of_scipy():
    pairs = [(0, 1), (1, 1), (3, 7), (0, 900), (900, 900), (461, 50_000)]
    expected = [binomtest(k, n).proportion_ci(0.95, method="wilson") for k, n in pairs]
    found = wilson(*np.array(pairs).T)
    assert found == pytest.approx(np.array([(100 * low, 100 * high) for low, high in expected]), abs=1e-9)
    assert np.isnan(wilson(np.array([0]), np.array([0]))).all()
    for rows in (*range(1, 40), 360, 1000):  # rounding must not put a share outside its interval
        assert (Share(0.0, rows).interval[0], Share(100.0, rows).interval[1]) == (0.0, 100.0)


@pytest.mark.parametrize("true", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("rows", [30, 200])
def test_intervals_hold_the_true_share_about_as_often_as_they_say(true, rows):
    wrong = np.random.default_rng(0).binomial(rows, true, 300)
    held = [low <= 100 * true <= high for low, high in (Share(100 * k / rows, rows).interval for k in wrong)]
    assert np.mean(held) > 0.9


def test_entries_name_the_share_its_rows_and_its_interval():
    assert Share(50.0, 2).entries("test_error").keys() == {"test_error", "test_error_rows", "test_error_low",
                                                           "test_error_high"}
