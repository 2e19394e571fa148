"""The plots of a run, by name, and the report with all plots that suit its model."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from aae.data.arrays import Rows
from aae.data.dataset import ReadOptions
from aae.data.splits import some_rows
from aae.evaluation import inference, metrics
from aae.evaluation.projection import neighbour_plane
from aae.evaluation.undertrained import signs_of_undertraining, style_is_independent
from aae.model.autoencoder import Autoencoder
from aae.model.component import foreign_classes
from aae.model.parts import Prior
from aae.presets.recipes import RECIPES
from aae.report import plots
from aae.report.bench import SHOWN as SETTINGS
from aae.report.bench import same_model, step_times
from aae.report.originals import neighbours, photos_of, refuse_vectors, shows_photos, typical
from aae.report.page import write_report
from aae.report.reproduce import facts_of, option_rows, reproduce
from aae.report.tables import refuse_cells, row_sheets, shows_cells
from aae.runs.measure import measure_run, saved_run
from aae.runs.open import Run, open_run
from aae.system.errors import MAX_LISTED, AAEError, unknown
from aae.system.files import check_output_path
from aae.system.progress import say, spinner
from aae.system.rows import evenly
from aae.training.train import Result

__all__ = ["PICTURES", "draw_picture", "report", "write_run_report"]

SHOWN = 10  # rows in a plot of reconstructions
POINTS = 5000  # points on a map
NAMED = ("features", "latent", "manifold", "styles", "typical", "confusion", "mistakes")  # plots with names of classes
NEIGHBOURS = 3000  # points on a map by t-SNE: more take longer and look the same
TIMED = 10  # steps of each setting in the chart of training times
OF_FOLDS = (
    "The error rates, classes and mistakes below are those of cross-validation. Maps, reconstructions and samples are "
    "of the model itself, which has learned the rows shown: they look better than those of new rows."
)


def _features(run: Run) -> Figure:
    category = run.model.category
    if category is None or category.posterior is None:
        raise AAEError("This model infers no class or cluster, so it has no features to draw; draw latent instead.")
    rows = evenly(len(run.data.test_x), NEIGHBOURS)
    points = neighbour_plane(inference.features(run.model, run.data.test_x[rows]))
    return plots.feature_map(points, run.data.test_y[rows], run.data.classes)


def _latent(run: Run) -> Figure:
    rows = evenly(len(run.data.test_x), POINTS)
    codes, prior = _map_codes(run.model, run.data.test_x[rows])
    training = None
    if shows_cells(run.model):  # a table often has few test rows
        training, _ = _map_codes(run.model, run.data.x[some_rows(run.split, POINTS)])
    what = "Codes" if prior is None else _what_lies_on_the_map(run.model)[0]
    return plots.latent_map(codes, run.data.test_y[rows], run.data.classes, prior, what, training)


def _map_codes(model: Autoencoder, rows: Rows) -> tuple[np.ndarray, Prior | None]:
    """The codes that the map shows ``(N, D)``, and the prior to draw with them."""
    codes = inference.encode(model, rows)
    if not codes:
        raise AAEError("This model has no encoder, so there is no map to draw.")
    if model.merged_is_map:
        return model.merge({k: torch.from_numpy(v) for k, v in codes.items()}).detach().numpy(), None
    if model.style is None:
        return np.concatenate(list(codes.values()), 1), None
    return codes[model.style.name], model.style.prior


def _manifold(run: Run) -> Figure:
    refuse_vectors(run)
    style = run.model.style
    if style is None or style.dim != 2 or style.prior is None:
        raise AAEError("The latent grid needs a two-dimensional code with a prior; train with --set z=2.")
    low, high, step = plots.prior_range(style.prior)
    return plots.manifold(run.model, low, high, step)


def _reconstructions(run: Run) -> Figure:
    refuse_vectors(run)
    refuse_cells(run.model)
    rows = evenly(len(run.data.test_x), SHOWN)
    x, labels = inference.prepare(run.model, run.data.test_x[rows]), run.data.test_y[rows]
    corruption = run.model.corruption
    with inference.seeded(run.model, 0):  # for the noise, and for the labels of rows without one
        if corruption is None or not hasattr(corruption, "corrupt"):
            return plots.reconstructions(x, inference.reconstruct(run.model, x, labels, prepared=True))
        noisy = corruption.corrupt(torch.from_numpy(x)).numpy()
        return plots.reconstructions(x, inference.reconstruct(run.model, noisy, labels, prepared=True), noisy)


def _labelled_predictions(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities and labels of the labelled test rows."""
    if not metrics.can_classify(run.model):
        raise AAEError("This model is not a classifier; train semi-supervised or few-labels for this plot.")
    known = run.data.test_y >= 0
    if not known.any():
        raise AAEError("The test examples have no labels to compare with.")
    return run.probabilities[known], run.data.test_y[known]


def _confusion(run: Run) -> Figure:
    probabilities, labels = _labelled_predictions(run)
    return plots.confusion(labels, probabilities.argmax(1), run.data.classes)


def _mistakes(run: Run) -> Figure:
    if shows_photos(run):
        probabilities, labels = _labelled_predictions(run)
        photos = photos_of(run, np.flatnonzero(run.data.test_y >= 0))
        return plots.mistakes(photos, labels, probabilities, run.data.classes)
    refuse_vectors(run)
    refuse_cells(run.model)
    probabilities, labels = _labelled_predictions(run)
    return plots.mistakes(run.data.test_x[run.data.test_y >= 0], labels, probabilities, run.data.classes)


def _columns(run: Run) -> Figure:
    refuse_vectors(run)
    quality = run.sample_quality
    if quality is None or not shows_cells(run.model):
        raise AAEError("Column distributions need a table with at least 50 test rows and a model with a prior.")
    order = np.argsort(-np.array(quality.distances), kind="stable")
    what = "rows" if run.cross_validation is not None else "test rows"  # those of cross-validation were learned, too
    return plots.column_distributions(quality.table, quality.rows, quality.samples, order.tolist(), what)


def _samples(run: Run) -> Figure:
    refuse_vectors(run)
    refuse_cells(run.model)
    with inference.seeded(run.model, 0):
        return plots.samples(run.model.sample(64).cpu().numpy())


def _styles(run: Run) -> Figure:
    refuse_vectors(run)
    return plots.styles(run.model)


def _curves(run: Run) -> Figure:
    weights = {latent.name: rule.weight for latent in run.model.latents for rule in latent.rules("generator_loss")}
    return plots.curves(run.directory.history().columns(), weights)


def _time(run: Run) -> Figure:
    """Training time for a row: the tutorial's model with its settings and ours, timed now, and this run."""
    preset, device = str(run.config.get("preset", "")), str(run.config.get("device", "cpu"))
    if run.data.name != "mnist":
        raise AAEError("The tutorial's times are for MNIST; train on --data mnist to compare with them.")
    if preset not in RECIPES["tutorial"]:
        trained = " or ".join(RECIPES["tutorial"])
        raise AAEError(f"The tutorial does not train {preset or 'this model'}; compare its times with {trained}.")
    history = run.directory.history()
    steps, seconds = history.last("step"), history.last("seconds")
    if not steps or not seconds:
        raise AAEError("This run has no measurements yet.")
    if device == "cuda" and not torch.cuda.is_available():
        raise AAEError("This run was trained on a GPU, but none is available here for comparison.")
    bars = []
    for name, changes, precision in (("tutorial", {"recipe": "tutorial"}, "32"),
                                     ("same_model", same_model(preset), str(run.config.get("precision", "32")))):
        timed = step_times(preset, run.data, changes, device, precision, TIMED)
        bars.append((f"{device}, {SETTINGS[name]}", timed["microseconds_per_row"]))
    rows = steps * run.config.get("options", {}).get("batch_size", 100)
    return plots.training_time(bars, [(f"{device}, this run", 1e6 * seconds / rows)])


def _shows_class(model: Autoencoder) -> bool:
    """Whether the map of codes shows the class as well."""
    return model.merged_is_map or (model.style is None and model.category is not None)


# What a map of codes shows and how classes should lie on it; the first entry that applies to a model is used.
CODES: list[tuple[Callable[[Autoencoder], bool], str, str]] = [
    (_shows_class, "Codes", "Classes should be separated."),
    (
        style_is_independent,
        "Style",
        "Classes should overlap: the style should have the same distribution for every class.",
    ),
    (
        lambda model: model.style is not None and model.style.label == "conditioned",
        "Codes",
        "Each class should lie in its own mixture component of the prior.",
    ),
    (
        lambda model: model.category is not None,
        "Style",
        "The decoder gets the class or cluster in addition to the style, so classes may overlap.",
    ),
    (lambda model: True, "Codes", "Classes may be separated, although no labels were used."),
]


def _what_lies_on_the_map(model: Autoencoder) -> tuple[str, str]:
    """What the points of the map of codes are, and how classes should lie on it."""
    return next((what, should) for holds, what, should in CODES if holds(model))


def _coloured(labels: np.ndarray) -> str:
    """How the points of a map are coloured; empty if they all have one colour."""
    if not (labels >= 0).any():
        return ""
    return ", coloured by class" + (" (grey crosses: no label)" if (labels < 0).any() else "")


def _shown_rows(run: Run) -> str:
    if run.cross_validation is None:
        return "test examples"
    return "the labelled examples, which this model has learned (new ones are less well separated)"


def _features_caption(run: Run) -> str:
    colours = _coloured(run.data.test_y[evenly(len(run.data.test_y), NEIGHBOURS)])
    apart = " Classes should be separated." if colours else ""
    return f"Features of {_shown_rows(run)}, from the last hidden layer of the encoder{colours}.{apart} " \
           "Neighbours have similar features; the distance between two groups means little."


def _codes_caption(run: Run) -> str:
    model = run.model
    what, should = _what_lies_on_the_map(model)
    colours = _coloured(run.data.test_y[evenly(len(run.data.test_y), POINTS)])
    caption = f"{what} of {_shown_rows(run)}{colours}.{' ' + should if colours else ''}"
    caption += " Training rows are shown in grey." if shows_cells(model) else ""
    style = None if model.merged_is_map else model.style
    if style is None or style.prior is None or style.dim != 2:
        return caption
    return f"{caption} The lines are contours of the prior ({_prior_name(run)}), which the codes should match."


def _prior_name(run: Run) -> str:
    """What the prior of the style is called: by its option in a run of a preset, otherwise by its class."""
    named = run.config.get("options", {}).get("prior")
    named = "Gaussian" if named == "gaussian" else named
    return str(named or type(run.model.style.prior).__name__ if run.model.style is not None else "")


def _manifold_caption(run: Run) -> str:
    category = run.model.category
    fixed = "" if category is None else ", for the first class or cluster"
    return f"Decoded codes on a grid{fixed}: they should change smoothly, without gaps."


def _styles_caption(run: Run) -> str:
    kind = "cluster" if run.model.category is not None and run.model.category.label == "none" else "class"
    return f"Each row is one style, sorted by the first principal component; each column is one {kind}. The style " \
           f"should be constant within a row, the {kind} within a column."


def _reconstructions_caption(run: Run) -> str:
    if hasattr(run.model.corruption, "corrupt"):
        return "Test examples, the corrupted inputs of the model, and its reconstructions."
    return "Test examples and their reconstructions."


# What the losses of the classification say beside the cross-entropy.
TERMS = {
    "baseline_loss": "Simple classifiers: how far predictions are from those of logistic regression, a random forest "
                     "and spread labels, which unlabelled examples learn.",
    "consistency_loss": "Consistency: how far predictions change when an example is augmented.",
    "transformation_loss": "Transformation: the same, under a learned transformation.",
    "interpolation_loss": "Interpolation: how far predictions for mixed examples are from mixed predictions.",
    "adversarial_loss": "Virtual adversarial: how far predictions change under the worst small perturbation.",
}  # fmt: skip


def _curves_caption(run: Run) -> str:
    names = [name for name, values in run.directory.history().columns().items() if np.isfinite(values).any()]
    accuracy = {"validation_error", "train_error"} & set(names)
    dotted = any(name.startswith("discriminator_loss") for name in names)
    caption = f"Losses{' and accuracy' if accuracy else ''} during training."
    explained = [text for name, text in TERMS.items() if name in names]
    caption += f" {' '.join(explained)}" if explained else ""
    if dotted:
        caption += " At the dotted lines the discriminator cannot distinguish codes from prior samples, or has " \
                   "stopped learning; a fresh classifier of codes and prior samples is measured without it."
    return caption


Caption = str | Callable[[Run], str]
Picture = tuple[Callable[[Run], Figure], Caption]

# In the order of the report, which omits plots that do not suit the model.
PICTURES: dict[str, Picture] = {
    "features": (_features, _features_caption),
    "latent": (_latent, _codes_caption),
    "manifold": (_manifold, _manifold_caption),
    "styles": (_styles, _styles_caption),
    "samples": (_samples, "Decoded samples from the prior: they should look like the data."),
    "reconstructions": (_reconstructions, _reconstructions_caption),
    "typical": (
        typical,
        "The test photos with the highest confidence, one row per class or cluster: those of a row should be alike.",
    ),
    "neighbours": (
        neighbours,
        "Some test photos with their labels, each followed by the test photos that are most like it to the model.",
    ),
    "curves": (_curves, _curves_caption),
    "confusion": (
        _confusion,
        "Labelled test examples by true and predicted class; shading is the fraction of the true class.",
    ),
    "mistakes": (
        _mistakes,
        "The most confident mistakes, with true class, predicted class, and predicted probability.",
    ),
    "time": (
        _time,
        "Training time per example: the tutorial's three times (at 47,000 examples per epoch), its model trained on "
        "this machine with its settings and with ours, and this run, which trains another model.",
    ),
    "columns": (_columns, "The distribution of each column: data (filled) and an equal number of samples (line)."),
}
# The plots that show a sign of undertraining (`aae.evaluation.undertrained`), first of those that are drawn.
SIGNS = {"accuracy": ("curves",), "style": ("styles", "latent")}


def caption_of(kind: str, run: Run) -> str:
    """What a plot shows, and what to look for in the plot of this run."""
    caption = PICTURES[kind][1]
    text = caption if isinstance(caption, str) else caption(run)
    return f"{text} {_class_numbers(run)}".strip() if kind in NAMED else text


def _class_numbers(run: Run) -> str:
    """Which classes are shown by number, because the font of plots cannot write their names; empty if none is."""
    numbered = plots.numbered_classes(run.data.classes or run.model.classes)
    shown = [f"{number} is {name}" for number, name in list(numbered.items())[:MAX_LISTED]]
    more = ["..."] if len(numbered) > MAX_LISTED else []
    return f"The font cannot display some names: {', '.join(shown + more)}." if numbered else ""


def _progress_text(kind: str, run: Run) -> str:
    """Progress message while a plot is drawn."""
    rows = min(len(run.data.test_x), NEIGHBOURS)
    return f"Drawing {kind}" + (f" of {rows:,} rows" if kind == "features" else "")


def draw_picture(path: Path, kind: str, out: Path, given: ReadOptions | None = None) -> str:
    """Draw one plot of a run to a file.

    Args:
        path: The run directory.
        kind: Which plot; see `PICTURES`.
        out: The file.
        given: Where the frozen encoder of the run lies now, if it was moved.

    Raises:
        AAEError: Unknown kind, or the plot does not suit the model.
    """
    if kind not in PICTURES:
        raise unknown("plot", kind, PICTURES)
    check_output_path(out, ".png", ".svg", ".pdf")
    run = open_run(path, given=given)
    with spinner(_progress_text(kind, run)):
        plots.save(PICTURES[kind][0](run), out)
    if kind in NAMED and _class_numbers(run):
        say(_class_numbers(run))
    return f"{kind}: {out}"


def report(run: str | Path | Run | Result, components: Iterable[type] | type = ()) -> Path:
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
    """Write the report of a run with every plot that suits its model."""
    signs = signs_of_undertraining(run.model, run.directory.history().columns(), figures)
    drawn: dict[str, tuple[str, Figure]] = {}
    with spinner("Drawing the report") as show:
        for kind, (draw, _) in PICTURES.items():
            show(f"Report: {_progress_text(kind, run).lower()}")
            try:
                drawn[kind] = (caption_of(kind, run), draw(run))
            except AAEError:
                continue
        for sign, kinds in SIGNS.items():
            for kind in [kind for kind in kinds if kind in drawn and sign in signs][:1]:
                drawn[kind] = (f"{drawn[kind][0]} {signs[sign]}", drawn[kind][1])
        config = run.config
        title = f"{config.get('preset', 'Model')} on {Path(str(config['data'])).name}"
        folds = [OF_FOLDS] if run.cross_validation is not None else []
        notes = [*signs.values(), *run.notes, *folds, *config.get("notes", [])]
        steps = int(run.directory.history().last("step") or 0)
        commands = reproduce(config, run.directory.path, list(drawn), steps, foreign_classes(run.model))
        return write_report(run.directory.report, title, drawn, facts_of(config), figures, notes, commands,
                            run.by_class, option_rows(config), row_sheets(run))
