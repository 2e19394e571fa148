"""Base classes of the estimators: input validation, training, inference, pickling.

Rows are arrays or data frames of numbers ``(N, D)``, or images ``(N, H, W[, C])`` of bytes, or of numbers that
`as_images` takes. The fitted `Autoencoder` is ``model_``; pickles hold it as its specification and safetensors.
"""

import datetime
import warnings
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from aae.data.array_files import as_images
from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.evaluation import inference
from aae.model.artifact import pack, unpack
from aae.model.autoencoder import Autoencoder
from aae.model.pictures import PictureFormat
from aae.model.table_fit import extreme_notes, fit_table
from aae.runs.train import prepare
from aae.system import generators
from aae.system.errors import AAEError
from aae.training.train import train

__all__ = ["Coder", "Estimator"]

_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def _not_a_number(rows: Any) -> AAEError | None:
    """The error for the first date or missing value of pandas among the rows, which scikit-learn does not name."""
    polars = hasattr(rows, "columns") and callable(getattr(rows, "rows", None))
    cells = np.asarray(rows.rows() if polars else rows, dtype=object)
    for place, value in np.ndenumerate(cells):
        if isinstance(value, _DATES) or type(value).__module__.partition(".")[0] == "pandas":
            names = getattr(rows, "columns", None)
            column = place[-1] if names is None else repr(names[place[-1]])
            return AAEError(
                f"Row {place[0]} has {str(value)!r} ({type(value).__name__}) in column {column}, which is not a "
                "number; turn dates into numbers, such as days, and fill in what is missing."
            )
    return None


def _dtypes(rows: Any) -> list[Any]:
    """The types of the columns, if the rows are a frame."""
    return list(rows.dtypes) if hasattr(rows, "columns") else []


def _check_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise AAEError(f"{name} must be a whole number of at least {least}, not {value!r}.")


def _python_value(value: Any) -> Any:
    """A number of numpy as Python's own, as a grid search over an array passes it."""
    return value.item() if isinstance(value, np.generic) else value


class Estimator(BaseEstimator):
    """Trains a preset and applies the model to rows.

    Estimators may be fitted in several threads, with the same results as one after the other: torch has one random
    generator, which they use in turns.

    Args:
        options: Options that differ from the preset.
        max_iter: Training steps; None: chosen from the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.
    """

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        max_iter: int | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.options = options
        self.max_iter = max_iter
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def _fit(self, rows: np.ndarray, preset: str, changes: Mapping[str, Any], y: np.ndarray | None = None,
             classes: Sequence[Any] = ()) -> Self:  # fmt: skip
        """Train a preset on validated rows, with labels as class numbers (-1: none)."""
        if not isinstance(self.options, Mapping | None):
            raise AAEError(f"options must be a dictionary, such as {{'z': 10}}, not {self.options!r:.60}.")
        if self.max_iter is not None:
            _check_whole("max_iter", self.max_iter, 1)
        options = {name: _python_value(value) for name, value in {**changes, **(self.options or {})}.items()}
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        labels = np.full(len(rows), -1) if y is None else y
        table = fit_table(rows) if rows.ndim == 2 else None
        if table is not None:
            for note in extreme_notes(table, rows, "X"):
                warnings.warn(note, stacklevel=3)
            rows = table.as_rows(rows)
        names = [_python_value(value) for value in classes]
        data = Dataset(type(self).__name__, rows, labels, rows[:0], labels[:0], names, table=table,
                       pictures=getattr(self, "_pictures", None) if rows.ndim > 2 else None)  # fmt: skip
        split = Split(np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0), np.arange(0))
        length: dict[str, float] = {} if self.max_iter is None else {"steps": int(self.max_iter)}
        with generators.forked():
            model, settings, *_ = prepare(
                preset, data, len(split.labelled), split, seed, options, length
            )
            result = train(model, data, settings, split=split, seed=seed, device=self.device, progress=self.verbose)
        self.model_ = result.model.cpu()
        self.n_iter_ = result.step
        return self

    def _read(self, X: Any, reset: bool = False) -> np.ndarray:  # noqa: N803
        """Validate rows and convert them for the model: images of bytes, or vectors in float32 or float64."""
        images = getattr(X, "ndim", 2) > 2
        kind, least = None if images else "numeric", 2 if reset else 1
        if isinstance(X, np.ma.MaskedArray) and X.mask.any():
            raise AAEError(f"{int(X.mask.sum()):,} values of X are masked; fill them, or leave these rows out.")
        try:
            rows = validate_data(self, X, reset=reset, allow_nd=True, dtype=kind, ensure_min_samples=least)
            if rows.dtype.kind in "mM" or any(getattr(kind, "is_temporal", bool)() for kind in _dtypes(X)):
                raise TypeError  # polars and numpy take dates as numbers, in a unit that nobody asked for
            if not images:
                return rows.astype(np.float32 if rows.dtype == np.float32 else np.float64)
        except TypeError as error:
            raise _not_a_number(X) or error from error
        rows, _, white = as_images(rows, "X", None if reset else self.model_.pictures)
        if rows.dtype != np.uint8 or rows.ndim > 4:
            raise AAEError(f"Images are numbers (N, H, W) or (N, H, W, C); found {rows.dtype} of {rows.shape}.")
        if reset:  # other images are then read in the same range
            self._pictures = None if white == 255 else PictureFormat(arrays=(0, white))
        return rows

    def _apply(self, X: Any, call: Callable[[Autoencoder, Tensor], dict[str, Tensor]]) -> dict[str, np.ndarray]:  # noqa: N803
        """Apply ``call`` to the rows in chunks of constant size.

        Matrix products of other sizes round differently: the last digits of a row's result would depend on
        the number of rows it was passed with.
        """
        check_is_fitted(self)
        rows = self._read(X)
        size = -(-len(rows) // inference.CHUNK) * inference.CHUNK
        padded = rows[np.arange(size) % len(rows)]
        parts = list(inference.map_chunks(self.model_, padded, lambda x, _: call(self.model_, x)))
        return {name: np.concatenate([part[name] for part in parts])[: len(rows)] for name in parts[0]}

    def _original_units(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the units of the input; images as bytes."""
        return np.round(rows * 255).astype(np.uint8) if len(self.model_.shape) > 1 else rows

    def sample(self, n: int = 1, y: Any = None, random_state: int | None = None) -> np.ndarray:
        """Draw new rows.

        Args:
            n: How many.
            y: Class to draw from (or one for each row), for a model with classes.
            random_state: Seed of the draw.

        Returns:
            Rows like those of `fit`, ``(n, D)`` or images.
        """
        check_is_fitted(self)
        _check_whole("n", n, 0)
        numbers = None if y is None else self._class_numbers(np.asarray(y))
        if numbers is not None and len(numbers) not in (1, n):
            raise AAEError(f"y must be one class, or one for each of the {n} rows to draw, not {len(numbers)}.")
        labels = None if numbers is None else np.broadcast_to(numbers, n).copy()
        with inference.seeded(self.model_, int(check_random_state(random_state).randint(2**31 - 1))):
            return self._original_units(inference.sample(self.model_, n, labels))

    def _class_numbers(self, y: np.ndarray) -> np.ndarray:
        classes = list(getattr(self, "classes_", range(getattr(self, "n_clusters", 0))))
        number = {value: k for k, value in enumerate(classes)}  # which, unlike a list, may be asked for pandas' NA
        found = [number.get(value) for value in y.ravel().tolist()]
        if None in found:
            unknown = y.ravel().tolist()[found.index(None)]
            raise AAEError(f"There is no class {unknown!r} to draw from; there are {', '.join(map(str, classes))}.")
        return np.array(found, dtype=np.int64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = pack(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if "model_" in state:
            state["model_"] = unpack(*state["model_"])
        super().__setstate__(state)


class Coder(TransformerMixin, Estimator):
    """An estimator with `transform` and `inverse_transform`."""

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Codes of the rows: the continuous code, then the class or cluster probabilities if the model has any.

        Args:
            X: Rows, as for `fit`.

        Returns:
            ``(N, codes)``, float32 for float32 rows, else float64.
        """
        codes = self._apply(X, lambda model, x: model.encode(x))
        kind = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
        return np.concatenate(list(codes.values()), 1).astype(kind)

    def inverse_transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Rows from codes ``(N, codes)``.

        Raises:
            AAEError: The array does not have as many columns as the output of `transform`.
        """
        check_is_fitted(self)
        codes = np.asarray(X, dtype=np.float32)
        dims = {latent.name: latent.dim for latent in self.model_.latents}
        if codes.ndim != 2 or codes.shape[1] != sum(dims.values()):
            raise AAEError(f"A code has {sum(dims.values())} numbers; found an array of shape {codes.shape}.")
        parts = np.split(codes, np.cumsum(list(dims.values()))[:-1], axis=1)
        return self._original_units(inference.decode(self.model_, dict(zip(dims, parts, strict=True))))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the codes: ``z0``, ``z1``, ... and ``y0``, ... for class or cluster probabilities."""
        check_is_fitted(self)
        names = [f"{latent.name}{k}" for latent in self.model_.latents for k in range(latent.dim)]
        return np.asarray(names, dtype=object)
