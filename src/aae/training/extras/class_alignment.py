"""Predicted class frequencies that keep close to the prior, for classes that are rare."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from aae.model.autoencoder import Autoencoder
from aae.model.ensembles import CategoryEnsemble, MemberLinear
from aae.objectives.terms import class_logits
from aae.system.errors import check_counts
from aae.training.extras.neighbour_targets import class_frequencies
from aae.training.extras.protocol import Extra

if TYPE_CHECKING:
    from aae.training.trainer import Trainer

__all__ = ["ClassAlignment", "class_shift"]

MARGIN = 4 / 3  # a class may be predicted for this many times as many rows as in the prior, or as few
LEAST_ROWS = 5  # of the rarest class that the prior expects among the rows; with fewer, their share says nothing
ROUNDS = 20  # over the classes, of which one is brought to its share at a time
CHUNK = 1000  # rows of a pass
PASSES = 5  # over the rows, for an ensemble


def class_shift(logits: Tensor, prior: Tensor, margin: float = MARGIN, capped: bool = True) -> Tensor:
    """What to add to the logits, so that no class is predicted far more or less often than the prior says.

    Shares are of the rows whose most probable class it is. Probabilities are no guide: a network that has seen two
    labels of a class gives it a few percent of every row, and predicts it for none.

    Args:
        logits: Class logits ``(N, K)``.
        prior: Class frequencies ``(K,)``.
        margin: A class that is more than this many times as frequent as in the prior, or as rare, is brought there.
        capped: Whether a class that is too frequent is brought down; if not, only those that are rarer than the
            average are brought up.

    Returns:
        The shift ``(K,)``, of mean zero; zeros where every class is within the margin.
    """
    shift, least, most = torch.zeros_like(prior), prior / margin, prior * margin
    if not capped:
        least, most = least * (prior < prior.mean()), torch.ones_like(prior)
    before = share = _shares(logits)
    for _ in range(ROUNDS * len(prior)):
        wanted = share.clamp(least, most)
        if torch.equal(wanted, share):
            break
        worst = int((share - wanted).abs().div(wanted).argmax())
        count = (wanted[worst] * len(logits)).ceil() if share[worst] < wanted[worst] else wanted[worst] * len(logits)
        shift[worst] += _step(logits + shift, worst, int(count))
        share = _shares(logits + shift)
    if (share - prior).abs().sum() >= (before - prior).abs().sum():  # rows that are all alike cannot be distinguished
        return torch.zeros_like(prior)
    return shift - shift.mean()


def _shares(logits: Tensor) -> Tensor:
    """Share of the rows of which each class is the most probable one ``(K,)``."""
    return torch.bincount(logits.argmax(1), minlength=logits.shape[1]) / len(logits)


def _step(logits: Tensor, number: int, count: int) -> Tensor:
    """What to add to the logits of one class for it to be the most probable one of ``count`` rows."""
    others = logits.clone()
    others[:, number] = -torch.inf
    lacking = (others.amax(1) - logits[:, number]).sort().values
    count = min(max(count, 1), len(logits) - 1)
    return (lacking[count - 1] + lacking[count]) / 2


class ClassAlignment(Extra):
    """After the training, shift the class logits so that rare classes are predicted about as often as in the prior.

    A class with one or two labels among dozens has hardly any weight in the loss, and is then predicted for no row at
    all, although its rows are ranked well. The shift becomes part of the bias of the last layer. It is taken from rows
    without labels; where every row has a label it does nothing.

    Args:
        rows: Number of rows that are looked at; at most half of them are labelled, and these are left out.
        capped: Whether a class may not be predicted much more often than in the prior; labels that are weighted by
            class ask for that.
    """

    name = "class_alignment"

    def __init__(self, rows: int = 10_000, capped: bool = True) -> None:
        check_counts("ClassAlignment", rows=rows)
        self.rows, self.capped = rows, capped

    @torch.no_grad()
    def finish(self, trainer: "Trainer") -> None:
        """Shift the bias of the model that is saved."""
        model = trainer.averaged
        prior = class_frequencies(model)
        posterior = getattr(model.category, "posterior", None)
        layer = posterior.heads if isinstance(posterior, CategoryEnsemble) else getattr(posterior, "logits", None)
        if prior is None or not isinstance(layer, nn.Linear | MemberLinear):
            return
        rows, labels = trainer.some_rows(self.rows)
        rows = rows[labels < 0]
        if len(rows) * float(prior.min()) < LEAST_ROWS:
            return
        was_training = model.training
        model.eval()
        # Of an ensemble, whose members are shifted alike, the mean probabilities move by about as much.
        for _ in range(PASSES if isinstance(posterior, CategoryEnsemble) else 1):
            logits = torch.cat([_log_probabilities(model, part) for part in rows.split(CHUNK)])
            layer.bias.add_(class_shift(logits, prior.to(logits), capped=self.capped).to(layer.bias))
        model.train(was_training)


def _log_probabilities(model: Autoencoder, x: Tensor) -> Tensor:
    """Logarithms of class probabilities ``(B, K)``, of an ensemble of their mean up to a constant.

    The logarithm of a probability that was rounded to zero would be infinite, and so would the shift.
    """
    logs = class_logits(model, x).float().log_softmax(-1)
    return logs if logs.dim() == 2 else logs.logsumexp(1)
