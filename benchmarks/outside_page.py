"""Writes docs/outside.md from the results of benchmarks/outside.py."""

import json
from pathlib import Path
from typing import Any

Line = dict[str, Any]
Key = tuple[str, str, int, str]


def read(file: Path) -> list[Line]:
    """The lines of a file of results."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def latest(lines: list[Line]) -> dict[Key, Line]:
    """The newest line of each suite, set, draw and method."""
    return {(line["suite"], line["set"], line["draw"], line["method"]): line for line in lines}


def render(lines: list[Line]) -> str:
    return ""


def write(file: Path) -> None:
    pass
