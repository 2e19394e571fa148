import enum
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from aae.model.component import component, describe, get_params, rebuild
from aae.model.likelihoods import BernoulliLikelihood
from aae.model.matching import Adversarial
from aae.model.networks import Discriminator
from aae.model.posteriors import Point
from aae.model.priors import MixturePrior
from aae.system.errors import AAEError


class Kept(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value


class Scale(nn.Module):
    """A user's own component; it is not registered."""

    def __init__(self, factor, inner=None):
        super().__init__()
        self.factor, self.inner = factor, inner


class Forgetful(nn.Module):
    def __init__(self, size):
        super().__init__()


def test_get_params_gives_the_constructor_arguments():
    assert get_params(Point(8, 2)) == {"features": 8, "dim": 2}
    assert get_params(BernoulliLikelihood()) == {}


def test_describe_nests_components_and_plain_data():
    spec = describe({"rule": Adversarial(Discriminator(2, (4,)), weight=0.5), "names": ("a", 1, None, True)})
    inner = {"type": "Discriminator", "dim": 2, "hidden": [4], "dropout": 0.0, "classes": 0}
    assert spec == {"rule": {"type": "Adversarial", "discriminator": inner, "weight": 0.5, "conditional": None},
                    "names": ["a", 1, None, True]}


@pytest.mark.parametrize("value", [np.int64(3), np.float32(0.5), np.arange(3), np.eye(2), torch.eye(2)])
def test_numbers_and_arrays_become_plain_json(value):
    assert json.loads(json.dumps(describe(value))) == value.tolist()


def test_a_mixture_given_as_arrays_is_described_like_one_given_as_lists():
    means, covariances = np.zeros((2, 2)), np.stack([np.eye(2)] * 2)
    assert describe(MixturePrior(means, covariances)) == describe(MixturePrior(means.tolist(), covariances.tolist()))


def test_an_argument_that_is_not_kept_is_named():
    with pytest.raises(AAEError, match=r"Forgetful cannot be written .* 'size' .* `self.size = size`"):
        describe(Forgetful(3))


def test_own_classes_are_built_only_if_they_are_passed():
    spec = describe(Scale(2.0, inner=Scale(3.0)))
    with pytest.raises(AAEError, match=r"'Scale'.*components=\[Scale\]"):
        rebuild(spec)
    twin = rebuild(spec, extra=[Scale])
    assert (twin.factor, twin.inner.factor) == (2.0, 3.0)


def test_a_decorated_class_is_known_by_name(monkeypatch):
    monkeypatch.setattr("aae.model.component._REGISTRY", {})
    component(Scale)
    assert rebuild(describe(Scale(2.0))).factor == 2.0


@pytest.mark.parametrize(("spec", "sentence"), [
    ({"type": "os.system"}, "'os.system', which this version"),
    ({"type": ["Point"]}, "which this version"),
    ({"type": "Point", "features": 8, "dmi": 2}, "argument of Point 'dmi'; did you mean 'dim'"),
    ({"type": "Point", "features": 8}, "Point is incomplete: missing .* 'dim'"),
    ([{"a": {"type": "Nothing"}}], "'Nothing'"),
    ({"type": "Point", "features": {"type": "A"}, "dim": [{"type": "B"}, {"type": "A"}]},
     r"names the components 'A', 'B', which .* pass them: components=\[A, B\] .* --components MODULE:A,B"),
])
def test_damaged_specifications_are_refused(spec, sentence):
    with pytest.raises(AAEError, match=sentence):
        rebuild(spec)


class Choice(enum.Enum):
    ONE = 1


@pytest.mark.parametrize(("value", "given"), [
    (nn.ReLU, "the class ReLU"), (torch.relu, "of type builtin_function"), (lambda x: x, "of type function"),
    (Path("a"), "of type .*Path"), (Choice.ONE, "of type Choice"), ({1, 2}, "of type set"),
    (torch.float32, "of type dtype"),
])  # fmt: skip
def test_an_argument_that_no_file_can_hold_is_named(value, given):
    part = Kept(value)
    with pytest.raises(AAEError, match=f"Kept cannot be written to a model file: its argument 'value' is {given}"):
        describe(part)


def test_parts_in_a_dictionary_of_modules_are_described():
    spec = describe(Kept(nn.ModuleDict({"a": Kept(1)})))
    assert spec == {"type": "Kept", "value": {"a": {"type": "Kept", "value": 1}}}
    with pytest.raises(AAEError, match="the key 'type'"):
        describe(Kept({"type": 1}))
