import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from aae.evaluation import inference
from aae.evaluation.calibration import raised
from aae.report import gallery
from aae.report.gallery import PICTURES, caption_of, draw_picture, write_run_report
from aae.runs.open import open_run
from aae.system.errors import AAEError, UsageError
from helpers.runs import VARIANTS

ALWAYS = {"latent", "reconstructions", "curves"}
WITH_CLASSES = ALWAYS | {"features", "samples", "styles"}  # models that infer a class or cluster
DRAWN = {
    "autoencoder": ALWAYS, "denoising": ALWAYS, "vae": ALWAYS | {"samples"}, "aae": ALWAYS | {"samples", "manifold"},
    "conditioned": ALWAYS | {"samples", "manifold"}, "tutorial aae": ALWAYS | {"samples", "manifold"},
    "supervised": ALWAYS | {"samples", "styles", "manifold"}, "plain supervised": ALWAYS | {"samples", "styles"},
    **dict.fromkeys(("semi-supervised", "few-labels", "paper semi-supervised"),
                    WITH_CLASSES | {"confusion", "mistakes"}),
    "tutorial semi-supervised": WITH_CLASSES | {"confusion", "mistakes", "manifold"},
    "clustering": WITH_CLASSES, "embedding": WITH_CLASSES | {"manifold"},
    "labelled embedding": WITH_CLASSES | {"manifold", "confusion", "mistakes"},
    "wae-mmd": ALWAYS | {"samples"}, "info-vae": ALWAYS | {"samples"}, "discrete-vae": ALWAYS | {"samples"},
}
APART, MIXED, PARTS = "Classes should be separated", "Classes should overlap", "in its own mixture component"
BESIDE, FREE = "so classes may overlap", "Classes may be separated, although no labels were used"
CAPTIONS = {
    **dict.fromkeys(("autoencoder", "denoising", "vae", "aae", "tutorial aae", "wae-mmd", "info-vae", "discrete-vae"),
                    FREE),
    **dict.fromkeys(("semi-supervised", "few-labels", "clustering", "supervised"), MIXED),
    **dict.fromkeys(("plain supervised", "paper semi-supervised", "tutorial semi-supervised"), BESIDE),
    "conditioned": PARTS, "embedding": APART, "labelled embedding": APART,
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_pictures_of_every_model(name, trained, monkeypatch):
    monkeypatch.setattr(gallery, "NEIGHBOURS", 40)
    run = open_run(trained(name))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    drawn, refusals = set(), []
    for kind, (draw, _) in PICTURES.items():
        assert caption_of(kind, run).endswith(".")
        try:
            figure = draw(run)
        except AAEError as error:
            refusals.append(str(error))
        else:
            assert figure.axes
            drawn.add(kind)
    assert all(sentence.endswith(".") for sentence in refusals)
    assert drawn == DRAWN[name]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("kind", "most"), [("features", "NEIGHBOURS"), ("latent", "POINTS")])
def test_captions_are_of_the_rows_that_are_drawn(kind, most, trained, monkeypatch):
    """Of a sorted test set the first rows are not what is drawn."""
    run = open_run(trained("few-labels"))
    monkeypatch.setattr(gallery, most, 2)
    run.data.test_y[-1] = -1
    assert "grey crosses: no label" in caption_of(kind, run)


@pytest.mark.parametrize("kind", ["features", "latent"])
def test_captions_of_a_cross_validated_run_say_that_the_rows_were_learned(kind, trained):
    run = replace(open_run(trained("few-labels")), cross_validation=object())
    assert "the labelled examples, which this model has learned" in caption_of(kind, run)
    assert "of test examples" in caption_of(kind, replace(run, cross_validation=None))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_caption_of_the_codes_is_true_of_the_model(name, trained):
    run = open_run(trained(name))
    caption = caption_of("latent", run)
    assert [text for text in (APART, MIXED, PARTS, BESIDE, FREE) if text in caption] == [CAPTIONS[name]]
    drawn = any("of the prior" in text.get_text() for text in PICTURES["latent"][0](run).legends[0].get_texts())
    assert ("contours of the prior" in caption) == drawn
    assert "coloured by class." in caption
    title = PICTURES["latent"][0](run).axes[0].get_title(loc="left")
    assert title.split(" of ")[0] == caption.split(" of ")[0]


@pytest.mark.parametrize(("prior", "name"), [("ring", "the prior (ring)"), ("gaussian", "the prior (Gaussian)")])
def test_the_contours_are_named(prior, name, trained):
    assert name in caption_of("latent", open_run(trained("conditioned" if prior == "ring" else "aae")))


@pytest.mark.parametrize("kind", ["latent", "features"])
@pytest.mark.parametrize(("labels", "said"), [("none", False), ("some", True)])
def test_captions_speak_of_colours_only_where_there_are_labels(kind, labels, said, trained):
    run = open_run(trained("few-labels"))
    y = np.full_like(run.data.test_y, -1)
    y[: 10 if said else 0] = 1
    run.data = replace(run.data, test_y=y)
    caption = caption_of(kind, run)
    assert ("coloured by class (grey crosses: no label)" in caption) == said
    assert ("lasses should" in caption) == said


@pytest.mark.parametrize(("name", "said", "unsaid"), [
    ("vae", "Losses during training.", "dotted"), ("semi-supervised", "Losses and accuracy", "Penalties"),
    ("aae", "dotted lines", "accuracy"),
])
def test_the_caption_of_the_curves_names_what_is_drawn(name, said, unsaid, trained):
    caption = caption_of("curves", open_run(trained(name)))
    assert said in caption
    assert unsaid not in caption


def test_the_caption_of_the_curves_explains_each_loss():
    columns = {"step": np.arange(3), "baseline_loss": np.ones(3), "consistency_loss": np.full(3, np.nan)}
    run = SimpleNamespace(directory=SimpleNamespace(history=lambda: SimpleNamespace(columns=lambda: columns)))
    caption = caption_of("curves", run)
    assert "Simple classifiers: how far predictions are from those of logistic regression" in caption
    assert "Consistency" not in caption


def test_reconstructions_of_a_denoiser_are_of_corrupted_rows(trained):
    assert "corrupted" in caption_of("reconstructions", open_run(trained("denoising")))
    assert "corrupted" not in caption_of("reconstructions", open_run(trained("vae")))


def test_the_time_chart_has_the_same_model_in_both_settings(trained, monkeypatch):
    timed = []

    def step_times(preset, data, changes, device, precision, steps):
        timed.append((preset, changes, precision))
        return {"microseconds_per_row": 100.0 * len(timed)}

    monkeypatch.setattr(gallery, "step_times", step_times)
    run = open_run(trained("aae"))
    run.data = replace(run.data, name="mnist")
    names = [label.get_text() for label in PICTURES["time"][0](run).axes[0].get_yticklabels()]
    assert {"cpu, tutorial's model, its settings", "cpu, tutorial's model, our settings", "cpu, this run",
            "tutorial: CPU", "tutorial: M4000", "tutorial: P5000"} == {*names}
    assert timed == [("aae", {"recipe": "tutorial"}, "32"), ("aae", gallery.same_model("aae"), "32")]
    run = open_run(trained("vae"))
    run.data = replace(run.data, name="mnist")
    with pytest.raises(AAEError, match="does not train vae"):
        PICTURES["time"][0](run)


def drawn_points(figure):
    return sum(len(one.get_offsets()) for one in figure.axes[0].collections)


def test_the_map_of_features_draws_so_many_rows(trained, monkeypatch):
    monkeypatch.setattr(gallery, "NEIGHBOURS", 40)
    run = open_run(trained("few-labels"))
    assert drawn_points(PICTURES["features"][0](run)) == 40
    run.data = replace(run.data, test_y=np.full_like(run.data.test_y, -1))
    figure = PICTURES["features"][0](run)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["rows"]
    run.data = replace(run.data, test_x=run.data.test_x[:4], test_y=run.data.test_y[:4])
    with pytest.raises(AAEError, match="at least 5"):
        PICTURES["features"][0](run)


def test_features_are_those_of_the_head_of_the_class(trained):
    model, rows = open_run(trained("few-labels")).model, open_run(trained("few-labels")).data.test_x[:30]
    found = model.category.posterior(torch.from_numpy(inference.features(model, rows))).mean.detach().numpy()
    assert np.allclose(raised(found, model.calibration), inference.classify(model, rows), atol=1e-5)


def test_the_two_maps_stand_beside_each_other(copied, monkeypatch):
    monkeypatch.setattr(gallery, "PICTURES", {kind: PICTURES[kind] for kind in ("features", "latent", "curves")})
    monkeypatch.setattr(gallery, "NEIGHBOURS", 40)
    text = write_run_report(open_run(copied("semi-supervised")), {}).read_text(encoding="utf-8")
    assert re.findall(r'<figure id="(\w+)">', text) == ["features", "latent", "curves"]
    (pair,) = re.findall(r'<div class="maps">(.*?)</div>', text, re.DOTALL)
    assert re.findall(r'<figure id="(\w+)">', pair) == ["features", "latent"]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_picture_as_a_file(trained, tmp_path, suffix):
    out = tmp_path / f"curves{suffix}"
    assert draw_picture(trained("aae"), "curves", out) == f"curves: {out}"
    assert out.stat().st_size > 1000
    if suffix == ".png":
        with Image.open(out) as picture:
            assert min(picture.size) > 100


@pytest.mark.parametrize(("name", "kind", "out", "error", "sentence"), [
    ("aae", "latnt", "a.png", UsageError, "no plot 'latnt'; did you mean 'latent'"),
    ("aae", "latent", "a.jpg", UsageError, "a.jpg should end in .png or .svg or .pdf"),
    ("aae", "latent", "absent/a.png", AAEError, "absent does not exist; make it first"),
    ("vae", "manifold", "a.png", AAEError, "needs a two-dimensional code with a prior; train with --set z=2"),
    ("vae", "styles", "a.png", AAEError, "style grid needs one latent for the class or cluster"),
    ("autoencoder", "samples", "a.png", AAEError, "has no prior, so this model cannot sample"),
    ("clustering", "confusion", "a.png", AAEError,
     "This model is not a classifier; train semi-supervised or few-labels"),
    ("clustering", "mistakes", "a.png", AAEError, "This model is not a classifier"),
    ("vae", "time", "a.png", AAEError, "are for MNIST"),
    ("supervised", "features", "a.png", AAEError, "infers no class or cluster, so it has no features"),
])
def test_pictures_that_cannot_be_drawn(trained, tmp_path, name, kind, out, error, sentence):
    with pytest.raises(error, match=sentence):
        draw_picture(trained(name), kind, tmp_path / out)
    assert not list(tmp_path.iterdir())


def test_a_run_in_which_nothing_was_measured(copied):
    run = copied("aae")
    (run / "metrics.csv").unlink()
    for kind in ("time", "curves"):
        with pytest.raises(AAEError):
            PICTURES[kind][0](open_run(run))


def test_the_report_holds_the_pictures_there_are(copied, monkeypatch):
    monkeypatch.setattr(gallery, "PICTURES", {kind: PICTURES[kind] for kind in ("latent", "manifold", "curves")})
    path = copied("vae")
    run = open_run(path)
    run.config["notes"] = ["The code has collapsed."]
    assert write_run_report(run, {"reconstruction_loss": 12.5}) == path / "report.html"
    text = (path / "report.html").read_text(encoding="utf-8")
    assert text.count('src="data:image/png') == 2
    assert "vae on digits" in text
    assert "The code has collapsed." in text
    assert f"aae plot {path}-again latent --out latent.png" in text
    assert "manifold" not in text
    assert 'class="maps"' not in text
    assert re.search(r"aae train vae --data digits (--labels 0 )?--seed 0 --steps 2 --set", text)
    assert f"--out {path}-again" in text
    assert "--resume" not in text
    shutil.rmtree(path)
