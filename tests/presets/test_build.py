from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from aae.data.augmentation import Affine
from aae.data.dataset import Dataset
from aae.model.likelihoods import BernoulliLikelihood, GaussianLikelihood
from aae.model.matching import KL, MMD, Adversarial, MutualInformation
from aae.model.merging import LinearSum
from aae.model.networks import ConvDecoder, ConvTrunk, MLPDecoder
from aae.model.table_fit import fit_table
from aae.objectives.terms import Consistency, InterpolationConsistency, VirtualAdversarial
from aae.presets.build import CORRUPTIONS, LIKELIHOODS, POSTERIORS, PRIORS, build_model
from aae.presets.build_settings import build_settings
from aae.presets.options import Options
from aae.presets.presets import PRESETS, resolve
from aae.system.errors import AAEError, UsageError

SMALL = {"hidden": [8], "discriminator_hidden": [4], "channels": 2}


def rows(shape=(8, 8), classes=3, dtype=np.uint8):
    x = np.zeros((12, *shape), dtype)
    y = np.arange(12) % classes if classes else np.full(12, -1)
    return Dataset("rows", x, y, x, y, list(range(classes)))


def model_of(preset="semi-supervised", data=None, labels=3, **changes):
    return build_model(resolve(preset, {**SMALL, **changes}), data or rows(), labels)


def settings_of(preset="semi-supervised", length=None, steps_per_epoch=10, data=None, **changes):
    return build_settings(resolve(preset, changes), data or rows(), steps_per_epoch, length or {})


LATENTS = {
    "autoencoder": ["z Point None "], "denoising": ["z Point None "],
    "vae": ["z Gaussian GaussianPrior KL"], "aae": ["z Point GaussianPrior Adversarial"],
    "supervised": ["z Point GaussianPrior Adversarial conditioned", "y None CategoricalPrior  observed"],
    "semi-supervised": ["z Point GaussianPrior Adversarial", "y Category CategoricalPrior Adversarial supervised"],
    "few-labels": ["z Point GaussianPrior Adversarial", "y Category CategoricalPrior Adversarial supervised"],
    "clustering": ["z Point GaussianPrior Adversarial", "y Category CategoricalPrior Adversarial+MutualInformation"],
    "embedding": ["z Point GaussianPrior Adversarial", "y Category CategoricalPrior Adversarial+MutualInformation"],
    "wae-mmd": ["z Point GaussianPrior MMD"], "info-vae": ["z Gaussian GaussianPrior KL+MMD"],
    "discrete-vae": [f"y{k} Category CategoricalPrior KL" for k in range(20)],
}


def description(latent):
    parts = [latent.name, type(latent.posterior).__name__, type(latent.prior).__name__,
             "+".join(type(rule).__name__ for rule in latent.matching)]
    return " ".join(parts).replace("NoneType", "None") + (f" {latent.label}" if latent.label != "none" else "")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_list_of_latents(preset):
    labels = 3 if LATENTS[preset][-1].endswith(("observed", "supervised")) else 0
    model = model_of(preset, labels=labels)
    assert [description(latent) for latent in model.latents] == LATENTS[preset]
    assert model.shape == (8, 8)
    assert (model.corruption is not None) == (preset == "denoising")
    assert isinstance(model.trunk, ConvTrunk) == (preset in ("few-labels", "clustering"))
    assert isinstance(model.merge, LinearSum) == (preset == "embedding")
    assert model.classes == ([0, 1, 2] if labels else None)
    assert settings_of(preset).schedule == "joint"


@pytest.mark.parametrize("name", POSTERIORS)
def test_posteriors(name):
    assert isinstance(model_of(posterior=name).style.posterior, POSTERIORS[name])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions(name):
    assert isinstance(model_of(corruption=name, corruption_level=0.2).corruption, CORRUPTIONS[name])


def test_input_noise_if_labels_condition_the_prior():
    assert model_of("aae", labels=0, prior="ring").corruption is None
    assert model_of("aae", labels=3, prior="ring").corruption.std == 0.3
    assert model_of("aae", labels=3, prior="ring", corruption="none").corruption is None


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_likelihoods(name):
    assert isinstance(model_of(likelihood=name).likelihood, LIKELIHOODS[name])


def test_the_likelihood_follows_from_the_data():
    assert model_of().likelihood.bounded
    assert not getattr(model_of(data=rows((6,), dtype=np.float32)).likelihood, "bounded", False)


@pytest.mark.parametrize("name", PRIORS)
def test_priors_and_their_scale(name):
    small, large = (
        model_of("aae", labels=0, prior=name, prior_std=std).style.prior(4000).sample() for std in (1.0, 3.0)
    )
    assert small.shape == (4000, 2)
    grows = large.std() / small.std()
    assert grows == pytest.approx(1.0 if name == "swiss-roll" else 3.0, rel=0.1)
    if name in ("gaussian", "cube", "ball"):
        assert model_of(z=5, prior=name).style.prior(2).sample().shape == (2, 5)
    else:
        with pytest.raises(AAEError, match=f"The prior {name} is two-dimensional; add --set z=2"):
            model_of(z=5, prior=name)


def test_the_half_width_of_the_cube_and_the_radius_of_the_ball():
    cube, ball = (
        model_of("aae", labels=0, prior=name, prior_std=3.0).style.prior(4000).sample() for name in ("cube", "ball")
    )
    assert 2.9 < cube.abs().max() <= 3
    assert 2.9 < ball.norm(dim=1).max() <= 3


@pytest.mark.parametrize("prior", ["ring", "grid", "swiss-roll"])
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_labels_condition_a_prior_with_components(prior, classes):
    data = rows(classes=classes)
    latent = model_of("aae", data, labels=classes, prior=prior).style
    assert latent.label == "conditioned"
    assert latent.prior.components == classes
    assert latent.matching[0].discriminator.classes == classes
    free = model_of("aae", data, labels=0, prior=prior).style
    assert free.label == "none"
    assert free.matching[0].discriminator.classes == 0


def test_a_style_that_is_independent_of_the_label():
    latent = model_of("supervised", conditional=True).style
    assert latent.label == "conditioned"
    assert latent.matching[0].discriminator.classes == latent.prior.components == 3
    assert model_of("supervised", conditional=False).style.label == "none"


@pytest.mark.parametrize(("preset", "classes"), [("semi-supervised", 3), ("clustering", 5)])
def test_a_style_that_is_independent_of_the_inferred_class(preset, classes):
    (rule,) = model_of(preset, conditional=True, clusters=5).style.matching
    assert (rule.conditional, rule.discriminator.classes) == ("y", classes)
    (rule,) = model_of(preset, conditional=False).style.matching
    assert (rule.conditional, rule.discriminator.classes) == (None, 0)


@pytest.mark.parametrize(("name", "value"), [("layer_norm", True), ("temperature", 0.5)])
def test_what_an_ensemble_does_not_have_is_refused(name, value):
    with pytest.raises(AAEError, match=f"drop the option {name}"):
        model_of("few-labels", rows((4,), dtype=np.float32), network="ensemble", **{name: value})


def test_labels_make_an_embedding_supervised():
    assert model_of("embedding", labels=0, clusters=4).category.dim == 4
    labelled = model_of("embedding", labels=3, clusters=4).category
    assert (labelled.dim, labelled.label) == (3, "supervised")


def test_options_reach_the_networks():
    model = model_of(hidden=[5, 6], dropout=0.1, batch_norm=False, discriminator_hidden=[7], discriminator_dropout=0.3,
                     z=4, z_weight=0.5, y_weight=0.25, clusters=9, temperature=0.7)
    assert (model.trunk.hidden, model.trunk.dropout, model.trunk.batch_norm) == ((5, 6), 0.1, False)
    assert (model.decoder.hidden, model.decoder.dropout) == ((5, 6), 0.1)
    assert [latent.matching[0].weight for latent in model.latents] == [0.5, 0.25]
    assert [latent.matching[0].discriminator.hidden for latent in model.latents] == [(7,), (7,)]
    assert model.style.matching[0].discriminator.dropout == 0.3
    assert model.category.posterior.temperature == 0.7
    assert model_of("info-vae", labels=0, kl_weight=0.4, mmd_weight=9.0).style.matching[0].weight == 0.4
    assert model_of("info-vae", labels=0, kl_weight=0.4, mmd_weight=9.0).style.matching[1].weight == 9.0
    assert model_of("few-labels", channels=3).trunk.channels == 3
    assert model_of("embedding", labels=0, separation=2.0).merge.separation == 2.0


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_norms(network):
    def kinds(**changes):
        trunk = model_of("few-labels", network=network, **changes).trunk
        return {type(layer).__name__ for layer in trunk.layers if "Norm" in type(layer).__name__}

    layer_norm = {"layer_norm": True, "batch_norm": False}
    maps = network == "conv"
    assert kinds() == {"BatchNorm1d", "BatchNorm2d"} if maps else kinds() == {"BatchNorm1d"}
    assert kinds(batch_norm=False) == set()
    assert kinds(**layer_norm) == {"LayerNorm", "GroupNorm"} if maps else kinds(**layer_norm) == {"LayerNorm"}


@pytest.mark.parametrize(("preset", "changes"), [
    ("clustering", {"labels": 0, "clusters": 3}), ("few-labels", {}), ("supervised", {}), ("semi-supervised", {})
])
def test_priors_of_classes_and_clusters(preset, changes):
    for equal in ({}, {"class_prior": "uniform"}, {"class_prior": "labels"}):
        assert model_of(preset, **changes, **equal).category.prior.balance is None
    for given in ([0.95, 0.03, 0.02], [95, 3, 2], [0.951, 0.03, 0.02]):
        category = model_of(preset, **changes, class_prior=given).category
        assert np.allclose(category.prior.balance, np.divide(given, sum(given)))
        assert all(rule.reverse for rule in category.matching if isinstance(rule, MutualInformation))


def test_widths_follow_from_the_data():
    assert model_of(hidden=None, discriminator_hidden=None).trunk.hidden == (400, 400)
    large = model_of(data=rows((16, 16)), hidden=None, discriminator_hidden=None)
    assert large.trunk.hidden == large.decoder.hidden == (1000, 1000)
    assert large.style.matching[0].discriminator.hidden == (1000, 1000)
    for columns, width in ((13, 128), (64, 256), (784, 500)):
        vectors = model_of(data=rows((columns,)), hidden=None, discriminator_hidden=None)
        assert vectors.trunk.hidden == vectors.decoder.hidden == (width, width)


@pytest.mark.parametrize(("matching", "kinds"), [
    ("none", ()), ("adversarial", (Adversarial,)), ("kl", (KL,)), ("mmd", (MMD,)), ("kl+mmd", (KL, MMD)),
])
def test_matching(matching, kinds):
    latent = model_of("aae", labels=0, matching=matching, posterior="gaussian").style
    assert tuple(type(rule) for rule in latent.matching) == kinds
    # Without matching, the decoder has never seen codes like those of the prior.
    assert (latent.prior is None) == (not kinds)


@pytest.mark.parametrize(("matching", "kinds"), [
    ("adversarial", (Adversarial,)), ("information", (MutualInformation,)),
    ("adversarial+information", (Adversarial, MutualInformation)),
])
def test_matching_of_clusters(matching, kinds):
    latent = model_of("clustering", labels=0, y_matching=matching, information_weight=3.0,
                      information_balance=2.0).category
    assert tuple(type(rule) for rule in latent.matching) == kinds
    found = [(rule.weight, rule.balance) for rule in latent.matching if isinstance(rule, MutualInformation)]
    assert found == ([(3.0, 2.0)] if MutualInformation in kinds else [])


@pytest.mark.parametrize("name", ["network", "posterior", "prior", "matching", "merge", "corruption", "likelihood",
                                  "y_matching", "y"])
def test_unknown_words(name):
    """Also of options that the model has no use for, such as ``y_matching`` of a plain autoencoder."""
    with pytest.raises(UsageError, match=f"The option {name} takes .*, or .*, not 'zzzz'|takes .* or .*, not 'zzzz'"):
        resolve("autoencoder", {name: "zzzz"})


@pytest.mark.parametrize(("shape", "given", "kind"), [
    ((8, 8), "auto", MLPDecoder), ((8, 8, 3), "auto", ConvDecoder), ((8, 8), "conv", ConvDecoder),
    ((8, 8, 3), "mlp", MLPDecoder), ((6,), "auto", MLPDecoder), ((4, 4, 3), "auto", MLPDecoder),
    ((130, 8, 3), "auto", MLPDecoder),
])  # fmt: skip
def test_colour_images_have_a_convolutional_decoder(shape, given, kind):
    data = rows(shape, dtype=np.uint8 if len(shape) > 1 else np.float32)
    model = model_of("aae", data, labels=0, decoder=given)
    assert type(model.decoder) is kind
    assert model.decoder(torch.zeros(2, model.decoder.dim)).shape == (2, *shape)


def test_all_choices_build_a_model():
    """The words that an option takes are those of the tables from which a model is built."""
    needed = {"ring": {"z": 2}, "grid": {"z": 2}, "swiss-roll": {"z": 2}, "kl": {"posterior": "gaussian"},
              "kl+mmd": {"posterior": "gaussian"}, "sum": {"y": "supervised"}}  # fmt: skip
    tried = 0
    for option in fields(Options):
        for word in option.metadata["choices"] if option.name in ("network", "posterior", "prior", "matching", "merge",
                                                                  "corruption", "likelihood") else ():  # fmt: skip
            network = {"data": rows((8,), dtype=np.float32)} if word == "ensemble" else {}
            model_of(**{"preset": "aae", "labels": 0 if word != "sum" else 6, option.name: word,
                        **needed.get(word, {}), **network})  # fmt: skip
            tried += 1
    assert tried == 27


@pytest.mark.parametrize(("given", "sentence"), [
    ({"labels": 0}, "learns from labels, and rows has none to learn from"),
    ({"data": rows(classes=0)}, "learns from labels"),
    ({"preset": "supervised", "labels": 0}, "learns from labels"),
    ({"preset": "aae"},
     "Labels would select a component of the prior, but the gaussian prior has none; use --labels 0, or"),
    ({"matching": "kl"}, "KL needs a posterior with a density"),
    ({"variables": 2}, "Only one latent can be the label itself"),
    ({"preset": "autoencoder", "labels": 0, "z": 0}, "at least one latent"),
    ({"preset": "few-labels", "data": rows((6,), dtype=np.float32)}, "convolutional network needs images"),
    ({"layer_norm": True}, "batch_norm and layer_norm are both on"),
    ({"class_prior": [0.5, 0.5]}, "class_prior holds 2 numbers for 3 classes; give one for each"),
    ({"preset": "clustering", "labels": 0, "clusters": 4, "class_prior": [1, 2, 3]}, "3 numbers for 4 clusters"),
    ({"class_prior": "even"}, "class_prior takes labels, uniform, or a list of numbers above 0, .* not 'even'"),
    ({"preset": "vae", "labels": 0, "class_prior": [1, 2]}, "class_prior is of classes or clusters, .* has none"),
])
def test_options_that_contradict_each_other(given, sentence):
    with pytest.raises(AAEError, match=sentence):
        model_of(**given)


def test_lengths():
    assert settings_of(epochs=40, min_steps=300, steps_per_epoch=10).steps == 400
    assert settings_of(epochs=40, min_steps=500, steps_per_epoch=10).steps == 500
    assert settings_of(epochs=0.25, min_steps=0, steps_per_epoch=10).steps == 2
    for length in ({"steps": 7}, {"epochs": 0.5}):
        (name,) = length
        assert getattr(settings_of(length=length), name) == length[name]


def test_a_wrong_time_is_told_by_its_own_name():
    for seconds in (-1.0, float("nan"), float("inf")):
        with pytest.raises(AAEError, match=r"^seconds must be a number above zero"):
            settings_of(length={"seconds": seconds})


def test_baseline_targets_are_a_number_or_auto():
    with pytest.raises(AAEError, match="takes a number, auto, or off, not"):
        settings_of("few-labels", baseline_targets="banana")


def test_a_time_to_fill_and_the_most_time():
    def found(**length):
        settings = settings_of(epochs=40, min_steps=0, steps_per_epoch=10, length=length)
        return settings.steps, settings.epochs, settings.max_seconds

    assert found(seconds=2.0) == (None, None, 2.0)
    assert found(max_seconds=2.0) == (400, None, 2.0)
    assert found(max_seconds=2.0, epochs=0.5) == (None, 0.5, 2.0)
    assert found(max_seconds=2.0, seconds=3.0) == (None, None, 2.0)


def test_rates_fall_back_on_one():
    assert dict(settings_of(lr=0.5).learning_rate) == {"reconstruction": 0.5, "adversarial": 0.5, "classification": 0.5}
    rates = settings_of(lr=0.5, lr_adversarial=0.25, lr_classification=0.125).learning_rate
    assert dict(rates) == {"reconstruction": 0.5, "adversarial": 0.25, "classification": 0.125}
    beta1 = settings_of(beta1=0.3, beta1_adversarial=0.2).beta1
    assert dict(beta1) == {"reconstruction": 0.3, "adversarial": 0.2, "classification": 0.3}
    assert settings_of(beta1=0.3).beta1["adversarial"] == 0.3


def test_options_reach_the_settings():
    changes = {"batch_size": 5, "labelled_batch_size": 6, "schedule": "alternating", "optimizer": "sgd",
               "lr_schedule": "steps", "ema_decay": 0.5}
    settings = settings_of(**changes)
    assert {name: getattr(settings, name) for name in changes} == changes


def test_a_reconstruction_weight_of_zero_is_the_mean_over_values():
    assert settings_of(reconstruction=0).reconstruction_weight == 1 / 64
    assert settings_of(reconstruction=0.3).reconstruction_weight == 0.3


def test_the_reconstruction_weight_does_not_dwarf_few_labels():
    grey, colour = (settings_of("few-labels", data=rows(shape)) for shape in ((8, 8), (8, 8, 3)))
    assert grey.reconstruction_weight == 2 / 64
    assert colour.reconstruction_weight == 2 / 192


def test_terms_for_few_labels():
    nothing = {"vat_radius": 0, "interpolation": 0, "transformation": 0}
    assert settings_of(**nothing).terms == ()
    (term,) = settings_of(**nothing | {"interpolation": 0.4}).terms
    assert isinstance(term, InterpolationConsistency)
    assert term.weight == 0.4
    (term,) = settings_of(**nothing | {"vat_radius": 0.3, "vat_weight": 0.7}).terms
    assert isinstance(term, VirtualAdversarial)
    assert (term.radius, term.weight) == (0.3, 0.7)
    augmentation = {"degrees": 1.0, "scale": 0.1, "shift": 0.2, "shear": 0.3}
    (term,) = settings_of("few-labels", interpolation=0, consistency=0.5, **augmentation).terms
    assert isinstance(term, Consistency)
    assert term.weight == 0.5
    assert isinstance(term.change, Affine)
    assert (term.change.degrees, term.change.scale, term.change.shift, term.change.shear) == (1.0, 0.1, 0.2, 0.3)
    with pytest.raises(AAEError, match=r"Augmentation needs images"):
        settings_of(consistency=1.0, data=rows((6,), dtype=np.float32))


def test_augmentation_turns_handwriting_only():
    data = rows((8, 8))
    changes = {
        name: build_settings(resolve("few-labels", given), replace(data, bundled=bundled), 10, {}).terms[-1].change
        for name, given, bundled in (("digits", {}, True), ("own", {}, False), ("asked", {"degrees": 9.0}, False))
    }
    turned = {name: (change.degrees, change.shear) for name, change in changes.items()}
    assert turned == {"digits": (26.0, 0.33), "own": (0.0, 0.0), "asked": (9.0, 0.0)}
    assert changes["own"].shift > 0


def test_colours_have_a_gaussian_likelihood():
    assert isinstance(model_of(data=rows((8, 8, 3))).likelihood, GaussianLikelihood)
    assert model_of(data=rows((8, 8, 3))).likelihood.std < 0.5
    assert isinstance(model_of(data=rows((8, 8))).likelihood, BernoulliLikelihood)


def test_a_model_of_columns_has_their_table():
    x = np.random.default_rng(0).integers(0, 17, (40, 20)).astype(np.float32)
    for values, kind in ((x, BernoulliLikelihood), (x - 5, GaussianLikelihood)):
        data = replace(rows((20,)), x=values, table=fit_table(values))
        model = model_of("semi-supervised", data=data)
        assert isinstance(model.likelihood, kind)
        assert model.table is data.table
