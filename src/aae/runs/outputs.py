"""The outputs of a model as files: predictions, codes, reconstructions, samples."""

import csv
import io
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import torch

from aae.data.array_files import channels_first, read_array_file
from aae.data.arrays import Rows, check_rows, open_rows
from aae.data.builtin import is_builtin
from aae.data.dataset import Dataset, ReadOptions
from aae.data.encoded import read_encoded
from aae.data.idx import read_idx
from aae.data.image_files import ENDINGS, readable_name
from aae.data.image_structure import structure_of
from aae.data.images import read_images
from aae.data.labels import class_indices
from aae.data.parquet_rows import ParquetRows
from aae.data.raw import check_named
from aae.data.sources import is_array_file, is_image_source, load_data
from aae.data.table_files import read_known_table
from aae.data.tables import table_kind
from aae.evaluation import inference
from aae.model.artifact import load
from aae.model.autoencoder import NO_CLASSES, Autoencoder
from aae.model.pictures import PictureFormat
from aae.model.table import Table
from aae.runs.array_output import Parts, parquet_writer, write_npz
from aae.runs.table_output import Columns, write_columns
from aae.system.errors import AAEError, UsageError, counted
from aae.system.files import check_output_path, csv_cell, write_atomically
from aae.system.progress import row_progress, say

if TYPE_CHECKING:
    from aae.distributed.processes import ProcessGroup

__all__ = ["codes", "draw_samples", "label_numbers", "predictions", "read_input", "reading_of",
           "reconstructions", "samples"]  # fmt: skip

MEANS_ONLY = ("This model was trained by an older version without noise of cells: each sample is a mean, so "
              "samples vary less than the data; retrain it for samples like the data.")
LABEL = "label"  # name of the column of drawn classes, where that of the training has no name
BLOCK = 2000  # rows that one of several processes computes at a time


class Input(NamedTuple):
    """Rows and, if the input has them, their class names and file names."""

    rows: Rows
    names: list[Any] | None = None
    files: list[str] | None = None


def read_input(spec: str, model: Autoencoder | None = None, reading: ReadOptions | None = None) -> Input:
    """Read the rows of a path or data set, in order.

    The name or folder of a data set gives its test rows. An ``.npz``, ``.npy``, ``.parquet`` or single IDX
    file gives all its rows, and so does a ``.csv`` (for a model trained on columns). A folder of images gives
    every image, in the size of the model. ``.npy`` and ``.parquet`` stay on disk and are read in chunks.

    Args:
        spec: A path or the name of a data set.
        model: The model that will read the rows.
        reading: How its own data were written; ``strict`` refuses categories that it has not seen, and images that
            cannot be read.

    Raises:
        AAEError: The input cannot be read.
    """
    path = Path(spec)
    if reading is not None and reading.chosen and (is_builtin(spec) or table_kind(path) is None):
        raise UsageError(f"--{reading.chosen[0]} is for tables (.csv, .parquet); {spec} is not one.")
    if is_builtin(spec):  # whatever files have the same name
        return _test_rows(load_data(spec))
    if model is not None and model.frozen_encoder is not None and path.exists() and not is_array_file(spec):
        return _encoded(path, model, reading or ReadOptions())
    if reading is not None and reading.features is not None and (model is None or model.frozen_encoder is None):
        raise AAEError("The model was trained without a frozen encoder; drop --features.")
    table = model.table if model is not None else None
    if path.is_file() and path.suffix.lower() in (".npy", ".npz"):
        if table is not None:
            check_named(table, False, spec)
        return _array_rows(path, model)
    if path.exists() and table_kind(path) is not None:
        return Input(_table_rows(path, table, reading or ReadOptions()))
    if path.is_file() and path.suffix.lower() not in ENDINGS:
        return Input(check_rows(read_idx(path), spec))
    if model is not None and (path.is_file() or is_image_source(spec)):
        return _images(path, model, reading is not None and reading.strict)
    return _test_rows(load_data(spec))


def _test_rows(data: Dataset) -> Input:
    return Input(data.test_x, [data.classes[k] if k >= 0 else None for k in data.test_y])


def _encoded(path: Path, model: Autoencoder, reading: ReadOptions) -> Input:
    """All images or texts of a path as vectors of the model's frozen encoder, in their order."""
    from aae.runs.open import reading_for

    found = read_encoded(path, reading_for(model, reading, reading, reading))
    for note in found.notes:
        say(note)
    if found.files is None or found.labels is None:
        return Input(found.x)
    classes = model.classes or []
    numbers = class_indices(found.labels, classes)
    return Input(found.x, [classes[k] if k >= 0 else None for k in numbers], found.files)


def _array_rows(path: Path, model: Autoencoder | None) -> Input:
    """Rows of a numpy file; those of an ``.npy`` file stay on the disk, unless they must be turned into images."""
    how = model.pictures if model is not None else None
    if path.suffix.lower() == ".npy":
        rows, top = open_rows(path), how.arrays[1] if how is not None and how.arrays is not None else 255
        if rows.ndim < 3 or (rows.dtype == np.uint8 and top >= 255 and not channels_first(rows.shape)):
            return Input(check_rows(rows, str(path)))
    raw = read_array_file(path, how or PictureFormat())
    for note in raw.notes:
        say(note)
    if raw.test is not None:
        say(f"{path} also has {len(raw.test[0]):,} test rows; these are not read.")
    labelled = raw.labels is not None and raw.labels.shape == raw.x.shape[:1]
    return Input(raw.x, raw.labels.tolist() if raw.labels is not None and labelled else None)


def _table_rows(path: Path, table: Table | None, reading: ReadOptions) -> Rows:
    """Rows of a table; those of a single Parquet file stay on the disk."""
    if path.is_file() and table_kind(path) == "parquet":
        columns = ParquetRows(path, table, reading)
        for note in columns.notes:
            say(note)
        return columns if columns.named else check_rows(columns, str(path))
    if table is None:
        raise AAEError(f"{path} has named columns, but the model was trained without names; use .npz or .npy.")
    rows, notes = read_known_table(path, reading, table)
    for note in notes:
        say(note)
    return rows


def reading_of(run: Path, strict: bool, given: ReadOptions | None = None) -> ReadOptions:
    """How the data of a run were written, which its new files may be, too; what is ``given`` is meant for these."""
    from aae.runs.open import of_new_files, read_options
    from aae.training.rundir import RunDir

    given = given or ReadOptions()
    label_column, own = None, ReadOptions()
    try:
        own = read_options(RunDir(run).config())
        label_column = own.label_column
    except AAEError:  # the folder of a model alone, or a name on the hub
        pass
    return replace(of_new_files(own, given), label_column=label_column, strict=strict,
                   features=given.features or own.features,
                   text_column=given.text_column or own.text_column)  # fmt: skip


def _images(path: Path, model: Autoencoder, strict: bool) -> Input:
    """All images of a folder, or a single one; sub-folders named like a class of the model give the class names."""
    from aae.runs.open import reading_for

    reading = reading_for(model)
    images = read_images(path, reading.image_size, reading.colour, strict, reading.pictures)
    for name, reason in images.skipped.items():
        say(f"{path / name} was skipped: {reason}.")
    for note in images.notes:
        say(note)
    classes = model.classes or []
    numbers = class_indices(structure_of(images.files).labels, classes)
    names = [classes[k] if k >= 0 else None for k in numbers]
    return Input(images.x, names, [readable_name(name) for name in images.files])


def class_names(model: Autoencoder, count: int) -> list[str]:
    """Names of the classes, or numbers of the clusters."""
    return [str(name) for name in (model.classes or range(count))]


def label_numbers(model: Autoencoder, names: list[Any] | None) -> np.ndarray | None:
    """Class numbers of rows for a model that observes the label; -1 where a row has none."""
    latent = next((latent for latent in model.latents if latent.label == "observed"), None)
    if names is None or latent is None:
        return None
    numbers = {name: k for k, name in enumerate(model.classes or range(latent.dim))}
    unknown = next((name for name in names if name not in numbers and name not in (None, "", -1)), None)
    if unknown is not None:
        raise AAEError(f"The model has no class {unknown!r}; it has {', '.join(map(str, numbers))}.")
    return np.array([numbers.get(name, -1) for name in names])


def predictions(
    run: Path, spec: str, out: Path, group: "ProcessGroup | None" = None, strict: bool = False,
    given: ReadOptions | None = None, key: str | None = None,
) -> str | None:  # fmt: skip
    """Write index (or file), label, confidence and the probability of every class as CSV, in input order.

    Of a table, the column ``key`` takes the place of the index.
    With a ``group`` of processes each computes a part of the rows; rank zero writes, and the others return None.
    """
    check_output_path(out, ".csv")
    model, reading = load(run), reading_of(run, strict, given)
    rows, _, files = read_input(spec, model, reading)
    if key is not None:
        from aae.runs.answers import key_column

        files = key_column(spec, key, reading)
    parts = _compute("Predicting", group, model, rows, lambda x, _: {"p": model.classify(x)})
    if parts is None:
        return None
    # The first part shows that the model classifies and the rows fit, before anything is written.
    first = next(parts)
    names = class_names(model, first["p"].shape[1])

    def write(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
        writer = csv.writer(text, lineterminator="\n")
        first_column = csv_cell(key or ("index" if files is None else "file"))
        writer.writerow([first_column, "label", "confidence", *(f"p_{name}" for name in names)])
        labels = [csv_cell(name) for name in model.classes or names]
        every = (row for part in chain([first], parts) for row in part["p"])
        for index, row in enumerate(every):
            best = row.argmax()
            row_name = csv_cell(index if files is None else files[index])
            writer.writerow([row_name, labels[best], f"{row[best]:.6f}", *(f"{p:.6f}" for p in row)])
        text.detach()  # flushes; the file is closed where it was opened

    write_atomically(out, write)
    return f"{counted(len(rows), 'prediction')}: {out}"


def codes(
    run: Path, spec: str, out: Path, group: "ProcessGroup | None" = None, strict: bool = False,
    given: ReadOptions | None = None,
) -> str | None:  # fmt: skip
    """Write the codes: one array per latent (.npz) or one column per dimension (.parquet).

    With a ``group`` of processes each computes a part of the rows; rank zero writes, and the others return None.
    """
    suffix = check_output_path(out, ".npz", ".parquet")
    model = load(run)
    rows, _, files = read_input(spec, model, reading_of(run, strict, given))
    parts = _compute("Encoding", group, model, rows, lambda x, _: model.encode(x))
    if parts is None:
        return None
    write = write_npz if suffix == ".npz" else parquet_writer()
    first = next(parts)
    every = _with_files(chain([first], parts), files)
    write_atomically(out, lambda file: write(file, every, len(rows), out.parent))
    sizes = ", ".join(f"{name}: {code.shape[1]}" for name, code in first.items())
    return f"{counted(len(rows), 'code')} ({sizes}): {out}"


def _compute(
    text: str, group: "ProcessGroup | None", model: Autoencoder, rows: Rows, call: inference.Call
) -> "Parts | None":
    """Outputs of ``call`` for the rows, in their order; None in processes other than rank zero."""
    if group is None or group.world_size == 1:
        return _with_progress(text, rows, inference.map_chunks(model, rows, call))
    model.to(group.fabric.device)
    parts = _compute_distributed(group, model, rows, call)
    if group.is_rank_zero:
        return _with_progress(text, rows, parts)
    for _ in parts:
        pass
    return None


def _compute_distributed(group: "ProcessGroup", model: Autoencoder, rows: Rows, call: inference.Call) -> Parts:
    """Outputs from several processes, which take blocks of rows in turn; only rank zero receives all of them."""
    for start in range(0, max(len(rows), 1), BLOCK * group.world_size):
        own = start + BLOCK * group.rank
        # A process whose block is beyond the end repeats the last row, so that every process has something to send.
        first = min(own, max(len(rows) - 1, 0))
        outputs = list(inference.map_chunks(model, rows[first : max(own, first) + BLOCK], call))
        whole = {name: np.concatenate([part[name] for part in outputs]) for name in outputs[0]}
        padded = {name: np.resize(value, (BLOCK, *value.shape[1:])) for name, value in whole.items()}
        for number, part in enumerate(group.gather(padded)):
            length = min(BLOCK, len(rows) - start - number * BLOCK)
            if length > 0:
                yield {name: value[:length] for name, value in part.items()}


def _with_progress(text: str, rows: Rows, parts: Parts) -> Parts:
    with row_progress(text, len(rows)) as advance:
        for part in parts:
            yield part
            advance(len(next(iter(part.values()))))


def _with_files(parts: Parts, files: list[str] | None) -> Parts:
    """The parts, each with the names of its files, so that rows can be told if some images were left out."""
    texts, start = np.array(files, dtype=np.str_) if files is not None else None, 0
    for part in parts:
        stop = start + len(next(iter(part.values())))
        yield part if texts is None else part | {"file": texts[start:stop]}
        start = stop


def reconstructions(
    run: Path, spec: str, out: Path, strict: bool = False, given: ReadOptions | None = None
) -> str:
    """Write reconstructions as ``x`` (.npz), or as columns of a table (.csv, .parquet)."""
    suffix = check_output_path(out, ".npz", ".csv", ".parquet")
    model = load(run)
    table = _named_table(model, suffix) if suffix != ".npz" else None
    rows, names, files = read_input(spec, model, reading_of(run, strict, given))
    labels = label_numbers(model, names)
    parts = inference.map_chunks(model, rows, lambda x, y: {"x": inference.restore(model, model(x, y))}, labels)
    parts = _with_progress("Reconstructing", rows, parts)
    every = chain([next(parts)], parts)
    if table is None:
        named = _with_files(every, files)
        write_atomically(out, lambda file: write_npz(file, named, len(rows), out.parent))
    else:
        columns, cells = Columns.of(table), (part["x"] for part in every)
        write_atomically(out, lambda file: write_columns(file, columns, cells, suffix))
    return f"{counted(len(rows), 'reconstruction')}: {out}"


def samples(run: Path, n: int, label: str | None, seed: int, out: Path) -> str:
    """Write samples as ``x`` (.npz), or as columns of a table, with the class of each (.csv, .parquet)."""
    suffix = check_output_path(out, ".npz", ".csv", ".parquet")
    model = load(run)
    table = _named_table(model, suffix) if suffix != ".npz" else None
    if table is None:
        drawn = draw_samples(model, n, label, seed)
        write_atomically(out, lambda file: np.savez(file, x=drawn))
    else:
        columns, drawn = _with_classes(run, model, table, n, label, seed)
        write_atomically(out, lambda file: write_columns(file, columns, iter([drawn]), suffix))
    return f"{counted(n, 'sample')}: {out}"


def _with_classes(
    run: Path, model: Autoencoder, table: Table, n: int, label: str | None, seed: int
) -> tuple[Columns, np.ndarray]:
    """Rows of a table, and in their last column the class that each was drawn from, if the model has classes."""
    columns, category = Columns.of(table), model.category
    if category is None or category.prior is None or not model.classes:
        return columns, draw_samples(model, n, label, seed)
    names = class_names(model, category.dim)
    torch.manual_seed(seed)  # once: classes and styles from the same random numbers would depend on each other
    if label is None:
        classes = category.prior(n).sample().argmax(1).cpu().numpy()
    else:
        classes = np.full(n, _class_number(model, label))
    drawn = _draw(model, n, classes)
    column = reading_of(run, strict=False).label_column or LABEL
    column = next(name for name in (column, LABEL, f"{LABEL}_drawn") if name not in map(str, table.names))
    return columns.and_category(column, names), np.column_stack([drawn, classes.astype(drawn.dtype)])


def draw_samples(model: Autoencoder, n: int, label: str | None, seed: int) -> np.ndarray:
    """Draw rows of a table, or decode images from draws of the priors; of one class if its name is given.

    Returns:
        Rows ``(n, *shape)``.

    Raises:
        AAEError: The model has no such class, or a latent has no prior.
    """
    labels = None if label is None else np.full(n, _class_number(model, label))
    torch.manual_seed(seed)
    return _draw(model, n, labels)


def _draw(model: Autoencoder, n: int, labels: np.ndarray | None) -> np.ndarray:
    if model.table is not None and model.noise is None:
        say(MEANS_ONLY)
    return inference.sample(model, n, labels)


def _named_table(model: Autoencoder, suffix: str) -> Table:
    if model.table is None or not model.table.named:
        kind = "CSV" if suffix == ".csv" else "Parquet"
        raise AAEError(f"The model's rows have no named columns, which a {kind} file needs; write .npz.")
    return model.table


def _class_number(model: Autoencoder, label: str) -> int:
    latent = model.category or model.label_latent
    if latent is None:
        raise AAEError(NO_CLASSES)
    names = class_names(model, int(getattr(latent.prior, "components", latent.dim)))
    if label not in names:
        raise AAEError(f"The model has no class {label!r}; it has {', '.join(names)}.")
    return names.index(label)
