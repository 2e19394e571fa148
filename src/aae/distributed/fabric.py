"""The device of one process, as Lightning Fabric sets it up."""

import logging
from typing import Any

import torch
from lightning_fabric import Fabric

from aae.system.errors import AAEError

__all__ = ["check_place", "make_fabric"]


def check_place(device: str, precision: str) -> None:
    """Check the names of device and precision, and that a device that was asked for by name is there.

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
        **processes: What Fabric needs to know of several processes (see `aae.distributed.processes`).

    Raises:
        AAEError: The name is unknown, or CUDA was asked for and there is none.
    """
    check_place(device, "auto")
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    # Fabric logs what it uses; the configuration of a run holds the same.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Precision is the trainer's: Fabric would fix it here, before the model is known that is to be timed in both.
    return Fabric(accelerator="cuda" if cuda else "cpu", precision="32-true", **{"devices": 1, **processes})
