"""Tensors as bytes in the safetensors format, with a checksum that shows whether they are as they were written."""

import hashlib
import json
from collections.abc import Mapping

import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor

from aae.system.errors import AAEError, first_line

__all__ = ["pack_tensors", "unpack_tensors"]

METADATA_KEY = "aae"  # all metadata is one entry, because the format does not keep the order of several
CHECKSUM = "sha256"


def pack_tensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Tensors and metadata as the bytes of one file.

    Args:
        tensors: Tensors by name, on any device; those that share memory, such as tied weights, are written twice.
        metadata: Texts by name.
    """
    on_cpu = _apart({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    return save(on_cpu, metadata={METADATA_KEY: json.dumps({**metadata, CHECKSUM: _checksum(on_cpu, metadata)})})


def unpack_tensors(raw: bytes, where: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and metadata that `pack_tensors` was given; a file without a checksum is accepted.

    Args:
        raw: The bytes.
        where: Name of their file, for the error.

    Raises:
        AAEError: The bytes are damaged, or are something else.
    """
    try:
        tensors = load(raw)  # checks the header against the bytes that are there before it allocates memory
        length = int.from_bytes(raw[:8], "little")
        metadata = json.loads((json.loads(raw[8 : 8 + length]).get("__metadata__") or {}).get(METADATA_KEY, "{}"))
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError, RecursionError) as error:
        raise AAEError(f"{where} is damaged, or does not hold tensors ({first_line(error)}).") from error
    if not isinstance(metadata, dict) or metadata.pop(CHECKSUM, _checksum(tensors, {})) != _checksum(tensors, metadata):
        raise AAEError(f"{where} is damaged: its content does not match its checksum. Copy it again.")
    return tensors, metadata


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, no two in the same memory, which the format does not allow."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        apart[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return apart


def _checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """The SHA-256 of names, types, shapes, values and metadata, whatever their order."""
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), tensor.shape]).encode())
        flat = tensor.reshape(-1)
        flat = flat.as_strided(flat.shape, (1,), flat.storage_offset())  # the stride of a single value may be 0
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
