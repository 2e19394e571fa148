"""Leaves the parts of a model as they were before a trial call."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

__all__ = ["unchanged_parts"]

INTERNAL = frozenset(vars(nn.Module()))  # attributes of every module


@contextmanager
def unchanged_parts(model: nn.Module) -> Iterator[None]:
    """Within the block, parts may count and keep things; afterwards buffers and attributes are as before.

    These are the statistics of batch norm, and what a user's class keeps of a call: results with a graph, with which a
    model cannot be copied, or a list of losses.

    Args:
        model: The model.
    """
    own = [module for module in model.modules() if type(module).__module__.partition(".")[0] not in ("torch", "aae")]
    buffers = [(module, name, buffer, buffer.clone()) for module in model.modules()
               for name, buffer in module._buffers.items() if buffer is not None and not is_lazy(buffer)]  # fmt: skip
    attributes = [(module, _kept(module), _contents(module)) for module in own]
    try:
        yield
    finally:
        for module, name, buffer, before in buffers:
            module._buffers[name] = buffer
            if not torch.equal(buffer, before):
                buffer.copy_(before)
        for module, kept, contents in attributes:
            for name in _kept(module).keys() - kept.keys():
                del vars(module)[name]
            vars(module).update(kept)
            for container, before in contents:
                container.clear()
                (container.update if isinstance(container, dict) else container.extend)(before)
        _detach(model)


def _detach(model: nn.Module) -> None:
    """Cut off from the graph what torch's modules keep, as its older weight norm does."""
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and not value.is_leaf:
                vars(module)[name] = value.detach()


def _kept(module: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if name not in INTERNAL}


def _contents(module: nn.Module) -> list[tuple[Any, Any]]:
    """Dictionaries and lists that a module keeps, with copies."""
    return [(value, value.copy()) for value in _kept(module).values() if type(value) in (dict, list)]
