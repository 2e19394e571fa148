"""Runs of models that a user built, of classes of the user's own, as other users of the run see them."""

import html
import json
import re
import shlex
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from torch.distributions import Independent, Normal

import aae
from aae.model import component
from aae.model.component import foreign_classes
from aae.runs.card import write_card
from aae.system.errors import AAEError
from aae.training.rundir import RunDir
from aae.training.train import _reads_labels, _recovery_advice

SETTINGS = {"steps": 2, "lr_schedule": "cosine"}


class Star(torch.nn.Module):
    """A prior of one's own."""

    def __init__(self, dim=2):
        super().__init__()
        self.dim = dim

    def forward(self, n, labels=None):
        return Independent(Normal(torch.zeros(n, self.dim), 1.0), 1)


class Squares(torch.nn.Module):
    """A matching rule of one's own."""

    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = weight

    def penalty(self, posterior, codes, prior):
        return self.weight * codes.square().mean()


def own_model(rule=None):
    trunk = aae.MLPTrunk((8, 8), hidden=(8,))
    z = aae.Latent("z", aae.Point(8, 2), Star(), Squares() if rule is None else rule)
    return aae.Autoencoder([z], trunk, aae.MLPDecoder(2, (8, 8), hidden=(8,)))


@pytest.fixture(scope="module")
def own_run(tmp_path_factory):
    """A run of a model with two own classes, that no latent's labels help to train."""
    out = tmp_path_factory.mktemp("own") / "run"
    aae.train(own_model(), "digits", aae.Settings(**SETTINGS), labels=100, out=out, progress=False, device="cpu")
    return out


def test_foreign_classes_are_those_from_outside_of_the_package():
    assert foreign_classes(own_model()) == [Star, Squares]
    assert foreign_classes(own_model(aae.MMD())) == [Star]
    assert foreign_classes(aae.Latent("z", aae.Point(8, 2), aae.GaussianPrior(2), aae.MMD())) == []


def test_info_describes_the_settings(own_run, cli):
    told = cli("info", own_run, "--components", f"{__name__}:Star,Squares")
    lines = dict(line.split("  ", 1) for line in told.out.splitlines())
    told = {name.strip(): text.strip() for name, text in lines.items()}
    assert told["preset"] == "none: a model of your own, trained by aae.train in Python"
    assert told["options"] == "steps 2; lr_schedule cosine; else those of aae.Settings"
    assert f"`aae evaluate {own_run} --components {__name__}:Star,Squares` computes all of them" in told["figures"]


def test_the_commands_of_the_report_work(own_run, cli):
    page = aae.report(own_run, components=[Star, Squares]).read_text(encoding="utf-8")
    lines = html.unescape(re.search(r"<pre><code>(.*?)</code>", page, re.S)[1]).splitlines()
    assert lines[0] == "# trained by aae.train in Python"
    evaluate = shlex.split(lines[1])
    assert evaluate[-2:] == ["--components", f"{__name__}:Star,Squares"]
    assert cli(*evaluate[1:]).code == 0
    settings = page.partition("<h2>Settings</h2>")[2]
    assert "those of the preset" not in settings
    for cell in ('<th scope="row">length.steps</th><td>2</td>', '<th scope="row">lr_<wbr>schedule</th><td>cosine</td>'):
        assert cell in settings


def test_labels_that_no_latent_reads_are_not_said_to_be_used(own_run, cli):
    assert "no labels were used" in card_of(own_model())
    assert json.loads((own_run / "config.json").read_text())["labels_used"] == 0
    assert cli("runs", own_run.parent).out.splitlines()[1].split()[1:5] == ["own", "model", "digits", "0"]
    assert "; 100 of" not in cli("info", own_run, "--components", f"{__name__}:Star,Squares").out
    term = type("Term", (torch.nn.Module,), {"__module__": "my_parts"})()  # which may read the labels of a batch
    assert not _reads_labels(own_model(), aae.Settings(**SETTINGS, extras=[aae.Restarts(2)]))
    assert _reads_labels(own_model(), aae.Settings(**SETTINGS, terms=[term]))


def card_of(model):
    with TemporaryDirectory() as folder:
        return write_card(model, {"labels": 100, "labels_used": 0}, {}, Path(folder)).read_text()


def test_the_card_says_how_to_load_own_classes():
    text = card_of(own_model())
    assert f"from {__name__} import Star, Squares  # of the author's own, and not in this folder" in text
    assert 'aae.load("this folder", components=[Star, Squares])  # JSON' in text

    class Local(Star):
        pass

    latent = aae.Latent("z", aae.Point(8, 2), Local(), aae.MMD())
    text = card_of(aae.Autoencoder([latent], aae.MLPTrunk((8, 8), (8,)), aae.MLPDecoder(2, (8, 8), (8,))))
    assert "from my_parts import Local" in text
    assert "# my_parts stands for the file with Local" in text


@pytest.mark.parametrize(("rules", "summary"), [
    ([aae.Adversarial(aae.Discriminator(2, hidden=(8,))), aae.MMD()], "An adversarial autoencoder."),
    ([aae.MMD(), Squares()], "An autoencoder whose codes are matched to a prior by MMD and Squares."),
    ([], "An autoencoder whose codes are not matched to a prior."),
])
def test_the_card_says_how_codes_are_matched(rules, summary):
    assert f"\n\n{summary}\n" in card_of(own_model(rules))


def test_a_run_that_was_killed_is_continued_in_python(own_run, cli, tmp_path):
    killed = tmp_path / "killed"
    shutil.copytree(own_run, killed)
    shutil.rmtree(killed / "model")
    for command in ("evaluate", "info"):
        done = cli(command, killed)
        assert done.code == 1
        assert done.err == (f"aae: {killed} has no model yet, because its training did not finish; build the model "
                            "as before and call aae.train(..., resume=True).\n")
    model = own_model()
    result = aae.train(model, "digits", aae.Settings(**SETTINGS), labels=100, out=killed, progress=False, resume=True)
    assert result.step == 2
    assert _recovery_advice(RunDir(killed), of_preset=False) == (
        f"Continue from step 2 with aae.train(..., out={str(killed)!r}, resume=True), on any number of devices.")
    assert f"--out {killed} --resume" in _recovery_advice(RunDir(killed), of_preset=True)


def test_the_explorer_takes_own_classes(own_run, monkeypatch):
    for cls in (Star, Squares):  # which a command of another test made known in this process
        monkeypatch.delitem(component._REGISTRY, cls.__name__, raising=False)
    with pytest.raises(AAEError, match=r"components=\[Star, Squares\] in Python"):
        aae.explore(own_run, 20)
    assert "explorer" in repr(aae.explore(own_run, 20, components=[Star, Squares]))
