"""Trunks, decoders and discriminators, fully connected and convolutional.

Shapes: an input is ``(B, *shape)`` with ``shape`` one of ``(D,)``, ``(H, W)`` or ``(H, W, C)``.
A trunk maps it to features ``(B, features)``, a decoder maps a code ``(B, dim)`` back to
``(B, *shape)`` (logits or means, as the likelihood reads them), a discriminator maps a code to
one logit, ``(B,)``. Your own network can be any module with the same call and attributes.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aae.distributed import shards
from aae.model.component import component
from aae.model.corruption import GaussianNoise
from aae.system.errors import AAEError

__all__ = ["ConvDecoder", "ConvTrunk", "Discriminator", "MLPDecoder", "MLPTrunk", "fits_convolution"]


class CodeLinear(nn.Linear):
    """A linear layer that gives or reads a code, in float32 whatever the precision of the rest.

    Around 3, bf16 has steps of 1/64: codes and the discriminator's view of them would be too
    coarse for a prior with a standard deviation of 0.05.
    """

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


class Dropout(nn.Module):
    """Dropout whose masks on a CPU come from raw random bits, four for each draw of the generator.

    torch draws a 53-bit number for every element, which takes longer than the matrix products around it.
    The rate is rounded to a multiple of 1/65536.

    Args:
        p: Share of the elements set to zero while training; the others are scaled up to keep the mean.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or (x.device.type != "cpu" and shards.world_size() == 1):
            return F.dropout(x, self.p, self.training)
        dropped = round(self.p * 65536)
        shape = (len(x), -(-x[0].numel() // 4))
        draws = shards.draw(shape, lambda empty: empty.random_(-(2**63), None), device=x.device, dtype=torch.int64)
        bits = draws.view(torch.int16)[:, : x[0].numel()].view(x.shape)
        return x * (bits >= dropped - 32768).to(x.dtype).mul_(65536 / (65536 - dropped))

    def extra_repr(self) -> str:
        return f"p={self.p}"


def _without_bias(layer: nn.Module) -> nn.Module:
    """Remove the bias of a linear layer before a norm, which has its own; batch norm would cancel it.

    The gradient of that bias would be rounding errors only, which Adam scales up to full steps.
    """
    layer.register_parameter("bias", None)
    return layer


def _norm(width: int, batch_norm: bool, layer_norm: bool, maps: bool = False) -> list[nn.Module]:
    """The norm after a linear layer of ``width`` units, or after a convolution to as many maps; none if both are off.

    Batch norm centres a unit between the rows of a batch: if most of them are of one class, it divides that class in
    two. Layer norm (Ba et al., arXiv 1607.06450) normalises every row by itself.
    """
    if batch_norm and layer_norm:
        raise AAEError("batch_norm and layer_norm are both on, and a layer takes one of them; set the other to false.")
    if batch_norm:
        return [nn.BatchNorm2d(width) if maps else nn.BatchNorm1d(width)]
    if layer_norm:
        return [nn.GroupNorm(1, width) if maps else nn.LayerNorm(width)]
    return []


def _layers(
    sizes: Sequence[int],
    dropout: float,
    batch_norm: bool,
    noise: float = 0.0,
    first: type[nn.Linear] = nn.Linear,
    layer_norm: bool = False,
) -> list[nn.Module]:
    """Hidden layers: linear, norm, noise, ReLU, dropout; those that are off are left out."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers.append(nn.Linear(before, after) if layers else first(before, after))
        norm = _norm(after, batch_norm, layer_norm)
        if norm:
            layers[-1] = _without_bias(layers[-1])
            layers += norm
        if noise:
            layers.append(GaussianNoise(noise))
        layers.append(nn.ReLU())
        if dropout:
            layers.append(Dropout(dropout))
    return layers


@component
class MLPTrunk(nn.Module):
    """Fully connected trunk, ``(B, *shape)`` to ``(B, hidden[-1])``.

    Args:
        shape: Shape of one input.
        hidden: Widths of the hidden layers; the paper and the tutorial use two of 1,000.
        dropout: Share of hidden units dropped while training.
        batch_norm: Normalise each hidden layer over the batch.
        noise: Standard deviation of Gaussian noise added to each hidden layer before its ReLU.
        layer_norm: Normalise each hidden layer over its units, row by row, instead.
        unit_length: Scale every input to one length, the root of its size: of vectors that encoders make, the direction
            counts.

    Raises:
        AAEError: Both norms are asked for.
    """

    def __init__(
        self,
        shape: Sequence[int],
        hidden: Sequence[int] = (1000, 1000),
        dropout: float = 0.0,
        batch_norm: bool = False,
        noise: float = 0.0,
        layer_norm: bool = False,
        unit_length: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.hidden, self.unit_length = tuple(shape), tuple(hidden), unit_length
        self.dropout, self.batch_norm, self.noise, self.layer_norm = dropout, batch_norm, noise, layer_norm
        sizes = (math.prod(shape), *hidden)
        self.features = sizes[-1]
        self.layers = nn.Sequential(*_layers(sizes, dropout, batch_norm, noise, layer_norm=layer_norm))

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        if self.unit_length:
            x = math.sqrt(x.shape[1]) * nn.functional.normalize(x)
        return self.layers(x)


@component
class MLPDecoder(nn.Module):
    """Fully connected decoder, ``(B, dim)`` to ``(B, *shape)``; the last layer is linear.

    Args:
        dim: Length of the code.
        shape: Shape of one output.
        hidden: Widths of the hidden layers.
        dropout: Share of hidden units dropped while training.
        batch_norm: Normalise each hidden layer over the batch.
    """

    def __init__(
        self,
        dim: int,
        shape: Sequence[int],
        hidden: Sequence[int] = (1000, 1000),
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.shape, self.hidden = dim, tuple(shape), tuple(hidden)
        self.dropout, self.batch_norm = dropout, batch_norm
        sizes = (dim, *hidden)
        self.layers = nn.Sequential(*_layers(sizes, dropout, batch_norm), nn.Linear(sizes[-1], math.prod(shape)))

    def forward(self, code: Tensor) -> Tensor:
        return self.layers(code).unflatten(1, self.shape)


@component
class Discriminator(nn.Module):
    """Distinguishes prior samples from codes: ``(B, dim)`` to one logit each, ``(B,)``.

    Args:
        dim: Length of the code.
        hidden: Widths of the hidden layers.
        dropout: Share of hidden units dropped while training.
        classes: If above zero, a label ``(B,)`` enters as a one-hot of ``classes + 1``; the last
            entry stands for "unlabelled" (label -1), as in the paper's section 2.3.
    """

    rowwise = True

    def __init__(self, dim: int, hidden: Sequence[int] = (1000, 1000), dropout: float = 0.0, classes: int = 0) -> None:
        super().__init__()
        self.dim, self.hidden, self.dropout, self.classes = dim, tuple(hidden), dropout, classes
        sizes = (dim + (classes + 1 if classes else 0), *hidden)
        self.layers = nn.Sequential(*_layers(sizes, dropout, False, first=CodeLinear), nn.Linear(sizes[-1], 1))

    def forward(self, codes: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.classes:
            if labels is None:
                labels = torch.full((len(codes),), -1, device=codes.device)
            index = torch.where(labels < 0, self.classes, labels).long()
            codes = torch.cat([codes, F.one_hot(index, self.classes + 1).to(codes.dtype)], 1)
        return self.layers(codes).squeeze(1)


def fits_convolution(shape: Sequence[int]) -> bool:
    """Whether a convolutional network can read or write rows of this shape: images with sides from 8 to 128."""
    return len(shape) in (2, 3) and all(8 <= side <= 128 for side in shape[:2])


def _image_size(shape: Sequence[int]) -> tuple[int, int, int]:
    if not fits_convolution(shape):
        raise AAEError(
            f"A convolutional network needs images (H, W) or (H, W, C) with sides from 8 to 128, not {tuple(shape)}; "
            "use the fully connected one."
        )
    return shape[0], shape[1], shape[2] if len(shape) == 3 else 1


def _halved_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Image sizes from the full one down to about 4 on the shorter side."""
    sizes = [(height, width)]
    while min(sizes[-1]) >= 7:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


@component
class ConvTrunk(nn.Module):
    """Convolutional trunk, ``(B, H, W[, C])`` to ``(B, features)``.

    Each stage is two 3x3 convolutions, the second with stride 2, until the image is about 4x4;
    the channels double from stage to stage.

    Args:
        shape: ``(H, W)`` or ``(H, W, C)``, sides from 8 to 128.
        channels: Channels of the first stage.
        features: Width of the output.
        dropout: Share of the features dropped while training.
        batch_norm: Normalise each layer over the batch.
        layer_norm: Normalise each layer over all its maps, image by image, instead.

    Raises:
        AAEError: Images of another size, or both norms are asked for.
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: int = 32,
        features: int = 256,
        dropout: float = 0.0,
        batch_norm: bool = True,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.channels, self.features, self.dropout = tuple(shape), channels, features, dropout
        self.batch_norm, self.layer_norm = batch_norm, layer_norm
        plain = not (batch_norm or layer_norm)
        height, width, before = _image_size(shape)
        sizes = _halved_sizes(height, width)
        layers: list[nn.Module] = []
        for stage in range(len(sizes) - 1):
            after = channels * 2 ** min(stage, 3)
            for stride in (1, 2):
                convolution = nn.Conv2d(before, after, 3, stride, 1, bias=plain)
                if plain:  # torch's own weights shrink the signal in every layer, which a norm would undo
                    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
                layers += [convolution, *_norm(after, batch_norm, layer_norm, maps=True), nn.ReLU()]
                before = after
        linear = nn.Linear(before * math.prod(sizes[-1]), features)
        layers += [nn.Flatten(), linear if plain else _without_bias(linear)]
        layers += [*_norm(features, batch_norm, layer_norm), nn.ReLU()]
        self.layers = nn.Sequential(*layers, *([Dropout(dropout)] if dropout else []))
        # A third faster for convolutions of few channels.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types leave this use out

    def forward(self, x: Tensor) -> Tensor:
        image = x.unsqueeze(1) if x.dim() == 3 else x.permute(0, 3, 1, 2)
        return self.layers(image.contiguous(memory_format=torch.channels_last))


@component
class ConvDecoder(nn.Module):
    """Convolutional decoder, ``(B, dim)`` to ``(B, H, W[, C])``: nearest-neighbour upsampling and 3x3 convolutions.

    Args:
        dim: Length of the code.
        shape: ``(H, W)`` or ``(H, W, C)``, sides from 8 to 128.
        channels: Channels of the last stage before the output.
    """

    def __init__(self, dim: int, shape: Sequence[int], channels: int = 32) -> None:
        super().__init__()
        self.dim, self.shape, self.channels = dim, tuple(shape), channels
        height, width, colours = _image_size(shape)
        sizes = _halved_sizes(height, width)[::-1]
        widths = [channels * 2 ** min(stage, 3) for stage in range(len(sizes) - 1)][::-1]
        before = widths[0]
        layers: list[nn.Module] = [
            nn.Linear(dim, before * math.prod(sizes[0])),
            nn.ReLU(),
            nn.Unflatten(1, (before, *sizes[0])),
        ]
        for size, after in zip(sizes[1:], widths, strict=True):
            layers += [
                nn.Upsample(size=size),
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
            before = after
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, colours, 3, padding=1))

    def forward(self, code: Tensor) -> Tensor:
        image = self.layers(code)
        return image.squeeze(1) if len(self.shape) == 2 else image.permute(0, 2, 3, 1)
