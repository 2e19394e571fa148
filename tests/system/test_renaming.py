import dataclasses
import inspect
import warnings

import pytest

from aae.model.component import describe, rebuild
from aae.model.latent import condition_of
from aae.model.matching import Adversarial
from aae.model.networks import Discriminator
from aae.system.errors import AAEError
from aae.training.settings import Settings

RATES = {"reconstruction": 0.1, "adversarial": 0.2, "classification": 0.3}


@pytest.mark.parametrize(("old", "new", "value"), [
    ("momentum", "beta1", RATES), ("decay", "lr_schedule", "steps"), ("ema", "ema_decay", 0.5),
])
def test_old_names_of_settings(old, new, value):
    with pytest.warns(FutureWarning, match=f"argument {old} of Settings is now called {new}") as said:
        settings = Settings(steps=1, **{old: value})
    assert said[0].filename == __file__
    assert getattr(settings, new) == value
    with pytest.warns(FutureWarning, match=f"Settings.{old} is now called Settings.{new}"):
        assert getattr(settings, old) == value
    with pytest.raises(AAEError, match=f"given {new} twice, once by its old name {old}"):
        Settings(steps=1, **{old: value, new: value})


def test_old_names_are_no_fields_and_no_parameters():
    names = {field.name for field in dataclasses.fields(Settings)}
    assert names == set(inspect.signature(Settings).parameters)
    assert not names & {"momentum", "decay", "ema"}
    assert dataclasses.replace(Settings(steps=1), ema_decay=0.5).ema_decay == 0.5


def test_the_old_name_of_a_condition_in_python_and_in_a_model_file():
    with pytest.warns(FutureWarning, match="argument given of Adversarial is now called conditional"):
        rule = Adversarial(Discriminator(2, (4,), classes=3), given="y")
    assert condition_of(rule) == "y"
    spec = describe(rule)
    assert spec["conditional"] == "y"
    spec["given"] = spec.pop("conditional")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the user need not know of old names in a file
        assert rebuild(spec).conditional == "y"
    with pytest.raises(AAEError, match="no argument of Adversarial 'given'"):
        rebuild(spec | {"conditional": "y"})


def test_a_rule_of_ones_own_that_has_the_old_name_is_still_conditional():
    class Rule:
        given = "y"

    assert (condition_of(Rule()), condition_of(object())) == ("y", None)
