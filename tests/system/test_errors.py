import pytest

from aae.system.errors import AAEError, unknown


def test_an_unknown_name_suggests_the_most_similar_one():
    text = str(unknown("preset", "semisupervised", ["vae", "semi-supervised", "aae"]))
    assert "'semisupervised'; did you mean 'semi-supervised'?" in text
    assert text.endswith("Known: aae, semi-supervised, vae.")


def test_nothing_is_suggested_for_a_name_unlike_all_others():
    assert str(unknown("preset", "qqqq", ["vae", "aae"])) == "There is no preset 'qqqq'. Known: aae, vae."


def test_it_can_be_caught_as_a_value_error():
    with pytest.raises(ValueError, match="no such"):
        raise AAEError("no such thing")
