"""Commands that show what was trained: `runs` and `info`."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from aae.cli.options import Components, RunPath
from aae.system.errors import counted, printable

__all__ = ["info", "list_runs"]

LISTED = 10  # classes that are named


def list_runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder to search recursively.")
    ] = Path("runs"),
) -> None:
    """List the runs in a folder: preset, data, labels, error and date."""
    from aae.runs.overview import find_runs
    from aae.runs.own_model import labels_used

    found = list(find_runs(folder))
    if not found:
        typer.echo(f"There are no runs in {folder}.")
        return
    rows = [("run", "preset", "data", "labels", "result", "when")]
    for run in found:
        labels = str(labels_used(run.config)) if "labels" in run.config else ""
        when = f"{run.when:%Y-%m-%d %H:%M}" if run.when else ""
        rows.append((str(run.path), run.preset, run.data, labels, run.figure, when))
    for line in _aligned(rows):
        typer.echo(printable(line))


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def info(run: RunPath, components: Components = None) -> None:
    """Describe a run or a model: data, classes, latents, parameters, options and metrics."""
    from aae.model.artifact import load
    from aae.model.component import foreign_classes
    from aae.runs.overview import look_at, main_figure
    from aae.runs.own_model import component_words

    model = load(run)
    lines = [("model", str(run))]
    if (run / "config.json").is_file():
        lines += _training_lines(look_at(run))
    lines += _model_lines(model)
    if (run / "config.json").is_file():
        figure = main_figure(look_at(run).figures)
        command = shlex.join(["aae", "evaluate", str(run), *component_words(foreign_classes(model))])
        lines.append(("figures", f"{figure or 'none yet'}; `{command}` computes all of them"))
    for line in _aligned(lines):
        typer.echo(printable(line))


def _training_lines(run: Any) -> list[tuple[str, str]]:
    from aae.runs.own_model import how_made, labels_used
    from aae.training.rundir import RunDir

    config, history = run.config, RunDir(run.path).history()
    steps, seconds = history.last("step") or 0, history.last("seconds") or 0.0
    versions = config.get("versions", {})
    return [
        ("preset", run.preset if "preset" in config else f"none: a model of your own, {how_made(config)}"),
        ("data", str(config.get("data", "?"))),
        ("labels", f"{labels_used(config)}, split {config.get('split', '?')}, seed {config.get('seed', '?')}"),
        ("options", _option_text(config)),
        ("trained", f"{counted(int(steps), 'step')} in {seconds:.0f} s on {config.get('device', '?')}"
                    f" ({config.get('precision', '?')}), {run.when:%Y-%m-%d %H:%M}, aae {versions.get('aae', '?')}"),
    ]  # fmt: skip


def _option_text(config: Mapping[str, Any]) -> str:
    """The options that differ from the preset, or the settings that differ from the defaults."""
    from aae.model.component import describe
    from aae.presets.meanings import written
    from aae.presets.options import Options
    from aae.runs.own_model import own_settings, setting_texts
    from aae.training.settings import Settings

    known = Options.__dataclass_fields__
    if "preset" in config:
        changes = config.get("changes", {})
        pairs = [f"{name}={written(name, value) if name in known else value}" for name, value in changes.items()]
        return " ".join(pairs) or "those of the preset"
    defaults = describe(vars(Settings(steps=1))) | {"steps": None}
    own = {name: value for name, value in own_settings(config).items() if value != defaults.get(name)}
    return "; ".join([*(f"{name} {text}" for name, text in setting_texts(own).items()), "else those of aae.Settings"])


def _model_lines(model: Any) -> list[tuple[str, str]]:
    from aae.runs.plan import count_parameters

    table = model.table is not None and model.table.named
    rows = f"{len(model.table.columns)} columns" if table else " x ".join(map(str, model.shape))
    lines = [("rows", rows)]
    if model.classes:
        shown = [*map(str, model.classes[:LISTED]), *(["..."] if len(model.classes) > LISTED else [])]
        lines.append(("classes", f"{len(model.classes)}: {', '.join(shown)}"))
    for latent in model.latents:
        parts = {"posterior": latent.posterior, "prior": latent.prior}
        texts = [f"{role} {type(part).__name__}" for role, part in parts.items() if part is not None]
        rules = [type(rule).__name__ for rule in latent.matching]
        texts += [f"matching {' and '.join(rules)}"] if rules else []
        texts += [f"labels: {latent.label}"] if latent.label != "none" else []
        lines.append((f"latent {latent.name}", f"{counted(latent.dim, 'number')}; {', '.join(texts)}"))
    counts = count_parameters(model)
    total = sum(counts.values())
    return [*lines, ("parameters", f"{total:,} ({', '.join(f'{name} {count:,}' for name, count in counts.items())})")]
