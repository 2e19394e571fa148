import copy
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import aae.model
from aae._version import __version__
from aae.data.augmentation import Affine
from aae.model.artifact import FORMAT, load, pack, save_model, unpack
from aae.model.autoencoder import Autoencoder
from aae.model.component import describe
from aae.model.latent import Latent
from aae.model.networks import MLPDecoder
from aae.model.posteriors import Point
from aae.system.errors import AAEError
from helpers.models import SHAPE, WIDTH, adversarial, autoencoder, style
from helpers.runs import VARIANTS, leftovers, python, rewrite, train_small


@pytest.fixture
def model(saved):
    return load(saved)


@pytest.fixture
def saved(copied):
    """The model folder of a run, to be damaged."""
    return copied("semi-supervised") / "model"


def spec_of(folder):
    return json.loads((folder / "spec.json").read_text())


def change(folder, **changes):
    rewrite(folder / "spec.json", **changes)


def places(data, where=()):
    """Every place in JSON data, as a path of keys."""
    yield where
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*where, key))


def replaced(data, where, value):
    if not where:
        return value
    twin = copy.copy(data)
    twin[where[0]] = replaced(data[where[0]], where[1:], value)
    return twin


@pytest.mark.parametrize("name", VARIANTS)
def test_a_model_comes_back_as_it_was(name, tmp_path):
    model = train_small(name).model
    assert save_model(model, tmp_path / "deep" / "model") == tmp_path / "deep" / "model"
    twin = load(tmp_path / "deep" / "model")
    assert not twin.training
    assert describe(twin) == describe(model)
    weights, expected = twin.state_dict(), model.state_dict()
    assert list(weights) == list(expected)
    assert all(torch.equal(weights[key], expected[key]) for key in expected)
    x, labels = torch.rand(5, *model.shape), torch.arange(5)
    assert torch.equal(twin(x, labels), model(x, labels))
    spec = spec_of(tmp_path / "deep" / "model")
    assert list(spec) == ["format", "aae", "model", "checksum"]
    assert (spec["format"], spec["aae"]) == (FORMAT, __version__)
    assert sorted(path.name for path in (tmp_path / "deep" / "model").iterdir()) == ["spec.json", "weights.safetensors"]


def test_a_run_or_its_model_folder(trained):
    run = trained("vae")
    assert all(torch.equal(a, b) for a, b in zip(load(run).parameters(), load(run / "model").parameters(), strict=True))


def test_any_model_is_read_by_a_process_that_has_imported_nothing_else(trained):
    code = "import sys, aae\nfor path in sys.argv[1:]: print(aae.load(path).shape)"
    done = python(code, *(trained(name) for name in ("few-labels", "conditioned", "discrete-vae", "denoising")))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["(8, 8)"] * 4


def test_every_component_of_a_model_is_known_to_a_process_that_has_imported_nothing_else():
    """Whatever a training imports, the one that reads the model may not have."""
    files = Path(aae.model.__file__).parent.glob("*.py")
    names = {name for file in files for name in re.findall(r"@component\nclass (\w+)", file.read_text())}
    done = python("import aae.model.artifact\nfrom aae.model.component import _REGISTRY\nprint(*_REGISTRY)")
    assert len(names) > 20
    assert names <= set(done.stdout.split())


def test_loading_draws_no_random_number(saved):
    torch.manual_seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    load(saved)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])


NAMES = ["os.system", "builtins.eval", "torch.nn.Linear", "Linear", "exec", "__import__", "object", 7, None, ["Point"]]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_known_components_is_built(saved, name):
    spec = spec_of(saved)
    spec["model"]["trunk"] = {"type": name, "command": f"touch {saved / 'executed'}"}
    change(saved, model=spec["model"])
    with pytest.raises(AAEError, match=r"names the component .*, which this version of aae does not have"):
        load(saved)
    assert not (saved / "executed").exists()


@pytest.mark.parametrize("value", [None, -1, 0, 2.5, 10**15, "word", True, [], ["a"], {}, {"type": "Point"}])
def test_a_wrong_value_anywhere_is_reported_in_a_sentence(saved, value):
    spec, refused = spec_of(saved)["model"], []
    for where in places(spec):
        (saved / "spec.json").write_text(json.dumps({"format": FORMAT, "model": replaced(spec, where, value)}))
        try:
            load(saved)
        except AAEError as error:
            refused.append((where, str(error)))
    assert len(refused) > 20
    assert not [sentence for sentence in refused if not sentence[1].endswith(".")]


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"format": FORMAT + 1, "aae": "9.8.7"}, rf"by aae 9.8.7, in a newer format \({FORMAT + 1}\) .* upgrade aae"),
    ({"format": "new"}, "is not the specification of a model"),
    ({"model": {"type": "GaussianPrior", "dim": 2}}, "does not describe an Autoencoder"),
    ({"model": [1]}, "does not describe an Autoencoder"),
    ({"model": {"type": "Autoencoder"}}, "incomplete: missing a required argument: 'latents'"),
    ({"model": {"type": "Point", "features": 3, "dims": 2}}, "no argument of Point 'dims'; did you mean 'dim'"),
])
def test_a_specification_that_cannot_be_read(saved, changes, sentence):
    change(saved, **changes)
    with pytest.raises(AAEError, match=sentence):
        load(saved)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"model": {}}'])
def test_no_specification(saved, content):
    (saved / "spec.json").write_bytes(content)
    with pytest.raises(AAEError, match=r"spec.json.* (cannot be read as|is not the specification|holds no JSON)"):
        load(saved)


def test_missing_files(saved, tmp_path):
    (saved / "weights.safetensors").unlink()
    with pytest.raises(AAEError, match=r"has no weights.safetensors; copy the whole folder"):
        load(saved)
    (saved / "spec.json").unlink()
    for path in (saved, tmp_path):
        with pytest.raises(AAEError, match=r"holds no model: expected spec.json and weights.safetensors"):
            load(path)
    with pytest.raises(AAEError, match=r"There is no folder .*absent; check the path"):
        load(tmp_path / "absent")


DAMAGE = {
    "truncated": lambda data: data[:-1],
    "halved": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "garbage": lambda data: b"\xff" * 200,
    "pickle": lambda data: b"\x80\x02cos\nsystem\n",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_weights(saved, kind):
    path = saved / "weights.safetensors"
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    with pytest.raises(AAEError, match=r"weights.safetensors of .* is damaged, or does not hold tensors"):
        load(saved)


@pytest.mark.parametrize("kind", ["other model", "one missing", "one more", "another shape"])
def test_weights_of_another_model(saved, trained, kind):
    path = saved / "weights.safetensors"
    weights = load_file(path)
    name = "decoder.layers.0.bias"
    if kind == "other model":
        weights = load_file(trained("vae") / "model" / "weights.safetensors")
    elif kind == "one missing":
        del weights[name]
    elif kind == "one more":
        weights["more"] = torch.zeros(1)
    else:
        weights[name] = weights[name][:-1].clone()
    save_file(weights, path)
    with pytest.raises(AAEError, match=r"weights in .* are damaged or belong to another model"):
        load(saved)


class OwnTrunk(nn.Module):
    """A user's own trunk."""

    def __init__(self, shape, features, slope=0.1):
        super().__init__()
        self.shape, self.features, self.slope = tuple(shape), features, slope
        self.layer = nn.Linear(shape[0], features)

    def forward(self, x):
        return nn.functional.leaky_relu(self.layer(x), self.slope)


class Forgetful(OwnTrunk):
    """The same, but an argument is not kept."""

    def __init__(self, shape, features, depth=1):
        super().__init__(shape, features)


def test_a_users_own_component(tmp_path):
    model = Autoencoder([style()], OwnTrunk(SHAPE, WIDTH, slope=0.3), MLPDecoder(2, SHAPE, (WIDTH,)))
    save_model(model, tmp_path)
    with pytest.raises(AAEError, match=r"'OwnTrunk', which .* components=\[OwnTrunk\]"):
        load(tmp_path)
    twin = load(tmp_path, components=[OwnTrunk])
    assert twin.trunk.slope == 0.3
    x = torch.rand(3, *SHAPE)
    assert torch.equal(twin.encode(x)["z"], model.encode(x)["z"])
    assert load(tmp_path, components=iter([OwnTrunk])).trunk.slope == 0.3
    assert load(tmp_path, components=OwnTrunk).trunk.slope == 0.3
    for wrong, shown in ((["OwnTrunk"], "'OwnTrunk'"), ("OwnTrunk", "'OwnTrunk'"), ([None], "an object of NoneType"),
                         (twin.trunk, "an object of OwnTrunk")):  # fmt: skip
        with pytest.raises(AAEError, match=rf"components takes classes, as in components=\[TwoMoons\], not {shown}\."):
            load(tmp_path, components=wrong)
    with pytest.raises(AAEError, match=r"does not have"):
        load(tmp_path)


def test_a_model_is_loaded_from_a_path():
    with pytest.raises(AAEError, match=r"A model is loaded from a path, not from int\."):
        load(3)


def test_a_part_that_cannot_be_described_is_refused_and_nothing_is_written(tmp_path):
    model = Autoencoder([style()], Forgetful(SHAPE, WIDTH), MLPDecoder(2, SHAPE, (WIDTH,)))
    with pytest.raises(AAEError, match=r"Forgetful cannot be written .*'depth'.* Store it as `self.depth = depth`"):
        save_model(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_corruption_that_is_an_augmentation_is_known_too(tmp_path):
    model = autoencoder(Latent("z", Point(WIDTH, 2)), shape=(8, 8), corruption=Affine(degrees=5.0))
    save_model(model, tmp_path)
    assert load(tmp_path).corruption.degrees == 5.0


def test_a_full_disk_leaves_the_earlier_model(saved, monkeypatch):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    model = autoencoder(Latent("z", Point(WIDTH, 2), None), Latent("w", Point(WIDTH, 3), None))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(AAEError, match=r"weights.safetensors could not be written: No space left"):
        save_model(model, saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert not leftovers(saved)


def test_weights_on_disk_are_plain_tensors(tmp_path):
    model = autoencoder(Latent("z", Point(WIDTH, 2), style().prior, adversarial(2)))
    save_model(model, tmp_path)
    weights = load_file(tmp_path / "weights.safetensors")
    assert sum(tensor.numel() for tensor in weights.values()) == sum(p.numel() for p in model.parameters())


def test_a_packed_model_comes_back(model):
    twin = unpack(*pack(model))
    assert describe(twin) == describe(model)
    assert all(torch.equal(a, b) for a, b in zip(twin.parameters(), model.parameters(), strict=True))
    spec, weights = pack(model)
    with pytest.raises(AAEError, match=r"weights.safetensors of the packed model is damaged"):
        unpack(spec, weights[:-3])


@pytest.fixture
def hub(saved, monkeypatch):
    """A hub that has one model, and a list of its requests."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    requests = []

    def snapshot_download(name, *, revision, allow_patterns):
        requests.append((name, revision))
        if name != "someone/digits":
            raise huggingface_hub.errors.HFValidationError("404: no such repository\nmore")
        return str(saved)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return requests


def test_a_model_by_its_name_on_the_hub(hub, model):
    for name, revision in (("someone/digits", None), ("someone/digits@v2", "v2")):
        assert describe(load(name)) == describe(model)
        assert hub[-1] == ("someone/digits", revision)
    with pytest.raises(AAEError, match=r"There is no folder someone/else, and the Hugging Face Hub has no such .*404"):
        load("someone/else")


@pytest.mark.parametrize("path", [Path("someone/digits"), "digits", "./digits", "runs/a/model", "/tmp/absent"])
def test_paths_that_are_not_names_on_the_hub(hub, path):
    with pytest.raises(AAEError, match="There is no folder"):
        load(path)
    assert not hub


def test_a_folder_that_is_there_is_not_looked_for_on_the_hub(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "someone").mkdir()
    with pytest.raises(AAEError, match="There is no folder someone"):
        load("someone/digits")
    assert not hub


def test_the_hub_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(AAEError, match=r"pip install 'adversarial-autoencoder\[hub\]'"):
        load("someone/digits")
