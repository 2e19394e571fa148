import pytest

from aae.training.average import average_weight


def test_the_weight_of_the_newest_step_in_the_average():
    assert [average_weight(0.99, step) for step in (0, 9, 891, 10_000)] == pytest.approx([1.0, 0.5, 0.01, 0.01])
    assert average_weight(0.0, 500) == 1.0
