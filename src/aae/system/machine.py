"""The machine: a description for results, and how its memory is used."""

import ctypes
import platform
import sys
from pathlib import Path

import torch

__all__ = ["describe_machine", "keep_freed_memory"]


def describe_machine() -> str:
    """Processor, instruction set, number of threads in use, and the GPU if there is one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
    threads = torch.get_num_threads()
    parts = [
        name or platform.processor() or platform.machine(),
        torch.backends.cpu.get_cpu_capability(),
        f"{threads} thread" + "s" * (threads > 1),
    ]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)


def keep_freed_memory() -> None:
    """Let this process keep freed memory for later use; with glibc only, elsewhere this does nothing.

    Every step frees its activations and allocates as much again. If the pages were returned in between, the kernel
    would have to provide thousands of zeroed pages in each step: up to a third of the time of a convolutional step.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is not None:
        set_option(-1, 2**30)  # M_TRIM_THRESHOLD: unused bytes that may stay at the end of the heap
        set_option(-3, 2**25)  # M_MMAP_THRESHOLD: smaller blocks come from the heap; glibc takes no higher value
