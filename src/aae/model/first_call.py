"""Calls every part of a model once, before it is trained, and checks what each returns."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from aae.model.autoencoder import Autoencoder
from aae.model.gradients import NoGradientError, check_passes, check_reached
from aae.model.kept import unchanged_parts
from aae.model.latent import Latent, condition_of
from aae.model.own_parts import is_own
from aae.model.wording import an, words
from aae.system import generators
from aae.system.errors import AAEError, first_line, kind_of

__all__ = ["check_results"]

INVALID = "found invalid values"  # what torch's distributions say of their parameters
LABELLED = ("conditioned", "observed")  # roles of latents whose prior is given labels
MANY = 32  # rows without a label; by chance, they are all in one component once in 2 ** 32 times


def check_results(model: Autoencoder, x: Tensor) -> None:
    """Call the parts of a model on a few rows, as a step of a training does; random states stay as they are.

    Args:
        model: The model.
        x: Rows as its networks read them ``(B, *shape)``, on its device.

    Raises:
        AAEError: A part fails, or returns something else than it should, or values that are not finite.
    """
    training = model.training
    devices = [x.device] if x.device.type == "cuda" else []
    try:
        with generators.forked(devices), torch.enable_grad(), unchanged_parts(model):
            try:
                _Calls(model.eval(), x).check()
            except NoGradientError:  # a part may learn while training only
                _Calls(model.train(), x).check()
    finally:
        model.train(training)


class _Calls:
    """The calls on a few rows.

    A part is blamed for values that are not finite only if those before it were finite. Parts of the package return
    such values for reasons that lie elsewhere, as do parts whose weights are not finite.
    """

    def __init__(self, model: Autoencoder, x: Tensor) -> None:
        self.model, self.x, self.rows = model, x, len(x)
        self.finite = bool(x.isfinite().all())  # so far
        self.losses: list[Tensor] = []
        self.idle: list[object] = []  # penalties that are zero, as before a warm-up

    def check(self) -> None:
        model, x = self.model, self.x
        features = self._features(model, x)
        priors = {latent.name: self._prior(latent) for latent in model.latents if latent.prior is not None}
        posteriors = {
            latent.name: self._posterior(latent, features) for latent in model.latents if latent.posterior is not None
        }
        codes = {name: posterior.rsample() for name, posterior in posteriors.items()}
        self._passes(codes, features)
        for latent in model.latents:
            if latent.name in codes and latent.name in priors:
                self._rules(latent, posteriors[latent.name], codes, priors[latent.name])
            elif latent.name in priors:
                codes[latent.name] = priors[latent.name].sample()
        self._output(model, x, codes)
        check_reached(model, self.losses, self.idle)

    def _passes(self, codes: dict[str, Tensor], features: Tensor) -> None:
        """Check that one of the posteriors passes a gradient on to the trunk; others may only read its features."""
        failed = []
        for latent in self.model.latents:
            if latent.name in codes:
                part: Any = latent.posterior
                try:
                    check_passes(part, f"The posterior {type(part).__name__}", codes[latent.name], [features])
                except NoGradientError as error:
                    failed.append(error)
        if failed and len(failed) == len(codes):
            raise failed[0]

    def _features(self, model: Autoencoder, x: Tensor) -> Tensor:
        features = x
        if model.corruption is not None:
            corruption: Any = model.corruption
            corruption.train()  # as it is only called while training
            features = self._tensor(corruption, "corruption", tuple(x.shape), features)
            corruption.train(model.training)
        if model.trunk is not None:
            features = self._tensor(model.trunk, "trunk", (self.rows, model.trunk.features), features)
        return features

    def _output(self, model: Autoencoder, x: Tensor, codes: dict[str, Tensor]) -> None:
        """The calls from the codes on."""
        code = self._tensor(model.merge, "merge", (self.rows, model.merge.dim), codes)
        shape = None if is_own(model.likelihood) else (self.rows, *model.input_shape)  # it alone reads the output
        output = self._tensor(model.decoder, "decoder", shape, code)
        self._tensor(model.likelihood, "likelihood", tuple(x.shape), output, method="mean")
        loss = self._tensor(model.likelihood, "likelihood", (self.rows,), output, x, method="loss")
        self.losses.append(loss.mean())
        if hasattr(model.merge, "penalty"):
            self.losses.append(self._number(model.merge, "penalty"))

    def _prior(self, latent: Latent) -> Distribution:
        """What a prior returns, with labels where it is given some; without any, the model is sampled."""
        prior: Any = latent.prior
        found = self._distribution(latent, prior, self._call(prior, "forward", self.rows, None), "sample")
        if latent.label not in LABELLED:
            return found
        for first in range(0, latent.classes + 1, self.rows):  # type: ignore[operator]  # a labelled one has classes
            labels = (torch.arange(self.rows, device=self.x.device) + first) % (latent.classes + 1) - 1  # type: ignore[operator]
            found = self._distribution(latent, prior, self._call(prior, "forward", self.rows, labels), "sample")
        self._unlabelled(prior, latent.classes or 0)
        return found

    def _unlabelled(self, prior: Any, classes: int) -> None:
        """Check that a row without a label, -1, is not one of the last component, as an index of -1 would be."""
        if not is_own(prior) or classes < 2:
            return
        labels = torch.tensor([-1] * MANY + [classes - 1, 0], device=self.x.device)
        found = self._call(prior, "forward", len(labels), labels)
        try:
            moments = torch.cat([found.mean, found.variance], 1)
        except NotImplementedError:
            return
        unlabelled, last, first = moments[:MANY], moments[MANY], moments[MANY + 1]
        if torch.equal(unlabelled, last.expand_as(unlabelled)) and not torch.equal(first, last):
            raise AAEError(
                f"{type(prior).__name__} takes -1, a row without a label, for its last component; draw the component "
                "of such rows, as in torch.where(labels >= 0, labels, torch.randint(components, (n,)))."
            )

    def _posterior(self, latent: Latent, features: Tensor) -> Distribution:
        posterior: Any = latent.posterior
        found = self._distribution(latent, posterior, self._call(posterior, "forward", features), "rsample")
        name, kind = type(posterior).__name__, type(found).__name__
        try:
            mean: Tensor = found.mean
        except NotImplementedError:
            raise AAEError(
                f"{name} returns {an(kind)}, which has no mean, and the mean is the code of a row after the training; "
                "return a distribution that has one."
            ) from None
        self._shaped(f"{name} returns {an(kind)} whose mean is", mean, (self.rows, latent.dim))
        return found

    def _distribution(self, latent: Latent, part: nn.Module, found: object, draw: str) -> Distribution:
        """What a posterior or prior returned, if it is a distribution over rows of the latent's length."""
        name = type(part).__name__
        if not isinstance(found, Distribution):
            raise AAEError(
                f"{name} returns {an(type(found).__name__)}, not a distribution; return one of torch.distributions, "
                "such as Independent(Normal(means, 0.1), 1)."
            )
        try:
            codes = getattr(found, draw)()
        except NotImplementedError:
            lack = ", so that no gradient reaches the encoder" * (draw == "rsample")
            raise AAEError(
                f"{name} returns {an(type(found).__name__)}, which has no {draw}{lack}; return a distribution that has "
                "it, such as Independent(Normal(means, 0.1), 1)."
            ) from None
        shape = tuple(codes.shape)
        if shape != (self.rows, latent.dim):
            raise AAEError(
                f"{name} draws codes of shape {shape} for {self.rows} rows; latent {latent.name!r} needs "
                f"({self.rows}, {latent.dim})."
            )
        sizes = tuple(found.batch_shape), tuple(found.event_shape)
        if sizes not in (((self.rows,), (latent.dim,)), ((), ())):  # the latter of a class that leaves them out
            raise AAEError(
                f"{name} returns {an(kind_of(found))} of batch shape {sizes[0]} and event shape {sizes[1]}, which "
                f"should be ({self.rows},) and ({latent.dim},); wrap it: Independent(..., 1)."
            )
        self._finite(part, codes)
        return found

    def _rules(
        self, latent: Latent, posterior: Distribution, codes: dict[str, Tensor], prior: Distribution
    ) -> None:
        code = codes[latent.name]
        for rule in latent.rules("penalty"):
            found = self._penalty(rule, latent, posterior, code, prior)
            if not found.any():
                self.idle.append(rule)
            elif code.requires_grad and not found.requires_grad:
                raise NoGradientError(
                    f"{type(rule).__name__}.penalty returns a number without a gradient, from which nothing learns; "
                    "compute it from the codes or the posterior, without detach() or item()."
                )
        for adversary in latent.rules("generator_loss"):
            labels, name = None, condition_of(adversary)
            if name is not None:
                labels = codes[name].detach().argmax(1)
            elif latent.label == "conditioned":
                labels = torch.zeros(self.rows, dtype=torch.long, device=self.x.device)
            given = code.detach(), prior.sample().detach(), labels
            self.losses.append(self._number(adversary, "discriminator_loss", *given))
            self.losses.append(self._number(adversary, "generator_loss", code, labels))

    def _penalty(
        self, rule: Any, latent: Latent, posterior: Distribution, code: Tensor, prior: Distribution
    ) -> Tensor:
        try:
            found = self._number(rule, "penalty", posterior, code, prior)
        except AAEError as error:
            lacking = [
                (type(part).__name__, kind_of(made))
                for part, made in ((latent.posterior, posterior), (latent.prior, prior))
                if type(made).log_prob is Distribution.log_prob
            ]
            if not lacking or not isinstance(error.__cause__, NotImplementedError):
                raise
            (name, kind), rule_name = lacking[0], type(rule).__name__
            raise AAEError(
                f"{name} returns {an(kind)}, which has no log_prob, and {rule_name} needs it; write a log_prob(codes) "
                "that returns nats of each row, or use Adversarial or MMD matching."
            ) from error
        if hasattr(rule, "divergence"):
            nats = self._call(rule, "divergence", posterior, code, prior)
            self._shaped(f"{type(rule).__name__}.divergence returns", nats, (self.rows,))
        self.losses.append(found)
        return found

    def _number(self, rule: Any, method: str, *given: Any) -> Tensor:
        """What a rule returned, if it is one number."""
        found = self._call(rule, method, *given)
        if not isinstance(found, Tensor) or found.numel() != 1:
            raise AAEError(
                f"{type(rule).__name__}.{method} returns {words(found)}, not one number; return the mean over the "
                "rows, as a tensor."
            )
        self._finite(rule, found, method)
        return found

    def _tensor(
        self, part: Any, role: str, shape: Sequence[int] | None, *given: Any, method: str = "forward"
    ) -> Tensor:
        """What a part returned, if it is a tensor of this shape, or of any for these rows."""
        name = _name(part, method)
        found = self._call(part, method, *given)
        if shape is None:
            shape = (self.rows, *getattr(found, "shape", (0,))[1:])
        self._shaped(f"The {role} {name} returns", found, shape)
        self._finite(part, found, method)
        if method != "mean":  # which is only shown
            check_passes(part, f"The {role} {name}", found, _tensors(given))
        return found

    def _shaped(self, text: str, found: object, shape: Sequence[int]) -> None:
        if not isinstance(found, Tensor) or tuple(found.shape) != tuple(shape):
            raise AAEError(f"{text} {words(found)} for {self.rows} rows; it must be a tensor of shape {tuple(shape)}.")

    def _call(self, part: Any, method: str, *given: Any) -> Any:
        """What a part returns; errors of any kind become one that names the part and what it was given."""
        call: Callable[..., Any] = part if method == "forward" else getattr(part, method)
        try:
            return call(*given)
        except (AAEError, MemoryError):
            raise
        except Exception as error:  # a part may raise any error
            if self.finite and INVALID in str(error) and "nan" in str(error).partition(INVALID)[2]:
                raise _not_finite(part, method, "NaN") from error
            shown = ", ".join(words(value) for value in given if value is not None)
            reason = first_line(error).rstrip(".:")
            raise AAEError(f"{_name(part, method)} fails when it is given {shown}: {reason}.") from error

    def _finite(self, part: Any, found: Tensor, method: str = "forward") -> None:
        if not self.finite or bool(found.isfinite().all()):
            return
        if is_own(part) and all(bool(weight.isfinite().all()) for weight in part.parameters()):
            raise _not_finite(part, method, "NaN" if bool(found.isnan().any()) else "infinity")
        self.finite = False


def _not_finite(part: object, method: str, value: str) -> AAEError:
    where = "its forward" if method == "forward" else "that method"
    return AAEError(f"{_name(part, method)} returned {value}; check {where}.")


def _name(part: object, method: str) -> str:
    """A part as errors call it; with a method that is not its call."""
    return type(part).__name__ if method == "forward" else f"{type(part).__name__}.{method}"


def _tensors(given: Sequence[Any]) -> list[Tensor]:
    """The tensors among the arguments of a call."""
    values = [item for value in given for item in (value.values() if isinstance(value, dict) else [value])]
    return [value for value in values if isinstance(value, Tensor)]
