"""The range of values of images deeper than 8 bits."""

from dataclasses import dataclass

import numpy as np

__all__ = ["KINDS", "Deep", "range_of", "told_by"]

KINDS = {"integers": "more than 8 bits", "floats": "fractional numbers"}  # of deep images, and what they have
TOPS = {"integers": (255, 1023, 4095, 16383, 65535), "floats": (1, 255, 65535)}  # highest values of usual ranges
FAR = 100  # times the spread of the middle half of the values, beyond which a single value stands for "not measured"


@dataclass
class Deep:
    """The values of an image of more than 8 bits: kind, lowest, highest, and some of them."""

    kind: str
    low: float
    high: float
    some: np.ndarray


def told_by(kind: str, numbers: np.ndarray, count: int) -> Deep:
    """What the values of an image ``(H, W[, 3])`` tell, with ``count`` of them at most as a sample.

    Raises:
        ValueError: No pixel has a value.
    """
    finite = numbers if numbers.dtype.kind != "f" else numbers[np.isfinite(numbers)]
    if not finite.size:
        raise ValueError("no pixel has a value")
    flat = finite.reshape(-1)
    some = flat[:: -(-flat.size // count)].astype(np.float64)
    return Deep(kind, float(flat.min()), float(flat.max()), some)


def range_of(told: list[Deep], kind: str) -> tuple[float, float, list[float]]:
    """Lowest and highest value of deep images, and values outside that stand for "not measured".

    It is the usual range of 8, 10, 12, 14 or 16 bits, or of [0, 1], if the values fill at least half of it.
    """
    low, high = min(one.low for one in told), max(one.high for one in told)
    values = np.concatenate([one.some for one in told])
    first, third = np.percentile(values, [25, 75])
    reach = FAR * (third - first)
    absent = []
    # A single value, far from all others, that a sensor cannot give.
    below, above = values[values < first - reach], values[values > third + reach]
    if reach and low < 0 and low < first - reach and (below == low).all():
        absent.append(low)
    if reach and (high > 65535 or kind == "floats") and high > third + reach and (above == high).all():
        absent.append(high)
    if absent:
        rest = values[~np.isin(values, absent)]
        low, high = float(rest.min()), float(rest.max())
    top = next((top for top in TOPS[kind] if low >= 0 and high <= top), None)
    if top is not None and (high - low >= top / 2 or low == high):
        return 0.0, float(top), absent
    return low, high if high > low else low + 1, absent
