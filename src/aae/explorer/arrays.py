"""Arrays as JSON: little-endian bytes in base64."""

import base64
from typing import Any

import numpy as np

__all__ = ["pack"]

_TYPES = {"f16": "<f2", "f32": "<f4", "u8": "|u1", "i16": "<i2", "u16": "<u2", "i32": "<i4", "u32": "<u4"}


def pack(array: Any, dtype: str) -> dict[str, Any]:
    """An array for the page, in C order.

    Args:
        array: The array.
        dtype: How it is stored: f16, f32, u8, i16, u16, i32 or u32.

    Example:
        >>> pack([[1, 2]], "u8")
        {'dtype': 'u8', 'shape': [1, 2], 'b64': 'AQI='}
    """
    with np.errstate(over="ignore"):  # beyond float16 it becomes infinite
        values = np.ascontiguousarray(array, dtype=_TYPES[dtype])
    return {"dtype": dtype, "shape": list(values.shape), "b64": base64.b64encode(values.tobytes()).decode()}
