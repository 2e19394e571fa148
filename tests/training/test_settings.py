import dataclasses
import math

import pytest

from aae.system.errors import AAEError, UsageError
from aae.training.settings import Settings


def test_lengths():
    for length in ({"epochs": 0.5}, {"steps": 3}, {"max_seconds": 1.5}):
        settings = Settings(**length)
        assert [getattr(settings, name) for name in ("epochs", "steps", "max_seconds")].count(None) == 2


@pytest.mark.parametrize(("given", "sentence"), [
    ({}, "needs a length; give epochs, steps or max_seconds"),
    ({"epochs": 1, "steps": 1}, "Both epochs and steps were given"),
    ({"epochs": 1, "steps": 1, "max_seconds": 1}, "Both epochs and steps were given"),
    ({"steps": 0}, "steps must be a number above zero, not 0"),
    ({"epochs": -1}, "epochs must be a number above zero, not -1"),
    ({"epochs": math.inf}, "epochs must be a number above zero, not inf"),
    ({"max_seconds": math.nan}, "max_seconds must be a number above zero, not nan"),
    ({"steps": 1, "batch_size": 0}, "batch_size must be a number above zero"),
    ({"steps": 1, "labelled_batch_size": -2}, "labelled_batch_size must be a number above zero"),
    ({"steps": 1, "learning_rate": {"reconstruction": 1e-3}}, "each of reconstruction, adversarial, classification"),
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
