"""How the images of a folder become rows of bytes: decided once, for all images, and kept with the model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aae.model.component import component
from aae.system.errors import AAEError, UsageError

__all__ = ["EACH", "FITS", "PictureFormat"]

FITS = ("crop", "pad", "stretch")
EACH = "each"
BACKGROUNDS = ("white", "black", EACH)


@component
@dataclass(frozen=True)
class PictureFormat:
    """What is done to every image besides its size and colours, which the shape of the rows gives.

    What is None is decided by the images themselves when a folder is read; in a model, its training had no such
    images.

    Args:
        fit: How an image that is not square becomes so: its middle is cut out (``"crop"``), it gets a margin
            (``"pad"``), or its sides are scaled by different factors (``"stretch"``).
        background: What is behind transparent pixels, ``"white"`` or ``"black"``; or ``"each"``: black behind light
            drawings and white behind dark ones, for each image by itself.
        integers: Lowest and highest value, shown as black and white, of whole numbers of more than 8 bits; or
            ``"each"``: of each image by itself.
        floats: The same for fractional numbers.
        arrays: Lowest and highest value of the numbers, if the images were not files but an array.

    Raises:
        AAEError: A value is not one of these.
    """

    fit: str | None = None
    background: str | None = None
    integers: Sequence[float] | str | None = None
    floats: Sequence[float] | str | None = None
    arrays: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.fit not in (None, *FITS):
            raise UsageError(f"Images can be made square by {', '.join(FITS)}, not by {self.fit!r}; change --fit.")
        if self.background not in (None, *BACKGROUNDS):
            raise AAEError(f"The background of images is {' or '.join(BACKGROUNDS)}, not {self.background!r}.")
        for name in ("integers", "floats", "arrays"):
            limits = getattr(self, name)
            if limits is None or (limits == EACH and name != "arrays"):
                continue
            if isinstance(limits, str) or len(limits) != 2 or not limits[0] < limits[1]:
                raise AAEError(f"{name} of images are a lowest and a highest value, not {limits!r:.60}.")
            object.__setattr__(self, name, tuple(limits))  # a list in a file

    def for_others(self) -> "PictureFormat":
        """How other images are read for a model that was trained on images of this format.

        What the training had none of is decided by each image alone, so that no image depends on its neighbours.
        """
        return replace(self, fit=self.fit or "crop", background=self.background or EACH,
                       integers=self.integers or EACH, floats=self.floats or EACH)  # fmt: skip

    @property
    def is_known(self) -> bool:
        """Whether nothing is left to be decided by the images."""
        return None not in (self.fit, self.background, self.integers, self.floats)
