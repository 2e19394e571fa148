"""What the page does with a payload, in numpy and by other code than the package's."""

import base64
import json

import numpy as np
from scipy.special import expit

TYPES = {"f16": np.float16, "f32": np.float32, "u8": np.uint8, "i16": np.int16, "u16": np.uint16}


def unpack(entry):
    """The array of an entry, through JSON."""
    entry = json.loads(json.dumps(entry, allow_nan=False))
    return np.frombuffer(base64.b64decode(entry["b64"]), TYPES[entry["dtype"]]).reshape(entry["shape"])


def decode(decoder, codes):
    """The decoder's output for codes ``(B, sum of the latents' dims)`` as the page computes it, in float64."""
    x = codes.astype(np.float64)
    for op in [*decoder["merge"], *decoder["ops"]]:
        x = _run(op, x)
    output = decoder["output"]
    if output["type"] != "image":
        return x
    if x.ndim == 4:
        x = x.transpose(0, 2, 3, 1)
    return x.reshape(len(x), *output["shape"])


def _run(op, x):
    if op["op"] in ("linear", "conv3"):
        weight = unpack(op["weight"]).astype(np.float64)
        bias = 0.0 if op["bias"] is None else unpack(op["bias"]).astype(np.float64)
        return x @ weight.T + bias if op["op"] == "linear" else _convolve(x, weight, bias)
    if op["op"] == "unflatten":
        return x.reshape(len(x), *op["shape"])
    if op["op"] == "upsample":
        rows, columns = (np.arange(new) * old // new for new, old in zip(op["size"], x.shape[2:], strict=True))
        return x[:, :, rows][:, :, :, columns]
    return {"relu": lambda x: np.maximum(x, 0), "sigmoid": expit}[op["op"]](x)


def _convolve(x, weight, bias):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.einsum("bchwij,ocij->bohw", windows, weight) + np.reshape(bias, (1, -1, 1, 1))


def cells(decoder, output):
    """The cells of decoded rows: numbers, or texts of categories and truth values, one list a column."""
    return [[_cell(column, row) for row in output] for column in decoder["output"]["columns"]]


def _cell(column, row):
    part = row[column["start"] : column["start"] + column["width"]]
    if column["kind"] == "category":
        return column["levels"][int(part.argmax())]
    value = part[0] * column["scale"] + column["offset"]
    if column["kind"] == "bool":
        return column["levels"][int(value >= 0.5)]
    return round(value) if column["whole"] else value
