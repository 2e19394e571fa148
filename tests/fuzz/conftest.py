"""Every fuzz test runs with little more address space than it has, so that a huge allocation fails and harms nobody."""

import resource

import pytest

from helpers.fuzzing import memory

SPARE = 4 * 2**30  # threads and the pools of pyarrow reserve much and use little


@pytest.fixture(autouse=True)
def walls():
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + SPARE, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, old)


@pytest.fixture
def file(tmp_path):
    """A file that every input of a test is written to in turn: ``file(ending, data)`` gives its path."""

    def write(ending, data):
        path = tmp_path / f"input{ending}"
        path.write_bytes(data)
        return path

    return write
