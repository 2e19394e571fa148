"""Explore a run: write its page, or show it in a notebook."""

import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aae.explorer.count import ROWS, check_count
from aae.explorer.page import page, write_page
from aae.explorer.payload import run_payload
from aae.runs.measure import saved_run
from aae.runs.open import Run, open_run
from aae.system.errors import AAEError, UsageError
from aae.system.files import check_output_path
from aae.system.progress import spinner
from aae.training.train import Result

if TYPE_CHECKING:
    from aae.data.dataset import ReadOptions

__all__ = ["Page", "explore", "write_explorer"]

HEIGHT = 720  # pixels


@dataclass(frozen=True, repr=False)
class Page:
    """A page that a notebook shows in a frame.

    Args:
        text: The page, as HTML.
        height: Height of the frame in pixels.
    """

    text: str
    height: int = HEIGHT

    def __repr__(self) -> str:
        """What it is: outside of a notebook, its text would fill the terminal."""
        return f"<explorer page of {len(self.text) / 1e6:.1f} MB; a notebook shows it>"

    def _repr_html_(self) -> str:
        frame = f'<iframe srcdoc="{html.escape(self.text)}" width="100%" height="{self.height}" '
        return f'{frame}style="border: 0" title="Explorer"></iframe>'


def explore(
    run: str | Path | Run | Result, rows: int = ROWS, height: int = HEIGHT, components: Iterable[type] | type = ()
) -> Page:
    """The explorer of a run, for a notebook: a map of its rows, its decoder, and labelling.

    Args:
        run: A run directory, an opened run, or the result of a training that was given one (``out=``).
        rows: How many rows to show, at most 20,000.
        height: Height of the frame in pixels.
        components: Classes of your own that the model of a run directory is made of.

    Raises:
        AAEError: The run or its data cannot be read, the training was kept in memory, or ``rows`` or ``height`` is
            outside its range.
    """
    check_count(rows)
    if height < 1:
        raise UsageError(f"The height of the frame is 1 pixel or more, not {height}.")
    opened = open_run(run, components=components) if isinstance(run, str | Path) else run
    opened = saved_run(opened) if isinstance(opened, Result) else opened
    with spinner("Exploring") as show:
        return Page(page(run_payload(opened, rows, say=show)), height)


def write_explorer(
    path: Path, out: Path, rows: int = ROWS, data: str | None = None, strict: bool = False,
    given: "ReadOptions | None" = None,
) -> str:  # fmt: skip
    """Write the page of a run.

    Args:
        path: The run directory.
        out: The ``.html`` file.
        rows: How many rows to show.
        data: Other data to show instead of those of the run.
        strict: Refuse other data with categories that the model has not seen, or images that cannot be read.
        given: How the other data are written, if they are a table.

    Returns:
        A sentence on the file.

    Raises:
        AAEError: The run or the data cannot be read, or the file cannot be written.
    """
    check_count(rows)
    check_output_path(out, ".html", ".htm")
    if out.is_dir():
        raise AAEError(f"{out} is a folder; name a file.")
    run = open_run(path, data, strict, given)
    with spinner("Exploring") as show:
        payload = run_payload(run, rows, show)
        size = write_page(payload, out)
    return f"Explorer: {out} ({size / 1e6:.1f} MB; {_content(payload)})"


def _content(payload: dict[str, Any]) -> str:
    """What a page holds."""
    count, decoder = len(payload["keys"]), payload["decoder"]
    parts = [f"{count:,} row{'s' * (count != 1)}", payload["map"]["title"]]
    parts.append("decoder" if "error" not in decoder else f"no decoder: {decoder['error'].rstrip('.')}")
    return "; ".join(parts)
