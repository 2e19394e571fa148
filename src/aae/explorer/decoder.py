"""The decoder of a model as a list of operations that the page runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aae.explorer.arrays import pack
from aae.explorer.columns import decoded_columns
from aae.explorer.latents import describe_latent, ordered_latents
from aae.model.autoencoder import Autoencoder
from aae.model.corruption import GaussianNoise
from aae.model.likelihoods import BernoulliLikelihood, GaussianLikelihood
from aae.model.merging import Concatenate, LinearSum
from aae.model.networks import ConvDecoder, Dropout, MLPDecoder
from aae.system.errors import AAEError

__all__ = ["decoder_entries", "decoder_ops", "merge_ops", "run_ops"]

Op = dict[str, Any]

TOLERANCE = 1 / 255 / 4  # of an image's values: weights that change one by more are not halved


def decoder_entries(model: Autoencoder, codes: np.ndarray, latents: Mapping[str, np.ndarray],
                    names: Sequence[Any] | None) -> Op:
    """What the page needs to decode.

    Args:
        model: The model.
        codes: Merged codes ``(M, dim)`` on which the precision of the weights is tried.
        latents: Codes of each latent ``(N, D)``, for the range of the sliders.
        names: Names of the classes.

    Returns:
        The entries ``latents``, ``merge``, ``ops`` and ``output``; ``error``, one sentence, for a decoder of other
        parts than those of the package.
    """
    try:
        ops, merge = decoder_ops(model), merge_ops(model)
    except AAEError as error:
        return {"error": str(error)}
    dtype = "f16" if model.table is None and _bears_halving(ops, codes) else "f32"
    return {
        "latents": [describe_latent(model, latent, latents.get(latent.name), names)
                    for latent in ordered_latents(model)],
        "merge": [_packed(op, "f32") for op in merge],
        "ops": [_packed(op, dtype) for op in ops],
        "output": _output(model),
    }  # fmt: skip


def decoder_ops(model: Autoencoder) -> list[Op]:
    """The decoder and the likelihood's mean, with arrays as tensors; batch norm is part of the layer before it.

    Raises:
        AAEError: The decoder or the likelihood is one of the user's own.
    """
    decoder: Any = model.decoder
    if type(decoder) not in (MLPDecoder, ConvDecoder):
        raise AAEError(f"The page cannot run a decoder of the class {type(decoder).__name__}, only MLPDecoder and "
                       "ConvDecoder; everything else works.")  # fmt: skip
    if type(model.likelihood) not in (BernoulliLikelihood, GaussianLikelihood):
        raise AAEError(f"The page cannot read the output of a {type(model.likelihood).__name__}; everything else "
                       "works.")  # fmt: skip
    ops: list[Op] = []
    for layer in decoder.layers:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            _fold(layer, ops[-1])
        elif not isinstance(layer, Dropout | GaussianNoise):  # which are off after the training
            ops.append(_op(layer))
    return [*ops, {"op": "sigmoid"}] if type(model.likelihood) is BernoulliLikelihood else ops


def _op(layer: nn.Module) -> Op:
    if isinstance(layer, nn.Linear | nn.Conv2d):
        name = "linear" if isinstance(layer, nn.Linear) else "conv3"
        bias = None if layer.bias is None else layer.bias.detach().clone()
        return {"op": name, "weight": layer.weight.detach().clone(), "bias": bias}
    if isinstance(layer, nn.ReLU):
        return {"op": "relu"}
    if isinstance(layer, nn.Unflatten):
        return {"op": "unflatten", "shape": [int(side) for side in layer.unflattened_size]}
    if isinstance(layer, nn.Upsample):
        size: Any = layer.size
        return {"op": "upsample", "size": [int(side) for side in size]}
    raise AAEError(f"The page cannot run a decoder with a layer {type(layer).__name__}; everything else works.")


def _fold(norm: Any, op: Op) -> None:
    """Multiply the scale and the shift of a batch norm into the layer before it, in float64."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight = op["weight"].double()
    bias = torch.zeros(len(weight)) if op["bias"] is None else op["bias"]
    op["bias"] = ((bias.double() - norm.running_mean.double()) * scale + norm.bias.double()).detach().float()
    op["weight"] = (weight * scale.view(-1, *[1] * (weight.dim() - 1))).detach().float()


def merge_ops(model: Autoencoder) -> list[Op]:
    """What turns the latents, one after another, into the decoder's code.

    Raises:
        AAEError: The latents are merged by a class of the user's own.
    """
    merge: Any = model.merge
    if type(merge) is Concatenate:
        return []
    if type(merge) is not LinearSum:
        raise AAEError(f"The page cannot merge latents by a {type(merge).__name__}; everything else works.")
    one = torch.eye(merge.dim)
    parts = [merge.head_map.weight.detach() if name == merge.heads else one for name in merge.dims]
    return [{"op": "linear", "weight": torch.cat(parts, 1), "bias": None}]


def run_ops(ops: list[Op], codes: Tensor, half: bool = False) -> Tensor:
    """The output of the operations for codes ``(B, dim)``, with weights of half precision if asked for."""
    x = codes.float()

    def cast(array: Tensor | None) -> Tensor | None:
        return array.half().float() if half and array is not None else array

    for op in ops:
        if op["op"] == "linear":
            x = F.linear(x, cast(op["weight"]), cast(op["bias"]))  # type: ignore[arg-type]
        elif op["op"] == "conv3":
            x = F.conv2d(x, cast(op["weight"]), cast(op["bias"]), padding=1)  # type: ignore[arg-type]
        elif op["op"] == "unflatten":
            x = x.unflatten(1, op["shape"])
        elif op["op"] == "upsample":
            x = F.interpolate(x, size=op["size"])
        else:
            x = x.relu() if op["op"] == "relu" else x.sigmoid()
    return x


@torch.inference_mode()
def _bears_halving(ops: list[Op], codes: np.ndarray) -> bool:
    """Whether weights of half precision give the same outputs, up to a quarter of a grey level."""
    known = torch.from_numpy(np.ascontiguousarray(codes, dtype=np.float32))
    difference = (run_ops(ops, known, half=True) - run_ops(ops, known)).abs()
    return len(known) > 0 and bool(difference.max() <= TOLERANCE)


def _packed(op: Op, dtype: str) -> Op:
    return {key: pack(value.cpu().numpy(), dtype) if isinstance(value, Tensor) else value for key, value in op.items()}


def _output(model: Autoencoder) -> Op:
    if model.table is not None and model.table.has_units:
        return {"type": "table", "columns": decoded_columns(model.table)}
    return {"type": "image", "shape": list(model.shape)} if len(model.shape) > 1 else {"type": "vector"}
