import numpy as np
import pytest
import torch

from helpers.close import assert_close, rounding

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("count", [2, 30, 1000])
def test_sums_in_another_order_are_close_and_sums_of_other_numbers_are_not(count):
    numbers = torch.randn(20, count)
    exact, size = numbers.double().sum(1), numbers.abs().sum(1)
    forwards, backwards = torch.zeros(20), torch.zeros(20)
    for column in numbers.T:
        forwards += column
    for column in numbers.flip(1).T:
        backwards += column
    for found in (forwards, backwards, numbers.sum(1)):
        assert_close(found, exact, count, size)
    assert_close(forwards, backwards, count, size)
    with pytest.raises(AssertionError, match="more than rounding apart"):
        assert_close(numbers[:, 1:].sum(1), exact, count, size)


def test_a_product_of_layers_is_close_and_a_wrong_weight_is_seen():
    layers = torch.nn.Sequential(torch.nn.Linear(50, 40), torch.nn.Tanh(), torch.nn.Linear(40, 30))
    x, terms = torch.randn(9, 50), 50 + 3 + 40
    found = layers(x)
    assert_close(found, layers.double()(x.double()), terms)
    with torch.no_grad():
        layers[0].weight[7, 7] += 1e-3
    with pytest.raises(AssertionError, match="more than rounding apart"):
        assert_close(found, layers(x.double()), terms)


@pytest.mark.parametrize("found", [[1.0, np.nan], [1.0, np.inf], [1.0], 1.0])
def test_what_is_no_number_or_has_another_shape_is_not_close(found):
    with pytest.raises(AssertionError):
        assert_close(found, [1.0, 1.0], 10**9)


def test_the_tolerance_is_a_multiple_of_the_distance_between_numbers():
    one = np.float32(1.0)
    assert_close(np.nextafter(one, np.float32(2)), one, 1)
    with pytest.raises(AssertionError):
        assert_close(one + np.float32(3e-7), one, 2)
    assert rounding(1, torch.float64) < 1e-15
