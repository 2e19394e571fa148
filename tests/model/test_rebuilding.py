import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import aae
from aae.model.component import component
from aae.model.rebuilding import check_rebuilds
from aae.system.errors import AAEError


class Prior(nn.Module):
    """A prior whose argument is made into an attribute by a function."""

    def __init__(self, std=0.5):
        super().__init__()
        self.dim, self.std = 2, std

    def forward(self, n, labels=None):
        return Independent(Normal(torch.zeros(n, 2), self.std), 1)


class Doubled(Prior):
    def __init__(self, std=0.5):
        super().__init__(2 * std)


class Centre(nn.Module):
    """A prior around a point, which may be an array."""

    def __init__(self, centre):
        super().__init__()
        self.dim, self.centre = 2, centre

    def forward(self, n, labels=None):
        return Independent(Normal(torch.tensor(self.centre.tolist()).float().expand(n, 2), 1.0), 1)


class AnyCentre(Centre):
    def forward(self, n, labels=None):
        return Independent(Normal(torch.as_tensor(self.centre).float().expand(n, 2), 1.0), 1)


class Trunk(nn.Module):
    def __init__(self, shape, features=4):
        super().__init__()
        self.shape, self.features = tuple(shape), features
        self.layer = nn.Linear(shape[0], features)

    def forward(self, x):
        return self.layer(x)


class Grown(Trunk):
    """A trunk whose weights depend on something that is no argument."""

    width = 4

    def __init__(self, shape, features=4):
        super().__init__(shape, features)
        self.layer = nn.Sequential(nn.Linear(shape[0], self.width), nn.Linear(self.width, features))


class Given(Trunk):
    def __init__(self, shape, layer):
        super().__init__(shape, 4)
        self.layer = layer


class Checked(Trunk):
    """A trunk that looks at values, which can only be done where there is memory for them."""

    def __init__(self, shape, features=4):
        super().__init__(shape, features)
        if not self.layer.weight.isfinite().all():
            raise ValueError("infinite")


class Sized(Trunk):
    def __init__(self, shape, features="4"):
        super().__init__(shape, int(features) + 1 if isinstance(features, str) else features.bit_count())


class Stateful(nn.Module):
    """A discriminator that can be made only once."""

    made = False

    def __init__(self, dim):
        super().__init__()
        if Stateful.made:
            raise KeyError("weights.pt")
        Stateful.made = True
        self.dim = dim
        self.layer = nn.Linear(dim, 1)

    def forward(self, codes, labels=None):
        return self.layer(codes)[:, 0]


Named = type("GaussianPrior", (Prior,), {"__module__": __name__})


def model_of(prior=None, trunk=None, rule=None):
    z = aae.Latent("z", aae.Point(4, 2), prior or Prior(), rule or aae.MMD())
    return aae.Autoencoder([z], trunk or Trunk((3,)), aae.MLPDecoder(2, (3,), (4,)), aae.GaussianLikelihood())


def grown():
    trunk = Grown((3,))
    Grown.width = 5
    return trunk


REFUSED = {
    "value": (lambda: {"prior": Doubled()}, "Doubled keeps std as 1.0, from which a model file builds it again with 2.0"
                                            "; keep it as it was given, as self.std = std, and what is computed from"),
    "tensor": (lambda: {"prior": Centre(torch.ones(2))}, "A model file holds centre of Centre as a list, and with that,"
                                                         " Centre fails when it is given n = 8: 'list' object has no"),
    "array": (lambda: {"prior": Centre(np.ones(2))}, "A model file holds centre of Centre as a list"),
    "weights": (lambda: {"trunk": grown()}, "Grown has other weights when a model file builds it again from its "
                                            "arguments: layer.0.bias has shape (4,) here and has shape (5,) there;"),
    "module": (lambda: {"trunk": Given((3,), nn.Linear(3, 4))},
               "Given cannot be written to a model file: its argument 'layer' is Linear, a module of torch; build it "
               "inside Given, from plain numbers."),
    "name": (lambda: {"prior": Named()}, "Your class GaussianPrior has the name of a class of aae, and a model file has"
                                         " only the name; give yours another."),
    "once": (lambda: {"rule": aae.Adversarial(Stateful(2))},
             "Stateful cannot be built again from its arguments, as a model file does: 'weights.pt'; keep each"),
    "another type": (lambda: {"trunk": Sized((3,), "3")}, "Sized keeps features as 4, from which a model file builds it"
                                                          " again with 1"),
}


@pytest.fixture(autouse=True)
def _as_written(monkeypatch):
    monkeypatch.setattr(Grown, "width", 4)
    monkeypatch.setattr(Stateful, "made", False)


@pytest.mark.parametrize("case", REFUSED)
def test_a_part_that_would_be_another_when_loaded_is_refused_before_a_training_that_saves_it(case, tmp_path):
    parts, sentence = REFUSED[case]
    model = model_of(**parts())
    x = np.random.default_rng(0).random((20, 3), dtype=np.float32)
    data = aae.Dataset("rows", x, np.full(20, -1), x[:5], np.full(5, -1), [])
    options = {"labels": 0, "progress": False, "device": "cpu"}
    for work in (lambda: aae.train(model, data, aae.Settings(steps=1), out=tmp_path / "run", **options),
                 lambda: aae.save_model(model, tmp_path / "model")):  # fmt: skip
        with pytest.raises(AAEError, match="^" + re.escape(sentence)):
            work()
    assert not list(tmp_path.iterdir())
    assert aae.train(model, data, aae.Settings(steps=1), **options).step == 1  # in memory it may be whatever it is


@pytest.mark.parametrize("parts", [
    {}, {"prior": AnyCentre(torch.ones(2))}, {"prior": AnyCentre(np.ones(2))}, {"trunk": Checked((3,))},
])
def test_a_part_that_is_the_same_is_saved_and_loaded(parts, tmp_path):
    model, state = model_of(**parts), torch.get_rng_state()
    check_rebuilds(model)
    assert torch.equal(torch.get_rng_state(), state)
    again = aae.load(aae.save_model(model, tmp_path), components=[Prior, AnyCentre, Trunk, Checked])
    x = torch.rand(4, 3)
    assert torch.equal(again.encode(x)["z"], model.eval().encode(x)["z"])


def test_weights_are_made_without_memory_where_that_is_possible():
    made = []

    class Large(Trunk):
        def __init__(self, shape, features=4):
            super().__init__(shape, features)
            made.append(self.layer.weight.device.type)

    check_rebuilds(model_of(trunk=Large((3,))))
    assert made == ["cpu", "meta"]


def test_a_component_of_ones_own_cannot_take_the_name_of_one_of_the_package():
    with pytest.raises(AAEError, match=r"^Your class GaussianPrior has the name of a class of aae"):
        component(Named)
    assert type(aae.model.component.rebuild({"type": "GaussianPrior", "dim": 2})) is aae.GaussianPrior
