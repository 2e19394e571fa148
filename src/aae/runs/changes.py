"""The data of a run read again: which rows are judged if they have changed, and classes numbered as the model's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from aae.data.dataset import Dataset
from aae.data.facts import Digests, data_facts, digests_of, list_some, what_changed
from aae.data.labels import ClassName, class_indices
from aae.data.row_keys import keys_of
from aae.data.splits import Split, split_data
from aae.system.errors import AAEError
from aae.training.rundir import RunDir

__all__ = ["View", "other_rows", "own_rows", "with_model_classes"]


class View(NamedTuple):
    """Data to judge a model on, their split, and sentences on what a reader of the metrics must know."""

    data: Dataset
    split: Split
    notes: tuple[str, ...] = ()


def own_rows(data: Dataset, config: Mapping[str, Any], directory: RunDir) -> View:
    """The data of a run as they are now: with the split of the training, if they have not changed.

    If they have, the test and validation rows are those of the training that are still there.

    Args:
        data: The data as they were read again.
        config: The configuration of the run.
        directory: Its directory.
    """
    before = config.get("data_facts")  # runs of older versions have none
    digests = digests_of(data) if before else None
    changed = what_changed(before, data_facts(data, digests)) if before else ""
    if not changed:
        return View(data, _split_of_run(data, config))
    view = _rows_of_training(data, digests, directory.digests(), config["seed"])
    return view._replace(notes=(f"The data of the run changed since training: {changed}.", *view.notes))


def _split_of_run(data: Dataset, config: Mapping[str, Any]) -> Split:
    return split_data(data, config["labels"], config["split"], config["seed"])


def _rows_of_training(data: Dataset, digests: Digests | None, known: Mapping[str, np.ndarray], seed: int) -> View:
    """Changed data with the test and validation rows of the training, as far as their digests are known."""
    if digests is None or not known or not np.isin(np.concatenate([digests.test, digests.train]), known["test"]).any():
        note = "Its test and validation rows were drawn again, so rows that were trained on may be among them."
        return View(data, split_data(data, 0, "random", seed), (note,))
    notes: tuple[str, ...] = ()
    numbers = digests.train
    if data.test_held_out:
        x, y = np.concatenate([data.test_x, data.x]), np.concatenate([data.test_y, data.y])
        numbers = np.concatenate([digests.test, digests.train])
        keys = keys_of(data)
        names = np.concatenate([keys.test, keys.train])
        test = _occurrences(numbers, known["test"])
        data = replace(data, x=x[~test], y=y[~test], test_x=x[test], test_y=y[test],
                       keys=replace(keys, train=names[~test], test=names[test]))  # fmt: skip
        numbers = numbers[~test]
        notes = (f"Of its {len(known['test']):,} test rows {test.sum():,} remain; only these are evaluated.",)
    else:
        notes = _trained_on(digests.test, known, "the test data")
    validation = _occurrences(numbers, known["validation"])
    split = Split(np.arange(0), np.flatnonzero(~validation), np.flatnonzero(validation))
    return View(data, split, notes)


def _occurrences(digests: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Whether each row is a wanted one; of equal rows, the first ones, as many as are wanted."""
    distinct, index = np.unique(digests, return_inverse=True)
    order = np.argsort(index, kind="stable")
    first = np.searchsorted(index[order], np.arange(len(distinct)))
    rank = np.empty(len(digests), dtype=np.int64)
    rank[order] = np.arange(len(digests)) - first[index[order]]
    known, counts = np.unique(wanted, return_counts=True)
    number = dict(zip(known.tolist(), counts.tolist(), strict=True))
    return rank < np.array([number.get(digest, 0) for digest in distinct.tolist()], dtype=np.int64)[index]


def _trained_on(digests: np.ndarray, known: Mapping[str, np.ndarray], what: str) -> tuple[str, ...]:
    """How many rows to be judged were trained on."""
    count = int(np.isin(digests, np.concatenate([known["train"], known["validation"]])).sum()) if known else 0
    note = f"The model was trained on {count:,} of the {len(digests):,} rows of {what}; results will be too optimistic."
    return (note,) if count else ()


def other_rows(data: Dataset, spec: str, config: Mapping[str, Any], directory: RunDir, named: bool) -> View:
    """Other data than the run's own: all rows are test rows, unless the source has test rows of its own.

    Args:
        data: The data.
        spec: Their name or path, for messages.
        config: The configuration of the run.
        directory: Its directory.
        named: Whether the model has classes. Clusters get their names from some of the rows, the validation rows.
    """
    before, digests = config.get("data_facts"), digests_of(data)
    if before and not what_changed(before, data_facts(data, digests)):
        note = f"{spec} holds the rows that the run was trained on; its {len(data.test_x):,} test rows are evaluated."
        return View(data, _split_of_run(data, config), () if spec == config["data"] else (note,))
    split = split_data(data, 0, "random", 0)
    if named:  # no rows of other data were for validation
        split = replace(split, validation=split.validation[:0])
    if digests is None:
        note = f"{len(data.test_x):,} of the {len(data.x):,} rows of {spec}, drawn at random, are evaluated."
        return View(data, split, (note,) if data.test_held_out else ())
    known = directory.digests()
    if not data.test_held_out:
        note = f"{spec} has test rows of its own, {len(data.test_x):,}; only these are evaluated."
        return View(data, split, (note, *_trained_on(digests.test, known, spec)))
    test_x, test_y = np.concatenate([data.x, data.test_x]), np.concatenate([data.y, data.test_y])
    notes = _trained_on(np.concatenate([digests.train, digests.test]), known, spec)
    keys = keys_of(data)
    keys = replace(keys, test=np.concatenate([keys.train, keys.test]))
    return View(replace(data, test_x=test_x, test_y=test_y, keys=keys, reused=len(data.x)), split, notes)


def with_model_classes(view: View, classes: Sequence[ClassName] | None) -> View:
    """The data with the class numbers of the model, without test and validation rows of other classes.

    Args:
        view: The data.
        classes: The classes of the model; None if it has none.

    Raises:
        AAEError: The model knows none of the classes of the data.
    """
    data, split, notes = view
    if classes is None or not data.classes or data.classes == list(classes):
        return view
    number = np.array([*class_indices(data.classes, classes), -1])  # index -1 is the last
    unknown = np.flatnonzero(number[:-1] < 0)
    if len(unknown) == len(data.classes):
        raise AAEError(
            f"{data.name} has the class {data.classes[0]!r}, which the model does not know; it knows "
            f"{list_some([str(name) for name in classes])}."
        )
    out, counts = np.isin(data.test_y, unknown), np.bincount(data.test_y[data.test_y >= 0], minlength=len(number))
    if out.any():
        some = list_some([f"{data.classes[k]!r} ({counts[k]:,} rows)" for k in unknown if counts[k]])
        notes += (f"Test rows of classes that the model does not know are left out of all metrics: {some}.",)
    kept = replace(split, validation=split.validation[~np.isin(data.y[split.validation], unknown)])
    renumbered = replace(data, y=number[data.y], test_x=data.test_x[~out], test_y=number[data.test_y[~out]],
                         reused=int((~out[: data.reused]).sum()),
                         keys=keys_of(data).take(np.arange(len(data.x)), ~out), classes=list(classes))  # fmt: skip
    return View(renumbered, kept, notes)
