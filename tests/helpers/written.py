"""Small files of the formats that are read."""

import gzip

import numpy as np
from PIL import Image


def write_idx(path, array, magic=b"\x00\x00\x08"):
    """Write bytes as an IDX file; gzipped if the name ends in ``.gz``."""
    raw = magic + bytes([array.ndim]) + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()
    path.write_bytes(gzip.compress(raw, 1) if path.suffix == ".gz" else raw)
    return path


def write_picture(path, pixels):
    """Write bytes ``(H, W[, 3])`` as an image, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
