"""A page for labelling some rows, one at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aae.data.dataset import Dataset
from aae.data.row_keys import keys_of
from aae.explorer.arrays import pack
from aae.explorer.page import write_page
from aae.explorer.payload import empty_payload, given_entry, row_entries
from aae.explorer.rows import TRAINING, Shown, fingerprint
from aae.model.autoencoder import Autoencoder
from aae.system.errors import counted

__all__ = ["label_page"]


def label_page(
    dataset: Dataset,
    rows: Sequence[int] | np.ndarray,
    reasons: Sequence[str],
    proposed: Sequence[int] | np.ndarray | None,
    out: Path,
    model: Autoencoder | None = None,
) -> int:
    """Write a page that shows rows for labelling, one after another.

    Args:
        dataset: The data set.
        rows: Numbers of the rows among its training rows, in the order in which they are shown.
        reasons: Why each is shown, one sentence.
        proposed: The class that a model proposes for each, as a number of ``dataset.classes``, else of
            ``model.classes``; -1 for none, None for none at all.
        out: The ``.html`` file.
        model: The model that proposes; its classes are offered if the data set has none.

    Returns:
        The size of the file in bytes.

    Raises:
        AAEError: The file cannot be written.
    """
    rows = np.asarray(rows, dtype=np.int64)
    order = np.argsort(rows, kind="stable")  # rows on the disk are read in their order
    x = np.empty((len(rows), *dataset.shape), dataset.x.dtype)
    x[order] = dataset.x[rows[order]]
    keys = keys_of(dataset)
    shown = Shown(x, dataset.y[rows], np.full(len(rows), TRAINING), keys.train[rows].tolist(), keys.name,
                  dataset.originals)  # fmt: skip
    entries, notes = row_entries(shown, dataset.table)
    classes: Sequence[Any] = dataset.classes or (model.classes if model is not None else None) or []
    payload = empty_payload(f"Label {counted(len(rows), 'row')} of {dataset.name}", fingerprint(dataset)) | entries
    payload |= {
        "given": given_entry(dataset, notes), "mode": "label", "classes": [str(name) for name in classes],
        "reasons": list(reasons), "notes": notes,
        "proposed": None if proposed is None else pack(proposed, "i16"),
    }  # fmt: skip
    return write_page(payload, out)
