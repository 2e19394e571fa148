"""The named variants: each is a row of options in one table.

A preset, a recipe and a user's ``--set name=value`` each change some options; `aae.presets.build` turns the result into
a model and its training settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_type_hints

from aae.presets.options import Options, check_option, renamed
from aae.presets.recipes import RECIPES
from aae.system.errors import UsageError, unknown

__all__ = ["PRESETS", "Preset", "resolve"]


@dataclass(frozen=True)
class Preset:
    """A named variant.

    Args:
        summary: One line for `aae presets`.
        labels: Labels used if the user does not say; None for all.
        options: Values that differ from the defaults of `Options`.
        vectors: Values that differ from ``options`` if rows are vectors or columns of a table, not images.
        narrow: Values that differ from ``vectors`` if there are fewer than 50 columns.
        wide: Values that differ from ``vectors`` if there are at least 256 columns.
        embeddings: Values that differ from ``wide`` if rows are vectors that another encoder made.
    """

    summary: str
    labels: int | None
    options: Mapping[str, Any]
    vectors: Mapping[str, Any] = field(default_factory=dict)
    narrow: Mapping[str, Any] = field(default_factory=dict)
    wide: Mapping[str, Any] = field(default_factory=dict)
    embeddings: Mapping[str, Any] = field(default_factory=dict)


_PLAIN = {"reconstruction": 1.0, "matching": "none", "ema_decay": None, "batch_norm": False}
_SEMI_SUPERVISED = {
    "y": "supervised",
    "baseline_targets": "auto",
    "vat_radius": 0.2,  # without it the error stays near 5 %
    # Without it, a quarter of a class is misclassified for some label draws; with three times the weight too.
    "interpolation": 0.3,
    "transformation": 2.0,  # without it 1.7 % instead of 1.4 % after 6 passes; a larger weight does not help
    "neighbour_targets": 0.1,  # for the same reason as in few-labels; twice as long is no better
    "reconstruction": None,  # a larger weight: worse classifier; below 1 / number of values: worse style
    # The style is short and matched within each class, so that the class has to come from y: the accuracy of a probe
    # on the style is close to chance.
    "conditional": True,
    "z": 6,
    "z_weight": 1.0,
    "beta1": 0.0,  # with momentum, codes and discriminator oscillate and do not converge
    "discriminator_hidden": (256, 256),  # wider ones take a third of the time of a step
    "batch_size": 100,  # as in the paper: with 256 there are too few steps if all rows have labels
    "epochs": 20,
    "min_steps": 1000,
}
NARROW, WIDE = 50, 256  # columns
# Chosen on the 22 tables of benchmarks/outside.py together, three draws each: docs/research-notes.md.
_FEW_LABELS_VECTORS = {
    "network": "ensemble",
    "hidden": (128, 128),
    "dropout": 0.3,
    "batch_norm": False,
    "baseline_targets": 1.0,
    "z": 2,  # a longer style encodes the class, and then samples of a class show any class
    "conditional": False,
    "z_weight": 0.1,
    "beta1": 0.9,
    "discriminator_hidden": (64, 64),
    "consistency": 0.0,
    "interpolation": 0.0,
    "neighbour_targets": 0.0,
    "vat_radius": 0.0,  # where labels are too few for a good first guess, it confirms a bad one
    # Through a short style the decoder can say little of a row, and more weight would have the class say the rest.
    "reconstruction": 1e-4,
    "batch_size": 128,
    "labelled_batch_size": 64,
    "lr": 2e-3,
    "y_weight": 0.02,
    "epochs": 15,
    "min_steps": 400,
}
# Of hundreds of columns, as pixels are, one network learns more than from the baselines, which see them one by one.
_FEW_LABELS_WIDE = {
    "network": "mlp",
    "hidden": None,
    "dropout": 0.0,
    "batch_norm": True,
    "baseline_targets": "auto",
    "vat_radius": 0.5,
    "reconstruction": 0.0,
    "lr": 1e-3,
    "min_steps": 300,
}

# Vectors of another encoder: a mixture and logistic regression teach the network (docs/embeddings.md).
_EMBEDDINGS = {
    "network": "mlp",
    "unit_length": True,
    "hidden": (512,),
    "dropout": 0.5,
    "batch_norm": False,
    "baseline_targets": 1.0,
    "vat_radius": 0.0,
    "transformation": 0.0,
    "interpolation": 0.0,
    "batch_size": 128,
    "labelled_batch_size": 64,
    "lr": 1e-3,
    "epochs": 6,
    "min_steps": 1000,
}

# On wine, breast cancer and digits more steps change nothing, and smaller batches give better clusters.
_CLUSTERING_VECTORS = {
    "network": "mlp",
    "information_weight": 10.0,
    "information_balance": 4.0,
    "split_clusters": False,
    "restarts": 1,
    "consistency": 0.0,
    "consistency_fade": 0.0,
    "interpolation": 0.0,
    "neighbour_targets": 0.0,
    "vat_radius": 0.2,
    "conditional": False,
    "z": 10,
    "z_weight": 0.1,
    "beta1": 0.9,
    "reconstruction": 0.01,
    "batch_size": 128,
    "lr": 1e-3,
    "lr_adversarial": None,
    "epochs": 20,
    "min_steps": 600,
}

PRESETS: dict[str, Preset] = {
    "autoencoder": Preset("Plain autoencoder: compress and reconstruct", 0, {**_PLAIN, "z": 32}),
    "denoising": Preset(
        "Autoencoder that removes noise from its input",
        0,
        {**_PLAIN, "z": 32, "corruption": "gaussian", "corruption_level": 0.5},
    ),
    "vae": Preset(
        "Variational autoencoder (KL, Gaussian posterior)",
        0,
        {**_PLAIN, "z": 20, "posterior": "gaussian", "matching": "kl", "epochs": 20},
    ),
    "aae": Preset(
        "Adversarial autoencoder: a 2-D map on N(0, 5²), or any prior; labels select the mixture component",
        0,
        # Depth and noise: 97 instead of 87 % of unseen rows are encoded into the component of their class.
        {
            "z": 2,
            "prior_std": 5.0,
            "hidden": (500, 500, 500, 500),
            "corruption": "auto",
            "z_weight": 1.0,
            "labelled_batch_size": 128,
            "epochs": 20,
        },
        {"hidden": (256, 256, 256, 256), "min_steps": 1000},
        {"hidden": (128, 128, 128, 128)},
    ),
    "supervised": Preset(
        "AAE conditioned on the label, so that the code holds only style (§4)",
        None,
        # A stronger pull to the prior unsettles a short training: on digits the style then still shows the class.
        {"y": "observed", "conditional": True, "z": 2, "z_weight": 0.1, "epochs": 20},
    ),
    "semi-supervised": Preset(
        "Semi-supervised classifier with a style code, for any data: the paper's, with more terms (§5)",
        100,
        _SEMI_SUPERVISED,
        # With a dozen columns, a few generators span all directions: the error on wine rises from 4 % to 7 %.
        narrow={"transformation": 0.0},
    ),
    "few-labels": Preset(
        "Classifier from few labels; for images with convolution, augmentation and consistency (recommended)",
        100,
        {
            "y": "supervised",
            "network": "conv",
            "batch_size": 64,
            "labelled_batch_size": 16,
            "lr": 2e-3,
            "lr_adversarial": 1e-3,
            "y_weight": 0.1,
            "conditional": True,
            "z": 6,
            "z_weight": 0.3,
            "beta1": 0.5,  # without it the classifier learns slowly, with more the style does not converge
            "consistency": 1.0,
            "interpolation": 0.3,  # as in semi-supervised, like the reconstruction
            "baseline_targets": "auto",
            "neighbour_targets": 0.2,  # without it unlabelled subpopulations such as crossed sevens are misclassified
            "reconstruction": None,
            "discriminator_hidden": (256, 256),
            "epochs": 8,
            "min_steps": 2000,
        },
        _FEW_LABELS_VECTORS,
        wide=_FEW_LABELS_WIDE,
        embeddings={**_EMBEDDINGS, "reconstruction": 1e-4},
    ),
    "clustering": Preset(
        "Clustering with a style code, without labels (§6); for images with convolution and augmentation",
        0,
        {
            "y": "clusters",
            "y_matching": "adversarial+information",
            "information_weight": 120.0,
            # With a stronger pull to equal sizes, the rest of a class that exceeds one or two clusters shares a
            # cluster with the rest of another class.
            "information_balance": 1.0,
            "split_clusters": True,  # without it two classes that start in one cluster stay there
            "restarts": 3,  # fours and nines that start as one cluster stay one: one seed of five
            "network": "conv",
            "consistency": 1.5,  # with twice the weight crossed sevens join the twos on one seed of two
            "consistency_fade": 2.0,  # with a constant weight, clusters that were split merge again
            "interpolation": 0.3,  # without it crossed sevens (an eighth of the sevens) join the twos on some seeds
            "neighbour_targets": 0.4,
            "conditional": True,
            "z": 6,
            "z_weight": 0.3,
            "beta1": 0.5,
            "reconstruction": None,
            "batch_size": 128,
            "lr": 2e-3,
            "lr_adversarial": 1e-3,
            "epochs": 8,  # half of a training of 4 for each start, and the other half for the best one
            "min_steps": 2000,
        },
        _CLUSTERING_VECTORS,
        embeddings={**_EMBEDDINGS, "y_matching": "adversarial", "reconstruction": 1e-4},
    ),
    "embedding": Preset(
        "2-D embedding with a head for each class or cluster (§7)",
        0,
        {
            "y": "auto",
            "y_matching": "adversarial+information",
            "clusters": 20,
            "z": 2,
            "merge": "sum",
            "vat_radius": 0.2,
            "epochs": 20,
        },
    ),
    "wae-mmd": Preset(
        "Wasserstein autoencoder with maximum mean discrepancy", 0, {**_PLAIN, "z": 10, "matching": "mmd"}
    ),
    "info-vae": Preset(
        "InfoVAE: reduced KL plus maximum mean discrepancy",
        0,
        {**_PLAIN, "z": 10, "posterior": "gaussian", "matching": "kl+mmd", "kl_weight": 0.5},
    ),
    "discrete-vae": Preset(
        "VAE with categorical codes (Gumbel-softmax)",
        0,
        {**_PLAIN, "z": 0, "y": "clusters", "y_matching": "kl", "temperature": 0.5, "clusters": 10, "variables": 20},
    ),
}


def resolve(
    preset: str, changes: Mapping[str, Any] | None = None, columns: int | None = None, embeddings: bool = False
) -> Options:
    """Options of a preset after a user's changes, one of which may be ``recipe``, a published setting.

    Args:
        preset: Its name.
        changes: Options that differ, ``{name: value}``.
        columns: Number of columns if rows are vectors or columns of a table, not images.
        embeddings: Whether the rows are vectors that another encoder made.

    An option given by an old name issues a `FutureWarning`.

    Raises:
        UsageError: Unknown preset, recipe or option, or a value of the wrong type or out of range.
    """
    if not isinstance(preset, str) or preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    changes = renamed(changes or {})
    recipe = changes.pop("recipe", None)
    options = replace(Options(), **PRESETS[preset].options)
    if columns is not None:
        options = replace(options, **PRESETS[preset].vectors)
        options = replace(options, **(PRESETS[preset].narrow if columns < NARROW else {}))
        options = replace(options, **(PRESETS[preset].wide if columns >= WIDE else {}))
        options = replace(options, **(PRESETS[preset].embeddings if embeddings else {}))
    if recipe is not None:
        if recipe not in RECIPES:
            raise unknown("recipe", str(recipe), RECIPES)
        if preset not in RECIPES[recipe]:
            raise UsageError(f"The recipe {recipe!r} covers {', '.join(RECIPES[recipe])}, not {preset}; drop it.")
        options = replace(options, **RECIPES[recipe][preset])
    types = get_type_hints(Options)
    for name, value in changes.items():
        if name not in types:
            raise unknown("option", name, [field.name for field in fields(Options)] + ["recipe"])
        options = replace(options, **{name: check_option(name, value, types[name])})
    return options
