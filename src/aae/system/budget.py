"""A limit on the memory that tensors may take, so that a file from a stranger cannot ask for all of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from aae.system.errors import AAEError

__all__ = ["Budget"]

WIDEST = 16  # bytes of a number
SMALL = 2**20  # bytes that are not worth a trial


class Budget(TorchDispatchMode):
    """Refuse a tensor that would go beyond a number of bytes, before its memory is taken.

    Tensors that are made of nothing but a shape are added up. What is computed from tensors passes, or stays as
    large as what it came from, so that it is only looked at by itself: a constructor may compute in many rounds.

    Args:
        size: Bytes that all tensors made of a shape may take together, and any other by itself what is left of them.

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
        given = tree_leaves((args, kwargs))
        tensors = [leaf for leaf in given if isinstance(leaf, torch.Tensor)]
        size = _new_bytes(func, args, kwargs, given, tensors)
        if size > self._left:
            raise AAEError(f"This asks for {size} bytes of memory, which is more than its files can fill.")
        if not tensors:
            self._left -= size
        return func(*args, **kwargs)


def _new_bytes(
    func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], given: Sequence[Any], tensors: Sequence[torch.Tensor]
) -> int:
    """Bytes of what an operation would give; 0 of a view, of what is changed in place, and where it cannot be told."""
    if func.is_view or func._schema.is_mutable:
        return 0
    if tensors:
        # To try on the meta device takes far longer than a small operation, so it is only done where some way of
        # combining what is given comes to much.
        pointwise = torch.Tag.pointwise in func.tags
        most = WIDEST * (_broadcast(tensors) if pointwise else _combined(given, tensors))
        if pointwise or most <= SMALL:
            return most if most > SMALL else 0
    places = {"device": torch.device("meta")} if any(a.name == "device" for a in func._schema.arguments) else {}
    try:
        args, kwargs = tree_map_only(torch.Tensor, lambda t: torch.empty_like(t, device="meta"), (args, dict(kwargs)))
        found = func(*args, **{**kwargs, **places})
    except (NotImplementedError, RuntimeError):  # its result depends on values, which take memory already
        return 0
    return sum(leaf.numel() * leaf.element_size() for leaf in tree_leaves(found) if isinstance(leaf, torch.Tensor))


def _broadcast(tensors: Sequence[torch.Tensor]) -> int:
    """Numbers in a result that has the largest of the tensors' sides."""
    count = max(tensor.ndim for tensor in tensors)
    shapes = [(1,) * (count - tensor.ndim) + tuple(tensor.shape) for tensor in tensors]
    return math.prod(map(max, zip(*shapes, strict=True)))


def _combined(given: Sequence[Any], tensors: Sequence[torch.Tensor]) -> int:
    """More numbers than there can be in a result of these arguments."""
    whole = (abs(leaf) for leaf in given if isinstance(leaf, int))
    return math.prod(max(1, number) for number in (*whole, *(tensor.numel() for tensor in tensors)))
