"""Values in words, for the sentences on what a part was given or returned."""

import torch
from torch import Tensor

from aae.system.errors import kind_of

__all__ = ["an", "words"]


def an(name: str) -> str:
    """A name with its article: ``an Independent``."""
    vowel = name.lower().startswith(("a", "e", "i", "o")) and not name.lower().startswith("one")
    return f"an {name}" if vowel else f"a {name}"


def words(value: object) -> str:
    """What a value is, in words."""
    if isinstance(value, Tensor):
        kind = "" if value.dtype == torch.float32 else f"{str(value.dtype).removeprefix('torch.')} "
        holding = "" if bool(value.isfinite().all()) else " that holds NaN or infinity"
        return f"{an(f'{kind}tensor')} of shape {tuple(value.shape)}{holding}"
    return f"n = {value}" if isinstance(value, int) and not isinstance(value, bool) else an(kind_of(value))
