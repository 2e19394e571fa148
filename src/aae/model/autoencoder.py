"""The autoencoder: a trunk, a list of latents, a decoder."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from aae.model.component import component
from aae.model.frozen import FrozenEncoder
from aae.model.latent import Latent, check_latents
from aae.model.likelihoods import BernoulliLikelihood
from aae.model.merging import Concatenate
from aae.model.own_parts import check_attributes, check_methods, check_module, check_shape
from aae.model.parts import Corruption, Decoder, Likelihood, Merge, Trunk
from aae.model.pictures import PictureFormat
from aae.model.table import Table
from aae.model.table_noise import TableNoise
from aae.system.errors import AAEError

__all__ = ["Autoencoder"]

NO_CLASSES = "This model has no classes to sample from; drop the label."


@component
class Autoencoder(nn.Module):
    """Every autoencoder of the package: its latents decide which one it is.

    Args:
        latents: The parts of the code.
        trunk: Module from inputs ``(B, *shape)`` to features ``(B, features)``; None if all latents
            are observed. It has the attributes ``shape`` and ``features``.
        decoder: Module from codes ``(B, dim)`` to outputs ``(B, *shape)``.
        likelihood: How outputs are read; Bernoulli (inputs in [0, 1]) if not given.
        corruption: Applied to the encoder's input while training.
        merge: How latents become the decoder's code; concatenated if not given.
        classes: Names of the classes, in the order of their label numbers 0, 1, ...
        table: What the columns of the data are; None if the networks read the rows as they are.
        pictures: How images in files become rows; None if the model was not trained on a folder of them.
        noise: How cells of the table vary around the decoder's mean, learned at the end of the training; None: samples
            are the mean.
        calibration: Power of the class probabilities, learned at the end of the training: they are as sure as they are
            right on labels that were not learned.
        frozen_encoder: The pretrained encoder whose vectors of images or texts are the rows; it is not part of the
            model. None: the rows are the data themselves.

    Raises:
        AAEError: The parts do not fit together.

    Example:
        >>> import torch, aae
        >>> trunk = aae.MLPTrunk((8, 8), hidden=(32,))
        >>> z = aae.Latent("z", aae.Point(32, 2), aae.GaussianPrior(2, std=5), aae.Adversarial(aae.Discriminator(2)))
        >>> model = aae.Autoencoder([z], trunk, aae.MLPDecoder(2, (8, 8), hidden=(32,)))
        >>> model.encode(torch.rand(3, 8, 8))["z"].shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        latents: Sequence[Latent],
        trunk: nn.Module | None,
        decoder: nn.Module,
        likelihood: nn.Module | None = None,
        corruption: nn.Module | None = None,
        merge: nn.Module | None = None,
        classes: Sequence[str | int | float] | None = None,
        table: Table | None = None,
        pictures: PictureFormat | None = None,
        noise: TableNoise | None = None,
        calibration: float = 1.0,
        frozen_encoder: FrozenEncoder | None = None,
    ) -> None:
        super().__init__()
        _check_parts(trunk, decoder, {"likelihood": likelihood, "corruption": corruption, "merge": merge})
        check_latents(latents, getattr(trunk, "features", None))
        # Each is any module that has what its type asks.
        self.latents: Sequence[Latent] = nn.ModuleList(latents)  # type: ignore[assignment]
        self.trunk: Trunk | None = trunk  # type: ignore[assignment]
        self.decoder: Decoder = decoder  # type: ignore[assignment]
        self.likelihood: Likelihood = likelihood if likelihood is not None else BernoulliLikelihood()  # type: ignore[assignment]
        self.corruption: Corruption | None = corruption
        joined = merge if merge is not None else Concatenate({latent.name: latent.dim for latent in latents})
        self.merge: Merge = joined  # type: ignore[assignment]
        self.classes = list(classes) if classes is not None else None
        self.table = table
        self.pictures = pictures
        self.noise = noise
        self.calibration = calibration
        self.frozen_encoder = frozen_encoder
        if table is not None and self.input_shape != (table.width,):
            raise AAEError(f"The networks read rows of shape {self.input_shape}, but the table gives {table.width}.")
        expected = getattr(decoder, "dim", self.merge.dim)
        if expected != self.merge.dim:
            raise AAEError(f"The decoder takes {expected} numbers, but the latents give {self.merge.dim}.")
        known = self.label_latent.classes if self.label_latent is not None else None
        if classes is not None and known is not None and len(classes) != known:
            raise AAEError(f"{len(classes)} classes are named, but the latents are built for {known}.")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row as the networks read it, which is that of ``x`` in all methods here."""
        return tuple((self.trunk if self.trunk is not None else self.decoder).shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row of the data; the number of columns where there is a table, otherwise `input_shape`."""
        return self.table.shape if self.table is not None else self.input_shape

    def latent(self, name: str) -> Latent:
        """The latent called ``name``."""
        return next(latent for latent in self.latents if latent.name == name)

    @property
    def category(self) -> Latent | None:
        """The latent that is the label (observed or supervised), otherwise the only one that holds classes, if any."""
        categories = [latent for latent in self.latents if latent.is_category]
        labelled = [latent for latent in categories if latent.label in ("observed", "supervised")]
        return labelled[0] if labelled else categories[0] if len(categories) == 1 else None

    @property
    def label_latent(self) -> Latent | None:
        """The latent that labels act on, if any."""
        labelled = [latent for latent in self.latents if latent.classes is not None]
        return labelled[0] if labelled else None

    @property
    def style(self) -> Latent | None:
        """The first continuous latent, which holds what the class does not; None if there is none."""
        continuous = [latent for latent in self.latents if not latent.is_category]
        return continuous[0] if continuous else None

    @property
    def merged_is_map(self) -> bool:
        """Whether the merged code itself is the two-dimensional map (an embedding)."""
        return int(self.merge.dim) == 2 and len(self.latents) > 1

    def features(self, x: Tensor) -> Tensor:
        """The trunk's features ``(B, H)`` of inputs ``(B, *shape)``, corrupted first while training."""
        if self.trunk is None:
            return x
        return self.trunk(self.corruption(x) if self.corruption is not None and self.training else x)

    def heads(self, features: Tensor) -> dict[str, Distribution]:
        """Distribution over codes for each latent that has a posterior."""
        return {latent.name: latent.posterior(features) for latent in self.latents if latent.posterior is not None}

    def posteriors(self, x: Tensor) -> dict[str, Distribution]:
        """Distribution over codes for each latent that has a posterior; ``x`` is ``(B, *shape)``."""
        return self.heads(self.features(x))

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """Code of each latent that has a posterior: the posterior's mean, ``(B, D)``."""
        return {name: posterior.mean for name, posterior in self.posteriors(x).items()}

    def decode(self, codes: Mapping[str, Tensor]) -> Tensor:
        """Mean reconstruction ``(B, *shape)`` from ``{name: (B, D)}`` for every latent."""
        return self.likelihood.mean(self.decoder(self.merge(codes)))

    def complete(self, codes: Mapping[str, Tensor], labels: Tensor | None) -> dict[str, Tensor]:
        """Add the one-hot code of an observed latent.

        Args:
            codes: Codes from the encoder.
            labels: ``(B,)`` class numbers; a row labelled -1 gets a draw from the prior.

        Raises:
            AAEError: A latent is observed and there are no labels.
        """
        full = dict(codes)
        for latent in self.latents:
            if latent.name not in full:
                if labels is None:
                    raise AAEError(f"This model needs labels as input (latent {latent.name!r}); give labels as well.")
                full[latent.name] = latent.checked_prior(len(labels), labels).sample()
        return full

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Reconstruct: the decoder's mean at the code's mean, ``(B, *shape)``."""
        return self.decode(self.complete(self.encode(x), labels))

    def sample_codes(self, n: int, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Draw ``n`` codes of every latent from its prior; ``labels`` ``(n,)`` fix the class.

        Raises:
            AAEError: A latent has no prior, or labels are given to a model without classes.
        """
        if labels is not None and self.category is None and self.label_latent is None:
            raise AAEError(NO_CLASSES)
        codes = {}
        for latent in self.latents:
            if latent.prior is None:
                raise AAEError(f"Latent {latent.name!r} has no prior, so this model cannot sample.")
            known = labels if latent is self.category or latent.label != "none" else None
            if known is not None and known.max() >= latent.components:
                raise AAEError(
                    f"There is no class {int(known.max())}; classes run from 0 to {latent.components - 1}."
                )
            codes[latent.name] = latent.prior(n, known).sample().float()  # one of your own may draw in double
        return codes

    @torch.no_grad()
    def sample(self, n: int, labels: Tensor | None = None) -> Tensor:
        """Decode ``n`` codes drawn from the priors: ``(n, *shape)``."""
        return self.decode(self.sample_codes(n, labels))

    def classify(self, x: Tensor) -> Tensor:
        """Class (or cluster) probabilities ``(B, K)``.

        Raises:
            AAEError: The encoder has no categorical latent.
        """
        category = self.category
        if category is None or category.posterior is None:
            raise AAEError(
                "This model has no class or cluster output; train semi-supervised, few-labels or clustering."
            )
        found = category.posterior(self.trunk(x)).mean  # type: ignore[misc]  # what is encoded has a trunk
        if self.calibration == 1:
            return found
        return (self.calibration * found.clamp(min=torch.finfo(found.dtype).tiny).log()).softmax(-1)


def _check_parts(trunk: nn.Module | None, decoder: nn.Module, others: Mapping[str, nn.Module | None]) -> None:
    """Check that the parts are modules, and have the attributes that are read from them.

    Raises:
        AAEError: One is not, or lacks one.
    """
    for role, part in {"trunk": trunk, **others}.items():
        if part is not None:
            check_module(part, role)
    check_module(decoder, "decoder")
    if others["likelihood"] is not None:
        check_methods(others["likelihood"], "likelihood", mean="output", loss="output, x")
    if trunk is not None:
        check_attributes(trunk, "trunk", "features")
    check_shape(*((decoder, "decoder") if trunk is None else (trunk, "trunk")))
    if others["merge"] is not None:
        check_attributes(others["merge"], "merge", "dim")
