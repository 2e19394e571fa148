"""Adversarial autoencoders: latents, priors and matching rules in one composable core.

The public names are listed in ``__init__.pyi``. Each is imported when it is first used, so that
the command line can answer without loading torch.
"""

from typing import Any

import lazy_loader

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# Old names, which still work in 0.2.
_RENAMED = {
    "Beginnings": "Restarts",
    "Dividing": "SplitClusters",
    "Interpolation": "InterpolationConsistency",
    "LearnedTransformation": "TangentAugmentation",
    "Neighbours": "NeighbourTargets",
    "Reading": "ReadOptions",
}


def __getattr__(name: str) -> Any:
    if name not in _RENAMED:
        return _find(name)
    import warnings

    current = _RENAMED[name]
    text = f"aae.{name} is now called aae.{current}; the old name still works in 0.2, and not in 0.3."
    warnings.warn(text, FutureWarning, stacklevel=2)
    return _find(current)
