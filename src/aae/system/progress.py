"""Progress bars on the terminal, and interrupts during long work."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from aae.system.errors import printable
from aae.system.notebook import NotebookBar, show_text

__all__ = ["Bar", "caught_interrupts", "deferred_interrupts", "quiet_output", "row_progress", "say",
           "sigterm_as_interrupt", "spinner", "stderr_console", "without_notes"]

_output = SimpleNamespace(quiet=False, notes=True)  # of the whole process
BAR_WIDTH = 32  # characters for the bar itself, the percentage and the time left
_TEXT = TextColumn("{task.description}", markup=False)  # a text of its own would be formatted
_SHORT_NAMES = {"reconstruction_loss": "rec", "classification_loss": "class", "consistency_loss": "cons"}


class Bar:
    """Progress of a training on standard error: losses, error so far, time left.

    Args:
        show: Whether anything is shown.
    """

    def __init__(self, show: bool) -> None:
        self._console = stderr_console()
        columns = (
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
        )
        shown = show and not _output.quiet
        self._notebook = NotebookBar() if shown and self._console.is_jupyter else None
        hidden = not shown or self._notebook is not None
        self._progress = Progress(*columns, console=self._console, disable=hidden, expand=True)
        self._task = self._progress.add_task("Training", total=1.0, text="")
        self._quiet = not show
        self._error = ""

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        if self._notebook is not None:
            self._notebook.clear()

    def show(self, progress: float, row: Mapping[str, float]) -> None:
        """Update with the share of the training that is over, and the newest measurements."""
        if "validation_error" in row:
            self._error = f"error {row['validation_error']:.2f} %"
        parts = [self._error] if self._error else []
        parts += [f"{short} {row[name]:.3g}" for name, short in _SHORT_NAMES.items() if name in row]
        parts += [
            f"{name.replace('discriminator_loss_', 'disc ')} {value:.2f}"
            for name, value in row.items()
            if name.startswith("discriminator_loss")
        ]
        # On a narrow terminal the last parts are dropped, so that the error and the time left can be read.
        while len(parts) > 1 and len(" ".join(parts)) > self._console.width - BAR_WIDTH:
            parts.pop()
        if parts:  # otherwise the last ones stay
            self._progress.update(self._task, text=printable(" ".join(parts)))
        self._progress.update(self._task, completed=min(progress, 1.0))
        if self._notebook is not None:
            task = self._progress.tasks[0]
            self._notebook.show(task.completed, task.fields["text"], task.time_remaining)

    def print(self, text: str) -> None:
        """Print a line above the bar."""
        if not self._quiet and _is_shown(text):
            _print_line(self._progress.console, text)


@contextmanager
def _handled(numbers: Iterable[int], handler: Callable[[int, object], None]) -> Iterator[None]:
    """Handle these signals by a function; does nothing outside the main thread, which alone can set handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old_handler in previous.items():
            signal.signal(number, old_handler)


def _raise_interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(number)


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM interrupt as Ctrl-C does, unless it has another handler already."""
    unhandled = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with _handled([signal.SIGTERM] if unhandled else [], _raise_interrupt):
        yield


@contextmanager
def caught_interrupts() -> Iterator[list[int]]:
    """Collect the numbers of interrupts in a list: of Ctrl-C, and of SIGTERM inside `sigterm_as_interrupt`."""
    caught: list[int] = []
    ours = signal.getsignal(signal.SIGTERM) is _raise_interrupt
    with _handled([signal.SIGINT, signal.SIGTERM] if ours else [signal.SIGINT], lambda n, _: caught.append(n)):
        yield caught


@contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Delay interrupts until the end of the block."""
    with caught_interrupts() as caught:
        yield
    if caught:
        raise KeyboardInterrupt(caught[0])


@contextmanager
def _showing(**what: bool) -> Iterator[None]:
    before = vars(_output).copy()
    vars(_output).update(what)
    try:
        yield
    finally:
        vars(_output).update({name: before[name] for name in what})


def quiet_output() -> AbstractContextManager[None]:
    """Show no progress and no notes within the block, only warnings."""
    return _showing(quiet=True)


def without_notes() -> AbstractContextManager[None]:
    """Show progress and warnings within the block, but no notes: for trainings whose notes were said before."""
    return _showing(notes=False)


def _is_shown(text: str) -> bool:
    if not _output.notes and text.startswith("Note"):
        return False
    return not _output.quiet or text.startswith("Warning")


def _silent() -> bool:
    """Whether another process on this machine shows the same output."""
    return os.environ.get("LOCAL_RANK", "0") != "0"


def stderr_console() -> Console:
    """Standard error, with texts as they are: names of files and classes may look like markup or like an emoji."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False)


def say(text: str) -> None:
    """Print a line on standard error."""
    if not _silent() and _is_shown(text):
        _print_line(stderr_console(), text)


def _print_line(console: Console, text: str) -> None:
    if console.is_jupyter:  # rich does not wrap there
        show_text(printable(text))
    else:
        console.print(printable(text), soft_wrap=True)


@contextmanager
def row_progress(text: str, total: int, show: bool = True) -> Iterator[Callable[[int], None]]:
    """Show on standard error how many of ``total`` rows are done. Yields a function that counts more rows as done."""
    console = stderr_console()
    columns = (_TEXT, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    hidden = not show or _silent() or _output.quiet or not console.is_terminal
    with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        task = progress.add_task(printable(text), total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def spinner(text: str, show: bool = True) -> Iterator[Callable[[str], None]]:
    """Show on standard error what is being done and for how long. Yields a function that changes the text."""
    console = stderr_console()
    columns = (SpinnerColumn(), _TEXT, TimeElapsedColumn())
    quiet = not show or _silent() or _output.quiet or not console.is_terminal
    with Progress(*columns, console=console, disable=quiet, transient=True) as progress:
        task = progress.add_task(printable(text), total=None)
        yield lambda text: progress.update(task, description=printable(text))
