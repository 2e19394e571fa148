r"""The nearest rows of a row, by a distance that ignores part of the changes learned from neighbouring rows."""

import torch
from torch import Tensor

from aae.objectives.tangents import learn_generators, principal, tangents_at

__all__ = ["NearestRows"]

# Distances along principal directions separate classes better than distances of all values, and they are faster. Along
# half as many, closed fours lie nearer to nines.
DIRECTIONS = 100
GENERATORS = 8  # of the changes that distances ignore; at most one for six directions, as more could make any change
IGNORED = 0.8  # share of such a change that does not count
CANDIDATES = 50  # nearest rows by plain distance, among which the nearest by the other one are looked for


class NearestRows:
    """Rows to look for neighbours among.

    The distance is Euclidean along the principal directions, and most of what the learned changes can do
    (`learn_generators`) is taken out of it: a tangent distance (Simard et al., *Efficient Pattern Recognition Using a
    New Transformation Distance*, NIPS 1992) with learned tangents. A third fewer of the nearest rows are then of
    another class.

    Args:
        x: The rows ``(N, *shape)``.
    """

    tangents: Tensor | None = None  # (N, D, K): orthonormal directions in which changes move each row

    def __init__(self, x: Tensor) -> None:
        centre, directions, points = principal(x, DIRECTIONS)
        count = min(GENERATORS, points.shape[1] // 6)
        found = learn_generators(points, count) if count else None
        if found is not None:
            learned, _, unit = found
            points, directions = points / unit, directions / unit
            self.tangents = tangents_at(points, learned).to(x.device)
        self.centre, self.directions, self.points = (part.to(x.device) for part in (centre, directions, points))
        self.rows = x

    @torch.no_grad()
    def nearest(self, x: Tensor, count: int) -> Tensor:
        """Numbers of the ``count`` rows nearest to each row ``(B, *shape)``, nearest first, ``(B, count)``.

        A row that is among those kept comes first itself. Where fewer rows are kept, all of them are given.
        """
        with torch.autocast(x.device.type, enabled=False):
            points = (x.flatten(1).float() - self.centre) @ self.directions
            count = min(count, len(self.points))
            distances = torch.cdist(points, self.points)
            if self.tangents is None:
                return distances.topk(count, largest=False).indices
            found = distances.topk(max(count, min(CANDIDATES, len(self.points))), largest=False).indices
            steps = self.points[found] - points[:, None]
            changes = torch.einsum("bmd,bmdk->bmk", steps, self.tangents[found])
            distances = steps.square().sum(-1) - IGNORED * changes.square().sum(-1)
            return found.gather(1, distances.topk(count, largest=False).indices)
