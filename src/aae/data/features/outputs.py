"""Which output of an encoder is read, and how it becomes one vector for each row."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aae.model.frozen import IMAGE, TEXT
from aae.system.errors import AAEError, UsageError, unknown

__all__ = ["POOLINGS", "Output", "choose_output", "pooled"]

CLASS_TOKEN, MEAN = "class_token", "mean"
POOLED = "pooled"
POOLINGS = (POOLED, CLASS_TOKEN, MEAN)
# Outputs with one vector for each row, the best first. The pooler_output of BERT was trained for another task, so that
# the mean of the tokens comes before it.
NAMES = {
    IMAGE: ("pooler_output", "image_embeds", "image_features", "sentence_embedding", "embeddings"),
    TEXT: ("sentence_embedding", "text_embeds", "embeddings"),
}


class Output(NamedTuple):
    """An output of the network, and how its tokens or places are pooled; None: it has none."""

    name: str
    pooling: str | None = None

    def __str__(self) -> str:
        return self.name if self.pooling is None else f"{self.name}:{self.pooling}"


def choose_output(
    outputs: Sequence[tuple[str, int]], kind: str, request: str | None, tokens: str, where: str
) -> Output:
    """The output to read.

    Args:
        outputs: Names and numbers of dimensions of what the network gives.
        kind: What it reads.
        request: What the user asks for: ``pooled``, ``class_token``, ``mean``, or the name of an output, to which
            ``:class_token`` or ``:mean`` may be added; None: the pooled output if there is one, else the class token
            of images and the mean of the tokens of texts.
        tokens: How tokens are pooled where the user does not say.
        where: What the network is called in messages.

    Raises:
        AAEError: There is no such output.
    """
    flat = [name for name, dims in outputs if dims == 2]
    deep = {name: dims for name, dims in outputs if dims in (3, 4)}
    named = [name for name in NAMES[kind] if name in flat]
    first = next((name for name in ("last_hidden_state", *deep) if name in deep), None)
    if request is not None and request not in POOLINGS:
        name, _, pooling = request.partition(":")
        if name not in dict(outputs):
            raise unknown(f"output of {where} called", name, [*dict(outputs), *POOLINGS])
        if pooling and (pooling not in (CLASS_TOKEN, MEAN) or name not in deep):
            raise UsageError(f"--features-output {request}: the output {name} of {where} cannot be pooled so; drop "
                             f":{pooling}.")  # fmt: skip
        return Output(name, (pooling or _pooling(deep[name], tokens)) if name in deep else None)
    flat = named or [name for name in flat if kind == IMAGE or name != "pooler_output"]
    if request == POOLED or request is None:
        if flat or (request == POOLED and (flat := [name for name, dims in outputs if dims == 2])):
            return Output(flat[0])
        if request is None and first is not None:
            return Output(first, _pooling(deep[first], tokens))
        if request is None and outputs and outputs[0][1] == 2:  # BERT's pooler_output alone
            return Output(outputs[0][0])
    elif first is not None and (request == MEAN or deep[first] == 3):
        return Output(first, request)
    have = ", ".join(f"{name} with {dims} dimensions" for name, dims in outputs)
    raise AAEError(f"{where} has no output that is {request or 'a vector for each row'}; it has {have}.")


def _pooling(dims: int, tokens: str) -> str:
    return tokens if dims == 3 else MEAN  # a map of features has no class token


def pooled(values: np.ndarray, output: Output, rows: int, where: str, mask: np.ndarray | None = None) -> np.ndarray:
    """Vectors ``(rows, D)``, float32, of what the network gave.

    Args:
        values: ``(rows, D)``, tokens ``(rows, T, D)`` or a map ``(rows, D, H, W)``.
        output: Which output it is.
        rows: How many rows were given.
        where: What the network is called in messages.
        mask: Which tokens are of the text and do not only fill up, ``(rows, T)``.

    Raises:
        AAEError: The shape is none of these.
    """
    shape = np.shape(values)
    if not isinstance(values, np.ndarray) or values.ndim not in (2, 3, 4) or shape[0] != rows or 0 in shape[1:]:
        raise AAEError(f"The output {output.name} of {where} has the shape {shape} for {rows} rows; it has to be one "
                       f"vector for each, so choose another with --features-output.")  # fmt: skip
    values = values.astype(np.float32, copy=False)
    if values.ndim == 2:
        return values
    if values.ndim == 4:
        return np.asarray(values.mean((2, 3)))
    if output.pooling == CLASS_TOKEN:
        return values[:, 0]
    if mask is None or mask.shape != values.shape[:2]:
        return np.asarray(values.mean(1))
    weights = mask.astype(np.float32)[..., None]
    return np.asarray((values * weights).sum(1) / weights.sum(1).clip(1))
