"""The decoder in a browser gives what torch gives."""

import numpy as np
import pytest
import torch

from aae.explorer.arrays import pack
from aae.explorer.decoder import decoder_entries
from aae.model.autoencoder import Autoencoder
from aae.model.networks import ConvDecoder, MLPTrunk
from helpers.explorer_pages import ROWS, payload
from helpers.models import CLASSES, autoencoder, category, heads, style

DECODE = "codes => codes.map(code => Array.from(aaeExplorer.decoding.decoder.decode(code)))"
MERGE = "latents => latents.map(each => Array.from(aaeExplorer.decoding.decoder.merge(each)))"


def convolutional(shape):
    latents = [style(), category("supervised")]
    return Autoencoder(latents, MLPTrunk(shape, hidden=(8,)), ConvDecoder(2 + CLASSES, shape, channels=4))


MODELS = {
    "images": lambda: autoencoder(style(), category("supervised"), shape=(8, 8)),
    "colour": lambda: autoencoder(style(), category("supervised"), shape=(8, 8, 3)),
    "merged": lambda: autoencoder(style(), category("supervised"), shape=(8, 8), merge=heads()),
    "convolution": lambda: convolutional((9, 12)),
    "convolution in colour": lambda: convolutional((10, 8, 3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_image_is_that_of_torch(visit, name):
    torch.manual_seed(0)
    model = MODELS[name]()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(layer.running_var, 0.5, 2)
    model.eval()
    latents = torch.cat([torch.randn(10, 2), torch.eye(CLASSES)[torch.arange(10) % CLASSES]], 1)
    parts = {"z": latents[:, :2], "y": latents[:, 2:]}
    with torch.inference_mode():
        codes = model.merge(parts)
        expected = model.likelihood.mean(model.decoder(codes)).flatten(1).numpy()
    decoder = decoder_entries(model, codes.numpy(), {k: v.numpy() for k, v in parts.items()}, ["a", "b", "c"])
    order = torch.cat([parts[latent["name"]] for latent in decoder["latents"]], 1)
    shown = codes[torch.arange(ROWS) % 10]
    one = visit(payload(decoder=decoder, codes=pack(shown.numpy(), "f32")))
    assert np.allclose(one.run(MERGE, order.tolist()), codes.numpy(), atol=1e-5)
    assert np.abs(np.array(one.run(DECODE, codes.tolist())) - expected).max() < 1 / 255
    one.focus(3)  # and on the canvas, in the order of rows, columns and colours
    pixels = np.array(one.image("[data-what=reconstruction]")).reshape(-1, 4)[:, :3]
    own = expected[3].reshape(len(pixels), -1) * 255
    assert np.abs(pixels - own).max() <= 1.5  # rounded to whole numbers


def test_cells_are_those_of_the_table(visit):
    decoder = {
        "latents": [{"name": "z", "dim": 1, "kind": "style", "prior": None, "names": None, "mean": [0], "std": [1]}],
        "merge": [],
        "ops": [{"op": "linear", "weight": pack([[1], [1], [-1], [1], [0], [1]], "f32"),
                 "bias": pack([0, 0, 0.5, 0, 1.5, 0], "f32")}],
        "output": {"type": "table", "columns": [
            {"name": "length", "kind": "number", "start": 0, "width": 1, "offset": 10, "scale": 2, "levels": None,
             "whole": False, "low": None, "high": 12.5, "unit": "cm", "empty_start": None},
            {"name": "kind", "kind": "category", "start": 1, "width": 2, "offset": None, "scale": None,
             "levels": ["old", "new"], "whole": False, "low": None, "high": None, "unit": None, "empty_start": None},
            {"name": "paid", "kind": "bool", "start": 3, "width": 1, "offset": 0, "scale": 1, "levels": ["no", "yes"],
             "whole": True, "low": 0, "high": 1, "unit": None, "empty_start": None},
            {"name": "day", "kind": "date", "start": 4, "width": 1, "offset": 0, "scale": 86400, "levels": None,
             "whole": False, "low": None, "high": None, "unit": None, "empty_start": None},
            {"name": "rooms", "kind": "number", "start": 5, "width": 1, "offset": 3, "scale": 1, "levels": None,
             "whole": True, "low": None, "high": None, "unit": None, "empty_start": 1},
            {"name": "due", "kind": "date", "clock": False, "start": 4, "width": 1, "offset": 0, "scale": 80000,
             "levels": None, "whole": False, "low": None, "high": None, "unit": None, "empty_start": None},
        ]},
    }  # fmt: skip
    one = visit(payload(decoder=decoder, codes=None))
    cells = one.page.locator(".result td")
    assert cells.all_inner_texts() == ["10 cm", "new", "no", "1970-01-02 12:00", "3", "1970-01-02"]
    one.run("() => aaeExplorer.panel._set([1])")
    assert cells.all_inner_texts() == ["12 cm", "old", "yes", "1970-01-02 12:00", "empty", "1970-01-02"]
    one.run("() => aaeExplorer.panel._set([2])")
    assert cells.first.inner_text() == "12.5 cm"
    assert one.page.get_by_role("button", name="Draw from the prior").count() == 0
