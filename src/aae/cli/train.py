"""Commands that train: `train` and `tune`."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from aae.cli.config_file import changes_in, read_config_file, without_other_lengths, write_config_file
from aae.cli.options import (
    Categories,
    Changes,
    Data,
    Decimal,
    Delimiter,
    Device,
    Devices,
    Encoding,
    Features,
    FeaturesOutput,
    Fit,
    Ignore,
    ImageSize,
    KeyColumn,
    Kind,
    LabelColumn,
    Labels,
    LabelsFile,
    Missing,
    Precision,
    PresetName,
    Seed,
    SplitHow,
    Strict,
    Test,
    TextColumn,
    parse_changes,
    read_options,
)
from aae.cli.results import last_measured, report_run
from aae.presets.meanings import set_words
from aae.system.errors import AAEError, UsageError, printable

__all__ = ["train", "tune"]


def train(
    context: typer.Context,
    preset: PresetName,
    data: Data = "digits",
    labels: Labels = None,
    split: SplitHow = "random",
    seed: Seed = 0,
    epochs: Annotated[float | None, typer.Option(help="Number of passes over the training data.")] = None,
    steps: Annotated[int | None, typer.Option(help="Number of training steps.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Training time in seconds; the schedule is fitted to it.")
    ] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Time limit in seconds; training may end earlier.")] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="RUN", help="Start from the weights of a run; the preset's own length is then a third."
        ),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Batch size.")] = None,
    schedule: Annotated[str | None, typer.Option(help="How losses are updated: joint or alternating.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    devices: Devices = None,
    num_nodes: Annotated[
        int | None, typer.Option(help="Number of machines; see docs/scale.md. Omit under torchrun.")
    ] = None,
    changes: Changes = None,
    image_size: ImageSize = None,
    labels_file: LabelsFile = None,
    key_column: KeyColumn = None,
    label_column: LabelColumn = None,
    test: Test = None,
    strict: Strict = False,
    fit: Fit = None,
    categories: Categories = None,
    decimal: Decimal = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    missing: Missing = None,
    ignore: Ignore = None,
    kind: Kind = None,
    features: Features = None,
    features_output: FeaturesOutput = None,
    text_column: TextColumn = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; default: runs/PRESET-DATA.")] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue the run in --out with its own options (and device)."),
    ] = False,
    checkpoint_every: Annotated[
        float | None, typer.Option(help="Seconds between checkpoints; default: 30, or more for a large model.")
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard files.")] = False,
    report: Annotated[bool, typer.Option(help="Evaluate and write the report at the end.")] = True,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Read options from a file; the command line takes precedence.",
            callback=read_config_file,
            is_eager=True,
        ),
    ] = None,
    write_config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Write the options to a file for --config, and exit.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show data, options, parameters and steps, and exit.")
    ] = False,
) -> None:
    """Train a preset and write a run directory with the model, its metrics and a report."""
    from aae.presets.presets import resolve

    options = changes_in(context, changes)
    options |= {k: v for k, v in {"batch_size": batch_size, "schedule": schedule}.items() if v is not None}
    resolve(preset, options)  # reports a misspelled name before anything heavy is loaded
    length = without_other_lengths(context, {"epochs": epochs, "steps": steps, "seconds": seconds})
    length |= {} if max_seconds is None else {"max_seconds": max_seconds}
    if resume and (write_config is not None or dry_run):
        raise UsageError("--resume continues a run with its own options; drop --dry-run and --write-config.")
    if write_config is not None:
        write_config_file(context, options, write_config)
        typer.echo(f"Options: {write_config}")
    if dry_run:
        settled = {"labels": labels, "split": split, "seed": seed, "changes": options, "start": start, **length}
        _show_plan(preset, data, settled, read_options(context))
    if write_config is not None or dry_run:
        return
    loop: dict[str, Any] = {"checkpoint_every": checkpoint_every, "tensorboard": tensorboard}
    processes: dict[str, Any] = {"devices": devices, "num_nodes": num_nodes}
    if resume:
        if out is None:
            raise UsageError("--resume continues an existing run; name it with --out RUN.")
        sources = {name: str(context.get_parameter_source(name)) for name in context.params}
        given = {name for name, source in sources.items() if source.endswith(("COMMANDLINE", "DEFAULT_MAP"))}
        fixed = sorted(given - {"preset", "out", "resume", "report", "device", "precision", "quiet", *processes, *loop})
        if fixed:
            names = ", ".join("--" + name.replace("_", "-").replace("changes", "set").replace("start", "from")
                              for name in fixed)  # fmt: skip
            raise UsageError(f"--resume takes every option from the run; drop {names}.")
        places: dict[str, Any] = {"device": device, "precision": precision}
        place = {name: value for name, value in places.items() if name in given}
        from aae.runs.train import resume_run

        result = resume_run(out, preset, **place, **processes, **loop)
    else:
        from aae.runs.train import train_preset

        out = out or _free_directory(preset, data)
        result = train_preset(
            preset,
            data,
            labels=labels,
            split=split,
            seed=seed,
            changes=options,
            **length,
            start=start,
            reading=read_options(context),
            out=out,
            device=device,
            precision=precision,
            **processes,
            **loop,
        )
    if not result.is_rank_zero:  # rank zero prints and writes everything
        raise typer.Exit(128 + result.interrupted if result.interrupted else 0)
    typer.echo(f"{result.step} steps in {result.seconds:.0f} s: {out}")
    if report and not result.interrupted:
        report_run(out)
        return
    typer.echo(last_measured(result.history))
    if result.interrupted:
        typer.echo(f"Continue with: aae train {preset} --out {shlex.quote(str(out))} --resume")
        raise typer.Exit(128 + result.interrupted)


def _show_plan(preset: str, data: str, settled: dict[str, Any], reading: Any) -> None:
    """Print what would be trained."""
    from aae.presets.meanings import describe_options
    from aae.runs.plan import plan_training
    from aae.system.progress import say

    plan = plan_training(preset, data, reading=reading, **settled)
    for kind, sentences in (("Note", plan.data.notes), ("Warning", plan.warnings())):
        for sentence in sentences:
            say(f"{kind}: {sentence}")
    for line in [*describe_options(plan.options), "", *plan.describe()]:
        typer.echo(printable(line))


def tune(
    context: typer.Context,
    preset: PresetName,
    data: Data = "digits",
    trials: Annotated[
        int, typer.Option(help="Number of trials in the study, including other workers' trials.", min=1)
    ] = 30,
    storage: Annotated[
        str | None,
        typer.Option(help="Database of the study, shared by all workers; default: OUT/study.db.", metavar="URL"),
    ] = None,
    study: Annotated[str, typer.Option(help="Name of the study in its storage.")] = "aae",
    labels: Labels = None,
    split: SplitHow = "random",
    seed: Seed = 0,
    epochs: Annotated[float | None, typer.Option(help="Passes over the training data per trial.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps per trial.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Training time per trial in seconds.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Time limit per trial in seconds.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    changes: Changes = None,
    image_size: ImageSize = None,
    labels_file: LabelsFile = None,
    key_column: KeyColumn = None,
    label_column: LabelColumn = None,
    test: Test = None,
    strict: Strict = False,
    fit: Fit = None,
    categories: Categories = None,
    decimal: Decimal = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    missing: Missing = None,
    ignore: Ignore = None,
    kind: Kind = None,
    features: Features = None,
    features_output: FeaturesOutput = None,
    text_column: TextColumn = None,
    out: Annotated[Path | None, typer.Option(help="Output directory; default: runs/tune-PRESET-DATA.")] = None,
) -> None:
    """Search for better options of a preset on validation data; run the command again to continue a study."""
    from aae.presets.presets import resolve

    fixed = parse_changes(changes or [])
    resolve(preset, fixed)
    from aae.tuning.report import best_command, write_search_report
    from aae.tuning.studies import file_storage
    from aae.tuning.tune import tune as search

    out = out or Path("runs") / f"tune-{preset}-{Path(data).stem}"
    if out.exists() and not out.is_dir():
        raise AAEError(f"{out} is a file; name a directory with --out.")
    out.mkdir(parents=True, exist_ok=True)
    try:
        found = search(
            preset,
            data,
            trials=trials,
            storage=storage or file_storage(out / "study.db"),
            study=study,
            labels=labels,
            split=split,
            seed=seed,
            changes=fixed,
            reading=read_options(context),
            epochs=epochs,
            steps=steps,
            seconds=seconds,
            max_seconds=max_seconds,
            device=device,
            precision=precision,
        )
    except AAEError:
        with suppress(OSError):  # a search that did not start leaves no empty folder
            out.rmdir()
        raise
    given = {
        "--data": data,
        "--labels": labels,
        "--label-column": label_column,
        "--labels-file": labels_file,
        "--key-column": key_column,
        "--image-size": image_size,
        "--test": test,
        "--fit": fit,
        "--categories": categories,
        "--decimal": decimal,
        "--delimiter": delimiter,
        "--encoding": encoding,
        "--missing": missing,
        "--epochs": epochs,
        "--steps": steps,
        "--seconds": seconds,
        "--max-seconds": max_seconds,
        "--seed": seed or None,
        "--split": None if split == "random" else split,
    }
    arguments = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    arguments += [part for name in ignore or () for part in ("--ignore", name)]
    arguments += [part for pair in kind or () for part in ("--kind", pair)]
    command = best_command(found, preset, *arguments, *(part for pair in set_words(fixed) for part in ("--set", pair)))
    typer.echo(f"Report: {write_search_report(found, out / 'report.html', command)}")
    if found.best:
        best = found.study.best_trial
        typer.echo(f"Best {found.judge.describe(best.value)} (trial {best.number + 1})\n{command}")
    if found.interrupted:
        raise typer.Exit(130)


def _free_directory(preset: str, data: str) -> Path:
    base = f"{preset}-{Path(data).stem}"
    names = [base, *(f"{base}-{number}" for number in range(2, 10_000))]
    return next(Path("runs") / name for name in names if not (Path("runs") / name).exists())
