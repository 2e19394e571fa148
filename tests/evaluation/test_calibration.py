import numpy as np
import pytest

from aae.evaluation.calibration import RANGE, calibration_error, fit_power, raised


def sample(power, rows, seed=0, classes=4):
    """Probabilities that are right when raised to a power, and classes drawn from these."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.full(classes, 0.5), rows)
    y = (true.cumsum(1) > rng.random((rows, 1))).argmax(1)
    return raised(true, 1 / power), y


@pytest.mark.parametrize("power", [0.4, 1.0, 1.6])
def test_the_power_is_found_and_calibrates(power):
    probabilities, y = sample(power, 20_000)
    found = fit_power(probabilities, y)
    assert found == pytest.approx(power, rel=0.05)
    calibrated = raised(probabilities, found)
    assert calibration_error(calibrated, y) < 1.5  # 15 bins of 20,000 rows
    assert power == 1 or calibration_error(probabilities, y) > 5
    np.testing.assert_array_equal(calibrated.argmax(1), probabilities.argmax(1))


def test_few_labels_hardly_change_the_power():
    few = [fit_power(*(part[:6] for part in sample(0.3, 100, seed))) for seed in range(10)]
    assert 0.3 < np.exp(np.abs(np.log(few))).mean() < 1.7
    assert fit_power(np.ones((0, 3)), np.arange(0)) == 1


def test_certain_mistakes_have_a_finite_cost():
    certain = np.eye(2, dtype=np.float32)[np.zeros(40, int)]
    found = fit_power(certain, np.arange(40) % 2)
    assert RANGE[0] <= found < 0.2
    assert np.isfinite(raised(certain, found)).all()


def test_the_error_is_the_gap_between_confidence_and_accuracy():
    sure = np.array([[0.9, 0.1]] * 10 + [[0.4, 0.6]] * 10)
    y = np.array([0] * 7 + [1] * 3 + [1] * 10)
    assert calibration_error(sure, y) == pytest.approx(100 * (10 * 0.2 + 10 * 0.4) / 20)
    assert calibration_error(np.eye(2)[[0, 1]], np.array([0, 1])) == 0
