"""How far apart two computations of the same numbers may end, from the arithmetic and not from what a machine printed.

Processors, libraries and numbers of threads add in different orders, and each order rounds in its own way. A tolerance
that was read off one machine is too small for the next one; one that follows from the arithmetic holds for all.
"""

import numpy as np
import torch


def rounding(terms, dtype=torch.float32):
    """The relative difference between two ways to add up that many numbers.

    A sum of n numbers rounds n - 1 times, each time by at most half an eps of the sum of their magnitudes, and the two
    ways may err in opposite directions. A function such as ``exp`` counts as two terms or three. Where sums follow one
    another, as in layers, their relative errors add up: ``terms`` is how many there are along the longest path.
    """
    return terms * torch.finfo(dtype).eps


def assert_close(found, expected, terms, size=None, name=""):
    """Check that numbers differ by no more than `rounding`; see there for ``terms``.

    ``size`` is how large the terms are, as one number or one for each result; without it, as large as the largest
    result. Terms that cancel out are larger than what they come to, and it is they that were rounded.
    """
    found, expected = (np.asarray(_array(value), dtype=np.float64) for value in (found, expected))
    assert found.shape == expected.shape, (name, found.shape, expected.shape)
    allowed = rounding(terms) * (np.abs(expected).max(initial=0.0) if size is None else np.asarray(_array(size)))
    apart = np.abs(found - expected)
    wrong = ~(apart <= allowed)  # which NaN is as well
    assert not wrong.any(), (
        f"{name or 'numbers'}: {wrong.sum()} of {wrong.size} are more than rounding apart, the worst by "
        f"{apart.max():.3g} where {np.max(allowed):.3g} is allowed"
    )


def layers(model):
    """Terms on the longest way through a model: the inputs of every layer, and a few for what follows it."""
    return sum(weight[0].numel() + 10 for weight in model.parameters() if weight.dim() > 1)


def _array(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else value
