import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from torch import nn

import aae
from aae.system.errors import AAEError, UsageError
from aae.training.settings import Settings

RATES = dict.fromkeys(("reconstruction", "adversarial", "classification"), 0.5)


def test_numbers_of_numpy_are_numbers():
    settings = Settings(steps=np.int64(3), batch_size=np.int32(5), learning_rate=RATES | {"adversarial": np.float32(1)},
                        class_weights=np.array([1.0, 2.0]), ema_decay=np.float32(0.5))  # fmt: skip
    assert settings.steps == 3
    assert Settings(steps=1e4).steps == 10000


def test_lengths():
    for length in ({"epochs": 0.5}, {"steps": 3}, {"max_seconds": 1.5}):
        settings = Settings(**length)
        assert [getattr(settings, name) for name in ("epochs", "steps", "max_seconds")].count(None) == 2


@pytest.mark.parametrize(("given", "sentence"), [
    ({}, "needs a length; give epochs, steps or max_seconds"),
    ({"epochs": 1, "steps": 1}, "Both epochs and steps were given"),
    ({"epochs": 1, "steps": 1, "max_seconds": 1}, "Both epochs and steps were given"),
    ({"steps": 0}, "steps must be a whole number above zero, not 0"),
    ({"epochs": -1}, "epochs must be a number above zero, not -1"),
    ({"epochs": math.inf}, "epochs must be a number above zero, not inf"),
    ({"max_seconds": math.nan}, "max_seconds must be a number above zero, not nan"),
    ({"steps": 1, "batch_size": 0}, "^batch_size must be a whole number of at least 1, not 0"),
    ({"steps": 1, "batch_size": "5"}, "^batch_size must be a whole number of at least 1, not '5'"),
    ({"steps": 1, "batch_size": 2.5}, "^batch_size must be a whole number of at least 1, not 2.5"),
    ({"steps": 1, "labelled_batch_size": -2}, "labelled_batch_size must be a whole number of at least 1, not -2"),
    ({"steps": "5"}, "steps must be a whole number above zero, not '5'"),
    ({"steps": 2.5}, "steps must be a whole number above zero, not 2.5"),
    ({"steps": True}, "steps must be a whole number above zero, not True"),
    ({"epochs": "5"}, "epochs must be a number above zero, not '5'"),
    ({"steps": 1, "learning_rate": {"reconstruction": 1e-3}},
     "learning_rate needs a number for each of three phases, as in {'reconstruction': 0.001, 'adversarial': 0.001, "),
    ({"steps": 1, "learning_rate": 0.1}, "learning_rate needs a number for each of .*, not 0.1"),
    ({"steps": 1, "learning_rate": RATES | {"adversarial": "a"}}, r"learning_rate\['adversarial'\] must be .* 'a'"),
    ({"steps": 1, "learning_rate": RATES | {"adversarial": -1}}, "must be a number of at least 0, not -1"),
    ({"steps": 1, "beta1": 0.9}, "beta1 needs a number for each of three phases"),
    ({"steps": 1, "beta1": RATES | {"adversarial": 1}}, r"beta1\['adversarial'\] must be a number from 0 to below 1"),
    ({"steps": 1, "reconstruction_weight": "a"}, "reconstruction_weight must be a number of at least 0, not 'a'"),
    ({"steps": 1, "classification_weight": math.nan}, "classification_weight must be a number of at least 0, not nan"),
    ({"steps": 1, "class_weights": 3}, "class_weights is a list with a number for each class, not 3"),
    ({"steps": 1, "class_weights": [1, "a"]}, "A class weight must be a number of at least 0, not 'a'"),
    ({"steps": 1, "ema_decay": 2}, "ema_decay must be a number from 0 to below 1, not 2"),
    ({"steps": 1, "ema_decay": 1}, "ema_decay must be a number from 0 to below 1, not 1"),
    ({"steps": 1, "ema_decay": "a"}, "ema_decay must be a number from 0 to below 1, not 'a'"),
    ({"steps": 1, "optimizer": None}, "no optimizer None. Known: adam, sgd"),
])
def test_invalid_settings_are_refused(given, sentence):
    with pytest.raises(AAEError, match=sentence):
        Settings(**given)


@pytest.mark.parametrize(("name", "value", "near"), [
    ("optimizer", "adm", "adam"), ("lr_schedule", "cosin", "cosine"), ("schedule", "joined", "joint"),
])
def test_an_unknown_name_is_a_usage_error_with_the_nearest_one(name, value, near):
    with pytest.raises(UsageError, match=f"no {name} {value!r}; did you mean {near!r}"):
        Settings(steps=1, **{name: value})


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings(steps=1).steps = 2


class Total(nn.Module):
    def forward(self, model, teacher, batch, scale=1.0):
        return torch.zeros(()), {}


@pytest.mark.parametrize(("given", "sentence"), [
    ({"terms": [aae.Affine()]}, "Affine is no term: its forward takes (x), but it is called with (model, teacher, batch"
                                "); if it changes rows, use Consistency(Affine(...))."),
    ({"terms": [aae.TangentAugmentation()]}, "TangentAugmentation is no term by itself; use Consistency(TangentAug"),
    ({"terms": [aae.NeighbourTargets()]}, "terms holds objects such as Consistency(change), not NeighbourTargets; list "
                                          "it as extras=[NeighbourTargets(...)]."),
    ({"extras": [Total()]}, "extras holds objects such as Restarts(3), not Total; list it as terms=[...]."),
    ({"terms": [3]}, "terms holds objects such as Consistency(change), not int."),
])
def test_parts_in_the_wrong_list_are_sent_to_the_right_one(given, sentence):
    with pytest.raises(AAEError, match="^" + re.escape(sentence)):
        Settings(steps=1, **given)
    assert len(Settings(steps=1, terms=[Total(), aae.Consistency(aae.Affine())]).terms) == 2
