"""The command line: one file for each group of commands.

A new command belongs here. May import every other room, but only inside the commands: `aae --help` loads nothing heavy.
"""

from aae.cli.app import main

__all__ = ["main"]
