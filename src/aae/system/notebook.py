"""Text and a progress bar in notebooks that need no widgets; those of rich need ipywidgets or are cut off."""

import html
import time
from typing import Any

__all__ = ["NotebookBar", "show_text"]

PAUSE = 0.2  # seconds between two updates


def _display(formats: dict[str, str], **options: bool) -> Any:
    from IPython.display import display  # there is IPython wherever there is a notebook

    return display(formats, raw=True, **options)


def show_text(text: str) -> None:
    """Show a paragraph below the running cell."""
    _display({"text/plain": text})


class NotebookBar:
    """A line below the running cell, which goes when the work is done."""

    def __init__(self) -> None:
        self._handle = _display({"text/plain": "", "text/html": ""}, display_id=True)
        self._shown = 0.0

    def show(self, share: float, text: str, seconds_left: float | None) -> None:
        """Show what share of the work is done, and how long the rest may take."""
        now = time.monotonic()
        if now - self._shown < PAUSE:
            return
        self._shown = now
        left = "" if seconds_left is None else f"{seconds_left // 60:.0f}:{seconds_left % 60:02.0f} left"
        words = f"{100 * share:.0f} % {text} {left}"
        bar = f'<progress max="1" value="{share:.3f}"></progress> <code>{html.escape(words)}</code>'
        self._handle.update({"text/plain": words, "text/html": bar}, raw=True)

    def clear(self) -> None:
        """Remove the line."""
        self._handle.update({"text/plain": "", "text/html": ""}, raw=True)
