import pytest

from aae.runs.card import write_card
from aae.runs.open import open_run

FIGURES = {"test_error": 1.234, "test_error_rows": 360, "test_error_low": 0.5, "test_error_high": 3.25,
           "prior_classifier_accuracy": 57.6, "style_leak": 30.0, "style_leak_chance": 11.4, "squared_error": 5.0,
           "seed": 3, "preset": "semi-supervised"}


def test_a_card_describes_the_model(trained, tmp_path):
    run = open_run(trained("semi-supervised"))
    text = write_card(run.model, run.config, FIGURES, tmp_path).read_text()
    assert text.startswith("# semi-supervised trained on digits\n\nSemi-supervised classifier")
    assert "rows of 8 x 8 values; 100 labels were used, seed 0." in text
    assert "Classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9." in text
    assert "| Test error | 1.23 % | 95 % interval: 0.50 to 3.25 %; 360 labelled test examples | fraction of" in text
    assert "| Prior classifier accuracy | 57.6 % | chance: 50 % | of a classifier that distinguishes codes from" in text
    assert "| Style leak | 30.0 % | chance: 11.4 % | " in text
    assert "seed |" not in text
    assert 'aae.load("this folder")' in text
    assert "aae.classify(model, rows)" in text
    assert f"torch {run.config['versions']['torch']}" in text


def test_a_card_of_a_model_without_classes_or_figures(trained, tmp_path):
    run = open_run(trained("vae"))
    text = write_card(run.model, {"data": "/home/someone/secret/rows.npz"}, {}, tmp_path).read_text()
    assert text.startswith("# Autoencoder trained on rows.npz")
    assert "secret" not in text
    assert "Classes" not in text
    assert "classify" not in text
    assert "on the test rows" not in text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a\n# b", "[x](http://y)", "| c |"])
def test_names_of_classes_stay_text(trained, tmp_path, name):
    run = open_run(trained("semi-supervised"))
    run.model.classes = [name, *range(9)]
    text = write_card(run.model, {"data": name}, {}, tmp_path).read_text()
    assert "<script>" not in text
    assert "\n# b" not in text
    assert "[x](" not in text
    assert sum(line.startswith("#") for line in text.splitlines()) == 1
