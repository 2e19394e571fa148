import json
import re
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Laplace

from aae.evaluation import inference
from aae.model.artifact import load, save_model
from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent
from aae.model.networks import MLPDecoder, MLPTrunk
from aae.model.posteriors import Point
from aae.model.table_fit import fit_table
from aae.runs import onnx as export
from aae.runs.onnx import export_onnx
from aae.system.errors import AAEError
from helpers.close import assert_close, layers
from helpers.models import FAMILIES


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("preset", [
    pytest.param("few-labels", marks=pytest.mark.numeric), "semi-supervised", "supervised", "embedding", "vae",
    "discrete-vae",
])  # fmt: skip
def test_the_files_compute_what_the_model_does(trained, tmp_path, preset):
    message = export_onnx(trained(preset), tmp_path / "onnx")
    assert message.startswith("encoder.onnx, decoder.onnx, model.json (largest difference ")
    model = load(trained(preset))
    facts = json.loads((tmp_path / "onnx" / "model.json").read_text())
    assert facts["preprocessing"] == "divide bytes by 255"
    assert facts["classes"] == model.classes
    encoder, decoder = (session(tmp_path / "onnx" / f"{part}.onnx") for part in ("encoder", "decoder"))
    for rows in (1, 5):
        compare(model, facts, encoder, decoder, torch.rand(rows, 8, 8))


def compare(model, facts, encoder, decoder, x):
    """Check what the files compute of rows."""
    rows, names = len(x), list(facts["encoder"]["outputs"])
    found = dict(zip(names, encoder.run(names, {"x": x.numpy()}), strict=True))
    with torch.no_grad():
        expected = model.encode(x)
        codes = model.complete(expected, torch.zeros(rows, dtype=torch.long))
        back = model.decode(codes)
    assert found.keys() == expected.keys()
    for name in names:
        assert_close(found[name], expected[name], layers(model), name=name)
    if facts["probabilities"]:
        assert_close(found[facts["probabilities"]].sum(1), np.ones(rows), 2 * 10 + 10)
    given = {name: codes[name].numpy() for name in facts["decoder"]["inputs"]}
    (decoded,) = decoder.run(["x"], given)
    assert_close(decoded, back, layers(model))


def test_files_that_disagree_are_not_written(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_difference", lambda *_: 0.01)
    with pytest.raises(AAEError, match=r"differs from torch by 0.01, above 0.0001; nothing was written"):
        export_onnx(trained("aae"), tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_without_the_packages(trained, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(AAEError, match=rf"needs {package}; `pip install 'adversarial-autoencoder\[onnx\]'`"):
        export_onnx(trained("aae"), tmp_path / "onnx")


@pytest.mark.parametrize(("place", "sentence"), [("absent/onnx", "folder .*absent does not exist"),
                                                 ("file", "file is a file; name a folder")])
def test_invalid_output_folders(trained, tmp_path, place, sentence):
    (tmp_path / "file").write_text("here")
    with pytest.raises(AAEError, match=sentence):
        export_onnx(trained("aae"), tmp_path / place)


class Odd(nn.Module):
    """A trunk that ONNX cannot express: its control flow depends on the values."""

    def __init__(self, shape, features):
        super().__init__()
        self.shape, self.features = shape, features

    def forward(self, x):
        return x * 2 if x.sum() > 3 else x


def test_a_part_that_cannot_be_exported(tmp_path, monkeypatch, capfd):
    model = Autoencoder([Latent("z", Point(4, 2))], Odd((4,), 4), MLPDecoder(2, (4,), (8,)))
    save_model(model, tmp_path / "model")
    monkeypatch.setattr(export, "load", lambda path: load(path, [Odd]))
    with pytest.raises(AAEError) as error:
        export_onnx(tmp_path / "model", tmp_path / "onnx")
    line = r"test_onnx.py, line \d+: return x \* 2 if x.sum\(\) > 3 else x"
    assert re.fullmatch(rf"The encoder has a part that ONNX cannot express \({line}\)\.", str(error.value))
    assert "def forward" not in "".join(capfd.readouterr())
    assert not (tmp_path / "onnx").exists()


class Checked(Point):
    """A posterior whose distribution checks its values, as torch's do unless they are told not to."""

    def forward(self, features):
        return Independent(Laplace(self.location(features), 1.0), 1)


def test_a_distribution_that_checks_its_values_is_exported(tmp_path, monkeypatch):
    model = Autoencoder([Latent("z", Checked(4, 2))], MLPTrunk((4,), (4,)), MLPDecoder(2, (4,), (8,))).eval()
    save_model(model, tmp_path / "model")
    monkeypatch.setattr(export, "load", lambda path: load(path, [Checked]))
    export_onnx(tmp_path / "model", tmp_path / "onnx")
    x = torch.rand(5, 4)
    (z,) = session(tmp_path / "onnx" / "encoder.onnx").run(["z"], {"x": x.numpy()})
    assert_close(z, model.encode(x)["z"].detach().numpy(), 10 * layers(model))
    with pytest.raises(ValueError, match="Expected parameter scale"):
        Laplace(0.0, -1.0)  # torch's checks are on again


@pytest.mark.numeric
def test_the_exported_files_read_raw_columns(tmp_path):
    rows = np.array([[170, 0, 0.07], [150, 2, np.nan], [190, np.nan, 0.09]], np.float32)
    table = fit_table(rows, ["height", "colour", "weight"], {1: ["blue", "green", "red"]})
    model = FAMILIES["semi-supervised"](shape=(table.width,), table=table).eval()
    export_onnx(save_model(model, tmp_path / "model"), tmp_path / "onnx")
    facts = json.loads((tmp_path / "onnx" / "model.json").read_text())
    assert facts["input"]["shape"] == ["rows", 3]
    assert facts["columns"] == table.columns
    z, y = session(tmp_path / "onnx" / "encoder.onnx").run(["z", "y"], {"x": rows})
    terms = 10 * layers(model)  # a weight of 0.07 is a tenth of its mean away from it, with the rounding of all of it
    assert_close(y, inference.classify(model, rows), terms)
    (back,) = session(tmp_path / "onnx" / "decoder.onnx").run(["x"], {"z": z, "y": y})
    expected = inference.reconstruct(model, rows)
    assert_close(back, expected, terms, np.abs(expected))


@pytest.mark.numeric
def test_the_exported_files_read_seconds_since_1970(tmp_path):
    """In double, clipped, and with a category that is not known."""
    rows = np.stack([1.7e9 + np.arange(20.0), np.arange(20) % 2], 1)
    table = fit_table(rows, ["t", "colour"], {1: ["blue", "green"]})
    model = FAMILIES["aae"](shape=(table.width,), table=table).eval()
    export_onnx(save_model(model, tmp_path / "model"), tmp_path / "onnx")
    facts = json.loads((tmp_path / "onnx" / "model.json").read_text())
    assert facts["input"]["dtype"] == "float64"
    rows = np.r_[rows, [[0.0, -1.0]]]
    (z,) = session(tmp_path / "onnx" / "encoder.onnx").run(["z"], {"x": rows})
    assert_close(z, inference.encode(model, rows)["z"], 10 * layers(model))
    (back,) = session(tmp_path / "onnx" / "decoder.onnx").run(["x"], {"z": z})
    assert_close(back - [1.7e9, 0], inference.reconstruct(model, rows) - [1.7e9, 0], 10 * layers(model), 20)
