"""How a run is made anew: its command lines, and all its options."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from aae.presets.meanings import meaning_of, set_words, written
from aae.presets.options import Options
from aae.report.page import Option, flatten, format_value

__all__ = ["option_rows", "reproduce"]

AGAIN = "-again"  # the run's own directory holds the run itself


def reproduce(config: Mapping[str, Any], place: Path, pictures: Sequence[str], steps: int | None = None) -> list[str]:
    """The command lines that train a run anew, in a directory beside it, and that measure and draw it.

    Args:
        config: The configuration of the run.
        place: Its directory.
        pictures: The plots of its report.
        steps: How many it took, which stand for a length in seconds: machines differ in what they do in that time.

    Returns:
        One string for each command; without the training if the run was made from no preset or from rows in memory.
    """
    again = place.with_name(place.name + AGAIN)
    commands = [["train", *train_words(config, steps), "--out", again]] if _from_command(config) else []
    made = again if commands else place
    commands += [["evaluate", made, "--json"], ["report", made]]
    commands += [["plot", made, kind, "--out", f"{kind}.png"] for kind in pictures]
    return [shlex.join(["aae", *map(str, command)]) for command in commands]


def _from_command(config: Mapping[str, Any]) -> bool:
    """Whether one command made the run; no command line has a split that was given."""
    return "preset" in config and not config.get("data_in_memory") and config["split"] != "given"


def train_words(config: Mapping[str, Any], steps: int | None = None) -> list[str]:
    """The words after ``aae train`` with which a run was trained, but for ``--out``; see `reproduce`."""
    words = [str(config["preset"]), "--data", str(config["data"])]
    if config["labels"] is not None and not config.get("cross_validated"):  # a number would hold the others out
        words += ["--labels", str(config["labels"])]
    if config["split"] != "random":
        words += ["--split", str(config["split"])]
    words += ["--seed", str(config["seed"])]
    length = config.get("length", {})
    if steps and {"seconds", "max_seconds"} & length.keys():
        length = {"steps": steps}
    for name, value in length.items():
        words += [_flag(name), f"{value:g}" if isinstance(value, float) else str(value)]
    words += ["--from", str(config["from"])] if "from" in config else []
    words += [part for pair in set_words(config.get("changes", {})) for part in ("--set", pair)]
    for name, value in config.get("reading", {}).items():
        words += _reading(name, value)
    words += ["--device", str(config["device"]), "--precision", str(config["precision"])]
    if config.get("devices", 1) != 1:
        words += ["--devices", str(config["devices"])]
    return words


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _reading(name: str, value: object) -> list[str]:
    """A read option as words of the command line."""
    flag = _flag(name)
    if isinstance(value, bool):
        return [flag] if value else []
    values = value if isinstance(value, list | tuple) else [value]
    return [part for each in values for part in (flag, str(each))]


def option_rows(config: Mapping[str, Any]) -> list[Option]:
    """Every option of a run with its value, and its meaning in one line where that is known."""
    known = {each.name for each in fields(Options)}
    return [Option(name, written(name, value) if name in known else format_value(value),
                   meaning_of(name) if name in known else "")
            for name, value in flatten(config.get("options", {}))]  # fmt: skip
