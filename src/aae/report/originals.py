"""What a frozen encoder read, in the report: photos of mistakes, of classes and of neighbours, or texts."""

import numpy as np
from matplotlib.figure import Figure
from sklearn.neighbors import NearestNeighbors

from aae.data.originals import Originals
from aae.data.row_keys import keys_of
from aae.evaluation import inference
from aae.report import plots
from aae.runs.open import Run
from aae.system.errors import AAEError
from aae.system.rows import evenly

__all__ = ["neighbours", "photos_of", "refuse_vectors", "shows_photos", "typical"]

TYPICAL, MOST_CLASSES = 10, 20  # photos of a class, classes
ROWS, NEAR, COMPARED = 10, 8, 3000  # photos with neighbours, neighbours of each, test rows among which they are sought


def refuse_vectors(run: Run) -> None:
    """Refuse to draw what the decoder gives, where the rows are vectors of a frozen encoder.

    Raises:
        AAEError: They are.
    """
    if run.model.frozen_encoder is not None:
        raise AAEError("The rows of this model are vectors of a frozen encoder, which no picture can be made of; draw "
                       "typical, neighbours or mistakes instead.")  # fmt: skip


def shows_photos(run: Run) -> bool:
    """Whether the rows of a run are photos that a frozen encoder read."""
    return run.data.originals is not None and run.data.originals.are_pictures


def photos_of(run: Run, rows: np.ndarray) -> np.ndarray:
    """The photos ``(n, S, S, 3)`` of some test rows."""
    return _originals(run).pictures(keys_of(run.data).test[rows].tolist())


def _originals(run: Run) -> Originals:
    if run.data.originals is None or not run.data.originals.are_pictures:
        raise AAEError("This plot shows photos that went through a frozen encoder; this run has none.")
    return run.data.originals


def typical(run: Run) -> Figure:
    """The test photos that the model is surest of, a row for each class or cluster."""
    _originals(run)
    category = run.model.category
    if category is None or category.posterior is None:
        raise AAEError("This model has no classes or clusters to show photos of; draw neighbours instead.")
    p = run.probabilities
    chosen = p.argmax(1)
    labelled = category.label != "none"
    names = [str(name) for name in run.model.classes or []] if labelled else []
    pictures: list[np.ndarray] = []
    shown: list[str] = []
    for k in np.argsort(-np.bincount(chosen, minlength=p.shape[1]), kind="stable"):
        rows = np.flatnonzero(chosen == k)
        if len(rows) and len(pictures) < MOST_CLASSES:
            pictures.append(photos_of(run, rows[np.argsort(-p[rows, k], kind="stable")[:TYPICAL]]))
            shown.append(names[k] if names else str(k))
    if not pictures:
        raise AAEError("There are no test rows to show.")
    return plots.photo_rows(pictures, shown, f"Surest test photos of each {'class' if labelled else 'cluster'}")


def neighbours(run: Run) -> Figure:
    """Some test photos, each followed by the test photos with the most similar features of the model's encoder."""
    _originals(run)
    if run.model.trunk is None or len(run.data.test_x) < 2:
        raise AAEError("Neighbours need a model with an encoder and two test rows.")
    compared = evenly(len(run.data.test_x), COMPARED)
    features = inference.features(run.model, run.data.test_x[compared])
    some = evenly(len(features), ROWS)
    count = min(NEAR + 1, len(features))
    near = NearestNeighbors(n_neighbors=count).fit(features).kneighbors(features[some], return_distance=False)
    rows = [np.array([row, *[one for one in found if one != row][: count - 1]])
            for row, found in zip(some, near, strict=True)]  # fmt: skip
    known = run.data.test_y[compared[some]]
    names = [str(run.data.classes[k]) if k >= 0 else "no label" for k in known]
    photos = [photos_of(run, compared[one]) for one in rows]
    return plots.photo_rows(photos, names, "Test photos and those most like them")
