"""Frozen encoders: what they take and give, and what is said of those that cannot be used."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper

from aae.data.features.encoder import Encoder
from aae.data.features.files import find_encoder
from aae.data.features.outputs import choose_output, pooled
from aae.model.frozen import IMAGE, TEXT
from aae.system.errors import AAEError
from helpers.encoders import PREPROCESSING, SIDE, WORDS, image_encoder, save_model, text_encoder

RNG = np.random.default_rng(0)
PIXELS = RNG.random((5, 3, SIDE, SIDE)).astype(np.float32)


def vectors(folder, request=None, pixels=PIXELS):
    encoder = Encoder(find_encoder(str(folder), [IMAGE]), request)

    def fill(k, _, out):
        out[:] = pixels[k]

    parts = list(encoder.encode_images(np.arange(len(pixels)), fill))
    assert np.array_equal(np.concatenate([numbers for numbers, _ in parts]), np.arange(len(pixels)))
    return np.concatenate([rows for _, rows in parts]), encoder


def test_the_pooled_output_is_read_else_the_class_token_else_the_mean(tmp_path):
    every = ("last_hidden_state", "pooler_output", "map")
    x, encoder = vectors(image_encoder(tmp_path / "all", every))
    assert np.allclose(x, PIXELS.mean((2, 3)))
    assert (encoder.frozen.output, encoder.frozen.kind, encoder.frozen.name) == ("pooler_output", "image", "all")
    x, encoder = vectors(image_encoder(tmp_path / "tokens", every[:1]))
    assert np.allclose(x, PIXELS[:, :, 0, 0])
    assert encoder.frozen.output == "last_hidden_state:class_token"
    x, encoder = vectors(image_encoder(tmp_path / "map", every[2:]))
    assert np.allclose(x, PIXELS.mean((2, 3)))
    assert encoder.frozen.output == "map:mean"


@pytest.mark.parametrize(("request_", "output"), [
    ("class_token", "last_hidden_state:class_token"), ("mean", "last_hidden_state:mean"), ("pooled", "pooler_output"),
    ("last_hidden_state", "last_hidden_state:class_token"), ("last_hidden_state:mean", "last_hidden_state:mean"),
    ("map", "map:mean"), ("pooler_output", "pooler_output"),
])  # fmt: skip
def test_the_user_chooses_the_output_and_the_answer_names_the_same_again(request_, output):
    outputs = [("last_hidden_state", 3), ("pooler_output", 2), ("map", 4)]
    assert str(choose_output(outputs, IMAGE, request_, "class_token", "it")) == output
    assert str(choose_output(outputs, IMAGE, output, "class_token", "it")) == output


def test_outputs_of_texts():
    outputs = [("last_hidden_state", 3), ("pooler_output", 2)]
    assert str(choose_output(outputs, TEXT, None, "mean", "it")) == "last_hidden_state:mean"
    assert str(choose_output(outputs, TEXT, None, "class_token", "it")) == "last_hidden_state:class_token"
    assert str(choose_output(outputs, TEXT, "pooled", "mean", "it")) == "pooler_output"
    assert str(choose_output([*outputs, ("sentence_embedding", 2)], TEXT, None, "mean", "it")) == "sentence_embedding"
    assert str(choose_output(outputs[1:], TEXT, None, "mean", "it")) == "pooler_output"


@pytest.mark.parametrize(("outputs", "request_", "sentence"), [
    ([("loss", 0)], None, "it has no output that is a vector for each row; it has loss with 0 dimensions."),
    ([("map", 4)], "pooled", "it has no output that is pooled"),
    ([("map", 4)], "class_token", "it has no output that is class_token"),
    ([("pooler_output", 2)], "mean", "it has no output that is mean"),
    ([("pooler_output", 2)], "pooler_outptu", "did you mean 'pooler_output'"),
    ([("pooler_output", 2)], "pooler_output:mean", "cannot be pooled so"),
])  # fmt: skip
def test_outputs_that_are_not_there(outputs, request_, sentence):
    with pytest.raises(AAEError) as error:
        choose_output(outputs, IMAGE, request_, "class_token", "it")
    assert sentence in str(error.value)


def test_a_batch_size_that_the_network_fixes(tmp_path):
    for size in (1, 2):
        x, _ = vectors(image_encoder(tmp_path / str(size), batch=size))
        assert np.allclose(x, PIXELS.mean((2, 3)))


def test_half_precision(tmp_path):
    x, _ = vectors(image_encoder(tmp_path, kind=TensorProto.FLOAT16))
    assert x.dtype == np.float32
    assert np.allclose(x, PIXELS.mean((2, 3)), atol=2e-3)


def test_many_batches_keep_their_order(tmp_path):
    pixels = RNG.random((71, 3, SIDE, SIDE)).astype(np.float32)
    x, _ = vectors(image_encoder(tmp_path), pixels=pixels)
    assert np.allclose(x, pixels.mean((2, 3)), atol=1e-6)


def words(text, table):
    return table[[WORDS.index(word) if word in WORDS else 0 for word in text.split()]].mean(0)


def test_texts_are_the_mean_of_their_own_tokens_whatever_is_beside_them(tmp_path):
    folder, table = text_encoder(tmp_path)
    encoder = Encoder(find_encoder(str(folder)))
    texts = ["good film", "bad", "good good good bad book film", "new film"]
    parts = list(encoder.encode_texts(texts))
    found = {int(k): row for numbers, rows, _ in parts for k, row in zip(numbers, rows, strict=True)}
    for k, text in enumerate(texts):
        assert np.allclose(found[k], words(text, table), atol=1e-6), text
    assert encoder.frozen.kind == "text"


def test_long_texts_are_cut_at_the_limit_of_the_tokenizer_and_it_is_known_which(tmp_path):
    folder, table = text_encoder(tmp_path)
    [(numbers, rows, cut)] = Encoder(find_encoder(str(folder))).encode_texts(["bad " * 8, "good " * 8 + "bad"])
    assert dict(zip(numbers.tolist(), cut.tolist(), strict=True)) == {0: False, 1: True}
    assert np.allclose(rows[numbers.tolist().index(1)], table[WORDS.index("good")])


def test_limits_of_a_model_without_one_in_its_tokenizer(tmp_path):
    folder, _ = text_encoder(tmp_path)
    spec = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(spec | {"truncation": None}))
    assert Encoder(find_encoder(str(folder))).tokens.longest == 512
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 6}))
    assert Encoder(find_encoder(str(folder))).tokens.longest == 6
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 5}))
    assert Encoder(find_encoder(str(folder))).tokens.longest == 5


def test_a_length_that_the_network_fixes(tmp_path):
    folder, table = text_encoder(tmp_path, length=3)
    [(_, rows, cut)] = Encoder(find_encoder(str(folder))).encode_texts(["good bad book film"])
    assert np.allclose(rows[0], words("good bad book", table))
    assert cut.tolist() == [True]


def test_pooling_that_the_files_of_a_sentence_encoder_name(tmp_path):
    folder, table = text_encoder(tmp_path)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    [(_, rows, _)] = Encoder(find_encoder(str(folder))).encode_texts(["good bad"])
    assert np.allclose(rows[0], table[WORDS.index("good")])


def opening_error(folder, kind=IMAGE, request=None):
    with pytest.raises(AAEError) as error:
        Encoder(find_encoder(str(folder), [kind]), request)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_that_is_no_model(tmp_path):
    image_encoder(tmp_path)
    for content in (b"", b"not a model", bytes(range(256)) * 8, b"\x08\x01"):
        (tmp_path / "model.onnx").write_bytes(content)
        assert "is no ONNX model" in opening_error(tmp_path)
    whole = image_encoder(tmp_path / "whole") / "model.onnx"
    (tmp_path / "model.onnx").write_bytes(whole.read_bytes()[:-40])
    assert str(tmp_path / "model.onnx") in opening_error(tmp_path)


def write_settings(folder):
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))


def test_other_inputs(tmp_path):
    two = [("pixel_values", TensorProto.FLOAT, ("N", 3, 8, 8)), ("input_ids", TensorProto.INT64, ("N", "T"))]
    node = helper.make_node("GlobalAveragePool", ["pixel_values"], ["map"])
    save_model(tmp_path / "model.onnx", [node], two, [("map", TensorProto.FLOAT, ("N", 3, 1, 1))])
    write_settings(tmp_path)
    found = opening_error(tmp_path)
    assert "the inputs pixel_values (N, 3, 8, 8), input_ids (N, T)" in found
    assert "such as vision_model.onnx" in found
    flat = [("x", TensorProto.FLOAT, ("N", 12))]
    save_model(tmp_path / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], flat,
               [("y", TensorProto.FLOAT, ("N", 12))])  # fmt: skip
    assert "takes the input x (N, 12); an encoder of images takes one input" in opening_error(tmp_path)
    assert "an encoder of texts takes input_ids" in opening_error(text_folder_with(tmp_path), TEXT)


def text_folder_with(folder):
    other, _ = text_encoder(folder / "texts")
    (other / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    return other


def test_pixels_of_another_size_than_the_network_takes(tmp_path):
    found = opening_error(image_encoder(tmp_path, crop_size=6, size=6))
    assert "takes the input pixel_values (N, 3, 8, 8), but" in found
    assert "makes images (N, 3, 6, 6); check that the two belong together." in found


def test_operators_of_its_own(tmp_path):
    node = helper.make_node("Steal", ["pixel_values"], ["pooler_output"], domain="com.example")
    save_model(tmp_path / "model.onnx", [node], [("pixel_values", TensorProto.FLOAT, ("N", 3, 8, 8))],
               [("pooler_output", TensorProto.FLOAT, ("N", 3))], domains=["com.example"])  # fmt: skip
    write_settings(tmp_path)
    assert "operators of its own are not run, so export it without them." in opening_error(tmp_path)


def test_outputs_of_another_shape_than_one_vector_for_each_row(tmp_path):
    assert "everything with 0 dimensions" in opening_error(image_encoder(tmp_path, ("everything",)))
    output = choose_output([("pooler_output", 2)], IMAGE, None, "class_token", "it")
    for values in (np.zeros((3, 2)), np.zeros(4), np.zeros((4, 0)), np.zeros((4, 1, 1, 1, 1)), [1, 2]):
        with pytest.raises(AAEError, match="it has to be one vector for each"):
            pooled(values, output, 4, "it")


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "null", '{"size": {"height": -1}}'])
def test_a_preprocessor_file_with_nonsense(tmp_path, text):
    folder = image_encoder(tmp_path)
    (folder / "preprocessor_config.json").write_text(text)
    assert str(folder / "preprocessor_config.json") in opening_error(folder)


def test_a_tokenizer_with_nonsense(tmp_path):
    folder, _ = text_encoder(tmp_path)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(AAEError, match=r"tokenizer.json is no tokenizer that can be read"):
        next(iter(Encoder(find_encoder(str(folder))).encode_texts(["good"])))
