"""The data of a run read again: changed, moved, gone, or others in their place."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from aae.cli.results import headlines
from aae.data.dataset import Dataset, ReadOptions
from aae.data.sources import load_data
from aae.evaluation.figures import evaluate
from aae.report.gallery import PICTURES, draw_picture, write_run_report
from aae.runs.changes import _occurrences
from aae.runs.open import open_run
from aae.runs.outputs import read_input
from aae.runs.train import resume_run, train_preset
from aae.system.errors import AAEError
from helpers.runs import SMALL, train_small

NAMES = ["bee", "cat", "dog"]
LEARNS = {"steps": 60, "changes": {"lr": 0.01}}


def rows_of(count, seed=0):
    """Rows of three classes that are easy to tell apart, and the names of their classes."""
    y = np.arange(count) % 3
    return np.random.default_rng(seed).normal(size=(count, 4)) + 4 * np.eye(4)[y], np.array(NAMES)[y]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    x, y = rows_of(150)
    np.savez(folder / "set.npz", x=x, y=y)
    train_small("semi-supervised", data=folder / "set.npz", labels=30, out=folder / "run", **LEARNS)
    return folder


@pytest.fixture
def run(made, tmp_path):
    """A run and its data ``set.npz``, which a test may change."""
    shutil.copy(made / "set.npz", tmp_path / "set.npz")
    shutil.copytree(made / "run", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["data"] = str(tmp_path / "set.npz")
    del config["checksum"]
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    return tmp_path / "run"


def change(run, x, y, **test):
    np.savez(run.parent / "set.npz", x=x, y=y, **test)
    return open_run(run)


def measured(opened):
    return evaluate(opened.model, opened.data, opened.split)


def test_unchanged_data_have_the_split_of_the_training(run, capsys):
    opened = open_run(run)
    assert (opened.notes, capsys.readouterr().err) == ((), "")
    assert [len(part) for part in (opened.data.test_x, opened.split.labelled, opened.split.validation)] == [30, 30, 20]


def test_rows_were_added(run, capsys):
    before = open_run(run)
    x, y = rows_of(150)
    more, names = rows_of(30, seed=1)
    now = change(run, np.concatenate([more, x]), np.concatenate([names, y]))
    assert now.notes == (
        "The data of the run changed since training: 150 rows -> 180.",
        "Of its 30 test rows 30 remain; only these are evaluated.",
    )
    assert "Warning: The data of the run changed since training: 150 rows -> 180." in capsys.readouterr().err
    assert {row.tobytes() for row in now.data.test_x} == {row.tobytes() for row in before.data.test_x}
    assert len(now.split.validation) == 20
    for key in ("test_error", "validation_error", "balanced_accuracy"):
        assert measured(now)[key] == measured(before)[key]


def test_a_class_that_sorts_first_was_added(run):
    before = measured(open_run(run))
    x, y = rows_of(150)
    now = change(run, np.concatenate([x, np.full((25, 4), 30.0)]), np.r_[y, ["aardvark"] * 25])
    assert now.notes[0] == (
        "The data of the run changed since training: 150 rows -> 175; new class 'aardvark' (25 rows).")
    assert now.data.classes == NAMES
    found = measured(now)
    assert (found["test_error"], found["test_rows"]) == (before["test_error"], 30)
    assert found["test_error"] < 10
    write_run_report(now, found)
    assert "new class &#39;aardvark&#39; (25 rows)" in (run / "report.html").read_text()


def test_a_class_vanished_and_its_rows_with_it(run):
    x, y = rows_of(150)
    now = change(run, x[y != "bee"], y[y != "bee"])
    assert now.notes == (
        "The data of the run changed since training: 150 rows -> 100; missing class 'bee' (50 rows).",
        "Of its 30 test rows 20 remain; only these are evaluated.",
    )
    assert now.data.classes == NAMES
    assert measured(now)["test_error"] < 10


@pytest.mark.parametrize(("change_rows", "sentence", "rows"), [
    (lambda x, y: (x[::-1], y[::-1]), "the values or the order of its rows", 30),
    (lambda x, y: (x * 1000, y), "the values or the order of its rows", 30),
    (lambda x, y: (x, np.where(np.arange(150) < 2, "cat", y)), "other labels ('bee' 50 -> 49, 'cat' 50 -> 51)", 30),
    (lambda x, y: (x, np.where(np.arange(150) < 2, y[[1, 0] * 75], y)), "the labels of some rows", 30),
    (lambda x, y: (x, np.where(np.arange(150) < 9, "", y)), "150 labels -> 141 ", 30),
])
def test_values_order_or_labels_changed(run, change_rows, sentence, rows):
    x, y = rows_of(150)
    y = y.astype(object)
    now = change(run, *(part.astype(float if part is not y and part.ndim > 1 else str) for part in change_rows(x, y)))
    assert now.notes[0].startswith(f"The data of the run changed since training: {sentence}")
    assert len(now.data.test_x) == rows
    drawn_again = "Its test and validation rows were drawn again" in now.notes[1]
    assert drawn_again == np.array_equal(change_rows(x, y)[0], x * 1000)


def test_more_columns_are_another_shape(run):
    with pytest.raises(AAEError, match=r"takes rows of shape \(4,\), but .*set.npz now has rows of shape \(5,\)"):
        change(run, np.zeros((90, 5)), np.resize(NAMES, 90))


def test_without_the_digests_the_figures_say_so(run):
    (run / "rows.npz").write_bytes(b"damaged")
    x, y = rows_of(180)
    notes = change(run, x, y).notes
    assert notes[1] == "Its test and validation rows were drawn again, so rows that were trained on may be among them."


def test_equal_rows_are_counted_once_each():
    digests = np.array([5, 5, 7, 5, 8], dtype=np.uint64)
    assert _occurrences(digests, np.array([5, 5, 8, 9], dtype=np.uint64)).tolist() == [True, True, False, False, True]
    assert not _occurrences(digests, digests[:0]).any()


def test_resuming_says_what_changed(run):
    x, y = rows_of(150)
    np.savez(run.parent / "set.npz", x=np.concatenate([x, x[:5] + 1]), y=np.r_[y, ["aardvark"] * 5])
    sentence = (r"The data of .*run changed since training: 150 rows -> 155; new class 'aardvark' \(5 rows\). Restore "
                "the old data, or train again without --resume.")
    with pytest.raises(AAEError, match=sentence):
        resume_run(run, progress=False)
    np.savez(run.parent / "set.npz", x=x, y=["bee"] * 150)  # this is no longer trainable
    with pytest.raises(AAEError, match="changed since training: missing classes 'cat' "):
        resume_run(run, progress=False)


def test_data_that_are_gone(run):
    os.rename(run.parent / "set.npz", run.parent / "moved.npz")
    sentence = r"No data at .*set.npz, which .*run was trained on; put them back, or evaluate .* with .* --data FILE"
    with pytest.raises(AAEError, match=sentence):
        open_run(run)
    with pytest.raises(AAEError, match=sentence):
        resume_run(run, progress=False)
    # The same rows in another place: those that were trained on are not judged.
    moved = open_run(run, str(run.parent / "moved.npz"))
    assert len(moved.data.test_x) == 30
    assert "holds the rows that the run was trained on; its 30 test rows are evaluated" in moved.notes[0]


def test_other_data_are_judged_whole(run, tmp_path):
    x, y = rows_of(1250, seed=3)
    np.savez(tmp_path / "new.npz", x=x, y=y)
    opened = open_run(run, str(tmp_path / "new.npz"))
    assert opened.notes == ()
    assert len(opened.data.test_x) == 1250
    figures = measured(opened)
    assert figures["test_labelled"] == 1250
    assert not [name for name in figures if "validation" in name]  # none of these rows was for validation
    np.savez(tmp_path / "parts.npz", x=x, y=y, x_test=x[:100], y_test=y[:100])
    opened = open_run(run, str(tmp_path / "parts.npz"))
    assert len(opened.data.test_x) == 100
    assert "parts.npz has test rows of its own, 100; only these are evaluated." in opened.notes[0]


def test_rows_that_were_trained_on_are_said(run, tmp_path):
    x, y = rows_of(150)
    more, names = rows_of(50, seed=4)
    np.savez(tmp_path / "both.npz", x=np.concatenate([x, more]), y=np.r_[y, names])
    (note,) = open_run(run, str(tmp_path / "both.npz")).notes
    assert note.startswith("The model was trained on 120 of the 200 rows of ")


def test_classes_are_matched_by_name(run, tmp_path):
    x, y = rows_of(90, seed=5)
    np.savez(tmp_path / "new.npz", x=x, y=np.where(y == "cat", "aardvark", y))
    opened = open_run(run, str(tmp_path / "new.npz"))
    assert opened.data.classes == NAMES
    assert opened.notes == (
        "Test rows of classes that the model does not know are left out of all metrics: 'aardvark' (30 rows).",)
    assert measured(opened)["test_error"] < 10
    assert measured(opened)["test_rows"] == 60


def test_classes_are_the_same_however_they_are_written(tmp_path):
    x, y = rows_of(90)
    np.savez(tmp_path / "set.npz", x=x, y=np.unique(y, return_inverse=True)[1] + 9)
    train_small("semi-supervised", data=tmp_path / "set.npz", labels=30, out=tmp_path / "run", **LEARNS)
    x, y = rows_of(90, seed=5)
    np.savez(tmp_path / "new.npz", x=x, y=np.array(["9.0", "10.0", "11.0"])[np.arange(90) % 3])
    opened = open_run(tmp_path / "run", str(tmp_path / "new.npz"))
    assert opened.data.classes == [9, 10, 11]
    assert measured(opened)["test_error"] < 10


def test_a_table_is_the_same_when_it_is_read_again(tmp_path):
    pytest.importorskip("pyarrow")
    x, y = rows_of(90)
    lines = [f"{r[0]:.3f},{'' if k % 9 == 0 else r[1]},{'uvw'[k % 3]},2026-01-{k % 28 + 1:02},{name}"
             for k, (r, name) in enumerate(zip(x, y, strict=True))]  # fmt: skip
    (tmp_path / "rows.csv").write_text("a,b,c,d,kind\n" + "\n".join(lines) + "\n")
    (tmp_path / "test.csv").write_text("a,b,c,d,kind\n" + "\n".join(lines[:9]).replace(",u,", ",w,") + "\n")
    for test in (None, str(tmp_path / "test.csv")):
        reading, out = ReadOptions(label_column="kind", test=test), tmp_path / f"run{test is None}"
        train_small("semi-supervised", data=tmp_path / "rows.csv", labels=9, reading=reading, out=out)
        assert open_run(out).notes == ()
        assert resume_run(out, progress=False).step == 2
    # A category that is new and sorts first leaves the others what they were.
    (tmp_path / "rows.csv").write_text("a,b,c,d,kind\n" + "\n".join([*lines, "1,1,u,2026-02-01,bee"]) + "\n")
    assert "90 training examples -> 91" in open_run(tmp_path / "runFalse").notes[0]


@pytest.mark.parametrize(("counts", "ending"), [
    ([30, 2, 3], "; balanced accuracy "),
    ([10, 8, 6], " labelled test examples (95 % interval: "), ([0, 0, 0], " test examples has a label"),
])
def test_uneven_classes_bring_the_balanced_accuracy(run, tmp_path, counts, ending):
    x, _ = rows_of(90, seed=6)
    y = np.repeat(["bee", "cat", "dog"], counts) if sum(counts) else np.array([], str)
    np.savez(tmp_path / "new.npz", x=x, y=np.r_[y, [""] * (90 - len(y))])
    opened = open_run(run, str(tmp_path / "new.npz"))
    if not sum(counts):
        opened.data = replace(opened.data, classes=NAMES)
    (line,) = headlines(opened, measured(opened))
    assert ending in line
    assert line.startswith(f"test error: {measured(opened)['test_error']:.2f} % of {sum(counts)} " if sum(counts)
                           else "no test error: none of the 90")  # fmt: skip


def test_a_single_row_can_be_judged(run, tmp_path):
    np.savez(tmp_path / "new.npz", x=rows_of(1)[0], y=["bee"])
    assert measured(open_run(run, str(tmp_path / "new.npz")))["test_rows"] == 1


def picture_folder(path):
    for name in ("cat", "dog"):
        (path / name).mkdir(parents=True)
        for k in range(10):
            Image.new("L", (8, 8), 25 * k).save(path / name / f"{k}.png")


def test_a_built_in_name_is_never_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture_folder(tmp_path / "digits")
    result = train_small("semi-supervised", labels=20, out="run")
    note = "digits is the built-in data set; for the folder of that name write ./digits."
    assert note in result.notes
    assert json.loads((tmp_path / "run" / "config.json").read_text())["data"] == "digits"
    opened = open_run("run")
    assert (opened.notes, opened.data.classes, len(opened.data.test_x)) == ((), list(range(10)), 360)
    for folder in ("./digits", tmp_path / "digits"):
        result = train_small("vae", data=folder, out=tmp_path / f"folder-{str(folder)[0] == '.'}")
        assert (result.data.shape, len(result.data.x), result.data.classes) == ((8, 8), 16, ["cat", "dog"])
        assert json.loads((result.path / "config.json").read_text())["data"] == str(tmp_path / "digits")
    assert len(load_data("digits").x) == 1437
    monkeypatch.chdir(tmp_path / "digits")
    (tmp_path / "digits" / "digits").write_bytes(b"another file of that name")
    assert len(read_input("digits", opened.model).rows) == 360


def test_rows_in_memory_cannot_be_read_again(tmp_path):
    x, y = rows_of(60)
    data = Dataset("digits", x.astype(np.float32), np.arange(60) % 3, x[:9].astype(np.float32), np.arange(9) % 3, NAMES)
    train_small("semi-supervised", data=data, labels=9, out=tmp_path / "run")
    sentence = r"was trained on rows in memory \(digits\), which cannot be read again; .*--data FILE"
    with pytest.raises(AAEError, match=sentence):
        open_run(tmp_path / "run")
    np.savez(tmp_path / "new.npz", x=x + 1, y=y)
    assert len(open_run(tmp_path / "run", str(tmp_path / "new.npz")).data.test_x) == 60


def test_a_training_says_what_looks_wrong_with_its_data(tmp_path, capsys):
    x, y = rows_of(60)
    np.savez(tmp_path / "set.npz", x=x, y=y, x_test=x[:7], y_test=y[:7])
    out = tmp_path / "run"
    train_preset("semi-supervised", tmp_path / "set.npz", labels=9, steps=1, changes=SMALL, out=out, device="cpu")
    said = "7 of the 7 test examples are also in the training data; results will be too optimistic."
    err = capsys.readouterr().err
    assert err.count(f"Warning: {said}") == 1
    assert "set: 60 training examples, 10 of them for validation; 9 of 60 labels used; 7 test examples." in err
    assert json.loads((out / "config.json").read_text())["notes"] == [said]


def test_a_run_without_test_rows_or_labels_has_a_report(tmp_path):
    x, _ = rows_of(3)
    np.savez(tmp_path / "set.npz", x=x, y=NAMES)
    train_small("semi-supervised", data=tmp_path / "set.npz", out=tmp_path / "run")
    opened = open_run(tmp_path / "run")
    found = measured(opened)
    assert found == {"test_rows": 0, "test_labelled": 0}
    write_run_report(opened, found)
    for kind in PICTURES:
        with suppress(AAEError):  # a sentence, as for any picture that does not suit a model
            draw_picture(tmp_path / "run", kind, tmp_path / "picture.png")


def test_the_judge_of_samples_is_not_tested_on_rows_it_has_learned(run, tmp_path):
    """Labels that nothing predicts: a forest that is right on rows it knows would pass for a good judge."""
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", x=rows_of(600)[0], y=generator.choice(NAMES, 600))
    opened = open_run(run, str(tmp_path / "noise.npz"))
    assert (len(opened.data.test_x), opened.data.reused) == (600, 480)
    assert "conditional_accuracy" not in measured(opened)
    np.savez(tmp_path / "more.npz", **dict(zip("xy", rows_of(600, seed=2), strict=True)))
    assert measured(open_run(run, str(tmp_path / "more.npz")))["judge_accuracy"] > 90
