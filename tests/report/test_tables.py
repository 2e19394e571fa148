"""The report of a run on a table: rows as cells under the names of their columns, and what samples are like."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from aae.cli.results import figure_lines
from aae.data.dataset import ReadOptions
from aae.report.gallery import PICTURES, caption_of, write_run_report
from aae.report.sheets import reconstruction_sheet, sample_sheet
from aae.report.tables import row_sheets
from aae.runs.measure import measure_run
from aae.runs.open import open_run
from aae.runs.outputs import MEANS_ONLY, samples
from aae.runs.train import train_preset
from aae.system.errors import AAEError
from helpers.runs import train_small

OLD = Path(__file__).parents[1] / "data" / "version-0.1" / "table"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """400 customers: an identifier, skewed sums with two decimals, ages of which a third is empty, towns, dates."""
    folder = tmp_path_factory.mktemp("customers")
    generator = np.random.default_rng(0)
    lines = ["id,spent,age,town,since,churn"]
    for k in range(400):
        age = "" if k % 3 == 0 else str(generator.integers(18, 90))
        town = generator.choice(["Rome", "<b>Oslo</b>"], p=[0.8, 0.2])
        day = f"20{generator.integers(10, 20)}-0{generator.integers(1, 9)}-1{generator.integers(0, 9)}"
        lines.append(f"c{k:05},{generator.lognormal(3):.2f},{age},{town},{day},{generator.choice(['yes', 'no'])}")
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    train_preset("few-labels", folder / "data.csv", reading=ReadOptions(label_column="churn"), steps=3, labels=100,
                 changes={"hidden": [8], "discriminator_hidden": [8]}, out=folder / "run", progress=False)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return open_run(folder / "run")


def read(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_samples_are_rows_that_the_table_could_hold(folder, tmp_path):
    samples(folder / "run", 500, None, 0, tmp_path / "s.csv")
    data, drawn = read(folder / "data.csv"), read(tmp_path / "s.csv")
    assert list(drawn[0]) == ["spent", "age", "town", "since", "churn"]  # no identifier
    ages = [row["age"] for row in drawn]
    assert all(age == "" or 18 <= int(age) < 90 for age in ages)
    assert sum(age == "" for age in ages) / 500 == pytest.approx(1 / 3, abs=0.07)
    assert np.std([int(age) for age in ages if age]) == pytest.approx(20.8, rel=0.15)
    assert {row["town"] for row in drawn} == {"Rome", "<b>Oslo</b>"}
    assert sum(row["town"] == "Rome" for row in drawn) / 500 == pytest.approx(0.8, abs=0.07)
    assert min(row["since"] for row in data) <= min(row["since"] for row in drawn)
    assert max(row["since"] for row in drawn) <= max(row["since"] for row in data)
    assert {len(row["since"]) for row in drawn} == {10}
    assert all(len(row["spent"].partition(".")[2]) <= 2 for row in drawn)
    assert np.median([float(row["spent"]) for row in drawn]) == pytest.approx(np.exp(3), rel=0.25)


def test_samples_follow_their_seed(folder, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        samples(folder / "run", 5, None, seed, tmp_path / f"{name}.csv")
    first, second, third = ((tmp_path / f"{name}.csv").read_bytes() for name in "abc")
    assert first == second != third


def test_rows_are_shown_as_cells(run, folder):
    sheets = {sheet.key: sheet for sheet in row_sheets(run)}
    assert list(sheets) == ["reconstructions", "mistakes", "samples", "distances"]
    names = ["spent", "age", "town", "since"]
    assert list(sheets["reconstructions"].header) == ["Row", "", *names, "Label", "Prediction", "Confidence"]
    assert list(sheets["mistakes"].header) == ["Row", *names, "Label", "Prediction", "Confidence"]
    assert list(sheets["samples"].header) == names
    for sheet in sheets.values():
        assert all(len(row) == len(sheet.header) for row in sheet.rows)
    wrong = run.probabilities.argmax(1) != run.data.test_y
    assert f"{wrong.sum()} of {len(wrong)} labelled test rows" in sheets["mistakes"].caption
    row = sheets["mistakes"].rows[0]
    number, line = (int(word.strip("()")) for word in row[0].text.split() if word != "(line")
    assert wrong[run.data.keys.test.tolist().index(number)]
    cells = (folder / "data.csv").read_text().splitlines()[line - 1].split(",")
    assert (cells[0], cells[-1], cells[3]) == (f"c{number:05}", row[-3].text, row[3].text)
    assert {row[-3].text, row[-2].text} == {"yes", "no"}
    assert row[-1].text.endswith("%")
    assert "Gaussian copula" in sheets["distances"].caption


def test_the_report_of_a_table(run, monkeypatch):
    from aae.report import gallery

    monkeypatch.setattr(gallery, "PICTURES", {kind: PICTURES[kind] for kind in ("latent", "columns", "mistakes")})
    text = write_run_report(run, {}).read_text(encoding="utf-8")
    assert text.count('src="data:image/png') == 2
    assert "&lt;b&gt;Oslo" in text
    assert "<b>Oslo" not in text
    for heading in ("Reconstructions", "Mistakes", "Samples", "Distance of samples from the data"):
        assert f"<h3>{heading}</h3>" in text


def test_samples_are_compared_with_the_data_in_the_evaluation(run, folder):
    results = measure_run(run)
    assert 0 <= results["sample_accuracy"] <= 100
    assert 0 <= results["copula_accuracy"] <= 100
    assert list(results["sample_distances"]) == ["spent", "age", "town", "since"]
    assert results["sample_distance"] == pytest.approx(np.mean(list(results["sample_distances"].values())), abs=1e-4)
    assert json.loads((folder / "run" / "evaluation.json").read_text())["sample_distances"]
    assert not any(line.startswith("sample_distances") for line in figure_lines(results))


@pytest.mark.parametrize("kind", ["reconstructions", "mistakes", "samples"])
def test_rows_of_a_table_are_not_drawn_as_lines(run, folder, tmp_path, kind):
    with pytest.raises(AAEError, match="Rows of a table cannot be drawn as images; `aae report` shows them"):
        PICTURES[kind][0](run)
    for draw in (lambda out: reconstruction_sheet(folder / "run", str(folder / "data.csv"), out),
                 lambda out: sample_sheet(folder / "run", 3, None, 0, out)):  # fmt: skip
        with pytest.raises(AAEError, match="Rows of a table cannot be drawn"):
            draw(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_the_map_of_a_table_shows_training_rows(run):
    texts = [text.get_text() for text in PICTURES["latent"][0](run).legends[0].get_texts()]
    assert "training rows" in texts
    assert "Training rows" in caption_of("latent", run)


def test_images_are_shown_as_before(tmp_path):
    train_small("few-labels", out=tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert row_sheets(run) == []
    assert run.sample_quality is None
    assert run.model.noise is None
    with pytest.raises(AAEError, match="Column distributions need a table"):
        PICTURES["columns"][0](run)


def test_a_model_of_an_older_version_says_that_it_draws_means(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(OLD)
    samples(Path("."), 20, None, 0, tmp_path / "s.csv")
    assert MEANS_ONLY in " ".join(capsys.readouterr().err.split())
    assert len(read(tmp_path / "s.csv")) == 20
