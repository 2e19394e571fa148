"""All options for building and training a model, with their defaults, and the check of a value."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from aae.system.errors import UsageError

__all__ = ["Options", "check_option", "current_names", "renamed"]


@dataclass(frozen=True)
class Options:
    """All options. ``auto`` is resolved from the data."""

    # Networks
    network: str = "mlp"  # mlp | conv | ensemble: of small fully connected ones, for columns
    members: int = 8  # of the ensemble
    bins: int = 8  # of a number's piecewise-linear encoding for the ensemble; 0: off
    hidden: Sequence[int] | None = None  # widths of the hidden layers; None: 128 to 1000, from the size of a row
    channels: int = 16  # of the first convolution
    dropout: float = 0.0
    batch_norm: bool = True  # in the encoder
    layer_norm: bool = False  # in the encoder, in place of batch norm: by the row alone, for classes of uneven sizes
    likelihood: str = "auto"  # bernoulli | gaussian; auto: bernoulli for images
    corruption: str = "none"  # gaussian | masking | salt-and-pepper | auto: gaussian if labels condition the prior
    corruption_level: float = 0.3  # standard deviation, or share of the values
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
    # How frequent classes are: labels (as among the labelled rows; clusters: all the same) | uniform | shares or counts
    # of the classes in their order, or of the clusters
    class_prior: str | Sequence[float] = "labels"
    # What a label counts in the loss, by its class: balanced (those of rare classes more) | a number for each class
    class_weight: str | Sequence[float] | None = None
    variables: int = 1  # number of categorical latents
    y_matching: str = "adversarial"  # adversarial | kl | information | adversarial+information
    y_weight: float = 0.02  # of the adversary
    information_weight: float = 10.0  # of mutual information
    information_balance: float = 4.0  # factor on its term for equal cluster sizes; 1: plain mutual information
    temperature: float | None = None  # of Gumbel-softmax samples; None: the probabilities themselves
    independent: bool = False  # the discriminator of z sees the class (observed or inferred): z cannot encode it
    merge: str = "concatenate"  # concatenate | sum
    separation: float = 6.0  # least distance between cluster heads, for merge=sum, in units of prior_std
    # Discriminators
    discriminator_hidden: Sequence[int] | None = None  # as hidden
    discriminator_dropout: float = 0.0
    # Training
    epochs: float = 10
    least_steps: int = 2000  # small data sets get more epochs
    batch_size: int = 256
    labelled_batch_size: int = 100
    schedule: str = "joint"  # joint | alternating
    optimizer: str = "adam"  # adam | sgd
    lr: float = 1e-3
    lr_adversarial: float | None = None  # None: as lr
    lr_classification: float | None = None  # None: as lr
    momentum: float = 0.9  # of sgd, and Adam's beta1
    momentum_adversarial: float | None = None  # None: as momentum
    decay: str = "cosine"  # constant | cosine | steps
    # Factor on the reconstruction loss (nats); 0: 1 / number of values; None: 2 / number of values, so that the loss of
    # few labels is not dwarfed by that of many values
    reconstruction: float | None = 0.01
    ema: float | None = 0.99  # decay of the moving average of the weights; None: off
    # Clusters
    split_clusters: bool = False  # a cluster of two groups gets a second head; needs augmentation
    restarts: int = 1  # number of starts; the one with the most mutual information continues
    # Few labels
    adversarial_radius: float = 0.0  # virtual adversarial training: fraction of the distance to the nearest row; 0: off
    adversarial_weight: float = 1.0
    interpolation: float = 0.0  # weight of interpolation consistency; 0: off
    neighbour_targets: float = 0.0  # share of the training with targets from nearest neighbours; 0: off
    # Weight of what simple classifiers and spread labels say of unlabelled rows; 0: off; auto: settled by a trial.
    baseline_targets: float | str = 0.0
    transformation: float = 0.0  # weight of consistency under tangent augmentation; 0: off
    transformation_scale: float = 2.0  # of tangent augmentation; 1: as far as the nearest neighbours
    consistency: float = 0.0  # weight of consistency under augmentation; 0: off
    consistency_fade: float = 0.0  # power of the remaining share of the training in its weight; 0: constant
    degrees: float | None = None  # augmentation: rotation; None: 26 for digits and mnist, else 0
    scale: float = 0.2  # augmentation: scaling
    shift: float = 0.14  # augmentation: shift as a share of the side
    shear: float | None = None  # augmentation: shear; None: 0.33 for digits and mnist, else 0


# Ranges of numbers: from 0 to below 1, above 0, or at least the given minimum (0 for all others).
_SHARES = ("dropout", "discriminator_dropout", "momentum", "momentum_adversarial", "ema", "scale", "neighbour_targets")
_POSITIVE = ("prior_std", "temperature", "epochs", "lr", "lr_adversarial", "lr_classification")
_LEAST = {"members": 1, "channels": 1, "clusters": 1, "variables": 1, "batch_size": 2, "labelled_batch_size": 2}


# Old names, which still work in 0.2.
RENAMED = {
    "beginnings": "restarts",
    "dividing": "split_clusters",
    "neighbours": "neighbour_targets",
    "frequencies": "class_prior",
}


def current_names(changes: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Options under their current names, and a note for each old name.

    Args:
        changes: Options that differ from a preset's, ``{name: value}``.

    Raises:
        UsageError: An option is given by its old and its current name.
    """
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


def check_option(name: str, value: Any, kind: Any) -> Any:
    """Check the value of an option and convert it to the type of the option.

    Args:
        name: Name of the option.
        value: The value; whole numbers are accepted for decimal ones.
        kind: Annotation of the option in `Options`.

    Raises:
        UsageError: A value of the wrong type, or out of range.
    """
    value = _checked(name, value, kind)
    if isinstance(value, int | float):
        _check_range(name, value)
    return value


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
    allowed = get_args(kind) if get_origin(kind) is not Sequence and get_args(kind) else (kind,)
    for option in allowed:
        if get_origin(option) is Sequence:
            (kind,) = get_args(option)
            if isinstance(value, list | tuple) and value and all(_is_positive(item, kind) for item in value):
                return tuple(kind(item) for item in value)
        elif option is type(None) and value is None:
            return None
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option in (int, str, bool) and type(value) is option:
            return value
    lists = {Sequence[int]: "list of whole numbers", Sequence[float]: "list of numbers above 0"}
    names = [lists.get(k) or getattr(k, "__name__", str(k)) for k in allowed]
    raise UsageError(f"The option {name} takes {' or '.join(names).replace('NoneType', 'null')}, not {value!r}.")


def _is_positive(item: Any, kind: type) -> bool:
    """Whether an item of a list is a whole number above 0, or, for ``float``, any number above 0."""
    if kind is int:
        return type(item) is int and item > 0
    return isinstance(item, int | float) and not isinstance(item, bool) and 0 < item < math.inf
