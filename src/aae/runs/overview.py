"""What the files of a run say about it, read without its model or data."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aae.system.errors import AAEError
from aae.system.files import read_checksummed, read_json

__all__ = ["Overview", "find_runs", "look_at", "main_figure"]

# The metrics by which runs are compared, the first that a run has.
_MAIN = {
    "test_error": "test error {:.2f} %",
    "cluster_error": "cluster error {:.2f} %",
    "elbo": "ELBO {:.2f}",
    "denoising_error": "denoising error {:.3g}",
    "squared_error": "squared error {:.3g}",
}


@dataclass(frozen=True)
class Overview:
    """One run.

    Args:
        path: Its directory.
        config: Its configuration; empty if it cannot be read.
        figures: Its newest evaluation; empty if it has none.
        when: When it was last written.
        state: ``"finished"``, ``"not finished"``, or why it cannot be read.
    """

    path: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    when: datetime | None = None
    state: str = "finished"

    @property
    def preset(self) -> str:
        return str(self.config.get("preset", "own model" if self.config else "?"))

    @property
    def data(self) -> str:
        return Path(str(self.config.get("data", "?"))).name

    @property
    def figure(self) -> str:
        """The main metric, or what there is in its place."""
        return main_figure(self.figures) or ("not evaluated" if self.state == "finished" else self.state)


def main_figure(figures: Mapping[str, Any]) -> str | None:
    """The error, or the metric that a model without one is judged by."""
    return next((text.format(figures[name]) for name, text in _MAIN.items() if name in figures), None)


def look_at(path: Path) -> Overview:
    """Read what a run's files say about it; what is wrong with them is its state."""
    file = path / "config.json"
    try:
        written = [each.stat().st_mtime for each in (file, path / "metrics.csv") if each.exists()]
        config, when = read_checksummed(file), datetime.fromtimestamp(max(written))
    except (AAEError, OSError, ValueError):
        return Overview(path, state="config.json cannot be read")
    if not isinstance(config.get("format"), int):
        return Overview(path, state="not a run")
    try:
        figures = read_json(path / "evaluation.json")
    except AAEError:
        figures = {}
    numbers = figures if isinstance(figures, dict) else {}
    valid = {name: value for name, value in numbers.items() if name not in _MAIN or isinstance(value, int | float)}
    return Overview(path, config, valid, when, "finished" if (path / "model").is_dir() else "not finished")


def find_runs(folder: Path) -> Iterator[Overview]:
    """The runs below a folder, in the order of their paths; a run's own folders are not searched.

    Raises:
        AAEError: There is no such folder.
    """
    if not folder.is_dir():
        raise AAEError(f"There is no folder {folder}; name the one that holds your runs, as in `aae runs FOLDER`.")
    for place, folders, files in os.walk(folder):
        folders.sort()
        if "config.json" in files:
            found = look_at(Path(place))
            if found.state != "not a run":
                folders.clear()
                yield found
