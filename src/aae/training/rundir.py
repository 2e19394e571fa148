"""A run directory: configuration, model, checkpoints and history of one training."""

import csv
import os
import platform
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout

from aae._version import __version__
from aae.data.arrays import read_numpy
from aae.model.component import fits
from aae.system.errors import AAEError, kind_of
from aae.system.files import NOT_SUPPORTED, read_checksummed, write_atomically, write_checksummed
from aae.system.progress import say

__all__ = ["History", "RunDir", "versions"]

FORMAT = 1
LOCK = ".lock"
_TYPES: dict[str, Any] = {
    "preset": str, "data": str, "reading": dict[str, Any], "labels": int, "labels_used": int, "split": str, "seed": int,
    "device": str, "precision": str, "changes": dict[str, Any], "length": dict[str, float | int],
    "options": dict[str, Any], "data_facts": dict[str, Any], "data_in_memory": bool, "cross_validated": bool,
    "notes": list[str], "versions": dict[str, str],
}  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of the software that a result depends on."""
    return {
        "aae": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


class RunDir:
    """Paths and files of one run.

    Args:
        path: The directory.
    """

    def __init__(self, path: str | Path) -> None:
        if not isinstance(path, str | os.PathLike):
            raise AAEError(f"A run directory is given as a path, not as {kind_of(path)}.")
        self.path = Path(path)
        self.model = self.path / "model"
        self.checkpoints = self.path / "checkpoints"
        self.metrics = self.path / "metrics.csv"
        self.report = self.path / "report.html"
        self.rows = self.path / "rows.npz"
        self.folds = self.path / "cross_validation.npz"

    def make(self) -> None:
        """Make the directory.

        Raises:
            AAEError: It exists and is not empty, or cannot be made.
        """
        self.check_empty()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AAEError(f"{self.path} cannot be made ({error.strerror}); choose another --out.") from error

    def check_empty(self) -> None:
        """Check that nothing is in the directory yet.

        Raises:
            AAEError: It holds files, or is one.
        """
        if self.path.exists() and (not self.path.is_dir() or any(p.name != LOCK for p in self.path.iterdir())):
            raise AAEError(
                f"{self.path} exists already; choose another --out, or add --resume to continue that run (in Python: "
                "out=, resume=True)."
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in the directory; the system frees the lock when this process ends.

        A file system that has no locks is used without, with a note.

        Raises:
            AAEError: Another process is training there, or the directory cannot be written.
        """
        lock = FileLock(self.path / LOCK)
        try:
            with warnings.catch_warnings():
                # Some versions would make a file the lock, which stays when a process is killed.
                warnings.filterwarnings("error", "flock not supported")
                lock.acquire(timeout=0)
        except Timeout as error:
            raise AAEError(
                f"Another process is training in {self.path}; wait until it has ended, or choose another --out."
            ) from error
        except (OSError, NotImplementedError, UserWarning) as error:
            if isinstance(error, OSError) and error.errno not in NOT_SUPPORTED:
                raise AAEError(f"{self.path} cannot be written ({error.strerror}); choose another --out.") from error
            say(f"The file system of {self.path} has no locks: let only one process train there at a time.")
        try:
            yield
        finally:
            lock.release()

    def create(self, config: Mapping[str, Any]) -> None:
        """Write the configuration of a new run.

        Raises:
            AAEError: The directory is not empty, or cannot be written.
        """
        self.check_empty()
        write_checksummed(self.path / "config.json", {"format": FORMAT, "versions": versions(), **config})

    def config(self) -> dict[str, Any]:
        """The configuration.

        Raises:
            AAEError: The directory is not a run, or was written by a newer version.
        """
        file = self.path / "config.json"
        if not self.path.exists():
            raise AAEError(f"There is no folder {self.path}; make a run with `aae train PRESET --out {self.path}`.")
        if not file.is_file():
            raise AAEError(
                f"{self.path} is not a run: it has no config.json. Make one with `aae train PRESET --out {self.path}`."
            )
        config = read_checksummed(file)
        if not isinstance(config.get("format"), int):
            raise AAEError(f"{file} is not the configuration of a run.")
        if config["format"] > FORMAT:
            raise AAEError(
                f"{self.path} was written by aae {config.get('versions', {}).get('aae')}, which is newer than "
                f"this one ({__version__}); upgrade aae."
            )
        for name, kind in _TYPES.items():
            if name in config and not fits(config[name], kind):
                raise AAEError(f"{file}: {config[name]!r:.60} is no valid value of {name}; copy the file again.")
        return config

    def save_digests(self, train: np.ndarray, validation: np.ndarray, test: np.ndarray) -> None:
        """Remember which rows were trained on, by their digests (`aae.data.facts`).

        Raises:
            AAEError: The file cannot be written.
        """
        write_atomically(self.rows, lambda file: np.savez(file, train=train, validation=validation, test=test))

    def digests(self) -> dict[str, np.ndarray]:
        """The digests ``train``, ``validation`` and ``test``; none if the run has none or their file is damaged."""
        try:
            found = read_numpy(self.rows, ("train", "validation", "test")) if self.rows.is_file() else {}
        except AAEError:
            return {}
        valid = len(found) == 3 and all(part.ndim == 1 and part.dtype == np.uint64 for part in found.values())
        return found if valid else {}

    def remove_temporary_files(self) -> None:
        """Remove the files that a process was writing when it was killed."""
        for file in self.path.rglob(".*.tmp"):
            file.unlink(missing_ok=True)

    def add_to_config(self, name: str, value: Any) -> None:
        """Add one entry to the configuration."""
        write_checksummed(self.path / "config.json", {**self.config(), name: value})

    def history(self) -> "History":
        """The history so far; empty if nothing was measured yet."""
        return History.read(self.metrics)


class History:
    """Rows of measurements in the order of steps; values that were not measured are absent."""

    def __init__(self, rows: list[dict[str, float]] | None = None) -> None:
        self.rows = rows or []

    def add(self, row: Mapping[str, float]) -> None:
        self.rows.append(dict(row))

    def columns(self) -> dict[str, np.ndarray]:
        """One array for each name, NaN where there is no value."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: np.array([row.get(name, np.nan) for row in self.rows]) for name in names}

    def last(self, name: str) -> float | None:
        """The newest value of that name, or None."""
        return next((row[name] for row in reversed(self.rows) if name in row), None)

    def evaluated_at(self, step: int) -> bool:
        """Whether the newest row is of that step and holds an evaluation."""
        return bool(self.rows) and self.rows[-1]["step"] == step and any("validation" in name for name in self.rows[-1])

    def state(self) -> dict[str, torch.Tensor]:
        """The columns as tensors, for a checkpoint."""
        return {name: torch.from_numpy(values) for name, values in self.columns().items()}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> "History":
        """The history whose `state` is given."""
        columns = {name: values.tolist() for name, values in state.items()}
        rows = zip(*columns.values(), strict=True)
        return cls([{k: v for k, v in zip(columns, row, strict=True) if v == v} for row in rows])

    def until(self, step: int) -> "History":
        """The rows up to a step."""
        return History([row for row in self.rows if row["step"] <= step])

    def write(self, path: Path) -> None:
        names = list(self.columns())
        lines = [",".join(names)]
        lines += [",".join(f"{row[name]:.10g}" if name in row else "" for name in names) for row in self.rows]
        write_atomically(path, lambda file: file.write(("\n".join(lines) + "\n").encode()))

    @classmethod
    def read(cls, path: Path) -> "History":
        if not path.is_file():
            return cls()
        try:
            with path.open(newline="") as file:
                return cls([{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)])
        except (ValueError, TypeError, csv.Error) as error:
            raise AAEError(f"{path} is not a table of numbers ({error}).") from error
