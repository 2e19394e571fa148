"""Tensors as bytes in the safetensors format, with a checksum that tells whether they are as they were written."""

import hashlib
import json
from collections.abc import Mapping

import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor

from aae.system.errors import AAEError, first_line

__all__ = ["pack_tensors", "unpack_tensors"]

FACTS = "aae"  # all facts are one entry, because the format keeps several in no order
CHECKSUM = "sha256"


def pack_tensors(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> bytes:
    """Tensors and some facts about them as the bytes of one file.

    Args:
        tensors: Tensors by name, on any device; no two may share memory.
        facts: Texts by name.
    """
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(held, metadata={FACTS: json.dumps({**facts, CHECKSUM: _checksum(held, facts)})})


def unpack_tensors(raw: bytes, where: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What `pack_tensors` was given; a file of another writer, without a checksum, is taken as it is.

    Args:
        raw: The bytes.
        where: The file they are of, for the error.

    Raises:
        AAEError: The bytes are damaged, or are something else.
    """
    try:
        tensors = load(raw)  # checks that the header describes the bytes that are there, before it takes any
        length = int.from_bytes(raw[:8], "little")
        facts = json.loads((json.loads(raw[8 : 8 + length]).get("__metadata__") or {}).get(FACTS, "{}"))
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError, RecursionError) as error:
        raise AAEError(f"{where} is damaged, or holds something else than tensors ({first_line(error)}).") from error
    if not isinstance(facts, dict) or facts.pop(CHECKSUM, _checksum(tensors, {})) != _checksum(tensors, facts):
        raise AAEError(f"{where} is damaged: what it holds does not match its checksum. Copy it again.")
    return tensors, facts


def _checksum(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> str:
    """Of names, types, shapes, values and facts, in an order of its own."""
    found = hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(json.dumps([name, str(tensor.dtype), tensor.shape]).encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
