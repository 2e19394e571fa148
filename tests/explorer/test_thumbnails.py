import numpy as np
import pytest
from PIL import Image

from aae.explorer import thumbnails
from aae.explorer.thumbnails import sprite_sheets, tile_of

RNG = np.random.default_rng(0)


def smooth(count, side, channels):
    """Pictures as photographs are: broad shades with some noise, which PNG cannot make small."""
    y, x = np.mgrid[:side, :side] / side
    planes = [np.sin(3 * x * RNG.random() + 5 * y * RNG.random()) for _ in range(count * channels)]
    pictures = 127 + 100 * np.stack(planes).reshape(count, channels, side, side).transpose(0, 2, 3, 1)
    return (pictures + RNG.normal(0, 6, pictures.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(8, 8), (5, 11), (28, 28), (9, 7, 1), (8, 8, 3), (6, 6, 4)])
def test_small_images_are_kept_as_they_are(shape):
    x = RNG.integers(0, 256, (30, *shape), dtype=np.uint8)
    sheets, notes = sprite_sheets(x)
    assert sheets["tile"] == list(shape[:2])
    assert all(np.array_equal(tile_of(sheets, k).squeeze(), x[k].squeeze()) for k in range(30))
    assert not notes
    assert sheets["pixelated"]


@pytest.mark.parametrize(("side", "channels"), [(64, 3), (64, 1)])
def test_photographs_become_small_and_stay_recognisable(side, channels, monkeypatch):
    x = smooth(50, side, channels)
    monkeypatch.setattr(thumbnails, "BYTES", 800 * len(x))  # as many thousands have
    sheets, notes = sprite_sheets(x)
    assert sum(map(len, sheets["sheets"])) < 1.2 * 800 * len(x)
    assert (sheets["tile"][0] < side) == bool(notes)
    for k in (0, 25, 49):
        tile, colours = tile_of(sheets, k), [x[k][..., c] for c in range(channels)]
        small = [Image.fromarray(one).resize(sheets["tile"][::-1], Image.Resampling.BOX) for one in colours]
        expected = np.stack([np.asarray(one) for one in small], -1).astype(float)
        assert np.abs(tile.reshape(*sheets["tile"], channels) - expected).mean() < 12


def test_many_images_take_several_sheets(monkeypatch):
    monkeypatch.setattr(thumbnails, "SHEET", 64)
    x = RNG.integers(0, 256, (100, 8, 8), dtype=np.uint8)
    sheets, _ = sprite_sheets(x)
    assert len(sheets["sheets"]) == -(-100 // sheets["per_sheet"]) == 2
    assert all(np.array_equal(tile_of(sheets, k), x[k]) for k in range(100))


def test_channels_that_cannot_be_shown():
    sheets, (note,) = sprite_sheets(np.full((3, 8, 8, 2), [10, 30], np.uint8))
    assert (tile_of(sheets, 2) == 20).all()
    assert note == "2 channels cannot be shown; the images are grey, with the mean of them."


def test_a_single_image():
    x = RNG.integers(0, 256, (1, 8, 8), dtype=np.uint8)
    assert np.array_equal(tile_of(sprite_sheets(x)[0], 0), x[0])
