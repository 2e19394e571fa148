"""The options of `aae train` as a TOML file: read with ``--config``, written with ``--write-config``."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from aae._version import __version__
from aae.cli.options import parse_changes
from aae.presets.meanings import set_words
from aae.presets.options import Options, current_names
from aae.presets.presets import PRESETS, resolve
from aae.system.errors import AAEError, UsageError, unknown
from aae.system.files import utf8, write_atomically

__all__ = ["changes_in", "read_config_file", "without_other_lengths", "write_config_file"]

SET = "set"  # the table of options that --set changes
FLAGS = {"from": "start"}  # keys that are not the names of parameters
KEYS = {name: key for key, name in FLAGS.items()}
LENGTHS = ("epochs", "steps", "seconds")
# What one call does, which is no setting of a training.
_ONCE = ("config", "write_config", "dry_run", "resume", "quiet", "changes")
_ALWAYS = ("preset", "data", "split", "seed")


def read_config_file(context: typer.Context, file: Path | None) -> Path | None:
    """Use the options of a file where the command line gives none; this runs before they are read.

    Raises:
        AAEError: The file cannot be read, is no TOML, names an option that `aae train` does not have, or gives one
            a value that it does not take.
    """
    if file is None or context.resilient_parsing:
        return file
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise AAEError(f"{file} cannot be read ({error.strerror}); name the file that --write-config wrote.") from error
    except ValueError as error:  # of TOML, or of UTF-8
        raise AAEError(f"{file} is not a TOML file ({error}).") from error
    changes = found.pop(SET, {})
    if not isinstance(changes, dict):
        raise AAEError(f"{file}: set is a table of options; write [set] and below it lines such as lr = 0.001.")
    params = {str(option.name): option for option in context.command.params if option.name not in _ONCE}
    options: dict[str, Any] = {}
    for key, value in found.items():
        name = FLAGS.get(key, key.replace("-", "_"))
        if name not in params and key in Options.__dataclass_fields__:
            raise UsageError(f"{file}: {key} is an option of the preset; move its line below [{SET}].")
        if name not in params:
            raise unknown(f"option of aae train in {file} called", key, [KEYS.get(name, name) for name in params])
        if isinstance(value, list | dict):
            raise AAEError(f"{file}: {key} takes one value; options that --set changes belong below [set].")
        options[name] = value if isinstance(value, bool) else str(value)
        try:
            params[name].process_value(context, options[name])
        except typer.BadParameter as error:
            raise UsageError(f"{file}: {key} = {value!r} is not valid: {error.message}") from error
    _check_changes(file, changes)
    context.default_map = options
    context.meta[__name__] = changes
    return file


def _check_changes(file: Path, changes: Mapping[str, Any]) -> None:
    """Check the table of changed options for any preset, so that the file is named in what is wrong."""
    try:
        resolve(next(iter(PRESETS)), current_names({k: v for k, v in changes.items() if k != "recipe"})[0])
    except UsageError as error:
        raise UsageError(f"{file}, below [{SET}]: {error}") from error


def changes_in(context: typer.Context, pairs: list[str] | None) -> dict[str, Any]:
    """The changed options: those of the file, then those of ``--set``.

    Raises:
        UsageError: A pair is not ``name=value``.
    """
    return parse_changes([*set_words(context.meta.get(__name__, {})), *(pairs or [])])


def without_other_lengths(context: typer.Context, lengths: Mapping[str, Any]) -> dict[str, Any]:
    """The lengths of a training that were given; those of the file do not count if the command line has one."""
    given = {name: value for name, value in lengths.items() if value is not None}
    typed = {name for name in given if str(context.get_parameter_source(name)).endswith("COMMANDLINE")}
    return {name: value for name, value in given.items() if name in typed or not typed}


def write_config_file(context: typer.Context, changes: Mapping[str, Any], file: Path) -> None:
    """Write the options of this call that a file can hold.

    Raises:
        AAEError: The file cannot be written.
    """
    from aae.presets.meanings import meaning_of, written

    values = {name: context.params[name] for name in _ALWAYS} | {
        name: value
        for name, value in context.params.items()
        if name not in _ONCE and value is not None and not str(context.get_parameter_source(name)).endswith(".DEFAULT")
    }
    lengths = without_other_lengths(context, {name: values.pop(name, None) for name in LENGTHS})
    lines = [f"# Options of `aae train`, written by aae {__version__}: aae train --config {file.name}", ""]
    lines += [f"{KEYS.get(name, name)} = {_toml(value)}" for name, value in (values | lengths).items()]
    lines += ["", f"[{SET}]  # `aae presets {values['preset']}` lists all options"]
    for name, value in changes.items():
        known = name in Options.__dataclass_fields__
        text = _toml(value if value is not None else written(name, value))
        lines.append(f"{name} = {text}" + (f"  # {meaning_of(name)}" if known else ""))
    write_atomically(file, lambda target: target.write(utf8("\n".join(lines) + "\n")))


def _toml(value: Any) -> str:
    """A value as TOML; a string of JSON is one of TOML, but for the character DEL."""
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
