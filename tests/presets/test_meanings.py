from dataclasses import asdict, fields
from pathlib import Path

import pytest

from aae.presets.meanings import describe_preset, describe_recipe, meaning_of, options_page, written
from aae.presets.options import Options, words_of
from aae.presets.presets import PRESETS, resolve

NAMES = [field.name for field in fields(Options)]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_meaning(name):
    text = meaning_of(name)
    assert 5 < len(text) < 150
    assert "\n" not in text
    assert not text.endswith(".")
    assert all(word in text for word in words_of(name) if word not in ("off", "equal", "constant"))


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_means_the_same_again(preset):
    for columns in (None, 10, 100, 1000):
        options = resolve(preset, columns=columns)
        texts = {name: written(name, value) for name, value in asdict(options).items()}
        assert " " not in "".join(texts.values())  # a shell takes each as one word
        assert all("None" not in text and "null" not in text for text in texts.values())


@pytest.mark.parametrize(("name", "value", "text"), [
    ("reconstruction", 0.0, "mean"), ("reconstruction", None, "auto"), ("reconstruction", 0.01, "0.01"),
    ("hidden", (3, 4), "[3,4]"), ("batch_norm", False, "false"), ("prior", "ring", "ring"), ("z", 0, "off"),
    ("restarts", 1, "1"), ("class_prior", (0.5, 0.5), "[0.5,0.5]"),
])
def test_odd_values_have_names(name, value, text):
    assert written(name, value) == text


def test_sections_of_the_paper():
    assert meaning_of("separation").endswith("(§7)")
    assert "observed (§4), supervised (§5), clusters (§6)" in meaning_of("y")


def test_the_page_of_options_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "options.md"
    assert page.read_text(encoding="utf-8") == options_page(), "run `python benchmarks/options.py`"


def test_only_what_a_recipe_sets_is_listed():
    assert len(describe_recipe("aae", "tutorial")) < len(describe_preset("aae")) / 2
