import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from aae.data.batches import Batches
from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.data.splits import Split
from aae.distributed.fabric import make_fabric
from aae.evaluation.inference import classify
from aae.evaluation.metrics import error_percent
from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent
from aae.model.networks import Discriminator, MLPDecoder, MLPTrunk
from aae.model.posteriors import Point
from aae.objectives.phases import Losses, build_phases
from aae.objectives.terms import VirtualAdversarial
from aae.presets.presets import PRESETS
from aae.runs.prepare import prepare
from aae.system.errors import AAEError
from aae.training.settings import Settings
from aae.training.trainer import Trainer
from helpers.close import assert_close, layers, rounding
from helpers.models import CLASSES, FAMILIES, SHAPE, TERMS, WIDTH

ROWS = 60
RATES = {"reconstruction": 0.01, "adversarial": 0.02, "classification": 0.03}


def trainer_of(family="semi-supervised", seed=0, model=None, **settings):
    rng = np.random.default_rng(0)
    x, y = rng.random((ROWS, *SHAPE)).astype(np.float32), np.arange(ROWS) % CLASSES
    data = Dataset("rows", x, y, x, y, list(range(CLASSES)))
    split = Split(np.arange(12), np.arange(12, 50), np.arange(50, 60))
    length = {} if settings.keys() & {"epochs", "max_seconds"} else {"steps": 10}
    settings = Settings(**{**length, "batch_size": 10, "labelled_batch_size": 6, "learning_rate": RATES, **settings})
    return Trainer(model or FAMILIES[family](), data, split, settings, seed, make_fabric("cpu"))


@pytest.mark.parametrize("schedule", ["joint", "alternating"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_each_phase_trains_its_own_parameters_and_no_others(schedule, optimizer):
    trainer = trainer_of(schedule=schedule, optimizer=optimizer)
    phases = trainer.phases
    assert [phase.name for phase in phases] == {
        "joint": ["joint"],
        "alternating": ["reconstruction", "discriminator", "generator", "classification"],
    }[schedule]
    for phase in phases:
        trainer.phases = [phase]
        trainer.model.zero_grad()
        parameters = dict(trainer.model.named_parameters())
        before = {name: parameter.clone() for name, parameter in parameters.items()}
        trainer.train_step()
        moved = {name for name, parameter in parameters.items() if not torch.equal(parameter, before[name])}
        own = {id(parameter) for parameter in phase.parameters}
        assert moved == {name for name, parameter in parameters.items() if id(parameter) in own}
        assert moved == {name for name, parameter in parameters.items() if parameter.grad is not None}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_every_phase_has_its_rate_and_momentum(optimizer):
    beta1 = {"reconstruction": 0.5, "adversarial": 0.1, "classification": 0.7}
    settings = {"beta1": beta1, "lr_schedule": "steps"}
    trainer = trainer_of(schedule="alternating", optimizer=optimizer, **settings)
    kinds = {"reconstruction": "reconstruction", "discriminator": "adversarial", "generator": "adversarial",
             "classification": "classification"}
    for _ in range(3):  # rates fall at the second step (after 1 % of the ten) and at the third (after 20 %)
        trainer.train_step()
    for name, kind in kinds.items():
        (group,) = trainer.optimizers[name].param_groups
        assert group["lr"] == pytest.approx(RATES[kind] * 0.01)
        assert group.get("momentum") == (beta1[kind] if optimizer == "sgd" else None)
        assert group.get("betas") == ((beta1[kind], 0.999) if optimizer == "adam" else None)


@pytest.mark.numeric
def test_a_phase_takes_one_step_of_its_optimizer():
    trainer = trainer_of("autoencoder", optimizer="sgd", beta1=dict.fromkeys(RATES, 0.0))
    model = copy.deepcopy(trainer.model)
    x = trainer.batches.at(0).x
    loss = model.likelihood.loss(model.decoder(model.encode(x)["z"]), x).mean()
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    metrics = trainer.train_step()
    assert float(metrics["reconstruction_loss"]) == pytest.approx(loss.item(), rel=rounding(TERMS + len(x)))
    for after, before, gradient in zip(trainer.model.parameters(), model.parameters(), gradients, strict=True):
        assert_close(after, before - 0.01 * gradient, 10)  # of a gradient a hundredth is taken, and of its rounding


def test_lengths():
    assert trainer_of(steps=7).total_steps == 7
    # 38 unlabelled rows make three batches of ten.
    assert trainer_of().batches.steps_per_epoch == 3
    assert trainer_of(epochs=4).total_steps == 12
    assert trainer_of(epochs=0.5).total_steps == 2
    assert trainer_of(epochs=0.01).total_steps == 1
    assert trainer_of(max_seconds=3.0).total_steps is None


def test_progress_by_steps_or_by_time():
    trainer = trainer_of(steps=4)
    seen = []
    for _ in range(4):
        seen.append(trainer.progress)
        trainer.train_step()
    assert [*seen, trainer.progress] == [0, 0.25, 0.5, 0.75, 1]
    trainer = trainer_of(max_seconds=8.0)
    trainer.seconds = 2.0
    assert trainer.progress == 0.25


def test_the_nearer_end_counts():
    trainer = trainer_of(steps=4, max_seconds=8.0)
    trainer.train_step()
    for seconds, progress in ((0.0, 0.25), (2.0, 0.25), (4.0, 0.5)):
        trainer.seconds = seconds
        assert trainer.progress == progress


def test_the_rate_follows_the_clock():
    trainer = trainer_of("autoencoder", max_seconds=8.0, lr_schedule="cosine")
    for seconds, factor in ((0.0, 1.0), (4.0, 0.5), (8.0, 0.0)):
        trainer.seconds = seconds
        trainer.train_step()
        assert trainer.optimizers["joint"].param_groups[0]["lr"] == pytest.approx(0.01 * factor)


@pytest.mark.numeric
def test_the_moving_average():
    trainer = trainer_of("aae", ema_decay=0.2)
    assert trainer.averaged is not trainer.model
    assert trainer.losses.teacher is trainer.averaged
    expected = None
    for weight in (1.0, 0.9, 9 / 11, 0.8, 0.8):
        trainer.train_step()
        now = [parameter.detach().clone() for parameter in trainer.model.parameters()]
        expected = now if expected is None else [
            old + weight * (new - old) for old, new in zip(expected, now, strict=True)
        ]
    for average, by_hand in zip(trainer.averaged.parameters(), expected, strict=True):
        assert_close(average, by_hand, 5 * 4)
    without = trainer_of("aae")
    assert without.averaged is without.model is without.losses.teacher


@pytest.mark.numeric
def test_the_moving_average_holds_the_statistics_of_batch_norm():
    trunk = MLPTrunk(SHAPE, (WIDTH,), batch_norm=True)
    model = Autoencoder([Latent("z", Point(WIDTH, 2))], trunk, MLPDecoder(2, SHAPE, (WIDTH,)))
    trainer = trainer_of(model=model, ema_decay=0.0)
    for _ in range(4):
        trainer.train_step()
        kept = trainer.averaged.trunk.layers[1]
        assert torch.equal(kept.running_mean, trunk.layers[1].running_mean)
        assert kept.num_batches_tracked == trunk.layers[1].num_batches_tracked == trainer.step
    trainer.settings = replace(trainer.settings, ema_decay=0.5)
    before = trainer.averaged.trunk.layers[1].running_mean.clone()
    trainer.step = 1000
    trainer.train_step()
    expected = (before + trunk.layers[1].running_mean) / 2
    assert_close(trainer.averaged.trunk.layers[1].running_mean, expected, 4)


def test_an_evaluation_changes_nothing_about_the_teacher():
    seen = []

    class Watching(VirtualAdversarial):
        def forward(self, model, teacher, batch):
            seen.append((model.training, teacher.training))
            return super().forward(model, teacher, batch)

    trainer = trainer_of(terms=[Watching(0.1)], ema_decay=0.9)
    trainer.train_step()
    trainer.averaged.eval()
    trainer.train_step()
    assert seen[0] == seen[1]
    assert seen[0][0]


@pytest.mark.numeric
def test_the_same_seed_takes_the_same_steps():
    def weights(seed):
        torch.manual_seed(0)
        trainer = trainer_of("conditioned", seed=seed)
        for _ in range(5):
            trainer.train_step()
        return torch.cat([parameter.flatten() for parameter in trainer.model.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


@pytest.mark.numeric
def test_the_state_holds_all_that_the_next_steps_need():
    trainer, twin = trainer_of("conditioned", ema_decay=0.9), trainer_of("conditioned", ema_decay=0.9)
    for _ in range(3):
        trainer.train_step()
    trainer.seconds = 1.5
    state = copy.deepcopy(trainer.state())
    for _ in range(3):
        trainer.train_step()
    twin.restore(state)
    assert (twin.step, twin.seconds) == (3, 1.5)
    for _ in range(3):
        twin.train_step()
    for one, other in ((trainer.model, twin.model), (trainer.averaged, twin.averaged)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("other", [
    {"family": "aae"}, {"family": "vae"}, {"ema_decay": 0.9}, {"schedule": "alternating"},
])
def test_a_state_of_another_model_or_other_settings_is_refused(other):
    state = trainer_of().state()
    with pytest.raises(AAEError, match=r"The checkpoint belongs to another model or other settings"):
        trainer_of(**other).restore(state)


def test_bf16_keeps_weights_and_losses_in_float32():
    trainer = trainer_of()
    trainer.precision = "bf16"
    metrics = trainer.train_step()
    assert {parameter.dtype for parameter in trainer.model.parameters()} == {torch.float32}
    assert {value.dtype for value in metrics.values()} == {torch.float32}
    assert all(torch.isfinite(value) for value in metrics.values())


def plain_step(losses, optimizers, batch, gradients, terms):
    """A joint step as one would write it down: floats divided by hand, a phase for the discriminators, plain Adam.

    Its gradients are compared with those of the fast one, ``gradients`` by parameter, which then take their place:
    Adam divides each gradient by its own size, so that what is rounding in a small one would be a step like any other.
    """
    for phase in build_phases(losses, "joint"):
        loss, _ = phase.loss(batch)
        expected = torch.autograd.grad(loss, phase.parameters)
        # What the rows and the losses say of a weight may all but cancel out.
        size = max(gradient.abs().max().item() for gradient in expected)
        for parameter, gradient in zip(phase.parameters, expected, strict=True):
            name, parameter.grad = gradients[parameter]
            assert_close(parameter.grad, gradient, terms, size, name)
        optimizers[phase.name].step()


@pytest.mark.numeric
@pytest.mark.parametrize("preset", ["semi-supervised", "aae", "supervised", "clustering", "embedding"])
def test_fast_steps_give_the_weights_of_plain_ones(preset):
    data = load_data("digits")
    # Batch norm takes all effect from the biases before it: their gradients are nothing but rounding.
    changes = {"vat_radius": 0.0, "interpolation": 0.0, "neighbour_targets": 0.0, "transformation": 0.0,
               "hidden": [50, 50], "lr_schedule": "constant", "corruption": "none", "batch_norm": False, "beta1": 0.9,
               "network": "mlp", "consistency": 0.0, "split_clusters": False, "lr": 1e-3}
    labels = 500 if preset == "supervised" else PRESETS[preset].labels
    model, settings, split, _ = prepare(preset, data, labels, "random", 0, changes, {"steps": 100})
    plain = copy.deepcopy(model)
    for module in plain.modules():
        if isinstance(module, Discriminator):
            module.rowwise = False
    fast = Trainer(model, data, split, settings, 0, make_fabric("cpu"))
    floats = replace(data, x=data.x.astype(np.float32) / 255)
    batches = Batches(floats, split, plain, settings.batch_size, settings.labelled_batch_size, 0)
    losses = Losses(plain, settings.reconstruction_weight, settings.classification_weight)
    optimizers = {
        phase.name: torch.optim.Adam(phase.parameters, lr=1e-3, foreach=False)
        for phase in build_phases(losses, "joint")
    }
    terms = layers(model) + settings.batch_size
    for step in range(5):
        torch.manual_seed(step)
        fast.train_step()
        torch.manual_seed(step)
        named = [(name, parameter.grad.clone()) for name, parameter in fast.model.named_parameters()]
        gradients = dict(zip(plain.parameters(), named, strict=True))
        plain_step(losses, optimizers, batches.at(step), gradients, terms)
    taught = fast.model.state_dict()
    for name, value in plain.state_dict().items():
        if value.is_floating_point():
            assert_close(taught[name], value, 5 * 10, name=name)


# Small, because processors without bf16 instructions take a hundred times as long.
SMALL = {"hidden": [24], "discriminator_hidden": [8], "vat_radius": 0.0, "interpolation": 0.0,
         "transformation": 0.0, "batch_size": 32, "labelled_batch_size": 24, "lr": 5e-3}


def test_bf16_learns_what_float32_does():
    data = load_data("digits")
    errors = {"32": [], "bf16": []}
    for seed in range(5):
        for precision, found in errors.items():
            model, settings, split, _ = prepare("semi-supervised", data, 100, "random", seed, SMALL, {"steps": 120})
            torch.manual_seed(seed)
            trainer = Trainer(model, data, split, settings, seed, make_fabric("cpu"), precision=precision)
            while trainer.progress < 1:
                trainer.train_step()
            known = split.validation
            found.append(error_percent(data.y[known], classify(trainer.averaged, data.x[known])))
    means = {precision: np.mean(found) for precision, found in errors.items()}
    assert means["32"] < 25
    assert abs(means["bf16"] - means["32"]) < np.std(errors["32"], ddof=1)
