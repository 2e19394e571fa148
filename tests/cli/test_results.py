from types import SimpleNamespace

import numpy as np
import pytest

from aae.cli.results import LISTED, class_lines, figure_lines, last_measured
from aae.evaluation.by_class import ByClass
from aae.training.rundir import History


@pytest.mark.parametrize("classes", [2, 12, 13, 100])
def test_at_most_a_dozen_classes_are_printed(classes):
    table = np.diag(np.arange(10, 10 + classes))
    table[1, 0] = 9
    run = SimpleNamespace(by_class=ByClass([f"class {k}" for k in range(classes)], table))
    head, first, *rest = class_lines(run)
    assert head.split() == ["class", "recall", "precision", "test", "rows"]
    assert first.split() == ["class", "1", "55.0", "%", "100.0", "%", "20"]
    more = [line for line in rest if line.startswith("and ")]
    assert len(rest) - len(more) + 1 == min(classes, LISTED)
    assert more == ([f"and {classes - 12} more; --json has all"] if classes > 12 else [])
    assert len({len(line) for line in [head, first, *rest] if line not in more}) == 1


def test_a_class_without_rows_has_no_recall():
    run = SimpleNamespace(by_class=ByClass(["a", "b"], np.array([[3, 1], [0, 0]])))
    assert [line.split() for line in class_lines(run)[1:]] == [
        ["a", "75.0", "%", "100.0", "%", "4"], ["b", "-", "0.0", "%", "0"]]


def test_figures_of_single_classes_are_left_to_their_table():
    assert class_lines(SimpleNamespace(by_class=None)) == []
    figures = {"test_error": 2.5, "recall_a": 90.0, "recall": {"a": 90.0}, "confusion": [[1]], "test_rows": 10}
    assert figure_lines(figures) == ["test_error  2.5", "test_rows   10"]


@pytest.mark.parametrize(("rows", "line"), [
    ([{"validation_error": 3.0, "reconstruction_loss": 9.0}, {"reconstruction_loss": 8.0}],
     "error of the validation rows: 3.00 %"),
    ([{"validation_reconstruction_loss": 81.25, "reconstruction_loss": 9.0}],
     "reconstruction loss of the validation rows: 81.25 nats a row"),
    ([{"reconstruction_loss": 9.0}, {"reconstruction_loss": 8.0}], "reconstruction loss: 8 nats a row"),
    ([], "nothing was measured yet"),
])
def test_a_training_without_a_report_says_what_was_measured_last(rows, line):
    assert last_measured(History(rows)) == line
