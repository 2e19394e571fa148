from types import SimpleNamespace

import numpy as np
import pytest

from aae.cli.results import LISTED, class_lines, figure_lines, headlines, last_measured
from aae.evaluation.by_class import ByClass
from aae.evaluation.intervals import Share
from aae.training.rundir import History


@pytest.mark.parametrize("classes", [2, 12, 13, 100])
def test_at_most_a_dozen_classes_are_printed(classes):
    table = np.diag(np.arange(10, 10 + classes))
    table[1, 0] = 9
    run = SimpleNamespace(by_class=ByClass([f"class {k}" for k in range(classes)], table))
    head, first, *rest = class_lines(run)
    assert " ".join(head.split()) == "class recall (95 % interval) precision support"
    assert " ".join(first.split()) == "class 1 55.0 % (34.2 to 74.2) 100.0 % (74.1 to 100.0) 20"
    more = [line for line in rest if line.startswith("and ")]
    assert len(rest) - len(more) + 1 == min(classes, LISTED)
    assert more == ([f"and {classes - 12} more; --json lists all"] if classes > 12 else [])
    assert len({len(line) for line in [head, first, *rest] if line not in more}) == 1


def test_a_class_without_rows_has_no_recall():
    run = SimpleNamespace(by_class=ByClass(["a", "b"], np.array([[3, 1], [0, 0]])))
    assert [" ".join(line.split()) for line in class_lines(run)[1:]] == [
        "a 75.0 % (30.1 to 95.4) 100.0 % (43.9 to 100.0) 4", "b - 0.0 % (0.0 to 79.3) 0"]


def test_figures_of_single_classes_are_left_to_their_table():
    assert class_lines(SimpleNamespace(by_class=None)) == []
    figures = {"test_error": 2.5, "recall_a": 90.0, "recall": {"a": 90.0}, "confusion": [[1]], "test_rows": 10}
    assert [line.split() for line in figure_lines(figures)] == [
        ["Test", "error", "2.50", "%", "lower", "is", "better"], ["Test", "examples", "10"]]


def test_a_line_of_a_figure_says_its_rows_interval_and_direction():
    figures = {"prior_mismatch": 7.6, **Share(57.6, 500).entries("prior_classifier_accuracy"),
               **Share(30.0, 100).entries("style_leak"), "style_leak_chance": 11.4, "labels": 100}
    assert [" ".join(line.split()) for line in figure_lines(figures)] == [
        "Prior classifier accuracy 57.6 % 95 % interval: 53.2 to 61.9 %; 500 codes and prior samples; chance: 50 %; "
        "50 % is best",
        "Style leak 30.0 % 95 % interval: 21.9 to 39.6 %; 100 probed test examples; chance: 11.4 %; lower is better",
        "Labels 100"]
    readable = figures | Share(30.0, 100).entries("class_readable")
    names = [line.split("  ")[0] for line in figure_lines(readable)]
    assert "Class readable from the code" in names
    assert "Style leak" not in names


def test_figures_of_samples_and_of_calibration_have_unit_and_direction():
    figures = {"sample_accuracy": 71.25, "copula_accuracy": 55.0, "sample_distance": 0.0712, "calibration_power": 0.8,
               "calibration_error": 4.25, "balanced_accuracy": 90.0, "test_labelled": 60, "test_rows": 60}  # fmt: skip
    assert [" ".join(line.split()) for line in figure_lines(figures)][:6] == [
        "Samples distinguished from data 71.2 % chance: 50 %; 50 % is best",
        "Copula samples distinguished from data 55.0 % chance: 50 %; 50 % is best",
        "Distance of samples from data 0.071 0 is best, 1 worst",
        "Calibration power 0.80 1 changes nothing",
        "Calibration error 4.2 % 60 labelled test examples; lower is better",
        "Balanced accuracy 90.0 % 60 labelled test examples; higher is better"]


def run_with(history):
    model = SimpleNamespace(category=None, style=None)
    directory = SimpleNamespace(history=lambda: SimpleNamespace(columns=lambda: history))
    return SimpleNamespace(model=model, directory=directory,
                           data=SimpleNamespace(test_y=np.repeat([0, 1], [5, 4]), classes=["a", "b"]))


def test_an_error_has_its_rows_and_interval():
    figures = {**Share(0.0, 9).entries("test_error"), "test_rows": 9, "test_labelled": 9}
    assert headlines(run_with({}), figures) == ["test error: 0.00 % of 9 labelled test examples (95 % interval: 0.00 "
                                                "to 29.91 %)"]


@pytest.mark.parametrize(("error", "better"), [(9.0, False), (3.0, True)])
def test_another_classifier_is_better_only_below_the_interval(error, better):
    figures = {**Share(10.0, 100).entries("test_error"), "test_rows": 100, "test_labelled": 100,
               "baseline_logistic_regression": error}
    line = headlines(run_with({}), figures)[1]
    assert line.endswith("logistic regression performs better on these data") is better


def test_an_accuracy_that_still_rises_is_said():
    history = {"step": np.arange(1, 9), "validation_error": np.array([50, 40, 30, 25, 20, 15, 10, 8.0])}
    figures = {**Share(10.0, 100).entries("test_error"), "test_rows": 100, "test_labelled": 100,
               "validation_labelled": 500, "baseline_random_forest": 3.0, "baseline_random_forest_low": 1.0}
    _, baseline, line = headlines(run_with(history), figures)
    assert baseline == "on the same labels: random forest 3.00 %; random forest performs better on these data"
    assert line.startswith("Undertrained: accuracy was still improving")


@pytest.mark.parametrize(("rows", "line"), [
    ([{"validation_error": 3.0, "reconstruction_loss": 9.0}, {"reconstruction_loss": 8.0}],
     "validation error: 3.00 %"),
    ([{"validation_reconstruction_loss": 81.25, "reconstruction_loss": 9.0}],
     "validation reconstruction loss: 81.25 nats per example"),
    ([{"reconstruction_loss": 9.0}, {"reconstruction_loss": 8.0}], "reconstruction loss: 8 nats per example"),
    ([], "no measurements yet"),
])
def test_a_training_without_a_report_says_what_was_measured_last(rows, line):
    assert last_measured(History(rows)) == line
