import math

import pytest
import torch

from aae.system.errors import AAEError
from aae.system.tensors import pack_tensors
from aae.training.checkpoints import KEEP, latest_checkpoint, save_checkpoint, set_aside
from helpers.runs import differences, leftovers

IMAGE = torch.arange(120.0).reshape(2, 3, 4, 5).to(memory_format=torch.channels_last)


def state(step):
    return {
        "step": step,
        "model": {"weight": torch.full((100,), float(step)), "count": torch.tensor(7), "none": torch.empty(0, 3)},
        "optimizers": {0: {"exp_avg": IMAGE}, "betas": (0.9, 0.1 + 0.2), "flags": [None, True, "text", math.inf]},
        "random": torch.get_rng_state(),
    }


@pytest.fixture
def folder(tmp_path):
    """Checkpoints of steps 1, 2 and 10."""
    for step in (1, 2, 10):
        save_checkpoint(tmp_path / "checkpoints", state(step), step)
    return tmp_path / "checkpoints"


def newest(folder):
    return max(folder.iterdir())


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "garbage": lambda data: b"garbage" * 100,
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
}


def test_the_newest_is_loaded(folder):
    found, damaged = latest_checkpoint(folder)
    assert damaged == []
    assert not differences(found, state(10))
    assert found["optimizers"][0]["exp_avg"].stride() == IMAGE.stride()  # a fused optimiser relies on it


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_one_is_skipped_and_reported(folder, kind):
    damaged = newest(folder)
    damaged.write_bytes(DAMAGE[kind](damaged.read_bytes()))
    found, aside = latest_checkpoint(folder)
    assert not differences(found, state(2))
    assert aside == [damaged]
    (note,) = set_aside(aside)
    assert note == "Checkpoint step-0000000010.safetensors is damaged and was set aside; the one before it is used."
    assert [path.name for path in folder.glob("*.damaged")] == ["step-0000000010.safetensors.damaged"]
    assert latest_checkpoint(folder)[1] == []


@pytest.mark.parametrize("place", range(0, 100, 3))
def test_every_changed_byte_is_detected(folder, place):
    path = newest(folder)
    raw = bytearray(path.read_bytes())
    raw[len(raw) * place // 100] ^= 1 << place % 8
    path.write_bytes(raw)
    found, damaged = latest_checkpoint(folder)
    assert damaged == [path] or not differences(found, state(10))
    assert differences(found, state(10)) == [] if not damaged else found["step"] == 2


FORMS = ["", "{", "[]", "7", '{"dict": 3}', '{"tensor": [9, []]}', '{"a": 1, "b": 2}', "{}", '{"dict": [[[], 1]]}',
         '{"dict": [["step", {"tensor": [0, [0, 0]]}]]}', '{"list": ' * 9000]


@pytest.mark.parametrize("form", [*FORMS, None])
def test_files_of_another_structure_are_refused(folder, form):
    facts = {} if form is None else {"form": form}
    (folder / "step-0000000099.safetensors").write_bytes(pack_tensors({"0": torch.zeros(2)}, facts))
    found, damaged = latest_checkpoint(folder)
    assert found["step"] == 10
    assert len(damaged) == 1


def test_all_damaged(folder):
    for path in folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(AAEError, match=r"No usable .*Damaged: .*step-0000000001.safetensors.*without --resume"):
        latest_checkpoint(folder)


@pytest.mark.parametrize("make", [True, False])
def test_none(tmp_path, make):
    if make:
        (tmp_path / "checkpoints").mkdir()
    with pytest.raises(AAEError, match=r"No usable checkpoint in .* Train again without --resume"):
        latest_checkpoint(tmp_path / "checkpoints")


def test_nothing_in_a_checkpoint_is_executed(folder, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    torch.save({"step": 99, "model": Evil()}, folder / "step-0000000099.safetensors")
    found, damaged = latest_checkpoint(folder)
    assert found["step"] == 10
    assert len(damaged) == 1
    assert not (tmp_path / "executed").exists()


def test_the_last_few_are_kept_by_step_and_not_by_time(tmp_path):
    for step in (5, 99, 100, 7, 101):
        save_checkpoint(tmp_path, state(step), step)
    kept = sorted(int(path.stem.removeprefix("step-")) for path in tmp_path.iterdir())
    assert kept == [99, 100, 101]
    assert len(kept) == KEEP


def test_other_files_are_left_alone(folder):
    (folder / "step-notes.safetensors").write_text("mine")
    (folder / ".step-0000000011.safetensors.7.tmp").write_text("half")
    for step in (11, 12, 13):
        save_checkpoint(folder, state(step), step)
    assert latest_checkpoint(folder)[0]["step"] == 13
    assert (folder / "step-notes.safetensors").read_text() == "mine"


def test_a_full_disk(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(AAEError, match=r"step-0000000011.safetensors could not be written: No space left on device"):
        save_checkpoint(folder, state(11), 11)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not leftovers(folder)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AAEError, match=r"checkpoints cannot be made \(Not a directory\)"):
        save_checkpoint(tmp_path / "file" / "checkpoints", state(1), 1)
