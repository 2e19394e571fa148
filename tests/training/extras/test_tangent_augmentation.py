import math

import pytest
import torch

import aae
from aae.distributed.fabric import make_fabric
from aae.presets.build import build_model
from aae.presets.presets import resolve
from aae.presets.terms import build_terms
from aae.system.errors import AAEError
from aae.training.extras.tangent_augmentation import TangentAugmentation
from aae.training.settings import Settings
from aae.training.trainer import Trainer

pytestmark = pytest.mark.numeric


def rings(count=400):
    """Points on two circles about the origin, in a plane of five dimensions; neighbours lie along the circle."""
    generator = torch.Generator().manual_seed(0)
    angle = torch.rand(count, generator=generator) * 2 * math.pi
    radius = torch.where(torch.arange(count) % 2 == 0, 1.0, 3.0)
    plane = torch.linalg.qr(torch.randn(5, 5, generator=generator))[0][:2]
    return (radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)) @ plane


def change_for(rows, **arguments):
    torch.manual_seed(0)
    change = TangentAugmentation(**arguments)
    change.learn(rows)
    return change


def test_rows_on_circles_are_rotated():
    """A random step of the same length would change the radius as much as the angle."""
    rows = rings()
    changed = change_for(rows, scale=3.0, generators=2)(rows)
    turned = torch.cosine_similarity(rows, changed).clamp(max=1).acos()
    assert turned.mean() > 0.1
    assert (changed.norm(dim=1) / rows.norm(dim=1) - 1).abs().mean() < 0.5 * turned.mean()


def test_changes_grow_with_the_scale():
    rows = rings()
    assert torch.equal(change_for(rows, scale=0.0)(rows), rows)
    far = [(change_for(rows, scale=scale, generators=1)(rows) - rows).norm(dim=1).mean().item() for scale in (0.5, 1.0)]
    assert far[1] == pytest.approx(2 * far[0], rel=0.1)


def test_every_row_and_every_call_draws_its_own_change():
    change, row = change_for(rings(), generators=2), rings()[:1].expand(6, -1)
    first, second = change(row), change(row)
    assert len(first.unique(dim=0)) == 6
    assert not torch.equal(first, second)


def test_values_stay_in_the_range_of_their_column():
    rows = rings().view(-1, 5, 1)
    changed = change_for(rows, scale=20.0)(rows)
    assert changed.shape == rows.shape
    assert (changed >= rows.amin(0)).all()
    assert (changed <= rows.amax(0)).all()
    assert not torch.allclose(changed, rows)


def test_learning_is_deterministic():
    one, other = change_for(rings()), change_for(rings())
    assert torch.equal(one.learned, other.learned)
    assert torch.equal(one.spread, other.spread)


@pytest.mark.parametrize("rows", [torch.ones(30, 4), torch.ones(1, 4)])
def test_nothing_is_learned_from_equal_rows(rows):
    assert torch.equal(change_for(rows)(rows), rows)


def test_nothing_is_changed_before_learning():
    rows = rings()
    assert torch.equal(TangentAugmentation()(rows), rows)


@pytest.mark.parametrize("count", [2, 5])
def test_few_rows(count):
    rows = rings()[:count]
    assert change_for(rows)(rows).isfinite().all()


def test_changed_handwriting_stays_near_handwriting():
    """Nearer than after a random step of the same length."""
    data = aae.load_data("digits")
    rows = torch.as_tensor(data.x).float() / data.x.max()
    change = change_for(rows, scale=1.0)
    changed = change(rows)
    random = torch.randn_like(rows).flatten(1)
    random *= (changed - rows).flatten(1).norm(dim=1, keepdim=True) / random.norm(dim=1, keepdim=True)

    def distance(moved):  # to the nearest other row
        apart = torch.cdist(moved.flatten(1), rows.flatten(1))
        return apart.fill_diagonal_(math.inf).amin(1).mean()

    assert distance(changed) < 0.9 * distance(rows + random.view_as(rows))


@pytest.mark.parametrize("listed", [False, True])
def test_a_training_lets_it_learn_from_its_rows(listed):
    """Both if it is listed among the extras and if it is only part of a term."""
    data = aae.load_data("digits")
    term = aae.Consistency(TangentAugmentation(), metric="transformation_loss")
    model = build_model(resolve("semi-supervised"), data, 100)
    settings = Settings(steps=2, terms=(term,), extras=(term.change,) if listed else ())
    trainer = Trainer(model, data, aae.split_data(data, 100, seed=0), settings, 0, make_fabric("cpu"))
    assert term.change.learned is not None
    assert trainer.train_step()["transformation_loss"] >= 0


def test_the_options():
    nothing = {"vat_radius": 0.0, "interpolation": 0.0}
    options = resolve("semi-supervised", nothing | {"transformation": 0.6, "transformation_scale": 1.5})
    (term,) = build_terms(options, aae.load_data("digits"))
    assert (term.weight, term.change.scale) == (0.6, 1.5)
    assert not build_terms(resolve("semi-supervised", nothing | {"transformation": 0.0}), aae.load_data("digits"))


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda: TangentAugmentation(directions=0), "TangentAugmentation: directions must be a whole number"),
    (lambda: TangentAugmentation(scale=-1), "TangentAugmentation: scale must be a number of at least 0"),
    (lambda: Settings(steps=1, terms=[TangentAugmentation()]), r"no term by itself; use Consistency\(Tangent"),
])  # fmt: skip
def test_values_that_cannot_be_used(make, sentence):
    with pytest.raises(AAEError, match=sentence):
        make()
