"""The models as scikit-learn estimators: classifier, clusterer, embedder and outlier detector.

Rows are arrays or data frames of numbers ``(N, D)``, or images of bytes ``(N, H, W[, C])``. What was
learned is in ``model_``, an `Autoencoder`; pickles hold it as its specification and safetensors.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, ClusterMixin, OutlierMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from torch import Tensor

from aae import inference
from aae.artifact import pack, unpack
from aae.data.sources import Dataset
from aae.data.splits import Split
from aae.errors import AAEError
from aae.model import Autoencoder
from aae.outliers import REFERENCES, OutlierScore
from aae.runs import prepare
from aae.table import fit_table
from aae.training import train

__all__ = ["AAEClassifier", "AAEClusterer", "AAEEmbedder", "AAEOutlierDetector"]



class _Estimator(BaseEstimator):
    """What the four have in common: reading rows, training a preset, looking at rows, pickling."""

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
        """Train a preset on rows that have been read, with labels as numbers (-1: none)."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        labels = np.full(len(rows), -1) if y is None else y
        table = fit_table(rows) if rows.ndim == 2 else None
        names = [value.item() if isinstance(value, np.generic) else value for value in classes]
        data = Dataset(type(self).__name__, rows, labels, rows[:0], labels[:0], names, table=table)
        split = Split(np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0), np.arange(0))
        length = {} if self.max_iter is None else {"steps": self.max_iter}
        with torch.random.fork_rng(devices=[]):
            model, settings, *_ = prepare(
                preset, data, len(split.labelled), split, seed, {**changes, **(self.options or {})}, length
            )
            result = train(model, data, settings, split=split, seed=seed, device=self.device, progress=self.verbose)
        self.model_ = result.model.cpu()
        self.n_iter_ = result.step
        return self

    def _read(self, X: Any, reset: bool = False) -> np.ndarray:  # noqa: N803
        """Rows as the model takes them: images of bytes, or vectors in float32."""
        images = getattr(X, "ndim", 2) > 2
        kind, least = None if images else "numeric", 2 if reset else 1
        X = validate_data(self, X, reset=reset, allow_nd=True, dtype=kind, ensure_min_samples=least)
        if images:
            if X.dtype != np.uint8:
                raise AAEError(f"Images are bytes (uint8), (N, H, W) or (N, H, W, C); found {X.dtype} of {X.shape}.")
            return X
        return X.astype(np.float32)

    def _look(self, X: Any, call: Callable[[Autoencoder, Tensor], dict[str, Tensor]]) -> dict[str, np.ndarray]:  # noqa: N803
        """What ``call`` makes of the rows, always as many of them at a time.

        A product of other sizes rounds otherwise: the last digits of a row's result would depend on
        how many rows it came with.
        """
        check_is_fitted(self)
        rows = self._read(X)
        size = -(-len(rows) // inference.CHUNK) * inference.CHUNK
        filled = rows[np.arange(size) % len(rows)]
        parts = list(inference.parts(self.model_, filled, lambda x, _: call(self.model_, x)))
        return {name: np.concatenate([part[name] for part in parts])[: len(rows)] for name in parts[0]}

    def _given_back(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the units they were given in; images as bytes."""
        return np.round(rows * 255).astype(np.uint8) if len(self.model_.shape) > 1 else rows

    def sample(self, n: int = 1, y: Any = None, random_state: int | None = None) -> np.ndarray:
        """Draw new rows.

        Args:
            n: How many.
            y: A class to draw from (or one for each row), for a model that has classes.
            random_state: Seed of the draw.

        Returns:
            Rows like those of `fit`, ``(n, D)`` or images.
        """
        check_is_fitted(self)
        labels = None if y is None else np.broadcast_to(self._numbers(np.asarray(y)), n).copy()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(check_random_state(random_state).randint(2**31 - 1)))
            return self._given_back(inference.sample(self.model_, n, labels))

    def _numbers(self, y: np.ndarray) -> np.ndarray:
        classes = list(getattr(self, "classes_", range(getattr(self, "n_clusters", 0))))
        strange = next((value for value in y.ravel().tolist() if value not in classes), None)
        if strange is not None:
            raise AAEError(f"There is no class {strange!r} to draw from; known are {', '.join(map(str, classes))}.")
        return np.array([classes.index(value) for value in y.ravel().tolist()])

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


class _Coder(TransformerMixin, _Estimator):
    """An estimator whose codes can be had and turned back."""

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Codes of the rows: the continuous code, then class or cluster probabilities where there are any.

        Args:
            X: Rows, as for `fit`.

        Returns:
            ``(N, codes)``, float32 for float32 rows, else float64.
        """
        codes = self._look(X, lambda model, x: model.encode(x))
        kind = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
        return np.concatenate(list(codes.values()), 1).astype(kind)

    def inverse_transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Rows from codes ``(N, codes)``.

        Raises:
            AAEError: Another number of codes than `transform` gives.
        """
        check_is_fitted(self)
        codes = np.asarray(X, dtype=np.float32)
        dims = {latent.name: latent.dim for latent in self.model_.latents}
        if codes.ndim != 2 or codes.shape[1] != sum(dims.values()):
            raise AAEError(f"A code has {sum(dims.values())} numbers; found an array of shape {codes.shape}.")
        parts = np.split(codes, np.cumsum(list(dims.values()))[:-1], axis=1)
        return self._given_back(inference.decode(self.model_, dict(zip(dims, parts, strict=True))))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the codes: ``z0``, ``z1``, ... and ``y0``, ... for class or cluster probabilities."""
        check_is_fitted(self)
        names = [f"{latent.name}{k}" for latent in self.model_.latents for k in range(latent.dim)]
        return np.asarray(names, dtype=object)


class AAEClassifier(ClassifierMixin, _Coder):
    """Classifier that learns from few labelled rows and any number of unlabelled ones (Makhzani et al., §5).

    Args:
        options: What differs from the options of the preset ``few-labels`` (`aae presets few-labels`).
        max_iter: Training steps; None follows the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.

    Attributes:
        model_: The trained `Autoencoder`.
        classes_: The classes, sorted.
        n_iter_: Training steps taken.

    Example:
        >>> X = np.r_[np.random.default_rng(0).normal(0, 1, (20, 2)), np.random.default_rng(1).normal(9, 1, (20, 2))]
        >>> y = [0, 0] + [-1] * 18 + [1, 1] + [-1] * 18
        >>> AAEClassifier(max_iter=50, random_state=0).fit(X, y).predict([[0, 0], [9, 9]])
        array([0, 1])
    """

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Learn from rows, some of them labelled.

        Args:
            X: Rows ``(N, D)``, or images of bytes ``(N, H, W[, C])``.
            y: Classes ``(N,)``, texts or whole numbers; -1, NaN and None stand for "not labelled".

        Raises:
            ValueError: Rows or labels that cannot be used, or fewer than two classes.
        """
        if y is None:
            raise AAEError("This estimator requires y to be passed, but the target y is None; -1 means not labelled.")
        rows = self._read(X, reset=True)
        values = _labels(y, len(rows))
        known = np.array([not _is_missing(value) for value in values.tolist()])
        check_classification_targets(_plain(values[known]))
        self.classes_, numbers = np.unique(_plain(values[known]), return_inverse=True)
        if len(self.classes_) < 2:
            raise AAEError(f"Labels of two classes at least are needed; found {len(self.classes_)} class.")
        labels = np.full(len(rows), -1)
        labels[known] = numbers
        return self._fit(rows, "few-labels", {}, labels, self.classes_.tolist())

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Probability of each class, ``(N, classes)``, in the order of ``classes_``."""
        return self._look(X, lambda model, x: {"p": model.classify(x)})["p"].astype(np.float64)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The likeliest class of each row, ``(N,)``."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]


def _labels(y: Any, rows: int) -> np.ndarray:
    """Labels as an array of objects, one for each row."""
    values = np.asarray(y, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        column_or_1d(np.zeros(values.shape), warn=True)  # which warns as every classifier does
        values = values.ravel()
    if values.shape != (rows,):
        raise AAEError(f"Labels need the shape ({rows},), one for each row; found {values.shape}.")
    return values


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ == "NAType":  # pandas' missing value compares with nothing
        return True
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return number and bool(value != value or value == -1)


def _plain(values: np.ndarray) -> np.ndarray:
    """An array of objects as one of numbers or texts; numbers that NaN turned into floats become whole again."""
    found = np.array(values.tolist())
    if found.dtype.kind == "f" and np.isinf(found).any():
        raise AAEError("Input y contains infinity; labels are texts or whole numbers.")
    if found.dtype.kind == "f" and (found == np.round(found)).all():
        return found.astype(np.int64)
    return found


class AAEClusterer(ClusterMixin, _Coder):
    """Clusters, and a continuous code for what varies within them (Makhzani et al., §6).

    Args:
        n_clusters: Number of clusters.
        options: What differs from the options of the preset ``clustering``.
        max_iter: Training steps; None follows the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.

    Attributes:
        model_: The trained `Autoencoder`.
        labels_: The cluster of each row.
        n_iter_: Training steps taken.
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        options: Mapping[str, Any] | None = None,
        max_iter: int | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        super().__init__(options, max_iter, random_state, device, verbose)
        self.n_clusters = n_clusters

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Find clusters in rows ``(N, D)`` or images; ``y`` is not looked at."""
        self._fit(self._read(X, reset=True), "clustering", {"clusters": self.n_clusters})
        self.labels_ = self.predict(X)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The cluster of each row, ``(N,)``."""
        return self._look(X, lambda model, x: {"p": model.classify(x)})["p"].argmax(1)


class AAEEmbedder(_Coder):
    """A map of the rows: codes that follow a Gaussian prior (Makhzani et al., §3).

    Args:
        n_components: Length of the code.
        options: What differs from the options of the preset ``aae``.
        max_iter: Training steps; None follows the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.

    Attributes:
        model_: The trained `Autoencoder`.
        n_iter_: Training steps taken.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        options: Mapping[str, Any] | None = None,
        max_iter: int | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        super().__init__(options, max_iter, random_state, device, verbose)
        self.n_components = n_components

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn the map from rows ``(N, D)`` or images; ``y`` is not looked at."""
        return self._fit(self._read(X, reset=True), "aae", {"z": self.n_components})


# Weak matching and strong noise: what the model decodes must stay close to the rows it has seen, and to nothing else.
_PIXELS = {"z": 32, "z_weight": 0.005, "corruption_level": 0.3, "hidden": (400, 400), "least_steps": 600}
_COLUMNS = {"z_weight": 0.02, "corruption_level": 3.0, "hidden": (128, 128), "least_steps": 300}
_OUTLIERS = {
    "prior_std": 1.0, "batch_size": 128, "corruption": "gaussian", "discriminator_hidden": (128, 128), "epochs": 15,
}  # fmt: skip


class AAEOutlierDetector(OutlierMixin, _Estimator):
    """Tells rows that are unlike those it learned from: badly reconstructed, or with an unlikely code.

    Args:
        contamination: Share of the training rows that are taken for outliers; it sets ``offset_``.
        options: What differs from the detector's own options of the preset ``aae``.
        max_iter: Training steps; None follows the data.
        random_state: Seed of everything random.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        verbose: Show a progress bar.

    Attributes:
        model_: The trained `Autoencoder`.
        offset_: Score below which a row is an outlier.
        n_iter_: Training steps taken.
    """

    def __init__(
        self,
        contamination: float = 0.1,
        *,
        options: Mapping[str, Any] | None = None,
        max_iter: int | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        super().__init__(options, max_iter, random_state, device, verbose)
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn from rows ``(N, D)`` or images, most of which are normal; ``y`` is not looked at.

        Raises:
            ValueError: Rows that cannot be used, or a share of outliers outside 0 to 0.5.
        """
        if not 0 < self.contamination <= 0.5:
            raise AAEError(f"contamination is a share above 0 and at most 0.5, not {self.contamination}.")
        rows = self._read(X, reset=True)
        self._fit(rows, "aae", _outlier_options(rows))
        order = np.random.default_rng(0).permutation(len(rows))[:REFERENCES]
        self.score_ = OutlierScore().fit(self._seen(X if len(order) == len(rows) else rows[order])["decoded"])
        self.offset_ = float(np.quantile(self.score_samples(X), self.contamination))
        return self

    def _seen(self, X: Any) -> dict[str, np.ndarray]:  # noqa: N803
        """Each row as the networks read it, and as they decode it."""
        return self._look(X, lambda model, x: {"row": x.flatten(1), "decoded": model(x).flatten(1)})

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """How normal each row is, ``(N,)``: about 0 where it is usual, lower where not (`aae.outliers`)."""
        check_is_fitted(self)
        return -self.score_(self._seen(X)["row"])

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """`score_samples` less ``offset_``, ``(N,)``: below zero for outliers."""
        scores = self.score_samples(X)
        return scores - self.offset_

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """1 for a normal row, -1 for an outlier, ``(N,)``."""
        return np.where(self.decision_function(X) < 0, -1, 1)


def _outlier_options(rows: np.ndarray) -> dict[str, Any]:
    pixels = rows.ndim > 2 or fit_table(rows).bounded
    return _OUTLIERS | (_PIXELS if pixels else {"z": min(32, max(2, rows.shape[1] // 2)), **_COLUMNS})
