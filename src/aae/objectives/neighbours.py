r"""Nearest neighbours of a row, by a distance that partly ignores the changes learned from neighbouring rows."""

import torch
from torch import Tensor

from aae.objectives.tangents import learn_generators, principal_components, tangents_at

__all__ = ["NearestRows"]

# Distances along principal directions separate classes better than distances over all values, and they are faster.
# Along half as many directions, closed fours are nearer to nines.
DIRECTIONS = 100
GENERATORS = 8  # of the changes that distances ignore; at most one for six directions: more could explain anything
IGNORED = 0.8  # share of such a change that the distance ignores
CANDIDATES = 50  # nearest rows by plain distance, from which the nearest by the other one are chosen


class NearestRows:
    """Rows among which neighbours are searched.

    The distance is Euclidean along the principal directions, without most of what the learned changes
    (`learn_generators`) explain: a tangent distance (Simard et al., *Efficient Pattern Recognition Using a New
    Transformation Distance*, NIPS 1992) with learned tangents. A third fewer of the nearest rows are then of another
    class.

    Args:
        x: The rows ``(N, *shape)``.
    """

    tangents: Tensor | None = None  # (N, D, K): orthonormal directions of the changes at each row

    def __init__(self, x: Tensor) -> None:
        centre, directions, points = principal_components(x, DIRECTIONS)
        count = min(GENERATORS, points.shape[1] // 6)
        fitted = learn_generators(points, count) if count else None
        if fitted is not None:
            generators, _, unit = fitted
            points, directions = points / unit, directions / unit
            self.tangents = tangents_at(points, generators).to(x.device)
        self.centre, self.directions, self.points = (part.to(x.device) for part in (centre, directions, points))
        self.rows = x

    @torch.no_grad()
    def nearest(self, x: Tensor, count: int) -> Tensor:
        """Indices of the ``count`` rows nearest to each row ``(B, *shape)``, nearest first, ``(B, count)``.

        A row that is stored itself comes first. If fewer rows are stored, all of them are returned.
        """
        with torch.autocast(x.device.type, enabled=False):
            points = (x.flatten(1).float() - self.centre) @ self.directions
            count = min(count, len(self.points))
            distances = torch.cdist(points, self.points)
            if self.tangents is None:
                return distances.topk(count, largest=False).indices
            candidates = distances.topk(max(count, min(CANDIDATES, len(self.points))), largest=False).indices
            steps = self.points[candidates] - points[:, None]
            changes = torch.einsum("bmd,bmdk->bmk", steps, self.tangents[candidates])
            distances = steps.square().sum(-1) - IGNORED * changes.square().sum(-1)
            return candidates.gather(1, distances.topk(count, largest=False).indices)
