"""The machine that a result comes from, in a few words."""

import platform
from pathlib import Path

import torch

__all__ = ["describe_machine"]


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
