"""Vectors of a frozen encoder, kept in the user's cache: each image or text goes through it once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import NamedTuple

import numpy as np
from filelock import FileLock

from aae.system.cache import cache_folder, cache_key
from aae.system.errors import AAEError
from aae.system.files import write_atomically

__all__ = ["FeatureCache", "Vectors"]

FORMAT = 1  # raised when the same encoder gives other vectors for the same rows


class Vectors(NamedTuple):
    """Vectors ``(N, D)`` of rows, float32, and which rows the encoder read only the beginning of ``(N,)``."""

    x: np.ndarray
    cut: np.ndarray


# Numbers of some rows, their vectors, and which were cut.
Compute = Callable[[np.ndarray], Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]]


class FeatureCache:
    """The vectors of one source by one encoder; each row has a name that changes with its content.

    Args:
        facts: What the vectors depend on besides the rows.
    """

    def __init__(self, *facts: object) -> None:
        self._path = cache_folder() / "features" / f"{cache_key([FORMAT, *map(str, facts)])}.npz"

    def load(self, ids: Sequence[str]) -> Vectors | None:
        """The vectors of rows with these names; None if one of them is not in the cache."""
        places, known = self._known()
        rows = [places.get(name, -1) for name in ids]
        return None if known is None or min(rows, default=0) < 0 else _taken(known, rows)

    def fill(self, ids: Sequence[str], compute: Compute) -> Vectors:
        """The vectors of rows with these names; those that are missing are computed and kept, also if interrupted.

        Args:
            ids: Names of the rows.
            compute: Gives the vectors of the rows with some numbers, in any order.
        """
        with self._lock():  # of several processes, one computes
            places, known = self._known()
            first: dict[str, int] = {}
            for k, name in enumerate(ids):
                if name not in places:
                    first.setdefault(name, k)
            missing = np.array(list(first.values()), dtype=np.int64)
            if not len(missing) and known is not None:
                return _taken(known, [places[name] for name in ids])
            new: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
            try:
                new.extend(compute(missing))
            finally:
                if new:
                    every = _joined(ids, places, known, new)
                    self._save(*every)
            names, vectors = every
            places = {name: k for k, name in enumerate(names)}
            return _taken(vectors, [places[name] for name in ids])

    def _known(self) -> tuple[dict[str, int], Vectors | None]:
        with suppress(Exception), np.load(self._path, allow_pickle=False) as file:  # if damaged, it is computed again
            names, x, cut = file["names"], file["x"], file["cut"]
            if x.dtype == np.float32 and x.ndim == 2 and len(names) == len(x) == len(cut):
                return {name: k for k, name in enumerate(names.tolist())}, Vectors(x, cut.astype(bool))
        return {}, None

    def _save(self, names: list[str], vectors: Vectors) -> None:
        with suppress(Exception):  # everything works without a cache
            self._path.parent.mkdir(parents=True, exist_ok=True)
            entries = {"names": np.array(names), "x": vectors.x, "cut": vectors.cut}
            write_atomically(self._path, lambda file: np.savez(file, **entries))  # type: ignore[arg-type]

    def _lock(self) -> AbstractContextManager[object]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            return nullcontext()
        return FileLock(self._path.with_suffix(".lock"))


def _joined(
    ids: Sequence[str], places: dict[str, int], known: Vectors | None,
    new: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> tuple[list[str], Vectors]:
    """The vectors of these rows, as far as they are known or new, and their names."""
    widths = {rows.shape[1] for _, rows, _ in new} | (set() if known is None else {known.x.shape[1]})
    if len(widths) > 1:
        raise AAEError(f"The encoder gives vectors of different lengths ({', '.join(map(str, sorted(widths)))}); "
                       "choose another output with --features-output.")  # fmt: skip
    own = list(dict.fromkeys(name for name in ids if name in places))
    names = [*own, *(ids[k] for numbers, _, _ in new for k in numbers)]
    parts = [] if known is None else [_taken(known, [places[name] for name in own])]
    parts += [Vectors(rows, cut) for _, rows, cut in new]
    return names, Vectors(np.concatenate([part.x for part in parts]), np.concatenate([part.cut for part in parts]))


def _taken(vectors: Vectors, rows: Sequence[int]) -> Vectors:
    if len(rows) == len(vectors.x) and list(rows) == list(range(len(rows))):
        return vectors
    return Vectors(vectors.x[rows], vectors.cut[rows])
