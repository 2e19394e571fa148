"""Images as an encoder reads them, by the documented meaning of preprocessor_config.json."""

import numpy as np
import pytest
from PIL import Image

from aae.data.features.preprocessing import preprocessing_of
from aae.system.errors import AAEError

PLAIN = {"size": {"height": 4, "width": 6}, "do_normalize": False}
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def read(settings, pixels=PIXELS):
    found = preprocessing_of(settings, "preprocessor_config.json")
    out = np.empty((3, *found.sides), np.float32)
    found.read(Image.fromarray(pixels), out)
    return out


def resized(width, height, resample=Image.Resampling.BICUBIC, pixels=PIXELS):
    return np.asarray(Image.fromarray(pixels).resize((width, height), resample), np.float32).transpose(2, 0, 1)


def test_height_and_width_and_bytes_as_shares_of_white():
    assert np.allclose(read(PLAIN), resized(6, 4) / 255)


def test_the_shorter_side_is_scaled_and_the_middle_is_cut_out():
    settings = {"size": {"shortest_edge": 10}, "crop_size": {"height": 8, "width": 6}, "do_normalize": False}
    assert np.allclose(read(settings), resized(15, 10)[:, 1:9, 4:10] / 255)
    upright = PIXELS.transpose(1, 0, 2)
    assert np.allclose(read(settings, upright), resized(10, 15, pixels=upright)[:, 3:11, 2:8] / 255)


def test_a_side_is_rounded_down():
    settings = {"size": {"shortest_edge": 7}, "crop_size": 7, "do_normalize": False}  # 30 x 7 / 20 = 10.5
    assert np.allclose(read(settings), resized(10, 7)[:, :, 1:8] / 255)


def test_one_number_is_the_shorter_side_before_a_crop_and_both_sides_without_one():
    cropped = {"size": 10, "do_center_crop": True, "crop_size": 8, "do_normalize": False}
    assert np.allclose(read(cropped), resized(15, 10)[:, 1:9, 3:11] / 255)
    assert np.allclose(read({"size": 5, "do_normalize": False}), resized(5, 5) / 255)


def test_mean_deviation_factor_and_interpolation():
    settings = PLAIN | {"do_normalize": True, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 1, 2],
                        "rescale_factor": 1 / 128, "resample": 0}  # fmt: skip
    mean, deviation = np.array([0.1, 0.2, 0.3])[:, None, None], np.array([0.5, 1, 2])[:, None, None]
    assert np.allclose(read(settings), (resized(6, 4, Image.Resampling.NEAREST) / 128 - mean) / deviation, atol=1e-6)


def test_steps_that_are_switched_off():
    off = {"do_resize": False, "do_rescale": False, "do_normalize": False, "do_center_crop": True, "crop_size": 20,
           "size": {"height": 4, "width": 4}, "image_mean": [1, 1, 1], "image_std": [1, 1, 1]}  # fmt: skip
    assert np.array_equal(read(off), PIXELS.transpose(2, 0, 1)[:, :, 5:25])


def test_a_crop_larger_than_the_image_is_black_around_it():
    out = read({"do_resize": False, "crop_size": {"height": 24, "width": 30}, "do_rescale": False})
    assert np.array_equal(out[:, 2:22], PIXELS.transpose(2, 0, 1))
    assert not out[:, :2].any()
    assert not out[:, 22:].any()


def test_the_crop_of_convnext():
    settings = {"size": {"shortest_edge": 7}, "crop_pct": 0.875, "do_normalize": False}
    assert np.allclose(read(settings), resized(12, 8)[:, :7, 2:9] / 255)
    assert np.allclose(read(settings | {"size": {"shortest_edge": 384}}), resized(384, 384) / 255)


def test_channels_in_the_order_of_opencv():
    assert np.allclose(read(PLAIN | {"do_flip_channel_order": True}), resized(6, 4)[::-1] / 255)


def test_grey_and_transparent_images_become_colour():
    found = preprocessing_of(PLAIN, "file")
    out = np.empty((3, 4, 6), np.float32)
    found.read(Image.new("L", (9, 9), 51), out)
    assert np.allclose(out, 0.2)


@pytest.mark.parametrize(("change", "sentence"), [
    ({"size": {"height": 0, "width": 4}}, "size = {'height': 0, 'width': 4}; a side is 1 to 4,096 pixels"),
    ({"size": "large"}, "size = 'large'; a side is"),
    ({"size": {"longest_edge": 9}}, "a longest_edge is not supported"),
    ({"size": {"shortest_edge": 9}}, "pictures of different sizes"),
    ({"size": True}, "size = True; a side is"),
    ({"resample": 17}, "resample = 17; it is a number from 0 to 5"),
    ({"do_normalize": True, "image_mean": [0, 0], "image_std": [1, 1, 1]}, "image_mean = [0, 0]; it is three numbers"),
    ({"do_normalize": True, "image_mean": [0, 0, float("nan")], "image_std": 1}, "it is three numbers"),
    ({"do_normalize": True, "image_mean": 0, "image_std": [1, 0, 1]}, "image_std = [1, 0, 1]; it must be positive"),
    ({"do_normalize": True, "image_mean": None, "image_std": 1}, "image_mean = None; it is three numbers"),
    ({"rescale_factor": "1/255"}, "rescale_factor = '1/255'; it is a number"),
    ({"rescale_factor": 0}, "rescale_factor = 0; it is a number"),
    ({"do_resize": "yes"}, "do_resize = 'yes'; it is true or false"),
    ({"do_pad": True}, "do_pad = True; padding is not supported"),
    ({"crop_size": -3, "do_center_crop": True}, "crop_size = -3; a side is"),
    ({"do_resize": False}, "pictures of different sizes"),
])  # fmt: skip
def test_nonsense_is_one_sentence(change, sentence):
    with pytest.raises(AAEError) as error:
        preprocessing_of(PLAIN | change, "preprocessor_config.json")
    assert sentence in str(error.value)
    assert str(error.value).startswith("preprocessor_config.json")
