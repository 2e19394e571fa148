"""The examples run, and the benchmarks name presets and options that exist."""

import importlib.util
import json
import shlex
import sys
from pathlib import Path

import platformdirs
import pytest

import aae
from aae.presets import resolve

ROOT = Path(__file__).parent.parent


def load_script(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_own_parts_trains_draws_saves_and_loads(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["own_parts.py", "--steps", "3", "--out", str(tmp_path / "run")])
    script = load_script(ROOT / "examples" / "own_parts.py")
    script.main()
    assert (tmp_path / "run" / "map.png").read_bytes().startswith(b"\x89PNG")
    model = aae.load(
        tmp_path / "run" / "model", components=[script.TwoMoons, script.RowTrunk, script.SlicedWasserstein]
    )
    assert type(model.latent("z").prior).__name__ == "TwoMoons"
    with pytest.raises(aae.AAEError, match="pass it: aae"):
        aae.load(tmp_path / "run" / "model")


def test_demo_compares_on_the_same_draw():
    script = load_script(ROOT / "examples" / "demo.py")
    data = aae.load_data("digits")
    spread, svc = script.baselines(data, aae.split_data(data, 100, "random", 0)).values()
    assert 0 < spread < svc < 20
    text = script.render([{"aae few-labels": 2.0, "SVC": 8.0}, {"aae few-labels": 3.0, "SVC": 9.0}])
    assert "| aae few-labels | 2.50 | 0.71 | 3.00 |" in text


def test_every_row_of_the_tutorial_can_be_trained():
    script = load_script(ROOT / "benchmarks" / "tutorial.py")
    for arguments, figures in script.ROWS.values():
        preset, *rest = shlex.split(arguments)
        pairs = [rest[k + 1].partition("=") for k, word in enumerate(rest) if word == "--set"]
        names = {name: resolve(preset) for name, _, _ in pairs}
        assert set(names) <= {*vars(resolve(preset)), "recipe"}
        assert figures


def run_script(monkeypatch, name, *words):
    monkeypatch.setattr(sys, "argv", [name, *words])
    load_script(ROOT / "examples" / name).main()


def test_a_folder_of_images(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    run_script(monkeypatch, "image_folder.py", "--steps", "3", "--out", str(tmp_path / "out"))
    assert "of 300 new pictures in the wrong class" in capsys.readouterr().out
    assert len(list((tmp_path / "out" / "photos" / "digit-7").iterdir())) == 10
    first = (tmp_path / "out" / "predictions.csv").read_text().splitlines()[0]
    assert first.startswith("file,label,confidence,p_digit-0")
    assert (tmp_path / "out" / "run" / "report.html").is_file()


def test_tables(tmp_path, monkeypatch, capsys):
    run_script(monkeypatch, "tables.py", "--steps", "3", "--out", str(tmp_path))
    out = capsys.readouterr().out
    assert "cancer: " in out
    assert "wine: " in out
    assert "of 44 new rows in the wrong class" in out
    model = aae.load(tmp_path / "wine-run")
    assert model.classes == ["class_0", "class_1", "class_2"]
    assert model.table.names[0] == "alcohol"


def test_outliers(tmp_path, monkeypatch, capsys):
    run_script(monkeypatch, "outliers.py", "--steps", "20", "--out", str(tmp_path / "strange.png"))
    assert float(capsys.readouterr().out.split("the rest:")[1].split()[0]) > 0.6
    assert (tmp_path / "strange.png").read_bytes().startswith(b"\x89PNG")


def test_the_notebook(monkeypatch):
    monkeypatch.setenv("STEPS", "2")
    notebook = json.loads((ROOT / "examples" / "tutorial.ipynb").read_text())
    space = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            lines = [line for line in "".join(cell["source"]).splitlines() if not line.startswith("%")]
            exec("\n".join(lines), space)
    assert len(space["codes"]) == len(space["data"].test_x)
    assert space["classifier"].n_iter_ == 2
