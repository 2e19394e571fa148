"""Builds the terms for few labels from the options; each function of the table builds one term or none."""

from torch import nn

from aae.data.augmentation import Affine
from aae.data.dataset import Dataset
from aae.objectives.terms import Consistency, InterpolationConsistency, VirtualAdversarial
from aae.presets.options import Options
from aae.system.errors import AAEError
from aae.training.extras.tangent_augmentation import TangentAugmentation

__all__ = ["build_terms"]


def _virtual_adversarial(options: Options, data: Dataset) -> nn.Module | None:
    if not options.vat_radius:
        return None
    return VirtualAdversarial(options.vat_radius, options.vat_weight)


def _interpolation(options: Options, data: Dataset) -> nn.Module | None:
    return InterpolationConsistency(options.interpolation) if options.interpolation else None


def _tangents(options: Options, data: Dataset) -> nn.Module | None:
    if not options.transformation:
        return None
    change = TangentAugmentation(options.transformation_scale)
    return Consistency(change, options.transformation, metric="transformation_loss")


def _augmentation(options: Options, data: Dataset) -> nn.Module | None:
    if not options.consistency:
        return None
    if not data.is_image:
        raise AAEError(
            f"Augmentation needs images, and {data.name} has rows of shape {data.shape}; use the preset "
            "semi-supervised."
        )
    # Handwriting may be rotated and sheared; for other images the user has to say so.
    defaults = (26.0, 0.33) if data.bundled else (0.0, 0.0)
    given = (options.degrees, options.shear)
    degrees, shear = (value if value is not None else default for value, default in zip(given, defaults, strict=True))
    change = Affine(degrees, options.scale, options.shift, shear, options.flip)
    return Consistency(change, options.consistency, fade=options.consistency_fade)


# In the order in which they are summed.
TERMS = (_virtual_adversarial, _interpolation, _tangents, _augmentation)


def build_terms(options: Options, data: Dataset) -> tuple[nn.Module, ...]:
    """Build the terms that the options ask for.

    Raises:
        AAEError: Augmentation is asked for and the rows are not images.
    """
    return tuple(term for build in TERMS if (term := build(options, data)) is not None)
