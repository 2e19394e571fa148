from dataclasses import asdict, replace

import numpy as np
import pytest

from aae.data.dataset import Dataset
from aae.presets.presets import resolve
from aae.runs.prepare import long_note, photo_notes
from aae.training.settings import Settings


def images(shape):
    x = np.zeros((4, *shape), np.uint8)
    return Dataset("some", x, np.arange(4) % 2, x[:0], np.arange(0), [0, 1])


@pytest.mark.parametrize(("shape", "preset", "changes", "found"), [
    ((8, 8), "few-labels", {}, []),
    ((8, 8, 3), "few-labels", {}, ["--features ENCODER", "--set flip=true"]),
    ((8, 8, 3), "few-labels", {"flip": True}, ["--features ENCODER"]),
    ((8, 8, 3), "clustering", {}, ["--features ENCODER", "--set flip=true"]),
    ((8, 8, 3), "aae", {}, []),
    ((30,), "few-labels", {}, []),
])  # fmt: skip
def test_what_is_said_of_colour_images(shape, preset, changes, found):
    notes = photo_notes(asdict(resolve(preset, changes)), images(shape))
    assert [word in note for word, note in zip(found, notes, strict=True)] == [True] * len(found)


def test_vectors_of_an_encoder_are_no_colour_images():
    data = replace(images((8, 8, 3)), x=np.zeros((4, 300), np.float32))
    assert photo_notes(asdict(resolve("few-labels")), data) == ()


@pytest.mark.parametrize(("length", "times"), [
    ({"steps": 2000}, None), ({"steps": 4000}, None), ({"steps": 6000}, 3), ({"epochs": 80}, 4), ({"epochs": 10}, None),
])  # fmt: skip
def test_a_training_much_longer_than_the_presets_own(length, times):
    options = asdict(resolve("few-labels", {"min_steps": 2000, "epochs": 8}))
    notes = long_note(options, Settings(**length, batch_size=64), 6400)  # 100 steps a pass
    assert [f"about {times} times" in note for note in notes] == [True] * (times is not None)
