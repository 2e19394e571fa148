"""How the pictures of a folder become rows of bytes: decided once, for all pictures, and kept with the model."""

from collections.abc import Sequence
from dataclasses import dataclass

from aae.model.component import component
from aae.system.errors import AAEError, UsageError

__all__ = ["FITS", "PictureFormat"]

FITS = ("crop", "pad", "stretch")
BACKGROUNDS = ("white", "black")


@component
@dataclass(frozen=True)
class PictureFormat:
    """What is done to every picture besides its size and colours, which the shape of the rows gives.

    What is None is decided by the pictures themselves when a folder is read.

    Args:
        fit: How a picture that is not square becomes so: its middle is cut out (``"crop"``), it gets a margin
            (``"pad"``), or its sides are scaled by different factors (``"stretch"``).
        background: What is behind transparent pixels, ``"white"`` or ``"black"``.
        integers: Lowest and highest value, shown as black and white, of whole numbers of more than 8 bits.
        floats: The same for fractional numbers.

    Raises:
        AAEError: A value is not one of these.
    """

    fit: str | None = None
    background: str | None = None
    integers: Sequence[float] | None = None
    floats: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.fit not in (None, *FITS):
            raise UsageError(f"Pictures can be made square by {', '.join(FITS)}, not by {self.fit!r}; change --fit.")
        if self.background not in (None, *BACKGROUNDS):
            raise AAEError(f"The background of pictures is {' or '.join(BACKGROUNDS)}, not {self.background!r}.")
        for name in ("integers", "floats"):
            limits = getattr(self, name)
            if limits is None:
                continue
            if len(limits) != 2 or not limits[0] < limits[1]:
                raise AAEError(f"{name} of pictures are a lowest and a highest value, not {limits!r:.60}.")
            object.__setattr__(self, name, tuple(limits))  # a list in a file
