"""The list of latents: names, roles, and checks that reject combinations that cannot work."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

from torch import Tensor, nn

from aae.model.component import component
from aae.model.own_parts import check_arguments, check_attributes, check_dim, check_module, is_own
from aae.model.parts import Adversary, Divergence, Penalty, Posterior, Prior
from aae.system.errors import AAEError, kind_of, unknown

__all__ = ["Latent", "check_latents", "condition_of"]

MAX_LATENTS = 1000
ROLES = ("none", "conditioned", "observed", "supervised")


@component
class Latent(nn.Module):
    """One part of the code: where it comes from, what it should look like, and what labels do to it.

    Args:
        name: Name of the latent, such as ``"z"`` or ``"y"``.
        posterior: Module from features to a distribution over codes; None only for an observed latent.
        prior: Module from ``(n, labels or None)`` to a distribution; may be None if nothing is matched.
        matching: A rule, or several, that match posterior and prior.
        label: ``"none"``; ``"conditioned"``: the label picks the prior's component and enters the
            discriminator; ``"observed"``: the label itself, as a one-hot, is the code;
            ``"supervised"``: labelled rows train the posterior as a classifier.

    Raises:
        AAEError: The parts do not fit together; the message says what to change.
    """

    def __init__(
        self,
        name: str,
        posterior: nn.Module | None = None,
        prior: nn.Module | None = None,
        matching: nn.Module | Sequence[nn.Module] = (),
        label: str = "none",
    ) -> None:
        super().__init__()
        self.name = name
        self.posterior: Posterior | None = posterior  # type: ignore[assignment]  # any module that has what it asks
        self.prior: Prior | None = prior  # type: ignore[assignment]  # likewise
        listed = isinstance(matching, Iterable) and not isinstance(matching, nn.Module)
        rules: list[Any] = list(matching) if listed else [matching]  # type: ignore[arg-type]
        for role, part in (("posterior", posterior), ("prior", prior), *(("matching rule", rule) for rule in rules)):
            if part is not None or role == "matching rule":
                check_module(part, f"{role} of latent {name!r}")
        self.matching = nn.ModuleList(rules)
        self.label = label
        _check(self)

    @property
    def dim(self) -> int:
        """Length of this part of the code."""
        return int((self.posterior if self.posterior is not None else self.checked_prior).dim)

    @property
    def is_category(self) -> bool:
        """Whether this latent holds classes or clusters."""
        return getattr(self.posterior if self.posterior is not None else self.prior, "is_category", False)

    @property
    def classes(self) -> int | None:
        """Number of classes that labels of this latent can take, or None if it uses no labels."""
        if self.label == "none":
            return None
        return self.components if self.label == "conditioned" else self.dim

    @property
    def checked_prior(self) -> Prior:
        """The prior of a latent that is observed or has a rule: it has been checked that there is one."""
        return self.prior  # type: ignore[return-value]  # a check of its own would run several times a step

    @property
    def components(self) -> int:
        """Number of the prior's components, of which a label picks one."""
        prior: Any = self.prior
        return int(prior.components)

    def logits(self, features: Tensor) -> Tensor:
        """Class logits ``(B, K)`` from features ``(B, H)``, of a latent whose posterior is a `Category`."""
        posterior: Any = self.posterior
        return posterior(features).logits

    @overload
    def rules(self, kind: Literal["penalty"]) -> list[Penalty]: ...
    @overload
    def rules(self, kind: Literal["divergence"]) -> list[Divergence]: ...
    @overload
    def rules(self, kind: Literal["generator_loss"]) -> list[Adversary]: ...
    def rules(self, kind: str) -> list[Any]:
        """The matching rules that have a method ``kind``, such as ``"generator_loss"``."""
        return [rule for rule in self.matching if hasattr(rule, kind)]


def _check(latent: Latent) -> None:
    name, posterior, prior = latent.name, latent.posterior, latent.prior
    # "type" names a component's class in a specification.
    if not isinstance(name, str) or not name.isidentifier() or name == "type":
        raise AAEError(f"A latent's name must be a plain word such as 'z', not {name!r}.")
    if latent.label not in ROLES:
        raise unknown("role for labels", latent.label, ROLES)
    if latent.label == "observed":
        _check_observed(latent)
    elif posterior is None:
        raise AAEError(f"Latent {name!r} has no posterior, so nothing encodes it; give it one, or label='observed'.")
    if posterior is not None:
        check_dim(posterior, "posterior")
    if prior is not None:
        check_dim(prior, "prior")
        check_arguments(prior, "forward", "n", "labels")
    if latent.matching and prior is None:
        raise AAEError(f"Latent {name!r} has a matching rule but no prior to match; add a prior or drop the rule.")
    if posterior is not None and prior is not None and posterior.dim != prior.dim:
        raise AAEError(f"Latent {name!r}: the posterior gives {posterior.dim} numbers, the prior has {prior.dim}.")
    if latent.is_category and prior is not None and not getattr(prior, "is_category", False):
        raise AAEError(f"Latent {name!r} gives class probabilities; its prior must be a CategoricalPrior.")
    if getattr(prior, "is_category", False) and not latent.is_category:
        raise AAEError(f"Latent {name!r} has a CategoricalPrior; its posterior must be a Category.")
    if latent.label == "supervised" and not latent.is_category:
        raise AAEError(f"Latent {name!r} is supervised, so its posterior must be a Category (a softmax over classes).")
    if latent.label == "conditioned":
        _check_conditioned(latent)
    for rule in latent.matching:
        _check_rule(latent, rule)


def _check_observed(latent: Latent) -> None:
    if latent.posterior is not None:
        raise AAEError(f"Latent {latent.name!r} is observed, so it needs no posterior; drop it or use 'supervised'.")
    if not getattr(latent.prior, "is_category", False):
        raise AAEError(f"Latent {latent.name!r} is observed; give it prior=CategoricalPrior(number of classes).")
    if latent.matching:
        raise AAEError(f"Latent {latent.name!r} is observed, so there is nothing to match; drop its matching rule.")


def _check_conditioned(latent: Latent) -> None:
    components = getattr(latent.prior, "components", None)
    if components is None:
        raise AAEError(
            f"Latent {latent.name!r} is conditioned on labels, but its prior has no components to pick from; "
            "use a mixture or the swiss roll."
        )
    rules = latent.rules("generator_loss")
    if not rules:
        raise AAEError(f"Latent {latent.name!r} is conditioned on labels; this needs Adversarial matching.")
    for rule in rules:
        check_attributes(rule, "rule of a latent that is conditioned on labels", "discriminator")
        classes = getattr(rule.discriminator, "classes", components)
        if classes != components:
            raise AAEError(
                f"Latent {latent.name!r}: the prior has {components} components, but its discriminator is built for "
                f"{classes} classes; use Discriminator(..., classes={components})."
            )


def _check_rule(latent: Latent, rule: nn.Module) -> None:
    kind = type(rule).__name__
    if not hasattr(rule, "penalty") and not hasattr(rule, "generator_loss"):
        raise AAEError(f"{kind} is not a matching rule: it has neither `penalty` nor `generator_loss`.")
    if hasattr(rule, "penalty"):
        check_arguments(rule, "penalty", "posterior", "codes", "prior")
    if hasattr(rule, "generator_loss"):
        check_attributes(rule, "rule with a generator_loss", "discriminator_loss", "weight")
        check_arguments(rule, "discriminator_loss", "codes", "samples", "labels")
        check_arguments(rule, "generator_loss", "codes", "labels")
    if getattr(rule, "needs_category", False) and not latent.is_category:
        raise AAEError(f"Latent {latent.name!r}: {kind} is for classes; its posterior must be a Category.")
    if getattr(rule, "needs_density", False):
        if not getattr(latent.posterior, "has_density", False):
            raise _without_density(latent, kind)
        if not getattr(latent.prior, "has_density", False):
            raise AAEError(
                f"Latent {latent.name!r}: {kind} needs the prior's log_prob. If {type(latent.prior).__name__}'s "
                "distribution has one, set has_density = True on it; otherwise use Adversarial or MMD matching."
            )
        if getattr(latent.prior, "bounded", False):
            raise AAEError(
                f"Latent {latent.name!r}: {kind} to a {type(latent.prior).__name__} is infinite, because codes fall "
                "outside it; use Adversarial or MMD matching."
            )
    expected = getattr(getattr(rule, "discriminator", None), "dim", latent.dim)
    if expected != latent.dim:
        raise AAEError(f"Latent {latent.name!r} has {latent.dim} numbers, but its discriminator takes {expected}.")


def _without_density(latent: Latent, kind: str) -> AAEError:
    name = type(latent.posterior).__name__
    if is_own(latent.posterior):
        return AAEError(
            f"Latent {latent.name!r}: {kind} needs the posterior's log_prob. If {name}'s distribution has one, set "
            "has_density = True on it; otherwise use Adversarial or MMD matching."
        )
    advice = "temperature=0.5" if getattr(latent.posterior, "is_category", False) else "a Gaussian posterior"
    return AAEError(
        f"Latent {latent.name!r}: {kind} needs a posterior with a density, and {name} has none; use {advice}, or "
        "Adversarial or MMD matching."
    )


def _listed(latents: object) -> list[Latent]:
    """The latents as a list, if it is latents that are listed."""
    if isinstance(latents, Latent) or not isinstance(latents, Iterable):
        raise AAEError(f"latents is a list, as in latents=[Latent('z', ...)], not {kind_of(latents)}.")
    found: list[Latent] = list(latents)
    for latent in found:
        if not isinstance(latent, Latent):
            raise AAEError(f"latents holds objects such as Latent('z', ...), not {kind_of(latent)}.")
    return found


def check_latents(latents: Iterable[Latent], features: int | None) -> None:
    """Check the list as a whole: names, label roles and the trunk's width.

    Raises:
        AAEError: It is no list of latents, it is empty, names repeat, or two latents disagree about labels.
    """
    latents = _listed(latents)
    if not latents:
        raise AAEError("A model needs at least one latent.")
    names = [latent.name for latent in latents]
    if len(names) > MAX_LATENTS:
        raise AAEError(f"A model can have at most {MAX_LATENTS} latents, not {len(names)}.")
    for name in names:
        if names.count(name) > 1:
            raise AAEError(f"Two latents are called {name!r}; give each its own name.")
    classes = {latent.name: latent.classes for latent in latents if latent.classes is not None}
    if len(set(classes.values())) > 1:
        raise AAEError(f"The latents that use labels disagree on the number of classes: {classes}.")
    if sum(latent.label in ("observed", "supervised") for latent in latents) > 1:
        raise AAEError("Only one latent can be the label itself; make the others 'none' or 'conditioned'.")
    for latent in latents:
        width = getattr(latent.posterior, "features", features)
        if width != features:
            raise AAEError(f"Latent {latent.name!r} takes {width} features, but the trunk gives {features}.")
        for rule in latent.matching:
            _check_condition(latent, rule, latents)


def condition_of(rule: object) -> str | None:
    """Name of the latent whose class the discriminator of a rule sees, or None."""
    if not hasattr(rule, "conditional"):
        return getattr(rule, "given", None)  # the name in 0.1, which rules of one's own may have
    name: str | None = rule.conditional
    return name


def _check_condition(latent: Latent, rule: nn.Module, latents: Sequence[Latent]) -> None:
    name = condition_of(rule)
    if name is None:
        return
    condition = next((other for other in latents if other.name == name), None)
    if condition is None or condition is latent or not condition.is_category or condition.posterior is None:
        raise AAEError(
            f"Latent {latent.name!r} is matched conditional on {name!r}, which must be another latent with classes."
        )
    classes = getattr(getattr(rule, "discriminator", None), "classes", condition.dim)
    if classes != condition.dim or latent.label == "conditioned":
        raise AAEError(
            f"Latent {latent.name!r} is matched conditional on {name!r} of {condition.dim} classes, so it needs "
            f"Discriminator(..., classes={condition.dim}), and labels cannot condition it as well."
        )
