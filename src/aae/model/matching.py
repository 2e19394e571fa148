r"""Matching rules: how the codes of the data are matched to the prior.

A rule is a module with either ``penalty``, a term that joins the reconstruction phase, or the
pair ``discriminator_loss`` / ``generator_loss``, each with a phase of its own. All of them return
a scalar: the mean over rows, times the rule's ``weight``. A penalty with an attribute ``in_nats = True`` is multiplied
by the weight of the reconstruction, so that the two keep their ratio; others are added as they are. One that compares
rows with each other has an attribute ``whole = True``: where processes share a batch, it then gets the codes of all
rows.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, OneHotCategorical, kl_divergence, register_kl
from torch.nn import functional as F

from aae.distributed import shards
from aae.model.component import component
from aae.model.own_parts import check_module
from aae.model.posteriors import SoftCategory
from aae.system.renaming import renamed_arguments

__all__ = ["KL", "MMD", "Adversarial", "MutualInformation"]


@register_kl(SoftCategory, OneHotCategorical)
def _kl_category(posterior: SoftCategory, prior: OneHotCategorical) -> Tensor:
    target = torch.distributions.Categorical(probs=prior.probs, validate_args=False)
    return kl_divergence(posterior.categorical(), target)


@component
class KL(nn.Module):
    r"""Kullback-Leibler divergence :math:`KL(q(z \mid x) \,\|\, p(z))` in nats.

    Closed form where torch has one; otherwise :math:`\log q(z \mid x) - \log p(z)` at the codes that
    were drawn (Kingma and Welling, arXiv 1312.6114, equations 7 and 6).

    Args:
        weight: Factor on the divergence; 1 gives the evidence lower bound.
    """

    needs_density = True
    in_nats = True

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def divergence(self, posterior: Distribution, codes: Tensor, prior: Distribution) -> Tensor:
        """Divergence of each row, shape ``(B,)``, without the weight."""
        try:
            return kl_divergence(posterior, prior)
        except NotImplementedError:
            return posterior.log_prob(codes) - prior.log_prob(codes)

    def penalty(self, posterior: Distribution, codes: Tensor, prior: Distribution) -> Tensor:
        return self.weight * self.divergence(posterior, codes, prior).mean()


@component
class MMD(nn.Module):
    r"""Squared maximum mean discrepancy between a batch of codes and as many prior samples.

    Inverse multiquadratic kernel :math:`k(a, b) = \sum_s C s / (C s + \|a - b\|^2)` with
    :math:`C` the mean squared distance between two prior samples and scales :math:`s` from 0.1 to
    10 (Tolstikhin et al., *Wasserstein Auto-Encoders*, arXiv 1711.01558, section 4). The estimate
    is unbiased, so it can be slightly negative.

    Args:
        weight: Factor on the discrepancy.
    """

    whole = True
    in_nats = True

    _scales = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def _kernel(self, squared: Tensor, unit: Tensor) -> Tensor:
        return torch.stack([unit * s / (unit * s + squared) for s in self._scales]).sum(0)

    def penalty(self, posterior: Distribution, codes: Tensor, prior: Distribution) -> Tensor:
        # In double precision: the result is a small difference of three larger means.
        # A prior that learns gets a gradient through its samples if its distribution has such; the draws are the same.
        samples = (prior.rsample() if prior.has_rsample else prior.sample()).double()
        codes = codes.double()
        n = len(codes)
        within_codes, within_samples = _squared_distances(codes, codes), _squared_distances(samples, samples)
        between = _squared_distances(codes, samples)
        unit = within_samples.sum() / max(n * (n - 1), 1)
        off_diagonal = 1 - torch.eye(n, device=codes.device)
        within = (self._kernel(within_codes, unit) + self._kernel(within_samples, unit)) * off_diagonal
        discrepancy = within.sum() / max(n * (n - 1), 1) - 2 * self._kernel(between, unit).mean()
        return self.weight * discrepancy.float()


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp_min(0)


@component
class MutualInformation(nn.Module):
    r"""Confident predictions for each row, with classes as frequent as in the prior.

    :math:`E_x[H(q(y \mid x))] + b \, KL(q(y) \,\|\, p(y))` in nats, with :math:`q(y)` the batch's mean:
    for a prior of equal classes and :math:`b = 1` the negative mutual information of row and class,
    up to a constant (Krause et al., *Regularized Information Maximization*, NIPS 2010). It separates the
    classes from the first step on, where a discriminator lets many of them die out.

    Args:
        weight: Factor on the sum.
        balance: Factor :math:`b`; 4 keeps clusters of equal size (IMSAT, Hu et al., arXiv 1702.08720).
        reverse: Take :math:`KL(p(y) \,\|\, q(y))`, which grows without bound as a class dies out. The other divergence
            hardly misses a rare class: 0.05 nats for one row in twenty.
    """

    needs_category = True
    in_nats = True

    def __init__(self, weight: float = 1.0, balance: float = 4.0, reverse: bool = False) -> None:
        super().__init__()
        self.weight, self.balance, self.reverse = weight, balance, reverse

    def penalty(self, posterior: SoftCategory, codes: Tensor, prior: OneHotCategorical) -> Tensor:
        conditional = posterior.categorical()
        marginal = torch.distributions.Categorical(probs=shards.mean(conditional.probs.mean(0)), validate_args=False)
        target = torch.distributions.Categorical(probs=prior.probs.mean(0), validate_args=False)
        pair = (target, marginal) if self.reverse else (marginal, target)
        return self.weight * (conditional.entropy().mean() + self.balance * kl_divergence(*pair))


@component
@renamed_arguments(given="conditional")
class Adversarial(nn.Module):
    r"""A discriminator distinguishes prior samples from codes; the encoder learns to fool it.

    With :math:`D` the discriminator's logit, the two losses are
    :math:`\mathrm{softplus}(-D(z_{prior})) + \mathrm{softplus}(D(z_{code}))` and, for the encoder,
    the non-saturating :math:`\mathrm{softplus}(-D(z_{code}))` (Makhzani et al., section 2).

    Args:
        discriminator: Module from codes ``(B, D)`` and labels ``(B,)`` or None to logits ``(B,)``. One that
            reads each row by itself (no batch norm) may have an attribute ``rowwise = True``: the joint
            schedule then needs one pass through it instead of three.
        weight: Factor on the encoder's loss. It does not change the discriminator's.
        conditional: Name of a categorical latent. The discriminator sees the class that the model infers beside the
            codes and beside the samples. The codes of every class must then follow the prior, so that they carry
            no information on the class (the effect of the label in the paper's section 4, without labels).
    """

    def __init__(self, discriminator: nn.Module, weight: float = 1.0, conditional: str | None = None) -> None:
        super().__init__()
        check_module(discriminator, "discriminator")
        self.discriminator = discriminator
        self.weight = weight
        self.conditional = conditional

    def discriminator_loss(self, codes: Tensor, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        real, fake = self._logits(codes, samples, labels)
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def generator_loss(self, codes: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.weight * F.softplus(-self.discriminator(codes, labels).float()).mean()

    @property
    def shares(self) -> bool:
        """Whether `both_losses` may be used: the discriminator reads each row by itself."""
        return bool(getattr(self.discriminator, "rowwise", False))

    def both_losses(self, codes: Tensor, samples: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""The losses of generator and discriminator from one pass through the discriminator.

        When backward runs on their sum, the discriminator receives the gradient of its own loss and
        the codes that of the generator's. Logit :math:`D_i` depends on row :math:`i` alone, so the two
        gradients of a code differ by the factor
        :math:`-w \, \sigma(-D_i) / \sigma(D_i)`, which a hook applies where they reach the codes.
        """
        entry = codes.view_as(codes)
        real, fake = self._logits(entry, samples, labels)
        logits = fake.detach()
        # Clamped because it is a divisor. Far below -30, such a row's gradient for the discriminator is negligible
        # beside the other rows' in float32.
        slope = torch.sigmoid(logits.clamp_min(-30))
        if entry.requires_grad:
            factor = -self.weight * torch.sigmoid(-logits) / slope
            entry.register_hook(lambda gradient: (gradient * factor[:, None]).to(gradient.dtype))
        fake_loss = _with_gradient_of(F.softplus(logits).mean(), (slope * fake).mean())
        return self.weight * F.softplus(-logits).mean(), F.softplus(-real).mean() + fake_loss

    def _logits(self, codes: Tensor, samples: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Logits of prior samples and of codes; in one pass if that gives the same."""
        if not self.shares:
            return self.discriminator(samples, labels).float(), self.discriminator(codes, labels).float()
        both_labels = None if labels is None else labels.repeat(2)
        real, fake = self.discriminator(torch.cat([samples, codes]), both_labels).float().chunk(2)
        return real, fake


def _with_gradient_of(value: Tensor, other: Tensor) -> Tensor:
    """``value``, with the gradient of ``other``."""
    return value + other - other.detach()
