"""What the folders of a folder of images mean: classes, no label, parts to train and to test on.

The folders at the first level are classes, and an image belongs to the class it lies in, however deep. Files at the
top and in ``unlabelled`` have no label. Folders ``train`` and ``test`` are parts that hold folders of classes.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from aae.data.image_files import readable_name
from aae.data.labels import MARKS

__all__ = ["Structure", "structure_of"]

UNLABELLED = ("unlabelled", "unlabeled")
# Names, without signs between their letters, of folders that may mean "no label".
SUSPICIOUS = frozenset({
    "nolabel", "nolabels", "nolabelled", "notlabelled", "notlabeled", "unlabelleddata", "unlabeleddata",
    "unlabelledimages", "unlabeledimages", "unknown", "unknowns", "none", "null", "nan", "na", "nil", "misc",
    "miscellaneous", "unsorted", "other", "others", "unclassified", "uncategorised", "uncategorized", "untagged",
    "unannotated", "undefined", "undecided", "missing", "todo", "tbd", "pending", "new", "rest", "various",
})  # fmt: skip
PARTS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation"),
}


@dataclass
class Structure:
    """For each image its label, and whether it is one to test on (None: no parts) and whether it is used at all."""

    labels: list[str | None]
    test: np.ndarray | None
    used: np.ndarray
    notes: list[str] = field(default_factory=list)


def structure_of(
    names: Sequence[str], of_file: Sequence[str | None] | None = None, what: str = "image"
) -> Structure:
    """Read labels and parts off the paths of images, or of texts.

    Args:
        names: Paths within the folder.
        of_file: Labels from a file of labels; folders then are no classes.
        what: What a file is, for notes.
    """
    root = _wrapper(names)
    notes = [f"The {what}s are read from its only subfolder, {readable_name(root)}."] if root else []
    inner = [name.removeprefix(root + "/") if root else name for name in names]
    parts = _parts_of(inner, of_file is not None)
    if parts is None:
        labels = [_label(name) for name in inner] if of_file is None else list(of_file)
        structure = Structure(labels, None, np.ones(len(names), dtype=bool), notes)
        within = inner
    else:
        within = [name.partition("/")[2] if part else name for name, part in zip(inner, parts, strict=True)]
        labels = [_label(name) for name in within] if of_file is None else list(of_file)
        structure = _with_parts(inner, parts, labels, of_file is not None, what)
        structure.notes = [*notes, *structure.notes]
    if of_file is None:
        structure.notes += _class_notes([w for w, used in zip(within, structure.used, strict=True) if used], what)
    return structure


def _first(name: str) -> str:
    """The folder at the first level; empty for a file at the top."""
    return name.partition("/")[0] if "/" in name else ""


def _is_unlabelled(folder: str) -> bool:
    return folder.casefold() in UNLABELLED


def _label(name: str) -> str | None:
    folder = _first(name)
    return readable_name(folder) if folder and not _is_unlabelled(folder) else None


def _part(folder: str) -> str | None:
    return next((part for part, known in PARTS.items() if folder.casefold() in known), None)


def _wrapper(names: Sequence[str]) -> str:
    """The folder that holds everything, if several folders of images lie in it; otherwise empty."""
    common = posixpath.commonpath([posixpath.dirname(name) for name in names])
    if not common or any(_is_unlabelled(folder) for folder in common.split("/")):
        return ""
    folders = {_first(name.removeprefix(common + "/")) for name in names} - {""}
    return common if len(folders) > 1 else ""


def _parts_of(names: Sequence[str], given: bool) -> list[str | None] | None:
    """The part of each image, None for those beside the parts; None if the folders at the first level are no parts."""
    part = {folder: _part(folder) for folder in {_first(name) for name in names}}
    if "train" not in part.values():
        return None
    nested = {_first(name.partition("/")[2]) for name in names if part[_first(name)] == "train"} - {""}
    beside = [folder for folder, one in part.items() if one is None and folder and not _is_unlabelled(folder)]
    others = {"test", "validation"} & set(part.values())
    # Without folders of classes in it, or alone, "train" may be a class like the others.
    if (others and (nested or given or not beside)) or (not others and len(nested) > 1 and not beside):
        return [part[_first(name)] for name in names]
    return None


def _with_parts(
    names: Sequence[str], parts: Sequence[str | None], labels: list[str | None], given: bool, what: str
) -> Structure:
    part = np.array([one or "" for one in parts], dtype=object)
    labelled = np.array([label is not None for label in labels])
    beside = np.array([not one and bool(_first(name)) and not _is_unlabelled(_first(name))
                       for name, one in zip(names, parts, strict=True)])  # fmt: skip
    if given:
        beside &= ~labelled
    have = [one for one in ("test", "validation") if (part == one).any()]
    judging = [one for one in have if labelled[part == one].any()] or [
        one for one in have if not labelled[part == "train"].any()
    ]
    test = part == judging[0] if judging else np.zeros(len(names), dtype=bool)
    # Rows that cannot judge a model are not trained on either: they may be what it will be judged by elsewhere.
    silent = np.isin(part, [one for one in have if one not in judging]) & ~labelled
    used = ~(beside | silent)
    folders = _folders(names, what)
    notes = [f"{folders(used & ~test)} to train on, {folders(test)} to test on."] if test.any() else [
        f"{folders(used)} to train on; some of them are held out to test on."]  # fmt: skip
    if len(judging) > 1:
        notes.append(f"{folders(part == judging[1], True)} added to the {what}s to train on.")
    if silent.any():
        notes.append(f"{folders(silent, True)} left out, because without labels they cannot test a model; "
                     "`aae predict` reads them.")  # fmt: skip
    if beside.any():
        notes.append(f"{folders(beside, True)} left out, because beside folders for training and testing only "
                     "'unlabelled' is read.")  # fmt: skip
    return Structure(labels, test if test.any() else None, used, notes)


def _folders(names: Sequence[str], what: str) -> Callable[..., str]:
    """A function that names the folders of some images or texts and counts these."""

    def describe(which: np.ndarray, verb: bool = False) -> str:
        count = int(which.sum())
        folders = dict.fromkeys(_first(name) for name, one in zip(names, which, strict=True) if one)
        listed = " and ".join(repr(readable_name(folder)) if folder else "the top" for folder in list(folders)[:3])
        are = (" is" if count == 1 else " are") if verb else ""
        return f"{count:,} {what}{'s' * (count != 1)} of {listed}{are}"

    return describe


def _class_notes(names: Sequence[str], what: str) -> list[str]:
    """What may surprise about the folders of classes."""
    notes = []
    counts = Counter(label for name in names if (label := _label(name)) is not None)
    for label, count in counts.items():
        letters = re.sub(r"[\W_]", "", label.casefold())
        if label.lower() in MARKS:  # noted where the labels are read
            continue
        if letters in SUSPICIOUS or (not letters and label.isascii()):
            notes.append(f"The folder {label!r} ({count:,} {what}{'s' * (count != 1)}) is read as a class; call it "
                         f"'unlabelled' if its {what}s have no label.")  # fmt: skip
        elif _part(label):
            notes.append(f"The folder {label!r} ({count:,} {what}{'s' * (count != 1)}) is read as a class.")
    deep = [name for name in names if name.count("/") > 1 and _label(name) is not None]
    if deep:
        lie = f"{what} lies" if len(deep) == 1 else f"{what}s lie"
        notes.append(
            f"{len(deep):,} {lie} in subfolders of the class folders, such as {readable_name(deep[0])}, which counts "
            f"as class {_label(deep[0])!r}; if the subfolders are the classes, move them up."
        )
    odd = [name for name in names if readable_name(name) != name]
    if odd:
        notes.append(f"{len(odd):,} names are not UTF-8, such as {readable_name(odd[0])} (shown escaped).")
    return notes
