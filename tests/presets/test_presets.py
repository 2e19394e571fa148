import json
from dataclasses import asdict, fields

import pytest

from aae.presets.options import Options
from aae.presets.presets import PRESETS, resolve
from aae.presets.recipes import RECIPES
from aae.system.errors import UsageError

ALL = [(name, None) for name in PRESETS] + [(name, recipe) for recipe, row in RECIPES.items() for name in row]


def options_of(name, recipe=None, **changes):
    return resolve(name, changes if recipe is None else {"recipe": recipe, **changes})


@pytest.mark.parametrize(("name", "recipe"), ALL)
def test_every_row_holds_options_that_a_user_could_give(name, recipe):
    options = options_of(name, recipe)
    given = json.loads(json.dumps(asdict(options)))
    assert resolve(name, given) == options
    assert PRESETS[name].summary


def test_a_preset_then_a_recipe_then_the_users_changes():
    assert resolve("aae").prior_std == 5.0
    assert resolve("aae").lr == Options().lr
    assert options_of("aae", "tutorial").batch_size == 100
    changed = options_of("aae", "tutorial", batch_size=7, z=3)
    assert (changed.batch_size, changed.z, changed.lr) == (7, 3, 6e-4)
    assert resolve("aae") == resolve("aae", {}) == resolve("aae", None)


def test_a_users_changes_are_not_modified():
    changes = {"recipe": "tutorial", "z": 3}
    resolve("aae", changes)
    assert changes == {"recipe": "tutorial", "z": 3}


@pytest.mark.parametrize("name", ["aae", "supervised", "semi-supervised"])
def test_the_tutorials_numbers(name):
    options = asdict(options_of(name, "tutorial"))
    expected = {
        "network": "mlp", "hidden": (1000, 1000), "discriminator_hidden": (1000, 1000), "batch_norm": False,
        "z": 2, "posterior": "point", "prior": "gaussian", "matching": "adversarial", "z_weight": 1.0,
        "optimizer": "adam", "lr": 6e-4, "lr_adversarial": 8e-4, "lr_classification": 1e-3, "lr_schedule": "constant",
        "schedule": "alternating", "batch_size": 100, "labelled_batch_size": 100, "discriminator_dropout": 0.2,
        "reconstruction": 0.0,  # averaged over pixels
        "conditional": False, "ema_decay": None, "consistency": 0.0, "vat_radius": 0.0, "interpolation": 0.0,
        "transformation": 0.0, "neighbour_targets": 0.0, "corruption": "none",
    }
    assert {key: options[key] for key in expected} == expected
    semi = name == "semi-supervised"
    assert options["dropout"] == (0.25 if semi else 0.2)
    assert options["prior_std"] == (1.0 if semi else 5.0)
    assert options["y"] == {"aae": "none", "supervised": "observed", "semi-supervised": "supervised"}[name]


def test_the_papers_numbers():
    options = options_of("semi-supervised", "paper")
    assert options.optimizer == "sgd"
    assert (options.lr, options.lr_adversarial, options.lr_classification) == (0.01, 0.1, 0.01)
    assert (options.beta1, options.beta1_adversarial, options.lr_schedule) == (0.9, 0.1, "steps")
    assert (options.hidden, options.z, options.batch_size) == ((1000, 1000), 10, 100)
    assert (options.corruption, options.corruption_level) == ("gaussian", 0.3)
    assert (options.schedule, options.ema_decay, options.vat_radius) == ("alternating", None, 0.0)
    assert options.reconstruction == 1.0  # summed over pixels
    assert not options_of("supervised", "paper").conditional
    likelihood = options_of("aae", "paper")
    assert (likelihood.z, likelihood.prior_std, likelihood.corruption) == (8, 5.0, "none")


@pytest.mark.parametrize(("name", "changes", "sentence"), [
    ("vea", {}, "no preset 'vea'; did you mean 'vae'"),
    ("vae", {"temprature": 1.0}, "no option 'temprature'; did you mean 'temperature'"),
    ("aae", {"recipe": "tutorail"}, "no recipe 'tutorail'; did you mean 'tutorial'"),
    ("aae", {"recipe": 3}, "no recipe '3'"),
    ("vae", {"recipe": "tutorial"}, "'tutorial' covers aae, supervised, semi-supervised, not vae"),
])
def test_unknown_names(name, changes, sentence):
    with pytest.raises(UsageError, match=sentence):
        resolve(name, changes)


@pytest.mark.parametrize(("name", "value", "wanted"), [
    ("z", 2.0, "a whole number or off"), ("z", True, "a whole number"), ("z", "2", "a whole number"),
    ("z", None, "a whole number"), ("lr", "fast", "a number"),
    ("lr", True, "a number"), ("prior", 3, "gaussian, ring, grid"), ("batch_norm", 1, "true or false"),
    ("ema_decay", "fast", "a number or off"),
    ("hidden", 16, r"a list of whole numbers, such as \[500,500\], or auto"), ("hidden", [], "list of whole numbers"),
    ("hidden", [16, 0], "list of whole numbers"), ("hidden", [16.5], "list of whole numbers"),
    ("hidden", [True], "list of whole numbers"), ("hidden", "16", "list of whole numbers"),
    ("class_prior", 0.5, r"labels, uniform, or a list of numbers above 0, such as \[1,2.5\]"),
    ("class_prior", [], "list of numbers above 0"),
    ("class_prior", [1.0, 0.0], "list of numbers above 0"), ("class_prior", [1.1, -0.1], "list of numbers above 0"),
    ("class_prior", [float("nan"), 1], "list of numbers above 0"), ("class_prior", [True, 1], "list of numbers"),
    ("class_prior", ["0.5", 1], "list of numbers above 0"), ("class_prior", [float("inf"), 1], "list of numbers"),
])
def test_wrong_types(name, value, wanted):
    with pytest.raises(UsageError, match=f"The option {name} takes .*{wanted}.*, not "):
        resolve("semi-supervised", {name: value})


@pytest.mark.parametrize(("name", "value", "wanted"), [
    ("lr", 0.0, "a number above 0"), ("lr", -1.0, "above 0"), ("lr", float("nan"), "above 0, not nan"),
    ("lr_adversarial", float("inf"), "above 0, not inf"), ("prior_std", 0, "above 0"), ("temperature", 0.0, "above 0"),
    ("dropout", 1.0, "from 0 to below 1"), ("dropout", -0.1, "from 0"), ("ema_decay", 1.0, "below 1"),
    ("beta1", 2, "below 1"), ("z", -1, "at least 0"), ("y_weight", -0.1, "at least 0"),
    ("batch_size", 1, "at least 2"), ("clusters", 0, "at least 1"), ("variables", 0, "at least 1"),
    ("channels", 0, "at least 1"), ("reconstruction", float("nan"), "at least 0, not nan"),
])
def test_numbers_out_of_range(name, value, wanted):
    with pytest.raises(UsageError, match=f"The option {name} must be .*{wanted}"):
        resolve("semi-supervised", {name: value})


@pytest.mark.parametrize(("name", "value", "kept"), [
    ("z", 0, 0), ("lr", 1, 1.0), ("hidden", [3], (3,)), ("hidden", (3, 4), (3, 4)), ("hidden", None, None),
    ("ema_decay", None, None), ("ema_decay", 0.5, 0.5), ("prior", "ring", "ring"), ("batch_norm", False, False),
    ("dropout", 0, 0.0), ("temperature", None, None),
    ("class_prior", [170, 9], (170.0, 9.0)), ("class_prior", [0.95, 0.05], (0.95, 0.05)),
    ("class_prior", "uniform", "uniform"), ("class_weight", None, None),
    ("reconstruction", "mean", 0.0), ("reconstruction", "auto", None), ("ema_decay", "off", None), ("z", "off", 0),
    ("hidden", "auto", None), ("lr_adversarial", "same", None), ("consistency", "off", 0.0), ("bins", "off", 0),
    ("class_weight", "equal", None), ("baseline_targets", "off", 0.0), ("baseline_targets", "auto", "auto"),
    ("class_weight", [1, 2.5], (1.0, 2.5)), ("class_weight", "balanced", "balanced"),
])
def test_values_that_are_accepted(name, value, kept):
    found = getattr(resolve("vae", {name: value}), name)
    assert found == kept
    assert type(found) is type(kept)


def test_a_recipe_is_not_an_option():
    assert "recipe" not in {field.name for field in fields(Options)}


def test_few_labels_for_images_vectors_and_tables():
    images, vectors, narrow = (resolve("few-labels", columns=columns) for columns in (None, 64, 13))
    assert (images.network, vectors.network, narrow.network) == ("conv", "ensemble", "ensemble")
    assert (images.consistency, vectors.consistency) == (1.0, 0.0)
    assert vectors == narrow
    assert resolve("few-labels", {"dropout": 0.1}, columns=13).dropout == 0.1
    wide = resolve("few-labels", columns=784)
    assert (wide.network, wide.hidden, wide.baseline_targets, wide.vat_radius) == ("mlp", None, "auto", 0.5)
    assert [each.batch_norm for each in (images, wide, vectors, narrow)] == [True, True, False, False]
    assert resolve("vae", columns=13) == resolve("vae")
    assert [resolve("aae", columns=columns).hidden[0] for columns in (None, 64, 13)] == [500, 256, 128]
    assert [resolve("semi-supervised", columns=columns).transformation for columns in (None, 64, 13)] == [2.0, 2.0, 0.0]


def test_clusters_of_images_and_of_vectors():
    images, vectors = (resolve("clustering", columns=columns) for columns in (None, 64))
    assert (images.network, vectors.network) == ("conv", "mlp")
    assert (images.split_clusters, vectors.split_clusters) == (True, False)
    assert images.consistency > 0
    # Options for images are reset.
    usual = resolve("clustering", {"clusters": 7}, columns=64)
    assert (usual.consistency, usual.neighbour_targets, usual.interpolation) == (0.0, 0.0, 0.0)
    assert usual.vat_radius == 0.2
    assert usual.lr_adversarial is None  # follows a changed lr


def test_an_old_name_of_an_option_brings_a_warning():
    with pytest.warns(FutureWarning, match="The option beginnings is now called restarts"):
        assert resolve("clustering", {"beginnings": 2}).restarts == 2
    with pytest.warns(FutureWarning, match="The option frequencies is now called class_prior"):
        assert resolve("few-labels", {"frequencies": [1, 2]}).class_prior == (1, 2)
    with pytest.warns(FutureWarning):
        assert resolve("few-labels", {"frequencies": None}).class_prior == "labels"


@pytest.mark.parametrize(("old", "new", "value"), [
    ("momentum", "beta1", 0.3), ("momentum_adversarial", "beta1_adversarial", 0.3), ("decay", "lr_schedule", "steps"),
    ("ema", "ema_decay", 0.5), ("ema", "ema_decay", "off"), ("least_steps", "min_steps", 7),
    ("adversarial_radius", "vat_radius", 0.3), ("adversarial_weight", "vat_weight", 2.0),
    ("independent", "conditional", False),
])
def test_every_old_name_sets_what_the_current_one_does(old, new, value):
    with pytest.warns(FutureWarning, match=f"The option {old} is now called {new}"):
        assert resolve("semi-supervised", {old: value}) == resolve("semi-supervised", {new: value})


def test_vectors_of_encoders_have_options_of_their_own():
    for name, preset in PRESETS.items():
        wide, found = resolve(name, columns=300), resolve(name, columns=300, embeddings=True)
        assert asdict(found) == {**asdict(wide), **preset.embeddings}
        assert resolve(name, embeddings=True) == resolve(name)  # an image's
    assert [name for name, preset in PRESETS.items() if preset.embeddings] == ["few-labels", "clustering"]
    few = resolve("few-labels", columns=300, embeddings=True)
    assert (few.network, few.unit_length, few.baseline_targets, few.hidden) == ("mlp", True, 1.0, (512,))


def test_a_users_changes_and_recipes_come_after_those_of_vectors():
    found = resolve("few-labels", {"hidden": [7], "unit_length": False}, 300, embeddings=True)
    assert (found.hidden, found.unit_length, found.dropout) == ((7,), False, 0.5)
