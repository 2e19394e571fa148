"""What one training step optimises, derived from the list of latents.

Four phases exist; those that a model does not need are left out:

- *reconstruction*: reconstruction loss, penalties (KL, MMD) and the merge's own cost; what priors, likelihood,
  corruption and rules have to learn is learned here,
- *discriminator*: each discriminator learns to distinguish prior samples from codes,
- *generator*: the encoder learns to fool the discriminators,
- *classification*: cross-entropy on labelled rows, plus the terms for few labels.

The *alternating* schedule takes them in this order, each with its own pass through the encoder
and its own optimiser (Makhzani et al., section 2; the tutorial). The *joint* schedule adds
reconstruction, generator and classification into one loss on one pass, and trains the
discriminators on the same codes: within that pass where they read each row by itself, otherwise in a
phase of their own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from aae.distributed import shards
from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.model.latent import Latent, condition_of
from aae.model.parts import Adversary, Part
from aae.objectives.terms import checked_term
from aae.system.errors import AAEError, unknown

__all__ = ["Losses", "Metrics", "Phase", "build_phases"]

Metrics = dict[str, Tensor]
Term = Callable[[Autoencoder, Autoencoder, Batch], tuple[Tensor, Metrics]]


@dataclass(frozen=True)
class Phase:
    """One optimisation: a loss and the parameters it updates, by the learning rate they use.

    The learning rates are ``reconstruction``, ``adversarial`` and ``classification``.
    """

    name: str
    groups: Mapping[str, list[nn.Parameter]]
    loss: Callable[[Batch], tuple[Tensor, Metrics]]

    @property
    def parameters(self) -> list[nn.Parameter]:
        return list(chain.from_iterable(self.groups.values()))


class Losses:
    """The loss of every phase for one model.

    Args:
        model: The model.
        reconstruction_weight: Factor on the reconstruction loss, which is summed over the values
            of a row (nats). One over the number of values makes it the tutorial's mean.
        classification_weight: Factor on the cross-entropy of labelled rows.
        terms: Terms for few labels: modules ``(model, teacher, batch) -> (loss, metrics)``.
        class_weights: Factor on the cross-entropy of a row of each class; None: all count the same.

    Raises:
        AAEError: Not one weight for each class of a supervised latent.
    """

    def __init__(
        self,
        model: Autoencoder,
        reconstruction_weight: float = 1.0,
        classification_weight: float = 1.0,
        terms: Sequence[nn.Module] = (),
        class_weights: Sequence[float] | None = None,
    ) -> None:
        self.model = model
        self.reconstruction_weight = reconstruction_weight
        self.classification_weight = classification_weight
        self.terms: list[Term] = list(terms)
        self.teacher = model
        self.targets: Callable[[Autoencoder, Batch], Tensor] | None = None  # in place of the teacher's predictions
        self.adversarial = [latent for latent in model.latents if latent.rules("generator_loss")]
        self.rules = [(latent, rule) for latent in self.adversarial for rule in latent.rules("generator_loss")]
        self.supervised = [latent for latent in model.latents if latent.label == "supervised"]
        self.class_weights = None if class_weights is None else self._class_weights(class_weights)

    def _class_weights(self, given: Sequence[float]) -> Tensor:
        classes = self.supervised[0].dim if self.supervised else 0
        if len(given) != classes:
            raise AAEError(f"class_weights holds {len(given)} numbers for {classes} classes; give one for each.")
        return torch.tensor(given, dtype=torch.float32, device=next(self.model.parameters()).device)

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        if logits.dim() == 3:  # of an ensemble, whose members learn apart
            labels, logits = labels.repeat_interleave(logits.shape[1]), logits.flatten(0, 1)
        if self.class_weights is None:
            return F.cross_entropy(logits, labels)
        # Not divided by the weights of the batch, as torch does: a batch of one class would have the same loss at any
        # weight of that class.
        return (self.class_weights[labels] * F.cross_entropy(logits, labels, reduction="none")).mean()

    @property
    def classifies(self) -> bool:
        """Whether there is a classification phase."""
        return bool(self.supervised or self.terms)

    def reconstruction(self, batch: Batch) -> tuple[Tensor, Metrics]:
        posteriors = self.model.posteriors(batch.x)
        return self._reconstruct(batch, posteriors, {name: p.rsample() for name, p in posteriors.items()})

    def _reconstruct(
        self, batch: Batch, posteriors: dict[str, Distribution], codes: dict[str, Tensor]
    ) -> tuple[Tensor, Metrics]:
        model = self.model
        observed = [latent for latent in model.latents if latent.posterior is None]
        labels = {latent.name: _prior_sample(latent, batch, batch.labels) for latent in observed}
        output = model.decoder(model.merge(codes | labels))
        reconstruction = model.likelihood.loss(output, batch.x).mean()
        loss, metrics = self.reconstruction_weight * reconstruction, {"reconstruction_loss": reconstruction}
        for latent in model.latents:
            for rule in latent.rules("penalty"):
                code = codes[latent.name]
                whole = getattr(rule, "whole", False)
                prior = (
                    _batch_prior(latent, batch)
                    if whole
                    else latent.checked_prior(len(code), _condition(latent, batch))
                )
                penalty = rule.penalty(posteriors[latent.name], shards.all_gather(code) if whole else code, prior)
                # Penalties in nats keep their ratio to the reconstruction; a rule of one's own has its own weight.
                loss = loss + (self.reconstruction_weight if getattr(rule, "in_nats", False) else 1.0) * penalty
                metrics[f"{type(rule).__name__.lower()}_{latent.name}"] = penalty
        if hasattr(model.merge, "penalty"):
            loss = loss + model.merge.penalty()
        return loss, metrics

    def generator(self, batch: Batch) -> tuple[Tensor, Metrics]:
        codes = {name: p.rsample() for name, p in self.model.posteriors(batch.x).items()}
        metrics: Metrics = {}
        for latent, rule in self.rules:
            self._generator_loss(metrics, batch, latent, rule, codes)
        return torch.stack(list(metrics.values())).sum(), metrics

    def discriminator(self, batch: Batch) -> tuple[Tensor, Metrics]:
        codes = self._codes_in_evaluation_mode(batch)
        metrics: Metrics = {}
        for latent, rule in self.rules:
            self._discriminator_loss(metrics, batch, latent, rule, codes)
        return torch.stack(list(metrics.values())).sum(), metrics

    def separate_discriminator(self, batch: Batch) -> tuple[Tensor, Metrics]:
        """The losses of the discriminators that the joint loss leaves out, on the codes that it drew."""
        metrics: Metrics = {}
        for latent, rule in self.rules:
            if not _shares_pass(rule):
                self._discriminator_loss(metrics, batch, latent, rule, batch.codes)
        return torch.stack(list(metrics.values())).sum(), metrics

    def _generator_loss(
        self, metrics: Metrics, batch: Batch, latent: Latent, rule: Adversary, codes: dict[str, Tensor]
    ) -> None:
        loss = rule.generator_loss(codes[latent.name], _discriminator_labels(rule, latent, batch, codes))
        _add(metrics, f"generator_loss_{latent.name}", loss)

    def _discriminator_loss(
        self, metrics: Metrics, batch: Batch, latent: Latent, rule: Adversary, codes: dict[str, Tensor]
    ) -> None:
        samples = _prior_sample(latent, batch, _condition(latent, batch))
        labels = _discriminator_labels(rule, latent, batch, codes)
        loss = rule.discriminator_loss(codes[latent.name].detach(), samples, labels)
        _add(metrics, f"discriminator_loss_{latent.name}", loss)

    def _both_losses(self, batch: Batch, codes: dict[str, Tensor]) -> tuple[Tensor, Metrics]:
        """Generator losses, and the losses of the discriminators that can learn from the same pass."""
        metrics: Metrics = {}
        for latent, rule in self.rules:
            if _shares_pass(rule):
                samples = _prior_sample(latent, batch, _condition(latent, batch))
                labels = _discriminator_labels(rule, latent, batch, codes)
                generator, discriminator = rule.both_losses(codes[latent.name], samples, labels)
                _add(metrics, f"generator_loss_{latent.name}", generator)
                _add(metrics, f"discriminator_loss_{latent.name}", discriminator)
            else:
                self._generator_loss(metrics, batch, latent, rule, codes)
        return torch.stack(list(metrics.values())).sum(), metrics

    @torch.no_grad()
    def _codes_in_evaluation_mode(self, batch: Batch) -> dict[str, Tensor]:
        """Codes without dropout, as in the tutorial; batch norm's running statistics do not change."""
        self.model.eval()
        codes = {name: p.sample() for name, p in self.model.posteriors(batch.x).items()}
        self.model.train()
        return codes

    def classification(self, batch: Batch) -> tuple[Tensor, Metrics]:
        return self._classify(batch, None if batch.labelled_x is None else self.model.features(batch.labelled_x))

    def _classify(self, batch: Batch, labelled_features: Tensor | None) -> tuple[Tensor, Metrics]:
        """Cross-entropy of labelled rows if a latent is supervised, plus the terms for few labels."""
        losses: list[Tensor] = []
        metrics: Metrics = {}
        if labelled_features is not None:
            logits = self.supervised[0].logits(labelled_features)  # labelled rows come with labels
            metrics["classification_loss"] = self._cross_entropy(logits, batch.labelled_y)  # type: ignore[arg-type]
            losses.append(self.classification_weight * metrics["classification_loss"])
        batch.targets = None  # a batch that is reused in place still has those of the last step
        if self.targets is not None:
            batch.targets = self.targets(self.teacher, batch)
        for term in self.terms:
            loss, measured = checked_term(term, term(self.model, self.teacher, batch))
            losses.append(loss)
            metrics |= measured
        return torch.stack(losses).sum(), metrics

    def joint(self, batch: Batch) -> tuple[Tensor, Metrics]:
        """Reconstruction, adversarial and classification losses on one pass through the encoder."""
        n = len(batch.x)
        features = self.model.features(batch.x if batch.labelled_x is None else torch.cat([batch.x, batch.labelled_x]))
        posteriors = self.model.heads(features[:n])
        batch.codes = {name: p.rsample() for name, p in posteriors.items()}
        loss, metrics = self._reconstruct(batch, posteriors, batch.codes)
        if self.adversarial:
            adversarial, measured = self._both_losses(batch, batch.codes)
            loss, metrics = loss + adversarial, metrics | measured
        if self.classifies:
            classification, measured = self._classify(batch, features[n:] if batch.labelled_x is not None else None)
            loss, metrics = loss + classification, metrics | measured
        return loss, metrics


def build_phases(losses: Losses, schedule: str = "joint") -> list[Phase]:
    """Derive the phases of a model, in the order in which a step takes them.

    Args:
        losses: The model's losses.
        schedule: ``"alternating"`` or ``"joint"``.

    Raises:
        AAEError: Unknown schedule.
    """
    model = losses.model
    if losses.terms and (model.category is None or model.category.posterior is None):
        raise AAEError("The terms for few labels need one categorical latent that is encoded; this model has none.")
    encoder = [latent.posterior for latent in model.latents]
    # Whatever else can learn does so here: a prior that KL matches, the scale of a likelihood, the kernel of a rule.
    others = [model.likelihood, model.corruption, *(latent.prior for latent in model.latents)]
    penalties = [rule for latent in model.latents for rule in latent.matching if not hasattr(rule, "generator_loss")]
    autoencoder = _parameters([model.trunk, *encoder, model.decoder, model.merge, *others, *penalties])
    shared = _parameters(rule for _, rule in losses.rules if _shares_pass(rule))
    separate = _parameters(rule for _, rule in losses.rules if not _shares_pass(rule))
    if schedule == "joint":
        groups = {"reconstruction": autoencoder} | ({"adversarial": shared} if shared else {})
        phases = [
            Phase("joint", groups, losses.joint),
            Phase("discriminator", {"adversarial": separate}, losses.separate_discriminator),
        ]
    elif schedule == "alternating":
        heads = [latent.posterior for latent in losses.adversarial]
        generator = _parameters([model.trunk, *heads]) if heads else []
        classifier = [model.category.posterior] if losses.classifies and model.category else []
        classification = _parameters([model.trunk, *classifier]) if classifier else []
        phases = [
            Phase("reconstruction", {"reconstruction": autoencoder}, losses.reconstruction),
            Phase("discriminator", {"adversarial": shared + separate}, losses.discriminator),
            Phase("generator", {"adversarial": generator}, losses.generator),
            Phase("classification", {"classification": classification}, losses.classification),
        ]
    else:
        raise unknown("schedule", schedule, ["alternating", "joint"])
    return [phase for phase in phases if phase.parameters]


def _shares_pass(rule: Adversary) -> bool:
    return bool(getattr(rule, "shares", False))


def _parameters(modules: Iterable[Part | None]) -> list[nn.Parameter]:
    """The parameters that learn, each once: parts may share them, and some may be frozen."""
    found = (parameter for module in modules if module is not None for parameter in module.parameters())
    return list({id(parameter): parameter for parameter in found if parameter.requires_grad}.values())


def _add(metrics: Metrics, name: str, loss: Tensor) -> None:
    """Add a loss to the metrics; rules of one latent share a name, and their losses are summed."""
    metrics[name] = metrics[name] + loss if name in metrics else loss


def _condition(latent: Latent, batch: Batch) -> Tensor | None:
    return batch.labels if latent.label == "conditioned" else None


def _discriminator_labels(rule: Adversary, latent: Latent, batch: Batch, codes: dict[str, Tensor]) -> Tensor | None:
    """Labels that a discriminator sees beside the codes: those of the data, or the classes that the model infers."""
    name = condition_of(rule)
    return _condition(latent, batch) if name is None else codes[name].detach().argmax(1)


def _prior_sample(latent: Latent, batch: Batch, labels: Tensor | None) -> Tensor:
    """A prior sample for each row of the batch; ``labels`` are the batch's, or None."""
    if shards.world_size() == 1:
        return latent.checked_prior(len(batch.x), labels).sample().detach()  # a prior of one's own may not detach it
    return shards.local_rows(_batch_prior(latent, batch, labels is not None).sample().detach())


def _batch_prior(latent: Latent, batch: Batch, labelled: bool | None = None) -> Distribution:
    """The prior for every row of the batch, including those of other processes."""
    if labelled is None:
        labelled = latent.label == "conditioned"
    labels = batch.labels if batch.all_labels is None else batch.all_labels
    return latent.checked_prior(len(batch.x) * shards.world_size(), labels if labelled else None)
