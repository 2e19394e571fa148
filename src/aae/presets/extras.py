"""Builds the extras of a training from the options; each function of the table builds one extra or none."""

from collections.abc import Sequence

from torch import nn

from aae.objectives.terms import Consistency
from aae.presets.classes import has_rare
from aae.presets.options import Options
from aae.system.errors import AAEError
from aae.training.extras.baseline_targets import BaselineTargets
from aae.training.extras.class_alignment import ClassAlignment
from aae.training.extras.neighbour_targets import NeighbourTargets
from aae.training.extras.protocol import Extra
from aae.training.extras.restarts import Restarts
from aae.training.extras.split_clusters import SplitClusters

__all__ = ["build_extras"]

Terms = Sequence[nn.Module]


def _restarts(options: Options, terms: Terms) -> Extra | None:
    if options.restarts == 1:
        return None
    if "information" not in options.y_matching:
        raise AAEError(
            f"Restarts are compared by mutual information, which y_matching={options.y_matching} does not measure; "
            "set y_matching=information, or restarts=1."
        )
    return Restarts(options.restarts)


def _neighbour_targets(options: Options, terms: Terms) -> Extra | None:
    return NeighbourTargets(options.neighbour_targets) if options.neighbour_targets else None


def _split_clusters(options: Options, terms: Terms) -> Extra | None:
    if not options.split_clusters:
        return None
    changes = [term.change for term in terms if isinstance(term, Consistency)]
    if not changes:
        raise AAEError(
            "Splitting clusters compares rows with augmented copies, and nothing augments them; set consistency "
            "(images) or transformation (vectors) above 0, or split_clusters=false."
        )
    return SplitClusters(changes[-1])


def _class_alignment(options: Options, terms: Terms) -> Extra | None:
    learned = options.y in ("supervised", "auto") and not isinstance(options.class_prior, str)
    if not learned or not has_rare(options.class_prior):
        return None
    return ClassAlignment(capped=options.class_weight is None)  # weights are to have rare classes predicted more often


def _baseline_targets(options: Options, terms: Terms) -> Extra | None:
    weight = options.baseline_targets
    # "auto" is settled by a trial before a training.
    return None if isinstance(weight, str) or not weight else BaselineTargets(weight)


# In the order in which they run. Restarts come first: the others use the progress of the current start.
EXTRAS = (_restarts, _baseline_targets, _neighbour_targets, _split_clusters, _class_alignment)


def build_extras(options: Options, terms: Terms) -> tuple[Extra, ...]:
    """Build the extras that the options ask for.

    Args:
        options: The options.
        terms: The terms for few labels.

    Raises:
        AAEError: An extra lacks what it needs.
    """
    return tuple(extra for build in EXTRAS if (extra := build(options, terms)) is not None)
