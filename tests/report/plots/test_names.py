"""Names of classes in pictures: drawn or numbered, and never two that look the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aae.report import plots
from aae.report.plots.names import class_names, drawable, numbered_classes, shorten
from helpers.figures import IMAGE, draw, legend
from helpers.models import FAMILIES

pytestmark = pytest.mark.usefixtures("no_other_fonts")
FOREIGN = ["猫", "cat", "🐕 dog", "हाथी", "Ärger ≤ 3", "Кот"]  # the font lacks Chinese, emoji and Devanagari


def test_class_names_are_filled_up_and_cut():
    assert class_names(["a", 7], 4) == ["a", "7", "2", "3"]
    assert class_names(None, 0) == []
    assert class_names(["x" * 30], 1) == ["x" * 23 + "…"]


def test_names_that_the_font_lacks_are_numbered():
    assert class_names(FOREIGN, 6) == ["class 0", "cat", "class 2", "class 3", "Ärger ≤ 3", "Кот"]
    assert numbered_classes(FOREIGN) == {"class 0": "猫", "class 2": "🐕 dog", "class 3": "हाथी"}
    assert numbered_classes(["a", 1]) == numbered_classes(None) == {}
    assert class_names(["a\udcff", "b\x1b[2J", "two\nlines"], 3) == ["a\ufffd", "b\ufffd[2J", "two lines"]


def test_other_texts_keep_what_can_be_drawn():
    assert drawable("a 猫\nb 🐕") == "a \ufffd\nb \ufffd"


@pytest.mark.parametrize(("names", "expected"), [
    (["a long name, first", "a long name, second"], ["a lon…first", "a lon…econd"]),
    (["the same start, X, the same end", "the same start, Y, the same end"], ["the s…e (0)", "the s…e (1)"]),
    ([1, "1", "2"], ["1 (0)", "1 (1)", "2"]),
    (["a b", "a  b"], ["a b (0)", "a b (1)"]),
    (["class 1", "猫"], ["class 1 (0)", "class 1 (1)"]),
    (["a", "a", "a (1)"], ["a (0) (0)", "a (1) (1)", "a (1) (2)"]),
])
def test_names_that_would_look_the_same_are_made_different(names, expected):
    found = class_names(names, len(names), length=12)
    assert found == expected


@given(st.lists(st.text("ab (0)1…", max_size=20), max_size=30), st.integers(12, 40))
@settings(max_examples=200, deadline=None)
def test_all_names_are_short_and_different(names, length):
    found = shorten(names, length)
    assert len(found) == len(names)
    assert len(set(found)) == len(found)
    assert all(len(name) <= length for name in found)


def test_pictures_with_such_names_are_drawn_without_a_warning():
    """Warnings are errors here."""
    labels = np.arange(60) % 6
    codes = np.random.default_rng(0).normal(size=(60, 2))
    figures = [
        plots.latent_map(codes, labels, FOREIGN),
        plots.feature_map(codes, labels, FOREIGN),
        plots.confusion(labels, np.roll(labels, 1), FOREIGN),
        plots.mistakes(np.zeros((60, 4, 4)), labels, np.eye(6)[np.roll(labels, 1)], FOREIGN),
        plots.styles(FAMILIES["supervised"](shape=IMAGE, classes=FOREIGN[:3]).eval(), rows=2),
        plots.samples(np.zeros((2, 4, 4)), title="文件夹"),
        plots.training_time([("在这里", 3.0)]),
    ]
    for figure in figures:
        draw(figure)
    assert legend(figures[0]) == class_names(FOREIGN, 6)
