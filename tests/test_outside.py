"""The benchmark on other people's data divides rows as it says, and its page shows what the lines say."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("outside", "outside_data", "outside_figures", "outside_methods", "outside_page", "outside_plot")


@pytest.fixture
def outside(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    for name in PARTS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    spec = importlib.util.spec_from_file_location("outside", ROOT / "benchmarks" / "outside.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "outside", module)
    spec.loader.exec_module(module)
    yield module
    for name in PARTS:
        sys.modules.pop(name, None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A table with a text, a rare class and missing numbers, and a set of outliers."""
    pd = pytest.importorskip("pandas")
    generator = np.random.default_rng(0)
    for part in ("tables", "outliers"):
        (tmp_path / part).mkdir()
    y = np.repeat(["a", "b", "c"], [200, 90, 10])
    frame = pd.DataFrame({"c0": generator.normal(size=300), "c1": np.where(y == "a", "x", "y"), "label": y})
    frame.loc[::7, "c0"] = np.nan
    frame.to_csv(tmp_path / "tables" / "small.csv.gz", index=False)
    rows = np.r_[generator.normal(size=(95, 3)), generator.normal(8, 1, (5, 3))]
    np.savez(tmp_path / "outliers" / "few.npz", X=rows, y=np.repeat([0, 1], [95, 5]))
    monkeypatch.setenv("AAE_DATA_DIR", str(tmp_path))
    return tmp_path


def test_a_draw_follows_the_classes_and_has_some_of_each(outside):
    choose, counts = outside.data.choose, [900, 90, 10]
    y = np.repeat([0, 1, 2], counts)
    assert np.bincount(y[choose(y, 100, 0)]).tolist() == [90, 9, 1]
    assert np.bincount(y[choose(y, 20, 0)]).tolist() == [18, 1, 1]
    assert np.bincount(y[choose(y, 100, 0, least=5)]).tolist() == [87, 8, 5]
    assert np.bincount(y[choose(y, 100, 0, least=50)]).tolist() == [50, 50, 10]  # all there are
    assert not np.array_equal(choose(y, 100, 0), choose(y, 100, 1))
    many = np.repeat(np.arange(15), 17)  # a tenth of the rows is less than two of each class
    assert np.bincount(many[choose(many, 25, 0)], minlength=15).min() == 1


def test_a_table_is_divided_by_its_labels(outside, folder):
    draw = outside.data.table("small", 1, False)
    assert len(draw.x) == 210
    assert np.bincount(draw.test_y).tolist() == [60, 27, 3]
    assert np.bincount(draw.y[draw.y >= 0]).tolist() == [14, 6, 1]
    x, transform = outside.methods.encoded(draw.x)
    assert x.shape == (210, 3)
    assert np.isfinite(transform(draw.test_x)).all()
    line = outside.one("tables", "small", 1, "random forest", draw, False)
    assert (line["rows"], line["labels"], line["test_rows"]) == (210, 21, 90)
    assert line["error"] < 20  # the text tells a from the others


def test_outliers_are_left_out_or_left_in(outside, folder):
    clean, all_rows = (outside.data.outliers("few", 0, False, clean=clean) for clean in (True, False))
    assert (len(all_rows.x), len(clean.x)) == (70, 66)
    assert clean.test_y.sum() == all_rows.test_y.sum() == 1
    for name in ("5 nearest neighbours", "a tenth as neighbours", "LOF", "isolation forest", "ECOD"):
        assert outside.one("outliers-normal", "few", 0, name, clean, False)["auroc"] == 1, name


def test_ecod_agrees_with_its_definition(outside):
    generator = np.random.default_rng(0)
    x, rows = generator.exponential(size=(50, 2)), generator.exponential(size=(9, 2))
    expected = []
    for row in rows:
        left = -np.log([(1 + (x[:, k] <= row[k]).sum()) / 51 for k in range(2)])
        right = -np.log([(1 + (x[:, k] >= row[k]).sum()) / 51 for k in range(2)])
        expected.append(max(left.sum(), right.sum()))  # skewed to the right: the third sum is that of the right tails
    assert outside.methods.ecod(x, 0)(rows) == pytest.approx(expected)


def test_strokes_cover_the_photo(outside):
    digits = np.zeros((2, 4, 4), np.uint8)
    digits[:, 0] = 255
    photos = np.full((1, 4, 4), 77, np.uint8)
    images = outside.data.textured(digits, photos, 0)
    assert (images[:, 0] == 255).all()
    assert (images[:, 1:] == 77).all()


def test_the_rare_class_is_rare_and_labelled(outside):
    draw = outside.data.rare("rare-10-columns", 0, False)
    assert draw.x.shape == (3000, 10)
    assert np.bincount(draw.test_y).tolist() == [2910, 90]
    assert np.bincount(draw.y[draw.y >= 0]).tolist() == [38, 2]
    figures = outside.rare_of(draw.test_y, draw.test_y)
    assert figures == {"error": 0, "balanced_accuracy": 100, "positive": 3}


def lines_of(suite, figure, values):
    """Lines for ``{method: {set: [figure of each draw]}}``."""
    usual = {"suite": suite, "seconds": 1.0, "rows": 9, "labels": 3, "machine": "M, 1 thread", "version": "1"}
    return [
        {**usual, "set": name, "draw": draw, "method": method, figure: value, "code": ""}
        for method, sets in values.items()
        for name, draws in sets.items()
        for draw, value in enumerate(draws)
    ]


ERRORS = {
    "logistic regression": {"one": [20, 22], "two": [40, 40]},
    "random forest": {"one": [10, 12], "two": [50, 50]},
    "AAEClassifier": {"one": [10, 10], "two": [43, 41]},
}


def test_the_page_says_means_ranks_and_losses(outside):
    lines = lines_of("tables", "error", {"AAEClassifier": {"one": [99]}}) + lines_of("tables", "error", ERRORS)
    (suite,) = outside.page.comparisons(lines)
    assert suite.methods == ["AAEClassifier", "logistic regression", "random forest"]
    assert suite.ranks == {
        "AAEClassifier": (1.5 + 1 + 2 + 2) / 4, "logistic regression": 2, "random forest": (1.5 + 2 + 3 + 3) / 4,
    }  # fmt: skip
    text = outside.page.render(lines)
    assert "| **AAEClassifier** | 26.0 ± 0.7 | 42.0 (two) | **1.62** | 1 | 1.0 |  |" in text
    assert "| logistic regression | 30.5 ± 0.7 | 40.0 (two) | 2.00 | 1 | 1.0 | 1, at most 2.0 (two) |" in text
    assert "| random forest | 30.5 ± 0.7 | 50.0 (two) | 2.38 | 0 | 1.0 | none |" in text
    assert "| one | **10.0** | 21.0 | 11.0 |" in text
    assert "\n\n\n" not in text


def test_higher_is_better_for_outliers(outside, tmp_path, monkeypatch):
    scores = {"LOF": {"one": [0.9], "two": [0.5]}, "AAEOutlierDetector": {"one": [0.8], "two": [0.75]}}
    lines = lines_of("outliers-normal", "auroc", scores)
    text = outside.page.render(lines)
    assert "| **AAEOutlierDetector** | 0.775 ± 0.000 | 0.750 (two) | **1.50** | 1 |" in text
    assert "| LOF | 0.700 ± 0.000 | 0.500 (two) | **1.50** | 1 | 1.0 | 1, at most 0.100 (one) |" in text
    monkeypatch.setattr(outside.page, "PAGE", tmp_path / "outside.md")
    monkeypatch.setattr(outside.page, "PICTURE", tmp_path / "images" / "outside.png")
    (tmp_path / "lines").write_text("".join(json.dumps(line) + "\n" for line in lines))
    outside.page.write(tmp_path / "lines")
    assert (tmp_path / "outside.md").read_text() == text
    assert (tmp_path / "images" / "outside.png").read_bytes().startswith(b"\x89PNG")


def test_a_method_that_is_not_finished_is_told_and_not_ranked(outside):
    part = {**ERRORS, "AAEClassifier": {"one": [10, 10]}}
    text = outside.page.render(lines_of("tables", "error", part))
    assert "Not among them: AAEClassifier, measured in 2 of 4 runs." in text
    assert "| logistic regression | 30.5 ± 0.7 | 40.0 (two) | **1.50** | 1 | 1.0 |\n" in text
    assert "Ours have not been measured yet." in text


def test_what_was_measured_is_not_measured_again(outside, monkeypatch):
    lines = lines_of("tables", "error", ERRORS)
    ours, other = ("tables", "one", 0, "AAEClassifier"), ("tables", "one", 0, "random forest")
    assert not outside.measured(lines, ours, False)  # of another version
    for line in lines:
        line["version"] = outside.aae.__version__
    assert [outside.measured(lines, key, again) for key in (ours, other) for again in (False, True)] == [
        True, False, True, False,
    ]  # fmt: skip
    for line in lines:
        line["code"] = outside.CODE
    assert outside.measured(lines, ours, True)
    assert not outside.measured(lines, ("tables", "one", 9, "random forest"), False)


def test_suites_and_methods_are_selected_by_words(outside):
    assert outside.selected_suites([]) == list(outside.SUITES)
    assert outside.selected_suites(["outliers", "rare"]) == ["outliers-normal", "outliers-all", "rare"]
    suite = outside.SUITES["images"]
    assert outside.selected_methods(suite, ["ours"]) == ["few-labels", "semi-supervised"]
    assert outside.selected_methods(suite, ["baselines", "few-labels"])[0] == "few-labels"
    assert len(outside.selected_methods(outside.SUITES["tables"], [])) == 7
    for suite in outside.SUITES.values():
        assert any(method in outside.methods.OURS for method in suite.methods)
    assert outside.SUITES.keys() == outside.page.TITLES.keys() == outside.page.PROTOCOLS.keys()


def test_the_kept_lines_are_of_known_suites_and_methods(outside):
    lines = outside.page.read(outside.LINES)
    assert {line["suite"] for line in lines} <= outside.SUITES.keys()
    assert all(line["method"] in outside.SUITES[line["suite"]].methods or "pyod" in line["method"] for line in lines)
