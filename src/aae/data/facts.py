"""What a run remembers of its data, and what has changed when they are read again."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aae.data.arrays import NpyRows, Rows
from aae.data.dataset import Dataset
from aae.data.labels import class_key
from aae.data.originals import Originals
from aae.data.row_keys import keys_of
from aae.model.component import fits
from aae.system.errors import printable
from aae.system.rows import evenly

__all__ = ["Digests", "data_facts", "digests_of", "list_some", "valid_facts", "what_changed"]

SPREAD = 1000  # rows that stand for all those of a file that stays on the disk
CHUNK = 10_000  # rows that are converted at a time
LISTED = 5  # names that a sentence lists
_TYPES: dict[str, Any] = {
    "rows": int, "test_rows": int, "test_held_out": bool, "shape": list[int], "classes": list[str | int | float],
    "class_rows": list[int], "columns": list[str], "kinds": list[str], "rows_digest": str, "labels_digest": str,
}  # fmt: skip


@dataclass(frozen=True)
class Digests:
    """A number for every row, ``train`` ``(N,)`` and ``test`` ``(T,)``: equal rows have equal numbers."""

    train: np.ndarray
    test: np.ndarray


def digests_of(data: Dataset) -> Digests | None:
    """Digests of the rows of a data set; None if they stay on the disk, where reading them all takes too long."""
    if isinstance(data.x, NpyRows):
        return None
    if data.originals is not None:
        # The vectors of an encoder are rounded by the processor; what it read is the same everywhere.
        keys = keys_of(data)
        return Digests(*(_digests_of_originals(data.originals, some) for some in (keys.train, keys.test)))
    return Digests(_digests(data.x), _digests(data.test_x))


def _digests_of_originals(originals: Originals, keys: np.ndarray) -> np.ndarray:
    parts = []
    for start in range(0, len(keys), CHUNK):
        some = keys[start : start + CHUNK].tolist()
        rows: Iterable[bytes] = (text.encode("utf-8", "surrogatepass") for text in originals.texts(some)) \
            if not originals.are_pictures else (row.tobytes() for row in originals.pictures(some))
        parts += [hashlib.blake2b(row, digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(parts), dtype="<u8")


def _digests(rows: Rows) -> np.ndarray:
    width, parts = math.prod(rows.shape[1:]), []
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        # Adding 0 turns -0.0 into 0.0, which is the same value in other bytes.
        plain = some if some.dtype == np.uint8 else some.astype(np.float64) + 0.0
        flat = np.ascontiguousarray(plain).reshape(len(some), width)
        parts += [hashlib.blake2b(row.data, digest_size=8).digest() for row in flat]
    return np.frombuffer(b"".join(parts), dtype="<u8")


def data_facts(data: Dataset, digests: Digests | None) -> dict[str, Any]:
    """What a run remembers of its data, as plain values: sizes, classes, columns, and digests of rows and labels.

    Args:
        data: The data set as it was read.
        digests: The digests of its rows, if they are in memory.
    """
    if digests is None:
        some = evenly(len(data.x), SPREAD)
        digests = Digests(_digests(data.x[some]), _digests(data.test_x))
    # Test rows of a file on the disk, or by cross-validation, are counted among the others.
    every = data.y if data.held is not None or data.cross_validated else np.concatenate([data.y, data.test_y])
    counts = np.bincount(every[every >= 0], minlength=len(data.classes))
    columns = data.table.columns if data.table is not None and data.table.named else []
    return {
        "rows": len(data.x) - (0 if data.held is None else len(data.held)),
        "test_rows": 0 if data.cross_validated else len(data.test_x),
        "test_held_out": data.test_held_out or data.cross_validated,
        "shape": list(data.shape),
        "classes": [name if isinstance(name, str | int | float) else str(name) for name in data.classes],
        "class_rows": counts.tolist(),
        "columns": [str(column["name"]) for column in columns],
        "kinds": [str(column.get("kind", "category" if "values" in column else "number")) for column in columns],
        "rows_digest": _joint(digests.train, digests.test),
        "labels_digest": _joint(data.y.astype("<i8"), data.test_y.astype("<i8")),
    }


def valid_facts(value: Any) -> bool:
    """Whether a value from a file has the form of `data_facts`."""
    return isinstance(value, dict) and all(name in value and fits(value[name], kind) for name, kind in _TYPES.items())


def _joint(*parts: np.ndarray) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def what_changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two results of `data_facts`, as the end of a sentence; empty if nothing does."""
    parts = _sizes(before, now)
    parts += _columns(before, now) + _classes(before, now, counts=not parts)
    if not parts and before["rows_digest"] != now["rows_digest"]:
        parts = ["the values or the order of its rows"]
    elif not parts and before["labels_digest"] != now["labels_digest"]:
        parts = ["the labels of some rows"]
    return "; ".join(parts)


def _sizes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    if before["test_held_out"] and now["test_held_out"]:  # the user knows the rows of the file
        sizes = [("rows", *(facts["rows"] + facts["test_rows"] for facts in (before, now)))]
    else:
        sizes = [("training examples", before["rows"], now["rows"]),
                 ("test examples", before["test_rows"], now["test_rows"])]  # fmt: skip
    parts = [f"{old:,} {what} -> {new:,}" for what, old, new in sizes if old != new]
    if before["shape"] != now["shape"]:
        parts.append(f"rows of shape {tuple(before['shape'])} -> {tuple(now['shape'])}")
    return parts


def _columns(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    old, new = (dict(zip(facts["columns"], facts["kinds"], strict=False)) for facts in (before, now))
    if not old or not new:
        return []
    groups = {
        "new": [name for name in new if name not in old],
        "missing": [name for name in old if name not in new],
        "changed": [f"{name} ({old[name]} -> {new[name]})" for name in old if name in new and old[name] != new[name]],
    }
    return [f"{kind} {'column' if len(names) == 1 else 'columns'} {list_some(names)}"
            for kind, names in groups.items() if names]  # fmt: skip


def _classes(before: Mapping[str, Any], now: Mapping[str, Any], counts: bool) -> list[str]:
    """Which classes are new or missing; with ``counts``, else, whose rows are more or fewer."""
    pairs = [zip(facts["classes"], facts["class_rows"], strict=False) for facts in (before, now)]
    old, new = ({class_key(name): (name, count) for name, count in some} for some in pairs)
    parts = []
    for kind, some, others in (("new", new, old), ("missing", old, new)):
        names = [f"{name!r} ({count:,} rows)" for key, (name, count) in some.items() if key not in others]
        if names:
            parts.append(f"{kind} {'class' if len(names) == 1 else 'classes'} {list_some(names)}")
    total = [sum(count for _, count in facts.values()) for facts in (old, new)]
    changed = [f"{old[key][0]!r} {old[key][1]:,} -> {count:,}" for key, (_, count) in new.items()
               if key in old and old[key][1] != count]  # fmt: skip
    if counts and changed and not parts:
        labels = f"{total[0]:,} labels -> {total[1]:,}" if total[0] != total[1] else "other labels"
        parts.append(f"{labels} ({list_some(changed)})")
    return parts


def list_some(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return printable(", ".join(map(str, names[:LISTED])) + more)
