import shutil

import pytest
import torch
from PIL import Image

from aae.report import gallery
from aae.report.gallery import PICTURES, draw_picture, write_run_report
from aae.runs.open import open_run
from aae.system.errors import AAEError, UsageError
from helpers.runs import VARIANTS

ALWAYS = {"latent", "reconstructions", "curves"}
DRAWN = {
    "autoencoder": ALWAYS, "denoising": ALWAYS, "vae": ALWAYS | {"samples"}, "aae": ALWAYS | {"samples", "manifold"},
    "conditioned": ALWAYS | {"samples", "manifold"}, "tutorial aae": ALWAYS | {"samples", "manifold"},
    "supervised": ALWAYS | {"samples", "styles", "manifold"}, "plain supervised": ALWAYS | {"samples", "styles"},
    **dict.fromkeys(("semi-supervised", "few-labels", "paper semi-supervised"),
                    ALWAYS | {"samples", "styles", "confusion", "mistakes"}),
    "tutorial semi-supervised": ALWAYS | {"samples", "styles", "confusion", "mistakes", "manifold"},
    "clustering": ALWAYS | {"samples", "styles"}, "embedding": ALWAYS | {"samples", "styles", "manifold"},
    "labelled embedding": ALWAYS | {"samples", "styles", "manifold", "confusion", "mistakes"},
    "wae-mmd": ALWAYS | {"samples"}, "info-vae": ALWAYS | {"samples"}, "discrete-vae": ALWAYS | {"samples"},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_pictures_of_every_model(name, trained):
    run = open_run(trained(name))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    drawn, refusals = set(), []
    for kind, (draw, caption) in PICTURES.items():
        assert caption.endswith(".")
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


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_picture_as_a_file(trained, tmp_path, suffix):
    out = tmp_path / f"curves{suffix}"
    assert draw_picture(trained("aae"), "curves", out) == f"curves: {out}"
    assert out.stat().st_size > 1000
    if suffix == ".png":
        with Image.open(out) as picture:
            assert min(picture.size) > 100


@pytest.mark.parametrize(("name", "kind", "out", "error", "sentence"), [
    ("aae", "latnt", "a.png", UsageError, "no picture 'latnt'; did you mean 'latent'"),
    ("aae", "latent", "a.jpg", UsageError, "a.jpg should end in .png or .svg or .pdf"),
    ("aae", "latent", "absent/a.png", AAEError, "absent does not exist; make it first"),
    ("vae", "manifold", "a.png", AAEError, "needs a two-dimensional code with a prior; train with --set z=2"),
    ("vae", "styles", "a.png", AAEError, "style grid needs one latent for the class or cluster"),
    ("autoencoder", "samples", "a.png", AAEError, "has no prior, so this model cannot sample"),
    ("clustering", "confusion", "a.png", AAEError, "This model is no classifier; train semi-supervised or few-labels"),
    ("clustering", "mistakes", "a.png", AAEError, "This model is no classifier"),
    ("vae", "time", "a.png", AAEError, "are for MNIST"),
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
    assert f"aae plot {path} latent --out latent.png" in text
    assert "manifold" not in text
    assert f"aae train vae --out {path} --resume" in text
    shutil.rmtree(path)
