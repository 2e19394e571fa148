from dataclasses import replace

import numpy as np
import pytest
import torch

from aae.beginnings import Beginnings
from aae.data.sources import load_data
from aae.errors import AAEError
from aae.presets import PRESETS
from aae.runs import prepare, train_preset
from aae.trainer import Trainer, make_fabric

STEPS = 16


def trainer_of(preset="clustering", length=None, **changes):
    data = load_data("digits")
    changes = {"network": "mlp", "hidden": (16,), "neighbours": 0.0, **changes}
    labels = 0 if preset == "clustering" else 100
    model, settings, split, _ = prepare(preset, data, labels, "random", 0, changes, length or {"steps": STEPS})
    return Trainer(model, data, split, settings, 0, make_fabric("cpu", "32"))


def steps_of(trainer, count):
    """Take steps; before each of them, the progress that the learning rate is of, and after it the beginning."""
    seen = []
    for _ in range(count):
        number, progress = trainer.settings.beginnings.place(trainer.progress)
        trainer.train_step()
        assert trainer.beginning == number
        seen.append((number, round(progress, 4)))
    return seen


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (2, 0.25), (3, 0.5), (4, 0.4)])
def test_beginnings_and_the_rest_fill_one_training(count, share):
    beginnings = Beginnings(count, share)
    places = [beginnings.place(k / 1000) for k in range(1001)]
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


def test_one_beginning_is_a_plain_training():
    assert [Beginnings(1).place(k / 8) for k in range(9)] == [(int(k >= 4), k / 8) for k in range(9)]


def test_each_beginning_is_as_long_and_the_rest_goes_on_from_there():
    parts = [(n, k / 8) for n in range(3) for k in range(4)] + [(3, 0.5 + k / 8) for k in range(4)]
    assert steps_of(trainer_of(), STEPS) == parts


@pytest.mark.parametrize(("preset", "changes"), [("clustering", {}), ("embedding", {"neighbours": 0.9})])
def test_every_part_begins_anew(preset, changes):
    trainer = trainer_of(preset=preset, beginnings=3, **changes)
    heads = trainer.model.merge.penalty().item() if preset == "embedding" else None
    steps_of(trainer, 4)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    taught = None if trainer._teaching is None else trainer._teaching.usual.clone()
    trainer._begin()
    assert trainer.beginning == 1
    # Weights are drawn again; scales and shifts of batch norm begin where all begin.
    drawn = [name for name, value in before.items() if value.dim() > 1]
    assert drawn
    assert not any(torch.equal(dict(trainer.model.named_parameters())[name], before[name]) for name in drawn)
    assert equal(trainer.model.state_dict(), trainer.kept.state_dict())
    assert all(int(value) == 0 for name, value in trainer.model.state_dict().items() if "num_batches" in name)
    assert not any(optimizer.state for optimizer in trainer.optimizers.values())
    if heads is not None:  # which lie apart from the start, as they did
        assert trainer.model.merge.penalty().item() == pytest.approx(heads, abs=1e-6)
        assert not torch.equal(taught, trainer._teaching.wanted)
        assert torch.equal(trainer._teaching.usual, trainer._teaching.wanted)


@pytest.mark.parametrize("best", [0, 1, 2])
def test_the_best_beginning_goes_on(best, monkeypatch):
    trainer = trainer_of()
    states = []
    judge = trainer._judge

    def judged(metrics):
        """The best one has least all the time, but for its last step."""
        last = trainer.own_step == 3
        value = {False: 10 - trainer.beginning, True: 50 if last else 2}[trainer.beginning == best]
        judge({**metrics, "mutualinformation_y": torch.tensor(float(value))})

    monkeypatch.setattr(trainer, "_judge", judged)
    for _ in range(3):
        steps_of(trainer, 4)
        states.append({name: value.clone() for name, value in trainer.model.state_dict().items()})
    optimizer = trainer.optimizers["joint"]
    trainer._begin()
    assert trainer.beginning == 3
    assert [equal(trainer.model.state_dict(), state) for state in states] == [k == best for k in range(3)]
    assert all(int(state["step"]) == 4 for state in optimizer.state.values())
    assert not trainer._best


def test_clusters_are_divided_by_the_steps_of_each_beginning(monkeypatch):
    trainer = trainer_of(dividing=True, transformation=1.0)
    asked = []
    monkeypatch.setattr(trainer._dividing, "due", lambda step, progress: asked.append((step, progress)))
    steps_of(trainer, STEPS)
    assert asked == [(k, k / 8) for _ in range(3) for k in range(4)] + [(k, k / 8) for k in range(4, 8)]


def spoil(model):
    next(iter(model.parameters())).data.fill_(torch.nan)


def test_a_beginning_that_diverged_does_not_go_on():
    trainer = trainer_of()
    steps_of(trainer, 4)
    spoil(trainer.model)
    trainer._begin()
    assert trainer.beginning == 1
    assert not trainer._best
    steps_of(trainer, 4)
    trainer._judged = torch.tensor(torch.nan)
    trainer._begin()
    assert not trainer._best
    steps_of(trainer, STEPS - 8)
    assert trainer.beginning == 3
    assert all(bool(value.isfinite().all()) for value in trainer.kept.state_dict().values())


def test_a_clock_that_runs_on_after_a_divergence_passes_a_beginning_over():
    trainer = trainer_of()
    trainer.step = 5  # of the second, while nothing is known of the first
    trainer._began = 5
    trainer.train_step()
    assert trainer.beginning == 1
    trainer.step = 13
    trainer._judged = None
    trainer.train_step()
    assert trainer.beginning == 3


@pytest.mark.parametrize("ema", [0.9, None])
@pytest.mark.parametrize("better", [False, True])
def test_a_training_that_ends_early_keeps_the_best_beginning(ema, better):
    trainer = trainer_of(ema=ema)
    steps_of(trainer, 4)
    first = {name: value.clone() for name, value in trainer.kept.state_dict().items()}
    steps_of(trainer, 2)
    trainer._judged = trainer._judged * 0 + (-1e9 if better else 1e9)
    second = {name: value.clone() for name, value in trainer.kept.state_dict().items()}
    trainer.settle()
    assert equal(trainer.kept.state_dict(), second if better else first)


def test_the_average_follows_each_beginning_from_its_own_first_step():
    trainer = trainer_of()
    steps_of(trainer, 5)
    assert equal(trainer.model.state_dict(), trainer.kept.state_dict())
    steps_of(trainer, 1)
    assert not equal(trainer.model.state_dict(), trainer.kept.state_dict())


@pytest.mark.parametrize("stopped", [2, 6, 11, 14])
def test_a_training_that_was_stopped_goes_on_bit_by_bit(stopped, tmp_path):
    from aae.checkpoints import latest_checkpoint, save_checkpoint

    whole = trainer_of()
    steps_of(whole, STEPS)
    first, second = trainer_of(), trainer_of()
    steps_of(first, stopped)
    save_checkpoint(tmp_path, first.state(), stopped)
    second.restore(latest_checkpoint(tmp_path)[0])
    steps_of(second, STEPS - stopped)
    assert equal(whole.kept.state_dict(), second.kept.state_dict())


def test_a_training_of_given_seconds_begins_by_the_clock():
    trainer = trainer_of(length={"max_seconds": 8.0})
    for seconds, number in ((0.0, 0), (1.9, 0), (2.1, 1), (4.1, 2), (6.1, 3), (7.9, 3)):
        trainer.seconds = seconds
        trainer.train_step()
        assert trainer.beginning == number


def test_what_the_user_can_put_right():
    with pytest.raises(AAEError, match="at least one beginning, not 0"):
        Beginnings(0)
    for share in (0.0, 1.0, 2.0):
        with pytest.raises(AAEError, match=f"between 0 and 1, not {share}"):
            Beginnings(3, share)
    with pytest.raises(AAEError, match="which y_matching=adversarial does not measure: set y_matching=information, or"):
        trainer_of(y_matching="adversarial")
    trainer = trainer_of(y_matching="adversarial", beginnings=1)
    trainer.settings = replace(trainer.settings, beginnings=Beginnings())  # one's own, where no option is asked
    with pytest.raises(AAEError, match=r"compared by mutualinformation_y, and this training measures .*recon"):
        trainer.train_step()


def test_only_clusters_of_images_begin_more_than_once():
    data = load_data("digits")
    for name, preset in PRESETS.items():
        *_, options = prepare(name, data, preset.labels and 100, "random", 0, {}, {"steps": 1})
        assert options["beginnings"] == (3 if name == "clustering" else 1)


def test_the_user_is_told_why_losses_begin_anew(capsys):
    train_preset(
        "clustering", "digits", steps=80, changes={"network": "mlp", "hidden": (16,), "neighbours": 0.0}, device="cpu"
    )
    captured = capsys.readouterr()
    said = [line for line in (captured.out + captured.err).splitlines() if "eginning" in line]
    again = [f"Beginning {number} of 3, with new weights." for number in (2, 3)]
    assert said == [*again, "On from the best of 3 beginnings."]
