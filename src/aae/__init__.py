"""Adversarial autoencoders: latents, priors and matching rules in one composable core.

The public names are listed in ``__init__.pyi``. Each is imported when it is first used, so that
the command line can answer without loading torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
