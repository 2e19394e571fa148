import pytest
import torch

from aae.model.merging import Concatenate, LinearSum
from aae.system.errors import AAEError
from helpers.close import assert_close, rounding
from helpers.models import same_output, through_json, without_gradient

pytestmark = pytest.mark.numeric

CODES = {"z": torch.randn(4, 2), "y": torch.rand(4, 3)}


def test_concatenation_follows_the_list_of_latents():
    merge = Concatenate({"y": 3, "z": 2})
    assert merge.dim == 5
    assert torch.equal(merge(CODES), torch.cat([CODES["y"], CODES["z"]], 1))
    assert same_output(merge, through_json(merge), lambda m: m(CODES))
    assert repr(merge) == "Concatenate()"


def test_linear_sum_adds_the_style_to_the_weighted_heads():
    merge = LinearSum({"y": 3, "z": 2}, dim=2)
    expected = CODES["y"] @ merge.head_map.weight.T + CODES["z"]
    size = CODES["y"] @ merge.head_map.weight.T.abs() + CODES["z"].abs()  # they lie on either side of the origin
    assert_close(merge(CODES), expected, 4, size)
    assert not without_gradient(merge, merge(CODES))
    assert same_output(merge, through_json(merge), lambda m: m(CODES))
    assert "head_map" in repr(merge)


def test_one_hot_classes_land_on_their_heads():
    merge = LinearSum({"z": 2, "k": 3}, dim=2, heads="k")
    code = merge({"k": torch.eye(3), "z": torch.zeros(3, 2)})
    assert torch.equal(code, merge.head_map.weight.T)  # products by one, sums of one number and zeros


@pytest.mark.parametrize(("count", "dim"), [(2, 2), (10, 2), (30, 2), (30, 10), (10, 1)])
def test_heads_start_apart(count, dim):
    merge = LinearSum({"y": count, "z": dim}, dim=dim, separation=4.0)
    assert torch.pdist(merge.head_map.weight.T).min() > 3.9


def test_the_penalty_of_heads_that_are_too_close_is_their_squared_shortfall():
    merge = LinearSum({"y": 3, "z": 2}, dim=2, separation=4.0)
    heads = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 10.0]])
    with torch.no_grad():
        merge.head_map.weight.copy_(heads.T)
    # One pair is 3 apart, one short of 4; the two other pairs are farther apart than they need to be.
    assert merge.penalty().item() == pytest.approx(1.0, rel=2 * 4 * rounding(5))  # the square of 4 less a distance
    with torch.no_grad():
        merge.head_map.weight[:, 1] *= 2
    assert merge.penalty().item() == 0


def test_minimising_the_penalty_separates_the_heads():
    merge = LinearSum({"y": 3, "z": 2}, dim=2, separation=4.0)
    with torch.no_grad():
        merge.head_map.weight.mul_(0.05)
    optimizer = torch.optim.Adam(merge.parameters(), lr=0.2)
    for _ in range(60):
        optimizer.zero_grad()
        merge.penalty().backward()
        optimizer.step()
    assert torch.pdist(merge.head_map.weight.T).min() > 3.8


@pytest.mark.parametrize(("arguments", "sentence"), [
    ({"dims": {"y": 3, "z": 2}, "dim": 5}, "adds latents of 5 numbers, but 'z' has 2"),
    ({"dims": {"y": 3, "z": 2}, "dim": 2, "heads": "yy"}, "no latent for the cluster heads 'yy'; did you mean 'y'"),
])
def test_lengths_that_cannot_be_added_are_refused(arguments, sentence):
    with pytest.raises(AAEError, match=sentence):
        LinearSum(**arguments)
