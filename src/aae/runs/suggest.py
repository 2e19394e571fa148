"""Proposes rows to label next, with a run's model or, if there is none yet, a clustering that is trained for this."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from aae.data.builtin import source_entries
from aae.data.dataset import Dataset, ReadOptions
from aae.data.row_keys import FILE, RowKeys, keys_of
from aae.data.sources import load_data
from aae.evaluation import inference
from aae.evaluation.typical import comparable, typical_rows, uncertain_rows
from aae.model.autoencoder import Autoencoder
from aae.runs.open import load_run_data, load_run_model, read_config
from aae.runs.prepare import LENGTHS
from aae.runs.train import resume_run, train_preset
from aae.system.errors import AAEError, UsageError, counted
from aae.system.files import check_output_path, csv_cell, write_atomically
from aae.system.progress import say, spinner
from aae.training.rundir import RunDir

__all__ = ["Suggestions", "is_run", "suggest", "write_suggestions"]

MAX_ROWS = 10_000  # that are compared, each with each
CLUSTERS = 20  # whose features serve any number of rows
ENOUGH = 5  # labels of each class, on average, from which doubtful rows teach more than typical ones


@dataclass(frozen=True)
class Suggestions:
    """Rows to label next.

    Args:
        data: The data set.
        rows: Numbers of its training rows ``(n,)``, the most useful first.
        reasons: Why each is proposed, in a few words.
        proposed: The class that the model would give each; None if it knows no classes.
        model: The model.
        run: Its directory.
    """

    data: Dataset
    rows: np.ndarray
    reasons: list[str]
    proposed: list[str] | None
    model: Autoencoder
    run: Path

    @property
    def keys(self) -> RowKeys:
        """What the rows are called."""
        return keys_of(self.data)


def is_run(source: str | Path) -> bool:
    """Whether a path is a run directory."""
    return (Path(source) / "config.json").is_file()


def suggest(
    source: str | Path,
    n: int,
    *,
    reading: ReadOptions | None = None,
    seed: int = 0,
    keep: Path | None = None,
    components: Iterable[type] | type = (),
    **training: Any,
) -> Suggestions:
    """Propose rows to label next.

    With a classifier and labels of at least 5 rows a class, rows that it is uncertain of; otherwise typical rows of
    what is unlike the rows that have a label.

    Args:
        source: A run directory, or data as `aae.train_preset` takes them, on which a clustering is trained first.
        n: Number of rows.
        reading: Options for reading the data; of a run's data, only a labels file.
        seed: Seed of the clustering and of the choice.
        keep: Directory for the run of the clustering.
        components: Classes of your own that the model of a run is made of.
        **training: Length and device of the training, as for `aae.train_preset`.

    Raises:
        AAEError: The run or data cannot be read, or there are fewer rows without a label than are asked for.
        KeyboardInterrupt: The training was interrupted.
    """
    reading = reading or ReadOptions()
    if n < 1:
        raise UsageError(f"--n is the number of rows to propose, 1 or more, not {n}.")
    if is_run(source):
        run, (data, model) = Path(source), _of_run(Path(source), reading, training, components)
    else:
        data = load_data(source, reading)
        for note in (*data.notes, *_own_labels(data, source)):
            say(f"Note: {note}")
        _check_count(data, n, str(source))
        run, model = _clustering(source, data, reading, seed, keep, training)
    _check_count(data, n, str(source))
    with spinner("Choosing rows"):
        rows, reasons, proposed = _choose(data, model, n, seed)
    return Suggestions(data, rows, reasons, proposed, model, run)


def _of_run(
    path: Path, reading: ReadOptions, training: Mapping[str, Any], components: Iterable[type] | type
) -> tuple[Dataset, Autoencoder]:
    """Data and model of a run, the data with the labels of a new file."""
    given = [name for name in (*reading.given(), *(k for k, v in training.items() if v is not None))
             if name not in ("labels_file", "device", "precision", "features")]  # fmt: skip
    if given:
        flag = given[0].replace("_", "-")
        raise UsageError(f"{path} is a run, whose data and training are settled; drop --{flag}.")
    directory = RunDir(path)
    config = read_config(directory)
    model = load_run_model(directory, components)
    if reading.labels_file is not None:
        config["reading"] = {**config.get("reading", {}), "labels_file": reading.labels_file}
    data = load_run_data(config, path, model, reading)
    for note in data.notes if reading.labels_file is not None else ():
        say(f"Note: {note}")
    return data, model


def _clustering(
    source: str | Path, data: Dataset, reading: ReadOptions, seed: int, keep: Path | None,
    training: Mapping[str, Any],
) -> tuple[Path, Autoencoder]:  # fmt: skip
    """A clustering of the data, trained without their labels; one that lies there already is used again."""
    keep = keep or Path("runs") / f"clustering-{Path(source).stem}"
    changes = {"clusters": CLUSTERS}
    if is_run(keep):
        config = read_config(RunDir(keep))
        length = {name: value for name, value in training.items() if value is not None and name in LENGTHS}
        wanted = {"preset": "clustering", "changes": changes, "seed": seed, "length": length, **source_entries(source)}
        differ = [name for name, value in wanted.items() if config.get(name) != value]
        if differ:
            raise AAEError(f"{keep} holds a run with another {differ[0]}; give {keep} in place of the data to use it, "
                           "remove it, or choose another --out.")  # fmt: skip
        say(f"Note: the clustering in {keep} is used again; remove that directory to train another.")
        result = resume_run(keep)  # which goes on if it was interrupted
        if result.interrupted:
            raise KeyboardInterrupt
        model = result.model.cpu()
        if model.shape != data.shape:
            raise AAEError(f"{source} was read in another way for {keep}; remove it, or choose another --out.")
        return keep, model
    if keep.exists():
        raise AAEError(f"{keep}, where the clustering is kept, is there already and is no run; remove it, or choose "
                       "another --out.")  # fmt: skip
    say(f"Note: first, a clustering of the rows is trained; it is kept in {keep}.")
    plain = replace(reading, labels_file=None)
    result = train_preset("clustering", source, seed=seed, changes=changes, reading=plain, out=keep, **training)
    if result.interrupted:
        raise KeyboardInterrupt
    return keep, result.model.cpu()


def _own_labels(data: Dataset, source: str | Path) -> list[str]:
    """That data have labels without a labels file, so that only their other rows are proposed."""
    free, labelled = _unlabelled(data)
    if data.given is not None or not len(labelled):  # if all rows have one, that is said where they are chosen
        return []
    images = keys_of(data).name == FILE
    many, have = len(free) + len(labelled), "has" if len(labelled) == 1 else "have"
    has = f"{len(labelled):,} of {many:,} {'images' if images else 'rows'} to train on {have}"
    rows = f"rows are proposed among the {len(free):,} others"
    if not images:
        return [f"{has} a label in {source}, so {rows}."]
    return [f"The folders in {source} are taken as classes: {has} a label from them, so {rows}. If they are no "
            f"classes, move them into {Path(source) / 'unlabelled'}, or give the labels with --labels-file."]


def _check_count(data: Dataset, n: int, source: str) -> None:
    free = len(_unlabelled(data)[0])
    if n > free:
        raise UsageError(f"--n {n:,} is more than the {free:,} rows of {source} that have no label; ask for fewer.")


def _unlabelled(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training rows without and with a label; if all have one, as if none had."""
    rows = np.arange(len(data.x)) if data.held is None else np.setdiff1d(np.arange(len(data.x)), data.held)
    known = data.y[rows] >= 0
    return (rows, rows[:0]) if known.all() else (rows[~known], rows[known])


def _choose(data: Dataset, model: Autoencoder, n: int, seed: int) -> tuple[np.ndarray, list[str], list[str] | None]:
    """Rows, reasons and proposed classes."""
    free, labelled = _unlabelled(data)
    if not len(labelled) and (data.y >= 0).any():
        folders = data.given is None and keys_of(data).name == FILE
        why = ", because folders are taken as classes" if folders else ""
        say(f"Note: every row has a label already{why}; rows are proposed as if none had.")
    if len(free) + len(labelled) > MAX_ROWS:
        most = max(n, MAX_ROWS - len(labelled))
        say(f"Note: of {len(free):,} rows without a label, {most:,} drawn at random are compared.")
        free = np.sort(np.random.default_rng(seed).permutation(free)[:most])
    every = np.sort(np.concatenate([free, labelled]))
    known = np.searchsorted(every, labelled)
    features = comparable(inference.features(model, data.x[every]))
    classes = model.classes if model.category is not None and model.category.posterior is not None else None
    probabilities = None if not classes else inference.classify(model, data.x[every])
    if probabilities is not None and classes and len(labelled) >= ENOUGH * len(classes):
        rows = uncertain_rows(features, probabilities, n, known, seed)
        reasons = [_doubt(probabilities[row], classes) for row in rows]
    else:
        rows, sizes = typical_rows(features, n, known)
        far = ", none of them near a labelled one" if len(labelled) else ""
        reasons = [f"typical of {counted(int(size), 'similar row')}{far}" for size in sizes]
    proposed = None
    if probabilities is not None and classes:
        proposed = [str(classes[k]) for k in probabilities[rows].argmax(1)]
    return every[rows], reasons, proposed


def _doubt(probabilities: np.ndarray, classes: list[Any]) -> str:
    first, *rest = np.argsort(-probabilities)[:2]
    parts = [f"{classes[k]} ({100 * probabilities[k]:.0f} %)" for k in (first, *rest)]
    return f"uncertain: {' or '.join(parts)}"


def write_suggestions(found: Suggestions, out: Path) -> None:
    """Write the key of each row, an empty column ``label`` to fill in, the proposed class if there is one, and why.

    Raises:
        AAEError: The file cannot be written.
    """
    check_output_path(out, ".csv")
    keys = found.keys

    def write(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
        writer = csv.writer(text, lineterminator="\n")
        proposed = [] if found.proposed is None else ["proposed"]
        writer.writerow([csv_cell(keys.name), "label", *proposed, "why"])
        for place, row in enumerate(found.rows):
            named = [] if found.proposed is None else [csv_cell(found.proposed[place])]
            writer.writerow([csv_cell(keys.train[row]), "", *named, csv_cell(found.reasons[place])])
        text.detach()  # flushes; the file is closed where it was opened

    write_atomically(out, write)
