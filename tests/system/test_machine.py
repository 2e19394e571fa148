"""The description of the machine, and how its memory is used."""

import subprocess
import sys

import pytest

from aae.system.machine import describe_machine

FAULTS = """
import resource, torch
from aae.system.machine import keep_freed_memory
from aae.model.networks import ConvTrunk

keep_freed_memory()
trunk, images = ConvTrunk((28, 28), 16), torch.rand(80, 28, 28)

def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    trunk(images).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(sorted(step() for _ in range(21))[10])
"""


def test_machine_is_described_by_its_threads():
    assert "thread" in describe_machine()


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_freed_memory_is_reused():
    """Allocating the memory of a step anew costs thousands of page faults; if it is kept, few steps need more."""
    found = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 100
