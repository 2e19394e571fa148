"""Inputs for fuzzing: valid bytes and JSON with a few things wrong in them."""

import copy

from hypothesis import strategies as st

INTERESTING = [0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**60, 2**63,
               2**64 - 1]  # fmt: skip
TEXTS = ["", "type", "z", "y", "Point", "Gaussian", "MLPTrunk", "Autoencoder", "os.system", "__import__('os')", "../x",
         "<script>alert(1)</script>", "=1+1", "\0", "\x1b[31m", "$\\frac{", "e" * 5000, "nan", "digits", "mnist",
         "/etc/passwd", "adversarial", "\ud800".encode("utf-8", "replace").decode()]  # fmt: skip


@st.composite
def changed(draw, samples):
    """One of the samples with up to four changes, or bytes that are none."""
    if draw(st.integers(0, 30)) == 0:
        return draw(st.binary(max_size=200))
    raw = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(raw) - 1)))
        kind = draw(st.integers(0, 5))
        if kind == 0 and raw:
            raw[place] ^= draw(st.integers(1, 255))
        elif kind == 1:
            del raw[place:]
        elif kind == 2:  # a piece of another sample
            other = draw(st.sampled_from(samples))
            start = draw(st.integers(0, len(other)))
            raw[place : place + 8] = other[start : start + draw(st.integers(0, 64))]
        elif kind == 3:  # a number that may be a size
            width = draw(st.sampled_from([1, 2, 4, 8]))
            value = draw(st.sampled_from(INTERESTING)) % (1 << 8 * width)
            raw[place : place + width] = value.to_bytes(width, draw(st.sampled_from(["little", "big"])))
        elif kind == 4:
            raw[place:place] = raw[place : place + draw(st.integers(0, 64))]
        else:
            raw[place:place] = draw(st.sampled_from(TEXTS)).encode()[:100]
    return bytes(raw)


ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 40), st.sampled_from([*INTERESTING, -1, -(2**63), 10**400]),
    st.floats(), st.sampled_from(TEXTS), st.just([]), st.just({}), st.just([[]]), st.just({"type": "Point"}),
    st.lists(st.integers(-2, 300), max_size=4), st.text(max_size=5),
)  # fmt: skip


def places(data, where=()):
    """Every place in JSON data, as a path of keys."""
    yield where
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*where, key))


@st.composite
def changed_json(draw, samples):
    """One of the samples with up to three values replaced, moved, repeated or taken out."""
    data = copy.deepcopy(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 3))):
        every = list(places(data))
        where = every[draw(st.integers(0, len(every) - 1))]
        if not where:
            return copy.deepcopy(draw(ATOMS))
        home = data
        for key in where[:-1]:
            home = home[key]
        kind = draw(st.integers(0, 4))
        if kind <= 1:
            home[where[-1]] = copy.deepcopy(draw(ATOMS))
        elif kind == 2:
            del home[where[-1]]
        elif kind == 3:  # what stands elsewhere
            value = data
            for key in every[draw(st.integers(0, len(every) - 1))]:
                value = value[key]
            home[where[-1]] = copy.deepcopy(value)
        elif isinstance(home, dict):
            home[draw(st.sampled_from(TEXTS))] = copy.deepcopy(draw(ATOMS))
        else:
            home.extend(copy.deepcopy(home[where[-1]]) for _ in range(draw(st.integers(1, 20))))
    return data
