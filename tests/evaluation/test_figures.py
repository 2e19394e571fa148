import dataclasses

import numpy as np
import pytest
import torch

from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.data.splits import split_data
from aae.evaluation import inference, metrics
from aae.evaluation.figures import MIN_ROWS, evaluate
from aae.model.artifact import load
from aae.runs.open import open_run
from helpers.close import rounding
from helpers.runs import VARIANTS


def shares(*names):
    """The entries of errors and accuracies, with their rows and intervals."""
    return {f"{name}{end}" for name in names for end in ("", "_rows", "_low", "_high")}


LEAK = shares("style_leak") | {"style_leak_chance"}
READABLE = shares("class_readable") | {"class_readable_chance"}
ALWAYS = {"reconstruction_loss", "squared_error", *LEAK, "test_rows", "test_labelled"}
VALIDATION = {"validation_rows", "validation_labelled"}
DENSITY = {"log_likelihood", "log_likelihood_se", *VALIDATION}
PRIOR = shares("prior_classifier_accuracy") | {"prior_mismatch"}
MATCHED = ALWAYS | DENSITY | PRIOR
BY_CLASS = {"balanced_accuracy", "calibration_error", *(f"recall_{k}" for k in range(10))}
BASELINES = shares("baseline_logistic_regression", "baseline_random_forest")
GENERATED = shares("conditional_accuracy", "judge_accuracy")
CLASSIFIER = MATCHED | BY_CLASS | BASELINES | shares("test_error", "validation_error") | GENERATED
CLUSTERS = MATCHED | BY_CLASS - {"calibration_error"} | shares("cluster_error")
NOISY = {"noisy_error", "denoising_error"}
FOUND = {
    "autoencoder": ALWAYS | VALIDATION | READABLE, "denoising": ALWAYS | VALIDATION | NOISY | READABLE,
    "vae": MATCHED | {"elbo"} | READABLE,
    "aae": MATCHED | READABLE, "wae-mmd": MATCHED | READABLE, "info-vae": MATCHED | {"elbo"} | READABLE,
    "conditioned": MATCHED | NOISY | READABLE | GENERATED | shares("component_accuracy"),
    "supervised": (MATCHED - DENSITY) | GENERATED,  # every row is labelled: none is left for validation
    "plain supervised": MATCHED | GENERATED,
    "semi-supervised": CLASSIFIER, "few-labels": CLASSIFIER, "labelled embedding": CLASSIFIER,
    "clustering": CLUSTERS, "embedding": CLUSTERS,
    "discrete-vae": (ALWAYS | DENSITY | {"elbo"}) - LEAK, "tutorial aae": MATCHED | READABLE,
    "tutorial semi-supervised": CLASSIFIER, "paper semi-supervised": CLASSIFIER | NOISY,
}

NO_CLASSES = ("autoencoder", "denoising", "vae", "aae", "wae-mmd", "info-vae", "conditioned", "tutorial aae")
FOUND |= {name: FOUND[name] | {"pca_squared_error"} for name in NO_CLASSES}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_figures_of_every_model(name, trained):
    run = open_run(trained(name))
    before = torch.get_rng_state()
    found = evaluate(run.model, run.data, run.split)
    assert torch.equal(torch.get_rng_state(), before)
    assert found.keys() == FOUND[name]
    assert all(type(value) in (float, int) and np.isfinite(value) for value in found.values())
    assert (found["test_rows"], found["test_labelled"]) == (360, 360)
    for key in ("test_error", "validation_error", "cluster_error", "style_leak", "component_accuracy"):
        assert 0 <= found.get(key, 0) <= 100
    assert 0 <= found.get("prior_mismatch", 0) <= 50
    for key in [key.removesuffix("_low") for key in found if key.endswith("_low")]:
        assert 0 <= found[f"{key}_low"] <= found[key] <= found[f"{key}_high"] <= 100
        assert found[f"{key}_high"] > found[f"{key}_low"]
        assert found[f"{key}_rows"] >= 1
    assert found.get("class_readable", found.get("style_leak")) == found.get("style_leak")


@pytest.mark.numeric
def test_the_figures_are_those_of_the_test_rows(trained):
    run = open_run(trained("semi-supervised"))
    found = evaluate(run.model, run.data, run.split)
    x, y = run.data.test_x, run.data.test_y
    assert found["test_error"] == metrics.error_percent(y, inference.classify(run.model, x))
    known = run.split.validation
    expected = metrics.error_percent(run.data.y[known], inference.classify(run.model, run.data.x[known]))
    assert found["validation_error"] == expected
    near = rounding(64 + inference.CHUNK)  # the sum of a row, and of the rows of a chunk
    assert found["reconstruction_loss"] == pytest.approx(metrics.reconstruction_loss(run.model, x, y), rel=near)
    assert found["test_error_rows"] == len(y)
    assert found["style_leak_rows"] == len(y) // 2
    assert found["prior_classifier_accuracy_rows"] == len(y)  # half of the codes and as many prior samples
    assert found["style_leak"] == metrics.style_leak(inference.encode(run.model, x)["z"], y)
    assert evaluate(run.model, run.data, run.split) == found


@pytest.mark.numeric
def test_a_denoiser_is_compared_with_the_clean_rows(trained):
    run = open_run(trained("denoising"))
    found = evaluate(run.model, run.data)
    clean = run.data.test_x.astype(np.float32) / 255
    torch.manual_seed(0)
    noisy = run.model.corruption.corrupt(torch.from_numpy(clean)).numpy()
    near = rounding(64 + len(clean))
    assert found["noisy_error"] == pytest.approx(np.square(noisy - clean).sum((1, 2)).mean(), rel=near)
    output = inference.reconstruct(run.model, noisy)
    assert found["denoising_error"] == pytest.approx(np.square(output - clean).sum((1, 2)).mean(), rel=near)


def test_without_validation_rows_or_labels(trained):
    model, data = load(trained("semi-supervised")), load_data("digits")
    found = evaluate(model, data)
    assert found.keys() == CLASSIFIER - DENSITY - BASELINES - shares("validation_error")
    unlabelled = dataclasses.replace(data, test_y=np.full_like(data.test_y, -1))
    assert evaluate(model, unlabelled).keys() == found.keys() - BY_CLASS - shares("test_error") - LEAK - GENERATED
    assert evaluate(load(trained("clustering")), unlabelled).keys() == {
        "reconstruction_loss", "squared_error", *PRIOR, "test_rows", "test_labelled"}


@pytest.mark.parametrize("name", ["semi-supervised", "clustering", "conditioned", "supervised"])
def test_only_labelled_rows_count(name, trained):
    run = open_run(trained(name))
    known = np.arange(len(run.data.test_y)) % 3 > 0
    some = dataclasses.replace(run.data, test_y=np.where(known, run.data.test_y, -1))
    alone = dataclasses.replace(run.data, test_x=run.data.test_x[known], test_y=run.data.test_y[known])
    found, expected = (evaluate(run.model, data, run.split) for data in (some, alone))
    assert (found["test_rows"], found["test_labelled"]) == (360, known.sum())
    assert found.keys() == expected.keys()
    for key in ("test_error", "cluster_error", "component_accuracy", *BY_CLASS):
        assert found.get(key) == expected.get(key)
    if name == "supervised":  # a row without a label would be reconstructed as one of a random class
        assert found["reconstruction_loss"] == expected["reconstruction_loss"]


def test_one_blank_label_takes_no_figure_away(trained):
    run = open_run(trained("semi-supervised"))
    blank = dataclasses.replace(run.data, test_y=np.where(np.arange(360) == 7, -1, run.data.test_y))
    found = evaluate(run.model, blank, run.split)
    assert found.keys() == FOUND["semi-supervised"]
    assert found["test_labelled"] == 359


def test_recall_and_balanced_accuracy(trained):
    run = open_run(trained("semi-supervised"))
    keep = (run.data.test_y < 3) & ((run.data.test_y != 2) | (np.cumsum(run.data.test_y == 2) <= 2))
    few = dataclasses.replace(run.data, test_x=run.data.test_x[keep], test_y=run.data.test_y[keep])
    found = evaluate(run.model, few)
    predicted = inference.classify(run.model, few.test_x).argmax(1)
    recall = [100 * np.mean(predicted[few.test_y == k] == k) for k in range(3)]
    assert [found[f"recall_{k}"] for k in range(3)] == pytest.approx(recall)
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recall))
    assert "recall_3" not in found


def test_no_rows_to_test_on(trained):
    run = open_run(trained("semi-supervised"))
    none = dataclasses.replace(run.data, test_x=run.data.test_x[:0], test_y=run.data.test_y[:0])
    assert evaluate(run.model, none) == {"test_rows": 0, "test_labelled": 0}


@pytest.mark.parametrize("rows", [1, 2, MIN_ROWS - 1])
@pytest.mark.parametrize("name", ["semi-supervised", "clustering", "vae", "supervised", "conditioned"])
def test_few_rows_give_fewer_figures_and_no_failure(name, rows, trained):
    data = load_data("digits")
    few = Dataset("few", data.x[:100], data.y[:100], data.test_x[:rows], data.test_y[:rows], data.classes)
    found = evaluate(load(trained(name)), few, split_data(few, 20))
    assert all(np.isfinite(value) for value in found.values())
    assert {"reconstruction_loss", "squared_error"} <= found.keys()
    assert not {"prior_mismatch", "style_leak", "log_likelihood"} & found.keys()


def test_rows_of_one_class(trained):
    data = load_data("digits")
    rows = data.test_y == 3
    rows[:40] = True
    one = dataclasses.replace(data, test_x=data.test_x[rows], test_y=np.full(rows.sum(), 3))
    assert "style_leak" not in evaluate(load(trained("aae")), one)
