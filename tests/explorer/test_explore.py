"""The page of a run: what it holds, and what cannot be explored."""

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import aae
from aae.data.row_keys import keys_of
from aae.evaluation import inference
from aae.explorer import payload as payload_module
from aae.explorer.labelling import label_page
from aae.explorer.payload import run_payload
from aae.explorer.thumbnails import tile_of
from aae.runs.open import open_run
from aae.system.errors import AAEError, UsageError
from helpers.runs import train_small
from helpers.unpacked import decode, unpack
from helpers.vectors import groups
from helpers.written import write_picture


def told(text):
    """The payload of a page."""
    return json.loads(re.search(r'<script id="payload" type="application/json">(.*?)</script>', text, re.S)[1])


@pytest.fixture(scope="module")
def few_labels(trained):
    run = open_run(trained("few-labels"))
    return run, run_payload(run, 60)


def rows_of(run, payload):
    """The rows of a page as the data hold them."""
    keys = keys_of(run.data)
    place = {**{key: ("test_x", k) for k, key in enumerate(keys.test.tolist())},
             **{key: ("x", k) for k, key in enumerate(keys.train.tolist())}}  # fmt: skip
    return np.stack([getattr(run.data, name)[k] for name, k in (place[key] for key in payload["keys"])])


def test_rows_of_images(few_labels):
    run, payload = few_labels
    x = rows_of(run, payload)
    assert all(np.array_equal(tile_of(payload["thumbnails"], k), x[k]) for k in range(60))
    assert (payload["data"], payload["shape"], payload["key"]) == ("images", [8, 8], "index")
    assert (payload["preset"], payload["title"]) == ("few-labels", "few-labels on digits")
    assert unpack(payload["part"]).tolist() == [0] * 30 + [1] * 30
    assert payload["classes"] == [str(k) for k in range(10)]
    p = inference.classify(run.model, x)
    assert np.allclose(unpack(payload["probabilities"]), p, atol=1e-3)
    assert np.array_equal(unpack(payload["prediction"]), p.argmax(1))
    wrong = unpack(payload["label"]) != p.argmax(1)
    assert set(payload["lists"]["mistakes"]) == set(np.flatnonzero(wrong).tolist())
    assert payload["lists"]["uncertain"] == np.argsort(p.max(1), kind="stable")[:10].tolist()
    assert len(set(payload["lists"]["unusual"])) == 10


def test_reconstructions_are_those_of_the_model(few_labels):
    run, payload = few_labels
    found = decode({**payload["decoder"], "merge": []}, unpack(payload["codes"]).astype(float))
    expected = inference.reconstruct(run.model, rows_of(run, payload))
    assert np.abs(found - expected).max() < 1 / 255


def test_map_and_neighbours_are_of_the_features(few_labels):
    run, payload = few_labels
    features = inference.features(run.model, rows_of(run, payload))
    assert payload["map"]["title"] == "encoder's features, projected by t-SNE"
    assert not payload["map"]["is_code"]
    assert unpack(payload["map"]["points"]).shape == (60, 2)
    distances = np.linalg.norm(features[:, None] - features, axis=2) + np.diag([np.inf] * 60)
    nearest = np.take_along_axis(distances, unpack(payload["neighbours"]).astype(int), 1)
    assert np.allclose(nearest, np.sort(distances, 1)[:, :10], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "latent", "contours"), [("aae", "z", True), ("conditioned", "z", True),
                                                          ("embedding", None, False)])  # fmt: skip
def test_a_code_of_two_numbers_is_the_map(trained, name, latent, contours):
    run = open_run(trained(name))
    payload = run_payload(run, 20)
    assert payload["map"]["is_code"]
    assert payload["map"]["latent"] == latent
    assert bool(payload["map"]["contours"]) == contours
    assert np.allclose(unpack(payload["map"]["points"]), unpack(payload["codes"]), rtol=1e-3, atol=2e-3)
    every = unpack(payload["codes"] if payload["latent_codes"] is None else payload["latent_codes"])
    found = decode(payload["decoder"], every.astype(float))
    assert np.abs(found - inference.reconstruct(run.model, rows_of(run, payload))).max() < 1 / 255
    for one in payload["map"]["contours"] or []:
        assert one["level"].endswith("the prior")
        assert all(len(line) < 500 and np.isfinite(line).all() for line in one["lines"])


def test_clusters(trained):
    run = open_run(trained("clustering"))
    payload = run_payload(run, 20)
    assert payload["prediction"] is None
    p = inference.classify(run.model, rows_of(run, payload))
    assert payload["cluster"]["count"] == p.shape[1]
    assert np.array_equal(unpack(payload["cluster"]["values"]), p.argmax(1))
    assert len(payload["lists"]["uncertain"]) == 10
    assert payload["lists"]["mistakes"] == []


@pytest.mark.parametrize("rows", [1, 2, 4, 5, 9])
def test_few_rows(trained, rows):
    payload = run_payload(open_run(trained("few-labels")), rows)
    assert unpack(payload["map"]["points"]).shape == (rows, 2)
    assert (payload["neighbours"] is None) == (rows == 1)


def test_a_model_that_encodes_nothing(trained):
    run = open_run(trained("supervised"))
    observed = aae.Latent("y", prior=aae.CategoricalPrior(10), label="observed")
    model = aae.Autoencoder([observed], None, aae.MLPDecoder(10, (8, 8), (16,)), classes=list(range(10)))
    payload = run_payload(replace(run, model=model), 20)
    assert payload["map"]["title"] == "rows, projected by t-SNE"
    assert unpack(payload["codes"]).argmax(1).tolist() == unpack(payload["label"]).tolist()
    assert payload["prediction"] is None


def spoilt(run, rows):
    """A run whose model gives NaN for rows of which the first pixel is at least so light."""
    class Spoilt(type(run.model.trunk)):
        def forward(self, x):
            return torch.where(x.flatten(1).sum(1, keepdim=True) >= rows, torch.nan, super().forward(x))

    model = run.model
    model.trunk.__class__ = Spoilt
    return run


def test_rows_for_which_the_model_gives_nan_are_left_out_and_counted(trained):
    run = open_run(trained("few-labels"))
    sums = np.sort(rows_of(run, run_payload(run, 20)).reshape(20, -1).sum(1) / 255)
    payload = run_payload(spoilt(run, float(sums[15]) - 0.01), 20)
    assert len(payload["keys"]) == 15
    assert "5 rows are left out, because the model gives NaN or infinity for them." in payload["notes"]
    with pytest.raises(AAEError, match="NaN or infinity for every row: its training diverged"):
        run_payload(spoilt(run, -1.0), 20)


def test_decoder_of_ones_own(trained):
    class Own(aae.MLPDecoder):
        pass

    run = open_run(trained("few-labels"))
    run.model.decoder.__class__ = Own
    payload = run_payload(run, 12)
    assert payload["decoder"].keys() == {"error"}
    assert "Own" in payload["decoder"]["error"]
    assert payload["codes"] is None
    assert len(payload["lists"]["unusual"]) == 10


@pytest.fixture(scope="module")
def patients(tmp_path_factory):
    """A run of a table with every kind of column, in which cells are empty and classes have odd names."""
    folder = tmp_path_factory.mktemp("patients")
    lines = ["age,weight,ward,smokes,seen,label"]
    for k in range(60):
        weight = "" if k % 7 == 0 else f"{50 + k * 0.5} kg"
        lines.append(f"{20 + k},{weight},{'ABC'[k % 3]},{['no', 'yes'][k % 2]},2024-01-{1 + k % 28:02},"
                     f"{['</script>', 'b'][k % 2] if k < 40 else ''}")  # fmt: skip
    (folder / "patients.csv").write_text("\n".join(lines))
    reading = aae.ReadOptions(label_column="label")
    train_small("few-labels", data=str(folder / "patients.csv"), reading=reading, labels=20, out=folder / "run")
    return folder


def test_rows_of_a_table(patients):
    run = open_run(patients / "run")
    payload = run_payload(run, 100)
    assert (payload["data"], len(payload["keys"]), payload["classes"]) == ("table", 60, ["</script>", "b"])
    columns = {column["name"]: column for column in payload["columns"]}
    numbers = payload["keys"]
    assert unpack(columns["age"]["values"]).tolist() == [20 + k for k in numbers]
    assert (columns["weight"]["unit"], columns["weight"]["kind"]) == ("kg", "number")
    assert np.isnan(unpack(columns["weight"]["values"])).tolist() == [k % 7 == 0 for k in numbers]
    ward = columns["ward"]
    assert [ward["levels"][int(v)] for v in unpack(ward["values"])] == ["ABC"[k % 3] for k in numbers]
    smokes = columns["smokes"]
    assert [smokes["levels"][int(v)] for v in unpack(smokes["values"])] == [["no", "yes"][k % 2] for k in numbers]
    assert (columns["seen"]["kind"], columns["seen"]["clock"]) == ("date", False)
    output = {column["name"]: column for column in payload["decoder"]["output"]["columns"]}
    assert output["seen"]["clock"] is False
    assert columns["seen"]["texts"] == [f"2024-01-{1 + k % 28:02}" for k in numbers]
    labels = unpack(payload["label"])
    assert labels.tolist() == [-1 if k >= 40 else k % 2 for k in numbers]


def test_vectors_without_labels(tmp_path):
    np.savez(tmp_path / "v.npz", x=np.random.default_rng(0).random((40, 70), dtype=np.float32))
    train_small("aae", data=str(tmp_path / "v.npz"), labels=0, out=tmp_path / "run")
    payload = run_payload(open_run(tmp_path / "run"), 40)
    assert (payload["data"], payload["classes"], len(payload["columns"])) == ("vectors", [], 64)
    assert "The first 64 of 70 columns are shown." in payload["notes"]
    assert set(unpack(payload["label"]).tolist()) == {-1}
    assert payload["decoder"]["output"] == {"type": "vector"}


def test_command(trained, tmp_path, cli):
    out = tmp_path / "page.html"
    done = cli("explore", trained("few-labels"), "--rows", 12, "--out", out, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(rf"Explorer: {out} \(0\.\d MB; 12 rows; encoder's features, projected by t-SNE; decoder\)\n",
                        done.out)  # fmt: skip
    assert len(told(out.read_text())["keys"]) == 12


def test_other_data_are_test_rows(trained, tmp_path, cli):
    x = np.random.default_rng(0).integers(0, 256, (15, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "new.npz", x=x)
    done = cli("explore", trained("few-labels"), "--data", tmp_path / "new.npz", "--out", tmp_path / "page.html")
    assert done.code == 0, done.err
    payload = told((tmp_path / "page.html").read_text())
    assert set(unpack(payload["part"]).tolist()) == {0}
    assert all(np.array_equal(tile_of(payload["thumbnails"], k), x[key]) for k, key in enumerate(payload["keys"]))


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["--rows", "0"], 2, "A page shows 1 to 20,000 rows, not 0; change --rows."),
    (["--rows", "20001"], 2, "not 20,001"),
    (["--out", "page.txt"], 2, "page.txt should end in .html or .htm."),
    (["--out", "absent/page.html"], 1, "The folder absent does not exist"),
    (["--out", "folder.html"], 1, "folder.html is a folder; name a file."),
    (["--data", "absent.npz"], 1, "No data at absent.npz"),
    (["--decimal", ","], 2, "--decimal describes a table given with --data"),
])  # fmt: skip
def test_wrong_arguments(trained, tmp_path, cli, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    done = cli("explore", trained("few-labels"), "--out", "page.html", *arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert done.err.startswith("aae: ")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


def test_a_run_without_a_model(copied, tmp_path, cli):
    path = copied("few-labels")
    (path / "model").rename(path / "gone")
    done = cli("explore", path, "--out", tmp_path / "page.html")
    assert done.code == 1
    assert "has no model yet, because its training did not finish" in done.err


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A run of forty pictures, six of which have a label in first.csv, and more labels in second.csv."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for k in range(40):
        write_picture(root / "photos" / f"{k}.png", rng.integers(0, 256, (10, 10), dtype=np.uint8))
    for name, count, classes in (("first", 6, "ab"), ("second", 12, "abc")):
        lines = [f"{k}.png,{classes[k % len(classes)]}\n" for k in range(count)]
        (root / f"{name}.csv").write_text("file,label\n" + "".join(lines))
    reading = aae.ReadOptions(labels_file=str(root / "first.csv"))
    train_small("few-labels", data=str(root / "photos"), reading=reading, out=root / "run")
    return root


@pytest.mark.parametrize("other", [[], ["--data", "photos"]], ids=["its own data", "other data"])
@pytest.mark.parametrize(("file", "count"), [("first.csv", 6), ("second.csv", 12)])
def test_labels_of_a_file_are_in_the_page(photos, tmp_path, cli, monkeypatch, other, file, count):
    monkeypatch.chdir(photos)
    out = tmp_path / "page.html"
    done = cli("explore", "run", "--labels-file", file, "--rows", 30, "--out", out, *other)
    assert done.code == 0, done.err
    payload = told(out.read_text())
    classes = "ab" if file == "first.csv" else "abc"
    expected = {f"{k}.png": classes[k % len(classes)] for k in range(count)}
    assert dict(payload["given"]["labels"]) == expected
    assert payload["given"]["file"] == file
    # Those of classes that the model knows are shown, whatever else is drawn.
    labels = dict(zip(payload["keys"], unpack(payload["label"]).tolist(), strict=True))
    known = {key: name for key, name in expected.items() if name in payload["classes"]}
    assert {key: payload["classes"][k] for key, k in labels.items() if k >= 0} == known


@pytest.mark.parametrize(("file", "text", "message"), [
    ("absent.csv", None, "There is no file absent.csv; check --labels-file."),
    ("other.csv", "file,label\nx.png,a\n1.png,b\ny.png,b\n",
     "2 rows of other.csv cannot be used for the images of photos: line 2 ('x.png' is not in the folder)"),
    ("twice.csv", "file,label\n1.png,a\n1.png,b\n", "line 3 ('1.png' has 'a' and 'b', the first in line 2)"),
])  # fmt: skip
def test_a_labels_file_of_other_data(photos, cli, monkeypatch, file, text, message):
    monkeypatch.chdir(photos)
    if text is not None:
        (photos / file).write_text(text)
    done = cli("explore", "run", "--labels-file", file, "--out", "page.html")
    assert (done.code, done.out) == (1, "")
    assert message in done.err.replace(str(photos) + "/", "")


def test_too_many_labels_for_a_page(photos, monkeypatch):
    run = open_run(photos / "run")
    monkeypatch.setattr(payload_module, "MAX_GIVEN", 5)
    payload = run_payload(run, 20)
    assert payload["given"] is None
    assert payload["notes"][-1] == ("first.csv has 6 labels, too many for the page: its labels.csv will hold only "
                                    "those that are given here.")  # fmt: skip


def test_in_a_notebook(trained):
    run = aae.open_run(trained("few-labels"))
    shown = run.explore(rows=5, height=300)
    frame = shown._repr_html_()
    assert 'height="300"' in frame
    page = html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1])
    assert len(told(page)["keys"]) == 5
    assert told(page) == told(aae.explore(trained("few-labels"), rows=5).text)
    assert len(repr(shown)) < 100
    with pytest.raises(UsageError, match="1 pixel or more"):
        run.explore(height=0)
    with pytest.raises(UsageError, match="1 to 20,000 rows"):
        run.explore(rows=0)


def test_labelling_page(tmp_path):
    data = aae.load_data("digits")
    out = tmp_path / "label.html"
    size = label_page(data, [7, 3, 1000], ["typical", "</script>", "far"], [2, -1, 9], out)
    payload = told(out.read_text())
    assert size == out.stat().st_size
    assert (payload["mode"], payload["map"], payload["decoder"]) == ("label", None, None)
    assert payload["keys"] == keys_of(data).train[[7, 3, 1000]].tolist()
    assert payload["reasons"] == ["typical", "</script>", "far"]
    assert unpack(payload["proposed"]).tolist() == [2, -1, 9]
    assert np.array_equal(tile_of(payload["thumbnails"], 2), data.x[1000])
    assert payload["title"] == "Label 3 rows of digits"


def test_labelling_page_without_classes(tmp_path):
    data = replace(aae.load_data("digits"), classes=[], y=np.full(1437, -1))
    label_page(data, np.arange(1), ["typical"], None, tmp_path / "label.html")
    payload = told((tmp_path / "label.html").read_text())
    assert (payload["classes"], payload["proposed"], payload["title"]) == ([], None, "Label 1 row of digits")


def test_vectors_of_another_encoder_have_no_decoder(tmp_path):
    x, y = groups(90, 256)
    np.savez(tmp_path / "v.npz", x=x, y=y)
    train_small("few-labels", data=str(tmp_path / "v.npz"), labels=30, out=tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert run.model.table.vectors
    payload = run_payload(run, 40)
    assert payload["data"] == "vectors"
    assert payload["decoder"] == {"error": "the rows are vectors of another encoder, which have no picture; everything "
                                           "else works."}  # fmt: skip
    assert payload["codes"] is None
    assert len(payload["keys"]) == len(unpack(payload["prediction"])) == 40
