import numpy as np
import pandas as pd
import pytest
import torch

from aae.data.dataset import as_float
from aae.data.sources import load_data
from aae.evaluation import inference
from aae.model.likelihoods import GaussianLikelihood
from aae.model.pictures import PictureFormat
from aae.runs.train import train_preset
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


@pytest.mark.parametrize("rows", [ROWS.astype(np.float32), ROWS.astype(np.int64), (ROWS // 16).astype(np.float64)])
def test_images_of_another_scale_are_refused(model, rows):
    sentence = f"floats from 0 to 1, but these have values up to {rows.max():g}; divide them by the number"
    for call in (inference.encode, inference.classify, inference.reconstruct):
        with pytest.raises(AAEError, match=sentence):
            call(model, rows)


@pytest.mark.parametrize("rows", [
    as_float(ROWS) * 1.01, as_float(ROWS) + 2 * np.random.default_rng(0).normal(size=ROWS.shape),
])  # fmt: skip
def test_images_with_noise_are_taken(model, rows):
    assert inference.encode(model, rows)["z"].shape == (7, 2)


def test_numbers_of_no_known_scale_are_taken():
    counts = ROWS.astype(np.float32)
    model = FAMILIES["semi-supervised"](shape=IMAGE, likelihood=GaussianLikelihood())
    assert inference.encode(model, counts)["z"].shape == (7, 2)
    model.pictures = PictureFormat()  # trained on images of a file
    with pytest.raises(AAEError, match="images of bytes"):
        inference.encode(model, counts)
    vectors = FAMILIES["semi-supervised"]()
    assert inference.encode(vectors, np.full((3, 6), 200.0))["z"].shape == (3, 2)


def test_data_frames_are_read_as_the_table_knows_their_columns():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=60), "town": ["Ulm", "Bonn", "Kiel"] * 20})
    data = load_data(frame.assign(kind=["a", "b"] * 30), label_column="kind")
    model = train_preset("few-labels", data, steps=2, progress=False).model
    towns = next(column["values"] for column in model.table.columns if column["name"] == "town")
    cells = {"size": frame["size"], "town": [towns.index(town) for town in frame["town"]]}
    expected = inference.classify(model, np.stack([cells[name] for name in model.table.names], 1))
    with pytest.warns(UserWarning, match="ignored 'other'"):
        found = inference.classify(model, frame[["town", "size"]].assign(other=1))
    np.testing.assert_array_equal(found, expected)
    with pytest.warns(UserWarning, match="town: 'Rome'"):
        inference.encode(model, frame.assign(town="Rome"))
    with pytest.raises(AAEError, match="has no column 'size', which the model was trained on"):
        inference.classify(model, frame[["town"]])


def test_a_model_of_images_takes_no_data_frame():
    model = train_preset("vae", "digits", steps=2, progress=False).model
    with pytest.raises(AAEError, match=r"an array of shape \(N, 8, 8\), and no data frame"):
        inference.encode(model, pd.DataFrame({"size": [1.0]}))


@pytest.mark.parametrize(("codes", "sentence"), [
    ({"z": np.zeros((2, 2))}, "The codes of latent 'y' are missing; give codes of shape (N, 3), as aae.encode returns"),
    ({"z": np.zeros((2, 2)), "y": np.zeros((2, 4))}, "The codes of latent 'y' are of shape (2, 4); give codes of"),
    ({"z": np.zeros(2), "y": np.zeros((2, 3))}, "The codes of latent 'z' are of shape (2,); give codes of sh"),
])
def test_codes_that_are_missing_or_of_another_length_are_named(codes, sentence):
    with pytest.raises(AAEError) as error:
        inference.decode(FAMILIES["semi-supervised"](), codes)
    assert str(error.value).startswith(sentence)
