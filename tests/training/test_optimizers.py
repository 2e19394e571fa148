import pytest

from aae.training.optimizers import lr_factor


@pytest.mark.parametrize(("lr_schedule", "expected"), [
    ("constant", {0.0: 1, 0.5: 1, 1.0: 1, 1.5: 1}),
    ("cosine", {0.0: 1, 1 / 3: 0.75, 0.5: 0.5, 2 / 3: 0.25, 1.0: 0, 1.2: 0}),
    # The paper's epochs 50 and 1,000 of 5,000.
    ("steps", {0.0: 1, 49 / 5000: 1, 50 / 5000: 0.1, 999 / 5000: 0.1, 1000 / 5000: 0.01, 1.0: 0.01}),
])
def test_learning_rate_schedules(lr_schedule, expected):
    assert {place: pytest.approx(lr_factor(lr_schedule, place), abs=1e-12) for place in expected} == expected
