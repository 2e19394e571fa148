"""The examples run, and the benchmarks name presets and options that exist."""

import importlib.util
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import platformdirs
import pytest

import aae
from aae.presets.presets import resolve
from aae.runs.prepare import prepare

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
    with pytest.raises(aae.AAEError, match="pass them: components="):
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


@pytest.fixture
def quality(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return load_script(ROOT / "benchmarks" / "quality.py")


def test_every_row_of_the_results_can_be_built(quality):
    data = aae.load_data("digits")
    for row in quality.ROWS.values():
        labels = row.labels and min(row.labels, 1000)
        changes = {**row.changes, "hidden": [4], "discriminator_hidden": [4], "channels": 1}
        _, settings, _, _ = prepare(row.preset, data, labels, "random", 0, changes, dict(row.length))
        assert settings.epochs == row.length.get("epochs")  # else the preset's own number of steps
        assert quality.settings(replace(row, data="digits")).items() >= dict(row.length).items()
    lines = [*quality.quality_page.TABLE, *quality.quality_page.UNSEEN]
    assert {line.row for line in lines} <= quality.ROWS.keys()
    assert {line.figure for line in lines} <= set(quality.FIGURES)


def test_every_run_has_one_place_in_the_notes(quality):
    page = quality.quality_page
    variants = [variant for _, variant, _ in page.PLACE.findall(page.NOTES.read_text())]
    assert len(variants) == len(set(variants))
    rows = {line["row"] for line in page.read(quality.LINES)} - quality.ROWS.keys()
    placed = {f"{row} {variant}" for row in quality.ROWS for variant in variants}
    assert rows <= placed
    assert [variant for variant in variants if not any(row.endswith(f" {variant}") for row in rows)] == [page.PRESENT]


@pytest.fixture
def page(quality, tmp_path, monkeypatch):
    monkeypatch.setattr(quality.quality_page, "PAGE", tmp_path / "results.md")
    monkeypatch.setattr(quality.quality_page, "PICTURE", tmp_path / "images" / "curve.png")
    monkeypatch.setattr(quality.quality_page, "NOTES", tmp_path / "notes.md")
    (tmp_path / "notes.md").touch()
    return quality.quality_page


def test_clusters_matched_one_to_one(quality):
    labels = np.repeat(np.arange(3), 4)
    clusters = np.eye(3)[(labels + 1) % 3]
    assert quality.matched_error(clusters, labels) == 0.0
    clusters[:3] = clusters[-1]  # three rows of class 0 in the cluster of class 2
    assert quality.matched_error(clusters, labels) == 25.0
    assert quality.matched_error(np.eye(3)[np.zeros(12, int)], labels) == pytest.approx(200 / 3)


def test_the_page_of_results_takes_the_newest_run_of_each_seed(page, tmp_path):
    usual = {"row": "semi-100", "settings": {"z": 10}, "seconds": 600, "machine": "M, 1 thread", "torch": "2",
             "curve": [[1, 9], [2, 3]]}  # fmt: skip
    runs = [(0, 9.0, {"z": 2}), (1, 5.0, {"z": 2}), (0, 1.5, {"z": 10}), (1, 9.0, {"z": 10}), (1, 2.5, {"z": 10})]
    lines = [{**usual, "seed": k, "settings": s, "figures": {"test_error": error}} for k, error, s in runs]
    (tmp_path / "lines").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page.write(tmp_path / "lines")
    (line,) = [line for line in (tmp_path / "results.md").read_text().splitlines() if "100 labels, `semi-s" in line][:1]
    assert "| **2.00 ± 0.71** | 2.50 | 2 | 10 min | ≤ 1.9, worst ≤ 2.6: **missed** so far |" in line
    assert (tmp_path / "images" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_notes_are_filled_in_again_each_time(page, tmp_path):
    usual = {"seed": 0, "settings": {}, "seconds": 600, "machine": "M, 1 thread, GPU", "torch": "2", "curve": []}
    rows = {"few-50 by squares": 2.0, "few-50": 1.0, "semi-supervised without learned changes by squares": 3.0}
    lines = [{**usual, "row": row, "figures": {"test_error": error}} for row, error in rows.items()]
    (tmp_path / "lines").write_text("".join(json.dumps(line) + "\n" for line in lines))
    place = "| idea | <!-- runs: by squares -->{}<!-- end --> | kept: <!-- runs: present presets -->{}<!-- end --> |\n"
    filled = "`few-50` 2.00 % (1), `semi-supervised` without tangent augmentation 3.00 % (1)", "`few-50` 1.00 % (1)"
    for before in (("", ""), ("`few-50` 9.00 % (1)", "old"), filled):
        (tmp_path / "notes.md").write_text(place.format(*before))
        page.write(tmp_path / "lines")
        assert (tmp_path / "notes.md").read_text() == place.format(*filled)
    assert "| **1.00** | 1.00 | 1 | 10 min on a GPU | ≤ 1.05: met so far |" in (tmp_path / "results.md").read_text()


def test_the_distance_of_gaussians(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    judge = load_script(ROOT / "benchmarks" / "judge.py")
    first, second = (np.zeros(2), np.diag([1.0, 4.0])), (np.array([3.0, 4.0]), np.diag([4.0, 9.0]))
    assert judge.between_gaussians(first, first) == pytest.approx(0, abs=1e-9)
    assert judge.between_gaussians(first, second) == pytest.approx(25 + (1 - 2) ** 2 + (2 - 3) ** 2)


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
