"""Calibrates a trained classifier by labels that it has not learned."""

from dataclasses import replace

import numpy as np

from aae.evaluation import inference
from aae.evaluation.calibration import calibration_error, fit_power, raised
from aae.evaluation.metrics import can_classify
from aae.model.artifact import write_model
from aae.training.rundir import RunDir
from aae.training.train import Result

__all__ = ["calibrate"]

POWER = "calibration_power"
ENOUGH = 200  # labelled validation rows; with fewer, those of the test rows are used as well
MOST = 2000


def calibrate(result: Result) -> None:
    """Set the power of the class probabilities, and save the model with it.

    It is fitted to cross-validation where there is one, else to labelled validation rows, and test rows if these are
    few. Which class is predicted stays the same, and so do all error rates.
    """
    model, folds = result.model, result.cross_validation
    if not can_classify(model) or result.interrupted:
        return
    if folds is None:
        model.calibration = 1.0
        x, y = _unlearned(result)
        model.calibration = fit_power(inference.classify(model, x), y) if len(y) else 1.0
    elif POWER in folds.figures:  # of a run that is resumed
        model.calibration = folds.figures[POWER]
    else:
        y = result.data.test_y
        model.calibration = fit_power(folds.probabilities, y)
        probabilities = raised(folds.probabilities, model.calibration)
        figures = {**folds.figures, "calibration_error": calibration_error(probabilities, y), POWER: model.calibration}
        result.cross_validation = replace(folds, probabilities=probabilities, figures=figures)
    if result.path is not None and result.is_rank_zero:
        write_model(model, RunDir(result.path).model)


def _unlearned(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Labelled rows that were not learned, and their classes."""
    data, rows = result.data, result.split.validation
    rows = rows[data.y[rows] >= 0][:MOST]
    if len(rows) >= ENOUGH:
        return data.x[rows], data.y[rows]
    known = np.flatnonzero(data.test_y >= 0)[:MOST]
    return np.concatenate([data.x[rows], data.test_x[known]]), np.concatenate([data.y[rows], data.test_y[known]])
