import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import aae
from aae.data.dataset import Dataset
from aae.data.splits import Split, split_data
from aae.evaluation.baselines import (
    REPORTED,
    baseline_errors,
    baselines,
    cross_validated_errors,
    fold_numbers,
    pca_squared_error,
    random_forest,
)
from aae.runs.open import open_run


def test_folds_are_stratified_and_a_single_row_is_always_learned():
    y = np.repeat([0, 1, 2], [11, 5, 1])
    folds = fold_numbers(y, 0)
    assert sorted(np.bincount(folds[y == 0]).tolist()) == [2, 2, 2, 2, 3]
    assert sorted(folds[y == 1].tolist()) == [0, 1, 2, 3, 4]
    assert folds[y == 2].tolist() == [-1]
    assert np.ptp(np.bincount(folds[folds >= 0])) <= 1


def test_cross_validated_errors():
    """Class 1 is a shell around class 0; the single row of class 2 is always learned."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(301, 4))
    y = np.repeat([0, 1, 2], [150, 150, 1])
    x *= (np.where(y, 3.0, 0.5) / np.linalg.norm(x, axis=1))[:, None]
    found = cross_validated_errors(x.astype(np.float32), y)
    assert list(found) == list(REPORTED)
    assert found["logistic_regression"] > 30
    assert found["random_forest"] < 10


def test_without_two_rows_of_a_class_there_is_nothing_to_cross_validate():
    assert cross_validated_errors(np.zeros((2, 3)), np.array([0, 1])) == {}


def test_errors_beside_a_models(trained):
    """They learn from the labelled rows of the training alone, and are tested on its test rows."""
    run = open_run(trained("semi-supervised"))
    found = baseline_errors(run.model, run.data, run.split)
    x, y = (run.data.x[run.split.labelled].reshape(len(run.split.labelled), -1) / 255, run.data.y[run.split.labelled])
    forest = random_forest(0).fit(x.astype(np.float32), y)
    test = (run.data.test_x.reshape(len(run.data.test_x), -1) / 255).astype(np.float32)
    assert found["random_forest"] == pytest.approx(100 * np.mean(forest.predict(test) != run.data.test_y))
    assert list(found) == list(REPORTED)
    # Of images logistic regression reads pixels of one scale; what unlabelled rows learn is as it was.
    pixels = LogisticRegression(max_iter=2000).fit(x.astype(np.float32), y)
    assert found["logistic_regression"] == pytest.approx(100 * np.mean(pixels.predict(test) != run.data.test_y))
    assert "standardscaler" in baselines(y)["logistic_regression"].named_steps


def test_columns_are_standardised_for_logistic_regression_and_pixels_are_not():
    """The class is in one pixel, among a hundred that vary little: standardised, these drown it."""
    generator = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = generator.normal(0.5, 0.01, size=(60, 100))
    x[:, 0] = np.where(y, 0.9, 0.1) + generator.normal(0, 0.05, 60)
    columns, pixels = (cross_validated_errors(x.astype(np.float32), y, images=images)["logistic_regression"]
                       for images in (False, True))  # fmt: skip
    assert pixels == 0 < columns


def test_images_of_another_scale_are_standardised(monkeypatch):
    asked = []
    monkeypatch.setattr("aae.evaluation.baselines._reported", lambda seed, images: asked.append(images) or {})
    y = np.arange(40) % 2
    trunk = aae.MLPTrunk((2, 2), (4,))
    z, c = aae.Latent("z", aae.Point(4, 2)), aae.Latent("c", aae.Category(4, 2), label="supervised")
    model = aae.Autoencoder([z, c], trunk, aae.MLPDecoder(4, (2, 2), (4,)), likelihood=aae.GaussianLikelihood())
    for scale in (1, 50):
        x = (scale * np.random.default_rng(0).random((40, 2, 2))).astype(np.float32)
        data = Dataset("images", x, y, x, y, ["a", "b"])
        baseline_errors(model, data, Split(np.arange(40), np.arange(0), np.arange(0)))
    assert asked == [True, False]


def test_without_labelled_test_rows_there_is_nothing_to_say(trained):
    run = open_run(trained("semi-supervised"))
    blank = dataclasses.replace(run.data, test_y=np.full(len(run.data.test_y), -1))
    assert baseline_errors(run.model, blank, run.split) == {}


def plain(values, code):
    trunk = aae.MLPTrunk((values,), (4,))
    return aae.Autoencoder([aae.Latent("z", aae.Point(4, code))], trunk, aae.MLPDecoder(code, (values,), (4,)),
                           likelihood=aae.GaussianLikelihood())  # fmt: skip


def test_pca_reconstructs_rows_of_a_plane_and_leaves_what_is_beside_it():
    rng = np.random.default_rng(0)
    plane = rng.standard_normal((2, 6))
    x = (rng.standard_normal((300, 2)) @ plane).astype(np.float32)
    aside = np.linalg.svd(plane)[2][-1].astype(np.float32)  # at right angles to the plane
    data = Dataset("rows", x, np.full(300, -1), x[:50] + aside, np.full(50, -1), [])
    split = split_data(data, 0)
    assert pca_squared_error(plain(6, 2), data, split, data.test_x) == pytest.approx(1.0, rel=1e-3)
    assert pca_squared_error(plain(6, 6), data, split, data.test_x) is None


def test_pca_is_not_fitted_to_validation_rows():
    x = np.zeros((60, 3), np.float32)
    x[:, 0] = np.linspace(0, 1, 60)
    x[50:, 1] = np.linspace(-100, 100, 10)
    data = Dataset("rows", x, np.full(60, -1), x[50:], np.full(10, -1), [])
    split = Split(np.arange(0), np.arange(50), np.arange(50, 60))
    assert pca_squared_error(plain(3, 1), data, split, data.test_x) > 3000
