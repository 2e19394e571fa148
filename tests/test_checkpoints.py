import pytest
import torch

from aae.checkpoints import KEEP, latest_checkpoint, save_checkpoint
from aae.errors import AAEError
from runs import leftovers


def state(step):
    return {"step": step, "model": {"weight": torch.full((100,), float(step))}, "random": torch.get_rng_state()}


@pytest.fixture
def folder(tmp_path):
    """Checkpoints of steps 1, 2 and 10."""
    for step in (1, 2, 10):
        save_checkpoint(tmp_path / "checkpoints", state(step), step)
    return tmp_path / "checkpoints"


def newest(folder):
    return max(folder.iterdir())


def test_a_full_disk_as_torch_reports_it(folder, monkeypatch):
    def save(state, file):
        file.write(b"half of i")
        raise RuntimeError("[enforce fail at inline_container.cc:603] . unexpected pos 64 vs 0\nmore")

    monkeypatch.setattr(torch, "save", save)
    before = sorted(folder.iterdir())
    with pytest.raises(AAEError, match=r"could not be written: .*unexpected pos 64 vs 0\. Free"):
        save_checkpoint(folder, state(11), 11)
    assert sorted(folder.iterdir()) == before


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "garbage": lambda data: b"garbage" * 100,
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
}


def test_the_newest_is_loaded_whole(folder):
    found, notes = latest_checkpoint(folder)
    assert notes == []
    assert found["step"] == 10
    assert torch.equal(found["model"]["weight"], torch.full((100,), 10.0))
    assert torch.equal(found["random"], torch.get_rng_state())


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_one_is_passed_over_and_told(folder, kind):
    damaged = newest(folder)
    damaged.write_bytes(DAMAGE[kind](damaged.read_bytes()))
    found, (note,) = latest_checkpoint(folder)
    assert found["step"] == 2
    assert torch.equal(found["model"]["weight"], torch.full((100,), 2.0))
    assert note.startswith("Checkpoint step-0000000010.pt is damaged")
    assert note.endswith("going back to the one before.")


def test_all_damaged(folder):
    for path in folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(AAEError, match=r"No usable checkpoint in .*step-0000000001.pt is damaged.*without --resume"):
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

    torch.save({"step": 99, "model": Evil()}, folder / "step-0000000099.pt")
    found, notes = latest_checkpoint(folder)
    assert found["step"] == 10
    assert len(notes) == 1
    assert not (tmp_path / "executed").exists()


def test_the_last_few_are_kept_by_step_and_not_by_time(tmp_path):
    for step in (5, 99, 100, 7, 101):
        save_checkpoint(tmp_path, state(step), step)
    kept = sorted(int(path.stem.removeprefix("step-")) for path in tmp_path.iterdir())
    assert kept == [99, 100, 101]
    assert len(kept) == KEEP


def test_other_files_are_left_alone(folder):
    (folder / "step-notes.pt").write_text("mine")
    (folder / ".step-0000000011.pt.7.tmp").write_text("half")
    for step in (11, 12, 13):
        save_checkpoint(folder, state(step), step)
    assert latest_checkpoint(folder)[0]["step"] == 13
    assert (folder / "step-notes.pt").read_text() == "mine"


def test_a_full_disk(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def save(data, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(AAEError, match=r"step-0000000011.pt could not be written: No space left on device"):
        save_checkpoint(folder, state(11), 11)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not leftovers(folder)
