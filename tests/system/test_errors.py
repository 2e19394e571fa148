import pytest

from aae.system.errors import AAEError, unknown


def test_an_unknown_name_is_answered_with_the_nearest_known_one():
    text = str(unknown("preset", "semisupervised", ["vae", "semi-supervised", "aae"]))
    assert "'semisupervised'; did you mean 'semi-supervised'?" in text
    assert text.endswith("Known: aae, semi-supervised, vae.")


def test_nothing_is_guessed_for_a_name_like_no_other():
    assert str(unknown("preset", "qqqq", ["vae", "aae"])) == "There is no preset 'qqqq'. Known: aae, vae."


def test_it_can_be_caught_as_a_value_error():
    with pytest.raises(ValueError, match="no such"):
        raise AAEError("no such thing")
