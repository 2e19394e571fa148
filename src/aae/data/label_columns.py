"""The column of a table that holds the labels, handed over as it was written."""

from typing import Any

import numpy as np

from aae.data.cells import decoded, is_text, value_type
from aae.data.tables import TableFile
from aae.data.text_columns import Style
from aae.system.errors import AAEError, unknown
from aae.system.files import csv_text

__all__ = ["label_cells", "label_values"]


def label_cells(file: TableFile, name: str, where: str) -> np.ndarray:
    """Take the column of labels out of a file: texts as they were written, other values by their type, None if empty.

    Raises:
        UsageError: There is no such column.
        AAEError: Its cells cannot be labels.
    """
    name = str(name).strip()
    if name not in file.columns:
        raise unknown(f"column of {where} called", name, file.columns)
    return label_values(file.columns.pop(name), f"{where}: label column {name!r}", file.style)


def label_values(column: Any, where: str, style: Style) -> np.ndarray:
    """The labels of an Arrow column.

    Raises:
        AAEError: Its cells cannot be labels.
    """
    import pyarrow as pa
    from pyarrow import types

    if is_text(column):
        encoded = decoded(column).cast(pa.large_string()).dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        texts = [csv_text(text) if style.escaped else text for text in encoded.dictionary.to_pylist()]
        every = np.array([None if text.strip() in style.missing else text for text in texts] + [None], dtype=object)
        return every[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    kind = value_type(column)
    if not (types.is_primitive(kind) or types.is_decimal(kind) or types.is_null(kind)):
        raise AAEError(f"{where} holds {kind}; labels are texts or whole numbers.")
    column = decoded(column)
    if types.is_timestamp(kind) and kind.unit == "ns":  # Python's dates have no nanoseconds
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    missing = style.missing_numbers
    if missing:
        values[[value in missing for value in values.tolist()]] = None
    return values
