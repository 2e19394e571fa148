"""All options for building and training a model, with their defaults, and the check of a value."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, get_args, get_origin

from aae.system.errors import UsageError

__all__ = ["Options", "check_option", "current_names", "renamed", "words_of"]


def _option(
    default: Any, meaning: str, section: str = "", heading: str = "", choices: Sequence[str] = (), **words: Any
) -> Any:
    """A field of `Options`: its default, what it means, the section of the paper, and words for odd values.

    ``heading`` begins a group of options, ``choices`` are the only words that it takes. `aae.presets.meanings` makes
    texts of all this.
    """
    facts = {"meaning": meaning, "section": section, "heading": heading, "choices": choices, "words": words}
    return field(default=default, metadata=facts)


@dataclass(frozen=True)
class Options:
    """All options. ``auto`` is resolved from the data; sections are those of arXiv 1511.05644 if no other is named.

    Raises:
        UsageError: An option that takes one of some words has another.
    """

    network: str = _option("mlp", "mlp, conv, or ensemble (of small MLPs, for tabular data)", heading="Networks",
                           choices=("mlp", "conv", "ensemble"))  # fmt: skip
    members: int = _option(8, "number of networks in the ensemble", "arXiv 1612.01474")
    bins: int = _option(
        8, "bins of the ensemble's piecewise-linear encoding of numbers", "arXiv 2203.05556 §3.1", off=0
    )
    hidden: Sequence[int] | None = _option(
        None, "widths of the hidden layers; auto: 128 to 1000, depending on the input size", auto=None
    )
    channels: int = _option(16, "output channels of the first convolution")
    decoder: str = _option("auto", "mlp or conv; auto: conv for colour images with sides from 8 to 128, otherwise mlp",
                           choices=("mlp", "conv", "auto"))  # fmt: skip
    dropout: float = _option(0.0, "dropout probability of hidden units")
    batch_norm: bool = _option(True, "batch norm in the encoder")
    layer_norm: bool = _option(
        False, "layer norm instead of batch norm in the encoder: independent of the batch, for imbalanced classes"
    )
    unit_length: bool = _option(False, "scale every input row to one length, for vectors of other encoders (mlp)")
    likelihood: str = _option("auto", "bernoulli or gaussian; auto: bernoulli for grey images",
                              choices=("bernoulli", "gaussian", "auto"))  # fmt: skip
    corruption: str = _option(
        "none",
        "noise on the encoder's input: none, gaussian, masking, salt-and-pepper, or auto (gaussian if the prior is "
        "conditioned on labels)",
        choices=("none", "gaussian", "masking", "salt-and-pepper", "auto"),
    )
    corruption_level: float = _option(0.3, "standard deviation of that noise, or fraction of values it changes")

    z: int = _option(10, "dimension of the continuous code", "§2", "Continuous latent", off=0)
    posterior: str = _option("point", "point, gaussian, or noisy (the paper's universal approximator)", "§2",
                             choices=("point", "gaussian", "noisy"))  # fmt: skip
    prior: str = _option("gaussian", "gaussian, ring, grid, swiss-roll, cube or ball", "§2.3",
                         choices=("gaussian", "ring", "grid", "swiss-roll", "cube", "ball"))  # fmt: skip
    prior_std: float = _option(
        1.0, "standard deviation (gaussian), scale (ring, grid) or half width (cube, ball) of the prior"
    )
    matching: str = _option(
        "adversarial", "how codes are matched to the prior: none, adversarial, kl, mmd, kl+mmd", "§2",
        choices=("none", "adversarial", "kl", "mmd", "kl+mmd"),
    )  # fmt: skip
    z_weight: float = _option(0.1, "weight of the adversarial loss of z")
    kl_weight: float = _option(1.0, "weight of the KL divergence; 1: the evidence lower bound", "arXiv 1312.6114")
    mmd_weight: float = _option(100.0, "weight of the maximum mean discrepancy", "arXiv 1711.01558 §4")

    y: str = _option(
        "none",
        "role of the class: none, observed (§4), supervised (§5), clusters (§6), or auto (supervised if there are "
        "labels, otherwise clusters)",
        heading="Categorical latent",
        choices=("none", "observed", "supervised", "clusters", "auto"),
    )
    clusters: int = _option(
        30, "number of clusters, or of categories per variable of the discrete VAE", "§6: 16 and 30"
    )
    class_prior: str | Sequence[float] = _option(
        "labels",
        "expected class frequencies: labels (as in the labelled data; uniform for clusters), uniform, or a list of "
        "fractions or counts",
        choices=("labels", "uniform"),
    )
    class_weight: str | Sequence[float] | None = _option(
        None,
        "class weights in the classification loss: equal, balanced (rare classes more), or a list of numbers",
        choices=("balanced",),
        equal=None,
    )
    variables: int = _option(1, "number of categorical latents")
    y_matching: str = _option(
        "adversarial",
        "how classes are matched to the prior: adversarial, kl, information, adversarial+information",
        "§5",
        choices=("adversarial", "kl", "information", "adversarial+information"),
    )
    y_weight: float = _option(0.02, "weight of the adversarial loss of y")
    information_weight: float = _option(10.0, "weight of the mutual information", "arXiv 1702.08720")
    information_balance: float = _option(
        4.0, "factor on its term for equal cluster sizes; 1: standard mutual information", "arXiv 1702.08720"
    )
    temperature: float | None = _option(
        None, "temperature of Gumbel-softmax samples; off: use the probabilities", "arXiv 1611.01144", off=None
    )
    conditional: bool = _option(
        False, "condition the discriminator of z on the class (observed or inferred), so that z cannot encode it"
    )
    merge: str = _option("concatenate", "how y and z are combined for the decoder: concatenate, or sum (§7)",
                         choices=("concatenate", "sum"))  # fmt: skip
    separation: float = _option(
        6.0, "minimum distance between cluster heads, for merge=sum, in units of prior_std", "§7"
    )

    discriminator_hidden: Sequence[int] | None = _option(
        None, "widths of the hidden layers; auto: as hidden", heading="Discriminators", auto=None
    )
    discriminator_dropout: float = _option(0.0, "dropout probability of hidden units")

    epochs: float = _option(10, "passes over the training data", heading="Training")
    min_steps: int = _option(2000, "minimum number of steps: small data sets get more epochs")
    batch_size: int = _option(256, "batch size")
    labelled_batch_size: int = _option(100, "size of the additional batch of labelled examples")
    schedule: str = _option("joint", "joint (one encoder pass per step), or alternating (the paper's phases)", "§2",
                            choices=("joint", "alternating"))  # fmt: skip
    optimizer: str = _option("adam", "adam or sgd", choices=("adam", "sgd"))
    lr: float = _option(1e-3, "learning rate")
    lr_adversarial: float | None = _option(None, "learning rate of the adversarial phases; same: as lr", same=None)
    lr_classification: float | None = _option(None, "learning rate of the classification phase; same: as lr", same=None)
    beta1: float = _option(0.9, "beta1 of Adam, or momentum of SGD")
    beta1_adversarial: float | None = _option(
        None, "beta1 of the adversarial phases; same: as beta1", same=None
    )
    lr_schedule: str = _option("cosine", "learning rate schedule: constant, cosine, or steps (the paper's)",
                               choices=("constant", "cosine", "steps"))  # fmt: skip
    # Auto: so that the loss of few labels is not dwarfed by that of many values.
    reconstruction: float | None = _option(
        0.01,
        "weight of the reconstruction loss (nats); mean: 1 / number of values; auto: 2 / number of values",
        mean=0.0, auto=None,
    )  # fmt: skip
    ema_decay: float | None = _option(
        0.99, "decay of the moving average of the weights; the average is saved", off=None
    )

    split_clusters: bool = _option(
        False, "split clusters that contain two groups; needs augmentation", heading="Clusters"
    )
    restarts: int = _option(1, "number of starts; training continues from the one with the highest mutual information")

    vat_radius: float = _option(
        0.0,
        "virtual adversarial training: radius as a fraction of the distance to the nearest neighbour",
        "arXiv 1704.03976",
        "Few labels",
        off=0.0,
    )
    vat_weight: float = _option(1.0, "weight of virtual adversarial training")
    interpolation: float = _option(0.0, "weight of interpolation consistency", "arXiv 1903.03825", off=0.0)
    neighbour_targets: float = _option(
        0.0, "initial fraction of training with targets from nearest neighbours", off=0.0
    )
    baseline_targets: float | str = _option(
        0.0,
        "weight of targets from simple classifiers and label spreading; auto: chosen by a trial",
        choices=("auto",),
        off=0.0,
    )
    transformation: float = _option(0.0, "weight of consistency under tangent augmentation", "arXiv 1001.1027", off=0.0)
    transformation_scale: float = _option(
        2.0, "magnitude of tangent augmentation; 1: distance to the nearest neighbours"
    )
    consistency: float = _option(0.0, "weight of consistency under augmentation", "arXiv 1606.04586", off=0.0)
    consistency_fade: float = _option(
        0.0, "its weight decays as this power of the remaining fraction of training", constant=0.0
    )
    degrees: float | None = _option(
        None, "augmentation: maximum rotation in degrees; auto: 26 for digits and mnist, otherwise 0", auto=None
    )
    flip: bool = _option(False, "augmentation: mirror half of the images, left to right")
    scale: float = _option(0.2, "augmentation: scaling")
    shift: float = _option(0.14, "augmentation: shift as a fraction of the side")
    shear: float | None = _option(None, "augmentation: shear; auto: 0.33 for digits and mnist, otherwise 0", auto=None)

    def __post_init__(self) -> None:
        for option in fields(self):
            value, choices = getattr(self, option.name), option.metadata["choices"]
            if choices and isinstance(value, str) and value not in choices:
                raise UsageError(f"The option {option.name} takes {_wanted(option.name, option.type)}, not {value!r}.")


# Ranges of numbers: from 0 to below 1, above 0, or at least the given minimum (0 for all others).
_SHARES = ("dropout", "discriminator_dropout", "beta1", "beta1_adversarial", "ema_decay", "scale", "neighbour_targets")
_POSITIVE = ("prior_std", "temperature", "epochs", "lr", "lr_adversarial", "lr_classification")
_LEAST = {"members": 1, "channels": 1, "clusters": 1, "variables": 1, "batch_size": 2, "labelled_batch_size": 2}


# Old names, which still work in 0.2.
RENAMED = {
    "beginnings": "restarts",
    "dividing": "split_clusters",
    "neighbours": "neighbour_targets",
    "frequencies": "class_prior",
    "momentum": "beta1",
    "momentum_adversarial": "beta1_adversarial",
    "decay": "lr_schedule",
    "ema": "ema_decay",
    "least_steps": "min_steps",
    "adversarial_radius": "vat_radius",
    "adversarial_weight": "vat_weight",
    "independent": "conditional",
}


def current_names(changes: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Options under their current names, and a note for each old name.

    Args:
        changes: Options that differ from a preset's, ``{name: value}``.

    Raises:
        UsageError: An option is given by its old and its current name.
    """
    if not isinstance(changes, Mapping):
        raise UsageError(f"changes is a dictionary of options, as in {{'lr': 0.001}}, not {changes!r:.60}.")
    options, notes = dict(changes), []
    for old, new in RENAMED.items():
        if old in options:
            if new in options:
                raise UsageError(f"The option {new} is given twice, once by its old name {old}; drop one.")
            value = options.pop(old)
            options[new] = "labels" if (old, value) == ("frequencies", None) else value  # null was the default
            notes.append(f"The option {old} is now called {new}; the old name still works in 0.2, and not in 0.3.")
    return options, notes


def renamed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Options under their current names; an old name issues a `FutureWarning`."""
    options, notes = current_names(changes)
    for note in notes:
        warnings.warn(note, FutureWarning, stacklevel=3)
    return options


_KINDS: dict[Any, str] = {
    int: "a whole number", float: "a number", str: "a word", bool: "true or false", type(None): "null",
    Sequence[int]: "a list of whole numbers, such as [500,500]",
    Sequence[float]: "a list of numbers above 0, such as [1,2.5]",
}  # fmt: skip


def check_option(name: str, value: Any, kind: Any) -> Any:
    """Check the value of an option and convert it to the type of the option.

    Args:
        name: Name of the option.
        value: The value, or a word for it such as ``"mean"``; whole numbers are accepted for decimal ones.
        kind: Annotation of the option in `Options`.

    Raises:
        UsageError: A value of the wrong type, or out of range.
    """
    words = words_of(name)
    value = _checked(name, words[value] if isinstance(value, str) and value in words else value, kind)
    if isinstance(value, int | float):
        _check_range(name, value)
    return value


def words_of(name: str) -> Mapping[str, Any]:
    """The words that stand for odd values of an option, such as ``{"mean": 0.0}``."""
    found: Mapping[str, Any] = Options.__dataclass_fields__[name].metadata["words"]
    return found


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
    """The value if it has the type of the option; whole numbers are accepted for decimal ones."""
    for option in _allowed(kind):
        if get_origin(option) is Sequence:
            (item_kind,) = get_args(option)
            if isinstance(value, list | tuple) and value and all(_is_positive(item, item_kind) for item in value):
                return tuple(item_kind(item) for item in value)
        elif option is type(None) and value is None:
            return None
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option in (int, str, bool) and type(value) is option:
            return value
    raise UsageError(f"The option {name} takes {_wanted(name, kind)}, not {value!r}.")


def _allowed(kind: Any) -> Sequence[Any]:
    """The types of a union, or the one type."""
    return get_args(kind) if get_origin(kind) is not Sequence and get_args(kind) else (kind,)


def _wanted(name: str, kind: Any) -> str:
    """What an option takes, in words; null only if no word stands for it."""
    words = words_of(name)
    names: list[str] = []
    for allowed in _allowed(kind):
        if allowed is str:
            names += Options.__dataclass_fields__[name].metadata["choices"] or [_KINDS[str]]
        elif not (allowed is type(None) and None in words.values()):
            names.append(_KINDS[allowed])
    *first, last = [*names, *(word for word in words if word not in names)]
    some = ", ".join(first)
    return f"{some}{',' * (len(first) > 1 or ',' in some)} or {last}" if first else last


def _is_positive(item: Any, kind: type) -> bool:
    """Whether an item of a list is a whole number above 0, or, for ``float``, any number above 0."""
    if kind is int:
        return type(item) is int and item > 0
    return isinstance(item, int | float) and not isinstance(item, bool) and 0 < item < math.inf
