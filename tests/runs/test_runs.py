import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import torch

from aae.data.dataset import Dataset, ReadOptions
from aae.data.sources import load_data
from aae.data.splits import split_data
from aae.evaluation import inference, metrics
from aae.presets.presets import PRESETS, resolve
from aae.report.reproduce import reproduce
from aae.runs.open import open_run
from aae.runs.prepare import prepare
from aae.runs.train import resume_run, train_preset
from aae.system.errors import AAEError, UsageError
from aae.training.rundir import RunDir
from helpers.runs import SMALL, VARIANTS, differences, final_state, rewrite, train_small

KNOWN = 1437  # labelled training rows of digits


def save_npz(path, rows=40, names=None, shape=(8, 8)):
    x = np.random.default_rng(0).integers(0, 256, (rows, *shape), dtype=np.uint8)
    np.savez(path, x=x, **({} if names is None else {"y": np.resize(names, rows)}))
    return path


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_and_opens(name, trained):
    path = trained(name)
    run = open_run(path)
    assert run.config["preset"] == VARIANTS[name][0]
    assert run.directory.history().last("step") == 2
    assert np.isfinite(run.directory.history().last("reconstruction_loss"))
    codes = inference.encode(run.model, run.data.test_x[:3])
    assert all(np.isfinite(code).all() for code in codes.values())


def test_the_opened_model_is_the_trained_one(tmp_path):
    result = train_small("semi-supervised", seed=4, out=tmp_path / "run")
    run = open_run(result.path)
    assert all(torch.equal(a, b) for a, b in zip(run.model.parameters(), result.model.parameters(), strict=True))
    for part in ("labelled", "unlabelled", "validation"):
        assert np.array_equal(getattr(run.split, part), getattr(result.split, part))
    assert run.directory.path == result.path


def test_the_configuration_is_complete(tmp_path):
    result = train_small("aae", seed=4, out=tmp_path / "run", changes={"recipe": "tutorial", "ema_decay": None})
    config = json.loads((result.path / "config.json").read_text())
    assert config["preset"] == "aae"
    assert (config["data"], config["labels"], config["split"], config["seed"]) == ("digits", 0, "random", 4)
    assert config["length"] == {"steps": 2}
    assert config["changes"] == {**SMALL, "recipe": "tutorial", "ema_decay": None}
    options = dataclasses.asdict(resolve("aae", config["changes"]))
    assert config["options"] == json.loads(json.dumps(options))
    assert config["settings"]["schedule"] == "alternating"


@pytest.mark.parametrize(("preset", "given", "expected"), [
    ("semi-supervised", None, 100), ("semi-supervised", 30, 30), ("aae", None, 0), ("supervised", None, KNOWN),
    ("few-labels", None, 100),
])
def test_labels_that_are_used(preset, given, expected):
    assert len(train_small(preset, labels=given).split.labelled) == expected


def test_fewer_labels_than_the_preset_asks_for(tmp_path):
    path = save_npz(tmp_path / "few.npz", names=[1, 2, 3])
    assert len(train_small("semi-supervised", data=path, labels=None).split.labelled) == 27  # of 32


def test_a_preset_on_vectors():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 5)), np.arange(60) % 2
    data = Dataset("vectors", x.astype(np.float32), y, x[:9].astype(np.float32), y[:9], ["no", "yes"])
    result = train_small("semi-supervised", data=data, labels=10)
    assert result.model.classes == ["no", "yes"]
    assert inference.classify(result.model, data.test_x).shape == (9, 2)
    assert not result.model.likelihood.bounded


@pytest.mark.parametrize(("options", "kind", "sentence"), [
    ({"preset": "vea", "data": "absent.npz"}, UsageError, "no preset 'vea'; did you mean 'vae'"),
    ({"steps": 2, "epochs": 1}, UsageError, "Give one of epochs, steps and seconds, not epochs and steps"),
    ({"changes": {"zz": 1}}, UsageError, "no option 'zz'"),
    ({"data": "digts"}, UsageError, "no data set 'digts'; did you mean 'digits'"),
    ({"split": "rnd"}, UsageError, "no split 'rnd'"),
    ({"labels": 3}, AAEError, "3 labels are fewer than the 10 classes"),
    ({"labels": KNOWN + 1}, AAEError, f"but digits has {KNOWN} labelled training rows"),
    ({"preset": "aae", "labels": 50}, AAEError, "Labels would select a component of the prior"),
    ({"preset": "aae", "changes": {"vat_radius": 0.1}}, AAEError, "terms for few labels need one"),
    ({"preset": None}, UsageError, "no preset None. Known: aae"),
    ({"preset": ["vae"]}, UsageError, r"no preset \['vae'\]. Known: aae"),
    ({"changes": ["lr=1"]}, UsageError, r"changes is a dictionary of options, as in {'lr': 0.001}, not \['lr=1'\]"),
    ({"changes": {1: 2}}, UsageError, "no option 1"),
    ({"labels": "ten"}, AAEError, "The number of labels must be a whole number of at least 0, not 'ten'"),
    ({"labels": 100.5}, AAEError, "The number of labels must be a whole number of at least 0, not 100.5"),
    ({"labels": "ten", "split": split_data(load_data("digits"), 20)}, AAEError, "number of labels must be a whole"),
    ({"seed": -1, "data": "absent.npz"}, AAEError, "seed must be a whole number from 0 to below .*, not -1"),
    ({"seed": "a"}, AAEError, "seed must be a whole number from 0 to below .*, not 'a'"),
    ({"steps": "5", "data": "absent.npz"}, AAEError, "steps must be a whole number above zero, not '5'"),
    ({"steps": 2.5}, AAEError, "steps must be a whole number above zero, not 2.5"),
    ({"seconds": "5"}, AAEError, "seconds must be a number above zero, not '5'"),
    ({"max_seconds": "5", "seconds": 1}, AAEError, "max_seconds must be a number above zero, not '5'"),
    ({"epochs": [1]}, AAEError, r"epochs must be a number above zero, not \[1\]"),
    ({"devices": "2"}, UsageError, "--devices must be 1 or more, not 2"),
    ({"checkpoint_every": "a"}, AAEError, "checkpoint_every must be a number of at least 0, not 'a'"),
    ({"reading": {"strict": True}}, UsageError, r"reading takes ReadOptions, as in .*, not dict"),
    ({"out": 3}, AAEError, "A run directory is given as a path, not as int"),
    ({"start": 3, "steps": 1}, AAEError, "A run directory is given as a path, not as int"),
])
def test_what_cannot_be_trained_leaves_nothing_behind(options, kind, sentence, tmp_path):
    options = {"preset": "semi-supervised", "progress": False, "out": tmp_path / "run", **options}
    with pytest.raises(kind, match=sentence):
        train_preset(**options)
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_train_the_same_as_pythons(tmp_path):
    numbers = {"labels": np.int64(20), "seed": np.int64(3), "steps": np.int64(2)}
    options = {"changes": SMALL, "progress": False, "device": "cpu"}
    path = train_preset("semi-supervised", "digits", out=tmp_path / "run", **numbers, **options).path
    other = {name: int(number) for name, number in numbers.items()}
    twin = train_preset("semi-supervised", "digits", out=tmp_path / "twin", **other, **options).path
    assert differences(final_state(path), final_state(twin)) == []


def test_preparing_follows_the_seed():
    data = load_data("digits")
    weights = []
    for seed in (0, 0, 1):
        torch.randn(3)
        model, settings, split, options = prepare("aae", data, 0, "random", seed, SMALL, {"epochs": 1.5})
        weights.append(torch.cat([parameter.flatten() for parameter in model.parameters()]))
        assert (settings.epochs, options["z"], len(split.labelled)) == (1.5, 2, 0)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_length_is_the_presets_own_if_none_is_given():
    data = load_data("digits")
    for preset in ("aae", "few-labels"):
        _, settings, split, options = prepare(preset, data, PRESETS[preset].labels, "random", 0, SMALL, {})
        passes = len(split.unlabelled) // options["batch_size"]
        assert settings.steps == max(options["min_steps"], options["epochs"] * passes)


@pytest.mark.parametrize("length", [{"seconds": 0.5}, {"steps": 2, "max_seconds": 60.0}, {"epochs": 0.1}])
def test_a_run_of_any_length_is_opened_and_says_how_it_was_made(length, tmp_path):
    run = open_run(train_small("vae", out=tmp_path / "run", **length).path)
    assert run.config["length"] == length
    command = reproduce(run.config, run.directory.path, [])[0]
    for name, value in length.items():
        assert f"--{name.replace('_', '-')} {value:g}" in command


def test_the_path_of_the_data_is_stored_as_absolute(tmp_path, monkeypatch):
    save_npz(tmp_path / "rows.npz")
    monkeypatch.chdir(tmp_path)
    run = train_small("vae", data="rows.npz", out="run").path
    assert json.loads((run / "config.json").read_text())["data"] == str(tmp_path / "rows.npz")
    monkeypatch.chdir("/")
    assert open_run(tmp_path / "run").data.name == "rows"
    os.remove(tmp_path / "rows.npz")
    with pytest.raises(AAEError, match=r"No data at .*rows.npz"):
        open_run(tmp_path / "run")


def test_other_data_of_the_same_shape(trained, tmp_path):
    digits = load_data("digits")
    path = tmp_path / "some.npz"
    np.savez(path, x=digits.test_x, y=digits.test_y, x_test=digits.test_x, y_test=digits.test_y)
    own = open_run(trained("semi-supervised"))
    other = open_run(trained("semi-supervised"), str(path))
    found = inference.classify(own.model, digits.test_x)
    assert metrics.error_percent(other.data.test_y, found) == metrics.error_percent(digits.test_y, found)
    assert len(other.split.labelled) == 0


def test_labels_of_other_data_are_numbered_as_the_models(trained, tmp_path):
    digits = load_data("digits")
    some = (digits.test_y == 3) | (digits.test_y == 8)
    names = digits.test_y[some].copy()
    names[:2] = -1  # no label
    x = digits.test_x[some]
    np.savez(tmp_path / "some.npz", x=x, y=names, x_test=x, y_test=names)
    data = open_run(trained("semi-supervised"), str(tmp_path / "some.npz")).data
    assert data.classes == list(range(10))
    assert np.array_equal(data.test_y, names)
    assert np.array_equal(data.y, names)
    # A model without classes keeps the data's own.
    assert open_run(trained("vae"), str(tmp_path / "some.npz")).data.classes == [3, 8]


def test_other_data_that_does_not_fit(trained, tmp_path):
    shape = save_npz(tmp_path / "shape.npz", shape=(9, 9))
    strange = save_npz(tmp_path / "strange.npz", names=["cat", "dog"])
    with pytest.raises(AAEError, match=r"takes rows of shape \(8, 8\), but .*shape.npz has rows of shape \(9, 9\)"):
        open_run(trained("semi-supervised"), str(shape))
    with pytest.raises(AAEError, match=r"strange has the class 'cat', which the model does not know; it knows 0, 1, "):
        open_run(trained("semi-supervised"), str(strange))
    assert open_run(trained("vae"), str(strange)).data.classes == ["cat", "dog"]


def test_a_run_that_did_not_finish(copied):
    run = copied("vae")
    shutil.rmtree(run / "model")
    with pytest.raises(AAEError, match=r"has no model yet, .*; continue with `aae train vae --out .*copied --resume`"):
        open_run(run)
    resume_run(run, progress=False)
    assert open_run(run).model.shape == (8, 8)


@pytest.mark.parametrize("spoil", ["absent", "preset", "python", "newer", "checkpoints"])
def test_what_cannot_be_resumed(spoil, copied, tmp_path):
    run = copied("vae") if spoil != "absent" else tmp_path / "absent"
    preset = "aae" if spoil == "preset" else "vae"
    if spoil == "checkpoints":
        shutil.rmtree(run / "checkpoints")
    elif spoil in ("python", "newer"):
        rewrite(run / "config.json", **({"format": 99} if spoil == "newer" else {"preset": None}))
    sentence = {
        "absent": "There is no folder .*absent; make a run with", "preset": "is a run of vae, not of aae",
        "python": "was not made from a preset", "newer": "which is newer than",
        "checkpoints": "No usable checkpoint in",
    }[spoil]
    with pytest.raises(AAEError, match=sentence):
        resume_run(run, preset, progress=False)


def test_a_run_on_a_folder_of_images_can_be_opened_and_resumed(pets, monkeypatch):
    (pets / "labels.csv").write_text("file,label\n" + "".join(f"cat/{k}.png,{k % 2}\n" for k in range(20)))
    monkeypatch.chdir(pets)
    reading = ReadOptions(image_size=12, labels_file="labels.csv", test="more")
    with pytest.raises(AAEError, match="only test rows have the label 'cat'"):
        train_preset("semi-supervised", "pets", labels=8, steps=2, out="run", progress=False, reading=reading)
    reading = ReadOptions(image_size=12, labels_file="labels.csv")
    straight = train_preset("semi-supervised", "pets", labels=8, steps=2, out="run", progress=False, reading=reading)
    monkeypatch.chdir("/")
    run = open_run(pets / "run")
    assert run.data.shape == run.model.shape == (12, 12)
    assert run.data.classes == ["0", "1"]
    assert np.array_equal(run.split.labelled, straight.split.labelled)
    assert resume_run(pets / "run", progress=False).step == 2


def test_other_images_are_read_in_the_format_of_the_model(pets):
    train_preset("semi-supervised", pets / "pets", labels=8, steps=2, out=pets / "run", progress=False)
    run = open_run(pets / "run", str(pets / "more"))
    assert run.data.shape == (10, 10)
    assert run.data.classes == ["cat", "dog"]


def test_invalid_read_options_in_the_configuration(pets):
    train_preset("semi-supervised", pets / "pets", labels=8, steps=2, out=pets / "run", progress=False)
    RunDir(pets / "run").add_to_config("reading", {"image_sise": 9})
    with pytest.raises(AAEError, match=r"config.json does not say how its data were read"):
        open_run(pets / "run")


def test_skipped_images_are_reported(pets):
    (pets / "pets" / "cat" / "3.png").write_bytes(b"")
    result = train_preset("semi-supervised", pets / "pets", labels=8, steps=2, out=pets / "run", progress=False)
    assert any("1 image could not be read" in note for note in result.notes)


def test_a_run_directory_that_exists_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AAEError, match="exists already"):
        train_preset("vae", tmp_path / "missing.csv", out=tmp_path)
