"""What a fault or fuzz test tried and what came of it, for the table in docs/reliability.md."""

import json
import os
from pathlib import Path


def record(part: str, tried: int, survived: int, lost: int = 0, seconds: float = 0.0) -> None:
    """Append one line to the file that ``AAE_RELIABILITY`` names, if it does.

    Args:
        part: What was tried.
        tried: Faults or inputs.
        survived: How many of them ended as promised.
        lost: Things that were lost: steps before the last checkpoint, results, files.
        seconds: How long it took.
    """
    file = os.environ.get("AAE_RELIABILITY")
    if file:
        found = {"part": part, "tried": tried, "survived": survived, "lost": lost, "seconds": round(seconds, 1)}
        with Path(file).open("a") as lines:
            lines.write(json.dumps(found) + "\n")
