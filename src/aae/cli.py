"""The command line. Nothing heavy is imported before a command needs it."""

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from aae._version import __version__
from aae.errors import AAEError, UsageError, printable

__all__ = ["app", "main"]

GRACE = 2.0  # seconds
NO_MEMORY = "There is not enough memory for this; use less data, fewer samples or a smaller batch."

app = typer.Typer(
    help="Adversarial autoencoders: learn from all your data and a handful of labels.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.", show_default=False)]
PresetName = Annotated[
    str, typer.Argument(metavar="PRESET", help="What to train; see `aae presets`.", show_default=False)
]
Labels = Annotated[
    int | None, typer.Option(help="Labels that may be used; the preset's own number if not given.")
]
SplitHow = Annotated[str, typer.Option(help="random, or tutorial (fixed rows in file order).")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0, max=2**63 - 1)]
Data = Annotated[
    str, typer.Option(help="digits, mnist, a file (.npz, .npy, .csv, .parquet), a folder of images or of IDX files.")
]
OtherData = Annotated[str | None, typer.Option("--data", help="Other data than the run's own.")]
Out = Annotated[Path, typer.Option(help="File to write.", show_default=False)]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column of a .csv or .parquet file that holds the labels.", metavar="NAME")
]
Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT", help="Rows to read: as --data, or a single image.", show_default=False
    ),
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print one flat JSON object and nothing else.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Devices = Annotated[
    int | None,
    typer.Option(help="Processes on this machine, one for each GPU or for some of the cores. Under torchrun, drop it."),
]
Precision = Annotated[str, typer.Option(help="auto, 32 or bf16.")]
ImageSize = Annotated[
    int | None, typer.Option(help="Side of the images of a folder, 8 to 128; their own, 64 at most, if not given.")
]
LabelsFile = Annotated[
    str | None, typer.Option(help="CSV file with the columns file,label for a folder of images.", metavar="FILE")
]
Test = Annotated[str | None, typer.Option(help="Rows to test on; a part of --data if not given.", metavar="SPEC")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at an image that cannot be read.")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change an option of the preset; may be repeated. `aae presets NAME` lists them.",
    ),
]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def presets(name: Annotated[str | None, typer.Argument(help="Show this preset's options.")] = None) -> None:
    """List what can be trained, one line each; or the options of one preset."""
    from dataclasses import asdict

    from aae.presets import PRESETS, RECIPES, resolve

    if name is not None:
        for option, value in asdict(resolve(name)).items():
            typer.echo(f"{option}={json.dumps(value)}")
        others = {"vectors and tables": PRESETS[name].vectors, "fewer than 50 columns": PRESETS[name].narrow}
        for kind, changes in others.items():
            if changes:
                typer.echo(f"# {kind}: {', '.join(f'{k}={json.dumps(v)}' for k, v in changes.items())}")
        recipes = [recipe for recipe, covered in RECIPES.items() if name in covered]
        typer.echo(
            f"# also: recipe={' or recipe='.join(recipes)}, the published settings" if recipes else "", nl=bool(recipes)
        )
        return
    width = max(map(len, PRESETS))
    for preset, row in PRESETS.items():
        typer.echo(f"{preset:{width}}  {row.summary}")


@app.command("data")
def show_data(
    data: Annotated[str, typer.Argument(metavar="SPEC", help="As --data of train.", show_default=False)],
    image_size: ImageSize = None,
    labels_file: LabelsFile = None,
    label_column: LabelColumn = None,
    test: Test = None,
    strict: Strict = False,
    out: Annotated[Path, typer.Option(help="Contact sheet to write, if the rows are images.")] = Path("data.png"),
) -> None:
    """Show what is understood of some data: rows, classes, a contact sheet, and what looks wrong."""
    from aae.data.sources import Reading, as_float, load_data
    from aae.data.summary import contact_rows, describe_data, warnings_about
    from aae.files import check_place

    check_place(out, ".png", ".svg", ".pdf")
    found = load_data(data, Reading(image_size, labels_file, test, strict, label_column=label_column))
    typer.echo(printable("\n".join(describe_data(found))))
    for warning in warnings_about(found):
        typer.echo(printable(f"Warning: {warning}"), err=True)
    if found.is_image:
        from aae import plots

        plots.save(plots.samples(as_float(contact_rows(found)), title=found.name), out)
        typer.echo(f"Contact sheet: {out}")


@app.command()
def train(
    context: typer.Context,
    preset: PresetName,
    data: Data = "digits",
    labels: Labels = None,
    split: SplitHow = "random",
    seed: Seed = 0,
    epochs: Annotated[float | None, typer.Option(help="Length in passes over the rows.")] = None,
    steps: Annotated[int | None, typer.Option(help="Length in steps.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Length in seconds; the schedule is fitted to it.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows a step reads.")] = None,
    schedule: Annotated[str | None, typer.Option(help="alternating or joint.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    devices: Devices = None,
    num_nodes: Annotated[
        int | None, typer.Option(help="Machines that take part; see docs/scale.md. Under torchrun, drop it.")
    ] = None,
    changes: Changes = None,
    image_size: ImageSize = None,
    labels_file: LabelsFile = None,
    label_column: LabelColumn = None,
    test: Test = None,
    strict: Strict = False,
    out: Annotated[Path | None, typer.Option(help="Run directory; runs/PRESET-DATA if not given.")] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run in --out, with its own settings (and device, if not given)."),
    ] = False,
    checkpoint_every: Annotated[
        float | None, typer.Option(help="Seconds between two checkpoints; 30, or more for a large model, if not given.")
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard files.")] = False,
    report: Annotated[bool, typer.Option(help="Evaluate and write the report at the end.")] = True,
) -> None:
    """Train a preset and leave a run directory with the model, its figures and a report."""
    from aae.presets import resolve

    options = _parse_changes(changes or [])
    options |= {k: v for k, v in {"batch_size": batch_size, "schedule": schedule}.items() if v is not None}
    resolve(preset, options)  # a typing error is told before anything heavy is loaded
    loop: dict[str, Any] = {"checkpoint_every": checkpoint_every, "tensorboard": tensorboard}
    several = {"devices": devices, "num_nodes": num_nodes}
    if resume:
        if out is None:
            raise UsageError("--resume goes on with an existing run; name it with --out RUN.")
        given = {name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")}
        fixed = sorted(given - {"preset", "out", "resume", "report", "device", "precision", *several, *loop})
        if fixed:
            names = ", ".join("--" + name.replace("_", "-").replace("changes", "set") for name in fixed)
            raise UsageError(f"--resume takes every setting from the run; drop {names}.")
        place = {name: value for name, value in (("device", device), ("precision", precision)) if name in given}
        from aae.runs import resume_run

        result = resume_run(out, preset, **place, **several, **loop)
    else:
        from aae.data.sources import Reading
        from aae.runs import train_preset

        out = out or _free_directory(preset, data)
        result = train_preset(
            preset,
            data,
            labels=labels,
            split=split,
            seed=seed,
            changes=options,
            epochs=epochs,
            steps=steps,
            max_seconds=max_seconds,
            reading=Reading(image_size, labels_file, test, strict, label_column=label_column),
            out=out,
            device=device,
            precision=precision,
            **several,
            **loop,
        )
    if not result.chief:  # the first process says and writes everything
        raise typer.Exit(128 + result.interrupted if result.interrupted else 0)
    typer.echo(f"{result.step} steps in {result.seconds:.0f} s: {out}")
    if report and not result.interrupted:
        _report(out)
    elif result.interrupted:
        typer.echo(f"Go on with: aae train {preset} --out {shlex.quote(str(out))} --resume")
        raise typer.Exit(128 + result.interrupted)


@app.command()
def tune(
    preset: PresetName,
    data: Data = "digits",
    trials: Annotated[int, typer.Option(help="Trials of the study, those of other workers included.", min=1)] = 30,
    storage: Annotated[
        str | None,
        typer.Option(help="Database of the study, for several workers; OUT/study.db if not given.", metavar="URL"),
    ] = None,
    study: Annotated[str, typer.Option(help="Name of the study in its storage.")] = "aae",
    labels: Labels = None,
    split: SplitHow = "random",
    seed: Seed = 0,
    epochs: Annotated[float | None, typer.Option(help="Length of a trial in passes over the rows.")] = None,
    steps: Annotated[int | None, typer.Option(help="Length of a trial in steps.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Length of a trial in seconds.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    changes: Changes = None,
    image_size: ImageSize = None,
    labels_file: LabelsFile = None,
    label_column: LabelColumn = None,
    test: Test = None,
    strict: Strict = False,
    out: Annotated[Path | None, typer.Option(help="Directory; runs/tune-PRESET-DATA if not given.")] = None,
) -> None:
    """Try many settings of a preset, judged on validation rows; the same command goes on with a study."""
    from aae.data.sources import Reading
    from aae.presets import resolve

    fixed = _parse_changes(changes or [])
    resolve(preset, fixed)
    from aae.tune import tune as search
    from aae.tune_report import best_command, write_search_report

    out = out or Path("runs") / f"tune-{preset}-{Path(data).stem}"
    if out.exists() and not out.is_dir():
        raise AAEError(f"{out} is a file; name a directory with --out.")
    out.mkdir(parents=True, exist_ok=True)
    try:
        found = search(
            preset,
            data,
            trials=trials,
            storage=storage or f"sqlite:///{(out / 'study.db').resolve()}",
            study=study,
            labels=labels,
            split=split,
            seed=seed,
            changes=fixed,
            reading=Reading(image_size, labels_file, test, strict, label_column=label_column),
            epochs=epochs,
            steps=steps,
            max_seconds=max_seconds,
            device=device,
            precision=precision,
        )
    except AAEError:
        with suppress(OSError):  # a search that never began leaves no empty folder
            out.rmdir()
        raise
    given = {
        "--data": data,
        "--labels": labels,
        "--label-column": label_column,
        "--labels-file": labels_file,
        "--image-size": image_size,
        "--test": test,
        "--epochs": epochs,
        "--steps": steps,
        "--max-seconds": max_seconds,
        "--seed": seed or None,
        "--split": None if split == "random" else split,
    }
    words = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    command = best_command(found, preset, *words, *(word for pair in changes or [] for word in ("--set", pair)))
    typer.echo(f"Report: {write_search_report(found, out / 'report.html', command)}")
    if found.best:
        typer.echo(f"Best {found.figure} on validation rows: {found.study.best_value:.4g} "
                   f"(trial {found.study.best_trial.number + 1})\n{command}")
    if found.interrupted:
        raise typer.Exit(130)


def _parse_changes(pairs: list[str]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set takes name=value, not {pair!r}.")
        try:
            found[name.strip()] = json.loads(text)
        except ValueError:
            found[name.strip()] = text
    return found


def _free_directory(preset: str, data: str) -> Path:
    base = f"{preset}-{Path(data).stem}"
    names = [base, *(f"{base}-{number}" for number in range(2, 10_000))]
    return next(Path("runs") / name for name in names if not (Path("runs") / name).exists())


def _figures(run: Any, data: str | None = None) -> dict[str, Any]:
    """The flat object of `aae evaluate --json`; also left in the run directory if it is of the run's own data."""
    from aae.card import write_card
    from aae.evaluation import evaluate as measure
    from aae.files import write_json
    from aae.progress import spinner

    with spinner("Evaluating"):
        figures = measure(run.model, run.data, run.split)
    config = run.config
    last = run.directory.history()
    facts = {
        name: config[name] for name in ("preset", "data", "labels", "seed", "device", "precision") if name in config
    }
    found = {
        **facts,
        "steps": int(last.last("step") or 0),
        "seconds": round(last.last("seconds") or 0.0, 2),
        **{name: round(value, 4) for name, value in figures.items()},
    }
    if data is not None:
        return found | {"data": data}
    write_json(run.directory.path / "evaluation.json", found)
    write_card(run.model, config, found, run.directory.model)
    return found


@app.command()
def evaluate(run: RunPath, data: OtherData = None, as_json: AsJSON = False) -> None:
    """Measure a run on its test set."""
    from aae.runs import open_run

    found = _figures(open_run(run, data), data)
    if as_json:
        typer.echo(json.dumps(found))
        return
    width = max(map(len, found))
    for name, value in found.items():
        typer.echo(f"{name:{width}}  {value}")


def _report(path: Path) -> None:
    from aae.gallery import write_run_report
    from aae.runs import open_run

    run = open_run(path)
    figures = _figures(run)
    for name in ("test_error", "cluster_error"):
        if name in figures:
            typer.echo(f"{name.replace('_', ' ')}: {figures[name]:.2f} % of {len(run.data.test_x)} test rows")
    typer.echo(f"Report: {write_run_report(run, figures)}")


@app.command()
def report(run: RunPath) -> None:
    """Write RUN/report.html: every figure and picture in one file that opens offline."""
    _report(run)


@app.command()
def predict(run: RunPath, rows: Input, out: Out, devices: Devices = None) -> None:
    """Write the class of every row, with its probabilities, as CSV."""
    from aae.exports import predictions

    _divided(devices, lambda team: predictions(run, rows, out, team))


@app.command()
def encode(run: RunPath, rows: Input, out: Out, devices: Devices = None) -> None:
    """Write the latent codes of every row, as .npz or .parquet."""
    from aae.exports import codes

    _divided(devices, lambda team: codes(run, rows, out, team))


def _divided(devices: int | None, work: Callable[[Any], str | None]) -> None:
    """Do what a team of processes divides among itself, or one does alone, and let the first say what came of it."""
    if devices in (None, 1) and "TORCHELASTIC_RUN_ID" not in os.environ:
        typer.echo(work(None))
        return
    from aae.processes import assemble

    team = assemble(devices=devices)
    with team.watched(lambda: "Run the command again."):
        team.wait()
        said = work(team)
    if said is not None:
        typer.echo(said)


@app.command()
def reconstruct(run: RunPath, rows: Input, out: Out) -> None:
    """Write what the model makes of every row: .npz, or .png for a look."""
    from aae.exports import reconstructions

    typer.echo(reconstructions(run, rows, out))


@app.command()
def sample(
    run: RunPath,
    out: Out,
    n: Annotated[int, typer.Option("--n", help="How many.", min=1)] = 64,
    label: Annotated[str | None, typer.Option(help="Class to draw.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.", min=0, max=2**63 - 1)] = 0,
) -> None:
    """Draw new rows from the model: .png or .npz."""
    from aae.exports import samples

    typer.echo(samples(run, n, label, seed, out))


@app.command()
def plot(
    run: RunPath,
    kind: Annotated[
        str,
        typer.Argument(
            help="features, latent, manifold, styles, reconstructions, curves, confusion, mistakes or samples.",
            show_default=False,
        ),
    ],
    out: Out,
) -> None:
    """Draw one picture of a run."""
    from aae.gallery import draw_picture

    typer.echo(draw_picture(run, kind, out))


@app.command()
def export(run: RunPath, out: Annotated[Path, typer.Option(help="Folder to write.", show_default=False)]) -> None:
    """Write the model as ONNX files that need no torch, checked against it."""
    from aae.export import export_onnx

    typer.echo(export_onnx(run, out))


@app.command()
def bench(
    preset: Annotated[str, typer.Argument(metavar="[PRESET]", help="Preset to time.")] = "semi-supervised",
    data: Data = "mnist",
    as_json: AsJSON = False,
    out: Annotated[Path, typer.Option(help="Bar chart to write.")] = Path("bench.png"),
) -> None:
    """Time training on each device: the tutorial's settings and ours."""
    from aae.presets import resolve

    resolve(preset)  # before anything heavy is loaded
    from aae.bench import bench as measure

    measure(preset, data, as_json, out)


def main() -> NoReturn:
    """Run the command line; a user's mistake ends in one sentence on standard error."""
    try:
        code = app(prog_name="aae", standalone_mode=False)
        sys.exit(code or 0)
    except UsageError as error:
        _fail(str(error), 2, _told_elsewhere(error))
    except AAEError as error:
        _fail(str(error), 1, _told_elsewhere(error))
    except (KeyboardInterrupt, typer.Abort):
        _fail("Stopped.", 130)
    except MemoryError:
        _fail(NO_MEMORY, 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}.", 1)
    except Exception as error:
        if isinstance(error, RuntimeError) and "allocate" in str(error):  # how torch tells of it
            _fail(NO_MEMORY, 1)
        # click's own errors (typer's too) know how to show themselves.
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            sys.exit(error.exit_code)
        raise


def _fail(text: str, code: int, quiet: bool = False) -> NoReturn:
    if "aae.processes" in sys.modules:
        sys.modules["aae.processes"].give_up()
    if not quiet:
        print(f"aae: {printable(text)}", file=sys.stderr)
    sys.exit(code)


def _told_elsewhere(error: AAEError) -> bool:
    """Whether another process of this training says the same."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        return False
    if not error.alone:
        return True
    # The process that started this one may have the same to say, and then ends it.
    time.sleep(GRACE if "AAE_STARTED_BY" in os.environ else 0)
    return False
