"""Builds a model from options and data."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from aae.data.dataset import Dataset
from aae.model.autoencoder import Autoencoder
from aae.model.corruption import GaussianNoise, Masking, SaltAndPepper
from aae.model.ensembles import CategoryEnsemble, EnsembleTrunk
from aae.model.latent import Latent, check_latents
from aae.model.likelihoods import BernoulliLikelihood, GaussianLikelihood
from aae.model.matching import KL, MMD, Adversarial, MutualInformation
from aae.model.merging import Concatenate, LinearSum
from aae.model.networks import ConvDecoder, ConvTrunk, Discriminator, MLPDecoder, MLPTrunk, fits_convolution
from aae.model.posteriors import Category, Gaussian, Noisy, Point
from aae.model.priors import (
    BallPrior,
    CategoricalPrior,
    CubePrior,
    GaussianPrior,
    SwissRollPrior,
    grid_mixture,
    ring_mixture,
)
from aae.presets.bins import quantile_bins
from aae.presets.options import Options
from aae.system.errors import AAEError

__all__ = ["build_model"]

Maker = Callable[..., nn.Module]

POSTERIORS: dict[str, Maker] = {"point": Point, "gaussian": Gaussian, "noisy": Noisy}
CORRUPTIONS: dict[str, Maker] = {"gaussian": GaussianNoise, "masking": Masking, "salt-and-pepper": SaltAndPepper}
LIKELIHOODS: dict[str, Maker] = {"bernoulli": BernoulliLikelihood, "gaussian": GaussianLikelihood}
PIXEL_STD = 0.2  # of a Gaussian likelihood for pixels in [0, 1]


def _ring(dim: int, scale: float, parts: int) -> nn.Module:
    return ring_mixture(parts, 1.4 * scale, 0.5 * scale, 0.05 * scale)


def _grid(dim: int, scale: float, parts: int) -> nn.Module:
    columns = math.ceil(math.sqrt(parts))
    while parts % columns:
        columns += 1
    return grid_mixture(parts // columns, columns, 4 * scale, 0.5 * scale)


# Each takes the code length, the scale and the number of components that labels can select.
PRIORS: dict[str, Callable[[int, float, int], nn.Module]] = {
    "gaussian": lambda dim, scale, parts: GaussianPrior(dim, scale),
    "cube": lambda dim, scale, parts: CubePrior(dim, 2 * scale),
    "ball": lambda dim, scale, parts: BallPrior(dim, scale),
    "ring": _ring,
    "grid": _grid,
    "swiss-roll": lambda dim, scale, parts: SwissRollPrior(parts),
}
ONLY_2D = ("ring", "grid", "swiss-roll")


def _hidden(given: Sequence[int] | None, data: Dataset) -> tuple[int, ...]:
    if given is not None:
        return tuple(given)
    size = math.prod(data.input_shape)
    if len(data.input_shape) == 1:
        return (500, 500) if size >= 256 else (256, 256) if size >= 50 else (128, 128)
    return (1000, 1000) if size >= 256 else (400, 400)


def build_model(options: Options, data: Dataset, labels: int) -> Autoencoder:
    """Build the model that the options describe, for rows like those of ``data``.

    Args:
        options: The options.
        data: The data set; only its shape and classes are used.
        labels: Number of labels used in training.

    Raises:
        AAEError: The options contradict each other or do not fit the data.
    """
    trunk = _trunk(options, data)
    role = _role(options, labels)
    latents = []
    if options.z:
        latents.append(_continuous(options, data, trunk.features, labels, role))
    latents += _categorical(options, data, trunk.features, labels, role)
    check_latents(latents, trunk.features)
    dims = {latent.name: latent.dim for latent in latents}
    merges: dict[str, Callable[[], Any]] = {
        "concatenate": lambda: Concatenate(dims),
        "sum": lambda: LinearSum(dims, options.z, separation=options.separation * options.prior_std),
    }
    merge = merges[options.merge]()
    corruption = None
    kind = options.corruption
    if kind == "auto":
        kind = "gaussian" if any(latent.label == "conditioned" for latent in latents) else "none"
    if kind != "none":
        corruption = CORRUPTIONS[kind](options.corruption_level)
    return Autoencoder(
        latents,
        trunk,
        _decoder(options, data, merge.dim),
        likelihood=_likelihood(options.likelihood, data),
        corruption=corruption,
        merge=merge,
        classes=data.classes if any(latent.classes for latent in latents) else None,
        table=data.table,
        pictures=data.pictures,
        frozen_encoder=data.encoder,
    )


def _likelihood(name: str, data: Dataset) -> nn.Module:
    if name == "auto":
        # A grey value is a share of white, which a Bernoulli models; colour channels get a Gaussian.
        bounded = data.table.bounded if data.table is not None else data.is_image and len(data.shape) == 2
        name = "bernoulli" if bounded else "gaussian"
    maker = LIKELIHOODS[name]
    return maker(PIXEL_STD) if maker is GaussianLikelihood and data.is_image else maker()


def _trunk(options: Options, data: Dataset) -> MLPTrunk | ConvTrunk | EnsembleTrunk:
    shape, hidden = data.input_shape, _hidden(options.hidden, data)
    norms = {"batch_norm": options.batch_norm, "layer_norm": options.layer_norm}
    if options.network == "ensemble" and (options.layer_norm or options.temperature is not None):
        name = "layer_norm" if options.layer_norm else "temperature"
        raise AAEError(f"An ensemble has no {name}; drop the option {name}, or set network=mlp.")
    trunks: dict[str, Callable[[], MLPTrunk | ConvTrunk | EnsembleTrunk]] = {
        "mlp": lambda: MLPTrunk(shape, hidden, options.dropout, **norms, unit_length=options.unit_length),
        "conv": lambda: ConvTrunk(shape, options.channels, dropout=options.dropout, **norms),
        "ensemble": lambda: EnsembleTrunk(
            shape, hidden, options.members, options.dropout, quantile_bins(data, options.bins)
        ),
    }
    return trunks[options.network]()


def _decoder(options: Options, data: Dataset, dim: int) -> nn.Module:
    colour = data.is_image and len(data.shape) == 3 and fits_convolution(data.shape)
    if options.decoder == "conv" or (options.decoder == "auto" and colour):
        return ConvDecoder(dim, data.input_shape, options.channels)
    # Also beside a convolutional encoder: it is cheaper, and the classes are learned by the encoder.
    hidden = (500, 500) if options.network == "conv" else _hidden(options.hidden, data)
    return MLPDecoder(dim, data.input_shape, hidden, options.dropout)


def _discriminator(options: Options, data: Dataset, dim: int, classes: int = 0) -> Discriminator:
    return Discriminator(dim, _hidden(options.discriminator_hidden, data), options.discriminator_dropout, classes)


def _role(options: Options, labels: int) -> str:
    """The role of the categorical latent."""
    return ("supervised" if labels else "clusters") if options.y == "auto" else options.y


def _classes(options: Options, data: Dataset, role: str) -> int:
    return options.clusters if role == "clusters" else len(data.classes)


def _continuous(options: Options, data: Dataset, features: int, labels: int, role: str) -> Latent:
    if options.prior in ONLY_2D and options.z != 2:
        raise AAEError(f"The prior {options.prior} is two-dimensional; add --set z=2.")
    parts = len(data.classes) or 10
    prior = PRIORS[options.prior](options.z, options.prior_std, parts)
    by_label = options.conditional and role == "observed" and options.prior == "gaussian"
    if by_label:
        prior = GaussianPrior(options.z, options.prior_std, components=parts)
    conditioned = bool(labels) and (options.y == "none" or by_label)
    if conditioned and getattr(prior, "components", None) is None:
        raise AAEError(
            f"Labels would select a component of the prior, but the {options.prior} prior has none; use --labels 0, "
            "or --set prior=ring, grid or swiss-roll."
        )
    conditional = "y" if options.conditional and role in ("supervised", "clusters") and options.variables == 1 else None
    classes = parts if conditioned else _classes(options, data, role) if conditional else 0
    matchings: dict[str, Callable[[], list[nn.Module]]] = {
        "none": lambda: [],
        "adversarial": lambda: [
            Adversarial(_discriminator(options, data, options.z, classes), options.z_weight, conditional)
        ],
        "kl": lambda: [KL(options.kl_weight)],
        "mmd": lambda: [MMD(options.mmd_weight)],
        "kl+mmd": lambda: [KL(options.kl_weight), MMD(options.mmd_weight)],
    }
    rules = matchings[options.matching]()
    posterior = POSTERIORS[options.posterior](features, options.z)
    # Without matching, the decoder has never seen codes like those of the prior.
    return Latent("z", posterior, prior if rules else None, rules, "conditioned" if conditioned else "none")


def _categorical(options: Options, data: Dataset, features: int, labels: int, role: str) -> list[Latent]:
    if role == "none":
        if options.class_prior != "labels":
            raise AAEError("The option class_prior is of classes or clusters, and this preset has none; drop it.")
        return []
    count = _classes(options, data, role)
    if role != "clusters" and (not data.classes or not labels):
        raise AAEError(
            f"This preset learns from labels, and {data.name} has none to learn from. Labels are the names "
            "of a folder's sub-folders (or --labels-file), a table's --label-column, y in an .npz; and --labels N "
            "must not be 0."
        )
    prior = _class_prior(options, count, role)
    if role == "observed":
        return [Latent("y", prior=prior, label="observed")]

    def adversarial() -> nn.Module:
        return Adversarial(_discriminator(options, data, count), options.y_weight)

    def information() -> nn.Module:
        uneven = not isinstance(options.class_prior, str)
        return MutualInformation(options.information_weight, options.information_balance, uneven)

    matchings: dict[str, Callable[[], list[nn.Module]]] = {
        "adversarial": lambda: [adversarial()],
        "kl": lambda: [KL(options.kl_weight)],
        "information": lambda: [information()],
        "adversarial+information": lambda: [adversarial(), information()],
    }
    latents = []
    for number in range(options.variables):
        rules = matchings[options.y_matching]()
        name = "y" if options.variables == 1 else f"y{number}"
        posterior = (
            CategoryEnsemble(features, count, options.members)
            if options.network == "ensemble"
            else Category(features, count, options.temperature)
        )
        label = "supervised" if role == "supervised" else "none"
        latents.append(Latent(name, posterior, _class_prior(options, count, role), rules, label))
    return latents


def _class_prior(options: Options, count: int, role: str) -> CategoricalPrior:
    """The prior of ``count`` classes or clusters, with the frequencies of the options.

    ``"labels"`` is left only where no labels say anything (`aae.presets.classes.resolve_classes` replaces it).
    """
    given = options.class_prior
    if isinstance(given, str):
        return CategoricalPrior(count)
    if len(given) != count:
        kind = "clusters" if role == "clusters" else "classes"
        raise AAEError(f"The option class_prior holds {len(given)} numbers for {count} {kind}; give one for each.")
    total = math.fsum(given)
    return CategoricalPrior(count, [value / total for value in given])
