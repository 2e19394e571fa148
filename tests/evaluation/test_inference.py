import numpy as np
import pytest
import torch

from aae.data.dataset import as_float
from aae.evaluation import inference
from aae.system.errors import AAEError
from helpers.close import assert_close
from helpers.models import CLASSES, FAMILIES, TERMS

pytestmark = pytest.mark.numeric

IMAGE = (4, 4)
ROWS = np.random.default_rng(0).integers(0, 256, (7, *IMAGE), dtype=np.uint8)


@pytest.fixture
def model():
    return FAMILIES["semi-supervised"](shape=IMAGE)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(inference, "CHUNK", 3)


def test_chunks_are_joined_in_order(model):
    x = torch.from_numpy(as_float(ROWS))
    with torch.no_grad():
        codes, p, images = model.encode(x), model.classify(x), model(x)
    found = inference.encode(model, ROWS)
    assert found.keys() == {"z", "y"}
    for name in found:
        assert_close(found[name], codes[name], TERMS, name=name)
    assert_close(inference.classify(model, ROWS), p, TERMS)
    assert_close(inference.reconstruct(model, ROWS), images, TERMS)
    assert_close(inference.decode(model, found), images, TERMS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bytes_and_their_fractions_are_the_same_input(model, dtype):
    fractions = ROWS.astype(dtype) / dtype(255)
    assert_close(inference.encode(model, ROWS)["z"], inference.encode(model, fractions)["z"], TERMS)
    assert inference.reconstruct(model, fractions).dtype == np.float32


def test_labels_go_with_their_rows():
    model = FAMILIES["supervised"](shape=IMAGE)
    labels = np.arange(7) % CLASSES
    expected = model(torch.from_numpy(as_float(ROWS)), torch.from_numpy(labels)).detach()
    assert_close(inference.reconstruct(model, ROWS, labels), expected, TERMS)
    with pytest.raises(AAEError, match="give labels as well"):
        inference.reconstruct(model, ROWS)


def test_no_rows_give_no_results(model):
    assert inference.encode(model, ROWS[:0])["z"].shape == (0, 2)
    assert inference.classify(model, ROWS[:0]).shape == (0, CLASSES)
    assert inference.reconstruct(model, ROWS[:0]).shape == (0, *IMAGE)


@pytest.mark.parametrize("shape", [(7, 16), (7, 4, 5), (7, 4, 4, 3)])
def test_rows_of_another_shape_are_refused(model, shape):
    with pytest.raises(AAEError, match=r"takes rows of shape \(4, 4\), the input has rows of shape .*; scale "
                       "the images to 4 x 4 pixels in grey, or give a folder of images, which are scaled"):
        inference.encode(model, np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_does_not_change_and_results_are_those_of_evaluation(training):
    model = FAMILIES["discrete-vae"](shape=IMAGE).train(training)
    first, second = (inference.reconstruct(model, ROWS) for _ in range(2))
    assert np.array_equal(first, second)
    assert model.training is training
    inference.decode(model, inference.encode(model, ROWS))
    with pytest.raises(AAEError):
        inference.encode(model, ROWS[:, :2])
    assert model.training is training


def test_grey_images_may_have_an_axis_for_their_channel(model):
    rows = np.random.default_rng(0).integers(0, 256, (7, 4, 4), dtype=np.uint8)
    codes = inference.encode(model, rows)
    for name, code in inference.encode(model, rows[..., None]).items():
        assert np.array_equal(code, codes[name])


@pytest.mark.parametrize(("codes", "sentence"), [
    ({"z": np.zeros((2, 2))}, "The codes of latent 'y' are missing; give codes of shape (N, 3), as aae.encode returns"),
    ({"z": np.zeros((2, 2)), "y": np.zeros((2, 4))}, "The codes of latent 'y' are of shape (2, 4); give codes of"),
    ({"z": np.zeros(2), "y": np.zeros((2, 3))}, "The codes of latent 'z' are of shape (2,); give codes of sh"),
])
def test_codes_that_are_missing_or_of_another_length_are_named(codes, sentence):
    with pytest.raises(AAEError) as error:
        inference.decode(FAMILIES["semi-supervised"](), codes)
    assert str(error.value).startswith(sentence)
