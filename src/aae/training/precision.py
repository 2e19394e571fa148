"""The precision of a training: float32, or bf16 where that is faster for this model on this machine.

The processor's flags are not enough to decide. On some processors with bf16 instructions a step takes 1.5 times as long
in bf16, because weights and activations have to be converted.
"""

import copy
import time
from dataclasses import dataclass

import torch

from aae.model.autoencoder import Autoencoder
from aae.system import generators
from aae.system.errors import AAEError

__all__ = ["Precision", "autocast", "choose_precision", "supports_bf16"]

TRIAL_SECONDS = 0.05  # after one pass in each precision that is not timed
# Parameters times rows of a step: smaller models are not worth a trial, which may come out otherwise the next time.
SMALL = 1.5e7
MIN_SPEEDUP = 1.1  # of bf16 over float32: where the two are equal, float32 is more precise

_TRIALS: dict[object, dict[str, float]] = {}


@dataclass(frozen=True)
class Precision:
    """The chosen precision, and the reason.

    Args:
        name: ``"32"`` or ``"bf16"``.
        trial: Milliseconds of one forward and backward pass in each precision; empty if none was timed.
    """

    name: str
    trial: dict[str, float]

    @property
    def reason(self) -> str:
        """The times as text; empty if none was timed."""
        return ", ".join(f"{name}: {value:.1f} ms" for name, value in self.trial.items())


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which a forward pass runs in that precision; weights stay in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def choose_precision(requested: str, model: Autoencoder, rows: int, device: torch.device) -> Precision:
    """The precision that was requested, or for ``auto`` the faster one.

    Args:
        requested: ``auto``, ``32`` or ``bf16``.
        model: The model that will be trained.
        rows: Rows that one process reads in a step.
        device: The device it will be trained on.

    Raises:
        AAEError: bf16 was requested on a GPU that does not support it.
    """
    supported = supports_bf16(device)
    if requested == "bf16" and device.type == "cuda" and not supported:
        raise AAEError("This GPU does not support bf16; use --precision 32.")
    if requested != "auto":
        return Precision(requested, {})
    if not supported or device.type == "cuda":  # a GPU with bf16 units is faster in bf16
        return Precision("bf16" if supported else "32", {})
    if rows * sum(value.numel() for value in model.parameters()) < SMALL:
        return Precision("32", {})
    trial = _trial(model, rows, device)
    return Precision("bf16" if MIN_SPEEDUP * trial["bf16"] < trial["32"] else "32", trial)


def supports_bf16(device: torch.device) -> bool:
    """Whether the device has bf16 instructions; without them bf16 takes a hundred times as long."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check and check())


def _trial(model: Autoencoder, rows: int, device: torch.device) -> dict[str, float]:
    """Milliseconds of a pass in each precision, timed once in a process for each model, batch size and thread count."""
    shapes = tuple((name, tuple(value.shape)) for name, value in model.named_parameters())
    key = (shapes, rows, device, torch.get_num_threads())
    if key not in _TRIALS:
        _TRIALS[key] = _measure(model, rows, device)
    return _TRIALS[key]


def _measure(model: Autoencoder, rows: int, device: torch.device) -> dict[str, float]:
    """Time passes of a copy of trunk and decoder, where nearly all the work of a step is."""
    trial = copy.deepcopy(model).to(device).train()
    best = {"32": float("inf"), "bf16": float("inf")}
    with generators.forked():
        x = torch.rand(rows, *model.input_shape, device=device)
        code = torch.rand(rows, int(model.merge.dim), device=device)
        for precision in best:
            _pass(trial, x, code, precision)
        begin = time.perf_counter()
        while time.perf_counter() - begin < TRIAL_SECONDS:
            for precision in best:
                start = time.perf_counter()
                _pass(trial, x, code, precision)
                best[precision] = min(best[precision], 1000 * (time.perf_counter() - start))
    return best


def _pass(model: Autoencoder, x: torch.Tensor, code: torch.Tensor, precision: str) -> None:
    """A forward and backward pass through trunk and decoder."""
    with autocast(x.device, precision):
        outputs = [model.decoder(code)] if model.trunk is None else [model.trunk(x), model.decoder(code)]
    torch.stack([output.float().sum() for output in outputs]).sum().backward()
    model.zero_grad()
