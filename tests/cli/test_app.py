import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aae._version import __version__
from aae.evaluation.by_class import ENTRIES
from aae.model.artifact import load
from aae.presets.options import Options
from aae.presets.presets import PRESETS
from aae.presets.recipes import RECIPES
from aae.report.gallery import PICTURES
from aae.runs.open import open_run
from helpers.runs import SMALL, leftovers, python, rewrite, train_small

NARROW = [*(word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")), "--device", "cpu"]
QUICK = ["--steps", "2", "--no-report", *NARROW]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in a separate folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def figures(text):
    """The JSON object that a text consists of."""
    found = json.loads(text)
    assert text.count("\n") == 1
    assert isinstance(found, dict)
    assert all(isinstance(value, str | int | float) or name in ENTRIES for name, value in found.items())
    return found


FACTS = {"preset", "data", "labels", "seed", "device", "precision", "steps", "seconds"}


def test_from_training_to_everything_else(cli, folder):
    words = ["--labels", 50, "--seed", 3, "--precision", 32, "--steps", 2, *NARROW]
    done = cli("train", "semi-supervised", *words, "--out", "run")
    assert done.code == 0
    assert "2 steps in " in done.out
    assert " % of 360 labelled test examples (95 % interval: " in done.out
    said = "digits: 1,437 training examples, 239 of them for validation; 50 of 1,437 labels used; 360 test examples.\n"
    assert said in done.err
    assert "Report: run/report.html" in done.out
    assert "100% error" in done.err
    assert sorted(path.name for path in (folder / "run").iterdir()) == [
        ".lock", "checkpoints", "config.json", "evaluation.json", "metrics.csv", "model", "report.html",
        "rows.npz"]

    done = cli("evaluate", "run", "--json")
    assert (done.code, done.err) == (0, "")
    found = figures(done.out)
    shares = ("test_error", "validation_error", "style_leak", "prior_classifier_accuracy", "conditional_accuracy",
              "judge_accuracy", "baseline_logistic_regression", "baseline_random_forest")
    assert found.keys() == FACTS | {
        "calibration_error",
        *(f"{name}{end}" for name in shares for end in ("", "_rows", "_low", "_high")), "style_leak_chance",
        "reconstruction_loss", "squared_error", "prior_mismatch",
        "log_likelihood", "log_likelihood_se", "test_rows", "test_labelled", "validation_rows", "validation_labelled",
        "balanced_accuracy", *(f"recall_{k}" for k in range(10)), *ENTRIES}
    assert np.sum(found["confusion"]) == sum(found["support"].values()) == 360
    assert found["recall"] == {str(k): found[f"recall_{k}"] for k in range(10)}
    assert (found["test_rows"], found["test_labelled"], found["validation_rows"]) == (360, 360, 239)
    facts = {"preset": "semi-supervised", "data": "digits", "labels": 50, "seed": 3, "device": "cpu",
             "precision": "32", "steps": 2}
    assert {name: found[name] for name in facts} == facts
    assert json.loads((folder / "run" / "evaluation.json").read_text()) == found
    first, second, *printed = cli("evaluate", "run").out.splitlines()
    logistic, forest = (found[f"baseline_{name}"] for name in ("logistic_regression", "random_forest"))
    best = "logistic regression" if logistic <= forest else "random forest"
    assert second.startswith(f"on the same labels: logistic regression {logistic:.2f} %, random forest {forest:.2f} %")
    assert second.endswith(f"; {best} performs better on these data") == (min(logistic, forest) < found["test_error"])
    low, high = (f"{found[f'test_error_{end}']:.2f}" for end in ("low", "high"))
    error = f"{found['test_error']:.2f} % of 360 labelled test examples (95 % interval: {low} to {high} %)"
    assert first == f"test error: {error}"
    printed = [line for line in printed if not line.startswith("Undertrained")]
    lines = dict(re.split(" {2,}", line, maxsplit=1) for line in printed[:-11])
    assert lines["Test error"] == (f"{found['test_error']:.2f} %  95 % interval: {low} to {high} %; 360 labelled test "
                                   "examples; lower is better")
    assert lines["Prior classifier accuracy"].startswith(f"{found['prior_classifier_accuracy']:.1f} %")
    assert lines["Labels"] == "50"
    assert printed[-11].replace(" (95 % interval)", "").split() == ["class", "recall", "precision", "support"]
    assert {line.split()[0] for line in printed[-10:]} == set("0123456789")

    assert cli("predict", "run", "digits", "--out", "labels.csv").out == "360 predictions: labels.csv\n"
    with (folder / "labels.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["index", "label", "confidence", *(f"p_{k}" for k in range(10))]
    numbers = np.array(lines, dtype=float)
    assert np.array_equal(numbers[:, 0], np.arange(360))
    assert np.allclose(numbers[:, 3:].sum(1), 1, atol=1e-4)
    assert found["test_error"] == pytest.approx(100 * np.mean(numbers[:, 1] != open_run("run").data.test_y), abs=1e-3)

    for command, outs in {"encode": ("codes.npz", "codes.parquet"), "reconstruct": ("again.npz", "again.png")}.items():
        for out in outs:
            done = cli(command, "run", "digits", "--out", out)
            assert (done.code, done.err) == (0, "")
            assert done.out.endswith(f": {out}\n")
            assert (folder / out).stat().st_size > 500
    for words in ([], ["--label", "4"]):
        done = cli("sample", "run", "--n", 6, *words, "--seed", 1, "--out", "some.npz")
        assert (done.code, done.out) == (0, "6 samples: some.npz\n")
    assert cli("sample", "run", "--out", "some.png").out == "64 samples: some.png\n"
    assert not leftovers(folder)


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures(cli, folder, trained, kind):
    run = trained("labelled embedding")
    done = cli("plot", run, kind, "--out", "picture.png")
    if kind in ("typical", "neighbours"):
        assert (done.code, "photos that went through a frozen encoder" in done.err) == (1, True)
        return
    if kind in ("time", "columns"):  # the one is of MNIST, the other of tables
        assert done.code == 1
        assert ("MNIST" if kind == "time" else "table") in done.err
        return
    assert (done.code, done.out, done.err) == (0, f"{kind}: picture.png\n", "")
    with Image.open(folder / "picture.png") as picture:
        assert min(picture.size) > 100


@pytest.mark.parametrize(("name", "more"), [
    ("autoencoder", set()), ("clustering", {"cluster_error"}), ("vae", {"elbo"}),
    ("conditioned", {"component_accuracy"}),
])
def test_absent_figures_are_left_out(cli, copied, name, more):
    found = figures(cli("evaluate", copied(name), "--json").out)
    assert FACTS | {"reconstruction_loss"} | more <= found.keys()
    assert "test_error" not in found


def test_evaluating_on_other_data_leaves_the_runs_own_figures(cli, folder, copied):
    run = copied("semi-supervised")
    own = figures(cli("evaluate", run, "--json").out)
    np.savez("other.npz", x=RNG.integers(0, 256, (90, 8, 8), dtype=np.uint8), y=np.arange(90) % 10)
    other = figures(cli("evaluate", run, "--data", "other.npz", "--json").out)
    assert other["data"] == "other.npz"
    assert other["reconstruction_loss"] != own["reconstruction_loss"]
    assert json.loads((run / "evaluation.json").read_text()) == own


def test_presets(cli):
    done = cli("presets")
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == list(PRESETS)
    assert all(row.summary in line for row, line in zip(PRESETS.values(), lines, strict=True))
    done = cli("presets", "semi-supervised")
    *options, narrow, last = done.out.splitlines()
    assert narrow == "# fewer than 50 columns: transformation=off"
    found = dict(line.split("  # ")[0].strip().split("=") for line in options if not line.startswith("#"))
    assert list(found) == list(Options.__dataclass_fields__)
    assert (found["y"], found["reconstruction"], found["hidden"]) == ("supervised", "auto", "auto")
    assert sum(line.startswith("# ") for line in options) == 7  # headings
    assert all(len(line.split("  # ")[1]) > 5 for line in options if not line.startswith("#"))
    assert "recipe=tutorial or recipe=paper" in last
    assert "recipe" not in cli("presets", "vae").out
    assert "# vectors and tables: network=ensemble, hidden=[128,128]" in cli("presets", "few-labels").out
    assert "# at least 256 columns: network=mlp, hidden=auto" in cli("presets", "few-labels").out


def test_what_a_recipe_sets(cli):
    lines = cli("presets", "semi-supervised", "--recipe", "tutorial").out.splitlines()
    found = dict(line.split("  # ")[0].strip().split("=") for line in lines)
    assert list(found) == [name for name in Options.__dataclass_fields__ if name in RECIPES["tutorial"]["aae"]]
    assert (found["hidden"], found["reconstruction"], found["ema_decay"]) == ("[1000,1000]", "mean", "off")
    for words, sentence in ((["vae", "--recipe", "paper"], "'paper' covers aae, supervised, semi-supervised, not vae"),
                            (["aae", "--recipe", "tutorail"], "did you mean 'tutorial'?"),
                            (["--recipe", "paper"], "--recipe needs a preset, as in")):
        done = cli("presets", *words)
        assert (done.code, sentence in done.err, done.err.count("\n")) == (2, True, 1)


def test_printed_options_can_be_passed_back(cli, folder):
    lines = [line.split("  # ")[0].strip() for line in cli("presets", "vae").out.splitlines()]
    printed = [line for line in lines if not line.startswith(("hidden", "#"))]
    words = [word for line in printed for word in ("--set", line)]
    assert cli("train", "vae", "--steps", 2, "--no-report", "--set", "hidden=[8]", *words, "--out", "all").code == 0
    assert cli("train", "vae", "--steps", 2, "--no-report", "--set", "hidden=[8]", "--out", "none").code == 0
    assert all(torch.equal(a, b) for a, b in zip(load("all").parameters(), load("none").parameters(), strict=True))


def test_old_names_of_options_still_work_and_bring_a_note(cli, folder):
    words = ["--steps", 2, "--no-report", "--set", "hidden=[8]", "--set", "network=mlp", "--set", "consistency=0"]
    old = ["--set", "beginnings=1", "--set", "dividing=false", "--set", "neighbours=0.5"]
    done = cli("train", "clustering", *words, *old, "--out", "old")
    notes = [line for line in done.err.splitlines() if line.startswith("Note: ")]
    assert notes == [
        f"Note: The option {name} is now called {current}; the old name still works in 0.2, and not in 0.3."
        for name, current in (("beginnings", "restarts"), ("dividing", "split_clusters"),
                              ("neighbours", "neighbour_targets"))
    ]
    new = ["--set", "restarts=1", "--set", "split_clusters=false", "--set", "neighbour_targets=0.5"]
    assert (done.code, cli("train", "clustering", *words, *new, "--out", "new").code) == (0, 0)
    assert all(torch.equal(a, b) for a, b in zip(load("old").parameters(), load("new").parameters(), strict=True))
    done = cli("train", "clustering", "--set", "beginnings=2", "--set", "restarts=2")
    assert (done.code, "given twice, once by its old name beginnings" in done.err) == (2, True)


def test_version_and_help(cli):
    assert cli("--version").out == f"{__version__}\n"
    for words in ([], ["train"], ["evaluate"], ["sample"], ["bench"]):
        done = cli(*words, "--help")
        assert done.code == 0
        assert "Usage: aae" in done.out
    assert cli("train", "-h").out.count("--checkpoint-every") == 1


def test_words_of_the_options(cli, folder):
    words = ["--set", "prior=ring", "--set", "ema_decay=null", "--set", "lr=1e-2", "--set", "batch_norm=false",
             "--batch-size", 64, "--schedule", "alternating"]
    assert cli("train", "aae", *QUICK, *words, "--out", "run").code == 0
    options = json.loads((folder / "run" / "config.json").read_text())["options"]
    assert [options[name] for name in ("prior", "ema_decay", "lr", "batch_norm", "batch_size", "schedule")] == [
        "ring", None, 0.01, False, 64, "alternating"]


def test_a_run_gets_a_free_directory(cli, folder):
    for _ in range(3):
        assert cli("train", "vae", *QUICK).code == 0
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["vae-digits", "vae-digits-2", "vae-digits-3"]


@pytest.mark.parametrize("length", [["--epochs", 0.5], ["--steps", 3], ["--max-seconds", 0.05]])
def test_lengths(cli, folder, length):
    assert cli("train", "aae", *QUICK[2:], *length, "--out", "run").code == 0
    assert json.loads((folder / "run" / "config.json").read_text())["length"] == {
        length[0].removeprefix("--").replace("-", "_"): length[1]}


def test_an_npz_and_a_folder_of_idx_files(cli, folder, idx_folder):
    np.savez("rows.npz", x=RNG.standard_normal((60, 5)), y=["no", "yes"] * 30)
    assert cli("train", "semi-supervised", "--data", "rows.npz", "--labels", 10, *QUICK, "--out", "vectors").code == 0
    assert cli("predict", "vectors", "rows.npz", "--out", "labels.csv").code == 0
    assert (folder / "labels.csv").read_text().startswith("index,label,confidence,p_no,p_yes\n")
    assert cli("train", "semi-supervised", "--data", idx_folder, "--labels", 9, *QUICK, "--out", "images").code == 0
    assert cli("evaluate", "images").code == 0
    assert cli("predict", "images", idx_folder / "t10k-images-idx3-ubyte", "--out", "labels.csv").code == 0
    assert (folder / "labels.csv").read_text().count("\n") == 11


def test_resuming(cli, folder, copied, trained):
    run = copied("semi-supervised")
    again = ["train", "semi-supervised", "--out", run, "--resume"]
    for words in (["--checkpoint-every", 1], ["--device", "cpu", "--precision", "bf16"]):
        done = cli(*again, "--no-report", *words)
        assert (done.code, "2 steps in " in done.out) == (0, True)
    before = contents(run)
    for words in (["--seed", 0], ["--data", "digits"], ["--split", "random"], ["--set", "z=3"], ["--batch-size", 9],
                  ["--labels", 100], ["--max-seconds", 5]):
        done = cli(*again, *words)
        assert (done.code, done.err) == (2, f"aae: --resume takes every option from the run; drop {words[0]}.\n")
    assert contents(run) == before


def test_a_divergence(cli, folder):
    words = ["--steps", 6, "--set", "lr=1e38", "--set", "batch_norm=false", "--checkpoint-every", 0]
    done = cli("train", "aae", *QUICK, *words, "--out", "run")
    assert done.code == 1
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("aae: Training diverged: ")
    assert last.endswith("Lower the learning rate, for example with --set lr=0.0003.")
    assert not leftovers(folder)
    done = cli("evaluate", "run")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "has no model yet" in done.err


def test_an_interrupt_while_nothing_is_trained(cli, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("aae.runs.train.train_preset", interrupted)
    done = cli("train", "vae")
    assert done.code == 130
    assert done.err in ("", "aae: Stopped.\n")


@pytest.mark.parametrize(("error", "sentence"), [
    (MemoryError(), "There is not enough memory for this"),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
     "There is not enough memory for this"),
    (PermissionError(13, "Permission denied", "/there"), "/there: Permission denied."),
])
def test_errors_of_the_machine(cli, monkeypatch, error, sentence):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("aae.runs.train.train_preset", fails)
    done = cli("train", "vae")
    assert done.code == 1
    assert done.err.startswith(f"aae: {sentence}")
    assert done.err.count("\n") == 1


def test_bench(cli, folder, monkeypatch):
    from aae.report import bench

    monkeypatch.setattr(bench, "step_times", lambda *_, **__: dict.fromkeys(
        ("ms_per_step", "microseconds_per_row", "rows_per_second", "minutes_500_epochs"), 2.5))
    done = cli("bench", "semi-supervised", "--data", "digits", "--json")
    found = figures(done.out)
    assert found["cpu_tutorial_ms_per_step"] == found["cpu_ours_ms_per_step"] == 2.5
    assert (folder / "bench.png").is_file()


def test_bench_without_mocks(cli, folder):
    done = cli("bench", "vae", "--data", "digits", "--json", "--out", "bars.png")
    assert (done.code, done.err) == (0, "")
    assert figures(done.out)["cpu_ours_ms_per_step"] > 0


# Wrong commands, with the exit code and a part of the message. RUN is a semi-supervised run.
WRONG = {
    "unknown command": ("trian vae", 2, "No such command 'trian'"),
    "unknown option": ("train vae --step 2", 2, "No such option: --step"),
    "no preset": ("train", 2, "Missing argument 'PRESET'"),
    "no out": ("encode RUN digits", 2, "Missing option '--out'"),
    "a key of images": ("predict RUN digits --id name", 2, "names a column of a table (.csv, .parquet), and digits"),
    "processes without a file": ("predict RUN digits --devices 2", 2, "name it with --out FILE.csv"),
    "no configuration": ("train --config absent.toml", 1, "absent.toml cannot be read (No such file or directory)"),
    "configuration of another kind": ("train --config words.bin", 1, "words.bin is not a TOML file"),
    "resuming without training": ("train vae --resume --out RUN --dry-run", 2, "drop --dry-run and --write-config"),
    "no runs": ("runs absent", 1, "There is no folder absent; name the one that holds your runs"),
    "no run to show": ("info absent", 1, "There is no folder absent; check the path."),
    "components without a class": ("evaluate RUN --components json", 2, "--components takes module:Class"),
    "components of no module": ("evaluate RUN --components nowhere:A", 1, "The module nowhere cannot be imported"),
    "a run to evaluate that is not there": ("evaluate nowhere", 1, "There is no folder nowhere; make a run with"),
    "no name that is close": ("train qqqqqqq", 2, "There is no preset 'qqqqqqq'. Known: aae,"),
    "components of no second class": ("evaluate RUN --components json:JSONEncoder,A", 1, "json has no class A"),
    "components without a second class": ("evaluate RUN --components json:JSONEncoder,", 2,
                                          "--components takes module:Class"),
    "components of no class": ("plot RUN latent --out a.png --components json:A", 1, "json has no class A"),
    "no number": ("train vae --steps two", 2, "'--steps': Input should be a valid integer"),
    "negative seed": ("train vae --seed -1", 2, "greater than or equal to 0"),
    "no samples": ("sample RUN --n 0 --out a.npz", 2, "greater than or equal to 1"),
    "unknown preset": ("train vea", 2, "There is no preset 'vea'; did you mean 'vae'?"),
    "unknown preset to list": ("presets vea", 2, "There is no preset 'vea'; did you mean 'vae'?"),
    "unknown preset to time": ("bench vea", 2, "There is no preset 'vea'; did you mean 'vae'?"),
    "unknown data": ("train vae --data digts", 2, "There is no data set 'digts'; did you mean 'digits'?"),
    "unknown data to evaluate": ("evaluate RUN --data digts", 2, "There is no data set 'digts'"),
    "unknown input": ("predict RUN digts --out a.csv", 2, "There is no data set 'digts'"),
    "unknown setting": ("train vae --set droput=0.1", 2, "There is no option 'droput'; did you mean 'dropout'?"),
    "setting without a value": ("train vae --set dropout", 2, "--set takes name=value, not 'dropout'"),
    "setting of a wrong type": ("train vae --set z=two", 2, "The option z takes a whole number or off, not 'two'"),
    "setting out of range": ("train vae --set lr=NaN", 2, "The option lr must be a number above 0, not nan"),
    "setting of an unknown word": ("train vae --set prior=rng", 2, "The option prior takes gaussian, ring, "),
    "batch of none": ("train vae --batch-size 0", 2, "The option batch_size must be a number of at least 2, not 0"),
    "unknown schedule": ("train vae --schedule x", 2, "The option schedule takes joint or alternating, not 'x'"),
    "unknown picture": ("plot RUN latnt --out a.png", 2, "There is no plot 'latnt'; did you mean 'latent'?"),
    "unknown split": ("train semi-supervised --split rnd", 2, "There is no split 'rnd'"),
    "unknown recipe": ("train aae --set recipe=x", 2, "There is no recipe 'x'"),
    "recipe of other presets": ("train vae --set recipe=paper", 2, "'paper' covers aae, supervised, semi-supervised"),
    "two lengths": ("train vae --steps 2 --epochs 1", 2, "Give one of epochs, steps and seconds, not epochs and"),
    "no length": ("train vae --steps 0", 1, "steps must be a whole number above zero, not 0"),
    "endless": ("train vae --epochs inf", 1, "epochs must be a number above zero, not inf"),
    "absent data": ("train vae --data absent.npz", 1, "No data at absent.npz"),
    "labels fewer than classes": ("train semi-supervised --labels 9", 1, "9 labels are fewer than the 10 classes"),
    "labels more than rows": ("train semi-supervised --labels 2000", 1, "digits has 1437 labelled training rows"),
    "labels below zero": ("train semi-supervised --labels -1", 1, "labels must be a whole number of at least 0"),
    "labels of no use": ("train vae --labels 50", 1, "Labels would select a component of the prior"),
    "no labels": ("train semi-supervised --labels 0", 1, "learns from labels"),
    "tutorial's split": ("train semi-supervised --split tutorial", 1, "The tutorial split needs 1,300 rows of each"),
    "terms without classes": ("train aae --set vat_radius=0.2", 1, "terms for few labels need one categorical"),
    "no GPU": ("train vae --device cuda", 1, "PyTorch finds none here; use --device cpu or auto"),
    "unknown device": ("train vae --device gpu", 1, "Device is auto, cpu or cuda"),
    "unknown precision": ("train vae --precision 16", 1, "precision auto, 32 or bf16"),
    "existing out": ("train vae --out mine", 1, "mine exists already; choose another --out"),
    "file as out": ("train vae --out rows.npy", 1, "rows.npy exists already"),
    "out below a file": ("train vae --out rows.npy/run", 1, "rows.npy/run cannot be made (Not a directory)"),
    "resume without out": ("train vae --resume", 2, "name it with --out RUN"),
    "resume of nothing": ("train vae --resume --out absent", 1, "There is no folder absent; make a run with"),
    "resume of another preset": ("train vae --resume --out RUN", 1, "is a run of semi-supervised, not of vae"),
    "resume with a length": ("train semi-supervised --resume --out RUN --steps 9", 2, "from the run; drop --steps"),
    "no run": ("evaluate mine", 1, "mine is not a run: it has no config.json"),
    "no run to report": ("report absent", 1, "There is no folder absent; make a run"),
    "no model": ("predict mine digits --out a.csv", 1, "mine holds no model: expected spec.json"),
    "rows of another shape": ("predict RUN rows.npy --out a.csv", 1, "the input has rows of shape (7, 7)"),
    "data of another shape": ("evaluate RUN --data rows.npz", 1, "rows.npz has rows of shape (7, 7)"),
    "truncated input": ("predict RUN cut.npz --out a.csv", 1, "cut.npz is not a readable numpy file"),
    "input of another kind": ("encode RUN words.bin --out a.npz", 1, "words.bin is not an IDX file of bytes"),
    "absent input": ("reconstruct RUN absent.npy --out a.npz", 1, "No data at absent.npy"),
    "no classes to predict": ("predict VAE digits --out a.csv", 1, "has no class or cluster output"),
    "ending of predictions": ("predict RUN digits --out a.txt", 2, "a.txt should end in .csv"),
    "ending of codes": ("encode RUN digits --out a.csv", 2, "a.csv should end in .npz or .parquet"),
    "ending of reconstructions": ("reconstruct RUN digits --out a", 2, "a should end in .npz or .png"),
    "ending of samples": ("sample RUN --out a.jpg", 2, "a.jpg should end in .npz or .png"),
    "ending of a picture": ("plot RUN latent --out a.gif", 2, "a.gif should end in .png or .svg or .pdf"),
    "ending of the bars": ("bench vae --data digits --out a.csv", 2, "a.csv should end in .png"),
    "folder of predictions": ("predict RUN digits --out absent/a.csv", 1, "The folder absent does not exist"),
    "folder of codes": ("encode RUN digits --out absent/a.npz", 1, "The folder absent does not exist"),
    "folder of samples": ("sample RUN --out absent/a.png", 1, "The folder absent does not exist"),
    "folder of a picture": ("plot RUN latent --out absent/a.png", 1, "The folder absent does not exist"),
    "folder of the bars": ("bench vae --data digits --out absent/a.png", 1, "The folder absent does not exist"),
    "label without classes": ("sample VAE --label 3 --out a.npz", 1, "has no classes to sample from"),
    "unknown label": ("sample RUN --label x --out a.npz", 1, "The model has no class 'x'; it has 0, 1, 2"),
    "no such picture": ("plot VAE confusion --out a.png", 1, "This model is not a classifier"),
}


@pytest.mark.parametrize("case", WRONG)
def test_one_sentence_and_nothing_left(cli, folder, trained, case, monkeypatch):
    words, code, sentence = WRONG[case]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (folder / "mine").mkdir()
    (folder / "mine" / "notes").write_text("mine")
    (folder / "words.bin").write_text("words")
    rows = RNG.integers(0, 256, (20, 7, 7), dtype=np.uint8)
    np.save("rows.npy", rows)
    np.savez("rows.npz", x=rows)
    (folder / "cut.npz").write_bytes((folder / "rows.npz").read_bytes()[:300])
    runs = {"RUN": str(trained("semi-supervised")), "VAE": str(trained("vae"))}
    before = contents(folder), {name: contents(trained(name)) for name in ("semi-supervised", "vae")}
    words = [runs.get(word, word) for word in words.split()]
    if words[0] == "train" and "--out" not in words and "--resume" not in words:
        words += ["--out", "run"]
    done = cli(*words)
    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    if done.err.startswith("Usage: "):
        assert done.err.count("\n") == 4
    else:
        assert done.err.startswith("aae: ")
        assert done.err.endswith((".\n", "?\n"))
        assert done.err.count("\n") == 1
    assert (contents(folder), {name: contents(trained(name)) for name in ("semi-supervised", "vae")}) == before
    assert not (folder / "run").exists()
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("spoil", ["a file missing", "truncated", "labels missing"])
def test_mnist_that_is_damaged(cli, folder, idx_folder, monkeypatch, spoil):
    shutil.copytree(idx_folder, folder / "data" / "mnist")
    monkeypatch.setenv("AAE_DATA_DIR", str(folder / "data"))
    images = folder / "data" / "mnist" / "t10k-images-idx3-ubyte"
    labels = folder / "data" / "mnist" / "t10k-labels-idx1-ubyte"
    assert cli("train", "vae", "--data", "mnist", *QUICK, "--out", "run").code == 0
    if spoil == "a file missing":
        images.unlink()
    elif spoil == "truncated":
        images.write_bytes(images.read_bytes()[:-1])
    else:
        labels.write_bytes(labels.read_bytes()[:7] + b"\x09" + labels.read_bytes()[8:-1])
    before = contents(folder)
    for words in (["train", "vae", "--data", "mnist", *QUICK, "--out", "other"], ["evaluate", "run", "--json"],
                  ["predict", "run", "mnist", "--out", "labels.csv"], ["plot", "run", "latent", "--out", "a.png"]):
        done = cli(*words)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("aae: ")
        assert done.err.count("\n") == 1
        assert {"a file missing": "has no file t10k-images", "truncated": "truncated or damaged, copy it again",
                "labels missing": "holds 10 images, but its labels file 9 labels"}[spoil] in done.err
    assert contents(folder) == before


def test_the_output_of_a_process(trained):
    code = "from aae.cli.app import main; import sys; sys.argv = ['aae', *sys.argv[1:]]; main()"
    done = python(code, "predict", trained("semi-supervised"), "digits", "--out", "labels.csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "360 predictions: labels.csv\n", "")


def test_a_later_run_reads_the_notes(cli, folder):
    train_small("vae", out=folder / "run")
    rewrite(folder / "run" / "config.json", notes=["The code has collapsed."])
    assert cli("report", "run").code == 0
    assert "The code has collapsed." in (folder / "run" / "report.html").read_text(encoding="utf-8")


def test_all_commands_on_a_folder_of_images(cli, pets):
    done = cli("data", pets / "pets")
    assert done.code == 0
    assert "pets: 10 x 10 images, grey" in done.out
    assert not Path("data.png").exists()
    assert "Contact sheet: sheet.png" in cli("data", pets / "pets", "--out", "sheet.png").out
    with Image.open("sheet.png") as sheet:
        assert min(sheet.size) > 50
    words = ["--labels", 20, "--test", pets / "more", "--image-size", 12, *QUICK]
    assert cli("train", "few-labels", "--data", pets / "pets", "--out", "run", *words).code == 0
    assert cli("evaluate", "run").code == 0
    assert cli("predict", "run", pets / "more", "--out", "found.csv").code == 0
    with open("found.csv", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)][:2] == ["cat/0.png", "cat/1.png"]
    assert cli("report", "run").code == 0


def test_data_without_images(cli, folder):
    np.savez(folder / "set.npz", x=RNG.random((50, 3)), y=[0] * 25 + [1] * 23 + [2] * 2)
    done = cli("data", "set.npz")
    assert done.code == 0
    assert "vectors of 3 numbers" in done.out
    assert "Warning: The class 2 has 2 labels to train on; label more examples of it." in done.err
    assert not (folder / "data.png").exists()


@pytest.mark.parametrize(("words", "code", "sentence"), [
    (["absent/folder"], 1, "No data at absent/folder: expected a file (.npz, .npy, .csv, .tsv, .parquet)"),
    (["digits", "--image-size", "9"], 2, "digits has a fixed format and fixed test rows"),
    (["digits", "--out", "sheet.txt"], 2, "sheet.txt should end in .png or .svg or .pdf"),
    (["."], 1, "holds no images"),
])
def test_data_that_cannot_be_shown(cli, folder, words, code, sentence):
    done = cli("data", *words)
    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    assert not list(folder.iterdir())


def test_tuning_leaves_a_report_and_says_how_to_train(cli, folder):
    pytest.importorskip("optuna")
    words = ["tune", "semi-supervised", "--steps", 2, "--seed", 3, *NARROW]
    done = cli(*words, "--trials", 2)
    assert done.code == 0, done.err
    assert "Best validation error " in done.out
    command = done.out.strip().splitlines()[-1]
    assert command.startswith("aae train semi-supervised --data digits --steps 2 --seed 3 --set")
    assert "--set lr=" in command
    assert (folder / "runs/tune-semi-supervised-digits/report.html").is_file()
    assert "trial 2 (2 of 2)" in done.err
    again = cli(*words, "--trials", 2)
    assert again.code == 0
    assert "trial" not in again.err
    refused = cli(*words, "--trials", 3, "--labels", 50)
    assert (refused.code, refused.out) == (2, "")
    assert "has labels 100, not 50" in refused.err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["tune", "semi-suprvised"], 2, "did you mean"),
        (["tune", "aae", "--trials", 0], 2, "trials"),
        (["tune", "aae", "--storage", "nonsense", *NARROW], 2, "The storage nonsense is not the URL of a database"),
        (["tune", "aae", "--storage", "sqlite:////no/such/file", *NARROW], 1, "/no/such/file cannot be opened"),
        (["tune", "aae", "--data", "nowhere.csv"], 1, "nowhere.csv"),
    ],
)
def test_tuning_that_cannot_start(cli, folder, words, code, text):
    pytest.importorskip("optuna")
    done = cli(*words)
    assert done.code == code
    assert text in done.err
    assert "Traceback" not in done.err
    assert not list(folder.glob("runs/*"))


def test_tables(cli, folder):
    """What was understood is said; unseen categories are counted, or refused if asked for."""
    lines = [f"{k % 7},5;{k % 3};{['red', 'blue'][k % 2]};{'ab'[k % 2]}" for k in range(60)]
    (folder / "rows.csv").write_text("\n".join(["size;ward;colour;kind", *lines]) + "\n")
    done = cli("data", "rows.csv", "--label-column", "kind")
    assert "3 columns, 2 of numbers and 1 of categories" in done.out
    assert "rows.csv: read 'size': '0,5' as 0.5." in done.err
    assert "'ward' holds few different whole numbers" in done.err
    assert "is no number with the decimal mark '.'" in cli("data", "rows.csv", "--decimal", ".").err
    words = ["--data", "rows.csv", "--label-column", "kind", "--categories", "ward", "--out", "run", "--steps", 2]
    done = cli("train", "few-labels", *words, *NARROW)
    assert done.code == 0, done.err
    assert "few different" not in done.err
    (folder / "new.csv").write_text("colour,size,ward,kind\nred,1.5,1,a\npink,2.5,9,b\npink,3.5,0,a\n")
    for command in (["predict", "run", "new.csv", "--out", "p.csv"], ["encode", "run", "new.csv", "--out", "c.npz"],
                    ["reconstruct", "run", "new.csv", "--out", "r.csv"], ["evaluate", "run", "--data", "new.csv"]):
        done = cli(*command)
        assert done.code == 0, done.err
        assert "2 of 3 rows hold categories that the model has not seen" in done.err, command
        assert "ward: '9' (1)" in done.err
        done = cli(*command, "--strict")
        assert done.code == 1
        assert "'pink' (2)" in done.err
