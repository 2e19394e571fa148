import pytest
import torch

import aae
from aae.distributed.fabric import make_fabric
from aae.presets.build import build_model
from aae.presets.build_settings import build_settings
from aae.presets.presets import resolve
from aae.system.errors import AAEError
from aae.training.checkpoints import latest_checkpoint, save_checkpoint
from aae.training.extras.protocol import Extra
from aae.training.settings import Settings
from aae.training.trainer import Trainer


class Diary(Extra):
    """Writes down when it is called, and lets the rest of the step see half of the progress."""

    name = "diary"

    def __init__(self):
        self.calls = []

    def prepare(self, trainer):
        self.calls.append(("prepare", trainer.some_rows(5)[0].shape))

    def before_step(self, trainer, progress):
        self.calls.append(("before", trainer.step, progress))
        return progress / 2

    def after_step(self, trainer, metrics):
        self.calls.append(("after", trainer.step, "reconstruction_loss" in metrics))

    def finish(self, trainer):
        self.calls.append(("finish", trainer.step))

    def state_dict(self):
        return {"calls": len(self.calls)}

    def load_state_dict(self, state):
        self.calls = ["restored"] * state["calls"]


class Silent(Extra):
    name = "silent"


def trainer_of(*extras, steps=4):
    data = aae.load_data("digits")
    options = resolve("aae", {"hidden": [8], "discriminator_hidden": [8]})
    model = build_model(options, data, 0)
    settings = build_settings(options, data, 10, {"steps": steps})
    settings = Settings(**{**vars(settings), "extras": extras})
    return Trainer(model, data, aae.split_data(data, 0), settings, 0, make_fabric("cpu"))


def test_an_extra_is_called_around_every_step_in_the_order_of_the_list():
    first, second = Diary(), Diary()
    second.name = "second"
    trainer = trainer_of(first, Silent(), second)
    for _ in range(2):
        trainer.train_step()
    trainer.finish()
    assert first.calls == [
        ("prepare", (5, 8, 8)), ("before", 0, 0.0), ("after", 1, True), ("before", 1, 0.25), ("after", 2, True),
        ("finish", 2),
    ]  # fmt: skip
    assert second.calls[3] == ("before", 1, 0.125)


def test_the_rate_goes_by_the_progress_that_the_extras_leave():
    rates = []
    for extras in ((), (Diary(),)):
        trainer = trainer_of(*extras)
        trainer.step = 2
        trainer.train_step()
        rates.append(next(iter(trainer.optimizers.values())).param_groups[0]["lr"])
    assert rates == pytest.approx([1e-3 * 0.5, 1e-3 * 0.5 * (1 + 0.5**0.5)])  # cosine at a half and at a quarter


def test_the_state_of_an_extra_is_in_the_checkpoint_under_its_name(tmp_path):
    trainer = trainer_of(Diary(), Silent())
    trainer.train_step()
    save_checkpoint(tmp_path, trainer.state(), 1)
    state, _ = latest_checkpoint(tmp_path)
    assert state["extras"] == {"diary": {"calls": 3}, "silent": {}}
    other = trainer_of(Diary(), Silent())
    other.restore(state)
    assert other.extras[0].calls == ["restored"] * 3
    with pytest.raises(AAEError, match="another model or other settings"):
        trainer_of(Diary(), Silent(), Named()).restore(state)


class Named(Extra):
    name = "named"


def test_an_extra_that_overrides_nothing_changes_nothing():
    def weights(*extras):
        torch.manual_seed(0)
        trainer = trainer_of(*extras)
        for _ in range(3):
            trainer.train_step()
        return torch.cat([parameter.flatten() for parameter in trainer.model.parameters()])

    assert torch.equal(weights(), weights(Silent()))


class Forgetful(Extra):
    name = "forgetful"

    def before_step(self, trainer, progress):
        """Returns nothing, so that the progress stays as it is."""


def test_an_extra_that_returns_no_progress_leaves_it():
    diary = Diary()
    trainer = trainer_of(Forgetful(), diary)
    for _ in range(2):
        trainer.train_step()
    assert diary.calls[3] == ("before", 1, 0.25)


class Unwritable(Extra):
    name = "unwritable"

    def state_dict(self):
        return {"rows": {1, 2}}


def test_a_state_that_no_checkpoint_can_hold_is_refused(tmp_path):
    with pytest.raises(AAEError, match=r"cannot be written to a checkpoint .*set is not JSON"):
        save_checkpoint(tmp_path, trainer_of(Unwritable()).state(), 0)


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"extras": Silent()}, r"extras is a list, as in extras=\[Restarts\(3\)\], not Silent"),
    ({"extras": [Silent]}, "extras holds objects such as .* not the class Silent"),
    ({"extras": ["silent"]}, "extras holds objects such as .* not str"),
    ({"extras": [aae.Consistency(torch.nn.Identity())]}, "extras holds objects such as .* not Consistency"),
    ({"extras": None}, "extras is a list, .* not NoneType"),
    ({"terms": [Silent()]}, "terms holds objects such as .* not Silent"),
])  # fmt: skip
def test_terms_and_extras_are_not_confused(settings, sentence):
    with pytest.raises(AAEError, match=sentence):
        Settings(steps=1, **settings)


def test_an_extra_is_listed_once():
    with pytest.raises(AAEError, match="silent is listed twice"):
        trainer_of(Silent(), Silent())
