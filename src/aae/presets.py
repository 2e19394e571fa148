"""The named variants: each is a row of choices in one table of options.

`Options` names every choice once, with its default. A preset, a recipe and a user's
``--set name=value`` each change some of them; `aae.build` turns the result into a model and its
training settings.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_args, get_origin, get_type_hints

from aae.errors import UsageError, unknown

__all__ = ["PRESETS", "RECIPES", "Options", "Preset", "resolve"]


@dataclass(frozen=True)
class Options:
    """Every choice there is. ``auto`` follows from the data."""

    # Networks
    network: str = "mlp"  # mlp | conv
    hidden: Sequence[int] | None = None  # widths of the hidden layers; None follows the rows: 128 to 1000
    channels: int = 16  # of the first convolution
    dropout: float = 0.0
    batch_norm: bool = True  # in the encoder
    likelihood: str = "auto"  # bernoulli | gaussian; auto: bernoulli for images
    corruption: str = "none"  # gaussian | masking | salt-and-pepper | auto: gaussian if labels pick the prior's part
    corruption_level: float = 0.3  # standard deviation, or share of values
    # Continuous latent
    z: int = 10  # length; 0 leaves it out
    posterior: str = "point"  # point | gaussian | noisy
    prior: str = "gaussian"  # gaussian | ring | grid | swiss-roll | cube | ball
    prior_std: float = 1.0  # gaussian: standard deviation; ring and grid: scale; cube and ball: half width
    matching: str = "adversarial"  # none | adversarial | kl | mmd | kl+mmd
    z_weight: float = 0.1  # of the adversary
    kl_weight: float = 1.0
    mmd_weight: float = 100.0
    # Categorical latent
    y: str = "none"  # none | observed | supervised | clusters | auto: supervised if there are labels, else clusters
    clusters: int = 30  # number of clusters, or of values of each variable of the discrete VAE
    variables: int = 1  # number of categorical latents
    y_matching: str = "adversarial"  # adversarial | kl | information | adversarial+information
    y_weight: float = 0.02  # of the adversary
    information_weight: float = 10.0  # of mutual information
    information_balance: float = 4.0  # factor in it on clusters of equal size; 1: mutual information as it is
    temperature: float | None = None  # of Gumbel-softmax samples; None: the probabilities themselves
    independent: bool = False  # the discriminator of z sees the class (observed or inferred): style cannot carry it
    merge: str = "concatenate"  # concatenate | sum
    separation: float = 6.0  # least distance between cluster heads, for merge=sum, in units of prior_std
    # Discriminators
    discriminator_hidden: Sequence[int] | None = None  # as hidden
    discriminator_dropout: float = 0.0
    # Training
    epochs: float = 10
    least_steps: int = 2000  # small data sets are walked through more often
    batch_size: int = 256
    labelled_batch_size: int = 100
    schedule: str = "joint"  # joint | alternating
    optimizer: str = "adam"  # adam | sgd
    lr: float = 1e-3
    lr_adversarial: float | None = None  # None: as lr
    lr_classification: float | None = None  # None: as lr
    momentum: float = 0.9  # of sgd, and Adam's first decay
    momentum_adversarial: float | None = None  # None: as momentum
    decay: str = "cosine"  # constant | cosine | steps
    # Factor on the reconstruction loss (nats); 0: one over the number of values; None: two over it, so that the nats of
    # many values do not drown few labels
    reconstruction: float | None = 0.01
    ema: float | None = 0.99  # decay of the moving average of the weights; None: off
    # Clusters
    dividing: bool = False  # a cluster of two heaps is divided, in place of one that can be spared; needs changed rows
    beginnings: int = 1  # a training begins so often, and goes on from the beginning with most mutual information
    # Few labels
    adversarial_radius: float = 0.0  # virtual adversarial training: share of the distance to the nearest row; 0: off
    adversarial_weight: float = 1.0
    interpolation: float = 0.0  # weight of consistency between rows; 0: off
    neighbours: float = 0.0  # share of the training that begins with what is said of nearest rows; 0: off
    transformation: float = 0.0  # weight of consistency under changes learned from nearest rows; 0: off
    transformation_scale: float = 2.0  # of those changes; 1: as far as the nearest rows
    consistency: float = 0.0  # weight of consistency under augmentation; 0: off
    consistency_fade: float = 0.0  # power of the share of the training that is left, which it falls with; 0: it stays
    degrees: float | None = None  # augmentation: rotation; None: 26 for digits and mnist, else 0, as is shear
    scale: float = 0.2  # augmentation: scaling
    shift: float = 0.14  # augmentation: shift as a share of the side
    shear: float | None = None  # augmentation: shear; None: 0.33 for digits and mnist


@dataclass(frozen=True)
class Preset:
    """A named variant.

    Args:
        summary: One line for `aae presets`.
        labels: Labels used if the user does not say; None for all.
        options: What differs from the defaults of `Options`.
        vectors: What differs from ``options`` where rows are no images but vectors or columns of a table.
        narrow: What differs from ``vectors`` where there are fewer than 50 columns.
    """

    summary: str
    labels: int | None
    options: Mapping[str, Any]
    vectors: Mapping[str, Any] = field(default_factory=dict)
    narrow: Mapping[str, Any] = field(default_factory=dict)


_PLAIN = {"reconstruction": 1.0, "matching": "none", "ema": None, "batch_norm": False}
_SEMI = {
    "y": "supervised",
    "adversarial_radius": 0.2,  # without it the error stalls near 5 %
    # Without it some draws of labels leave a quarter of a class in its neighbour; three times as much does so too.
    "interpolation": 0.3,
    "transformation": 2.0,  # without it 1.7 % in place of 1.4 % after 6 passes; a larger one does no more
    "neighbours": 0.1,  # for few-labels' reason; twice as long is no better
    "reconstruction": None,  # a larger weight gives a worse classifier, one below one over the values a worse style
    # Style is matched class by class and short, so that the class has to come from y: a probe reads it from the style
    # hardly better than by chance.
    "independent": True,
    "z": 6,
    "z_weight": 1.0,
    "momentum": 0.0,  # with it, codes and discriminator chase each other in circles and do not meet
    "discriminator_hidden": (256, 256),  # wider ones take a third of the step for themselves
    "batch_size": 100,  # as in the paper: with 256 there are too few steps where all rows have labels
    "epochs": 20,
    "least_steps": 1000,
}
NARROW = 50  # columns
# Chosen on draws of wine, breast cancer, digits and MNIST as columns that are in no table of figures.
_FEW_VECTORS = {
    "network": "mlp",
    "z": 2,  # a longer style takes the class along, and draws of a class are then of any
    "independent": False,
    "z_weight": 0.1,
    "momentum": 0.9,
    "discriminator_hidden": (64, 64),
    "consistency": 0.0,
    "interpolation": 0.0,
    "neighbours": 0.0,
    "adversarial_radius": 0.5,
    "reconstruction": 0.0,
    "batch_size": 128,
    "labelled_batch_size": 64,
    "lr": 1e-3,
    "y_weight": 0.02,
    "epochs": 15,
    "least_steps": 300,
}

# On wine, breast cancer and digits more steps change nothing, and smaller batches find better clusters.
_CLUSTERS_OF_VECTORS = {
    "network": "mlp",
    "information_weight": 10.0,
    "information_balance": 4.0,
    "dividing": False,
    "beginnings": 1,
    "consistency": 0.0,
    "consistency_fade": 0.0,
    "interpolation": 0.0,
    "neighbours": 0.0,
    "adversarial_radius": 0.2,
    "independent": False,
    "z": 10,
    "z_weight": 0.1,
    "momentum": 0.9,
    "reconstruction": 0.01,
    "batch_size": 128,
    "lr": 1e-3,
    "lr_adversarial": None,
    "epochs": 20,
    "least_steps": 600,
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
        "Adversarial autoencoder: a 2-D map on N(0, 5²), or any prior; with labels, each class its own part",
        0,
        # Depth and noise: unseen rows land in their class's part of the ring or roll 97 instead of 87 times in 100.
        {
            "z": 2,
            "prior_std": 5.0,
            "hidden": (500, 500, 500, 500),
            "corruption": "auto",
            "z_weight": 1.0,
            "labelled_batch_size": 128,
            "epochs": 20,
        },
        {"hidden": (256, 256, 256, 256), "least_steps": 1000},
        {"hidden": (128, 128, 128, 128)},
    ),
    "supervised": Preset(
        "AAE that is given the label, so the code holds style only (§4)",
        None,
        {"y": "observed", "independent": True, "z": 2, "z_weight": 1.0, "epochs": 20},
    ),
    "semi-supervised": Preset(
        "Classifier from few labels plus style, the paper's model, for any data (§5)",
        100,
        _SEMI,
        # Of a dozen columns, a few generators make any change there is: wine goes from 4 % to 7 %.
        narrow={"transformation": 0.0},
    ),
    "few-labels": Preset(
        "Classifier from few labels: for images with convolution, augmentation, consistency (recommended)",
        100,
        {
            "y": "supervised",
            "network": "conv",
            "batch_size": 64,
            "labelled_batch_size": 16,
            "lr": 2e-3,
            "lr_adversarial": 1e-3,
            "y_weight": 0.1,
            "independent": True,
            "z": 6,
            "z_weight": 0.3,
            "momentum": 0.5,  # without any the classifier learns slowly, with more the style does not settle
            "consistency": 1.0,
            "interpolation": 0.3,  # as in semi-supervised, and so is the reconstruction
            "neighbours": 0.2,  # without it a kind that no label shows, as crossed sevens, goes to a wrong class whole
            "reconstruction": None,
            "discriminator_hidden": (256, 256),
            "epochs": 8,
            "least_steps": 2000,
        },
        _FEW_VECTORS,
        # Small tables come with few rows, which wide layers learn by heart; pixels do not bear the dropout.
        narrow={"hidden": (64, 64), "dropout": 0.3},
    ),
    "clustering": Preset(
        "Clusters and style without any label (§6); for images with convolution and augmentation",
        0,
        {
            "y": "clusters",
            "y_matching": "adversarial+information",
            "information_weight": 120.0,
            # Held equal more firmly, what is over of a class after one or two clusters shares one with what is over
            # of another.
            "information_balance": 1.0,
            "dividing": True,  # without it two classes that begin in one cluster stay there
            "beginnings": 3,  # fours and nines that begin as one stay one all the same: one seed of five
            "network": "conv",
            "consistency": 1.5,  # twice as much carries crossed sevens over to the twos on one seed of two
            "consistency_fade": 2.0,  # a weight that stays lets what was divided die out again
            "interpolation": 0.3,  # without it the crossed sevens, an eighth of all, lie with the twos on some seeds
            "neighbours": 0.4,
            "independent": True,
            "z": 6,
            "z_weight": 0.3,
            "momentum": 0.5,
            "reconstruction": None,
            "batch_size": 128,
            "lr": 2e-3,
            "lr_adversarial": 1e-3,
            "epochs": 8,  # half of a training of 4 for each beginning, and the other half for the best
            "least_steps": 2000,
        },
        _CLUSTERS_OF_VECTORS,
    ),
    "embedding": Preset(
        "2-D map with a head for each class or cluster (§7)",
        0,
        {
            "y": "auto",
            "y_matching": "adversarial+information",
            "clusters": 20,
            "z": 2,
            "merge": "sum",
            "adversarial_radius": 0.2,
            "epochs": 20,
        },
    ),
    "wae-mmd": Preset(
        "Wasserstein autoencoder with maximum mean discrepancy", 0, {**_PLAIN, "z": 10, "matching": "mmd"}
    ),
    "info-vae": Preset(
        "InfoVAE: less KL, plus maximum mean discrepancy",
        0,
        {**_PLAIN, "z": 10, "posterior": "gaussian", "matching": "kl+mmd", "kl_weight": 0.5},
    ),
    "discrete-vae": Preset(
        "VAE with categorical codes (Gumbel-softmax)",
        0,
        {**_PLAIN, "z": 0, "y": "clusters", "y_matching": "kl", "temperature": 0.5, "clusters": 10, "variables": 20},
    ),
}

# What the tutorial and the paper have in common.
_PUBLISHED = {
    "hidden": (1000, 1000),
    "batch_norm": False,
    "discriminator_hidden": (1000, 1000),
    "z_weight": 1.0,
    "y_weight": 1.0,
    "independent": False,
    "schedule": "alternating",
    "batch_size": 100,
    "labelled_batch_size": 100,
    "ema": None,
    "adversarial_radius": 0.0,
    "interpolation": 0.0,
    "transformation": 0.0,
    "neighbours": 0.0,
    "momentum": 0.9,
}
_TUTORIAL = {
    **_PUBLISHED,
    "dropout": 0.2,
    "discriminator_dropout": 0.2,
    "corruption": "none",
    "z": 2,
    "prior_std": 5.0,
    "lr": 6e-4,
    "lr_adversarial": 8e-4,
    "lr_classification": 1e-3,
    "decay": "constant",
    "reconstruction": 0.0,
    "epochs": 10,
}
_PAPER = {
    **_PUBLISHED,
    "dropout": 0.0,
    "z": 10,
    "optimizer": "sgd",
    "momentum_adversarial": 0.1,
    "lr": 0.01,
    "lr_adversarial": 0.1,
    "lr_classification": 0.01,
    "decay": "steps",
    "corruption": "gaussian",
    "corruption_level": 0.3,
    "reconstruction": 1.0,  # the paper sums over pixels
    "epochs": 50,
}

# Settings as they were published, for the presets that the sources train; only the length is ours.
RECIPES: dict[str, dict[str, Mapping[str, Any]]] = {
    "tutorial": {
        "aae": _TUTORIAL,
        "supervised": _TUTORIAL,
        "semi-supervised": {**_TUTORIAL, "prior_std": 1.0, "dropout": 0.25},
    },
    "paper": {
        "aae": {**_PAPER, "z": 8, "prior_std": 5.0, "corruption": "none"},
        "supervised": {**_PAPER, "corruption": "none"},
        "semi-supervised": _PAPER,
    },
}


# What a number must be: below 1, above 0, or at least the one named here (0 if it is not).
_SHARES = ("dropout", "discriminator_dropout", "momentum", "momentum_adversarial", "ema", "scale", "neighbours")
_POSITIVE = ("prior_std", "temperature", "epochs", "lr", "lr_adversarial", "lr_classification")
_LEAST = {"channels": 1, "clusters": 1, "variables": 1, "batch_size": 2, "labelled_batch_size": 2}


def resolve(preset: str, changes: Mapping[str, Any] | None = None, columns: int | None = None) -> Options:
    """Options of a preset after a user's changes; ``recipe`` among them picks a published setting.

    Args:
        preset: Its name.
        changes: Options that differ, ``{name: value}``.
        columns: Number of columns, where rows are no images but vectors or columns of a table.

    Raises:
        UsageError: Unknown preset, recipe or option, or a value of the wrong type or out of range.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    changes = dict(changes or {})
    recipe = changes.pop("recipe", None)
    options = replace(Options(), **PRESETS[preset].options)
    if columns is not None:
        options = replace(options, **PRESETS[preset].vectors)
        options = replace(options, **(PRESETS[preset].narrow if columns < NARROW else {}))
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
        value = _checked(name, value, types[name])
        if isinstance(value, int | float):
            _check_range(name, value)
        options = replace(options, **{name: value})
    return options


def _check_range(name: str, value: float) -> None:
    least = _LEAST.get(name, 0)
    if name in _SHARES:
        wanted, good = "from 0 to below 1", 0 <= value < 1
    elif name in _POSITIVE:
        wanted, good = "a number above 0", 0 < value < math.inf
    else:
        wanted, good = f"a number of at least {least}", least <= value < math.inf
    if not good:
        raise UsageError(f"The option {name} must be {wanted}, not {value}.")


def _checked(name: str, value: Any, kind: Any) -> Any:
    """The value if it has the option's type; whole numbers pass for decimal ones."""
    allowed = get_args(kind) if get_origin(kind) is not Sequence and get_args(kind) else (kind,)
    for option in allowed:
        if get_origin(option) is Sequence:
            if isinstance(value, list | tuple) and value and all(type(item) is int and item > 0 for item in value):
                return tuple(value)
        elif option is type(None) and value is None:
            return None
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option in (int, str, bool) and type(value) is option:
            return value
    names = ["list of whole numbers" if get_origin(k) is Sequence else getattr(k, "__name__", str(k)) for k in allowed]
    raise UsageError(f"The option {name} takes {' or '.join(names).replace('NoneType', 'null')}, not {value!r}.")
