import pytest
import torch

import aae
from aae.model.artifact import pack, unpack
from aae.system.budget import Budget
from aae.system.errors import AAEError


def test_repeated_computation_does_not_use_up_the_budget():
    with Budget(2**21):
        x = torch.ones(300, 300)
        for _ in range(50):
            x = (x[:, None] - x[:1, :1]).sum(1).clamp_min(1.0)
    assert x.shape == (300, 300)


@pytest.mark.parametrize("work", [
    lambda x: x[:, None] - x,  # pointwise
    lambda x: x.repeat(10**6),
    lambda x: torch.outer(x, x),
    lambda x: x.new_zeros(10**9),
])  # fmt: skip
def test_a_result_much_larger_than_its_inputs_is_refused(work):
    with Budget(2**20):
        x = torch.ones(5000)
        with pytest.raises(AAEError, match="bytes of memory, which is more than its files can fill"):
            work(x)


def test_an_embedding_of_many_classes_is_loaded():
    """Its constructor spreads the heads apart in hundreds of rounds."""
    count = 150
    merge = aae.LinearSum({"y": count, "z": 2}, 2)
    y = aae.Latent("y", aae.Category(8, count), aae.CategoricalPrior(count), label="supervised")
    z = aae.Latent("z", aae.Point(8, 2), aae.GaussianPrior(2))
    model = aae.Autoencoder([y, z], aae.MLPTrunk((4,), hidden=(8,)), aae.MLPDecoder(2, (4,), hidden=(8,)), merge=merge)
    found = unpack(*pack(model))
    assert torch.equal(found.merge.head_map.weight, merge.head_map.weight)
