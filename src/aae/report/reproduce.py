"""How a run was made and is made anew: facts, all its options, and command lines."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from aae.presets.meanings import meaning_of, set_words, written
from aae.presets.options import Options
from aae.report.page import Option, flatten, format_value
from aae.runs.own_model import (
    LENGTHS,
    PLACEHOLDER,
    component_words,
    how_made,
    is_importable,
    labels_used,
    own_settings,
    setting_texts,
)

__all__ = ["facts_of", "option_rows", "reproduce"]

AGAIN = "-again"  # the run's own directory holds the run itself
# What the report says of a run beside its options.
FACTS = ("preset", "data", "labels", "split", "seed", "device", "precision", "reading", "changes",
         "length", "devices", "machine", "versions")
BY_THE_CLOCK = "no: its length was given in seconds"
WITH_STEPS = "; the command under Reproduce gives its number of steps instead, and makes nearly the same run on " \
             "every machine"
SAME_ON_CPU = "bit-identical with this machine, precision and versions; other processors, GPUs, versions, or numbers " \
              "of threads or processes round differently"
SAME_ON_GPU = "nearly: the order of summation on a GPU varies"
IF_SEEDED = "if torch is seeded before the model is built: "


def facts_of(config: Mapping[str, Any]) -> dict[str, object]:
    """What the report says of a run beside its options."""
    facts: dict[str, object] = {name: config[name] for name in FACTS if name in config}
    facts |= {"labels": labels_used(config)} if config.get("labels") is not None else {}
    facts |= {name: "the preset's own" if name == "length" else "default options" for name in ("reading", "length")
              if name in facts and not facts[name]}  # fmt: skip
    changes, length = facts.pop("changes", {}), config.get("length", {})
    of_preset = "preset" in config
    if of_preset:
        facts["options"] = changes or "those of the preset"  # as the command line calls them
    else:
        length = {name: value for name, value in own_settings(config).items() if name in LENGTHS}
        facts |= {"model": f"built by its user, {how_made(config)}"} | ({"length": length} if length else {})
    same = SAME_ON_CPU if config.get("device") == "cpu" else SAME_ON_GPU
    facts["same seed, same weights"] = same if of_preset else IF_SEEDED + same
    if {"seconds", "max_seconds"} & length.keys():
        facts["same seed, same weights"] = BY_THE_CLOCK + (WITH_STEPS if _from_command(config) else "")
    return facts


def reproduce(
    config: Mapping[str, Any],
    place: Path,
    pictures: Sequence[str],
    steps: int | None = None,
    own: Sequence[type] = (),
) -> list[str]:
    """The command lines that train a run anew, in a directory beside it, and that measure and draw it.

    Args:
        config: The configuration of the run.
        place: Its directory.
        pictures: The plots of its report.
        steps: How many it took, which stand for a length in seconds: machines differ in what they do in that time.
        own: Classes of the user's own that its model is made of.

    Returns:
        One string for each command, and before them, where no command trains the run, a comment that says so.
    """
    again = place.with_name(place.name + AGAIN)
    commands = [["train", *train_words(config, steps), "--out", again]] if _from_command(config) else []
    made = again if commands else place
    notes = [] if commands else [f"# {how_made(config)}"]
    hidden = [cls.__name__ for cls in own if not is_importable(cls)]
    if hidden:
        notes.append(f"# {PLACEHOLDER} stands for your file with {', '.join(hidden)}")
    commands += [["evaluate", made, "--json"], ["report", made]]
    commands += [["plot", made, kind, "--out", f"{kind}.png"] for kind in pictures]
    words = component_words(own)
    return [*notes, *(shlex.join(["aae", *map(str, command), *words]) for command in commands)]


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
    """Every option of a run with its value, and its meaning in one line where that is known.

    A run that was not made from a preset has settings in their place.
    """
    if settings := own_settings(config):
        return [Option(name, text) for name, text in setting_texts(settings).items()]
    known = {each.name for each in fields(Options)}
    return [Option(name, written(name, value) if name in known else format_value(value),
                   meaning_of(name) if name in known else "")
            for name, value in flatten(config.get("options", {}))]  # fmt: skip
