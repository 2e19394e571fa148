"""The command line: one file for each group of commands.

A new command belongs here. May import every other package; torch and numpy are imported inside the commands, so
that `aae --help` answers at once.
"""

from aae.cli.app import main

__all__ = ["main"]
