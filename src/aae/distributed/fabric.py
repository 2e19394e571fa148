"""The device of one process, as Lightning Fabric sets it up."""

import logging
from typing import Any

import torch
from lightning_fabric import Fabric

from aae.system.errors import AAEError

__all__ = ["check_device", "make_fabric"]


def check_device(device: str, precision: str) -> None:
    """Check the names of device and precision, and that CUDA is available where it is asked for.

    Raises:
        AAEError: A name is unknown, or CUDA was asked for and there is none.
    """
    if device not in ("auto", "cpu", "cuda") or precision not in ("auto", "32", "bf16"):
        raise AAEError(f"Device is auto, cpu or cuda and precision auto, 32 or bf16; not {device} and {precision}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise AAEError("A CUDA device was asked for, but PyTorch finds none here; use --device cpu or auto.")


def make_fabric(device: str = "auto", **processes: Any) -> Fabric:
    """Choose the device.

    Args:
        device: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
        **processes: Fabric's options for several processes (see `aae.distributed.processes`).

    Raises:
        AAEError: The name is unknown, or CUDA was asked for and there is none.
    """
    check_device(device, "auto")
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    # Fabric logs what it uses; the configuration of a run holds the same.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # The trainer chooses the precision, for which it times the model in both. Fabric would fix it here, before that.
    return Fabric(accelerator="cuda" if cuda else "cpu", precision="32-true", **{"devices": 1, **processes})
