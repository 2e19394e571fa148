import json
from dataclasses import replace

import numpy as np
import pytest

from aae.data.dataset import Dataset, ReadOptions
from aae.data.sources import load_data
from aae.data.summary import describe_data, describe_split
from aae.evaluation.intervals import Share
from aae.evaluation.measures import detail
from aae.report.gallery import OF_FOLDS, write_run_report
from aae.report.reproduce import train_words
from aae.runs import cross_validation, train
from aae.runs.cross_validation import ENOUGH, choose_test_rows, pooled, shared_time, with_all_labels
from aae.runs.measure import evaluate
from aae.runs.open import open_run
from aae.runs.plan import usual_training
from aae.runs.train import resume_run, train_preset
from helpers.runs import SMALL

CHANGES = {**SMALL, "network": "mlp", "batch_size": 16, "labelled_batch_size": 16}
ROWS = 60


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table whose classes the first column separates; ten rows have no label."""
    rng = np.random.default_rng(0)
    y = np.arange(ROWS) % 2
    lines = [f"{3 * k + rng.normal():.3f},{rng.normal():.3f},{['no', 'yes'][k]}" for k in y]
    lines[:10] = [line.rsplit(",", 1)[0] + "," for line in lines[:10]]
    file = tmp_path_factory.mktemp("table") / "table.csv"
    file.write_text("\n".join(["a,b,class", *lines]))
    return file


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    return train_preset("few-labels", table, label_column="class", changes=CHANGES, steps=10, out=out, progress=False)


def read(table):
    return load_data(table, ReadOptions(label_column="class"))


def test_a_model_learns_from_all_labels_and_folds_test_it_once_each(run):
    assert len(run.split.labelled) == 50
    assert len(run.data.x) == ROWS
    figures = evaluate(run)
    assert (figures["test_error_rows"], figures["test_labelled"], figures["cross_validation_folds"]) == (50, 50, 5)
    wrong = run.cross_validation.probabilities.argmax(1) != run.data.test_y
    assert figures["test_error"] == pytest.approx(100 * wrong.mean())
    assert np.sum(figures["confusion"]) == 50
    assert figures["baseline_logistic_regression_rows"] == 50


def test_no_training_sees_the_labels_that_test_it(table, monkeypatch):
    seen = []

    def remember(model, data, settings, *, split, fit_noise, **_):
        assert not fit_noise  # nothing samples from models that ten rows test
        seen.append(np.concatenate([data.x[split.labelled], data.test_x]))
        assert not (data.x[:, None] == data.test_x[None]).all(2).any()
        raise KeyboardInterrupt

    monkeypatch.setattr(cross_validation, "train", remember)
    result = train_preset("few-labels", table, label_column="class", changes=CHANGES, steps=2, progress=False)
    assert result.interrupted
    assert [len(rows) for rows in seen] == [50]


def test_a_run_opened_again_has_the_same_figures_and_probabilities(run):
    opened = open_run(run.path)
    assert opened.notes == ()
    np.testing.assert_array_equal(opened.probabilities, run.cross_validation.probabilities)
    assert evaluate(opened) == evaluate(run) == json.loads((run.path / "evaluation.json").read_text())


def test_the_report_says_what_is_of_learned_rows_and_its_command_makes_the_same_run(run):
    words = train_words(open_run(run.path).config)
    assert "--labels" not in words
    assert OF_FOLDS in write_run_report(open_run(run.path), evaluate(run)).read_text()
    assert "by 5-fold cross-validation" in detail("test_error", evaluate(run))


def test_the_card_speaks_of_no_test_rows(run):
    card = (run.path / "model" / "README.md").read_text("utf-8")
    assert "| on the labelled rows, each by a model that had not learned it |" in card
    assert "test rows" not in card


def test_an_interrupted_cross_validation_is_told_and_finished_by_resume(table, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "cross_validate", stop)
        arguments = {"label_column": "class", "changes": CHANGES, "steps": 2, "progress": False}
        assert train_preset("few-labels", table, out=tmp_path / "run", **arguments).interrupted
    (note,) = open_run(tmp_path / "run").notes
    assert "did not finish" in note
    result = resume_run(tmp_path / "run", progress=False)
    assert result.cross_validation is not None
    assert result.step == 2
    assert open_run(tmp_path / "run").notes == ()


def test_changed_data_are_not_judged_by_the_folds_of_others(table, tmp_path):
    file = tmp_path / "table.csv"
    file.write_text(table.read_text())
    arguments = {"label_column": "class", "changes": CHANGES, "steps": 2, "progress": False}
    train_preset("few-labels", file, out=tmp_path / "run", **arguments)
    file.write_text(table.read_text().replace("yes", "no", 1))
    run = open_run(tmp_path / "run")
    assert run.cross_validation is None
    assert any("changed since training" in note for note in run.notes)
    assert any("too optimistic" in note for note in run.notes)


@pytest.mark.parametrize(
    "chosen",
    [{"labels": 20}, {"split": "tutorial"}, {"preset": "aae"}, {"held_out": False}, {"rows": 7 * ENOUGH}],
    ids=str,
)
def test_rows_held_out_by_the_user_or_enough_of_them_test_without_folds(chosen):
    rows = chosen.get("rows", 100)
    y = np.arange(rows) % 2
    test = rows // 5
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    data = Dataset("rows", x[test:], y[test:], x[:test], y[:test], ["a", "b"],
                   test_held_out=chosen.get("held_out", True))  # fmt: skip
    arguments = {"labels": None, "split": "random", "preset": "few-labels"} | chosen
    found = choose_test_rows(data, arguments["preset"], {}, arguments["labels"], arguments["split"], 0)
    assert found is data
    usual = choose_test_rows(replace(data, test_held_out=True), "few-labels", {}, None, "random", 0)
    assert usual.cross_validated == (rows == 100)


def test_the_only_row_of_a_class_is_always_learned(table):
    data = read(table)
    y = np.where(np.arange(len(data.y)) == np.flatnonzero(data.y == 1)[0], 2, data.y)
    found = with_all_labels(replace(data, y=y, classes=[*data.classes, "once"]), 0)
    assert 2 in found.y
    assert 2 not in found.test_y
    assert len(found.test_y) == 49
    chosen = choose_test_rows(replace(data, y=y, classes=[*data.classes, "once"]), "few-labels", {}, None, "random", 0)
    assert chosen.notes[-1] == ("The class 'once' has a single label, which every training learns; the error by "
                                "cross-validation says nothing about this class.")  # fmt: skip
    assert "has a single label" not in " ".join(choose_test_rows(data, "few-labels", {}, None, "random", 0).notes)


def test_what_a_training_uses_is_said_as_it_does(table, run):
    used, lines = usual_training(read(table))
    assert used.cross_validated
    assert lines == [
        "aae train few-labels: 60 training examples, 9 without a label for validation; 50 of 50 labels used; tested by "
        "cross-validation over 50 of them.",
        "aae train aae: 50 training examples, 8 of them for validation; no labels used (40 available); 10 test "
        "examples.",
    ]
    assert describe_split(run.data, run.split, "aae train few-labels") == lines[0]
    assert describe_data(used)[1:] == ["60 examples, 50 labelled, 10 unlabelled", "", "class  labels",
                                       "no         25", "yes        25"]  # fmt: skip
    blank = load_data(table, ReadOptions(ignore=["class"]))
    assert usual_training(blank)[1] == [
        "aae train aae: 48 training examples, 8 of them for validation; no labels; 12 test examples."]


def test_pooled_figures_weigh_folds_by_their_rows():
    folds = [
        {
            "test_rows": 10,
            "test_labelled": 10,
            "squared_error": 1.0,
            **Share(10.0, 10).entries("test_error"),
            "elbo": 2.0,
        },
        {"test_rows": 30, "test_labelled": 30, "squared_error": 2.0, **Share(50.0, 30).entries("test_error")},
    ]
    expected = {"test_rows": 40, "test_labelled": 40, "squared_error": 1.75, **Share(40.0, 40).entries("test_error")}
    assert pooled(folds) == pytest.approx(expected)


def test_all_trainings_share_the_seconds(table):
    data = choose_test_rows(read(table), "few-labels", {}, None, "random", 0)
    assert shared_time(data, {"seconds": 12.0, "max_seconds": 24.0}) == {"seconds": 2.0, "max_seconds": 4.0}
    assert shared_time(data, {"steps": 12}) == {"steps": 12}
    assert shared_time(read(table), {"seconds": 12.0}) == {"seconds": 12.0}


def test_a_start_from_a_run_is_said_not_to_be_that_of_the_folds(table, run):
    options = {"label_column": "class", "changes": CHANGES, "steps": 2, "progress": False}
    sentence = "Cross-validation trains new models, which do not start from that run."
    assert sentence in train_preset("few-labels", table, start=run.path, **options).data.notes
    assert sentence not in train_preset("few-labels", table, **options).data.notes


def test_what_takes_time_after_the_training_is_said(table, capsys):
    train_preset("few-labels", table, label_column="class", changes=CHANGES, steps=2)
    said = "Cross-validation: 5 more trainings, each without a part of the labels, measure the error."
    assert said in " ".join(capsys.readouterr().err.split())
