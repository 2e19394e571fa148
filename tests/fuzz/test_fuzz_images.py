"""Image files from strangers."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from aae.data import images
from aae.data.image_cache import ImageCache
from helpers.fuzzing import damaged, parts, try_all

RNG = np.random.default_rng(0)
GREY = Image.fromarray(RNG.integers(0, 256, (12, 10), dtype=np.uint8))
COLOUR = Image.fromarray(RNG.integers(0, 256, (9, 14, 3), dtype=np.uint8))
CLEAR = Image.fromarray(RNG.integers(0, 256, (9, 9, 4), dtype=np.uint8))
DEEP = Image.fromarray(RNG.integers(0, 2**16, (9, 9)).astype(np.uint16))


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
SAMPLES = {
    "PNG": [saved(GREY, "PNG"), saved(CLEAR, "PNG"), saved(DEEP, "PNG"),
            saved(COLOUR.quantize(8), "PNG", transparency=0),
            saved(COLOUR, "PNG", exif=EXIF, dpi=(72, 72)), saved(GREY, "PNG", save_all=True, append_images=[GREY])],
    "JPEG": [saved(GREY, "JPEG"), saved(COLOUR, "JPEG", exif=EXIF), saved(COLOUR, "JPEG", progressive=True),
             saved(COLOUR.convert("CMYK"), "JPEG")],
    "GIF": [saved(GREY, "GIF"), saved(COLOUR, "GIF", save_all=True, append_images=[GREY, COLOUR]),
            saved(COLOUR.quantize(8), "GIF", transparency=1)],
    "BMP": [saved(GREY, "BMP"), saved(COLOUR, "BMP"), saved(GREY.convert("1"), "BMP"), saved(CLEAR, "BMP")],
    "TIFF": [saved(GREY, "TIFF"), saved(DEEP, "TIFF"), saved(CLEAR, "TIFF", compression="tiff_lzw"),
             saved(COLOUR, "TIFF", compression="tiff_deflate"), saved(COLOUR, "TIFF", compression="jpeg"),
             saved(GREY.convert("1"), "TIFF", compression="group4"), saved(GREY.convert("F"), "TIFF"),
             saved(GREY.convert("I"), "TIFF"),
             saved(GREY, "TIFF", save_all=True, append_images=[GREY])],
    "WEBP": [saved(COLOUR, "WEBP"), saved(CLEAR, "WEBP", lossless=True),
             saved(COLOUR, "WEBP", save_all=True, append_images=[COLOUR])],
    "AVIF": [saved(COLOUR, "AVIF"), saved(CLEAR, "AVIF")],
    "JPEG2000": [saved(GREY, "JPEG2000"), saved(COLOUR, "JPEG2000"), saved(CLEAR, "JPEG2000")],
    "PPM": [saved(GREY, "PPM"), saved(COLOUR, "PPM"), saved(GREY.convert("1"), "PPM"), saved(GREY.convert("F"), "PPM")],
}  # fmt: skip
EVERY = [raw for some in SAMPLES.values() for raw in some]
OTHERS = [saved(COLOUR, kind) for kind in ("EPS", "TGA", "PCX", "ICO", "PDF", "ICNS", "SGI", "DDS")]


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(ImageCache, "load", lambda self, mapped=False: None)
    monkeypatch.setattr(ImageCache, "save", lambda self, x, facts: None)


@pytest.fixture
def read(file):
    return lambda data: images.read_images(file(".png", data).parent)


def with_sums(raw):
    """A PNG file whose checksums are right, so that damage comes to the decoder."""
    data, place = bytearray(raw), 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        end = place + 8 + length
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(data)


@parts
@pytest.mark.parametrize("kind", SAMPLES)
def test_images(read, kind, part):
    strategy = damaged([*SAMPLES[kind], *EVERY[:2]])
    if kind == "PNG":
        strategy = st.one_of(strategy, strategy.map(with_sums), strategy.map(with_sums))
    try_all("images", strategy, read, 100, 800)


@parts
def test_other_formats(read, part):
    try_all("images", damaged(OTHERS), read, 50, 300)
