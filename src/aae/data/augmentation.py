"""Random changes of images that keep their meaning; active during training only."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aae.distributed import shards
from aae.model.component import component

__all__ = ["Affine"]


@component
class Affine(nn.Module):
    """A random affine map of each image, with bilinear interpolation.

    Outside the image is its background: the median along its edge, for each channel. Zeros would put dark bars on a
    white scan.

    Args:
        degrees: Rotation, uniform in plus or minus this many degrees.
        scale: Scaling, uniform in 1 plus or minus this share, for each axis separately.
        shift: Translation, uniform in plus or minus this share of the side, for each axis.
        shear: Shear, uniform in plus or minus this factor.
        flip: Mirror half of the images, left to right.
    """

    def __init__(
        self, degrees: float = 20, scale: float = 0.15, shift: float = 0.1, shear: float = 0.25, flip: bool = False
    ) -> None:
        super().__init__()
        self.degrees, self.scale, self.shift, self.shear, self.flip = degrees, scale, shift, shear, flip

    def forward(self, x: Tensor) -> Tensor:
        """Transform images ``(B, H, W)`` or ``(B, H, W, C)``."""
        if not self.training:
            return x
        image = x.unsqueeze(1) if x.dim() == 3 else x.permute(0, 3, 1, 2)
        with torch.autocast(x.device.type, enabled=False):
            grid = F.affine_grid(self._matrices(x), list(image.shape), align_corners=False)
            background = _background(image)
            image = F.grid_sample(image - background, grid, align_corners=False) + background
        return image.squeeze(1) if x.dim() == 3 else image.permute(0, 2, 3, 1)

    def _matrices(self, x: Tensor) -> Tensor:
        draw = shards.draw((6, len(x)), lambda empty: empty.uniform_(-1, 1), dim=1, device=x.device)
        angle = draw[0] * math.radians(self.degrees)
        width, height = 1 / (1 + self.scale * draw[1]), 1 / (1 + self.scale * draw[2])
        shear = self.shear * draw[3]
        shift_x, shift_y = 2 * self.shift * draw[4], 2 * self.shift * draw[5]
        cos, sin = angle.cos(), angle.sin()
        # From output coordinates to input coordinates: rotation times shear times scale. Coordinates run from -1 to 1
        # along each side, so the terms that mix the axes are scaled by the ratio of the sides.
        ratio = x.shape[1] / x.shape[2]
        first = torch.stack([cos * width, (cos * shear - sin) * height * ratio, shift_x], -1)
        second = torch.stack([sin * width / ratio, (sin * shear + cos) * height, shift_y], -1)
        matrices = torch.stack([first, second], 1)
        if self.flip:  # drawn by itself: without flips the other draws stay what they were
            mirrored = shards.draw((len(x),), lambda empty: empty.uniform_(-1, 1), device=x.device).sign()
            matrices = torch.cat([matrices[..., :1] * mirrored[:, None, None], matrices[..., 1:]], -1)
        return matrices


def _background(image: Tensor) -> Tensor:
    """Median ``(B, C, 1, 1)`` of the values along the edge of images ``(B, C, H, W)``."""
    edge = torch.cat([image[..., 0], image[..., -1], image[..., 0, :], image[..., -1, :]], -1)
    # `median` is an error on a GPU if torch may only use deterministic algorithms.
    return edge.sort(-1).values[..., edge.shape[-1] // 2, None, None]
