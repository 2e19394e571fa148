"""How a model is trained: everything but the model and the data."""

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from aae.system.errors import AAEError, check_number, kind_of, unknown
from aae.system.renaming import renamed_arguments
from aae.training.extras.protocol import Extra

__all__ = ["Settings", "check_length"]

LENGTHS = ("epochs", "steps", "max_seconds")  # one of the first two, the third, or one and the third
PHASES = ("reconstruction", "adversarial", "classification")


@renamed_arguments(momentum="beta1", decay="lr_schedule", ema="ema_decay")
@dataclass(frozen=True)
class Settings:
    """Settings of one training.

    Args:
        epochs: Passes over the main stream of rows; or give ``steps``.
        steps: Number of steps.
        max_seconds: The most seconds that the training takes; alone, the seconds that it takes. The decay of the
            learning rate follows the steps or the time, whichever is nearer to its end.
        batch_size: Rows of a step.
        labelled_batch_size: Additional labelled rows of a step, for a supervised latent.
        schedule: ``"joint"`` or ``"alternating"`` (see `aae.objectives.phases`).
        optimizer: ``"adam"`` or ``"sgd"``.
        learning_rate: For ``reconstruction`` (and the whole autoencoder under the joint schedule),
            ``adversarial`` (discriminator and generator) and ``classification``, all three; 0.001 if not given.
        beta1: Adam's beta1, or the momentum of SGD, by the same three names, from 0 to below 1; 0.9 if not given. For
            adversarial matching without batch norm in the encoder, 0.5 is safer.
        lr_schedule: How the learning rate falls: ``"constant"`` (it does not), ``"cosine"`` to zero, or ``"steps"``: to
            a tenth after 1 % and again after 20 % of the training (the paper's epochs 50 and 1,000 of 5,000).
        reconstruction_weight: Factor on the reconstruction loss (nats, summed over a row).
        classification_weight: Factor on the cross-entropy of labelled rows.
        class_weights: Factor on that of a row of each class, in their order; None: all count the same.
        terms: Losses for few labels: `Consistency`, `InterpolationConsistency`, `VirtualAdversarial`, or a module that
            is called with the model, its average and the batch and returns a loss and metrics.
        extras: Additions to the training: `NeighbourTargets`, `BaselineTargets`, `Restarts`, `SplitClusters`; they act
            in this order.
        ema_decay: Decay of the moving average of the weights, which is evaluated and saved; None: the last weights are.
    """

    epochs: float | None = None
    steps: int | None = None
    max_seconds: float | None = None
    batch_size: int = 100
    labelled_batch_size: int = 100
    schedule: str = "joint"
    optimizer: str = "adam"
    learning_rate: Mapping[str, float] = field(
        default_factory=lambda: {"reconstruction": 1e-3, "adversarial": 1e-3, "classification": 1e-3}
    )
    beta1: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.9))
    lr_schedule: str = "constant"
    reconstruction_weight: float = 1.0
    classification_weight: float = 1.0
    class_weights: Sequence[float] | None = None
    terms: Sequence[nn.Module] = ()
    extras: Sequence[Extra] = ()
    ema_decay: float | None = None

    def __post_init__(self) -> None:
        given = [name for name in LENGTHS if getattr(self, name) is not None]
        if not given:
            raise AAEError("A training needs a length; give epochs, steps or max_seconds.")
        if self.epochs is not None and self.steps is not None:
            raise AAEError("Both epochs and steps were given; give one of them.")
        check_length({name: getattr(self, name) for name in given})
        for name, values in (
            ("optimizer", ("adam", "sgd")),
            ("lr_schedule", ("constant", "cosine", "steps")),
            ("schedule", ("joint", "alternating")),
        ):
            if getattr(self, name) not in values:
                raise unknown(name, getattr(self, name), values)
        self._check_numbers()
        self._check_parts()

    def _check_numbers(self) -> None:
        for name in ("batch_size", "labelled_batch_size"):
            check_number(name, getattr(self, name), 1, whole=True)
        _check_phases("learning_rate", self.learning_rate, 1e-3)
        _check_phases("beta1", self.beta1, 0.9, below=1)
        for name in ("reconstruction_weight", "classification_weight"):
            check_number(name, getattr(self, name))
        if self.class_weights is not None:
            if not isinstance(self.class_weights, Iterable):
                raise AAEError(f"class_weights is a list with a number for each class, not {self.class_weights!r:.60}.")
            for weight in self.class_weights:
                check_number("A class weight", weight)
        if self.ema_decay is not None:
            check_number("ema_decay", self.ema_decay, below=1)

    def _check_parts(self) -> None:
        """Check that terms and extras are lists of what they should be; the two are easily confused."""
        for name, kind, example in (("terms", nn.Module, "Consistency(change)"), ("extras", Extra, "Restarts(3)")):
            parts = getattr(self, name)
            if not isinstance(parts, list | tuple | nn.ModuleList):
                raise AAEError(f"{name} is a list, as in {name}=[{example}], not {kind_of(parts)}.")
            for part in parts:
                if isinstance(part, type) or not isinstance(part, kind):
                    raise AAEError(f"{name} holds objects such as {example}, not {kind_of(part)}{_elsewhere(part)}.")
        names = [extra.name for extra in self.extras]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise AAEError(f"The extra {repeated} is listed twice; list it once.")
        for term in self.terms:
            _check_term(term)

    def all_extras(self) -> list[Extra]:
        """The extras that are listed, then those that are part of a term."""
        parts = [part for term in self.terms for part in term.modules() if isinstance(part, Extra)]
        return [*self.extras, *(part for part in parts if all(part is not extra for extra in self.extras))]


def check_length(length: Mapping[str, object]) -> None:
    """Check the numbers of a length: steps are whole (1e4 is), and all are above zero.

    Args:
        length: The numbers, by the names of their units.

    Raises:
        AAEError: One is no such number.
    """
    for name, value in length.items():
        is_whole = isinstance(value, float) and value.is_integer()
        check_number(name, value, above=True, whole=name == "steps" and not is_whole)


def _check_phases(name: str, rates: object, example: float, below: float = math.inf) -> None:
    """Check that there is a number for each phase."""
    if not isinstance(rates, Mapping) or set(rates) != set(PHASES):
        names = ", ".join(f"{phase!r}: {example}" for phase in PHASES)
        raise AAEError(f"{name} needs a number for each of three phases, as in {{{names}}}, not {rates!r:.60}.")
    for phase, rate in rates.items():
        check_number(f"{name}[{phase!r}]", rate, below=below)


def _elsewhere(part: object) -> str:
    """Where a part belongs that is in the wrong list."""
    if isinstance(part, Extra) and not isinstance(part, nn.Module | type):
        return f"; list it as extras=[{type(part).__name__}(...)]"
    return "; list it as terms=[...]" if isinstance(part, nn.Module) and not isinstance(part, Extra) else ""


def _check_term(term: nn.Module) -> None:
    """Check that a term can be called as one, and is no change of rows.

    Raises:
        AAEError: It is something else.
    """
    if isinstance(term, Extra):
        raise AAEError(f"{kind_of(term)} is no term by itself; use Consistency({type(term).__name__}(...)).")
    signature = inspect.signature(term.forward)
    try:
        signature.bind("model", "teacher", "batch")
    except TypeError:
        name, given = type(term).__name__, ", ".join(signature.parameters)
        raise AAEError(
            f"{name} is no term: its forward takes ({given}), but it is called with (model, teacher, batch); if it "
            f"changes rows, use Consistency({name}(...))."
        ) from None
