import math
import re

import numpy as np
import pytest

from aae.system.errors import AAEError, check_counts, check_number, kind_of, unknown


def test_an_unknown_name_suggests_the_most_similar_one():
    text = str(unknown("preset", "semisupervised", ["vae", "semi-supervised", "aae"]))
    assert "'semisupervised'; did you mean 'semi-supervised'?" in text
    assert text.endswith("Known: aae, semi-supervised, vae.")


def test_nothing_is_suggested_for_a_name_unlike_all_others():
    assert str(unknown("preset", "qqqq", ["vae", "aae"])) == "There is no preset 'qqqq'. Known: aae, vae."


def test_it_can_be_caught_as_a_value_error():
    with pytest.raises(ValueError, match="no such"):
        raise AAEError("no such thing")


@pytest.mark.parametrize("name", [None, 3, ["vae"]])
def test_what_is_no_name_is_unknown_too(name):
    assert str(unknown("preset", name, ["vae", "aae"])) == f"There is no preset {name!r}. Known: aae, vae."


@pytest.mark.parametrize(("value", "limits", "wanted"), [
    (-1, {}, "a number of at least 0, not -1."),
    (math.nan, {}, "a number of at least 0, not nan."),
    (math.inf, {}, "a number of at least 0, not inf."),
    ("1", {}, "a number of at least 0, not '1'."),
    (None, {}, "a number of at least 0, not None."),
    (True, {}, "a number of at least 0, not True."),
    ([1], {}, "a number of at least 0, not [1]."),
    (0, {"above": True}, "a number above zero, not 0."),
    (2, {"least": 2, "above": True}, "a number above 2, not 2."),
    (1, {"below": 1}, "a number from 0 to below 1, not 1."),
    (2.0, {"whole": True}, "a whole number of at least 0, not 2.0."),
    (0, {"least": 1, "whole": True}, "a whole number of at least 1, not 0."),
])
def test_what_is_no_number_of_a_range_is_refused(value, limits, wanted):
    with pytest.raises(AAEError, match=f"^{re.escape(f'x must be {wanted}')}$"):
        check_number("x", value, **limits)


@pytest.mark.parametrize(("value", "limits"), [
    (0, {}), (1e300, {}), (np.float32(0.5), {"below": 1}), (np.int64(3), {"whole": True}), (0.1, {"above": True}),
    (3, {"least": 3, "whole": True}),
])
def test_numbers_of_a_range_are_accepted(value, limits):
    check_number("x", value, **limits)


def test_counts_name_their_owner():
    check_counts("Restarts", count=1)
    with pytest.raises(AAEError, match=r"^Restarts: count must be a whole number of at least 1, not 0\.$"):
        check_counts("Restarts", count=0)


def test_a_class_is_called_one():
    assert (kind_of({}), kind_of(dict)) == ("dict", "the class dict")
