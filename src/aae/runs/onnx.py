"""Exports a model as ONNX files for programs without torch: encoder, decoder and a description of both."""

import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from aae._version import __version__
from aae.evaluation.inference import restore
from aae.model.artifact import load
from aae.model.autoencoder import Autoencoder
from aae.system.errors import AAEError, first_line
from aae.system.files import write_atomically, write_json
from aae.system.progress import say, spinner

__all__ = ["export_onnx"]

TOLERANCE = 1e-4  # between torch and ONNX Runtime, on codes and reconstructions
BATCHES = (1, 7, 64)


class _Encoder(nn.Module):
    """Maps raw rows to the code of each latent, in the order of the latents."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        table = self.model.table
        return tuple(self.model.encode(x if table is None else table(x)).values())


class _Decoder(nn.Module):
    """Maps the codes of all latents to rows."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, *codes: Tensor) -> Tensor:
        names = [latent.name for latent in self.model.latents]
        return restore(self.model, self.model.decode(dict(zip(names, codes, strict=True))))


def export_onnx(run: Path, out: Path) -> str:
    """Write ``encoder.onnx``, ``decoder.onnx`` and ``model.json`` into a folder and check them against torch.

    The batch size is free. The encoder reads rows ``x``, float32 or, for columns that need it, float64: images
    divided by 255; columns of a table as they are, with a category as its index in the list in ``model.json``, -1
    for one that is not in it, NaN for an empty cell, and dates as seconds since 1970 (UTC). It
    returns the code of each latent under the name of the latent; for a category these are the probabilities before
    calibration (to the power ``calibration`` in ``model.json``, normalised, they are those of `aae predict`).
    The decoder takes one input for each latent.

    Args:
        run: A run, or the folder of a model.
        out: Folder to write; created if missing.

    Raises:
        AAEError: The ONNX packages are missing, the model has a part that cannot be exported, or the
            files disagree with torch by more than 1e-4.
    """
    _check_installed()
    if not out.parent.is_dir():
        raise AAEError(f"The folder {out.parent} does not exist; make it first.")
    if out.exists() and not out.is_dir():
        raise AAEError(f"{out} is a file; name a folder for the ONNX files.")
    model = load(run)
    rows = torch.rand(3, *model.shape, dtype=torch.float64 if _double(model) else torch.float32)
    with torch.no_grad():
        codes = model.complete(model.encode(torch.rand(3, *model.input_shape)), torch.zeros(3, dtype=torch.long))
    encoded = [latent.name for latent in model.latents if latent.posterior is not None]
    every = [latent.name for latent in model.latents]
    parts: dict[str, tuple[nn.Module, tuple[Tensor, ...], list[str], list[str]]] = {}
    if encoded:
        parts["encoder"] = (_Encoder(model), (rows,), ["x"], encoded)
    parts["decoder"] = (_Decoder(model), tuple(codes[name] for name in every), every, ["x"])
    written, worst = {}, 0.0
    for name, (part, inputs, names, results) in parts.items():
        with spinner(f"Exporting the {name}"):
            data = _to_onnx(part, inputs, names, results, name)
            worst = max(worst, _difference(part, data, inputs))
        written[name] = data
    if not worst <= TOLERANCE:
        raise AAEError(f"The exported model differs from torch by {worst:.2g}, above {TOLERANCE}; nothing was written.")
    out.mkdir(exist_ok=True)
    for name, data in written.items():
        write_atomically(out / f"{name}.onnx", _writer(data))
    write_json(out / "model.json", _description(model, encoded, every))
    if model.frozen_encoder is not None:
        say(f"Note: the frozen encoder {model.frozen_encoder.name} is not in these files: they read its vectors "
            f"(output {model.frozen_encoder.output}), so run it first.")
    return f"{', '.join(f'{name}.onnx' for name in written)}, model.json (largest difference {worst:.1e}): {out}"


def _writer(data: bytes) -> Callable[[BinaryIO], object]:
    return lambda file: file.write(data)


def _check_installed() -> None:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it keeps an identifier at home, and warns if it cannot
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise AAEError(
            f"The export needs {error.name}; `pip install 'adversarial-autoencoder[onnx]'` installs it."
        ) from error


def _to_onnx(
    part: nn.Module, inputs: tuple[Tensor, ...], names: list[str], results: list[str], what: str
) -> bytes:
    batch = torch.export.Dim.DYNAMIC
    shapes: Any = tuple({0: batch} for _ in inputs)
    try:
        with _quiet(), _unchecked():
            program = torch.onnx.export(
                part.eval(), inputs, dynamo=True, external_data=False, verbose=False, input_names=names,
                output_names=results, dynamic_shapes=(shapes,) if what == "decoder" else shapes,
            )  # fmt: skip
    except torch.onnx.OnnxExporterError as error:
        raise AAEError(f"The {what} has a part that ONNX cannot express ({_reason(error)}).") from error
    return bytes(program.model_proto.SerializeToString())  # type: ignore[union-attr]  # None is for dynamo=False


def _reason(error: Exception) -> str:
    """Why the export failed: the line of the part, where torch names it, of a text of a page."""
    line = re.search(r'call raised this error:\s*File "(.+)", line (\d+), in \w+\s+(.+)', str(error))
    if line is not None:
        return f"{Path(line[1]).name}, line {line[2]}: {line[3]}"
    return first_line(error.__cause__ or error).rstrip(".:")


class _Discarded(io.StringIO):
    """Takes what torch prints to standard error; `rich` goes on writing its spinner to the file behind it."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self.rich_proxied_file = getattr(file, "rich_proxied_file", file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's messages about missing packages and deprecations, and its printed graphs."""
    silenced = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(_Discarded(sys.stderr)), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(silenced)


@contextmanager
def _unchecked() -> Iterator[None]:
    """Let distributions be made without torch's checks of their values, which ONNX cannot express."""
    checks = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(checks)


def _difference(part: nn.Module, data: bytes, like: tuple[Tensor, ...]) -> float:
    """Largest difference between torch and ONNX Runtime for several batch sizes, relative if large."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    worst = 0.0
    for size in BATCHES:
        inputs = [value[torch.arange(size) % len(value)] + 0.01 * torch.rand(size, *value.shape[1:]) for value in like]
        with torch.no_grad():
            expected = part(*inputs)
        expected = expected if isinstance(expected, tuple) else (expected,)
        actual = session.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})
        for a, b in zip(expected, actual, strict=True):
            worst = max(worst, float((np.abs(a.numpy() - b) / np.abs(a.numpy()).clip(1)).max()))
    return worst


def _double(model: Autoencoder) -> bool:
    return model.table is not None and model.table.float64


def _description(model: Autoencoder, encoded: list[str], every: list[str]) -> dict[str, Any]:
    """What a program needs to use the files."""
    image = len(model.shape) > 1
    dims = {latent.name: latent.dim for latent in model.latents}
    return {
        "aae": __version__,
        "input": {"name": "x", "shape": ["rows", *model.shape], "dtype": "float64" if _double(model) else "float32"},
        "preprocessing": "divide bytes by 255" if image else "none" if model.frozen_encoder is None else
        f"the output {model.frozen_encoder.output} of the frozen encoder {model.frozen_encoder.name}, not included",
        "frozen_encoder": None if model.frozen_encoder is None else asdict(model.frozen_encoder),
        "columns": model.table.columns if model.table is not None else None,
        "encoder": {"file": "encoder.onnx", "outputs": {name: ["rows", dims[name]] for name in encoded}}
        if encoded
        else None,
        "decoder": {"file": "decoder.onnx", "inputs": {name: ["rows", dims[name]] for name in every}, "output": "x"},
        "classes": model.classes,
        "probabilities": model.category.name if model.category is not None and model.category.name in encoded else None,
        "calibration": model.calibration,
    }
