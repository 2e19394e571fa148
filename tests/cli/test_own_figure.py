from types import SimpleNamespace

import numpy as np
import pytest

from aae.cli.own_figure import own_figure
from aae.cli.results import headlines
from aae.evaluation.intervals import Share
from aae.presets.presets import PRESETS


def run_of(*latents, test_y=(), probabilities=None, code=2):
    category = next((latent for latent in latents if getattr(latent, "is_category", False)), None)
    model = SimpleNamespace(latents=latents, category=category, merge=SimpleNamespace(dim=code), style=None)
    data = SimpleNamespace(test_y=np.array(test_y), classes=[])
    directory = SimpleNamespace(history=lambda: SimpleNamespace(columns=dict))
    return SimpleNamespace(model=model, data=data, probabilities=probabilities, directory=directory)


def latent(label="none", rules=(), **more):
    return SimpleNamespace(label=label, rules=lambda kind: [kind] if kind in rules else [], posterior=True, **more)


PLAIN = {"test_rows": 60, "squared_error": 5.432}
PCA = PLAIN | {"pca_squared_error": 13.21}
RECONSTRUCTED = "squared error per example: 5.43"


@pytest.mark.parametrize(("run", "figures", "line"), [
    (run_of(latent(), code=32), PCA, f"{RECONSTRUCTED} (PCA with 32 components: 13.2)"),
    (run_of(latent(), code=1), PCA, f"{RECONSTRUCTED} (PCA with 1 component: 13.2)"),
    (run_of(latent()), PLAIN, RECONSTRUCTED),
    (run_of(latent()), PCA | {"denoising_error": 11.5, "noisy_error": 195.9},
     "squared error to the clean input: 11.5 (noisy input: 196)"),
    (run_of(latent(rules=["divergence"])), PLAIN | {"elbo": -102.3},
     f"likelihood bound (ELBO): -102.30 nats per example; {RECONSTRUCTED}"),
    (run_of(latent()), PLAIN | {"elbo": -102.3}, RECONSTRUCTED),  # a bound that is not what it was trained for
    (run_of(latent()), PLAIN | {"prior_mismatch": 7.6},
     f"a classifier distinguishes codes from prior samples with 57.6 % accuracy (chance: 50 %); {RECONSTRUCTED}"),
    (run_of(latent("observed"), test_y=[0, 0, 1, -1]), PLAIN | {"style_leak": 11.2},
     f"linear probe accuracy on the style: 11.2 % (chance: 66.7 %; lower is better); {RECONSTRUCTED}"),
    (run_of(latent("conditioned")), PLAIN | {"component_accuracy": 96.6},
     f"codes in the mixture component of their class: 96.6 %; {RECONSTRUCTED}"),
    (run_of(latent(is_category=True, dim=3), probabilities=np.eye(3)[[0, 2, 2]]), PLAIN,
     f"2 of 3 clusters used; no labels to compute an error; {RECONSTRUCTED}"),
    (run_of(latent()), {"test_rows": 0}, "no metrics: there are no test examples"),
])
def test_the_figure_that_a_model_is_for(run, figures, line):
    assert own_figure(run, figures) == line


@pytest.mark.parametrize("preset", ["autoencoder", "denoising", "vae", "aae", "supervised", "discrete-vae"])
def test_no_training_ends_without_a_figure(cli, trained, preset):
    assert preset in PRESETS
    first, *_ = cli("evaluate", trained(preset)).out.splitlines()
    start = {"denoising": "squared error to the clean input: ", "vae": "likelihood bound (ELBO): ",
             "aae": "a classifier distinguishes codes from prior samples",
             "supervised": "linear probe accuracy on the style",
             "discrete-vae": "likelihood bound"}.get(preset, "squared error per example: ")
    assert first.startswith(start)
    assert ("PCA with" in first) == (preset in ("autoencoder", "vae", "aae"))


def test_an_error_comes_first():
    run = run_of(latent(is_category=True, dim=2), test_y=[0, 1])
    figures = {"test_rows": 2, "test_labelled": 2, **Share(50.0, 2).entries("test_error"), "squared_error": 1.0}
    assert headlines(run, figures)[0].startswith("test error: 50.00 % of 2 labelled test examples")
