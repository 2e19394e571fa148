"""A trained model over many rows: arrays in, arrays out, in chunks, without gradients."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from aae.data.batches import to_input
from aae.errors import AAEError
from aae.model import Autoencoder

__all__ = ["chunks", "classify", "decode", "encode", "reconstruct"]

CHUNK = 2000


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


def chunks(model: Autoencoder, rows: np.ndarray, labels: np.ndarray | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Rows and labels as the model reads them, some thousand at a time, on its device."""
    if tuple(rows.shape[1:]) != model.shape:
        raise AAEError(f"The model takes rows of shape {model.shape}, the input has rows of shape {rows.shape[1:]}.")
    device = _device(model)
    for start in range(0, max(len(rows), 1), CHUNK):  # no rows make one empty chunk
        part = slice(start, start + CHUNK)
        known = None if labels is None else torch.from_numpy(np.asarray(labels[part])).to(device)
        yield to_input(torch.tensor(rows[part]), device), known


@torch.inference_mode()
def _collect(
    model: Autoencoder,
    rows: np.ndarray,
    labels: np.ndarray | None,
    call: Callable[[Tensor, Tensor | None], dict[str, Tensor]],
) -> dict[str, np.ndarray]:
    with _evaluation(model):
        parts = [{k: v.cpu().numpy() for k, v in call(x, y).items()} for x, y in chunks(model, rows, labels)]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def encode(model: Autoencoder, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Code of every latent that has a posterior, ``{name: (N, D)}``, from rows ``(N, *shape)``.

    Raises:
        AAEError: Rows of another shape than the model's.
    """
    return _collect(model, rows, None, lambda x, _: model.encode(x))


def classify(model: Autoencoder, rows: np.ndarray) -> np.ndarray:
    """Class (or cluster) probabilities ``(N, K)``.

    Raises:
        AAEError: Rows of another shape, or a model without a class output.
    """
    return _collect(model, rows, None, lambda x, _: {"p": model.classify(x)})["p"]


def reconstruct(model: Autoencoder, rows: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Reconstructions ``(N, *shape)``, float32; ``labels`` ``(N,)`` where a latent is observed.

    Raises:
        AAEError: Rows of another shape, or labels missing.
    """
    return _collect(model, rows, labels, lambda x, y: {"x": model(x, y)})["x"]


@torch.inference_mode()
def decode(model: Autoencoder, codes: dict[str, np.ndarray]) -> np.ndarray:
    """Images or vectors ``(N, *shape)`` from codes ``{name: (N, D)}`` of every latent."""
    tensors = {name: torch.as_tensor(code, dtype=torch.float32, device=_device(model)) for name, code in codes.items()}
    with _evaluation(model):
        return model.decode(tensors).cpu().numpy()
