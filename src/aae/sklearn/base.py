"""Base classes of the estimators: input validation, training, inference, pickling.

Rows are arrays or data frames ``(N, D)``, or images ``(N, H, W[, C])`` of bytes, or of numbers that `as_images` takes.
Data frames may have categories, texts, truth values and dates, which are read as those of a file are. The fitted
`Autoencoder` is ``model_``; pickles hold it as its specification and safetensors.
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Tensor

from aae.data.array_files import as_images
from aae.data.dataset import Dataset
from aae.data.frames import column_names, frame_library, holds_cells, is_mixed
from aae.data.splits import Split
from aae.data.summary import column_notes
from aae.distributed.processes import launch
from aae.evaluation import inference
from aae.model.artifact import pack, unpack
from aae.model.autoencoder import Autoencoder
from aae.model.pictures import PictureFormat
from aae.model.table import Table
from aae.model.table_fit import extreme_notes, fit_table
from aae.runs.prepare import prepare
from aae.runs.trial import settle_targets
from aae.sklearn.frames import FrameFormat, empty_notes, in_double, learn_rows, not_a_number, types_of, warn
from aae.system import generators
from aae.system.errors import AAEError
from aae.training.extras.baseline_targets import BaselineTargets
from aae.training.train import train

__all__ = ["Coder", "Estimator"]

def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise AAEError(f"{name} must be a whole number of at least {least}, not {value!r}.")


def _python_value(value: Any) -> Any:
    """Numbers and arrays of numpy as Python's own, as a grid search passes them."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


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
        self._double = rows.dtype == np.float64  # of the rows that it returns
        labels = np.full(len(rows), -1) if y is None else y
        table = self._fit_table(rows)
        if table is not None:
            warn(extreme_notes(table, rows, "X"))
            rows = table.as_rows(rows)
        names = [_python_value(value) for value in classes]
        data = Dataset(type(self).__name__, rows, labels, rows[:0], labels[:0], names, table=table,
                       pictures=getattr(self, "_pictures", None) if rows.ndim > 2 else None)  # fmt: skip
        split = Split(np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0), np.arange(0))
        length: dict[str, float] = {} if self.max_iter is None else {"steps": int(self.max_iter)}
        with generators.forked():
            group = launch(self.device)
            options, length, _ = settle_targets(preset, data, split, seed, options, length, group, self.verbose)
            model, settings, *_ = prepare(preset, data, len(split.labelled), split, seed, options, length)
            result = train(model, data, settings, split=split, seed=seed, group=group, progress=self.verbose,
                           info={"preset": preset})  # fmt: skip
        if result.interrupted:  # half a fit would pass for a whole one, in a grid search too
            signal.raise_signal(result.interrupted)
            raise KeyboardInterrupt(result.interrupted)
        targets = [extra for extra in settings.extras if isinstance(extra, BaselineTargets)]
        self._baselines = targets[0].committee.reported() if targets and targets[0].committee else None
        self.model_ = result.model.cpu()
        self.n_iter_ = result.step
        return self

    def _fit_table(self, rows: np.ndarray) -> Table | None:
        """How the networks read the columns of rows that `_read` returned; None for images."""
        return fit_table(rows, **self._columns) if rows.ndim == 2 else None

    def _read(self, X: Any, reset: bool = False) -> np.ndarray:  # noqa: N803
        """Validate rows and convert them for the model: images of bytes, or vectors in float32 or float64.

        Of the columns of a data frame the rows hold those that the model learns from, as a `Table` has them: categories
        as numbers, NaN for empty cells.
        """
        if isinstance(X, np.ma.MaskedArray) and X.mask.any():
            raise AAEError(f"{int(X.mask.sum()):,} values of X are masked; fill them, or leave these rows out.")
        if reset:
            self._frame: FrameFormat | None = None
            self._columns: dict[str, Any] = {}  # names, categories and kinds, if the columns have them
        if is_mixed(X) if reset else getattr(self, "_frame", None) is not None:
            return self._read_mixed(X, reset)
        try:
            return self._read_numbers(X, reset)
        except (TypeError, ValueError):
            if not reset or not holds_cells(X):
                raise
        return self._read_mixed(X, reset)

    def _read_mixed(self, X: Any, reset: bool) -> np.ndarray:  # noqa: N803
        """Rows of a data frame of other columns than numbers, or of an array of mixed cells."""
        if frame_library(X) is None:
            X = check_array(X, dtype=object, ensure_all_finite=False, ensure_min_samples=0, estimator=self)
        elif reset:
            column_names(X, "X")  # scikit-learn's own error for two equal names is not one of values
        validate_data(self, X, reset=reset, skip_check_array=True)
        check_array(np.zeros(X.shape), ensure_min_samples=2 if reset else 1, estimator=self)
        if reset:
            self._frame, raw, notes = learn_rows(X)
            self._columns = {"names": raw.columns, "values": raw.values, "kinds": raw.kinds}
            rows = raw.x
        else:
            rows, notes = self._frame.read(X, self.model_.table)  # type: ignore[union-attr, arg-type]
        warn(notes)
        return rows

    def _read_numbers(self, X: Any, reset: bool) -> np.ndarray:  # noqa: N803
        images, frame = getattr(X, "ndim", 2) > 2, frame_library(X) is not None
        kind, least = None if images else "numeric", 2 if reset else 1
        try:
            rows = validate_data(self, X, reset=reset, allow_nd=True, dtype=kind, ensure_min_samples=least,
                                 ensure_all_finite="allow-nan" if frame else True)  # fmt: skip
            if rows.dtype.kind in "mM" or any(getattr(kind, "is_temporal", bool)() for kind in types_of(X)):
                raise TypeError  # polars and numpy take dates as numbers, in a unit that nobody asked for
            if not images:
                rows = rows.astype(np.float32 if rows.dtype == np.float32 else np.float64)
                if np.isnan(rows).any():  # an array of objects may have None
                    self._say_empty(rows, [str(name) for name in X.columns] if frame else None, reset)
                return rows
        except TypeError as error:
            raise not_a_number(X) or error from error
        rows, _, white = as_images(rows, "X", None if reset else self.model_.pictures)
        if rows.dtype != np.uint8 or rows.ndim > 4:
            raise AAEError(f"Images are numbers (N, H, W) or (N, H, W, C); found {rows.dtype} of {rows.shape}.")
        if reset:  # other images are then read in the same range
            self._pictures = None if white == 255 else PictureFormat(arrays=(0, white))
        return rows

    def _say_empty(self, rows: np.ndarray, names: list[str] | None, reset: bool) -> None:
        """Say which columns of numbers have empty cells; only columns with names may have some in a file, too."""
        shown: Sequence[str | int] = range(rows.shape[1]) if names is None else names
        if reset:
            self._columns = {} if names is None else {"names": names}
            warn(f"X: {note}" for note in column_notes(rows, shown))
        elif self.model_.table is not None:
            warn(empty_notes(rows, self.model_.table, shown))

    def _apply(self, X: Any, call: Callable[[Autoencoder, Tensor], dict[str, Tensor]]) -> dict[str, np.ndarray]:  # noqa: N803
        """Apply ``call`` to the rows in chunks of constant size.

        Matrix products of other sizes round differently: the last digits of a row's result would depend on
        the number of rows it was passed with.
        """
        check_is_fitted(self)
        return self._apply_rows(self._read(X), call)

    def _apply_rows(
        self, rows: np.ndarray, call: Callable[[Autoencoder, Tensor], dict[str, Tensor]]
    ) -> dict[str, np.ndarray]:
        """Apply ``call`` to rows that `_read` returned: what is to be said about them is said once."""
        size = -(-len(rows) // inference.CHUNK) * inference.CHUNK
        padded = rows[np.arange(size) % len(rows)]
        parts = list(inference.map_chunks(self.model_, padded, lambda x, _: call(self.model_, x)))
        return {name: np.concatenate([part[name] for part in parts])[: len(rows)] for name in parts[0]}

    def _original_units(self, rows: np.ndarray) -> Any:
        """Rows as those of the fit: images as bytes, a data frame with categories as such a frame."""
        frame = getattr(self, "_frame", None)
        if frame is not None and self.model_.table is not None:
            return frame.write(rows, self.model_.table)
        if len(self.model_.shape) > 1:
            return np.round(rows * 255).astype(np.uint8)
        return in_double(rows) if getattr(self, "_double", False) else rows

    def sample(self, n: int = 1, y: Any = None, random_state: int | None = None) -> Any:
        """Draw new rows.

        Args:
            n: How many.
            y: Class to draw from (or one for each row), for a model with classes.
            random_state: Seed of the draw.

        Returns:
            Rows like those of `fit`: ``(n, D)``, images, or a data frame if `fit` had one with other columns than
            numbers; columns that were not learned are empty there.
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
            ``(N, codes)``, float32 for float32 rows, otherwise float64.
        """
        codes = self._apply(X, lambda model, x: model.encode(x))
        kind = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
        return np.concatenate(list(codes.values()), 1).astype(kind)

    def inverse_transform(self, X: Any) -> Any:  # noqa: N803
        """Rows from codes ``(N, codes)``, as `sample` returns them.

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
