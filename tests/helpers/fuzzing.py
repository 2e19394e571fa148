"""Inputs made from valid ones by damage, and the one promise that every reader keeps for all of them."""

import os
import random
import time
from copy import deepcopy
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aae.system.errors import AAEError
from helpers.reliability import record

ALL = os.environ.get("AAE_FUZZ") == "all"
PARTS = 6  # equal parts of a test, to be divided among processes
GROWTH = 600 * 2**20  # bytes; a process that has only loaded the package has 400 MB already

# Numbers that headers and lengths are wrong with: none, all, the last that fit, one beyond.
WORDS = tuple(
    (value & (2 ** (8 * size) - 1)).to_bytes(size, order)
    for size in (1, 2, 4, 8)
    for value in (0, 1, -1, 2 ** (8 * size - 1), 2 ** (8 * size - 1) - 1, 255, 2 ** (6 * size))
    for order in ("little", "big")
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("flip", "flip", "byte", "word", "cut", "drop", "double", "splice", "insert")),
        st.integers(0, 2**16 - 1),
        st.integers(0, 2**16 - 1),
    ),
    min_size=0,
    max_size=5,
)


def parts(test):
    """Give a test its number of equal parts: one in the usual suite, several to be divided with all inputs."""
    return pytest.mark.parametrize("part", range(PARTS if ALL else 1))(test)


def damaged(samples, focus=None):
    """Bytes of one of the samples after up to five steps of damage; rarely bytes of no origin.

    Args:
        samples: Valid files.
        focus: Bytes at the end of a file where its directory lies; half of the damage goes there.
    """
    damage = st.builds(lambda one, steps, last: _damage(samples, one, steps, focus if last else None),
                       st.integers(0, len(samples) - 1), STEPS, st.booleans())  # fmt: skip
    return st.one_of(*[damage] * 9, st.binary(max_size=200))


def _damage(samples, one, steps, focus):
    data = bytearray(samples[one])
    for kind, where, value in steps:
        first = max(0, len(data) - focus) if focus else 0
        place = first + where * (len(data) - first) // 2**16 if data else 0
        length = 1 + value % 16
        if kind == "flip" and data:
            data[place] ^= 1 << value % 8
        elif kind == "byte" and data:
            data[place] = value % 256
        elif kind == "word":
            word = WORDS[value % len(WORDS)]
            data[place : place + len(word)] = word
        elif kind == "cut":
            del data[place:]
        elif kind == "drop":
            del data[place : place + length]
        elif kind == "double":
            data[place:place] = data[place : place + 8 * length]
        elif kind == "splice":
            other = samples[value % len(samples)]
            data[place:] = other[len(other) * where // 2**16 :]
        elif kind == "insert":
            data[place:place] = WORDS[value % len(WORDS)] * length
    return bytes(data)


def changed(tree, values):
    """A strategy for JSON data like ``tree``: up to three places hold another value, are gone, or change places."""
    places = list(_places(tree))
    step = st.tuples(st.sampled_from(places), st.sampled_from(("set", "set", "set", "drop", "swap", "wrap")),
                     st.one_of(values, st.sampled_from(STRANGE)), st.sampled_from(places))  # fmt: skip
    return st.lists(step, min_size=1, max_size=3).map(lambda steps: _changed(tree, steps))


STRANGE = (
    None, True, False, 0, -1, 1, 2, 3, 2.5, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"),
    2**31, 2**40, 2**63, 2**64, -(2**63), 10**30, 10**400, "", "x", "hot", "0", "1", "-1", "abc" * 100,
    "../x", "/etc/passwd", "$\\frac{", "digits", "Gaussian", "MLPTrunk", "Autoencoder", "adversarial",
    "os.system", "__import__('os')", "torch.nn.Linear", "\0", "\x1b[31m", "\ud800", "=1+1", "<script>alert(1)</script>",
    [], [[]], {}, [0], [-1], [1, 2], [2**40], [10**9, 10**9], ["x"], [None], [True], [2.5], [{}], {"": 0}, {"x": []},
    {"type": "Latent"}, {"type": "Point", "features": 3, "dim": 2}, {"type": ["x"]}, {"type": None}, [1] * 200,
)  # fmt: skip


def _places(tree, path=()):
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from _places(value, (*path, key))


def _at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def _changed(tree, steps):
    tree = deepcopy(tree)
    for place, kind, value, other in steps:
        if not place:
            continue
        try:
            owner = _at(tree, place[:-1])
            if kind == "drop":
                del owner[place[-1]]
            elif kind == "wrap":
                owner[place[-1]] = [owner[place[-1]]]
            else:
                owner[place[-1]] = deepcopy(_at(tree, other) if kind == "swap" else value)
        except (LookupError, TypeError):  # an earlier step took the place away
            continue
    return tree


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)


def try_all(part, strategy, read, usual, every):
    """Give a reader inputs: each is read, or refused with a sentence; and memory stays where it was.

    Args:
        part: Name of the promise, as the table of docs/reliability.md has it.
        strategy: Where inputs come from.
        read: The reader.
        usual: Number of inputs in the usual suite.
        every: Number of inputs of this part with AAE_FUZZ=all.
    """
    tried = 0
    lost = []

    @settings(
        max_examples=every if ALL else usual, derandomize=not ALL, database=None, deadline=None,
        suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )  # fmt: skip
    @given(strategy)
    def survives(given):
        nonlocal tried
        tried += 1
        try:
            read(given)
        except AAEError as error:
            if not str(error).strip():
                raise AssertionError("An error without a sentence.") from error

    if ALL:
        seed = random.SystemRandom().getrandbits(32)
        print(f"{part}: seed {seed}")
        survives = hypothesis.seed(seed)(survives)
    _forget_peak()
    before, start = memory("VmRSS"), time.monotonic()
    try:
        survives()
    except BaseException as error:
        lost.append(error)
        raise
    finally:
        record(part, tried, tried - len(lost), len(lost), time.monotonic() - start)
    growth = memory("VmHWM") - before
    assert growth < GROWTH, f"{growth >> 20} MiB were taken"


def _forget_peak():
    """Let the system forget how much memory this process has ever had; tests before this one may have had a lot."""
    Path("/proc/self/clear_refs").write_text("5")


def memory(name):
    """Bytes that the system counts to this process under that name."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024
