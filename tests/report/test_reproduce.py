import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from aae.presets.meanings import meaning_of
from aae.report.reproduce import facts_of, option_rows, reproduce, train_words
from aae.training.rundir import RunDir
from helpers.runs import differences, final_state

CONFIG = {"preset": "few-labels", "data": "/data/my table.csv", "labels": 60, "split": "random", "seed": 3,
          "device": "cpu", "precision": "32", "devices": 1, "changes": {"z": 4, "prior": "ring", "hidden": [8, 8],
          "ema_decay": None}, "length": {"max_seconds": 20.0}, "reading": {"label_column": "kind", "strict": True}}


def test_the_command_says_all_that_was_given():
    words = shlex.split(reproduce(CONFIG, Path("runs/a"), ["latent"])[0])
    assert words == ["aae", "train", "few-labels", "--data", "/data/my table.csv", "--labels", "60", "--seed", "3",
                     "--max-seconds", "20", "--set", "z=4", "--set", "prior=ring", "--set", "hidden=[8, 8]", "--set",
                     "ema_decay=null", "--label-column", "kind", "--strict", "--device", "cpu", "--precision", "32",
                     "--out", "runs/a-again"]
    steps = train_words(CONFIG, steps=1234)
    assert steps[steps.index("--steps") : steps.index("--set")] == ["--steps", "1234"]
    assert "--max-seconds" not in steps
    assert train_words(CONFIG | {"length": {"epochs": 2}}, steps=9)[7:9] == ["--epochs", "2"]
    assert "--split tutorial" in " ".join(train_words(CONFIG | {"split": "tutorial"}))
    assert "--labels" not in train_words(CONFIG | {"labels": None})


@pytest.mark.parametrize("config", [{**CONFIG, "data_in_memory": True}, {**CONFIG, "split": "given"},
                                    {k: v for k, v in CONFIG.items() if k != "preset"}])
def test_a_run_that_no_command_made_has_no_training_command(config):
    made, *commands = reproduce(config, Path("runs/a"), ["latent"])
    assert made == f"# trained by aae.{'train_preset' if 'preset' in config else 'train'} in Python"
    assert commands == ["aae evaluate runs/a --json", "aae report runs/a", "aae plot runs/a latent --out latent.png"]


def test_the_command_makes_the_same_weights_again(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    lines = [f"{a:.3f},{b:.3f},{'uv'[k % 2]},{'xy'[k % 2]}" for k, (a, b) in enumerate(rng.normal(size=(80, 2)))]
    Path("a table.csv").write_text("a,b,c,kind\n" + "\n".join(lines) + "\n")
    done = cli("train", "semi-supervised", "--data", "a table.csv", "--label-column", "kind", "--labels", 20, "--seed",
               5, "--steps", 3, "--set", "hidden=[8]", "--set", "z=3", "--device", "cpu", "--no-report", "--out", "run")
    assert done.code == 0
    config = RunDir("run").config()
    command, *_ = reproduce(config, Path("run"), [])
    assert cli(*shlex.split(command)[1:], "--no-report").code == 0
    assert differences(final_state("run"), final_state("run-again")) == []
    assert json.loads(Path("run-again/config.json").read_text())["options"] == config["options"]


def test_every_option_has_a_row():
    rows = option_rows({"options": {"z": 4, "hidden": [8, 8], "ema_decay": None, "gone": 1}})
    assert [(row.name, row.value) for row in rows] == [
        ("z", "4"), ("hidden", "8, 8"), ("ema_decay", "off"), ("gone", "1")]
    assert [row.meaning for row in rows] == [*map(meaning_of, ("z", "hidden", "ema_decay")), ""]


class Own(torch.nn.Module):
    """A class that its module has under its name."""


SETTINGS = {"epochs": None, "steps": 30, "max_seconds": None, "beta1": {"reconstruction": 0.5, "adversarial": 0.9},
            "learning_rate": {"reconstruction": 0.001, "adversarial": 0.001}, "ema_decay": None, "extras": [],
            "terms": [{"type": "Consistency", "change": {"type": "Affine", "degrees": 10}, "weight": 0.5}]}
MADE_BY_HAND = {"data": "digits", "labels": 10, "split": "random", "seed": 0, "device": "cpu", "settings": SETTINGS}


def test_the_commands_of_a_model_with_own_classes_name_them():
    class Local(torch.nn.Module):
        pass

    lines = reproduce(MADE_BY_HAND, Path("runs/a"), [], own=[Own, Local])
    assert lines == ["# trained by aae.train in Python", "# my_parts stands for your file with Local",
                     *(f"aae {command} --components {__name__}:Own --components my_parts:Local"
                       for command in ("evaluate runs/a --json", "report runs/a"))]


def test_a_run_without_a_preset_has_its_settings_in_place_of_options():
    assert {row.name: row.value for row in option_rows(MADE_BY_HAND)} == {
        "steps": "30", "beta1": "reconstruction 0.5, adversarial 0.9", "learning_rate": "0.001", "ema_decay": "none",
        "extras": "none", "terms": "Consistency(change=Affine(degrees=10), weight=0.5)"}
    facts = facts_of(MADE_BY_HAND)
    assert (facts["model"], facts["length"]) == ("built by its user, trained by aae.train in Python", {"steps": 30})
    assert "options" not in facts
    assert facts["same seed, same weights"].startswith("if torch is seeded before the model is built: bit-identical")
    timed = MADE_BY_HAND | {"settings": SETTINGS | {"max_seconds": 9.0}}
    assert facts_of(timed)["same seed, same weights"] == "no: its length was given in seconds"
    assert facts_of(CONFIG)["options"] == CONFIG["changes"]
    assert "Reproduce" in facts_of(CONFIG)["same seed, same weights"]
