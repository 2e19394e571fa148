"""Small pages of the explorer, whose rows, places and pictures are known."""

import base64
import io

import numpy as np
from PIL import Image

from aae.explorer.arrays import pack
from aae.explorer.page import write_page
from aae.explorer.payload import empty_payload

ROWS, SIDE = 40, 8
CLASSES = ["cat", "dog", "<img src=x onerror=alert(1)>"]
HOSTILE = "</script><b>row</b>.png"  # name of row 1
LEFT, RIGHT = range(20), range(20, ROWS)  # the two groups on the map


def keys():
    return [HOSTILE if row == 1 else f"{row}.png" for row in range(ROWS)]


def points():
    """Two groups of 4 x 5 places, apart from each other."""
    places = np.array([[x, y] for x in range(4) for y in range(5)], dtype=float)
    return np.concatenate([places, places + np.array([10, 0])])


def sheet():
    pixels = np.zeros((SIDE, ROWS * SIDE), np.uint8)
    for row in range(ROWS):
        pixels[2:6, row * SIDE + 2 : row * SIDE + 6] = 100 + 3 * row
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def linear_decoder(dim=2, shape=(SIDE, SIDE)):
    """A code of ``dim`` numbers; each adds to pixels of its own."""
    weight = np.zeros((int(np.prod(shape)), dim))
    for k in range(dim):
        weight[k::dim, k] = 1
    latent = {"name": "z", "dim": dim, "kind": "style", "prior": {"type": "gaussian", "std": 1.0}, "names": None,
              "mean": [0.0] * dim, "std": [1.0] * dim}  # fmt: skip
    op = {"op": "linear", "weight": pack(weight, "f16"), "bias": None}
    return {"latents": [latent], "merge": [], "ops": [op, {"op": "sigmoid"}],
            "output": {"type": "image", "shape": list(shape)}}  # fmt: skip


def payload(**changes):
    """A payload of 40 images in two groups: the first has labels and predictions; ``changes`` replace entries."""
    near = [[(row + k) % ROWS for k in range(1, 11)] for row in range(ROWS)]
    label = [row % 2 if row in LEFT else -1 for row in range(ROWS)]
    prediction = [row % 2 if row != 4 else 1 for row in range(ROWS)]
    probabilities = np.full((ROWS, 3), 0.05)
    probabilities[range(ROWS), prediction] = 0.9
    return empty_payload("Two groups", "fingerprint") | {
        "data": "images", "shape": [SIDE, SIDE], "key": "file", "keys": keys(), "columns": [],
        "part": pack([row % 2 for row in range(ROWS)], "u8"), "classes": CLASSES, "label": pack(label, "i16"),
        "prediction": pack(prediction, "i16"), "probabilities": pack(probabilities, "f16"),
        "map": {"points": pack(points(), "f32"), "title": "code z", "is_code": True, "latent": "z",
                "contours": [{"level": "50 %", "lines": [[[0, 0], [3, 0], [3, 4], [0, 4], [0, 0]]]}]},
        "thumbnails": {"tile": [SIDE, SIDE], "columns": ROWS, "sheets": [sheet()], "per_sheet": ROWS,
                       "pixelated": True},
        "neighbours": pack(near, "u16"), "codes": pack(points() / 5, "f16"), "decoder": linear_decoder(),
        "lists": {"mistakes": [4], "uncertain": [7, 8, 9, 10], "unusual": [3]},
    } | changes  # fmt: skip


def table(**changes):
    """A payload of 40 rows of a table with one number, one category and one empty cell."""
    width = np.arange(ROWS, dtype=float)
    width[2] = np.nan
    columns = [
        {"name": "width", "kind": "number", "values": pack(width, "f32"), "levels": None, "unit": "cm", "texts": None},
        {"name": "<i>kind</i>", "kind": "category", "values": pack(np.arange(ROWS) % 2, "f32"),
         "levels": ["<b>old</b>", "new"], "unit": None, "texts": None},
    ]  # fmt: skip
    return payload(data="table", shape=[2], columns=columns, thumbnails=None, decoder=None, codes=None) | changes


def labelling(count=4, **changes):
    """A payload of the labelling page with ``count`` rows."""
    return payload(
        mode="label", keys=keys()[:count], part=pack([1] * count, "u8"), label=pack([-1] * count, "i16"), map=None,
        prediction=None, probabilities=None, neighbours=None, codes=None, decoder=None,
        lists={"mistakes": [], "uncertain": [], "unusual": []},
        reasons=[f"typical of cluster {k}" for k in range(count)], proposed=pack([0, 1, 2, -1][:count], "i16"),
    ) | changes  # fmt: skip


def write(out, entries):
    """Write a payload to ``out``; returns its address."""
    write_page(entries, out)
    return out.as_uri()
