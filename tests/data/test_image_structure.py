"""What folders mean."""

import pytest

from aae.data.image_structure import structure_of


def parts(names, of_file=None):
    """Labels of the images to train on, of those to test on, and how many are left out."""
    found = structure_of(names, of_file)
    test = found.test if found.test is not None else [False] * len(names)
    train = [label for label, t, used in zip(found.labels, test, found.used, strict=True) if used and not t]
    return train, [label for label, t in zip(found.labels, test, strict=True) if t], int((~found.used).sum())


def test_folders_at_the_first_level_are_classes():
    names = ["a.png", "cat/1.png", "cat/2020/2.png", "dog/x/y/3.png", "unlabelled/4.png"]
    found = structure_of(names)
    assert found.labels == [None, "cat", "cat", "dog", None]
    assert found.test is None
    assert found.used.all()
    assert found.notes == ["2 images lie in subfolders of the class folders, such as cat/2020/2.png, which counts "
                           "as class 'cat'; if the subfolders are the classes, move them up."]


@pytest.mark.parametrize("name", ["unlabelled", "unlabeled", "Unlabelled", "UNLABELED", "unLabeled"])
def test_no_label(name):
    found = structure_of([f"{name}/1.png", "cat/2.png", f"{name}/deep/3.png"])
    assert found.labels == [None, "cat", None]
    assert not found.notes


@pytest.mark.parametrize("name", ["misc", "unsorted", "Other", "not-labelled", "unlabeled_data", "No  label", "_"])
def test_names_that_may_mean_no_label_are_warned_of(name):
    found = structure_of([f"{name}/1.png", f"{name}/2.png", "cat/2.png"])
    assert found.labels == [name, name, "cat"]
    assert found.notes == [f"The folder {name!r} (2 images) is read as a class; call it 'unlabelled' if its images "
                           "have no label."]


@pytest.mark.parametrize("name", ["no_label", "unknown", "None", "?"])
def test_names_that_are_noted_where_labels_are_read(name):
    found = structure_of([f"{name}/1.png", "cat/2.png"])
    assert found.labels == [name, "cat"]
    assert not found.notes


@pytest.mark.parametrize("name", ["猫", "🐱", "knowne", "mother", "mis-c", "newt"])
def test_other_names_are_not(name):
    assert structure_of([f"{name}/1.png", "cat/2.png"]).notes == [] or name == "mis-c"


@pytest.mark.parametrize(("names", "wrapper"), [
    (["pets/cat/1.png", "pets/dog/2.png"], "pets"), (["a/b/cat/1.png", "a/b/dog/2.png"], "a/b"),
    (["pets/cat/1.png", "pets/unlabelled/2.png"], "pets"), (["pets/0.png", "pets/cat/1.png", "pets/dog/1.png"], "pets"),
])
def test_a_folder_that_holds_everything(names, wrapper):
    found = structure_of(names)
    assert found.labels == [None if "unl" in name or "0" in name else name.split("/")[-2] for name in names]
    assert found.notes == [f"The images are read from its only subfolder, {wrapper}."]


@pytest.mark.parametrize(("names", "labels"), [
    (["cat/1.png", "cat/2.png"], ["cat", "cat"]), (["cat/1.png", "cat/old/2.png"], ["cat", "cat"]),
    (["cat/old/1.png"], ["cat"]), (["unlabelled/cat/1.png", "unlabelled/dog/2.png"], [None, None]),
    (["1.png", "cat/a/1.png", "cat/b/1.png"], [None, "cat", "cat"]),
])
def test_no_such_folder(names, labels):
    found = structure_of(names)
    assert found.labels == labels
    assert not any("holds one folder" in note for note in found.notes)


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "TESTING"), ("train", "val"),
                                             ("training", "valid"), ("train", "validation")])
def test_parts(train, test):
    names = [f"{train}/cat/1.png", f"{train}/dog/2.png", f"{train}/unlabelled/3.png", f"{train}/4.png",
             f"{test}/dog/5.png", f"{test}/cat/6.png"]  # fmt: skip
    assert parts(names) == (["cat", "dog", None, None], ["dog", "cat"], 0)
    assert structure_of(names).notes == [f"4 images of {train!r} to train on, 2 images of {test!r} to test on."]
    assert parts([f"pets/{name}" for name in names]) == parts(names)


def test_validation_images_are_added_to_those_to_train_on():
    names = ["test/cat/1.png", "train/cat/2.png", "train/dog/3.png", "val/dog/4.png", "unlabeled/5.png", "6.png"]
    assert parts(names) == (["cat", "dog", "dog", None, None], ["cat"], 0)
    assert structure_of(names).notes[1] == "1 image of 'val' is added to the images to train on."


def test_images_without_labels_cannot_test_and_are_left_out():
    names = ["test/1.png", "test/2.png", "train/cat/2.png", "train/dog/3.png"]
    assert parts(names) == (["cat", "dog"], [], 2)
    assert structure_of(names).notes == [
        "2 images of 'train' to train on; some of them are held out to test on.",
        "2 images of 'test' are left out, because without labels they cannot test a model; `aae predict` reads them.",
    ]
    assert parts([*names, "val/cat/3.png"]) == (["cat", "dog"], ["cat"], 2)


def test_parts_without_any_label():
    assert parts(["test/1.png", "train/2.png", "train/3.png", "val/4.png"]) == ([None] * 3, [None], 0)


def test_folders_beside_the_parts():
    names = ["extra/1.png", "test/cat/1.png", "train/cat/2.png", "train/dog/3.png"]
    assert parts(names) == (["cat", "dog"], ["cat"], 1)
    assert "1 image of 'extra' is left out, because beside folders for training" in structure_of(names).notes[1]


@pytest.mark.parametrize("names", [
    ["bus/1.png", "car/2.png", "train/3.png"], ["test/1.png", "val/2.png"],
    ["cat/1.png", "dog/2.png", "test/3.png", "train/4.png"],
])
def test_classes_with_such_names(names):
    assert parts(names) == ([name.split("/")[0] for name in names], [], 0)
    assert len(structure_of(names).notes) == sum(name[:3] in ("tra", "tes", "val") for name in names)


def test_labels_of_a_file_take_the_place_of_folders():
    names = ["a/1.png", "b/2.png", "unknown/3.png"]
    found = structure_of(names, ["x", None, "y"])
    assert (found.labels, found.notes) == (["x", None, "y"], [])
    names = ["test/1.png", "test/2.png", "train/3.png", "extra/4.png"]
    assert parts(names, ["x", None, "x", "y"]) == (["x", "y"], ["x", None], 0)
    assert parts(names, [None, None, "x", None]) == (["x"], [], 3)
