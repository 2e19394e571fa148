import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from aae.evaluation.by_class import ByClass
from aae.report import plots
from aae.report.page import flatten, format_value, write_report
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
    def call(figures=None, facts=None, results=None, warnings=(), commands=(), title="A run", by_class=None):
        path = write_report(tmp_path / "report.html", title, figures or {}, facts or {}, results or {}, warnings,
                            commands, by_class)
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
    assert re.search(r"0</td><td>25</td><td>80.0.%</td><td>100.0.%</td>", text)
    assert re.search(r"0</td><td>&lt;.*?1</td><td>5</td><td>20.0.%</td>", text)
    assert text.count("<h3>Classes</h3>") == 1
    assert "Confusion" not in Page(text).text
    assert write(by_class=found).count("<h3>Classes</h3>") == 1
    assert "<h3>Classes</h3>" not in write({"confusion": ("Confused.", figure)})


def test_known_figures_are_headlines_with_units(write):
    text = write(results={"test_error": 1.284, "log_likelihood": 340.04, "log_likelihood_se": 2.04, "seconds": 100.2,
                          "device": "cpu", "prior_mismatch": 3.0, "cluster_error": None, "reconstruction_loss": np.nan,
                          "steps": 6000, "labels": 100})
    shown = dict(re.findall(r'<dt>(.*)</dt>\s*<dd class="value">(.*)</dd>', text))
    assert {label: value.replace("\N{NARROW NO-BREAK SPACE}", " ") for label, value in shown.items()} == {
        "Test error": "1.28 %", "Log-likelihood": "340.0 ± 2.0 nats", "Prior mismatch": "3.0 points",
        "Training time": "1 min 40 s",
    }
    rows = dict(re.findall(r'<th scope="row">(.*)</th><td>(.*)</td>', text))
    assert rows == {"Device": "cpu", "Training steps": "6,000", "Labels": "100"}
    assert "on cpu" in text


def test_numpy_numbers_are_headlines_too(write):
    assert "2.50" in write(results={"test_error": np.float32(2.5)})


def test_empty_parts_vanish(write):
    page = Page(write())
    assert page.text.split() == ["A", "run"]
    assert not {"section", "dl", "figure", "table", "pre"} & set(page.tags)


def test_warnings_settings_and_commands(write):
    text = write(facts={"model": {"latents": [{"name": "z", "dim": 2}], "hidden": [400, 400]}, "ema": None},
                 warnings=["One.", "Two."], commands=["aae train few-labels --out run", "aae report run"])
    assert re.findall(r"<p>(.*)</p>", text) == ["One.", "Two."]
    assert re.findall(r'<th scope="row">(.*)</th><td>(.*)</td>', text) == [
        ("model.latents.1.name", "z"), ("model.latents.1.dim", "2"), ("model.hidden", "400, 400"), ("ema", "none"),
    ]
    assert "<pre><code>aae train few-labels --out run\naae report run</code></pre>" in text


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
