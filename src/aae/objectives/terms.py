r"""Terms for few labels: additions to the classification phase, off in the faithful presets.

Each is a component called as ``term(model, teacher, batch)`` that returns a loss and its metrics.
The teacher is the exponential moving average of the model where one is kept, otherwise the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aae.distributed import shards
from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.model.component import component
from aae.system.errors import AAEError, kind_of

__all__ = [
    "Consistency",
    "InterpolationConsistency",
    "VirtualAdversarial",
    "checked_term",
    "class_logits",
    "class_probabilities",
    "class_targets",
    "divergence",
    "frozen_statistics",
]


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Let batch norm use the batch's statistics without updating its running ones.

    A pass on perturbed inputs would otherwise pull the running statistics away from the data's.
    """
    norms: list[Any] = _batch_norms(model)
    tracked = [norm.track_running_stats for norm in norms]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm, tracks in zip(norms, tracked, strict=True):
            norm.track_running_stats = tracks


_CACHE: WeakKeyDictionary[nn.Module, list[nn.Module]] = WeakKeyDictionary()


def _batch_norms(model: nn.Module) -> list[nn.Module]:
    """The batch norms of a model, cached: with small networks the search takes longer than the pass."""
    if model not in _CACHE:
        _CACHE[model] = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    return _CACHE[model]


def class_logits(model: Autoencoder, x: Tensor) -> Tensor:
    """Class logits ``(B, K)`` without the model's own corruption; ``(B, M, K)`` of an ensemble of ``M`` members."""
    # `build_phases` has asked for a category that is encoded.
    return model.category.logits(model.trunk(x))  # type: ignore[misc, union-attr]


def class_probabilities(model: Autoencoder, x: Tensor) -> Tensor:
    """Class probabilities ``(B, K)`` without the model's own corruption, of an ensemble their mean."""
    probabilities = class_logits(model, x).softmax(-1)
    return probabilities if probabilities.dim() == 2 else probabilities.mean(1)


def all_rows(batch: Batch) -> Tensor:
    """The rows of a batch ``(B + L, *shape)``, labelled ones last."""
    return batch.x if batch.labelled_x is None else torch.cat([batch.x, batch.labelled_x])


def class_targets(teacher: Autoencoder, batch: Batch) -> Tensor:
    """Target class probabilities of `all_rows`, by the teacher if none are set; the terms of a step share them."""
    if batch.targets is None:
        with torch.no_grad(), frozen_statistics(teacher):
            batch.targets = class_probabilities(teacher, all_rows(batch))
    return batch.targets


def divergence(target: Tensor, logits: Tensor) -> Tensor:
    """KL(target || softmax(logits)), mean over rows and members; ``target`` holds probabilities ``(B, K)``."""
    if logits.dim() == 3:
        target, logits = target.repeat_interleave(logits.shape[1], 0), logits.flatten(0, 1)
    return F.kl_div(logits.float().log_softmax(-1), target, reduction="batchmean")


def checked_term(term: object, found: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """What a term returned, if it is a loss and its metrics.

    Raises:
        AAEError: It is something else.
    """
    if isinstance(found, tuple | list) and len(found) == 2:
        loss, metrics = found
        if isinstance(loss, Tensor) and isinstance(metrics, dict):
            return loss, metrics
    raise AAEError(
        f"The term {type(term).__name__} returns {kind_of(found)}, not a loss and its metrics; write it as "
        "return loss, {'my_loss': loss}."
    )


@component
class Consistency(nn.Module):
    r"""The class of a row must not change under a perturbation that keeps its meaning.

    :math:`KL(q(y \mid x) \,\|\, q(y \mid a(x)))` with the target from the teacher on the clean row
    (Sajjadi et al., arXiv 1606.04586; Tarvainen and Valpola, arXiv 1703.01780).

    Args:
        change: Module that perturbs inputs ``(B, *shape)`` while training.
        weight: Factor on the divergence.
        warmup: Share of the training over which the weight grows from zero.
        metric: Name under which its loss is reported.
        fade: Power of the remaining share of the training, by which the weight is multiplied; it falls to zero at the
            end. With 0 it stays; without labels that separate the classes, this preserves every confident
            prediction, right or wrong.
    """

    def __init__(
        self,
        change: nn.Module,
        weight: float = 1.0,
        warmup: float = 0.0,
        metric: str = "consistency_loss",
        fade: float = 0.0,
    ) -> None:
        super().__init__()
        self.change, self.weight, self.warmup, self.metric, self.fade = change, weight, warmup, metric, fade

    def forward(self, model: Autoencoder, teacher: Autoencoder, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        target = class_targets(teacher, batch)
        with frozen_statistics(model):
            loss = divergence(target, class_logits(model, self.change(all_rows(batch))))
        progress = torch.as_tensor(batch.progress)
        ramp = (progress / self.warmup).clamp(max=1.0) if self.warmup else 1.0
        remaining = (1.0 - progress).clamp(min=0.0) ** self.fade if self.fade else 1.0
        return self.weight * ramp * remaining * loss, {self.metric: loss}


@component
class InterpolationConsistency(nn.Module):
    r"""Between two rows the prediction must change linearly, so that classes change where there are few rows.

    :math:`KL(\lambda t_i + (1 - \lambda) t_j \,\|\, q(y \mid \lambda x_i + (1 - \lambda) x_j))` with
    :math:`\lambda` uniform from 0.5 to 1. The target :math:`t` is the class where it is known, otherwise the teacher's
    prediction (Verma et al., arXiv 1903.03825). If few labels are badly placed, whole groups of rows take a
    neighbour's class, and smoothness around each row keeps them there; this brings them back. It helps early in the
    training: later, predictions that are also certain between rows are better, so the weight falls to zero.

    Args:
        weight: Factor on the divergence at the start; it falls linearly to zero at the end.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, model: Autoencoder, teacher: Autoencoder, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        rows, target = all_rows(batch), class_targets(teacher, batch)
        if batch.labelled_y is not None:
            known = F.one_hot(batch.labelled_y, target.shape[1]).to(target.dtype)
            target = torch.cat([target[: len(batch.x)], known])
        share = shards.draw((len(rows),), lambda empty: empty.uniform_(0.5, 1), device=rows.device)
        lengths = [len(batch.x)] + ([] if batch.labelled_x is None else [len(batch.labelled_x)])
        mixed = torch.lerp(_partners(rows, lengths), rows, share.view(-1, *[1] * (rows.dim() - 1)))
        with frozen_statistics(model):
            between = torch.lerp(_partners(target, lengths), target, share[:, None])
            loss = divergence(between, class_logits(model, mixed))
        remaining = 1.0 - torch.as_tensor(batch.progress)  # float32, as in a captured step
        return self.weight * remaining * loss, {"interpolation_loss": loss}


def _partners(rows: Tensor, lengths: list[int]) -> Tensor:
    """A partner for each row: the batch, which is in random order, reversed."""
    whole = [shards.all_gather(part) for part in rows.split(lengths)]
    partners = torch.cat(whole).flip(0).split([len(part) for part in whole])
    return torch.cat([shards.local_rows(part) for part in partners])


@component
class VirtualAdversarial(nn.Module):
    r"""Virtual adversarial training: the class must not change under the worst small step.

    The direction comes from one power iteration (Miyato et al., arXiv 1704.03976, algorithm 1).
    The radius of each row follows the data: a share of the distance to its nearest neighbour in
    the batch, so that crowded regions are smoothed less (after IMSAT, Hu et al., arXiv 1702.08720).

    Args:
        radius: Length of the step, as a share of the distance to the nearest row of the batch.
        weight: Factor on the divergence.
        probe: Length of the probing step, on the same scale as ``radius``. It is long: close to
            a row of which the model is certain, the divergence is flat and shows no direction.
    """

    def __init__(self, radius: float = 0.2, weight: float = 1.0, probe: float = 1.5) -> None:
        super().__init__()
        self.radius, self.weight, self.probe = radius, weight, probe

    def forward(self, model: Autoencoder, teacher: Autoencoder, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        x = batch.x
        spacing = _nearest_distance(x).view(-1, *[1] * (x.dim() - 1))
        with frozen_statistics(model):
            with torch.no_grad():
                target = class_probabilities(model, x)
            step = (self.probe * spacing * _unit(shards.randn_like(x))).requires_grad_()
            (direction,) = torch.autograd.grad(divergence(target, class_logits(model, x + step)), step)
            worst = x + self.radius * spacing * _unit(direction)
            loss = divergence(target, class_logits(model, worst))
        return self.weight * loss, {"adversarial_loss": loss}


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x.flatten(1), dim=1).view_as(x)


def _nearest_distance(x: Tensor) -> Tensor:
    """Distance of each row to the nearest other one of the batch, ``(B,)``."""
    flat = x.flatten(1).float()
    distances = torch.cdist(flat, shards.all_gather(flat))
    index = torch.arange(len(x), device=x.device)
    distances[index, index + shards.rank() * len(x)] = distances.new_full((), float("inf"))  # made on the device
    return distances.amin(1)
