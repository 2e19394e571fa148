"""The model card (README) next to the weights: the model, its training data, its metrics and how to load it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aae.evaluation.measures import Measure, detail, measured, value_text
from aae.model.autoencoder import Autoencoder
from aae.model.component import foreign_classes
from aae.presets.presets import PRESETS
from aae.runs.own_model import PLACEHOLDER, import_lines, is_importable, labels_used
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
    rows, labels = " x ".join(map(str, model.shape)), labels_used(config) or "no"
    lines = [
        f"# {preset or 'Autoencoder'} trained on {_plain(data)}",
        "",
        f"{PRESETS[preset].summary}." if preset in PRESETS else _summary(model),
        f"It takes rows of {rows} values; {labels} labels were used, seed {config.get('seed', 0)}.",
    ]
    if model.classes:
        lines += ["", f"Classes: {', '.join(_plain(str(name)) for name in model.classes)}."]
    rows_of = [f"| {_line(key, measure, figures)} |" for key, measure in measured(figures) if key != "seconds"]
    if rows_of:
        count, labelled = figures.get("test_rows"), figures.get("test_labelled")
        counted = "" if count is None or labelled is None else f": {count:,}, {labelled:,} of them labelled"
        folds = "cross_validation_folds" in figures
        tested = "labelled rows, each by a model that had not learned it" if folds else f"test rows{counted}"
        head = f"| on the {tested} | value | interval and rows | what it is |"
        lines += ["", head, "|---|---|---|---|", *rows_of]
    own = foreign_classes(model)
    named = f", components=[{', '.join(cls.__name__ for cls in own)}]" if own else ""
    versions = ", ".join(f"{name} {version}" for name, version in config.get("versions", {}).items())
    lines += [
        "",
        "```python",
        "import aae",
        *_own_lines(own),
        "",
        f'model = aae.load("this folder"{named})  # JSON and safetensors: nothing in it is executed',
        "codes = aae.encode(model, rows)  # {latent: (N, D)}",
        *(["probabilities = aae.classify(model, rows)"] if model.category and model.category.posterior else []),
        "```",
        *(["", f"Made with {versions}."] if versions else []),
    ]
    write_atomically(folder / "README.md", lambda file: file.write(utf8("\n".join(lines) + "\n")))
    return folder / "README.md"


def _summary(model: Autoencoder) -> str:
    """What a model is that was not made from a preset: how its codes are matched to priors."""
    rules = dict.fromkeys(type(rule).__name__ for latent in model.latents for rule in latent.matching)
    if any(latent.rules("generator_loss") for latent in model.latents):
        return "An adversarial autoencoder."
    if rules:
        return f"An autoencoder whose codes are matched to a prior by {' and '.join(rules)}."
    return "An autoencoder whose codes are not matched to a prior."


def _own_lines(own: Sequence[type]) -> list[str]:
    """The imports of classes that whoever trained the model wrote: the folder has their names, and not their code."""
    lines = [f"{line}  # of the author's own, and not in this folder" for line in import_lines(own)]
    hidden = [cls.__name__ for cls in own if not is_importable(cls)]
    return [*lines, *([f"# {PLACEHOLDER} stands for the file with {', '.join(hidden)}"] if hidden else [])]


def _line(key: str, measure: Measure, figures: Mapping[str, Any]) -> str:
    """The cells of a metric: name, value, interval and rows, and what it means."""
    meaning = ", ".join(filter(None, (measure.meaning, measure.better)))
    return " | ".join((measure.label, value_text(key, figures), "; ".join(detail(key, figures)), meaning))


def _plain(text: str) -> str:
    """Text on one line, escaped for Markdown and HTML."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-!|&" else c for c in " ".join(text.split()))
