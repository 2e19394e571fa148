"""The model card (README) next to the weights: the model, its training data, its metrics and how to load it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aae.evaluation.measures import Measure, detail, measured, value_text
from aae.model.autoencoder import Autoencoder
from aae.presets.presets import PRESETS
from aae.system.files import utf8, write_atomically

__all__ = ["write_card"]

def write_card(model: Autoencoder, config: Mapping[str, Any], figures: Mapping[str, Any], folder: Path) -> Path:
    """Write the model card, ``README.md``, into the folder of a model.

    Args:
        model: The model.
        config: The run's configuration.
        figures: Its test-set metrics.
        folder: The folder with ``spec.json`` and ``weights.safetensors``.

    Raises:
        AAEError: The file cannot be written.
    """
    preset = str(config.get("preset", ""))
    data = Path(str(config.get("data", "data"))).name  # the full path is private
    rows = " x ".join(map(str, model.shape))
    lines = [
        f"# {preset or 'Autoencoder'} trained on {_plain(data)}",
        "",
        f"{PRESETS[preset].summary}." if preset in PRESETS else "An adversarial autoencoder.",
        f"It takes rows of {rows} values; {config.get('labels', 0)} labels were used, seed {config.get('seed', 0)}.",
    ]
    if model.classes:
        lines += ["", f"Classes: {', '.join(_plain(str(name)) for name in model.classes)}."]
    rows_of = [f"| {_line(key, measure, figures)} |" for key, measure in measured(figures) if key != "seconds"]
    if rows_of:
        count, labelled = figures.get("test_rows"), figures.get("test_labelled")
        counted = "" if count is None or labelled is None else f": {count:,}, {labelled:,} of them labelled"
        head = f"| on the test rows{counted} | value | interval and rows | what it is |"
        lines += ["", head, "|---|---|---|---|", *rows_of]
    versions = ", ".join(f"{name} {version}" for name, version in config.get("versions", {}).items())
    lines += [
        "",
        "```python",
        "import aae",
        "",
        'model = aae.load("this folder")  # JSON and safetensors: nothing in it is executed',
        "codes = aae.encode(model, rows)  # {latent: (N, D)}",
        *(["probabilities = aae.classify(model, rows)"] if model.category and model.category.posterior else []),
        "```",
        *(["", f"Made with {versions}."] if versions else []),
    ]
    write_atomically(folder / "README.md", lambda file: file.write(utf8("\n".join(lines) + "\n")))
    return folder / "README.md"


def _line(key: str, measure: Measure, figures: Mapping[str, Any]) -> str:
    """The cells of a metric: name, value, interval and rows, and what it means."""
    meaning = ", ".join(filter(None, (measure.meaning, measure.better)))
    return " | ".join((measure.label, value_text(key, figures), "; ".join(detail(key, figures)), meaning))


def _plain(text: str) -> str:
    """Text on one line, escaped for Markdown and HTML."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-!|&" else c for c in " ".join(text.split()))
