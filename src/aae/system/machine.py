"""The machine that a result comes from: a few words on it, and its memory."""

import ctypes
import platform
import sys
from pathlib import Path

import torch

__all__ = ["describe_machine", "keep_freed_memory"]


def describe_machine() -> str:
    """Processor, its instruction set, the threads in use, and the GPU if there is one."""
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
    """Let this process keep the memory that it frees for its next need of it; glibc only, nothing elsewhere.

    Every step frees its activations and takes as much again. Where the pages went back in between, the kernel would
    have to hand out thousands of zeroed ones a step: up to a third of the time of a convolutional one.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is not None:
        set_option(-1, 2**30)  # M_TRIM_THRESHOLD: bytes at the end of the heap that may lie idle
        set_option(-3, 2**25)  # M_MMAP_THRESHOLD: smaller blocks come from the heap; glibc takes no higher value
