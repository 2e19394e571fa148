"""Characters that matplotlib's font lacks come from an installed font; without one, a warning says what to do."""

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import rc_context
from matplotlib.font_manager import fontManager

from aae.report import plots
from aae.report.plots import fonts
from aae.report.plots.drawing import png
from aae.report.plots.names import class_names, drawable, numbered_classes
from helpers.figures import draw, legend

pytestmark = pytest.mark.usefixtures("no_other_fonts")
NAMES = ["猫", "dog", "狗"]


def family(text):
    return fonts.font_style(text)["fontfamily"]


def write_font(path, family, characters):
    """A font in which each of these characters is a black square."""
    pen = TTGlyphPen(None)
    for point in ((0, 0), (0, 1000), (1000, 1000), (1000, 0)):
        (pen.lineTo if point != (0, 0) else pen.moveTo)(point)
    pen.closePath()
    glyphs = [".notdef", *(f"c{ord(c)}" for c in characters)]
    font = FontBuilder(1000)
    font.setupGlyphOrder(glyphs)
    font.setupCharacterMap({ord(c): f"c{ord(c)}" for c in characters})
    font.setupGlyf(dict.fromkeys(glyphs, pen.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    font.setupHorizontalHeader(ascent=1000, descent=-200)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(path)
    fontManager.addfont(path)


@pytest.fixture
def installed(tmp_path):
    write_font(tmp_path / "sim.ttf", "SimHei", "猫狗")


def test_an_installed_font_draws_what_is_missing(installed):
    assert class_names(NAMES, 3) == NAMES
    assert numbered_classes(NAMES) == {}
    assert drawable("猫, ha, 한") == "猫, ha, \ufffd"
    assert family("dog") == ["sans-serif"]
    assert family("dog 猫") == ["sans-serif", "SimHei"]


def test_pictures_show_such_names(installed, caplog):
    """Warnings are errors here, and matplotlib warns of each missing character; it logs a weight that a font lacks."""
    labels = np.arange(90) % 3
    codes = np.random.default_rng(0).normal(size=(90, 2)) + 10 * labels[:, None]  # apart: names in bold
    map_, table, bars, photos = (
        plots.latent_map(codes, labels, NAMES),
        plots.confusion(labels, labels, NAMES),
        plots.training_time([("猫", 3.0)]),
        plots.photo_rows([np.zeros((2, 8, 8, 3), np.uint8)], ["狗"], "猫"),
    )
    for figure in (map_, table, bars, photos):
        draw(figure)
    assert not caplog.records
    assert legend(map_) == NAMES
    assert [text.get_text() for text in table.axes[0].get_xticklabels()] == NAMES
    assert len(png(map_)) > 1000


def test_the_first_in_the_list_comes_first(tmp_path):
    write_font(tmp_path / "b.ttf", "Malgun Gothic", "한")
    write_font(tmp_path / "a.ttf", "SimHei", "猫")
    assert family("猫한") == ["sans-serif", "SimHei", "Malgun Gothic"]
    assert fonts.lacking("猫한 ok") == set()


def test_a_font_of_ones_own_is_respected(tmp_path):
    write_font(tmp_path / "own.ttf", "My Font", "猫")
    with rc_context({"font.family": ["sans-serif", "My Font"]}):
        assert class_names(["猫"], 1) == ["猫"]
        assert family("猫") == ["sans-serif", "My Font"]


def test_without_one_a_warning_is_given_once(capsys):
    assert [class_names(NAMES, 3), class_names(NAMES, 3)] == [["class 0", "dog", "class 2"]] * 2
    said = capsys.readouterr().err
    assert said.startswith("Warning: plots cannot show Chinese")
    assert "fonts-noto-cjk" in said
    assert said.count("Warning") == 1


def test_other_characters_give_no_warning(capsys, installed):
    assert class_names(["🐕", "हाथी", "dog"], 3) == ["class 0", "class 1", "dog"]
    assert class_names(["한"], 1) == ["class 0"]
    assert not capsys.readouterr().err
