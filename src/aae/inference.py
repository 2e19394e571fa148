"""A trained model over many rows: arrays in, arrays out, in chunks, without gradients."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from aae.data.arrays import Rows
from aae.data.batches import to_input
from aae.errors import AAEError
from aae.model import Autoencoder

__all__ = ["chunks", "classify", "decode", "encode", "parts", "reconstruct"]

CHUNK = 200  # rows at a time: on a CPU, what a layer gives for more no longer fits its cache
CHUNK_CUDA = 4000


def _device(model: Autoencoder) -> torch.device:
    return next(model.parameters()).device


@contextmanager
def _evaluation(model: Autoencoder) -> Iterator[None]:
    """Evaluation mode for a while."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def chunks(model: Autoencoder, rows: Rows, labels: np.ndarray | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Rows and labels as the model reads them, some thousand at a time, on its device."""
    if tuple(rows.shape[1:]) != model.shape:
        raise AAEError(f"The model takes rows of shape {model.shape}, the input has rows of shape {rows.shape[1:]}.")
    device = _device(model)
    size = CHUNK_CUDA if device.type == "cuda" else CHUNK
    for start in range(0, max(len(rows), 1), size):  # no rows make one empty chunk
        part = slice(start, start + size)
        known = None if labels is None else torch.from_numpy(np.asarray(labels[part])).to(device)
        some = rows[part]
        if some.dtype != np.uint8:
            some = some.astype(np.float32, copy=False)
        # A copy: torch would warn of rows that cannot be written to.
        yield to_input(torch.tensor(some), device), known


@torch.inference_mode()
def parts(
    model: Autoencoder,
    rows: Rows,
    call: Callable[[Tensor, Tensor | None], dict[str, Tensor]],
    labels: np.ndarray | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """What ``call`` makes of the rows and labels, chunk after chunk, so that nothing has to fit in memory."""
    with _evaluation(model):
        for x, y in chunks(model, rows, labels):
            yield {key: value.float().cpu().numpy() for key, value in call(x, y).items()}


def _collect(
    model: Autoencoder,
    rows: Rows,
    call: Callable[[Tensor, Tensor | None], dict[str, Tensor]],
    labels: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    done = 0
    for part in parts(model, rows, call, labels):
        for key, value in part.items():
            if key not in found:
                found[key] = np.empty((len(rows), *value.shape[1:]), np.float32)
            found[key][done : done + len(value)] = value
        done += len(value)
    return found


def encode(model: Autoencoder, rows: Rows) -> dict[str, np.ndarray]:
    """Code of every latent that has a posterior, ``{name: (N, D)}``, from rows ``(N, *shape)``.

    Raises:
        AAEError: Rows of another shape than the model's.
    """
    return _collect(model, rows, lambda x, _: model.encode(x))


def classify(model: Autoencoder, rows: Rows) -> np.ndarray:
    """Class (or cluster) probabilities ``(N, K)``.

    Raises:
        AAEError: Rows of another shape, or a model without a class output.
    """
    return _collect(model, rows, lambda x, _: {"p": model.classify(x)})["p"]


def reconstruct(model: Autoencoder, rows: Rows, labels: np.ndarray | None = None) -> np.ndarray:
    """Reconstructions ``(N, *shape)``, float32; ``labels`` ``(N,)`` where a latent is observed.

    Raises:
        AAEError: Rows of another shape, or labels missing.
    """
    return _collect(model, rows, lambda x, y: {"x": model(x, y)}, labels)["x"]


@torch.inference_mode()
def decode(model: Autoencoder, codes: dict[str, np.ndarray]) -> np.ndarray:
    """Images or vectors ``(N, *shape)`` from codes ``{name: (N, D)}`` of every latent."""
    tensors = {name: torch.as_tensor(code, dtype=torch.float32, device=_device(model)) for name, code in codes.items()}
    with _evaluation(model):
        return model.decode(tensors).cpu().numpy()
