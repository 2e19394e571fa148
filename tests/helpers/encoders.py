"""Small frozen encoders in ONNX: of images, the mean of each colour; of texts, the numbers of their words."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

SIDE = 8
WORDS = ("[UNK]", "[PAD]", "good", "bad", "film", "book")
PREPROCESSING = {
    "do_resize": True, "size": {"shortest_edge": SIDE}, "resample": 2, "do_center_crop": True,
    "crop_size": {"height": SIDE, "width": SIDE}, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": False,
}  # fmt: skip


def save_model(path, nodes, inputs, outputs, weights=(), domains=()):
    """Write a graph; inputs and outputs are ``(name, element type, shape)``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = [[helper.make_tensor_value_info(*one) for one in some] for some in (inputs, outputs)]
    graph = helper.make_graph(nodes, "encoder", *values, [numpy_helper.from_array(w, name) for name, w in weights])
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    onnx.save_model(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def image_encoder(folder, outputs=("pooler_output",), scale=1.0, batch="N", kind=TensorProto.FLOAT, **settings):
    """An encoder of images in a folder; ``scale`` makes another one of it, ``settings`` are its preprocessing."""
    pixels, channels = (batch, 3, SIDE, SIDE), (batch, 3, SIDE * SIDE)
    nodes = [
        helper.make_node("Mul", ["pixel_values", "scale"], ["map"]),
        helper.make_node("Reshape", ["map", "flat"], ["channels"]),
        helper.make_node("Transpose", ["channels"], ["last_hidden_state"], perm=[0, 2, 1]),
        helper.make_node("ReduceMean", ["channels"], ["pooler_output"], axes=[2], keepdims=0),
        helper.make_node("ReduceMean", ["channels"], ["everything"], axes=[0, 1, 2], keepdims=0),
    ]
    shapes = {"pooler_output": channels[:2], "last_hidden_state": (batch, SIDE * SIDE, 3), "map": pixels,
              "everything": ()}  # fmt: skip
    dtype = np.float16 if kind == TensorProto.FLOAT16 else np.float32
    weights = [("scale", np.array(scale, dtype)), ("flat", np.array([0, 3, SIDE * SIDE]))]
    save_model(folder / "model.onnx", nodes, [("pixel_values", kind, pixels)],
               [(name, kind, shapes[name]) for name in outputs], weights)  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING | settings))
    return folder


def text_encoder(folder, outputs=("last_hidden_state",), dims=4, length="T"):
    """An encoder of texts in a folder: each word of `WORDS` has a vector of its own."""
    table = np.random.default_rng(0).normal(size=(len(WORDS), dims)).astype(np.float32)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"]),
             helper.make_node("ReduceMax", ["last_hidden_state"], ["pooler_output"], axes=[1], keepdims=0),
             helper.make_node("Mul", ["pooler_output", "two"], ["sentence_embedding"])]  # fmt: skip
    shapes = {"last_hidden_state": ("N", length, dims), "pooler_output": ("N", dims), "sentence_embedding": ("N", dims)}
    save_model(folder / "model.onnx", nodes, [("input_ids", TensorProto.INT64, ("N", length))],
               [(name, TensorProto.FLOAT, shapes[name]) for name in outputs],
               [("table", table), ("two", np.array(2, np.float32))])  # fmt: skip
    tokenizer = Tokenizer(models.WordLevel({word: k for k, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_padding(pad_id=1, pad_token="[PAD]", length=16)
    tokenizer.enable_truncation(8)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder, table
