"""Ensembles of small networks for the columns of a table, trained at once as one trunk.

Each member has its own weights and its own loss; the class probabilities are the mean of the members'. Averaging
networks that were trained apart is what a small labelled set gains most from (Lakshminarayanan et al., arXiv
1612.01474; for tables: Gorishniy et al., *TabM*, arXiv 2410.24210).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aae.model.component import component
from aae.model.networks import Dropout
from aae.model.posteriors import SoftCategory
from aae.system.errors import AAEError

__all__ = ["CategoryEnsemble", "EnsembleTrunk", "MeanCategory", "MemberLinear", "PiecewiseLinear"]


@component
class PiecewiseLinear(nn.Module):
    r"""Numbers as piecewise-linear functions of themselves: a column of ``n`` bins becomes ``n`` values.

    The value of a bin rises from 0 at its lower to 1 at its upper edge; the first and the last bin go on outside (to
    -1 and 2, so that far numbers stay bounded). A linear layer of them is a piecewise-linear function of each column,
    which small networks find hard to learn otherwise (Gorishniy et al., arXiv 2203.05556, section 3.1). The values are
    centred and doubled, which brings them to the scale of standardised numbers.

    Args:
        edges: Of every column ``D`` its rising bin edges; None or fewer than three leave the column out.
        means: Mean of every bin's value, before it is centred; 0.5 if not given.
    """

    _columns: Tensor
    _lower: Tensor
    _width: Tensor
    _least: Tensor
    _most: Tensor
    _mean: Tensor

    def __init__(self, edges: Sequence[Sequence[float] | None], means: Sequence[float] | None = None) -> None:
        super().__init__()
        self.edges = [None if values is None or len(values) < 3 else list(values) for values in edges]
        bins = [(k, *pair) for k, values in enumerate(self.edges) if values is not None for pair in pairwise(values)]
        if any(not lower < upper for _, lower, upper in bins):
            raise AAEError("The edges of a column's bins must rise.")
        self.width = len(bins)
        self.means = None if means is None else list(means)
        self.register_buffer("_columns", torch.tensor([k for k, _, _ in bins], dtype=torch.long), persistent=False)
        self._keep("_lower", [lower for _, lower, _ in bins])
        self._keep("_width", [upper - lower for _, lower, upper in bins])
        ends = {k: (values[0], values[-1]) for k, values in enumerate(self.edges) if values is not None}
        self._keep("_least", [-1.0 if lower == ends[k][0] else 0.0 for k, lower, _ in bins])
        self._keep("_mean", [0.5] * len(bins) if self.means is None else self.means)
        self._keep("_most", [2.0 if upper == ends[k][1] else 1.0 for k, _, upper in bins])

    def _keep(self, name: str, values: list[float]) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The values of all bins ``(B, width)`` of rows ``(B, D)``."""
        values = (x[:, self._columns] - self._lower) / self._width
        return 2 * (values.maximum(self._least).minimum(self._most) - self._mean)


class MemberLinear(nn.Module):
    """A linear layer for each member: ``(M, B, before)`` to ``(M, B, after)``; initialised as `torch.nn.Linear`."""

    def __init__(self, members: int, before: int, after: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(max(1, before))
        self.weight = nn.Parameter(torch.empty(members, before, after).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, after).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


@component
class EnsembleTrunk(nn.Module):
    """Fully connected networks side by side, ``(B, D)`` to ``(B, members * hidden[-1])``, member by member.

    Args:
        shape: Shape of one input, ``(D,)``.
        hidden: Widths of the hidden layers of each member.
        members: Number of networks.
        dropout: Share of hidden units dropped while training.
        encoding: Module from rows to more inputs ``(B, encoding.width)``, such as `PiecewiseLinear`.

    Raises:
        AAEError: No member.
    """

    def __init__(
        self,
        shape: Sequence[int],
        hidden: Sequence[int] = (128, 128),
        members: int = 8,
        dropout: float = 0.0,
        encoding: PiecewiseLinear | None = None,
    ) -> None:
        super().__init__()
        if members < 1:
            raise AAEError(f"An ensemble needs at least one member, not {members}.")
        self.shape, self.hidden, self.members, self.dropout = tuple(shape), tuple(hidden), members, dropout
        self.encoding = encoding
        sizes = (math.prod(shape) + (encoding.width if encoding is not None else 0), *hidden)
        self.features = members * sizes[-1]
        self.layers = nn.ModuleList(MemberLinear(members, before, after) for before, after in pairwise(sizes))
        self.drop = Dropout(dropout) if dropout else nn.Identity()

    def encode(self, x: Tensor) -> Tensor:
        """What the members read: rows ``(B, D)`` and, beside them, their encoding."""
        x = x.flatten(1)
        return x if self.encoding is None else torch.cat([x, self.encoding(x)], 1)

    def features_of(self, encoded: Tensor) -> Tensor:
        """Features ``(B, features)`` of encoded rows ``(B, D)``, or of other rows for each member ``(M, B, D)``."""
        hidden = encoded if encoded.dim() == 3 else encoded.expand(self.members, *encoded.shape)
        for layer in self.layers:
            # Rows first, as whatever is drawn for the rows of a batch.
            hidden = self.drop(F.relu(layer(hidden)).transpose(0, 1)).transpose(0, 1)
        return hidden.transpose(0, 1).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.features_of(self.encode(x))


class MeanCategory(SoftCategory):
    """The mean of the members' class probabilities, from logits ``(B, M, K)``."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits)
        self._batch_shape = logits.shape[:-2]

    @property
    def mean(self) -> Tensor:
        return self.logits.softmax(-1).mean(-2)

    def rsample(self, sample_shape: object = ()) -> Tensor:
        return self.mean.expand(*sample_shape, *self.mean.shape)  # type: ignore[misc]


@component
class CategoryEnsemble(nn.Module):
    """Categorical posterior of an `EnsembleTrunk`: a softmax for each member, and their mean.

    Args:
        features: Width of the trunk's output, of all members together.
        dim: Number of classes ``K``.
        members: Number of members ``M``.
    """

    is_category = True
    has_density = False

    def __init__(self, features: int, dim: int, members: int) -> None:
        super().__init__()
        self.features, self.dim, self.members = features, dim, members
        self.heads = MemberLinear(members, features // members, dim)

    def forward(self, features: Tensor) -> MeanCategory:
        each = features.unflatten(1, (self.members, -1)).transpose(0, 1)
        return MeanCategory(self.heads(each).transpose(0, 1).float())
