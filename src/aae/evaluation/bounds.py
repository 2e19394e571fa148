r"""Bounds on the log-likelihood of rows under a model whose latents have densities, such as a VAE."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import one_hot

from aae.evaluation import inference
from aae.model.autoencoder import Autoencoder
from aae.model.posteriors import SoftCategory

__all__ = ["elbo", "importance_bound"]

Posteriors = dict[str, Distribution]


def elbo(model: Autoencoder, rows: np.ndarray, labels: np.ndarray, seed: int = 0) -> float | None:
    r"""Evidence lower bound in nats per row, one sample of the code for each.

    :math:`E_q[\log p(x \mid z)] - KL(q(z \mid x) \,\|\, p(z))` (Kingma and Welling, arXiv
    1312.6114, equation 3). None if a latent with a posterior has no KL rule.
    """
    return _mean(_elbo_of_rows, model, rows, labels, seed)


def importance_bound(
    model: Autoencoder, rows: np.ndarray, labels: np.ndarray, draws: int = 50, seed: int = 0
) -> float | None:
    r"""Importance-weighted bound in nats per row: between the evidence lower bound and the log-likelihood.

    :math:`E \log \frac{1}{K} \sum_k p(x \mid z_k) p(z_k) / q(z_k \mid x)` with :math:`K` draws from the posterior
    (Burda et al., *Importance Weighted Autoencoders*, arXiv 1509.00519, equation 8); it grows with :math:`K`.
    None if a latent with a posterior has no KL rule.

    Args:
        model: The model.
        rows: ``(N, ...)`` rows.
        labels: ``(N,)`` class numbers; -1 where unknown.
        draws: Codes drawn for each row.
        seed: Seed of the draws.
    """

    def bound(model: Autoencoder, x: Tensor, y: Tensor | None, posteriors: Posteriors) -> Tensor:
        weights = torch.stack([_log_weight(model, x, y, posteriors) for _ in range(draws)])
        return weights.logsumexp(0) - math.log(draws)

    return _mean(bound, model, rows, labels, seed)


@torch.inference_mode()
def _mean(
    bound: Callable[[Autoencoder, Tensor, Tensor | None, Posteriors], Tensor],
    model: Autoencoder,
    rows: np.ndarray,
    labels: np.ndarray,
    seed: int,
) -> float | None:
    """The mean over rows of a bound on each; None where a posterior or prior has no density."""
    if not all(latent.rules("divergence") for latent in model.latents if latent.posterior is not None):
        return None
    model.eval()
    total = 0.0
    with inference.seeded(model, seed):
        for x, y in inference.chunks(model, rows, labels):
            total += float(bound(model, x, y, model.posteriors(x)).sum())
    return total / len(rows)


def _elbo_of_rows(model: Autoencoder, x: Tensor, labels: Tensor | None, posteriors: Posteriors) -> Tensor:
    """The evidence lower bound of each row, from one draw of its code."""
    codes = {name: _draw(posterior) for name, posterior in posteriors.items()}
    bound = -_loss(model, x, labels, codes)
    for name, posterior in posteriors.items():
        latent = model.latent(name)
        (rule, *_) = latent.rules("divergence")
        bound = bound - rule.divergence(posterior, codes[name], latent.checked_prior(len(x)))
    return bound


def _log_weight(model: Autoencoder, x: Tensor, labels: Tensor | None, posteriors: Posteriors) -> Tensor:
    r"""Log importance weight of each row with one draw of its code: :math:`\log p(x, z) - \log q(z \mid x)`."""
    codes = {name: _draw(posterior) for name, posterior in posteriors.items()}
    weight = -_loss(model, x, labels, codes).double()
    for name, posterior in posteriors.items():
        code = codes[name]
        if isinstance(posterior, SoftCategory):
            drawn = posterior.categorical().log_prob(code.argmax(-1))
        else:
            drawn = posterior.log_prob(code)
        weight += model.latent(name).checked_prior(len(x)).log_prob(code).double() - drawn.double()
    return weight


def _loss(model: Autoencoder, x: Tensor, labels: Tensor | None, codes: dict[str, Tensor]) -> Tensor:
    return model.likelihood.loss(model.decoder(model.merge(model.complete(codes, labels))), x)


def _draw(posterior: Distribution) -> Tensor:
    """A code of each row; for a category one class as a one-hot, not the class probabilities used elsewhere."""
    if isinstance(posterior, SoftCategory):
        return one_hot(posterior.categorical().sample(), posterior.logits.shape[-1]).float()
    return posterior.rsample()
