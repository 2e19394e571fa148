import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import aae
from aae.model import component
from aae.system.errors import AAEError
from helpers.runs import train_small

OWN = """
import torch
from torch.distributions import Independent, Normal

class Crescent(torch.nn.Module):
    dim = 2

    def forward(self, n, labels=None):
        angle = torch.rand(n)
        return Independent(Normal(torch.stack([angle.cos(), angle.sin()], 1), 0.1), 1)
"""


class Moon(nn.Module):
    dim = 2

    def forward(self, n, labels=None):
        angle = torch.rand(n)
        return Independent(Normal(torch.stack([angle.cos(), angle.sin()], 1), 0.1), 1)


def own_run(prior, out):
    trunk = aae.MLPTrunk((8, 8), hidden=(8,))
    z = aae.Latent("z", aae.Point(8, 2), prior, aae.Adversarial(aae.Discriminator(2, hidden=(8,))))
    model = aae.Autoencoder([z], trunk, aae.MLPDecoder(2, (8, 8), hidden=(8,)))
    return aae.train(model, "digits", aae.Settings(steps=2), labels=0, progress=False, device="cpu", precision="32",
                     out=out)  # fmt: skip


def test_figures_of_a_run_a_result_and_an_opened_run_are_the_same(copied):
    path = copied("semi-supervised")
    found = aae.evaluate(path)
    assert json.loads((path / "evaluation.json").read_text()) == found
    assert aae.evaluate(aae.open_run(path)) == found
    assert found["test_error"] == aae.evaluate(str(path), "digits")["test_error"]


def test_a_result_in_memory_is_measured_and_has_no_report(tmp_path):
    result = train_small("autoencoder")
    found = aae.evaluate(result)
    assert (found["data"], found["steps"]) == ("digits", 2)
    assert found["squared_error"] > found["pca_squared_error"]
    with pytest.raises(AAEError, match="kept in memory, so it has no run directory; train with out=DIRECTORY"):
        aae.report(result)
    with pytest.raises(AAEError, match="Other data are read for a run directory"):
        aae.evaluate(result, "digits")


def test_a_model_with_an_own_prior_is_opened_measured_and_reported(tmp_path):
    result = own_run(Moon(), tmp_path / "run")
    opened = aae.open_run(tmp_path / "run", components=[Moon])
    assert type(opened.model.latent("z").prior) is Moon
    assert type(aae.open_run(tmp_path / "run", components=Moon).model.latent("z").prior) is Moon
    figures = aae.evaluate(tmp_path / "run", components=Moon)
    assert np.isfinite(figures["prior_mismatch"])
    assert aae.evaluate(result)["squared_error"] == figures["squared_error"]
    page = aae.report(tmp_path / "run", components=Moon)
    assert page == tmp_path / "run" / "report.html"
    with pytest.raises(AAEError, match=r"components=\[Moon\] in Python, or --components MODULE:Moon to a command"):
        aae.open_run(tmp_path / "run")


def test_commands_take_own_parts(cli, tmp_path, monkeypatch):
    (tmp_path / "crescents.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    from crescents import Crescent

    own_run(Crescent(), tmp_path / "run")
    done = cli("evaluate", "run")
    assert (done.code, "--components MODULE:Crescent" in done.err) == (1, True)
    with pytest.MonkeyPatch.context() as patch:  # the classes of a command are known to its process
        patch.setattr(component, "_REGISTRY", dict(component._REGISTRY))
        for words in (["evaluate", "run"], ["plot", "run", "latent", "--out", "map.png"], ["report", "run"],
                      ["encode", "run", "digits", "--out", "codes.npz"], ["sample", "run", "--out", "some.npz"],
                      ["info", "run"]):
            done = cli(*words, "--components", "crescents:Crescent")
            assert done.code == 0, done.err


def test_the_room_of_reports_is_still_a_room():
    import aae.report.plots as plots

    assert aae.report.plots is plots
    assert callable(aae.report)
