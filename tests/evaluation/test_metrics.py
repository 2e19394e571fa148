import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference, metrics
from aae.model.latent import Latent
from aae.model.matching import Adversarial
from aae.model.networks import Discriminator
from aae.model.posteriors import Category, Point
from aae.model.priors import CategoricalPrior, SwissRollPrior, ring_mixture
from helpers.close import assert_close, rounding
from helpers.models import CLASSES, FAMILIES, SHAPE, TERMS, WIDTH, adversarial, autoencoder, bernoulli_nats

pytestmark = pytest.mark.numeric

RNG = np.random.default_rng(0)
ROWS = RNG.random((50, *SHAPE)).astype(np.float32)
LABELS = np.arange(50) % CLASSES


def test_error_percent():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7], [1.0, 0.0]])
    assert metrics.error_percent(np.array([0, 1, 1, 1, 0]), probabilities) == 20.0
    assert metrics.error_percent(np.array([0, -1, 1, 0, -1]), probabilities) == pytest.approx(100 / 3)


def test_cluster_error_labels_a_cluster_by_its_most_confident_validation_row():
    probabilities = np.array([[0.6, 0.3, 0.1], [0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    labels = np.array([7, 4, 4, 9])  # cluster 0 is a 4 (0.9 beats 0.6), cluster 1 a 4, cluster 2 a 9
    test = np.array([[1.0, 0, 0], [0.0, 1, 0], [0, 0.4, 0.6], [0, 0, 1.0]])
    assert metrics.cluster_error((probabilities, labels), (test, np.array([4, 4, 9, 9]))) == 0.0
    assert metrics.cluster_error((probabilities, labels), (test, np.array([7, 4, 9, 4]))) == 50.0


def test_parzen_is_a_mean_of_gaussians():
    samples, rows = RNG.random((7, 3, 2)), RNG.random((5, 3, 2))
    widths = (0.3, 0.7)
    density = [norm.pdf(rows[:, None], samples[None], width).reshape(5, 7, -1).prod(2).mean(1) for width in widths]
    flat = (part.reshape(len(part), -1).astype(np.float32) for part in (samples, rows))
    found = metrics._log_densities(*flat, widths)
    # A distance is what is left of the squares of both points, up to six each, and of twice their product.
    size = [[4 * 6 / (2 * width**2)] for width in widths]
    assert_close(found, np.log(density), 6 + 7 + 10, size)


def test_parzen_comes_near_the_density_it_draws_from():
    samples, validation, test = (RNG.standard_normal((n, 2)) for n in (8000, 300, 1000))
    exact = norm.logpdf(test).sum(1)
    value, error = metrics.parzen(samples, validation, test)
    assert value == pytest.approx(exact.mean(), abs=0.05)
    assert error == pytest.approx(exact.std(ddof=1) / math.sqrt(1000), rel=0.1)
    elsewhere, _ = metrics.parzen(samples + 3, validation, test)
    assert elsewhere < value - 2


def test_parzen_picks_the_width_on_validation_rows():
    samples = np.zeros((10, 4))
    near, far = (spread * RNG.standard_normal((200, 4)) for spread in (0.06, 0.9))
    assert metrics.parzen(samples, near, near)[0] > metrics.parzen(samples, far, near)[0] + 5


def test_parzen_finds_a_width_between_those_of_its_first_grid():
    rows = 0.17 * RNG.standard_normal((400, 40))
    best = norm.logpdf(rows, scale=rows.std()).sum(1).mean()
    assert metrics.parzen(np.zeros((10, 40)), rows, rows)[0] == pytest.approx(best, abs=0.1)


def test_prior_mismatch():
    codes = RNG.standard_normal((2000, 3))
    assert metrics.prior_mismatch(codes, RNG.standard_normal((2000, 3))) < 4
    assert metrics.prior_mismatch(codes, 20 + RNG.standard_normal((2000, 3))) > 49
    half = metrics.prior_mismatch(codes, 1.35 + RNG.standard_normal((2000, 3)))
    assert 25 < half < 45  # the best classifier is right in 88 % of rows
    assert metrics.prior_mismatch(codes, codes + 0.5) == metrics.prior_mismatch(codes, codes + 0.5)


@pytest.mark.parametrize("in_order", [False, True])
def test_style_leak(in_order):
    labels = np.repeat(np.arange(4), 100) if in_order else np.arange(400) % 4
    noise = RNG.standard_normal((400, 3))
    assert metrics.style_leak(np.eye(4)[labels] * 30 + RNG.standard_normal((400, 4)), labels) == 100.0
    assert metrics.style_leak(noise, labels) == pytest.approx(25, abs=12)


def test_component_accuracy():
    latent = Latent("z", Point(WIDTH, 2), ring_mixture(5, radius=4.0), adversarial(2, classes=5), label="conditioned")
    labels = np.arange(2000) % 5
    codes = latent.prior(2000, torch.from_numpy(labels)).sample().numpy()
    assert metrics.component_accuracy(latent, codes, labels) >= 99
    assert metrics.component_accuracy(latent, codes, (labels + 1) % 5) <= 1
    half = np.where(np.arange(2000) < 1000, labels, -1)
    assert metrics.component_accuracy(latent, np.where(half[:, None] < 0, 0, codes).astype(np.float32), half) >= 99


def test_component_accuracy_on_the_swiss_roll():
    latent = Latent("z", Point(WIDTH, 2), SwissRollPrior(4), adversarial(2, classes=4), label="conditioned")
    labels = np.arange(2000) % 4
    codes = latent.prior(2000, torch.from_numpy(labels)).sample().numpy()
    assert metrics.component_accuracy(latent, codes, labels) > 90  # segments touch


def test_squared_error_against_numpy():
    model = FAMILIES["supervised"]()
    with torch.no_grad():
        found = model(torch.from_numpy(ROWS), torch.from_numpy(LABELS)).numpy()
    expected = np.square(found - ROWS).sum(1).mean()
    near = rounding(TERMS + len(ROWS))
    assert metrics.squared_error(model, ROWS, LABELS) == pytest.approx(expected, rel=near)
    target = 1 - ROWS
    expected = np.square(found - target).sum(1).mean()
    assert metrics.squared_error(model, ROWS, LABELS, target=target) == pytest.approx(expected, rel=near)



@pytest.mark.parametrize("rows", [1, 2000, 2001])
def test_the_mean_is_over_rows_whatever_the_chunks(rows):
    model = FAMILIES["autoencoder"]()
    x = np.resize(ROWS, (rows, *SHAPE))
    with torch.no_grad():
        logits = model.decoder(model.encode(torch.from_numpy(x))["z"]).numpy().astype(np.float64)
    near = rounding(TERMS + inference.CHUNK)  # each chunk is a sum of its own
    found = metrics.reconstruction_loss(model, x, np.zeros(rows, np.int64))
    assert found == pytest.approx(bernoulli_nats(logits, x).mean(), rel=near)


def data_of(rows=ROWS, labels=LABELS):
    return Dataset("rows", rows, labels, rows, labels, list(range(CLASSES)))


def split_of(labelled=range(10), unlabelled=range(10, 30), validation=range(30, 50)):
    return Split(*(np.array(part, dtype=np.int64) for part in (labelled, unlabelled, validation)))


def test_quick_metrics():
    model, data = FAMILIES["semi-supervised"](), data_of()
    found = metrics.quick_metrics(model, data, split_of())
    assert found.keys() == {"validation_error", "train_error", "validation_reconstruction_loss"}
    with torch.no_grad():
        wrong = model.classify(torch.from_numpy(ROWS)).argmax(1).numpy() != LABELS
    assert found["validation_error"] == pytest.approx(100 * wrong[30:].mean())
    assert found["train_error"] == pytest.approx(100 * wrong[:10].mean())
    assert found["validation_reconstruction_loss"] == metrics.reconstruction_loss(model, ROWS[30:], LABELS[30:])


def test_quick_metrics_leave_out_what_does_not_apply():
    model, loss = FAMILIES["semi-supervised"](), {"validation_reconstruction_loss"}
    assert metrics.quick_metrics(FAMILIES["clustering"](), data_of(), split_of()).keys() == loss
    assert metrics.quick_metrics(model, data_of(), split_of(validation=[])).keys() == {"train_error"}
    assert metrics.quick_metrics(model, data_of(), split_of([])).keys() == {"validation_error"} | loss
    unknown = data_of(labels=np.where(np.arange(50) < 30, LABELS, -1))
    assert metrics.quick_metrics(model, unknown, split_of()).keys() == {"train_error"} | loss
    assert metrics.quick_metrics(model, data_of(), split_of([], range(50), [])) == {}


def test_only_a_supervised_category_classifies():
    classifying = [name for name in FAMILIES if metrics.can_classify(FAMILIES[name]())]
    assert classifying == ["semi-supervised", "conditional", "embedding", "classifier"]


def collapse(model, name):
    """Let every row have the same code."""
    with torch.no_grad():
        for parameter in model.latent(name).posterior.parameters():
            parameter.zero_()
    return model


def test_a_healthy_model_gives_no_warning():
    balanced = {"discriminator_loss_z": 1.386, "discriminator_loss_y": 1.2, "reconstruction_loss": 0.001}
    for name in ("aae", "vae", "supervised", "autoencoder", "clustering"):
        model = FAMILIES[name]()
        with torch.no_grad():
            features = model.trunk(torch.from_numpy(ROWS)).mean(0)
            for latent in model.latents:
                if latent.posterior is not None:  # codes about zero, of a spread like the prior's
                    weight, bias = latent.posterior.parameters()
                    bias.copy_(-(weight.mul_(20) @ features))
        assert metrics.health(model, data_of(), split_of(), balanced) == {}


def test_a_discriminator_that_has_won():
    (sentence,) = metrics.health(FAMILIES["supervised"](), data_of(), split_of([], [], []), {
        "discriminator_loss_z": 0.0012, "reconstruction_loss": 0.0}).values()
    assert sentence.startswith("The discriminator of 'z' dominates (loss 0.0012, 1.386 is equilibrium)")
    assert sentence.endswith("Lower lr_adversarial or raise discriminator_dropout.")


def test_the_equilibrium_of_a_game_of_ones_own_is_not_known():
    class Critic(Adversarial):
        pass

    model = FAMILIES["supervised"]()
    model.latent("z").matching = torch.nn.ModuleList([Critic(Discriminator(model.latent("z").dim, hidden=(4,)))])
    assert metrics.health(model, data_of(), split_of([], [], []), {"discriminator_loss_z": -0.1}) == {}


@pytest.mark.parametrize("validation", [range(30, 50), []])
@pytest.mark.parametrize("name", ["aae", "vae", "autoencoder"])
def test_a_collapsed_code(name, validation):
    model = collapse(FAMILIES[name](), "z")
    found = metrics.health(model, data_of(), split_of(validation=validation), {})
    assert found == {"z": "The code 'z' has collapsed: it is almost the same for every example."}


@pytest.mark.parametrize("clusters", [2, 3, 10])
def test_collapsed_categories(clusters):
    model = autoencoder(Latent("y", Category(WIDTH, clusters), CategoricalPrior(clusters), adversarial(clusters)))
    found = metrics.health(collapse(model, "y"), data_of(), split_of(), {})
    assert found["y"] == f"Latent 'y' uses 1 of its {clusters} categories: it has collapsed."


@pytest.mark.parametrize("name", ["autoencoder", "discrete-vae", "clustering", "vae", "semi-supervised"])
def test_a_code_that_is_the_same_for_every_row(name):
    rows = data_of().x[:32]
    model = FAMILIES[name]()
    assert not metrics.collapsed(model, rows)
    for latent in model.latents:  # one part that varies is enough
        assert not metrics.collapsed(model, rows)
        if latent.posterior is not None:
            model = collapse(model, latent.name)
    assert metrics.collapsed(model, rows)
    assert not metrics.collapsed(model, rows[:1])
