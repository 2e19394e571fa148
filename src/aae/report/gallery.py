"""The pictures of a run, by name, and the report with all pictures that suit its model."""

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from aae.evaluation import inference, metrics
from aae.model.autoencoder import Autoencoder
from aae.model.priors import GaussianPrior
from aae.report import plots
from aae.report.page import write_report
from aae.runs.measure import measure_run, saved_run
from aae.runs.open import Run, open_run
from aae.system.errors import MAX_LISTED, AAEError, unknown
from aae.system.files import check_output_path
from aae.system.progress import say, spinner
from aae.training.train import Result

__all__ = ["PICTURES", "draw_picture", "report", "write_run_report"]

SHOWN = 10  # rows in a picture of reconstructions
POINTS = 5000  # points on a map
NAMED = ("features", "latent", "manifold", "styles", "confusion", "mistakes")  # pictures with names of classes
NEIGHBOURS = 3000  # points on a map by t-SNE: more take longer and look the same
SAME_ON_CPU = "to the bit with this machine, precision and versions; other processors, GPUs, versions, or numbers of " \
              "threads or processes round differently"
SAME_ON_GPU = "nearly: a GPU adds in an order of its own"


def _features(run: Run) -> Figure:
    category = run.model.category
    if category is None or category.posterior is None:
        raise AAEError("This model infers no class or cluster to draw features of; draw latent instead.")
    points = plots.neighbour_plane(inference.features(run.model, run.data.test_x[:NEIGHBOURS]))
    return plots.feature_map(points, run.data.test_y[:NEIGHBOURS], run.data.classes)


def _latent(run: Run) -> Figure:
    model = run.model
    rows, labels = run.data.test_x[:POINTS], run.data.test_y[:POINTS]
    codes = inference.encode(model, rows)
    classes = run.data.classes
    if not codes:
        raise AAEError("This model has no encoder, so there is no map to draw.")
    if model.merged_is_map:
        return plots.latent_map(
            model.merge({k: torch.from_numpy(v) for k, v in codes.items()}).detach().numpy(), labels, classes
        )
    if model.style is None:
        return plots.latent_map(np.concatenate(list(codes.values()), 1), labels, classes)
    return plots.latent_map(codes[model.style.name], labels, classes, model.style.prior)


def _manifold(run: Run) -> Figure:
    style = run.model.style
    if style is None or style.dim != 2 or style.prior is None:
        raise AAEError("The latent grid needs a two-dimensional code with a prior; train with --set z=2.")
    low, high, step = plots.prior_range(style.prior)
    return plots.manifold(run.model, low, high, step)


def _reconstructions(run: Run) -> Figure:
    x = inference.prepare(run.model, run.data.test_x[:SHOWN])
    labels = run.data.test_y[:SHOWN]
    corruption = run.model.corruption
    with inference.seeded(run.model, 0):  # for the noise, and for the labels of rows without one
        if corruption is None or not hasattr(corruption, "corrupt"):
            return plots.reconstructions(x, inference.reconstruct(run.model, x, labels, prepared=True))
        noisy = corruption.corrupt(torch.from_numpy(x)).numpy()
        return plots.reconstructions(x, inference.reconstruct(run.model, noisy, labels, prepared=True), noisy)


def _labelled_predictions(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities and labels of the labelled test rows."""
    if not metrics.can_classify(run.model):
        raise AAEError("This model is not a classifier; train semi-supervised or few-labels for this picture.")
    known = run.data.test_y >= 0
    if not known.any():
        raise AAEError("The test rows have no labels to compare with.")
    return run.probabilities[known], run.data.test_y[known]


def _confusion(run: Run) -> Figure:
    probabilities, labels = _labelled_predictions(run)
    return plots.confusion(labels, probabilities.argmax(1), run.data.classes)


def _mistakes(run: Run) -> Figure:
    probabilities, labels = _labelled_predictions(run)
    return plots.mistakes(run.data.test_x[run.data.test_y >= 0], labels, probabilities, run.data.classes)


def _samples(run: Run) -> Figure:
    with inference.seeded(run.model, 0):
        return plots.samples(run.model.sample(64).cpu().numpy())


def _curves(run: Run) -> Figure:
    weights = {latent.name: rule.weight for latent in run.model.latents for rule in latent.rules("generator_loss")}
    return plots.curves(run.directory.history().columns(), weights)


def _time(run: Run) -> Figure:
    """Projected time of the tutorial's 500 passes at this run's speed."""
    if run.data.name != "mnist":
        raise AAEError("The tutorial's times are for MNIST; train on --data mnist to compare with them.")
    history = run.directory.history()
    epochs, seconds = history.last("epoch"), history.last("seconds")
    if not epochs or not seconds:
        raise AAEError("This run has no measurements yet.")
    device = f"this run ({run.config.get('device', 'cpu')}, {run.config.get('data', '')})"
    return plots.training_time([(device, 500 * seconds / epochs / 60)])


def _shows_class(model: Autoencoder) -> bool:
    """Whether the map of codes shows the class as well."""
    return model.merged_is_map or (model.style is None and model.category is not None)


def _is_independent(model: Autoencoder) -> bool:
    """Whether the style is matched to the same prior in every class."""
    style = model.style
    if style is None:
        return False
    # A Gaussian prior that is conditioned on labels is the same for all of them.
    same = style.label == "conditioned" and isinstance(style.prior, GaussianPrior)
    return same or any(rule.given is not None for rule in style.rules("given"))


# How classes should lie on the map of codes; the first entry that applies to a model is used.
CODES: list[tuple[Callable[[Autoencoder], bool], str]] = [
    (_shows_class, "Codes of test rows, coloured by class: classes should sit apart."),
    (
        _is_independent,
        "Style of test rows, coloured by class: classes should not sit apart. The style should look the same for "
        "every class.",
    ),
    (
        lambda model: model.style is not None and model.style.label == "conditioned",
        "Codes of test rows, coloured by class: each class should lie in its own part of the prior.",
    ),
    (
        lambda model: model.category is not None,
        "Style of test rows, coloured by class: the decoder reads the class or cluster beside it, so classes may "
        "overlap.",
    ),
    (
        lambda model: True,
        "Codes of test rows, coloured by class: classes may sit apart, though the model was given no label.",
    ),
]


def _codes_caption(run: Run) -> str:
    model = run.model
    caption = next(text for holds, text in CODES if holds(model))
    style = None if model.merged_is_map else model.style
    if style is None or style.prior is None or style.dim != 2:
        return caption
    return f"{caption} The cloud should fill the prior's contours."


Caption = str | Callable[[Run], str]
Picture = tuple[Callable[[Run], Figure], Caption]

# In the order of the report, which omits pictures that do not suit the model.
PICTURES: dict[str, Picture] = {
    "features": (
        _features,
        "Test rows as the encoder tells them apart, coloured by class: classes should sit apart. Near points are rows "
        "that are alike to the encoder; how far apart two groups lie means little.",
    ),
    "latent": (_latent, _codes_caption),
    "manifold": (
        _manifold,
        "What the decoder makes of each point of the code: neighbours should change smoothly, without holes.",
    ),
    "styles": (
        lambda run: plots.styles(run.model),
        "One style a row, one class or cluster a column: a row should keep its slant and stroke, a column its content.",
    ),
    "samples": (_samples, "Codes drawn from the prior and decoded: they should look like the data."),
    "reconstructions": (_reconstructions, "Test rows and what the model makes of them."),
    "curves": (_curves, "Losses and accuracy while training; a discriminator in balance stays near the dotted line."),
    "confusion": (_confusion, "Test rows by true and predicted class."),
    "mistakes": (_mistakes, "The mistakes the model was surest of: often rows that a person would hesitate over."),
    "time": (_time, "Time for 500 passes over the data at this run's speed, beside the tutorial's on MNIST."),
}


def caption_of(kind: str, run: Run) -> str:
    """What a picture shows, and what to look for in the picture of this run."""
    caption = PICTURES[kind][1]
    text = caption if isinstance(caption, str) else caption(run)
    return f"{text} {_class_numbers(run)}".strip() if kind in NAMED else text


def _class_numbers(run: Run) -> str:
    """Which classes are shown by number, because the font of pictures cannot write their names; empty if none is."""
    numbered = plots.numbered_classes(run.data.classes or run.model.classes)
    shown = [f"{number} is {name}" for number, name in list(numbered.items())[:MAX_LISTED]]
    more = ["..."] if len(numbered) > MAX_LISTED else []
    return f"The font cannot write some names: {', '.join(shown + more)}." if numbered else ""


def _progress_text(kind: str, run: Run) -> str:
    """Progress message while a picture is drawn."""
    rows = min(len(run.data.test_x), NEIGHBOURS)
    return f"Drawing {kind}" + (f" of {rows:,} rows" if kind == "features" else "")


def draw_picture(path: Path, kind: str, out: Path) -> str:
    """Draw one picture of a run to a file.

    Raises:
        AAEError: Unknown kind, or the picture does not suit the model.
    """
    if kind not in PICTURES:
        raise unknown("picture", kind, PICTURES)
    check_output_path(out, ".png", ".svg", ".pdf")
    run = open_run(path)
    with spinner(_progress_text(kind, run)):
        plots.save(PICTURES[kind][0](run), out)
    if kind in NAMED and _class_numbers(run):
        say(_class_numbers(run))
    return f"{kind}: {out}"


def report(run: str | Path | Run | Result, components: Iterable[type] = ()) -> Path:
    """Measure a run and write its report, ``report.html``, as `aae report` does.

    Args:
        run: A run directory, an opened run, or the result of a training that was given one (``out=``).
        components: Classes of your own that the model of a run directory is made of.

    Returns:
        The file.

    Raises:
        AAEError: The run or its data cannot be read, or the training was kept in memory.
    """
    opened = open_run(run, components=components) if isinstance(run, str | Path) else run
    opened = saved_run(opened) if isinstance(opened, Result) else opened
    return write_run_report(opened, measure_run(opened))


def write_run_report(run: Run, figures: dict[str, Any]) -> Path:
    """Write the report of a run with every picture that suits its model."""
    drawn: dict[str, tuple[str, Figure]] = {}
    with spinner("Drawing the report") as show:
        for kind, (draw, _) in PICTURES.items():
            show(f"Report: {_progress_text(kind, run).lower()}")
            try:
                drawn[kind] = (caption_of(kind, run), draw(run))
            except AAEError:
                continue
        config = run.config
        title = f"{config.get('preset', 'Model')} on {Path(str(config['data'])).name}"
        facts: dict[str, object] = {
            name: config[name]
            for name in (
                "preset",
                "data",
                "labels",
                "split",
                "seed",
                "device",
                "precision",
                "precision_trial",
                "options",
                "changes",
                "length",
                "devices",
                "machine",
                "versions",
            )
            if name in config
        }
        facts["same_seed_same_weights"] = SAME_ON_CPU if config.get("device") == "cpu" else SAME_ON_GPU
        place = run.directory.path
        arguments = [
            ["train", config.get("preset", ""), "--out", place, "--resume"],
            ["evaluate", place, "--json"],
            *(["plot", place, kind, "--out", f"{kind}.png"] for kind in drawn),
            ["report", place],
        ]
        commands = [shlex.join(["aae", *map(str, command)]) for command in arguments]
        notes = [*run.notes, *config.get("notes", [])]
        return write_report(run.directory.report, title, drawn, facts, figures, notes, commands, run.by_class)
