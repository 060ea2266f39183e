"""How far other classes are ahead of the true one, and the gradients of that, all from one forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pytest_robustness.attacks.batch import finite
from pytest_robustness.attacks.losses import margin

if TYPE_CHECKING:
    from pytest_robustness.attacks.batch import Batch


def likely_classes(logits: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return the `count` most likely wrong classes of each sample, (B, min(count, K - 1)), the likeliest first."""
    others = logits.detach().scatter(1, labels[:, None], -torch.inf)
    return others.topk(min(count, logits.shape[1] - 1), dim=1).indices


def leads(logits: Tensor, batch: Batch, classes: Tensor) -> Tensor:
    """Return how far the classes (B, M) are ahead of the label, ``z_k - z_y``, (B, M): negative where they lose.

    With targets it is how far they are ahead of the strongest other class: the true one may no longer be that.
    """
    rivals = batch.labels if batch.targets is None else _strongest_but(logits, batch.targets)
    return logits.gather(1, classes) - logits.gather(1, rivals[:, None])


def lead(logits: Tensor, batch: Batch) -> Tensor:
    """Return how far a sample is beyond the boundary that it has to cross, (B,): positive where it fools.

    That is ``max_{k != y} z_k - z_y``; with targets t it is ``z_t - max_{k != t} z_k`` (arXiv:1608.04644, f_6).
    """
    if batch.targets is None:
        return margin(logits, batch.labels)
    return -margin(logits, batch.targets)


def class_gradients(values: Tensor, points: Tensor) -> Tensor:
    """Return the gradients (B, M, C, H, W) of values (B, M) in points (B, C, H, W), by M walks back.

    Zero where the model has cut the path between them.

    Raises
    ------
    ClassifierError
        Where a gradient is NaN or infinite.
    """
    if not values.requires_grad:
        return torch.zeros_like(points)[:, None].repeat(1, values.shape[1], 1, 1, 1)
    parts = [_gradient(values[:, m], points, retain=m + 1 < values.shape[1]) for m in range(values.shape[1])]
    return finite(torch.stack(parts, dim=1))


def nearest_boundary(ahead: Tensor, gradients: Tensor, norm: str) -> tuple[Tensor, Tensor]:
    """Return the slopes (B, D) and the value (B,) of the lead whose linearised zero is nearest.

    The distance is ``|value| / ||gradient||`` in the dual norm (arXiv:1511.04599, eq. 8 and 11).

    Parameters
    ----------
    ahead : Tensor of shape (B, M)
    gradients : Tensor of shape (B, M, D)
    norm : {"linf", "l2"}
    """
    if ahead.shape[1] == 1:
        return scaled(gradients[:, 0], ahead[:, 0])
    dual = gradients.abs().sum(dim=2) if norm == "linf" else gradients.norm(dim=2)
    chosen = (ahead.abs() / dual.clamp_min(torch.finfo(dual.dtype).tiny)).argmin(dim=1)
    rows = torch.arange(len(ahead), device=ahead.device)
    return scaled(gradients[rows, chosen], ahead[rows, chosen])


def scaled(slopes: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return slopes (B, D) and values (B,) over the largest slope of each, so that squares stay in the range of floats.

    Where all slopes are 0 they stay as they are.
    """
    size = slopes.abs().amax(dim=1)
    size = torch.where(size > 0, size, 1.0)
    return slopes / size[:, None], values / size


def _strongest_but(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.detach().scatter(1, classes[:, None], -torch.inf).argmax(dim=1)


def _gradient(values: Tensor, points: Tensor, *, retain: bool) -> Tensor:
    (gradient,) = torch.autograd.grad(values.sum(), points, allow_unused=True, retain_graph=retain)
    return torch.zeros_like(points) if gradient is None else gradient
