"""A trained model on many rows: arrays in, arrays out, in chunks, without gradients.

Rows are in the units of `aae.load_data`, whose ``x`` and ``test_x`` can be passed on. Images are bytes (uint8, 0 to
255), or floats from 0 to 1, which mean the same; images of another range, such as 0 to 16, are divided by its end. Rows
of a table are raw: columns in their own units, which the model scales. Vectors are those of the training.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aae.data.arrays import Rows, same_images, shape_remedy
from aae.data.batches import to_input
from aae.data.frames import column_names, frame_advice, frame_library, known_frame
from aae.data.known_columns import unused_note
from aae.model.autoencoder import Autoencoder
from aae.system import generators
from aae.system.errors import AAEError

__all__ = [
    "chunks",
    "classify",
    "decode",
    "encode",
    "features",
    "map_chunks",
    "prepare",
    "reconstruct",
    "restore",
    "sample",
    "sample_means",
    "seeded",
    "without_side_effects",
]

Call = Callable[[Tensor, Tensor | None], dict[str, Tensor]]

CHUNK = 200  # rows at a time: on a CPU, a layer's output for more no longer fits its cache
CHUNK_CUDA = 4000
WHITE = 4  # which floats from 0 to 1 hardly exceed after noise is added


def _device(model: Autoencoder) -> torch.device:
    return next(model.parameters()).device


@contextmanager
def _evaluation_mode(model: Autoencoder) -> Iterator[None]:
    """Evaluation mode within the block."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def without_side_effects(device: torch.device) -> AbstractContextManager[None]:
    """Random draws within the block leave the generators of the CPU and of a device unchanged."""
    return generators.forked([device] if device.type == "cuda" else [])


@contextmanager
def seeded(model: Autoencoder, seed: int) -> Iterator[None]:
    """Seed the model's random draws within the block; the caller's random state does not change.

    `torch.manual_seed` would seed all devices, of which only the model's is restored.
    """
    device = _device(model)
    with without_side_effects(device):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def chunks(
    model: Autoencoder, rows: Rows, labels: np.ndarray | None = None, prepared: bool = False
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Network inputs and labels, chunk by chunk, on the model's device.

    ``prepared`` rows are network inputs already.
    """
    shape, table = (model.input_shape, None) if prepared else (model.shape, model.table)
    if not same_images(rows.shape[1:], shape):
        raise AAEError(f"The model takes rows of shape {shape}, the input has rows of shape {tuple(rows.shape[1:])}"
                       f"{shape_remedy(shape)}.")  # fmt: skip
    device = _device(model)
    size = CHUNK_CUDA if device.type == "cuda" else CHUNK
    for start in range(0, max(len(rows), 1), size):  # no rows make one empty chunk
        part = slice(start, start + size)
        known = None if labels is None else torch.from_numpy(np.asarray(labels[part])).to(device)
        some = rows[part]
        if some.dtype != np.uint8:
            some = some.astype(np.float32, copy=False) if table is None else table.as_rows(some)
            if not prepared:
                _check_scale(model, some)
        some = some.reshape(len(some), *shape)  # grey images have an axis for their one channel, or none
        # A copy: torch warns about arrays that cannot be written to.
        yield to_input(torch.tensor(some), device, table), known


def _check_scale(model: Autoencoder, rows: np.ndarray) -> None:
    """Check that images of floats are not of another scale, such as 0 to 255, for which the outputs mean nothing.

    Only a model that was trained on images in [0, 1] is known to need it, and only values that are never below 0 and
    far above 1 are no such images with noise.
    """
    scaled = getattr(model.likelihood, "bounded", False) or model.pictures is not None
    if scaled and model.table is None and len(model.shape) > 1 and rows.size and rows.max() > WHITE and rows.min() >= 0:
        raise AAEError(f"The model takes images of bytes (uint8, 0 to 255) or of floats from 0 to 1, but these have "
                       f"values up to {rows.max():g}; divide them by the number that the training's were divided by.")


@torch.inference_mode()
def map_chunks(
    model: Autoencoder,
    rows: Rows,
    call: Call,
    labels: np.ndarray | None = None,
    prepared: bool = False,
) -> Iterator[dict[str, np.ndarray]]:
    """Results of ``call`` on rows and labels, chunk by chunk, so that they need not fit in memory."""
    with _evaluation_mode(model):
        for x, y in chunks(model, rows, labels, prepared):
            yield {key: _as_array(value) for key, value in call(x, y).items()}


def _as_array(value: Tensor) -> np.ndarray:
    """The values as float32; rows of a table may need float64."""
    return (value if value.dtype == torch.float64 else value.float()).cpu().numpy()


def _collect(
    model: Autoencoder,
    rows: Rows,
    call: Call,
    labels: np.ndarray | None = None,
    prepared: bool = False,
) -> dict[str, np.ndarray]:
    rows = _as_rows(model, rows)
    results: dict[str, np.ndarray] = {}
    done = 0
    for part in map_chunks(model, rows, call, labels, prepared):
        for key, value in part.items():
            if key not in results:
                results[key] = np.empty((len(rows), *value.shape[1:]), value.dtype)
            results[key][done : done + len(value)] = value
        done += len(value)
    return results


def _as_rows(model: Autoencoder, rows: Any) -> Rows:
    """Rows as an array: of a data frame as the model's table knows its columns, with warnings; of a tensor or list."""
    if isinstance(rows, Tensor | list):
        rows = np.asarray(rows.detach().cpu() if isinstance(rows, Tensor) else rows)
    if frame_library(rows) is None:
        return rows
    where, table = "the data frame", model.table
    if table is None:
        shape = ", ".join(map(str, ("N", *model.shape)))
        raise AAEError(f"The model was not trained on a table; give it an array of shape ({shape}), and no data frame.")
    names = column_names(rows, where)
    found, notes = known_frame(rows, where, names, table)
    for note in (*notes, *unused_note(table, names, where)):
        warnings.warn(frame_advice(note), stacklevel=4)  # of the line that called encode or classify
    return found


def encode(model: Autoencoder, rows: Rows) -> dict[str, np.ndarray]:
    """Code of every latent that has a posterior, ``{name: (N, D)}``, from rows ``(N, *shape)``.

    Args:
        model: The model.
        rows: Images of bytes (uint8, 0 to 255) or of floats from 0 to 1; raw rows of a table, in the units of its
            columns, or a data frame with the columns of the training; or vectors like those of the training. What
            `aae.load_data` reads fits as it is.

    Raises:
        AAEError: Rows of another shape than the model's, or images of floats that are not from 0 to 1.
    """
    return _collect(model, rows, lambda x, _: model.encode(x))


def features(model: Autoencoder, rows: Rows) -> np.ndarray:
    """The trunk's features ``(N, H)``, which every posterior reads.

    Raises:
        AAEError: Rows of another shape, or a model without an encoder.
    """
    if model.trunk is None:
        raise AAEError("This model has no encoder, so it has no features.")
    return _collect(model, rows, lambda x, _: {"features": model.features(x)})["features"]


def classify(model: Autoencoder, rows: Rows) -> np.ndarray:
    """Class (or cluster) probabilities ``(N, K)``.

    Args:
        model: The model.
        rows: Rows ``(N, *shape)`` in the units that `encode` takes: images of bytes or of floats from 0 to 1.

    Raises:
        AAEError: Rows of another shape or scale, or a model without a class output.
    """
    return _collect(model, rows, lambda x, _: {"p": model.classify(x)})["p"]


def prepare(model: Autoencoder, rows: Rows) -> np.ndarray:
    """Network inputs ``(N, *input_shape)``, float32: the ``prepared`` rows of other functions."""
    return _collect(model, rows, lambda x, _: {"x": x})["x"]


def restore(model: Autoencoder, x: Tensor) -> Tensor:
    """Decoder output as rows: columns of the table where there is one, images in [0, 1]."""
    return x if model.table is None else model.table.restore(x)


def reconstruct(
    model: Autoencoder, rows: Rows, labels: np.ndarray | None = None, *, prepared: bool = False
) -> np.ndarray:
    """Reconstructions ``(N, *shape)``: images in [0, 1], columns of a table in their own units.

    They are float32, or float64 if the table's rows are.

    Args:
        model: The model.
        rows: Rows ``(N, *shape)`` in the units that `encode` takes: images of bytes or of floats from 0 to 1.
        labels: Class numbers ``(N,)``, where a latent is observed.
        prepared: Rows and reconstructions are network inputs.

    Raises:
        AAEError: Rows of another shape or scale, or labels missing.
    """

    def call(x: Tensor, y: Tensor | None) -> dict[str, Tensor]:
        return {"x": model(x, y) if prepared else restore(model, model(x, y))}

    return _collect(model, rows, call, labels, prepared)["x"]


@torch.inference_mode()
def decode(model: Autoencoder, codes: dict[str, np.ndarray]) -> np.ndarray:
    """Rows ``(N, *shape)`` from codes ``{name: (N, D)}`` of every latent: images in [0, 1], or cells in their units.

    Raises:
        AAEError: The codes of a latent are missing, or of another length.
    """
    for latent in model.latents:
        shape = np.shape(codes.get(latent.name, ()))
        if len(shape) != 2 or shape[1] != latent.dim:
            given = f"of shape {shape}" if latent.name in codes else "missing"
            raise AAEError(
                f"The codes of latent {latent.name!r} are {given}; give codes of shape (N, {latent.dim}), as "
                "aae.encode returns them, or class numbers as one-hots."
            )
    tensors = {name: torch.as_tensor(code, dtype=torch.float32, device=_device(model)) for name, code in codes.items()}
    with _evaluation_mode(model):
        return restore(model, model.decode(tensors)).cpu().numpy()


@torch.inference_mode()
def sample(model: Autoencoder, n: int, labels: np.ndarray | None = None) -> np.ndarray:
    """Rows ``(n, *shape)`` of draws of the priors; ``labels`` ``(n,)`` fix the class of each.

    Images are the decoder's mean. The cells of a table are drawn around it, unless the model was saved by a version
    that did not learn how they vary.

    Raises:
        AAEError: A latent has no prior, or labels are given to a model without classes.
    """
    known = None if labels is None else torch.as_tensor(labels, device=_device(model))
    with _evaluation_mode(model):
        means = model.sample(n, known)
        noise, table = model.noise, model.table
        drawn = restore(model, means) if noise is None or table is None else noise.draw(table, means)
        return drawn.cpu().numpy()


@torch.inference_mode()
def sample_means(model: Autoencoder, n: int) -> np.ndarray:
    """The decoder's means ``(n, *input_shape)`` of draws of the priors, as network inputs.

    Raises:
        AAEError: A latent has no prior.
    """
    with _evaluation_mode(model):
        return model.sample(n).cpu().numpy()
