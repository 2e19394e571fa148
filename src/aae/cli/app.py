"""The application: its commands in the order of `aae --help`, and the handling of errors.

Nothing heavy is imported before a command needs it.
"""

import os
import sys
import time
from typing import Annotated, NoReturn

import typer

from aae._version import __version__
from aae.cli.export import bench, export
from aae.cli.look import evaluate, plot, presets, report, show_data
from aae.cli.train import train, tune
from aae.cli.use import encode, predict, reconstruct, sample
from aae.system.errors import AAEError, UsageError, printable

__all__ = ["app", "main"]

GRACE = 2.0  # seconds that rank zero has to report the same error
NO_MEMORY = "There is not enough memory for this; use less data, fewer samples or a smaller batch."

app = typer.Typer(
    help="Adversarial autoencoders: learn from all your data and a handful of labels.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


app.command()(presets)
app.command("data")(show_data)
for _command in (train, tune, evaluate, report, predict, encode, reconstruct, sample, plot, export, bench):
    app.command()(_command)


def main() -> NoReturn:
    """Run the command line; an error of the user is one sentence on standard error."""
    try:
        code = app(prog_name="aae", standalone_mode=False)
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
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}.", 1)
    except Exception as error:
        if isinstance(error, RuntimeError) and "allocate" in str(error):  # torch's message
            _fail(NO_MEMORY, 1)
        # Errors of click and typer have a method that shows them.
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            sys.exit(error.exit_code)
        raise


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
