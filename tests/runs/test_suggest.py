"""Suggestions: from data, from a run, with labels; and starting a training from a run."""

import csv
import re
from types import SimpleNamespace

import numpy as np
import platformdirs
import pytest
import torch

from aae.data.dataset import ReadOptions
from aae.data.row_keys import keys_of
from aae.data.sources import load_data
from aae.model.artifact import load
from aae.runs import suggest as module
from aae.runs.cross_validation import with_all_labels
from aae.runs.open import read_config
from aae.runs.start import start_from
from aae.runs.suggest import suggest, write_suggestions
from aae.runs.train import train_preset
from aae.system.errors import AAEError, UsageError
from aae.system.files import write_checksummed
from aae.training.rundir import RunDir
from helpers.written import write_picture

SMALL = {"network": "mlp", "hidden": [8], "discriminator_hidden": [8], "baseline_targets": 0.0, "batch_norm": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three groups of 30 vectors with two labels, a labels file, and a classifier trained with it."""
    root = tmp_path_factory.mktemp("suggest")
    rng = np.random.default_rng(0)
    kind = np.arange(90) % 3
    np.savez(root / "rows.npz", x=(np.eye(3)[kind] * 4 + rng.normal(size=(90, 3))).astype(np.float32))
    free = keys_of(load_data(root / "rows.npz")).train
    names = {int(k): "abc"[kind[k]] for k in free[:20]}
    (root / "labels.csv").write_text("index,label\n" + "".join(f"{k},{name}\n" for k, name in names.items()))
    some = {k: name for k, name in names.items() if name != "c"}
    (root / "two.csv").write_text("index,label\n" + "".join(f"{k},{name}\n" for k, name in some.items()))
    for name, file in (("run", "labels.csv"), ("pair", "two.csv")):
        train_preset("semi-supervised", root / "rows.npz", reading=ReadOptions(labels_file=str(root / file)), steps=2,
                     changes=SMALL, out=root / name, progress=False, device="cpu")  # fmt: skip
    return root


def labels_of(path):
    with path.open(newline="") as file:
        return {int(row["index"]): row["label"] for row in csv.DictReader(file)}


def test_data_without_a_model(folder, tmp_path, monkeypatch):
    trained = []

    def train(preset, source, **options):
        trained.append((preset, options["changes"], options["reading"].labels_file))
        return train_preset(preset, source, progress=False, **{**options, "changes": {"clusters": 20, "hidden": [8]}})

    monkeypatch.setattr(module, "train_preset", train)
    monkeypatch.setattr(module, "CLUSTERS", 20)
    reading = ReadOptions(labels_file=str(folder / "two.csv"))
    found = suggest(folder / "rows.npz", 4, reading=reading, keep=tmp_path / "kept", steps=2, device="cpu")
    assert trained == [("clustering", {"clusters": 20}, None)]
    config = read_config(RunDir(tmp_path / "kept"))
    write_checksummed(tmp_path / "kept" / "config.json", {**config, "changes": {"clusters": 20}})
    resumed = SimpleNamespace(model=load(tmp_path / "kept" / "model"), interrupted=0)
    monkeypatch.setattr(module, "resume_run", lambda path: resumed)
    again = suggest(folder / "rows.npz", 4, reading=reading, keep=tmp_path / "kept", steps=2, device="cpu")
    assert np.array_equal(again.rows, found.rows)
    resumed.interrupted = 2  # one that was interrupted is not taken for a clustering
    with pytest.raises(KeyboardInterrupt):
        suggest(folder / "rows.npz", 4, reading=reading, keep=tmp_path / "kept", steps=2, device="cpu")
    with pytest.raises(AAEError, match=r"kept holds a run with another seed; give .*kept in place of the data"):
        suggest(folder / "rows.npz", 4, keep=tmp_path / "kept", steps=2, device="cpu", seed=1)
    assert len(trained) == 1
    assert (len(found.rows), found.proposed, found.run) == (4, None, tmp_path / "kept")
    keys = keys_of(found.data).train[found.rows].tolist()
    assert not set(keys) & set(labels_of(folder / "two.csv"))
    write_suggestions(found, tmp_path / "next.csv")
    with (tmp_path / "next.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["index", "label", "why"]
    assert [int(row[0]) for row in rows[1:]] == keys
    assert all(row[1] == "" and "none of them near a labelled one" in row[2] for row in rows[1:])
    filled = [rows[0], *([row[0], "b", row[2]] for row in rows[1:])]
    with (tmp_path / "next.csv").open("w", newline="") as file:
        csv.writer(file).writerows(filled)
    data = load_data(folder / "rows.npz", ReadOptions(labels_file=str(tmp_path / "next.csv")))
    assert sorted(keys_of(data).train[data.y >= 0].tolist()) == sorted(keys)


def test_a_run_is_used_as_it_is(folder):
    found = suggest(folder / "run", 5, reading=ReadOptions(labels_file=str(folder / "labels.csv")))
    assert set(found.proposed) <= {"a", "b", "c"}
    assert not set(keys_of(found.data).train[found.rows].tolist()) & set(labels_of(folder / "labels.csv"))
    assert all(reason.startswith("uncertain: ") for reason in found.reasons)
    few = suggest(folder / "pair", 5, reading=ReadOptions(labels_file=str(folder / "two.csv")))
    assert few.reasons[0].startswith("uncertain: ")
    (folder / "one.csv").write_text("index,label\n" + f"{next(iter(labels_of(folder / 'labels.csv')))},a\n")
    few = suggest(folder / "run", 5, reading=ReadOptions(labels_file=str(folder / "one.csv")))
    assert few.reasons[0].startswith("typical of ")


@pytest.mark.parametrize(("source", "n", "options", "sentence"), [
    ("rows.npz", 0, {}, "--n is the number of rows to propose, 1 or more, not 0"),
    ("rows.npz", 73, {}, r"--n 73 is more than the 72 rows of .*rows.npz that have no label; ask for fewer"),
    ("run", 71, {}, "--n 71 is more than the 70 rows"),
    ("run", 3, {"steps": 5}, r"run is a run, whose data and training are settled; drop --steps"),
    ("run", 3, {"reading": ReadOptions(image_size=9)}, r"drop --image-size"),
])
def test_what_cannot_be_asked_for(folder, source, n, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        suggest(folder / source, n, keep=folder / "none", **options)


@pytest.mark.parametrize(("places", "n", "notes", "refused"), [
    (["cat", "dog", "unlabelled"], 99,
     ["The folders in photos are taken as classes: 16 of 26 images to train on have a label from them, so rows are "
      "proposed among the 10 others. If they are no classes, move them into photos/unlabelled, or give the labels with "
      "--labels-file."], "--n 99 is more than the 10 rows of photos that have no label; ask for fewer."),
    (["cat", "dog"], 5, ["every row has a label already, because folders are taken as classes; rows are proposed as if "
                         "none had."], None),
    (["", "unlabelled/cat", "unlabelled/dog"], 99, [], "--n 99 is more than the 24 rows"),
    (["", "unlabelled"], 5, [], None),
])  # fmt: skip
def test_folders_that_are_taken_as_classes_are_said(tmp_path, monkeypatch, capsys, places, n, notes, refused):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for place in places:
        for k in range(10):
            write_picture(tmp_path / "photos" / place / f"{k}.png", rng.integers(0, 256, (8, 8), dtype=np.uint8))
    data = load_data("photos")
    model = SimpleNamespace(category=None, classes=None)
    monkeypatch.setattr(module, "_clustering", lambda *_: (tmp_path, model))
    monkeypatch.setattr(module.inference, "features", lambda model, x: x.reshape(len(x), -1) / 255)
    if refused is None:
        assert len(suggest("photos", n).rows) == n
    else:
        with pytest.raises(UsageError, match=re.escape(refused)):
            suggest("photos", n)
    said = capsys.readouterr().err
    assert [line.removeprefix("Note: ") for line in said.splitlines() if "label" in line] == [
        *(note for note in data.notes if "label" in note), *notes]  # fmt: skip


def test_the_place_of_the_clustering_is_taken(folder, tmp_path):
    (tmp_path / "next-clustering" / "checkpoints").mkdir(parents=True)
    with pytest.raises(AAEError, match="next-clustering, where the clustering is kept, is there already and is no run"):
        suggest(folder / "rows.npz", 3, keep=tmp_path / "next-clustering")


def test_labels_of_the_data_are_said(folder, tmp_path, capsys):
    x = np.load(folder / "rows.npz")["x"]
    np.savez(tmp_path / "some.npz", x=x, y=np.where(np.arange(90) < 30, np.arange(90) % 3, -1))
    with pytest.raises(UsageError, match="--n 99 is more than the 60 rows"):
        suggest(tmp_path / "some.npz", 99)
    assert "24 of 84 rows to train on have a label in" in capsys.readouterr().err


def test_a_run_without_a_model(folder, tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_bytes((folder / "run" / "config.json").read_bytes())
    with pytest.raises(AAEError, match="has no model yet, because its training did not finish"):
        suggest(tmp_path / "half", 3)


def test_the_command(folder, tmp_path, cli):
    done = cli("suggest", folder / "run", "--n", 3, "--labels-file", folder / "labels.csv", "--out", tmp_path / "a.csv")
    assert (done.code, done.out.splitlines()[0]) == (0, f"3 rows to label: {tmp_path / 'a.csv'}")
    assert (tmp_path / "a.csv").read_text().startswith("index,label,proposed,why\n")
    assert cli("suggest", folder / "run", "--n", 3, "--out", tmp_path / "a.txt").code == 2
    done = cli("suggest", folder / "run", "--n", 3, "--out", tmp_path / "missing" / "a.csv")
    assert (done.code, done.err.count("\n")) == (1, 1)


def start(folder, run, file, steps=1, **options):
    reading = ReadOptions(labels_file=str(folder / file))
    return train_preset("semi-supervised", folder / "rows.npz", reading=reading, changes=SMALL, start=folder / run,
                        progress=False, device="cpu", **({"steps": steps} | options))  # fmt: skip


def test_weights_are_the_start(folder):
    model = start(folder, "run", "labels.csv", steps=1, out=folder / "next").model
    old, scratch = load(folder / "run"), load(folder / "pair")
    distance = [torch.dist(next(model.trunk.parameters()), next(one.trunk.parameters())) for one in (old, scratch)]
    assert distance[0] < 0.01
    assert distance[0] < distance[1] or torch.equal(next(old.trunk.parameters()), next(scratch.trunk.parameters()))
    config = read_config(RunDir(folder / "next"))
    assert (config["from"], config["length"]) == (str(folder / "run"), {"steps": 1})


@pytest.mark.parametrize(("names", "sentence"), [
    (["a", "b", "c"], "are the start."), (["c", "a", "b"], "are the start."),
    (["a", "x", "c"], "new classes: x; classes that are no longer there: b."),
    (["c", "a"], "discriminators, the decoder start anew; classes that are no longer there: b."),
    (["b", "d", "a", "c"], "discriminators, the decoder start anew; new classes: d."),
])
def test_class_outputs_go_by_name(folder, names, sentence):
    old = load(folder / "run")
    from dataclasses import replace

    from aae.presets.build import build_model
    from aae.presets.presets import resolve

    data = replace(load_data(folder / "rows.npz"), classes=names)
    options = replace(resolve("semi-supervised", SMALL, 3), class_prior="uniform")
    model = build_model(options, data, 3)
    fresh = model.category.posterior.logits.weight.detach().clone()
    assert start_from(model, folder / "run").endswith(sentence)
    for k, name in enumerate(names):
        expected = old.category.posterior.logits.weight["abc".index(name)] if name in "abc" else fresh[k]
        assert torch.equal(model.category.posterior.logits.weight[k], expected)
    assert all(torch.equal(a, b) for a, b in zip(model.trunk.parameters(), old.trunk.parameters(), strict=True))


def test_a_third_of_the_length(folder, monkeypatch):
    from aae.runs.start import shortened

    data = load_data(folder / "rows.npz", ReadOptions(labels_file=str(folder / "labels.csv")))
    changes, length = shortened("semi-supervised", data, SMALL, {"max_seconds": 5.0}, (20, "random", 0))
    assert (changes, length) == (SMALL, {"max_seconds": 5.0, "steps": 333})
    assert shortened("semi-supervised", data, SMALL, {"epochs": 3.0}, (20, "random", 0))[1] == {"epochs": 3.0}
    folds = with_all_labels(data, 0)  # which the plan of --dry-run has to know as well
    assert shortened("semi-supervised", folds, {}, {}, (20, "random", 0)) == ({}, {})


def test_networks_that_do_not_fit(folder):
    with pytest.raises(AAEError, match=r"run reads rows of shape \(3,\), the new model of \(8, 8\); read the data as"):
        train_preset("semi-supervised", "digits", start=folder / "run", changes=SMALL, steps=1, progress=False)
    reading, other = ReadOptions(labels_file=str(folder / "labels.csv")), {**SMALL, "hidden": [9]}
    with pytest.raises(AAEError, match="other layers than that of this preset"):
        train_preset("semi-supervised", folder / "rows.npz", start=folder / "run", changes=other, steps=1,
                     reading=reading, progress=False)  # fmt: skip
    with pytest.raises(AAEError, match=r"There is no folder .*none; make a run with"):
        start(folder, "none", "labels.csv")
