"""Texts as vectors of a frozen encoder: of files, or of one column of a table."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aae.data.dataset import ReadOptions
from aae.data.features.encoder import Encoder
from aae.data.features.opened import Features, opened
from aae.data.label_columns import label_cells, label_values
from aae.data.originals import Originals
from aae.data.raw import RawData
from aae.data.row_labels import keys_of_table
from aae.data.tables import TableFile, open_table, readable
from aae.model.frozen import TEXT
from aae.system.errors import AAEError, UsageError, unknown

__all__ = ["column_texts", "read_text_column", "text_features", "text_rows"]


def text_features(
    name: str, where: str, texts: Sequence[str], names: Sequence[str], reading: ReadOptions
) -> Features:  # fmt: skip
    """Vectors of texts.

    Args:
        name: What their source is called in the progress bar.
        where: What it is called in errors and notes.
        texts: The texts; an empty one is read as a text without words, which is said.
        names: What each is called in messages.
        reading: Which encoder, and which of its outputs.

    Raises:
        AAEError: All texts are empty, or the encoder cannot be used.
    """
    empty = sum(not text.strip() for text in texts)
    if empty == len(texts):
        raise AAEError(f"{where}: all {len(texts):,} texts are empty, so there is nothing to read; check the source.")

    def compute(encoder: Encoder, numbers: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for block, rows, cut in encoder.encode_texts([texts[k] for k in numbers]):
            yield numbers[block], rows, cut

    ids = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest() for text in texts]
    found = opened(reading, TEXT).rows([where], ids, list(names), compute, f"Encoding the texts of {name}")
    if not empty:
        return found
    are = "is empty; it is read as a text" if empty == 1 else "are empty; they are read as texts"
    return found._replace(notes=[*found.notes, f"{empty:,} of {len(texts):,} texts {are} without words."])


def read_text_column(path: Path, reading: ReadOptions) -> RawData[np.ndarray]:
    """The texts in one column of a table as vectors, with labels from another column.

    Raises:
        AAEError: The file cannot be read, there is no such column, or the encoder cannot be used.
    """
    where, name = str(path), Path(path.name.removesuffix(".gz")).stem
    with readable(path):
        file = open_table(path, reading)
        keys = keys_of_table(file, reading, where, needed=reading.labels_file is not None or reading.encoder is None)
        labels = None if reading.label_column is None else label_cells(file, reading.label_column, where)
        raw = replace(text_rows(file, name, where, labels, reading), keys=keys)
    if keys is not None and raw.originals is not None:
        raw.originals = raw.originals.by(keys.train.tolist())
    return raw


def text_rows(
    file: TableFile, name: str, where: str, labels: np.ndarray | None, reading: ReadOptions
) -> RawData[np.ndarray]:  # fmt: skip
    """The texts of an open table as vectors."""
    texts = column_texts(file, where, reading)
    names = [file.style.row_name(k) for k in range(len(texts))]
    found = text_features(name, f"{where}: text column {reading.text_column!r}", texts, names, reading)
    rest = [column for column in file.columns if column not in (reading.text_column, reading.key_column)]
    notes = [*file.notes, *found.notes]
    if rest:
        some = ", ".join(map(repr, rest[:3])) + (" ..." if len(rest) > 3 else "")
        are = "column is" if len(rest) == 1 else "columns are"
        notes.append(f"{len(rest)} other {are} not learned from: {some}.")
    return RawData(name, found.x, labels, where, notes=tuple(notes), row_name=file.style.row_name,
                   encoder=found.encoder, originals=Originals(TEXT, texts, {}).by(range(len(texts))))  # fmt: skip


def column_texts(file: TableFile, where: str, reading: ReadOptions) -> list[str]:
    """The cells of the text column, empty where a cell is.

    Raises:
        UsageError: There is no such column, or it also holds labels or keys.
    """
    name = str(reading.text_column).strip()
    for other, flag in ((reading.label_column, "--label-column"), (reading.key_column, "--key-column")):
        if other is not None and other.strip() == name:
            raise UsageError(f"--text-column and {flag} both name {name!r}; a column holds one or the other.")
    if name not in file.columns:
        raise unknown(f"column of {where} called", name, file.columns)
    cells = label_values(file.columns[name], f"{where}: text column {name!r}", file.style)
    return ["" if cell is None else str(cell) for cell in cells.tolist()]
