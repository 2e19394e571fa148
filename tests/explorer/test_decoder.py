"""The page's decoder gives what torch gives."""

import numpy as np
import pytest
import torch
from torch import nn

from aae.evaluation import inference
from aae.explorer.decoder import decoder_entries
from aae.explorer.latents import ordered_latents
from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent
from aae.model.likelihoods import GaussianLikelihood
from aae.model.merging import Concatenate
from aae.model.networks import ConvDecoder, MLPDecoder, MLPTrunk
from aae.model.posteriors import Point
from aae.model.priors import BallPrior, CategoricalPrior, CubePrior, GaussianPrior, SwissRollPrior
from aae.model.table import Table
from aae.runs.table_output import cell_texts
from helpers.models import FAMILIES, WIDTH, adversarial, autoencoder, style
from helpers.unpacked import cells, decode, unpack

STEP = 1 / 255
TABLE = Table([
    {"name": "weight", "mean": 70.0, "scale": 12.0, "unit": "kg", "missing": True},
    {"name": "ward", "values": ["A", "B", "</script>"]},
    {"name": "age", "mean": 40.0, "scale": 9.0, "kind": "whole"},
    {"name": "smokes", "mean": 0.4, "scale": 0.5, "kind": "boolean", "texts": ["no", "yes"]},
    {"name": "site", "mean": 3.0, "scale": 1.0, "constant": True},
    {"name": "seen", "mean": 1.6e9, "scale": 1e7, "kind": "date", "clock": False},
    {"name": "drug", "values": ["x", "y"], "missing": True},
])  # fmt: skip


def settled(model):
    """The model after some steps of training: its batch norms know other means and variances than 0 and 1."""
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model.decoder(3 * torch.randn(16, model.merge.dim) + 1)
    return model.eval()


def some_codes(model, count=10):
    torch.manual_seed(3)
    return {latent.name: torch.randn(count, latent.dim) for latent in ordered_latents(model)}


def entries_of(model, names=None):
    codes = {name: code.numpy() for name, code in some_codes(model).items()}
    with torch.no_grad():
        merged = model.merge(some_codes(model)).numpy()
    return decoder_entries(model, merged, codes, names)


def differences(model, entries):
    codes = some_codes(model)
    with torch.no_grad():
        expected = model.decode(codes).numpy()
    return np.abs(decode(entries, np.concatenate([code.numpy() for code in codes.values()], 1)) - expected).max()


@pytest.mark.parametrize("family", FAMILIES)
def test_of_every_family_of_models(family):
    model = FAMILIES[family](shape=(4, 4))
    entries = entries_of(model)
    assert differences(model, entries) < STEP
    assert [latent["name"] for latent in entries["latents"]] == [latent.name for latent in ordered_latents(model)]


@pytest.mark.parametrize("decoder", [
    MLPDecoder(2, (5, 7), (30, 20), dropout=0.3, batch_norm=True), MLPDecoder(2, (4, 6, 3), (30,)),
    MLPDecoder(2, (9,), ()), ConvDecoder(2, (9, 12), 4), ConvDecoder(2, (16, 8, 3), 4), ConvDecoder(2, (28, 28), 8),
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("likelihood", [None, GaussianLikelihood(2.0)], ids=["bernoulli", "gaussian"])
def test_of_every_decoder(decoder, likelihood):
    trunk = MLPTrunk(decoder.shape, (WIDTH,))
    model = settled(Autoencoder([style()], trunk, decoder, likelihood))
    assert differences(model, entries_of(model)) < STEP


def test_latents_come_in_the_order_in_which_they_are_merged():
    latents = [Latent("a", Point(WIDTH, 1)), Latent("b", Point(WIDTH, 3))]
    model = Autoencoder(latents, MLPTrunk((4, 4), (WIDTH,)), MLPDecoder(4, (4, 4), (WIDTH,)),
                        merge=Concatenate({"b": 3, "a": 1}))  # fmt: skip
    entries = entries_of(model)
    assert [latent["name"] for latent in entries["latents"]] == ["b", "a"]
    assert differences(model, entries) < STEP


def test_weights_are_halved_only_where_that_changes_nothing_to_be_seen():
    model = FAMILIES["aae"](shape=(4, 4))
    last = entries_of(model)["ops"][-2]["weight"]
    assert last["dtype"] == "f16"
    with torch.no_grad():
        model.decoder.layers[-1].weight.mul_(1e6)  # more than float16 holds
    entries = entries_of(model)
    assert entries["ops"][-2]["weight"]["dtype"] == "f32"
    assert differences(model, entries) < STEP


def table_model():
    return Autoencoder([style(3)], MLPTrunk((TABLE.width,), (WIDTH,)), MLPDecoder(3, (TABLE.width,), (WIDTH,)),
                       GaussianLikelihood(), table=TABLE)  # fmt: skip


def test_cells_of_a_table_are_those_that_the_model_restores():
    model = table_model()
    entries, codes = entries_of(model), some_codes(model)
    rows = inference.decode(model, {name: code.numpy() for name, code in codes.items()})
    found = cells(entries, decode(entries, codes["z"].numpy()))
    expected = TABLE.cells(rows)
    for column, values in zip(TABLE.columns, found, strict=True):
        if "values" in column:
            assert values == expected[column["name"]].tolist()
        elif column.get("kind") == "boolean":
            assert values == cell_texts(column, expected[column["name"]])
        else:
            whole = 0.5 if column.get("kind") == "whole" else 0.0
            assert np.allclose(values, expected[column["name"]], rtol=1e-6, atol=whole + 1e-4 * column["scale"])
    assert found[2] == [round(value) for value in expected["age"].tolist()]
    assert [column["unit"] for column in entries["output"]["columns"]][:2] == ["kg", None]
    assert {column["kind"] for column in entries["output"]["columns"]} == {"number", "category", "bool", "date"}


class OwnDecoder(MLPDecoder):
    def forward(self, code):
        return super().forward(code.sin())


class OwnLikelihood(GaussianLikelihood):
    def mean(self, output):
        return output.exp()


class OwnMerge(Concatenate):
    def forward(self, codes):
        return 2 * super().forward(codes)


@pytest.mark.parametrize(("parts", "name"), [
    ({"decoder": OwnDecoder(2, (4, 4))}, "OwnDecoder"), ({"likelihood": OwnLikelihood()}, "OwnLikelihood"),
    ({"merge": OwnMerge({"z": 2})}, "OwnMerge"), ({"decoder": nn.Sequential()}, "Sequential"),
])
def test_parts_of_ones_own_are_named_in_one_sentence(parts, name):
    parts = {"decoder": MLPDecoder(2, (4, 4))} | parts
    model = Autoencoder([style()], MLPTrunk((4, 4), (WIDTH,)), **parts)
    error = entries_of(model)["error"]
    assert name in error
    assert error.endswith("everything else works.")
    assert error.count(".") == 1


@pytest.mark.parametrize(("prior", "expected"), [
    (GaussianPrior(2, 5.0), {"type": "gaussian", "std": 5.0}), (CubePrior(2, 4.0), {"type": "uniform", "low": -2.0,
                                                                                   "high": 2.0}),
    (SwissRollPrior(), None), (BallPrior(2, 1.0), None),
])  # fmt: skip
def test_priors(prior, expected):
    latent = Latent("z", Point(WIDTH, 2), prior, adversarial(2))
    (entry,) = entries_of(autoencoder(latent))["latents"]
    if expected is not None:
        assert entry["prior"] == expected
        return
    samples = unpack(entry["prior"]["samples"]).astype(float)
    assert samples.shape == (512, 2)
    inside = torch.from_numpy(samples.astype(np.float32))
    assert np.isfinite(prior(512).log_prob(0.999 * inside).numpy()).all()


def test_classes_and_their_balance():
    balanced = Latent("y", prior=CategoricalPrior(3), label="observed")
    z, y = entries_of(autoencoder(style(), balanced), ["a", 5, "</script>"])["latents"]
    assert (z["kind"], z["names"]) == ("style", None)
    assert (y["kind"], y["names"]) == ("category", ["a", "5", "</script>"])
    assert y["prior"] == {"type": "categorical", "probabilities": [1 / 3] * 3}
    rare = Latent("y", prior=CategoricalPrior(3, (0.9, 0.1, 0.0)), label="observed")
    drawn = unpack(entries_of(autoencoder(style(), rare))["latents"][1]["prior"]["samples"])
    assert drawn.sum(1).tolist() == [1.0] * 512
    assert drawn.mean(0)[0] > 0.8
    assert drawn[:, 2].sum() == 0


def test_a_latent_without_a_prior_has_none():
    assert entries_of(FAMILIES["autoencoder"]())["latents"][0]["prior"] is None
