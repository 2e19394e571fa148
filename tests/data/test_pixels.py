"""Pixels of every kind that a file can hold: the right grey or colour, by one rule for the whole folder."""

import io
import struct
import zlib

import numpy as np
import platformdirs
import pytest
from PIL import Image

from aae.data.images import read_images
from aae.model.pictures import PictureFormat
from aae.system.errors import AAEError, UsageError

RNG = np.random.default_rng(0)
RAMP = np.linspace(0, 1, 144).reshape(12, 12)
BYTES = np.round(RAMP * 255)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(place / name))


def save(path, array, kind=None):
    Image.fromarray(array).save(path, kind)


def png(samples, colour):
    """A PNG of 16 bits, which Pillow writes for grey alone."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def tiff(samples, order="<"):
    """A TIFF of 16 bits and three colours."""
    data, (height, width, _) = samples.astype(order + "u2").tobytes(), samples.shape
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 0), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 8),
            (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(data)), (284, 3, 1, 1)]  # fmt: skip
    start = 8 + len(data)
    after = start + 2 + 12 * len(tags) + 4
    found = struct.pack(order + "H", len(tags))
    for tag, kind, count, value in tags:
        if tag == 258:
            found += struct.pack(order + "HHII", tag, kind, count, after)
        else:
            found += struct.pack(order + "HHI", tag, kind, count)
            found += struct.pack(order + ("HH" if kind == 3 else "I"), *(value, 0)[: 5 - kind])
    ends = struct.pack(order + "I", 0) + struct.pack(order + "HHH", 16, 16, 16)
    return struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, start) + data + found + ends


def near(x, expected, by=1):
    return np.abs(x.astype(float) - expected).max() <= by


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_ordinary_bytes_stay_what_they_are(tmp_path, colour, ending):
    pixels = RNG.integers(0, 256, (12, 12, 3) if colour else (12, 12), dtype=np.uint8)
    save(tmp_path / f"a.{ending}", pixels)
    pictures = read_images(tmp_path)
    assert np.array_equal(pictures.x[0], pixels)
    assert pictures.how == PictureFormat(fit="crop")
    assert not pictures.notes


@pytest.mark.parametrize(("top", "limits"), [
    (65535, (0, 65535)), (40000, (0, 65535)), (16383, (0, 16383)), (4095, (0, 4095)), (3000, (0, 4095)),
    (1023, (0, 1023)), (255, (0, 255)),
])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_grey_of_16_bits_by_the_bits_that_are_used(tmp_path, top, limits, ending):
    for k, share in enumerate((1, 0.5)):
        save(tmp_path / f"{k}.{ending}", np.round(RAMP * top * share).astype(np.uint16))
    pictures = read_images(tmp_path)
    assert pictures.how.integers == limits
    assert near(pictures.x[0], BYTES * top / limits[1])
    assert near(pictures.x[1], BYTES * top / limits[1] / 2)
    assert pictures.notes[0].startswith("2 images have more than 8 bits: values from 0 to ")


def test_values_that_fill_a_part_of_a_range_have_their_own(tmp_path):
    save(tmp_path / "a.png", np.round(30000 + RAMP * 2000).astype(np.uint16))
    save(tmp_path / "b.png", np.round(31000 + RAMP * 2000).astype(np.uint16))
    pictures = read_images(tmp_path)
    assert pictures.how.integers == (30000, 33000)
    assert near(pictures.x[0], BYTES * 2 / 3)
    assert near(pictures.x[1], 85 + BYTES * 2 / 3)


@pytest.mark.parametrize(("top", "limits"), [(65535, (0, 65535)), (4095, (0, 4095))])
@pytest.mark.parametrize("kind", ["png", "little tiff", "big tiff", "png with alpha"])
def test_colour_of_16_bits(tmp_path, top, limits, kind):
    share = np.stack([RAMP, RAMP[::-1], RAMP.T], -1)
    samples = np.round(share * top).astype(np.uint16)
    if kind == "png with alpha":
        data = png(np.concatenate([samples, np.full((12, 12, 1), 65535, np.uint16)], -1), 6)
    else:
        data = png(samples, 2) if kind == "png" else tiff(samples, "<" if kind.startswith("little") else ">")
    (tmp_path / f"a.{'png' if 'png' in kind else 'tif'}").write_bytes(data)
    pictures = read_images(tmp_path)
    assert pictures.how.integers == limits
    assert near(pictures.x[0], share * 255)


@pytest.mark.parametrize(("low", "high", "limits"), [
    (0, 1, (0, 1)), (0.2, 0.9, (0, 1)), (0, 255, (0, 255)), (0, 200, (0, 255)), (-1, 1, (-1, 1)),
    (1e6, 3e6, (1e6, 3e6)),
    (0, 0.01, (0, 0.01)), (0, 60000, (0, 65535)),
])
def test_fractional_numbers(tmp_path, low, high, limits):
    save(tmp_path / "a.tif", (low + RAMP * (high - low)).astype(np.float32))
    pictures = read_images(tmp_path)
    assert pictures.how.floats == pytest.approx(limits)
    span = limits[1] - limits[0]
    assert near(pictures.x[0], (low - limits[0] + RAMP * (high - low)) / span * 255)


def test_whole_numbers_of_32_bits_and_negative_ones(tmp_path):
    save(tmp_path / "a.tif", np.round(RAMP * 4096 - 1024).astype(np.int32))
    pictures = read_images(tmp_path)
    assert pictures.how.integers == (-1024, 3072)
    assert near(pictures.x[0], BYTES)


@pytest.mark.parametrize("mark", [-9999, 1e30, np.nan, np.inf])
def test_pixels_that_were_not_measured_do_not_set_the_range(tmp_path, mark):
    values = (100 + RAMP * 100).astype(np.float32)
    values[:2] = mark
    save(tmp_path / "a.tif", values)
    pictures = read_images(tmp_path)
    assert pictures.how.floats == pytest.approx((100, 200), abs=20)
    assert np.ptp(pictures.x[0, 2:]) > 200
    assert any("far from all others" in note for note in pictures.notes) == bool(np.isfinite(mark))


def test_faint_noise_and_strong_signals_are_no_such_pixels(tmp_path):
    values = RNG.normal(10, 1, (40, 40))
    values[10:15] = RNG.normal(30000, 3000, (5, 40))
    save(tmp_path / "a.tif", values.astype(np.float32))
    assert read_images(tmp_path).how.floats[1] > 30000


def test_a_value_named_by_the_file_as_not_measured(tmp_path):
    values = (100 + RAMP * 100).astype(np.float32)
    values[:6] = -9999
    Image.fromarray(values).save(tmp_path / "a.tif", tiffinfo={42113: "-9999"})
    pictures = read_images(tmp_path)
    assert pictures.how.floats[0] > 100
    assert not pictures.x[0, :6].any()


def test_a_folder_of_one_value(tmp_path):
    save(tmp_path / "a.png", np.full((9, 9), 0x8000, np.uint16))
    assert (read_images(tmp_path).x == 128).all()


def test_a_range_that_is_given_is_kept(tmp_path):
    save(tmp_path / "a.png", np.round(RAMP * 1000).astype(np.uint16))
    pictures = read_images(tmp_path, how=PictureFormat("crop", None, (0, 4095)))
    assert near(pictures.x[0], RAMP * 1000 / 4095 * 255)
    assert pictures.notes == ["1 image has more than 8 bits: values from 0 to 4,095 are read as black to white, as in "
                              "training."]


def test_values_beyond_a_range_that_is_given_are_told(tmp_path):
    for k in range(5):
        save(tmp_path / f"{k}.png", np.round(RAMP * 4000 if k < 4 else 5000 + RAMP).astype(np.uint16))
    notes = read_images(tmp_path, how=PictureFormat("crop", None, (0, 4095)).for_others()).notes
    assert notes[0].endswith(" 1 image has most pixels beyond this range, which come out black or white.")
    assert notes[1] == ("1 of 5 images is of one colour after reading (values from 0 to 4,095 are read as black to "
                        "white); check that they are like the images of the training.")


def test_what_training_had_none_of_is_decided_by_each_image_alone(tmp_path):
    save(tmp_path / "a.png", np.round(RAMP * 1000).astype(np.uint16))
    save(tmp_path / "b.png", np.round(RAMP * 60000).astype(np.uint16))
    save(tmp_path / "c.tif", (RAMP * 3 - 1).astype(np.float32))
    for k, ink in enumerate((255, 255, 0)):
        strokes("LA", ink).save(tmp_path / f"d{k}.png")
    how = PictureFormat("crop").for_others()
    together = read_images(tmp_path, 12, False, how=how)
    for sentence in ("3 images have transparent parts, which are read as black behind light drawings",
                     "2 images have more than 8 bits, as no image had in training", "1 image has fractional numbers"):
        assert any(note.startswith(sentence) for note in together.notes)
    for row, name in zip(together.x, together.files, strict=True):
        assert np.array_equal(read_images(tmp_path / name, 12, False, how=how).x[0], row)
        assert np.ptp(row) > 200


def strokes(mode, ink):
    """A cross, on nothing."""
    colour = {"LA": (ink, 255), "RGBA": (ink, ink, ink, 255)}[mode]
    image = Image.new(mode, (12, 12), (ink, 0) if mode == "LA" else (ink, ink, ink, 0))
    for k in range(12):
        image.putpixel((k, 6), colour)
    return image


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize(("ink", "ground", "name"), [(255, 0, "black"), (0, 255, "white"), (220, 0, "black")])
def test_strokes_on_transparency_can_be_seen(tmp_path, mode, ink, ground, name):
    for k in range(3):
        strokes(mode, ink).save(tmp_path / f"{k}.png")
    pictures = read_images(tmp_path, colour=False)
    assert pictures.how.background == name
    assert (pictures.x[:, 6] == ink).all()
    assert (pictures.x[:, 0] == ground).all()
    assert pictures.notes == [f"3 images have transparent parts, which are read as {name}."]


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour(tmp_path, mode):
    grey = np.full((12, 12), 30, np.uint8)
    grey[6] = 250
    image = Image.fromarray(grey)
    if mode == "P":
        image = image.quantize(2)
        image.save(tmp_path / "a.png", transparency=image.getpixel((0, 0)))
    else:
        image.convert(mode).save(tmp_path / "a.png", transparency=30 if mode == "L" else (30, 30, 30))
    pictures = read_images(tmp_path, colour=False)
    assert pictures.how.background == "black"
    assert (pictures.x[0, 0] == 0).all()
    assert near(pictures.x[0, 6], 250)


def test_opaque_alpha_is_no_transparency(tmp_path):
    pixels = RNG.integers(0, 256, (12, 12, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    save(tmp_path / "a.png", pixels)
    pictures = read_images(tmp_path)
    assert np.array_equal(pictures.x[0], pixels[..., :3])
    assert pictures.how.background is None


def test_one_background_for_a_folder_and_the_one_that_is_given(tmp_path):
    for k, ink in enumerate((255, 255, 90)):
        strokes("LA", ink).save(tmp_path / f"{k}.png")
    assert read_images(tmp_path).how.background == "black"
    pictures = read_images(tmp_path, how=PictureFormat(background="white"))
    assert (pictures.x[0] == 255).all()
    assert pictures.notes[0] == "3 images have transparent parts, which are read as white, as in training."
    assert pictures.notes[1] == ("2 of 3 images are of one colour each after reading (transparent parts are read as "
                                 "white), so there is nothing to learn from them; check how they were saved.")


def test_light_and_dark_drawings_in_one_folder(tmp_path):
    for k in range(10):
        strokes("LA", 255 * (k % 2)).save(tmp_path / f"{k}.png")
    pictures = read_images(tmp_path)
    assert pictures.how.background == "each"
    assert (pictures.x[::2, 0] == 255).all()
    assert (pictures.x[1::2, 0] == 0).all()
    assert pictures.notes == ["10 images have transparent parts, which are read as black behind light drawings and as "
                              "white behind dark ones, for each image by itself."]


def test_all_transparent_pixels(tmp_path):
    save(tmp_path / "a.png", np.zeros((9, 9, 4), np.uint8))
    assert (read_images(tmp_path).x == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGB", "RGBA", "LA", "YCbCr"])
def test_modes(tmp_path, mode):
    red = Image.new("RGB", (12, 12), (200, 30, 30))
    image = red.convert(mode) if mode != "P" else red.quantize(4)
    image.save(tmp_path / ("a.tif" if mode in ("CMYK", "YCbCr") else "a.png"))
    x = read_images(tmp_path).x[0]
    expected = np.asarray((red if mode == "P" else red.convert(mode)).convert("RGB" if x.ndim == 3 else "L"))
    if mode in ("L", "LA", "1"):
        assert x.ndim == 2
        assert near(x, expected)
    else:
        assert near(x, expected, 4)


def test_photos_in_print_colours(tmp_path):
    Image.new("RGB", (16, 16), (200, 30, 30)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert near(read_images(tmp_path).x[0], np.array([200, 30, 30]), 12)


@pytest.mark.parametrize("ending", ["tif", "gif", "webp", "png"])
def test_of_several_pages_the_first_is_read_and_that_is_said(tmp_path, ending):
    first, second = (Image.fromarray(np.full((16, 16), value, np.uint8)) for value in (250, 0))
    first.putpixel((3, 3), 0)
    first.save(tmp_path / f"a.{ending}", save_all=True, append_images=[second])
    first.save(tmp_path / "b.png")
    pictures = read_images(tmp_path, colour=False)
    assert near(pictures.x[0, 8:], 250, 5)
    assert pictures.notes == ["1 image has several pages or frames; only the first is read."]


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((16, 16), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "b.png", exif=exif)
    for x in read_images(tmp_path, size=16).x.astype(int):
        assert x[:, 8:].mean() - x[:, :8].mean() > 250


def test_only_a_tga_is_read_as_such(tmp_path):
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (12, 12), dtype=np.uint8)).save(file, "TGA")
    (tmp_path / "a.png").write_bytes(file.getvalue())
    with pytest.raises(AAEError, match="cannot identify image file"):
        read_images(tmp_path)
    (tmp_path / "b.tga").write_bytes(file.getvalue())
    assert read_images(tmp_path).files == ["b.tga"]


@pytest.mark.parametrize(("arguments", "error"), [
    ({"fit": "squeeze"}, r"by crop, pad, stretch, not by 'squeeze'; change --fit"),
    ({"background": "grey"}, "white or black"), ({"integers": [3, 3]}, "a lowest and a highest"),
    ({"floats": [1, 0]}, "a lowest and a highest"), ({"floats": [1]}, "a lowest and a highest"),
])
def test_formats_that_are_refused(arguments, error):
    with pytest.raises(UsageError if "fit" in arguments else AAEError, match=error):
        PictureFormat(**arguments)
