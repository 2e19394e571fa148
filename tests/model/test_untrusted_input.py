"""Models, runs and data from untrusted sources."""

import csv
import json
import pickle
import resource

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from aae.data.columns import category_texts
from aae.data.dataset import ReadOptions
from aae.data.sources import load_data
from aae.data.tables import open_table
from aae.model.artifact import load, save_model
from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent
from aae.model.networks import MLPDecoder, MLPTrunk
from aae.model.posteriors import Point
from aae.runs.train import resume_run
from aae.system.budget import Budget
from aae.system.errors import AAEError, printable
from aae.system.files import csv_text
from helpers.models import WIDTH, autoencoder
from helpers.runs import rewrite

HUGE = {
    "layers of a billion units": ("trunk", {"type": "MLPTrunk", "shape": [8, 8], "hidden": [10**9, 10**9]}),
    "a trillion channels": ("trunk", {"type": "ConvTrunk", "shape": [8, 8], "channels": 2**40}),
    "more than a machine has": ("decoder", {"type": "MLPDecoder", "dim": 2**60, "shape": [8, 8]}),
    "an image of billions of pixels": ("decoder", {"type": "MLPDecoder", "dim": 2, "shape": [2**20, 2**20]}),
    "a number too large for any float": ("trunk", {"type": "MLPTrunk", "shape": [10**400], "hidden": [2]}),
    "a gigabyte, which would fit": ("trunk", {"type": "MLPTrunk", "shape": [8, 8], "hidden": [2**14, 2**14]}),
}


@pytest.fixture
def saved(copied):
    return copied("semi-supervised") / "model"


@pytest.mark.parametrize("what", HUGE)
def test_memory_is_limited_by_the_size_of_the_weights(saved, what):
    place, part = HUGE[what]
    spec = json.loads((saved / "spec.json").read_text())["model"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rewrite(saved / "spec.json", model={**spec, place: part})
    with pytest.raises(AAEError, match=r"does not describe a model (that can be built: This asks for|\()"):
        load(saved)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_a_budget_counts_what_is_kept_and_no_views():
    with Budget(1000):
        x = torch.zeros(10, 10)
        for _ in range(100):
            x.view(100).expand(5, 100).fill_(1.0)
        assert x.sum() == 100
        with pytest.raises(AAEError, match=r"asks for 4000000 bytes"):
            x.repeat(100, 100)
        torch.zeros(100)
        with pytest.raises(AAEError, match=r"asks for 804 bytes"):
            torch.full((201,), 1.0)


@pytest.mark.parametrize(("count", "sentence"), [(1001, "at most 1000 latents"), (10**6, "more than 10000 parts")])
def test_a_million_latents(saved, count, sentence):
    spec = json.loads((saved / "spec.json").read_text())["model"]
    latent = {"type": "Latent", "name": "z", "posterior": {"type": "Point", "features": 16, "dim": 1}}
    latents = [latent] * count if count < 2000 else [{"type": "Latent", "name": "z"}] * count
    rewrite(saved / "spec.json", model={**spec, "latents": latents})
    with pytest.raises(AAEError, match=sentence):
        load(saved)


DEEP = ['{"a":' * 100_000, "[" * 100_000, '{"format": 1, "model": ' + "[" * 900 + "]" * 900 + "}",
        '{"format": 1e999, "model": 1}', " " * (2**26 + 1)]  # fmt: skip


@pytest.mark.parametrize("text", DEEP, ids=range(len(DEEP)))
def test_deep_and_endless_specifications(saved, text):
    (saved / "spec.json").write_text(text)
    with pytest.raises(AAEError, match=r"\.$"):
        load(saved)


WRONG = [
    ("trunk", "hidden", "abc"), ("trunk", "hidden", [2.5]), ("trunk", "dropout", "much"), ("trunk", "dropout", True),
    ("trunk", "batch_norm", 3), ("decoder", "dim", [3]), ("likelihood", "type", "nn.Module"), ("", "classes", [{}]),
    ("", "classes", "0123456789"), ("", "corruption", "gaussian"), ("", "trunk", {"hidden": 3}), ("", "merge", 7),
]  # fmt: skip


@pytest.mark.parametrize(("part", "name", "value"), WRONG)
def test_values_of_another_kind(saved, part, name, value):
    spec = json.loads((saved / "spec.json").read_text())["model"]
    (spec[part] if part else spec)[name] = value
    rewrite(saved / "spec.json", model=spec)
    with pytest.raises(AAEError, match=r"does not take|does not have|does not describe"):
        load(saved)


@pytest.mark.parametrize("change", [lambda t: t.double(), lambda t: t.to(torch.int8), lambda t: t.to(torch.complex64),
                                    lambda t: t.half(), lambda t: torch.full_like(t, torch.nan),
                                    lambda t: torch.full_like(t, torch.inf)], ids=range(6))
def test_weights_of_another_kind(saved, change):
    weights = load_file(saved / "weights.safetensors")
    name = "decoder.layers.0.weight"
    save_file({**weights, name: change(weights[name])}, saved / "weights.safetensors")
    with pytest.raises(AAEError, match=r"decoder.layers.0.weight (is torch|; the)|hold NaN or infinity"):
        load(saved)


def test_pickles_are_not_opened(saved, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    rows = np.empty(3, object)
    rows[:] = [Evil()] * 3
    np.save(tmp_path / "rows.npy", rows, allow_pickle=True)
    np.savez(tmp_path / "rows.npz", x=np.zeros((3, 2)), y=rows)
    for name in ("rows.npy", "rows.npz"):
        with pytest.raises(AAEError, match=r"holds object; only numbers, bytes, texts and dates can be read"):
            load_data(tmp_path / name)
    for write in (lambda file: torch.save({"a": Evil()}, file), lambda file: pickle.dump(Evil(), file)):
        with (saved / "weights.safetensors").open("wb") as file:
            write(file)
        with pytest.raises(AAEError, match=r"does not hold tensors"):
            load(saved)
    assert not (tmp_path / "executed").exists()


def test_weights_of_a_model_of_the_same_shape(tmp_path):
    """Its classes may be in another order."""
    for name, classes in (("one", ["cat", "dog"]), ("other", ["dog", "cat"])):
        torch.manual_seed(0)
        model = autoencoder(Latent("z", Point(WIDTH, 2), None))
        model.classes = classes
        save_model(model, tmp_path / name)
    (tmp_path / "one" / "weights.safetensors").write_bytes((tmp_path / "other" / "weights.safetensors").read_bytes())
    with pytest.raises(AAEError, match=r"belong to another model than its spec.json"):
        load(tmp_path / "one")


CONFIG = [
    ("seed", "3"), ("seed", -1), ("seed", 2**70), ("seed", None), ("labels", "many"), ("labels", 10**12),
    ("labels", None), ("split", 7), ("data", ["a"]), ("data", "/etc/passwd"), ("data", "../../etc"), ("data", None),
    ("reading", []), ("reading", {"image_size": "big"}), ("reading", {"test": 7}), ("length", {"steps": "9"}),
    ("length", {"steps": 9, "epochs": 1}), ("changes", {"hidden": [10**9]}), ("changes", {"z": -3}),
    ("preset", "<script>"), ("length", {"rounds": 9}), ("length", None), ("device", None), ("precision", None),
    ("device", "tpu"), ("changes", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), CONFIG)
def test_configurations_of_an_untrusted_run(copied, name, value):
    run = copied("semi-supervised")
    rewrite(run / "config.json", **{name: value})
    with pytest.raises(AAEError, match=r"\.$"):
        resume_run(run, progress=False)


EVIL = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "@x", "$\\frac{", "\x1b[31mred", "'=1", "+-" * 40]


def test_names_that_are_code(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["=a", "<img src=x onerror=alert(1)>", "$x^{", "kind"])
        for k in range(140):
            rows.writerow([*rng.normal(size=2), f"={k % 3}", EVIL[k % 7]])
    words = ["--steps", 2, "--set", "hidden=[16]", "--set", "discriminator_hidden=[16]", "--labels", 70]
    for preset in ("semi-supervised", "clustering"):
        labels = words if preset == "semi-supervised" else words[:-2]
        assert cli("train", preset, "--data", "rows.csv", "--label-column", "kind", *labels, "--out", preset).code == 0
        report = (tmp_path / preset / "report.html").read_text()
        assert "default-src 'none'; img-src data:" in report
        assert "<script" not in report
        assert "<img src=x" not in report
    card = (tmp_path / "semi-supervised" / "model" / "README.md").read_text()
    assert "<script" not in card.replace("\\<", "")

    assert cli("predict", "semi-supervised", "rows.csv", "--out", "labels.csv").code == 0
    assert cli("sample", "semi-supervised", "--out", "drawn.csv").code == 0
    for name in ("labels.csv", "drawn.csv"):
        with (tmp_path / name).open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "\t", "\r", "+-"))]
    read = open_table(tmp_path / "labels.csv", ReadOptions())
    labels = category_texts(read.columns["label"], "", read.style)
    assert set(labels.tolist()) <= set(map(csv_text, EVIL))
    drawn = open_table(tmp_path / "drawn.csv", ReadOptions()).columns
    assert list(drawn) == ["=a", "<img src=x onerror=alert(1)>", "$x^{", "kind"]
    assert cli("predict", "semi-supervised", "drawn.csv", "--out", "again.csv").code == 0

    result = cli("data", "rows.csv", "--label-column", "kind")
    assert result.code == 0
    assert "\x1b" not in result.out + result.err
    assert "<script>" in result.out
    result = cli("data", "rows.csv", "--label-column", "\x1b[31m")
    assert result.code == 2
    assert "\x1b" not in result.err


def test_terminal_control_characters_are_replaced():
    assert printable("a\x1b[2Jb\r\x07\u202e\n\tä 1") == "a�[2Jb���\n\tä 1"


def test_whole_networks_still_fit(tmp_path):
    """The memory budget stops hostile models only."""
    z = Latent("z", Point(2000, 50), None)
    model = Autoencoder([z], MLPTrunk((28, 28), (2000,)), MLPDecoder(50, (28, 28), (2000, 2000)))
    save_model(model, tmp_path)
    assert list(load(tmp_path).trunk.hidden) == [2000]


BROKEN = {
    "dropout of 30": lambda model: model["trunk"].update(dropout=30),
    "a prior wider than float32 holds": lambda model: model["latents"][0]["prior"].update(std=1e308),
    "a latent of another name": lambda model: model["latents"][0].update(name="w"),
    "a prior for a likelihood": lambda model: model.update(likelihood=model["latents"][0]["prior"]),
    "a likelihood for a merge": lambda model: model.update(merge={"type": "BernoulliLikelihood"}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_parts_that_load_but_cannot_run_are_refused(saved, what):
    spec = json.loads((saved / "spec.json").read_text())["model"]
    BROKEN[what](spec)
    rewrite(saved / "spec.json", model=spec)
    state = torch.get_rng_state()
    with pytest.raises(AAEError, match=r"\.$"):
        load(saved)
    assert torch.equal(torch.get_rng_state(), state)
