"""Where the rows lie on the map: at a two-dimensional code, or where t-SNE places the features of the encoder."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from contourpy import contour_generator
from sklearn.neighbors import NearestNeighbors

from aae.evaluation.prior_regions import prior_samples, regions
from aae.evaluation.projection import FEWEST, neighbour_plane, principal_components
from aae.model.autoencoder import Autoencoder
from aae.model.latent import Latent

__all__ = ["describe_map"]

ARRANGED = 5000  # rows that t-SNE arranges; others are placed beside those that they are like
LIKE = 5
PRIOR_SAMPLES = 200_000
ENOUGH = 240  # points of a contour


def describe_map(
    model: Autoencoder | None, features: np.ndarray, codes: dict[str, np.ndarray], say: Callable[[str], object]
) -> dict[str, Any]:
    """The entry ``map`` of the page, with its points as an array ``(N, 2)``.

    A code is the map where it says all that the model knows of a row: the only latent, or the sum of all. A style
    beside classes is not, as classes overlap there. t-SNE shows groups better than principal components do, which are
    the map of fewer than 5 rows.

    Args:
        model: The model; None: the map is of the rows themselves.
        features: Features of the rows ``(N, H)``.
        codes: Their codes ``(N, D)`` by the names of the latents.
        say: Is told what takes long.
    """
    latent = None if model is None else _mapped(model)
    if model is not None and latent is not None:
        title = f"code {latent.name}"
        return {"points": codes[latent.name], "title": title, "is_code": True, "latent": latent.name,
                "contours": _contours(latent)}  # fmt: skip
    if model is not None and model.merged_is_map and codes.keys() == {one.name for one in model.latents}:
        tensors = {name: torch.from_numpy(code) for name, code in codes.items()}
        with torch.inference_mode():
            points = model.merge(tensors).numpy()
        return {"points": points, "title": "embedding: the code that the decoder reads", "is_code": True,
                "latent": None, "contours": None}  # fmt: skip
    what = "rows" if model is None or model.trunk is None else "encoder's features"
    points, how = _projected(features, say)
    return {"points": points, "title": f"{what}, {how}", "is_code": False, "latent": None, "contours": None}


def _mapped(model: Autoencoder) -> Latent | None:
    """The one latent that is encoded, if it is a map."""
    encoded = [latent for latent in model.latents if latent.posterior is not None]
    return encoded[0] if len(encoded) == 1 and encoded[0].dim == 2 and not encoded[0].is_category else None


def _projected(features: np.ndarray, say: Callable[[str], object]) -> tuple[np.ndarray, str]:
    if len(features) < FEWEST:
        return _flat(features), "first two principal components"
    order = np.random.default_rng(0).permutation(len(features))[:ARRANGED]
    say(f"Arranging {len(order):,} rows")
    arranged = neighbour_plane(features[order])
    if len(order) == len(features):
        points = np.empty_like(arranged)
        points[order] = arranged
        return points, "projected by t-SNE"
    say(f"Placing {len(features) - len(order):,} more rows")
    # The median of their neighbours' places: a mean would lie between two groups, where nothing is.
    near = NearestNeighbors(n_neighbors=LIKE).fit(features[order]).kneighbors(features, return_distance=False)
    points = np.median(arranged[near], 1)
    points[order] = arranged
    return points, f"projected by t-SNE ({len(order):,} of them; the others lie beside those they are most like)"


def _flat(features: np.ndarray) -> np.ndarray:
    centred = features - features.mean(0)
    if len(features) < 2 or not centred.any():
        return np.zeros((len(features), 2))
    return principal_components(centred)[:, :2]


def _contours(latent: Latent) -> list[dict[str, Any]] | None:
    """The regions that hold 50 % and 90 % of the prior, as lines; None without a prior."""
    if latent.prior is None:
        return None
    found = regions(prior_samples(latent.prior, PRIOR_SAMPLES, seed=0))
    lines: Any = contour_generator(*found.centres, found.density.T)
    return [{"level": name, "lines": [_thinned(line) for line in lines.lines(level)]}
            for name, level in zip(found.names, found.levels, strict=True)]  # fmt: skip


def _thinned(line: np.ndarray) -> list[list[float]]:
    """A line of at most about 240 points, its ends among them."""
    step = max(1, len(line) // ENOUGH)
    kept = np.concatenate([line[:-1:step], line[-1:]])
    return [[float(f"{value:.4g}") for value in point] for point in kept]
