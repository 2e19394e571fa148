import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from aae.presets.meanings import meaning_of
from aae.report.reproduce import option_rows, reproduce, train_words
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
    commands = reproduce(config, Path("runs/a"), ["latent"])
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
