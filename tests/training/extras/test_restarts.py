import numpy as np
import pytest
import torch

from aae.data.sources import load_data
from aae.distributed.fabric import make_fabric
from aae.presets.presets import PRESETS
from aae.runs.prepare import prepare
from aae.runs.train import train_preset
from aae.system.errors import AAEError
from aae.training.extras.protocol import Extra
from aae.training.extras.restarts import Restarts
from aae.training.trainer import Trainer

STEPS = 16


def made(preset="clustering", length=None, **changes):
    data = load_data("digits")
    changes = {"network": "mlp", "hidden": (16,), "neighbour_targets": 0.0, **changes}
    labels = 0 if preset == "clustering" else 100
    model, settings, split, _ = prepare(preset, data, labels, "random", 0, changes, length or {"steps": STEPS})
    return model, data, split, settings


def trainer_of(preset="clustering", length=None, **changes):
    return Trainer(*made(preset, length, **changes), 0, make_fabric("cpu"))


def restarts_of(trainer):
    return next(extra for extra in trainer.extras if isinstance(extra, Restarts))


def restart_if_due(trainer):
    """Do what comes before a step, without the step."""
    restarts_of(trainer).before_step(trainer, trainer.progress)


def steps_of(trainer, count):
    """Take steps; returns for each the number of the start and the progress that sets its learning rate."""
    seen = []
    for _ in range(count):
        number, progress = restarts_of(trainer).position(trainer.progress)
        trainer.train_step()
        assert restarts_of(trainer).number == number
        seen.append((number, round(progress, 4)))
    return seen


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (2, 0.25), (3, 0.5), (4, 0.4)])
def test_starts_and_the_rest_fill_one_training(count, share):
    restarts = Restarts(count, share)
    places = [restarts.position(k / 1000) for k in range(1001)]
    numbers = [number for number, _ in places]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(count + 1))
    for number in range(count):
        own = [progress for n, progress in places if n == number]
        assert 0 <= own[0] < 0.01
        assert share - 0.01 < own[-1] < share + 1e-9
    assert places[-1] == (count, pytest.approx(1))
    after = [progress for n, progress in places if n == count]
    assert after[0] == pytest.approx(share, abs=0.01)
    assert np.diff(after) == pytest.approx((count * share + 1 - share) / 1000)


def test_one_start_is_a_plain_training():
    assert [Restarts(1).position(k / 8) for k in range(9)] == [(int(k >= 4), k / 8) for k in range(9)]


def test_starts_have_equal_length_and_the_rest_continues_from_the_last():
    parts = [(n, k / 8) for n in range(3) for k in range(4)] + [(3, 0.5 + k / 8) for k in range(4)]
    assert steps_of(trainer_of(), STEPS) == parts


class Counting(Extra):
    """Counts the steps since the last restart."""

    name = "counting"
    steps = 0

    def after_step(self, trainer, metrics):
        self.steps += 1

    def restart(self):
        self.steps = 0

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]


@pytest.mark.parametrize("preset", ["clustering", "embedding"])
def test_a_restart_resets_weights_optimizers_and_extras(preset):
    trainer, counting = trainer_of(preset=preset, restarts=3), Counting()
    trainer.extras.append(counting)
    heads = trainer.model.merge.penalty().item() if preset == "embedding" else None
    steps_of(trainer, 4)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    assert counting.steps == 4
    restart_if_due(trainer)
    assert restarts_of(trainer).number == 1
    # Weights are drawn again; scales and shifts of batch norm always begin at the same values.
    drawn = [name for name, value in before.items() if value.dim() > 1]
    assert drawn
    assert not any(torch.equal(dict(trainer.model.named_parameters())[name], before[name]) for name in drawn)
    assert equal(trainer.model.state_dict(), trainer.averaged.state_dict())
    assert all(int(value) == 0 for name, value in trainer.model.state_dict().items() if "num_batches" in name)
    assert counting.steps == 0
    assert not any(optimizer.state for optimizer in trainer.optimizers.values())
    if heads is not None:  # they begin as far apart as before
        assert trainer.model.merge.penalty().item() == pytest.approx(heads, abs=1e-6)


def test_the_other_extras_continue_with_the_best_start():
    trainer, counting = trainer_of(restarts=2), Counting()
    trainer.extras.append(counting)
    while restarts_of(trainer).number < 2:
        trainer.train_step()
    assert counting.steps == trainer.steps_since_restart


@pytest.mark.parametrize("best", [0, 1, 2])
def test_the_best_start_continues(best, monkeypatch):
    trainer = trainer_of()
    states = []
    after_step = restarts_of(trainer).after_step

    def with_metric(trainer, metrics):
        """The best start has the lowest value in all its steps but the last."""
        last = trainer.steps_since_restart == 3
        value = {False: 10 - restarts_of(trainer).number, True: 50 if last else 2}[restarts_of(trainer).number == best]
        after_step(trainer, {**metrics, "mutualinformation_y": torch.tensor(float(value))})

    monkeypatch.setattr(restarts_of(trainer), "after_step", with_metric)
    for _ in range(3):
        steps_of(trainer, 4)
        states.append({name: value.clone() for name, value in trainer.model.state_dict().items()})
    optimizer = trainer.optimizers["joint"]
    restart_if_due(trainer)
    assert restarts_of(trainer).number == 3
    assert [equal(trainer.model.state_dict(), state) for state in states] == [k == best for k in range(3)]
    assert all(int(state["step"]) == 4 for state in optimizer.state.values())
    assert not restarts_of(trainer)._best


class Watching(Extra):
    name = "watching"

    def __init__(self):
        self.seen = []

    def before_step(self, trainer, progress):
        self.seen.append((trainer.steps_since_restart, progress))
        return progress


def test_other_extras_see_the_steps_of_each_start():
    trainer, watching = trainer_of(), Watching()
    trainer.extras.append(watching)
    steps_of(trainer, STEPS)
    assert watching.seen == [(k, k / 8) for _ in range(3) for k in range(4)] + [(k, k / 8) for k in range(4, 8)]


def spoil(model):
    next(iter(model.parameters())).data.fill_(torch.nan)


def test_a_start_that_diverged_does_not_continue():
    trainer = trainer_of()
    steps_of(trainer, 4)
    spoil(trainer.model)
    restart_if_due(trainer)
    assert restarts_of(trainer).number == 1
    assert not restarts_of(trainer)._best
    steps_of(trainer, 4)
    restarts_of(trainer)._score = torch.tensor(torch.nan)
    restart_if_due(trainer)
    assert not restarts_of(trainer)._best
    steps_of(trainer, STEPS - 8)
    assert restarts_of(trainer).number == 3
    assert all(bool(value.isfinite().all()) for value in trainer.averaged.state_dict().values())


def test_a_start_may_be_skipped_after_a_divergence_in_a_timed_training():
    trainer = trainer_of()
    trainer.step = 5  # a step of the second start, without any of the first
    trainer.first_step = 5
    trainer.train_step()
    assert restarts_of(trainer).number == 1
    trainer.step = 13
    restarts_of(trainer)._score = None
    trainer.train_step()
    assert restarts_of(trainer).number == 3


@pytest.mark.parametrize("ema_decay", [0.9, None])
@pytest.mark.parametrize("better", [False, True])
def test_a_training_that_ends_early_keeps_the_best_start(ema_decay, better):
    trainer = trainer_of(ema_decay=ema_decay)
    steps_of(trainer, 4)
    first = {name: value.clone() for name, value in trainer.averaged.state_dict().items()}
    steps_of(trainer, 2)
    restarts_of(trainer)._score = restarts_of(trainer)._score * 0 + (-1e9 if better else 1e9)
    second = {name: value.clone() for name, value in trainer.averaged.state_dict().items()}
    trainer.finish()
    assert equal(trainer.averaged.state_dict(), second if better else first)


def test_the_average_follows_each_start_from_its_own_first_step():
    trainer = trainer_of()
    steps_of(trainer, 5)
    assert equal(trainer.model.state_dict(), trainer.averaged.state_dict())
    steps_of(trainer, 1)
    assert not equal(trainer.model.state_dict(), trainer.averaged.state_dict())


@pytest.mark.parametrize("stopped", [2, 6, 11, 14])
def test_a_stopped_training_resumes_bit_by_bit(stopped, tmp_path):
    from aae.training.checkpoints import latest_checkpoint, save_checkpoint

    whole = trainer_of()
    steps_of(whole, STEPS)
    first, second = trainer_of(), trainer_of()
    steps_of(first, stopped)
    save_checkpoint(tmp_path, first.state(), stopped)
    second.restore(latest_checkpoint(tmp_path)[0])
    steps_of(second, STEPS - stopped)
    assert equal(whole.averaged.state_dict(), second.averaged.state_dict())


def test_a_timed_training_restarts_by_the_clock():
    trainer = trainer_of(length={"max_seconds": 8.0})
    for seconds, number in ((0.0, 0), (1.9, 0), (2.1, 1), (4.1, 2), (6.1, 3), (7.9, 3)):
        trainer.seconds = seconds
        trainer.train_step()
        assert restarts_of(trainer).number == number


def test_invalid_arguments_are_refused():
    with pytest.raises(AAEError, match="Restarts: count must be a whole number of at least 1, not 0"):
        Restarts(0)
    for share in (0.0, 1.0, 2.0):
        with pytest.raises(AAEError, match=f"between 0 and 1, not {share}"):
            Restarts(3, share)
    with pytest.raises(AAEError, match="which y_matching=adversarial does not measure; set y_matching=information, or"):
        trainer_of(y_matching="adversarial")
    trainer = trainer_of(y_matching="adversarial", restarts=1)
    trainer.extras.append(Restarts())  # added by hand, so that the check of the options does not see it
    with pytest.raises(AAEError, match=r"compared by mutualinformation_y, but this training measures .*recon"):
        trainer.train_step()


def test_restarts_can_be_used_for_another_training():
    first = trainer_of()
    steps_of(first, STEPS)
    second = Trainer(*made(), 0, make_fabric("cpu"))
    second.extras = [restarts_of(first)]
    restarts_of(first).prepare(second)
    assert steps_of(second, STEPS)[0] == (0, 0.0)


def test_only_clusters_of_images_start_more_than_once():
    data = load_data("digits")
    for name, preset in PRESETS.items():
        *_, options = prepare(name, data, preset.labels and 100, "random", 0, {}, {"steps": 1})
        assert options["restarts"] == (3 if name == "clustering" else 1)


def test_the_user_is_told_why_the_losses_jump(capsys):
    changes = {"network": "mlp", "hidden": (16,), "neighbour_targets": 0.0}
    train_preset("clustering", "digits", steps=80, changes=changes, device="cpu")
    captured = capsys.readouterr()
    messages = [line for line in (captured.out + captured.err).splitlines() if "start" in line.lower()]
    restarts = [f"Start {number} of 3, with new weights." for number in (2, 3)]
    assert messages == [*restarts, "Continuing from the best of 3 starts."]


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda: Restarts("3"), "Restarts: count must be a whole number of at least 1, not '3'"),
    (lambda: Restarts(2.5), "Restarts: count must be a whole number"),
])  # fmt: skip
def test_values_that_cannot_be_used(make, sentence):
    with pytest.raises(AAEError, match=sentence):
        make()
