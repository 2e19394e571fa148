import math

import pytest
import torch

from aae.data.augmentation import Affine
from helpers.close import assert_close
from helpers.models import same_output, through_json

pytestmark = pytest.mark.numeric

NOTHING = {"degrees": 0, "scale": 0, "shift": 0, "shear": 0}
SHAPES = [(12, 12), (9, 17), (12, 12, 3), (8, 8, 1)]


def blobs(count, height, width, x, y, size=1.5):
    """Round spots of that size, with centres ``x`` pixels right of and ``y`` below the middle."""
    down = torch.arange(height)[:, None] - (height - 1) / 2 - y
    right = torch.arange(width) - (width - 1) / 2 - x
    return torch.exp(-(down**2 + right**2) / (2 * size**2)).expand(count, -1, -1)


def centres(images):
    """Centre of mass of each image, ``(B, 2)``: right of and below the middle, in pixels."""
    _, height, width = images.shape
    down = torch.arange(height) - (height - 1) / 2
    right = torch.arange(width) - (width - 1) / 2
    mass = images.sum((1, 2))
    return torch.stack([(images.sum(1) @ right) / mass, (images.sum(2) @ down) / mass], 1)


def spreads(images):
    """Variances and covariance of each image's mass, ``(B, 3)``: across, down, both."""
    _, height, width = images.shape
    centre, mass = centres(images), images.sum((1, 2))
    right = torch.arange(width) - (width - 1) / 2 - centre[:, :1]
    down = torch.arange(height) - (height - 1) / 2 - centre[:, 1:]
    across = (images.sum(1) * right**2).sum(1) / mass
    along = (images.sum(2) * down**2).sum(1) / mass
    both = (images * down[:, :, None] * right[:, None, :]).sum((1, 2)) / mass
    return torch.stack([across, along, both], 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape(shape):
    change, x = Affine(), torch.rand(5, *shape)
    found = change(x)
    assert found.shape == x.shape
    assert not torch.allclose(found, x, atol=0.01)
    assert found.min() >= 0
    assert found.max() <= 1
    assert same_output(change, through_json(change), lambda c: c(x))
    assert torch.equal(change.eval()(x), x)
    assert repr(change) == "Affine()"


@pytest.mark.parametrize("shape", SHAPES)
def test_flips_mirror_half_of_the_images(shape):
    x = torch.rand(400, *shape)
    found = Affine(**NOTHING, flip=True)(x)
    axis = 2  # columns
    mirrored = (found - x.flip(axis)).flatten(1).abs().amax(1) < (found - x).flatten(1).abs().amax(1)
    assert 130 < mirrored.sum() < 270  # 7 standard deviations
    assert_close(found[mirrored], x[mirrored].flip(axis), 10, max(shape))
    assert_close(found[~mirrored], x[~mirrored], 10, max(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_zero_ranges_are_the_identity(shape):
    x = torch.rand(5, *shape)
    assert_close(Affine(**NOTHING)(x), x, 10, max(shape))  # places are counted in pixels, and so is their rounding


def test_every_image_gets_a_change_of_its_own():
    images = Affine()(torch.rand(1, 12, 12).expand(6, -1, -1))
    assert all(not torch.allclose(images[i], images[j], atol=0.01) for i in range(6) for j in range(i))


def test_the_background_stays_black_or_white():
    ink = torch.nn.functional.pad(torch.rand(40, 8, 8), (3, 3, 3, 3))
    change = Affine(degrees=40, shift=0.3)
    torch.manual_seed(0)
    on_black = change(ink)
    torch.manual_seed(0)
    on_white = change(1 - ink)
    assert_close(on_white, 1 - on_black, 2 * 4 + 10)
    assert on_white.flatten(1).amax(1).min() > 0.99


def test_each_channel_has_its_own_background():
    paper = torch.tensor([0.9, 0.2, 0.5])
    images = paper.expand(6, 10, 14, 3).clone()
    assert_close(Affine(shift=0.5)(images), images, 2 * 4 + 10)
    images[:, 0, 0] = torch.tensor([0.0, 1.0, 0.0])  # a speck on it
    moved = Affine(degrees=0, scale=0, shear=0, shift=0.5)(images)
    assert (moved - paper).abs().amax(-1).gt(0.01).flatten(1).sum(1).max() <= 4


@pytest.mark.parametrize(("height", "width"), [(24, 24), (24, 40)])
def test_shifts_are_shares_of_the_side(height, width):
    images = Affine(**NOTHING | {"shift": 0.2})(blobs(800, height, width, 0, 0))
    moved = centres(images)
    for place, side in enumerate((width, height)):
        reach = 0.2 * side
        assert moved[:, place].abs().max() <= reach + 0.05
        assert moved[:, place].min() < -0.95 * reach
        assert moved[:, place].max() > 0.95 * reach
        assert moved[:, place].std().item() == pytest.approx(reach / math.sqrt(3), rel=0.07)
    assert torch.corrcoef(moved.T)[0, 1].abs() < 0.15
    assert (spreads(images) - torch.tensor([2.25, 2.25, 0.0])).abs().max() < 0.3


@pytest.mark.parametrize(("height", "width"), [(31, 31), (31, 51)])
def test_rotations_keep_the_distance_from_the_middle_and_the_form(height, width):
    images = Affine(**NOTHING | {"degrees": 30})(blobs(400, height, width, 9, 0, size=1.2))
    x, y = centres(images).T
    assert torch.allclose(torch.hypot(x, y), torch.full((400,), 9.0), atol=0.15)
    angles = torch.atan2(y, x).rad2deg()
    assert angles.abs().max() <= 30.5
    assert angles.min() < -28
    assert angles.max() > 28
    assert angles.std().item() == pytest.approx(30 / math.sqrt(3), rel=0.1)


def test_scales_are_drawn_for_each_axis():
    images = Affine(**NOTHING | {"scale": 0.25})(blobs(500, 31, 31, 8, 8))
    factors = centres(images) / 8
    assert factors.min() == pytest.approx(0.75, abs=0.02)
    assert factors.max() == pytest.approx(1.25, abs=0.02)
    assert torch.corrcoef(factors.T)[0, 1].abs() < 5 / math.sqrt(500)  # five standard errors
    # A spot that is moved outwards becomes larger by the same factor.
    grown = (spreads(images)[:, :2] / 2.25).sqrt()
    assert torch.allclose(grown, factors, atol=0.08)


def test_shear_slants_an_upright_stroke():
    images = Affine(**NOTHING | {"shear": 0.3})(blobs(400, 31, 31, 0, 8))
    slant = centres(images)
    assert torch.allclose(slant[:, 1], torch.full((400,), 8.0), atol=0.1)
    assert slant[:, 0].abs().max() == pytest.approx(0.3 * 8, abs=0.1)


def test_no_image_is_mirrored():
    """The parity of three spots in an uneven triangle survives every change."""
    names = [(8.0, 0.0), (0.0, 8.0), (-8.0, -4.0)]
    torch.manual_seed(3)
    places = []
    for x, y in names:
        torch.manual_seed(3)
        places.append(centres(Affine()(blobs(300, 45, 45, x, y))))
    first, second = places[1] - places[0], places[2] - places[0]
    assert (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).min() > 0


def test_gradients_pass_through():
    x = torch.rand(4, 8, 8, requires_grad=True)
    Affine()(x).sum().backward()
    assert (x.grad.abs().sum((1, 2)) > 0).all()
