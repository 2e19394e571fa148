"""A limit on the memory that tensors may take, so that a file from a stranger cannot ask for all of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from aae.errors import AAEError

__all__ = ["Budget"]


class Budget(TorchDispatchMode):
    """Refuse a tensor that would go beyond a number of bytes, before its memory is taken.

    Every operation is tried on the meta device first, whose tensors have a shape and no values.

    Args:
        size: Bytes that all new tensors together may take.

    Example:
        >>> with Budget(1000):
        ...     torch.zeros(2**40)
        AAEError("This asks for 4398046511104 bytes of memory, ...")
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        size = _new_bytes(func, args, kwargs or {})
        if size > self._left:
            raise AAEError(f"This asks for {size} bytes of memory, which is more than its files can fill.")
        self._left -= size
        return func(*args, **(kwargs or {}))


def _new_bytes(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """Bytes of what an operation would give; 0 of a view, of what is changed in place, and where it cannot be told."""
    if func.is_view or func._schema.is_mutable:
        return 0
    places = {"device": torch.device("meta")} if any(a.name == "device" for a in func._schema.arguments) else {}
    try:
        args, kwargs = tree_map_only(torch.Tensor, lambda t: torch.empty_like(t, device="meta"), (args, dict(kwargs)))
        found = func(*args, **{**kwargs, **places})
    except (NotImplementedError, RuntimeError):  # its result depends on values, which take memory already
        return 0
    return sum(leaf.numel() * leaf.element_size() for leaf in tree_leaves(found) if isinstance(leaf, torch.Tensor))
