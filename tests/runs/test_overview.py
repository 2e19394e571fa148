import json
import os
from datetime import datetime

import pytest

from aae.runs.overview import find_runs, look_at, main_figure
from aae.system.errors import AAEError
from helpers.runs import rewrite


def write_run(folder, model=True, figures=None, **config):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"format": 1, **config}))
    if model:
        (folder / "model").mkdir()
    if figures is not None:
        (folder / "evaluation.json").write_text(figures if isinstance(figures, str) else json.dumps(figures))


def test_runs_below_a_folder(tmp_path):
    write_run(tmp_path / "b" / "deep", preset="few-labels", data="/some/photos", labels=80,
              figures={"test_error": 3.217})
    write_run(tmp_path / "a", preset="vae", data="mnist", labels=0, figures={"elbo": -102.31, "squared_error": 9})
    write_run(tmp_path / "c", model=False, preset="aae", data="digits")
    write_run(tmp_path / "d", data="digits", figures="{")
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "config.json").write_text("no json")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "config.json").write_text('{"name": "of another program"}')
    (tmp_path / "a" / "model" / "config.json").write_text("{}")  # what lies in a run is no other run
    os.utime(tmp_path / "a" / "config.json", (1e9, 1e9))
    found = list(find_runs(tmp_path))
    assert [(str(run.path.relative_to(tmp_path)), run.preset, run.data, run.figure) for run in found] == [
        ("a", "vae", "mnist", "ELBO -102.31"),
        ("b/deep", "few-labels", "photos", "test error 3.22 %"),
        ("c", "aae", "digits", "not finished"),
        ("d", "own model", "digits", "not evaluated"),
        ("e", "?", "?", "config.json cannot be read"),
    ]
    assert found[0].when == datetime.fromtimestamp(1e9)
    with pytest.raises(AAEError, match="There is no folder"):
        list(find_runs(tmp_path / "absent"))


@pytest.mark.parametrize(("figures", "text"), [
    ({"squared_error": 5.0, "test_error": 1.0}, "test error 1.00 %"), ({"cluster_error": 4.1}, "cluster error 4.10 %"),
    ({"squared_error": 5.4321}, "squared error 5.43"), ({"test_rows": 3}, None), ({}, None),
])
def test_the_main_figure(figures, text):
    assert main_figure(figures) == text


def test_figures_that_are_no_numbers_are_not_shown(tmp_path):
    write_run(tmp_path / "a", preset="vae", data="mnist", figures={"test_error": "none", "elbo": [1]})
    assert look_at(tmp_path / "a").figure == "not evaluated"


def test_the_commands(cli, copied, monkeypatch, tmp_path):
    run = copied("semi-supervised")
    monkeypatch.chdir(tmp_path)
    assert cli("evaluate", run).code == 0
    rewrite(run / "config.json", changes={"reconstruction": 0.0, "lr": 0.5})
    head, line = cli("runs", ".").out.splitlines()
    assert head.split() == ["run", "preset", "data", "labels", "result", "when"]
    assert line.split()[:4] == ["copied", "semi-supervised", "digits", "100"]
    assert " % " in line
    lines = dict(line.split("  ", 1) for line in cli("info", "copied").out.splitlines())
    told = {name.strip(): text.strip() for name, text in lines.items()}
    assert told["options"] == "reconstruction=mean lr=0.5"
    assert told["latent y"].endswith("labels: supervised")
    assert told["classes"] == "10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert told["figures"].startswith("test error ")
    model_alone = cli("info", "copied/model")  # as it is shared
    assert (model_alone.code, "parameters" in model_alone.out, "trained" in model_alone.out) == (0, True, False)
    (tmp_path / "empty").mkdir()
    assert cli("runs", "empty").out == "There are no runs in empty.\n"
