"""A limit on the memory of tensors, so that an untrusted file cannot ask for all of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from aae.system.errors import AAEError

__all__ = ["Budget"]

MAX_ITEM_SIZE = 16  # bytes of a number
SMALL = 2**20  # bytes that are not worth a trial


class Budget(TorchDispatchMode):
    """Refuse a tensor that would exceed a number of bytes, before its memory is allocated.

    The sizes of tensors made from a shape alone are added up. Tensors computed from other tensors are freed again or
    replace them, so each is checked by itself: a constructor may compute in many rounds.

    Args:
        size: Bytes that all tensors made from a shape may take together; any other tensor may take what is left.

    Example:
        >>> with Budget(1000):
        ...     torch.zeros(2**40)
        Traceback (most recent call last):
        aae.system.errors.AAEError: This asks for 4398046511104 bytes of memory, which is more than its files can fill.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        size = _new_bytes(func, args, kwargs, leaves, tensors)
        if size > self._left:
            raise AAEError(f"This asks for {size} bytes of memory, which is more than its files can fill.")
        if not tensors:
            self._left -= size
        return func(*args, **kwargs)


def _new_bytes(
    func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], leaves: Sequence[Any], tensors: Sequence[torch.Tensor]
) -> int:
    """Bytes of an operation's result; 0 for views, for changes in place, and where the size is unknown."""
    if func.is_view or func._schema.is_mutable:
        return 0
    if tensors:
        # A trial on the meta device takes far longer than a small operation, so it is made only if the arguments could
        # give a large result.
        pointwise = torch.Tag.pointwise in func.tags
        bound = MAX_ITEM_SIZE * (_broadcast_numel(tensors) if pointwise else _numel_bound(leaves, tensors))
        if pointwise or bound <= SMALL:
            return bound if bound > SMALL else 0
    on_meta = {"device": torch.device("meta")} if any(a.name == "device" for a in func._schema.arguments) else {}
    try:
        args, kwargs = tree_map_only(torch.Tensor, lambda t: torch.empty_like(t, device="meta"), (args, dict(kwargs)))
        result = func(*args, **{**kwargs, **on_meta})
    except (NotImplementedError, RuntimeError):  # its result depends on values, which take memory already
        return 0
    return sum(leaf.numel() * leaf.element_size() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor))


def _broadcast_numel(tensors: Sequence[torch.Tensor]) -> int:
    """Number of elements of the tensors' broadcast shape."""
    count = max(tensor.ndim for tensor in tensors)
    shapes = [(1,) * (count - tensor.ndim) + tuple(tensor.shape) for tensor in tensors]
    return math.prod(map(max, zip(*shapes, strict=True)))


def _numel_bound(leaves: Sequence[Any], tensors: Sequence[torch.Tensor]) -> int:
    """An upper bound on the number of elements in a result of these arguments."""
    integers = (abs(leaf) for leaf in leaves if isinstance(leaf, int))
    return math.prod(max(1, number) for number in (*integers, *(tensor.numel() for tensor in tensors)))
