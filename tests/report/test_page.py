import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from aae.evaluation.by_class import ByClass
from aae.evaluation.measures import MEASURES
from aae.report import plots
from aae.report.page import Option, flatten, format_value, write_report
from aae.system.errors import AAEError

EVIL = '<script>alert("x")</script>'
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; tags must close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self._open = [], [], "", []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("style", "title"):
            self.text += data


@pytest.fixture
def figure():
    return plots.latent_map(np.eye(2), np.array([0, 1]), [EVIL, "b"])


@pytest.fixture
def write(tmp_path):
    def call(figures=None, facts=None, results=None, warnings=(), commands=(), title="A run", by_class=None,
             options=()):
        path = write_report(tmp_path / "report.html", title, figures or {}, facts or {}, results or {}, warnings,
                            commands, by_class, options)
        return path.read_text(encoding="utf-8")

    return call


def test_everything_is_escaped_and_nothing_is_loaded(write, figure):
    facts, results = {EVIL: EVIL, "classes": [EVIL, "b"]}, {"test_error": 1.0, "note": EVIL}
    text = write({EVIL: (EVIL, figure)}, facts, results, [EVIL], [f"aae train {EVIL}"], EVIL)
    page = Page(text)
    assert "script" not in page.tags
    assert "&lt;script&gt;" in text
    assert page.text.count(EVIL) == 8  # heading, warning, caption, result, fact's name and value, classes, command
    assert not re.search(r"https?:|//", re.sub(r"base64,[^\"]*", "", text))
    loaded = [value for name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert all(value.startswith("data:") for value in loaded)
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_only_two_warnings_are_unfolded(write):
    few, many = write(warnings=["one", "two"]), write(warnings=["one", "two", "three", "four"])
    assert "<details>" not in few
    box = many.partition('aria-label="Warnings"')[2].partition("</section>")[0]
    assert "<summary>2 more</summary>" in box
    assert box.index("two") < box.index("<details>") < box.index("three")


def test_results_below_the_headlines_have_units(write):
    text = write(results={"sample_accuracy": 71.25, "sample_distance": 0.071, "balanced_accuracy": 90.0, "steps": 3})
    cells = dict(re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', text))
    assert cells["Training steps"] == "3"
    assert cells["Samples distinguished from data"].startswith("71.2 % (accuracy of a random forest")
    assert cells["Samples distinguished from data"].endswith("50 % is best; chance: 50 %)")
    assert cells["Distance of samples from data"] == "0.071 (mean over columns; 0 is best, 1 worst)"
    assert cells["Balanced accuracy"] == "90.0 % (mean of the recall over classes; higher is better)"


def test_pictures_are_inside_with_their_captions(write, figure):
    text = write({"latent": ("Look at the colours.", figure), "again": ("And again.", figure)})
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    assert len(pictures) == 2
    assert all(base64.b64decode(one).startswith(b"\x89PNG") for one in pictures)
    assert re.findall(r"<figcaption>(.*)</figcaption>", text) == ["Look at the colours.", "And again."]
    assert text.count('alt="Look at the colours."') == 1


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_classes_and_mistakes_have_tables(write, figure, classes):
    """The dozen classes found least are shown, the others folded away; the tables are next to the confusion matrix."""
    table = np.diag(np.full(classes, 20))
    table[0, 1] = 5
    found = ByClass([f"{EVIL}{k}" for k in range(classes)], table)
    text = write({"confusion": ("Confused.", figure)}, results=found.entries() | {"test_error": 1.0}, by_class=found)
    assert len(re.findall(r"<tr><td>&lt;", text)) == classes + 1
    assert text.count("<details>") == (classes > 12)
    assert ("88 more classes" in text) == (classes == 100)
    assert re.search(r"0</td><td>25</td><td>80.0.% \(60.9 to 91.1\)</td><td>100.0.% \(83.9 to 100.0\)</td>", text)
    assert re.search(r"0</td><td>&lt;.*?1</td><td>5</td><td>20.0.%</td>", text)
    assert text.count("<h3>Classes</h3>") == 1
    assert "Confusion" not in Page(text).text
    assert write(by_class=found).count("<h3>Classes</h3>") == 1
    assert "<h3>Classes</h3>" not in write({"confusion": ("Confused.", figure)})


def test_known_figures_are_headlines_with_units(write):
    text = write(results={"test_error": 1.284, "test_error_rows": 10_000, "test_error_low": 1.081,
                          "test_error_high": 1.524, "log_likelihood": 340.04, "log_likelihood_se": 2.04,
                          "seconds": 100.2, "device": "cpu", "prior_mismatch": 7.6, "prior_classifier_accuracy": 57.6,
                          "cluster_error": None, "reconstruction_loss": np.nan, "steps": 6000, "labels": 100,
                          "test_rows": 10_000})
    shown = tiles(text)
    assert {label: tile[0] for label, tile in shown.items()} == {
        "Test error": "1.28 %", "Log-likelihood": "340.0 nats", "Prior classifier accuracy": "57.6 %",
        "Training time": "1 min 40 s",
    }
    assert shown["Test error"][1:] == ["lower is better", "fraction of test examples misclassified",
                                       "95 % interval: 1.08 to 1.52 %; 10,000 labelled test examples"]
    assert shown["Log-likelihood"][3] == "standard error: 2.0 nats; 10,000 test examples"
    assert shown["Prior classifier accuracy"][1] == "50 % is best"
    assert shown["Training time"][1:] == ["on cpu"]
    rows = dict(re.findall(r'<th scope="row">(.*)</th><td>(.*)</td>', text))
    assert rows == {"Device": "cpu", "Training steps": "6,000", "Labels": "100", "Test examples": "10,000"}


def tiles(text):
    """What the tiles of a report say, line by line: value, which direction is good, and the rest."""
    found = re.findall(r"<dt>(.*)</dt>\s*((?:<dd .*</dd>\s*)+)", text)
    return {label: [line.replace("\N{NARROW NO-BREAK SPACE}", " ") for line in re.findall(r">(.*)</dd>", lines)]
            for label, lines in found}


def test_every_direction_is_a_line_that_fits_its_tile():
    """A tile has 147 pixels for text at 400 pixels, and more at 1,200; a line is 13 pixels high."""
    assert all(text_width(measure.better) < 140 for measure in MEASURES.values())
    # The values, bold at 20 pixels, do not wrap either.
    assert all(20 / 13 * text_width(value, bold=True) < 147 for value in ("100.00 %", "-123.4 nats", "59 min 59 s"))


def text_width(text, bold=False):
    """Pixels of a text at 13 pixels in DejaVu Sans, wider than the fonts of today's systems."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(family="DejaVu Sans", size=13, weight="bold" if bold else "normal")
    return TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]


def test_numpy_numbers_are_headlines_too(write):
    assert "2.50" in write(results={"test_error": np.float32(2.5)})


def test_empty_parts_vanish(write):
    page = Page(write())
    assert page.text.split() == ["A", "run"]
    assert not {"section", "dl", "figure", "table", "pre"} & set(page.tags)


def test_warnings_settings_and_commands(write):
    text = write(facts={"model": {"latents": [{"name": "z", "dim": 2}], "hidden": [400, 400]}, "ema_decay": None},
                 warnings=["One.", "Two."], commands=["aae train few-labels --out run", "aae report run"])
    assert re.findall(r"<p>(.*)</p>", text) == ["One.", "Two."]
    assert re.findall(r'<th scope="row">(.*)</th><td>(.*)</td>', text) == [
        ("model.latents.1.name", "z"), ("model.latents.1.dim", "2"), ("model.hidden", "400, 400"),
        ("ema_<wbr>decay", "none"),
    ]
    assert "<pre><code>aae train few-labels --out run\naae report run</code></pre>" in text


def test_options_are_folded_away_with_their_meanings(write):
    text = write(options=[Option("z", "6", "length of the style"), Option("lr", "0.001")])
    folded = re.search(r"<details>(.*?)</details>", text, re.DOTALL)[1]
    assert "<details open" not in text
    assert re.findall(r'<th scope="row">(.*)</th>', folded) == ["z", "lr"]
    assert '6<br><span class="note">length of the style</span>' in folded
    assert "details" not in write()


@pytest.mark.parametrize(("value", "expected"), [
    (True, "yes"), (False, "no"), (None, "none"), (47000, "47,000"), (0.1 + 0.2, "0.3"), (1e-4, "0.0001"),
    (np.float32(0.5), "0.5"), (np.int64(1000), "1,000"), ("text", "text"),
])
def test_values_are_formatted(value, expected):
    assert format_value(value) == expected


def test_flatten_keeps_empty_parts():
    assert list(flatten({"terms": [], "changes": {}, "a": (1, 2.5)})) == [
        ("terms", None), ("changes", None), ("a", "1, 2.5")]


def test_a_report_is_whole_or_absent(tmp_path, figure, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(AAEError, match="No space left"):
        write_report(path, "A run", {"a": ("A caption", figure)}, {}, {}, [], [])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder(tmp_path):
    with pytest.raises(AAEError, match="does not exist"):
        write_report(tmp_path / "absent" / "report.html", "A run", {}, {}, {}, [], [])
