import copy
import math

import pytest
import torch
from torch import nn

from aae.model.autoencoder import Autoencoder
from aae.model.corruption import GaussianNoise
from aae.model.networks import MLPDecoder, MLPTrunk
from aae.objectives.phases import Losses
from aae.objectives.terms import Consistency, InterpolationConsistency, VirtualAdversarial, frozen_statistics
from aae.system.errors import AAEError
from helpers.close import assert_close, rounding
from helpers.models import (
    CLASSES,
    SHAPE,
    TERMS,
    WIDTH,
    autoencoder,
    batch_for,
    category,
    same_output,
    style,
    through_json,
)

pytestmark = pytest.mark.numeric

KINDS = {
    "consistency": lambda: Consistency(GaussianNoise(0.3), weight=2.0),
    "interpolation": lambda: InterpolationConsistency(weight=2.0),
    "virtual adversarial": lambda: VirtualAdversarial(radius=0.5, weight=2.0),
}


@pytest.fixture
def model():
    return new_model()


def new_model():
    trunk = MLPTrunk(SHAPE, (WIDTH, WIDTH), batch_norm=True)
    return Autoencoder([style(), category("supervised")], trunk, MLPDecoder(2 + CLASSES, SHAPE, (WIDTH,)))


@pytest.mark.parametrize("name", KINDS)
def test_every_term(name, model):
    term, batch = KINDS[name](), batch_for(model)
    buffers = {key: value.clone() for key, value in model.named_buffers() if "num_batches" not in key}
    loss, metrics = term(model, model, batch)
    (measured,) = metrics.values()
    assert loss.item() == pytest.approx(2 * measured.item())
    assert measured > 0
    for key, value in model.named_buffers():
        assert "num_batches" in key or torch.equal(value, buffers[key]), "batch norm's running statistics do not change"
    loss.backward()
    reached = {key for key, value in model.named_parameters() if value.grad is not None and value.grad.abs().max() > 0}
    heads = {f"latents.1.posterior.{key}" for key, _ in model.latents[1].posterior.named_parameters()}
    assert heads < reached
    assert {key for key in reached if key.startswith("trunk.")} == {
        f"trunk.{key}" for key, _ in model.trunk.named_parameters()}
    assert not {key for key in reached if key.startswith(("decoder", "latents.0", "latents.1.matching"))}
    assert same_output(term, through_json(term), lambda t: t(model, model, batch)[0])
    assert repr(term).startswith(f"{type(term).__name__}(")


@pytest.mark.parametrize("name", KINDS)
def test_terms_work_on_unlabelled_rows_alone(name, model):
    batch = batch_for(model)
    batch.labelled_x = batch.labelled_y = None
    assert KINDS[name]()(model, model, batch)[0] > 0


@pytest.mark.parametrize(("name", "left"), [("consistency", 0.9), ("interpolation", 0.5), ("virtual adversarial", 0.5)])
def test_minimising_a_term_makes_predictions_consistent(name, left):
    """On the whole, of five models: there are some with nothing to gain."""
    before = after = 0.0
    for _ in range(5):
        model = new_model()
        term, batch = KINDS[name](), batch_for(model)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        costs = [term(model, model, batch)[0].item() for _ in range(10)]
        for _ in range(30):
            optimizer.zero_grad()
            term(model, model, batch)[0].backward()
            optimizer.step()
        before += sum(costs)
        after += sum(term(model, model, batch)[0].item() for _ in range(10))
    assert after < left * before


def test_rows_are_mixed_with_known_classes(model):
    """Of a model without noise, every target and input of the term can be computed by hand."""
    batch = batch_for(model)
    model.eval()
    torch.manual_seed(0)
    loss, _ = InterpolationConsistency()(model, model, batch)
    torch.manual_seed(0)
    rows = torch.cat([batch.x, batch.labelled_x])
    share = torch.empty(len(rows)).uniform_(0.5, 1)

    def classes(x):
        return model.category.posterior(model.trunk(x)).logits.softmax(-1)

    target = torch.cat([classes(batch.x), torch.eye(CLASSES)[batch.labelled_y]])
    total = size = 0.0
    for i, a in enumerate(share):
        j = len(rows) - 1 - i
        wanted = a * target[i] + (1 - a) * target[j]
        found = classes((a * rows[i] + (1 - a) * rows[j])[None])[0]
        known, told = wanted * wanted.clamp_min(1e-30).log(), wanted * found.log()
        total += (known - told).sum().item() / len(rows)
        size -= (known + told).sum().item() / len(rows)
    assert loss.item() == pytest.approx(total, abs=rounding(TERMS + len(rows)) * size)


def test_consistency_between_rows_fades(model):
    model.eval()
    batch, costs = batch_for(model), []
    for progress in (0.0, 0.5, 1.0):
        batch.progress = progress
        torch.manual_seed(0)
        costs.append(InterpolationConsistency(2.0)(model, model, batch)[0].item())
    assert costs == pytest.approx([costs[0], costs[0] / 2, 0])
    assert costs[0] > 0


def test_frozen_statistics_are_restored_after_an_error(model):
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    norms[0].track_running_stats = False
    x = 5 + torch.rand(8, *SHAPE)
    before = [norm.running_mean.clone() for norm in norms]

    def interrupted():
        with frozen_statistics(model):
            model.trunk(x)
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert [norm.track_running_stats for norm in norms] == [False, True]
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))
    assert all(norm.num_batches_tracked == 0 for norm in norms)
    model.trunk(x)
    assert [torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True)] == [True, False]


def test_frozen_statistics_still_normalise_by_the_batch(model):
    x = 5 + torch.rand(8, *SHAPE)
    with frozen_statistics(model):
        frozen = model.trunk(x)
    assert torch.equal(frozen, model.trunk(x))
    assert not torch.allclose(frozen, model.eval().trunk(x))


class Shift(nn.Module):
    """A perturbation that may be zero."""

    def __init__(self, by=0.0):
        super().__init__()
        self.by = by

    def forward(self, x):
        return x + self.by * torch.linspace(0, 1, x.shape[1])


def test_consistency_grows_with_the_change():
    """On the whole, of five models: there are some that hardly see it."""
    costs = [0.0, 0.0, 0.0]
    for _ in range(5):
        model = new_model().eval()
        batch = batch_for(model)
        found = [Consistency(Shift(by))(model, model, batch)[0].item() / 5 for by in (0.0, 0.5, 2.0)]
        costs = [sum(pair) for pair in zip(costs, found, strict=True)]
    assert costs[0] == pytest.approx(0, abs=2 * math.log(CLASSES) * rounding(2 * CLASSES + 10))
    assert costs[0] + 1e-5 < costs[1] < costs[2]


def test_consistency_is_the_divergence_from_the_teacher_on_all_rows(model):
    model.eval()
    teacher, batch = copy.deepcopy(model), batch_for(model)
    with torch.no_grad():
        teacher.latents[1].posterior.logits.bias.add_(torch.tensor([1.0, 0.0, -1.0]))
    rows = torch.cat([batch.x, batch.labelled_x])
    target, found = teacher.classify(rows), model.classify(rows + 0.5 * torch.linspace(0, 1, 6))
    expected = (target * (target / found).log()).sum(1).mean()
    size = -(target * (target * found).log()).sum(1).mean().item()
    loss, _ = Consistency(Shift(0.5))(model, teacher, batch)
    assert loss.item() == pytest.approx(expected.item(), abs=rounding(TERMS + len(rows)) * size)
    loss.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.1, 0.5), (0.2, 1.0), (0.9, 1.0)])
def test_consistency_warms_up(model, progress, share):
    batch = batch_for(model)
    batch.progress = progress
    loss, metrics = Consistency(Shift(2.0), weight=3.0, warmup=0.2)(model, model, batch)
    assert loss.item() == pytest.approx(3 * share * metrics["consistency_loss"].item(), rel=rounding(5))


@pytest.mark.parametrize(("progress", "share"), [(0.0, 1.0), (0.5, 0.25), (0.9, 0.01), (1.0, 0.0), (1.1, 0.0)])
def test_consistency_fades_to_nothing(model, progress, share):
    batch = batch_for(model)
    batch.progress = progress
    loss, metrics = Consistency(Shift(2.0), weight=3.0, fade=2.0)(model, model, batch)
    near = rounding(2 * 10 + 5)  # 1 - 0.9 has the rounding of 0.9, and is squared
    assert loss.item() == pytest.approx(3 * share * metrics["consistency_loss"].item(), rel=near)


def test_the_virtual_adversary_is_worse_than_a_random_step(model):
    model.eval()
    batch, radius = batch_for(model, rows=24), 0.5
    distances = torch.cdist(batch.x, batch.x) + torch.diag(torch.full((24,), torch.inf))
    length = radius * distances.amin(1, keepdim=True)
    target = model.classify(batch.x)

    def harm(x):
        return (target * (target / model.classify(x)).log()).sum(1).mean().item()

    random = [harm(batch.x + length * nn.functional.normalize(torch.randn_like(batch.x))) for _ in range(20)]
    worst = [VirtualAdversarial(radius)(model, model, batch)[0].item() for _ in range(20)]
    assert sum(worst) > 1.5 * sum(random)
    # No step of that length does much more: one power iteration finds nearly the worst direction.
    assert max(random) < 1.1 * max(worst)


def test_the_step_of_the_virtual_adversary_follows_the_distance_to_the_nearest_row(model):
    model.eval()
    for layer in model.trunk.modules():
        if isinstance(layer, nn.BatchNorm1d):
            nn.init.constant_(layer.bias, 3.0)  # so that no row is without a direction
    batch = batch_for(model)
    batch.x[0] = batch.x[1]
    seen = []
    model.trunk.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    loss, _ = VirtualAdversarial(0.5, probe=0.1)(model, model, batch)
    assert torch.isfinite(loss)
    distances = (torch.cdist(batch.x, batch.x) + torch.diag(torch.full((len(batch.x),), torch.inf))).amin(1)
    clean, probe, worst = seen
    assert torch.equal(clean, batch.x)
    size = batch.x.norm(dim=1)  # of rows, whose rounding remains in their small differences
    assert_close((probe - batch.x).norm(dim=1), 0.1 * distances, 2 * 6 + 10, size)
    assert_close((worst - batch.x).norm(dim=1), 0.5 * distances, 2 * 6 + 10, size)
    assert torch.equal(worst[:2], batch.x[:2]), "rows that lie on each other are not moved"


def test_targets_come_from_the_teacher(model):
    losses, batch = Losses(model, terms=[Consistency(Shift(0.0))]), batch_for(model)
    near = 2 * math.log(CLASSES) * rounding(2 * CLASSES + 10)
    assert losses.classification(batch)[1]["consistency_loss"].item() == pytest.approx(0, abs=near)
    losses.teacher = copy.deepcopy(model)
    with torch.no_grad():
        losses.teacher.latents[1].posterior.logits.bias.add_(torch.tensor([1.0, 0.0, -1.0]))
    assert losses.classification(batch)[1]["consistency_loss"] > 0.05


def test_the_teacher_predicts_once_a_step(model, monkeypatch):
    calls = []
    teacher = copy.deepcopy(model)
    monkeypatch.setattr(teacher.trunk, "forward", lambda x, read=teacher.trunk.forward: calls.append(len(x)) or read(x))
    losses, batch = Losses(model, terms=[Consistency(Shift(0.0)), InterpolationConsistency()]), batch_for(model)
    losses.teacher = teacher
    for steps in (1, 2):
        losses.classification(batch)
        assert calls == [len(batch.x) + len(batch.labelled_x)] * steps


@pytest.mark.parametrize("found", [torch.zeros(()), [torch.zeros(()), 1.0], (torch.zeros(()),), (0.0, {}), None])
def test_a_term_that_returns_no_loss_and_metrics_is_named(found):
    class Mine(torch.nn.Module):
        def forward(self, model, teacher, batch):
            return found

    model = autoencoder(style(), category("supervised"))
    with pytest.raises(AAEError, match=r"^The term Mine returns \w+, not a loss and its metrics; write it as return "):
        Losses(model, terms=[Mine()]).classification(batch_for(model))
