"""The application: its commands in the order of `aae --help`, and the handling of errors.

Nothing heavy is imported before a command needs it.
"""

import functools
import inspect
import logging
import os
import platform
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, NoReturn

import typer

from aae._version import __version__
from aae.cli.examples import epilog
from aae.cli.explore import explore
from aae.cli.export import bench, export
from aae.cli.look import evaluate, plot, presets, report, show_data
from aae.cli.past import info, list_runs
from aae.cli.suggest import suggest
from aae.cli.train import train, tune
from aae.cli.use import encode, predict, reconstruct, sample
from aae.system.errors import AAEError, UsageError, first_line, printable

__all__ = ["app", "main"]

BUG = 70  # exit code of an error that is not the user's, as sysexits.h has it
GRACE = 2.0  # seconds that rank zero has to report the same error
NO_MEMORY = "There is not enough memory for this; use less data, fewer samples or a smaller batch."

app = typer.Typer(
    help="Adversarial autoencoders: learn from all your data and a few labels.",
    no_args_is_help=True,
    epilog="""\b
Examples:
  aae presets                          # list the presets
  aae train few-labels --data photos   # train, evaluate and write a report
  aae train --help                     # every command has examples
  aae --install-completion             # complete commands, options and presets with TAB""",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _add(name: str, command: Callable[..., Any]) -> None:
    """Add a command, with its examples, the first sentence of its docstring as summary, and ``--quiet``."""

    @functools.wraps(command)
    def run(*args: Any, quiet: bool, **named: Any) -> None:
        if not quiet:
            return command(*args, **named)
        from aae.system.progress import quiet_output

        with quiet_output():
            return command(*args, **named)

    help_text = "Print only results, warnings and errors, no progress or notes."
    flag = Annotated[bool, typer.Option("--quiet", "-q", help=help_text)]
    signature = inspect.signature(command)
    option = inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=flag)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    run.__annotations__ = {**command.__annotations__, "quiet": flag}
    # As short_help the sentence is wrapped; as help, it would be cut off.
    app.command(name, epilog=epilog(name), short_help=(inspect.getdoc(command) or "").split("\n\n")[0])(run)


_COMMANDS: dict[str, Callable[..., Any]] = {
    "presets": presets, "data": show_data, "train": train, "suggest": suggest, "tune": tune,
    "evaluate": evaluate, "report": report, "explore": explore, "predict": predict, "encode": encode,
    "reconstruct": reconstruct, "sample": sample, "plot": plot, "export": export, "bench": bench, "runs": list_runs,
    "info": info,
}  # fmt: skip
for _name, _command in _COMMANDS.items():
    _add(_name, _command)


def main() -> NoReturn:
    """Run the command line; every error is one sentence on standard error."""
    with _quiet_libraries():
        _main()


def _main() -> NoReturn:
    try:
        code = app(prog_name="aae", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, so that a failure is reported
        sys.exit(code or 0)
    except UsageError as error:
        _fail(str(error), 2, _reported_elsewhere(error))
    except AAEError as error:
        _fail(str(error), 1, _reported_elsewhere(error))
    except (KeyboardInterrupt, typer.Abort):
        _fail("Stopped.", 130)
    except MemoryError:
        _fail(NO_MEMORY, 1)
    except OSError as error:
        _drop_output()
        where = f"{error.filename}: " if error.filename else ""
        # Where the reader of the output has gone, as `head` does, nothing is wrong here.
        _fail(f"{where}{error.strerror or error}.", 1, quiet=isinstance(error, BrokenPipeError))
    except Exception as error:
        if isinstance(error, RuntimeError) and "allocate" in str(error):  # torch's message
            _fail(NO_MEMORY, 1)
        # Errors of click and typer have a method that shows them.
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            sys.exit(error.exit_code)
        _fail(_bug(error), BUG)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep the warnings of libraries off the terminal, unless Python is told to show them (``PYTHONWARNINGS``).

    A filter that makes them errors still does. Text that the terminal cannot show is replaced.
    """
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    show, disabled = warnings.showwarning, logging.root.manager.disable
    if not sys.warnoptions:
        warnings.showwarning = lambda *_, **__: None
        logging.disable(logging.WARNING)
    try:
        yield
    finally:
        warnings.showwarning = show
        logging.disable(disabled)


def _drop_output() -> None:
    """Let what is still to be printed go nowhere: Python would fail on it again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bug(error: Exception) -> str:
    """A sentence for an error that nobody expected; its traceback goes into a file."""
    torch = getattr(sys.modules.get("torch"), "__version__", "not loaded")
    facts = f"aae {__version__}, Python {platform.python_version()}, torch {torch}, {platform.platform()}"
    text = f"{facts}\n\n{''.join(traceback.format_exception(error))}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", prefix="aae-error-", suffix=".txt", delete=False
        ) as file:
            file.write(text)
        where = f"with the file {file.name}, which holds the traceback"
    except OSError:
        print(printable(text), file=sys.stderr)
        where = "with the traceback above"
    name, reason = type(error).__name__, first_line(error)
    what = name if reason == name else f"{name}: {reason}"
    return f"This is a bug in aae ({what}). Please report it {where}."


def _fail(text: str, code: int, quiet: bool = False) -> NoReturn:
    if "aae.distributed.processes" in sys.modules:
        sys.modules["aae.distributed.processes"].terminate_children()
    if not quiet:
        print(f"aae: {printable(text)}", file=sys.stderr)
    sys.exit(code)


def _reported_elsewhere(error: AAEError) -> bool:
    """Whether another process of this training reports the same error."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        return False
    if not error.alone:
        return True
    # The process that started this one may report the same error, and then ends this one.
    time.sleep(GRACE if "AAE_STARTED_BY" in os.environ else 0)
    return False
