"""Outlier scores: how far a row is from the rows that a detector was fitted to."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from aae.model.table import Table

__all__ = ["MAX_REFERENCES", "OutlierScore", "one_unit"]

MAX_REFERENCES = 10_000  # training rows to compare with
NEAR = (1, 2, 5)  # neighbours
LOCAL = 0.25  # of what is usual among the nearest training rows, taken from a row's own distance
NEAR_DECODED, LOCAL_DECODED = (20,), 1.0  # the same where the rows are compared with reconstructions
FAR = (0.1, 0.2, 0.3)  # shares of the training rows
SAMPLE = 1000  # rows that stand for all of them in FAR
FAR_WEIGHT = 0.75
FAITHFUL = 2 / 3  # of the training rows: then the autoencoder knows more than the neighbours
FLOOR = 0.05  # of the usual distance, added to each: equal rows have distance 0, which has no logarithm
LEAST_SPREAD = 0.01  # of logarithms; all rows may be equal
UNSEEN = 0.2  # scale of columns that never changed: the networks see a change there as 1
CHUNK = 500  # rows at a time


class OutlierScore:
    """How far a row is from the nearest training rows, or from the mass of them if that is more unusual.

    The near distance is the mean Euclidean distance of the 1, 2 and 5 nearest training rows (their logarithms
    averaged), less a quarter of what this is for these training rows themselves. It fails where outliers are among
    the training rows and near each other. The far distance is the same for the nearest tenth, two and three tenths
    of the training rows, Euclidean and city-block: it sees such groups, but nothing small. Both are standardised by
    the training rows, each left out of its own neighbours: their median is 0, their standard deviation 1. The score
    is the larger one of the near distance and 0.75 times the far one; a mean would hide what only one of them sees.

    An autoencoder knows more than the neighbours do if its reconstructions of two thirds of the training rows are
    nearer to them than any other training row, as those of images are. Then, for numbers of one unit, the near
    distance is that of the 20 nearest reconstructions, less all of what this is for these reconstructions
    themselves: outliers, even those it was trained on, are far from their reconstructions.

    Columns are divided by their standard deviations, numbers of one unit by a common one. A row equal to a training
    row is taken for that row and left out as well, so that training rows have the same score again.
    """

    def fit(self, rows: np.ndarray, decoded: np.ndarray, one_unit: bool = False) -> Self:
        """Take training rows ``(N, D)``, at least two, to compare with.

        Args:
            rows: Rows without empty cells, as the networks see them.
            decoded: Their reconstructions ``(N, D)``.
            one_unit: Whether all columns are numbers of one unit, as pixels are.
        """
        self.scale = _scale(rows.astype(np.float64), one_unit).astype(np.float32)
        self.sample = self._scaled(rows)[np.random.default_rng(0).permutation(len(rows))[:SAMPLE]]
        self._refer(self._scaled(rows), NEAR, LOCAL)
        distances = self._distances(rows)
        error = np.sqrt(np.square(self._scaled(decoded) - self.references).sum(1))
        if one_unit and np.mean(error < distances[0][:, 0]) > FAITHFUL:
            self._refer(self._scaled(decoded), NEAR_DECODED, LOCAL_DECODED)
            among, distances = self._distances(decoded), self._distances(rows)
        else:
            among = distances
        self.usual = [_usual(some) for some in among[:2]]
        self.usual_near = self._logs(*among[:2])[0]
        parts = self._parts(*distances)
        self.centre = np.median(parts, 0)
        self.spread = np.maximum(parts.std(0), LEAST_SPREAD)
        return self

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return rows.astype(np.float32) / self.scale

    def _refer(self, references: np.ndarray, near: Sequence[int], local: float) -> None:
        self.references, self.near, self.local = references, near, local
        self.search = NearestNeighbors(n_neighbors=min(max(near) + 1, len(references))).fit(references)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Score of rows ``(M, D)``: ``(M,)``, about 0 for usual rows, higher for outliers."""
        near, far = ((self._parts(*self._distances(rows)) - self.centre) / self.spread).T
        return np.maximum(near, FAR_WEIGHT * far)

    def _distances(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Near distances ``(M, counts)``, far ones in both metrics ``(M, 6)``, and the places of the nearest."""
        parts = [self._distances_of(rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]
        near, far, places = (np.concatenate(part) for part in zip(*parts, strict=True))
        return near, far, places

    def _distances_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = self._scaled(rows)
        places = self.search.kneighbors(rows, return_distance=False)
        # Computed again, as the search rounds: equal rows would be at some small distance.
        distances = np.stack([np.sqrt(np.square(rows - self.references[place]).sum(1)) for place in places.T], 1)
        distances, order = _to_others(distances)
        shares = [max(1, round(share * len(self.sample))) for share in FAR]
        far = [_mean_distances(_to_others(self._to_sample(rows, norm))[0], shares) for norm in (2.0, 1.0)]
        return _mean_distances(distances, self.near), np.concatenate(far, 1), np.take_along_axis(places, order, 1)

    def _to_sample(self, rows: np.ndarray, norm: float) -> np.ndarray:
        exact = "donot_use_mm_for_euclid_dist"  # others round: equal rows would be at some small distance
        return torch.cdist(torch.from_numpy(rows), torch.from_numpy(self.sample), norm, exact).numpy()

    def _logs(self, *distances: np.ndarray) -> list[np.ndarray]:
        return [np.log(some + FLOOR * usual).mean(1) for some, usual in zip(distances, self.usual, strict=True)]

    def _parts(self, near: np.ndarray, far: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Logarithms of the near and the far distance ``(M, 2)``."""
        own, mass = self._logs(near, far)
        return np.stack([own - self.local * self.usual_near[places].mean(1), mass], 1)


def one_unit(rows: np.ndarray, table: Table | None) -> bool:
    """Whether all columns are of one unit: pixels, but not truth values, of which a rare one says more."""
    if table is None:
        return True
    return table.bounded and bool(((rows != rows.min(0)) & (rows != rows.max(0))).any())


def _usual(distances: np.ndarray) -> np.ndarray:
    """The median of those above 0, column by column."""
    return np.array([np.median(some[some > 0]) if (some > 0).any() else 1.0 for some in distances.T])


def _to_others(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances ``(M, k - 1)`` in ascending order and their places, without a row itself or, if not there, the last."""
    order = np.argsort(distances, 1, kind="stable")
    distances = np.take_along_axis(distances, order, 1)
    itself = distances[:, :1] == 0
    return (np.where(itself, distances[:, 1:], distances[:, :-1]), np.where(itself, order[:, 1:], order[:, :-1]))


def _mean_distances(ascending: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Means ``(M, counts)`` of the nearest so many distances; of all where there are fewer."""
    most = np.minimum(counts, ascending.shape[1])
    return np.asarray(ascending.cumsum(1, dtype=np.float64)[:, most - 1] / most)


def _scale(rows: np.ndarray, one_unit: bool) -> np.ndarray:
    """What to divide the columns by: constant ones, in which only new rows can differ, by little or as the others."""
    spreads = rows.std(0)
    if one_unit:
        spreads[:] = np.sqrt(np.mean(np.square(spreads)))
    return np.where(spreads > 1e-3, spreads, UNSEEN)
