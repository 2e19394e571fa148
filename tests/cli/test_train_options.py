"""What is said of a training before there is one: configuration files, dry runs, help."""

import json
import re
import tomllib

import numpy as np
import pytest
import torch

from aae.cli.config_file import _toml
from aae.cli.examples import EXAMPLES, PICTURE_NAMES, complete_options, complete_pictures, complete_presets
from aae.model.artifact import load
from aae.presets.presets import PRESETS
from aae.report.gallery import PICTURES
from helpers.runs import python

QUICK = ["--no-report", "--device", "cpu", "--steps", 2]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_configuration_file_trains_what_the_command_line_would(cli, folder):
    words = ["semi-supervised", "--labels", 50, "--seed", 3, *QUICK, "--set", "hidden=[8]", "--set", "ema_decay=off",
             "--set", "reconstruction=mean"]
    done = cli("train", *words, "--write-config", "a.toml")
    assert (done.code, done.out, [path.name for path in folder.iterdir()]) == (0, "Options: a.toml\n", ["a.toml"])
    text = (folder / "a.toml").read_text()
    found = tomllib.loads(text)
    assert found == {"preset": "semi-supervised", "data": "digits", "split": "random", "seed": 3, "labels": 50,
                     "device": "cpu", "report": False, "steps": 2,
                     "set": {"hidden": [8], "ema_decay": "off", "reconstruction": "mean"}}
    assert "# widths of the hidden layers" in text
    assert cli("train", "--config", "a.toml", "--out", "file").code == 0
    assert cli("train", *words, "--out", "words").code == 0
    one, other = (load(name).state_dict() for name in ("file", "words"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_command_line_comes_before_the_file(cli, folder):
    (folder / "a.toml").write_text('preset = "vae"\nseconds = 9\nseed = 3\n[set]\nlr = 0.5\nz = 2\nhidden = [8]\n')
    words = ["--config", "a.toml", *QUICK, "--set", "lr=0.25", "--out", "run", "--seed", 4]
    assert cli("train", *words).code == 0
    config = json.loads((folder / "run" / "config.json").read_text())
    assert (config["preset"], config["seed"], config["length"]) == ("vae", 4, {"steps": 2})
    assert (config["options"]["lr"], config["options"]["z"]) == (0.25, 2)
    assert cli("train", "autoencoder", *words[:-4], "--out", "other").code == 0
    assert json.loads((folder / "other" / "config.json").read_text())["preset"] == "autoencoder"


@pytest.mark.parametrize(("text", "code", "sentence"), [
    ('preset = "vae"\nlabel = 3', 2, "option of aae train in a.toml called 'label'; did you mean 'labels'?"),
    ('preset = "vae"\nresume = true', 2, "called 'resume'"),
    ('preset = "vae"\nset = 3', 1, "set is a table of options; write [set]"),
    ('preset = "vae"\nhidden = [8]', 2, "a.toml: hidden is an option of the preset; move its line below [set]"),
    ('preset = "vae"\nlabels = [8]', 1, "labels takes one value; options that --set changes belong below [set]"),
    ('preset = "vae"\n[set]\nlrr = 1', 2, "a.toml, below [set]: There is no option 'lrr'; did you mean 'lr'?"),
    ('preset = "vae"\n[set]\nz = "two"', 2, "a.toml, below [set]: The option z takes a whole number"),
    ('preset = "vea"', 2, "did you mean 'vae'?"),
    ('preset = vae', 1, "a.toml is not a TOML file"),
    ('labels = 3', 2, "Missing argument 'PRESET'"),
    ('preset = "vae"\nlabels = 2.5', 2, "a.toml: labels = 2.5 is not valid: "),
    ('preset = "vae"\nsplit = "none"\nsteps = "many"', 2, "a.toml: steps = 'many' is not valid: "),
])
def test_files_that_are_wrong(cli, folder, text, code, sentence):
    (folder / "a.toml").write_text(text)
    done = cli("train", "--config", "a.toml", "--out", "run")
    assert (done.code, done.out, sentence in done.err) == (code, "", True), done.err
    assert not (folder / "run").exists()


@pytest.mark.parametrize("value", [
    "a", 'a "b" \\ c', "é\n\x7f\x01", 3, 0.5, 1e-05, 1e30, True, [1, 2], ["a", "b"], [0.5, 1],
])
def test_values_in_toml(value):
    assert tomllib.loads(f"a = {_toml(value)}")["a"] == value


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(cli, folder):
    rows = "\n".join(f"{k % 7},{'ab'[k % 2]},{'yes' if k % 2 else 'no'}" for k in range(90))
    (folder / "some.csv").write_text(f"age,town,answer\n{rows}\n")
    done = cli("train", "few-labels", "--data", "some.csv", "--label-column", "answer", "--dry-run", "--epochs", 3)
    assert (done.code, [path.name for path in folder.iterdir()]) == (0, ["some.csv"])
    lines = done.out.splitlines()
    options = dict(line.split("  # ")[0].strip().split("=") for line in lines if "  # " in line)
    assert (options["network"], options["epochs"]) == ("ensemble", "15")
    said, model, length = lines[-3:]
    assert said == "some: 90 training examples; 90 of 90 labels used; tested by cross-validation over 90 of them."
    total, *parts = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", model)]
    assert total == sum(parts)
    assert re.fullmatch(r"length: \d+ steps of 128 examples \(3 epochs\)", length)
    assert "Warning: " in done.err  # rows that are copies of others
    quiet = cli("train", "vae", "--dry-run", "--max-seconds", 5)
    assert quiet.out.endswith("or 5 seconds if that is shorter\n")
    assert cli("train", "vae", "--dry-run", "--seconds", 5).out.endswith("\nlength: 5 seconds\n")


def test_the_number_of_parameters_is_that_of_the_model(cli, trained):
    run = trained("semi-supervised")
    total = sum(p.numel() for p in load(run).parameters())
    assert f"parameters  {total:,} (encoder " in cli("info", run).out


def test_quiet(cli, folder):
    for words in (["train", "vae", *QUICK, "--set", "hidden=[8]", "--out", "a"], ["evaluate", "a"],
                  ["predict", "a", "digits"], ["encode", "a", "digits", "--out", "c.npz"]):
        done = cli(*words, "--quiet")
        assert done.err == ("" if done.code == 0 else "aae: This model has no class or cluster output; train "
                            "semi-supervised, few-labels or clustering.\n")
    assert "100%" in cli("train", "vae", *QUICK, "--set", "hidden=[8]", "--out", "b").err
    np.savez("set.npz", x=np.random.default_rng(0).random((50, 3)), y=[0] * 25 + [1] * 23 + [2] * 2)
    words = ["train", "semi-supervised", "--data", "set.npz", *QUICK, "--set", "hidden=[8]", "--out", "c", "-q"]
    told = cli(*words).err.splitlines()
    assert told
    assert all(line.startswith("Warning: ") for line in told)


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_help_of_every_command_has_examples_with_options_that_exist(cli, command):
    text = cli(command, "--help").out
    for example in EXAMPLES[command]:
        assert f"\n    {example}\n" in text
        assert example.startswith(f"aae {command}")
        assert all(option in text for option in re.findall(r" (--[a-z-]+)", example))
        assert len(example) <= 80


def test_summaries_are_whole(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = cli("--help").out
    assert "..." not in text.split("Commands:")[1].split("Examples:")[0]
    assert all(f"\n  {command} " in text for command in EXAMPLES)


def test_words_that_a_shell_completes():
    assert complete_presets("a") == ["autoencoder", "aae"]
    assert complete_presets("") == list(PRESETS)
    assert complete_pictures("m") == ["manifold", "mistakes"]
    assert sorted(PICTURE_NAMES) == sorted(PICTURES)
    assert complete_options("recon") == ["reconstruction="]
    assert "recipe=" in complete_options("")


@pytest.mark.parametrize(("words", "expected"), [
    ("aae train semi", "semi-supervised"), ("aae plot run con", "confusion"), ("aae inf", "info"),
    ("aae train vae --dry", "--dry-run"),
])
def test_completion_in_a_shell(words, expected):
    code = "from aae.cli.app import main; main()"
    done = python(code, _AAE_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    assert expected in done.stdout.split()
