"""The files of an encoder: on this machine, on the Hub, and those that are refused."""

import json
import os
import shutil
import sys
from fnmatch import fnmatch
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from aae.data.features.files import encoder_place, find_encoder, kinds_of
from aae.model.frozen import IMAGE, TEXT
from aae.system.errors import AAEError
from helpers.encoders import PREPROCESSING, image_encoder, text_encoder


def with_external_data(folder, location="weights.bin", size=3):
    """An encoder whose weights lie in a file of their own, under any name."""
    model = onnx.load(image_encoder(folder) / "model.onnx")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder


def test_a_folder_a_file_and_a_folder_named_onnx(tmp_path):
    folder = image_encoder(tmp_path / "dino")
    found = find_encoder(str(folder))
    assert (found.name, found.place, found.model, found.kind) == ("dino", str(folder), folder / "model.onnx", "image")
    assert find_encoder(str(folder / "model.onnx")).name == "model.onnx"
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    assert find_encoder(str(folder)).model == folder / "onnx" / "model.onnx"
    inner = find_encoder(str(folder / "onnx" / "model.onnx"))
    assert (inner.model, inner.folder) == (folder / "onnx" / "model.onnx", folder)


def test_an_encoder_of_both_takes_the_file_for_each(tmp_path):
    folder, _ = text_encoder(tmp_path)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))
    (folder / "onnx").mkdir()
    for name in ("vision_model.onnx", "text_model.onnx"):
        (folder / "onnx" / name).write_bytes((folder / "model.onnx").read_bytes())
    assert kinds_of(str(folder)) == [IMAGE, TEXT]
    assert find_encoder(str(folder), [IMAGE]).model.name == "vision_model.onnx"
    assert find_encoder(str(folder), [TEXT]).model.name == "text_model.onnx"


def test_the_digest_is_of_the_model_its_weights_and_its_settings(tmp_path):
    folder = with_external_data(tmp_path)
    (folder / "weights.bin").write_bytes(np.float32(1).tobytes())
    digests = {find_encoder(str(folder)).sha256}
    assert digests == {find_encoder(str(folder)).sha256}
    (folder / "weights.bin").write_bytes(np.float32(2).tobytes())
    digests.add(find_encoder(str(folder)).sha256)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING | {"resample": 3}))
    digests.add(find_encoder(str(folder)).sha256)
    (folder / "readme.md").write_text("of no importance")
    digests.add(find_encoder(str(folder)).sha256)
    assert len(digests) == 3


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "a/../../weights.bin", "..\\weights.bin",
                                      "C:\\weights.bin", "inside/../../weights.bin"])  # fmt: skip
def test_weights_outside_the_folder_are_not_read(tmp_path, location):
    (tmp_path / "weights.bin").write_bytes(np.float32(1).tobytes())
    with pytest.raises(AAEError, match="names weights outside its folder") as error:
        _ = find_encoder(str(with_external_data(tmp_path / "encoder", location))).sha256
    assert "they are not read, so get the encoder from a source that you trust." in str(error.value)


def test_weights_outside_by_a_link_are_not_read(tmp_path):
    (tmp_path / "weights.bin").write_bytes(np.float32(1).tobytes())
    folder = with_external_data(tmp_path / "encoder")
    (folder / "weights.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(AAEError, match="names weights outside its folder"):
        _ = find_encoder(str(folder)).sha256


def test_weights_in_tensors_of_a_node_and_of_a_function_are_looked_for_too(tmp_path):
    folder = image_encoder(tmp_path)
    model = onnx.load(folder / "model.onnx")
    hidden = onnx.TensorProto(data_location=onnx.TensorProto.EXTERNAL, data_type=1, dims=[1])
    entry = hidden.external_data.add()
    entry.key, entry.value = "location", "../elsewhere"
    node = onnx.helper.make_node("Constant", [], ["unused"], value=hidden)
    for place in ("graph", "function"):
        other = onnx.ModelProto()
        other.CopyFrom(model)
        if place == "graph":
            other.graph.node.append(node)
        else:
            other.functions.append(onnx.helper.make_function("own", "F", [], ["unused"], [node], []))
        (folder / "model.onnx").write_bytes(other.SerializeToString())
        with pytest.raises(AAEError, match="names weights outside its folder"):
            _ = find_encoder(str(folder)).sha256


def test_a_download_of_the_hub_holds_links_and_is_read(tmp_path):
    folder = with_external_data(tmp_path / "snapshots" / "1", "model.onnx_data")
    (tmp_path / "blobs").mkdir()
    (folder / "model.onnx").rename(tmp_path / "blobs" / "aa")
    (tmp_path / "blobs" / "bb").write_bytes(np.float32(1).tobytes())
    (folder / "model.onnx").symlink_to(tmp_path / "blobs" / "aa")
    (folder / "model.onnx_data").symlink_to(tmp_path / "blobs" / "bb")
    assert len(find_encoder(str(folder)).sha256) == 64


def test_missing_files_are_named(tmp_path):
    with pytest.raises(AAEError, match=r"needs the file 'weights.bin' beside it; copy the whole folder"):
        _ = find_encoder(str(with_external_data(tmp_path / "a"))).sha256
    (tmp_path / "b").mkdir()
    with pytest.raises(AAEError, match=r"neither preprocessor_config.json \(for images\) nor tokenizer.json"):
        find_encoder(str(tmp_path / "b"))
    (tmp_path / "b" / "tokenizer.json").write_text("{}")
    with pytest.raises(AAEError, match=r"holds no encoder; expected model.onnx or onnx/model.onnx"):
        find_encoder(str(tmp_path / "b"))
    with pytest.raises(AAEError, match=r"encoder of texts, without the preprocessor_config.json that images need"):
        find_encoder(str(tmp_path / "b"), [IMAGE])
    with pytest.raises(AAEError, match=r"No encoder at .*c/model.onnx; give an ONNX file, a folder with model.onnx"):
        find_encoder(str(tmp_path / "c" / "model.onnx"))


def fake_hub(monkeypatch, folder=None, cache=None):
    """A Hub that serves the files of a folder that are asked for, or cannot be reached."""
    asked = []

    def snapshot_download(repository, revision=None, allow_patterns=()):
        asked.append((repository, revision, tuple(allow_patterns)))
        if folder is None:
            raise ConnectionError("[Errno -3] Temporary failure in name resolution\nmore")
        for file in folder.rglob("*"):
            name = str(file.relative_to(folder))
            if file.is_file() and any(fnmatch(name, pattern) for pattern in allow_patterns):
                (cache / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, cache / name)
        return str(cache)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=snapshot_download))
    return asked


def test_a_name_on_the_hub(tmp_path, monkeypatch):
    asked = fake_hub(monkeypatch, image_encoder(tmp_path / "served"), tmp_path / "snapshot")
    (tmp_path / "served" / "model.safetensors").write_bytes(b"large")
    monkeypatch.chdir(tmp_path)
    found = find_encoder("owner/dino@main", [IMAGE])
    assert (found.name, found.place, found.kind) == ("owner/dino@main", "owner/dino@main", "image")
    assert {(repository, revision) for repository, revision, _ in asked} == {("owner/dino", "main")}
    patterns = {pattern for *_, patterns in asked for pattern in patterns}
    assert {"preprocessor_config.json", "onnx/model.onnx", "model.onnx"} <= patterns
    assert sorted(file.name for file in (tmp_path / "snapshot").iterdir()) == ["model.onnx", "preprocessor_config.json"]
    assert encoder_place("owner/dino@main") == "owner/dino@main"


def test_a_folder_comes_before_a_name_on_the_hub(tmp_path, monkeypatch):
    asked = fake_hub(monkeypatch)
    monkeypatch.chdir(tmp_path)
    image_encoder(tmp_path / "owner" / "dino")
    assert find_encoder("owner/dino").name == "dino"
    assert encoder_place("owner/dino") == os.path.join(tmp_path, "owner", "dino")
    assert not asked


def test_the_hub_without_a_network(tmp_path, monkeypatch):
    fake_hub(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AAEError) as error:
        find_encoder("owner/dino")
    assert str(error.value) == (
        "owner/dino cannot be downloaded from the Hugging Face Hub ([Errno -3] Temporary failure in name resolution); "
        "without a network, give a folder that holds its onnx/model.onnx and preprocessor_config.json or "
        "tokenizer.json."
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(AAEError, match="installs what downloads it"):
        find_encoder("owner/dino")


def test_packages_that_are_not_installed(tmp_path, monkeypatch):
    folder = image_encoder(tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(AAEError, match=r"need onnx; `pip install 'adversarial-autoencoder\[features\]'`"):
        _ = find_encoder(str(folder)).sha256
