"""What the gradients of a model look like on a few samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_robustness.attacks.balls import BALLS
from pytest_robustness.attacks.batch import input_gradient
from pytest_robustness.attacks.losses import margin, odds_against

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.attacks.losses import Loss
    from pytest_robustness.classifiers import Classifier, Forward


def zero_gradients(
    classifier: Classifier, images: NDArray[np.float32], labels: NDArray[np.int64], *, batch_size: int = 500
) -> NDArray[np.bool_]:
    """Return for each image whether the gradient that the attacks follow is exactly zero in every pixel.

    A sample with such a gradient resists every gradient attack, whatever its true robustness: a quantiser in front of
    the model does that, and so do probabilities that have saturated (Athalye et al. 2018, arXiv:1802.00420).

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
    labels : ndarray of int64, shape (N,)

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    found = [np.zeros(0, dtype=np.bool_)]
    with classifier.differentiable() as forward:
        device = forward.device
        for start in range(0, len(images), batch_size):
            points = torch.tensor(images[start : start + batch_size], device=device)
            truth = torch.as_tensor(labels[start : start + batch_size], device=device)
            found.append(_is_zero(_slope(forward, points, truth, odds_against).gradient).cpu().numpy())
    return np.concatenate(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradients:
    """What the gradients of N samples promise, and what becomes of the promise.

    Attributes
    ----------
    zero : Tensor of bool, shape (N,)
        The gradient of the odds or of the margin is exactly zero at the image.
    faint : Tensor of bool, shape (N,)
        It is not, but all that it promises within the ball is lost in the rounding of the logits.
    kept : Tensor of float64, shape (N,)
        Share of the promised rise of the loss that steps of a tenth and of a quarter of the radius bring, the mean of
        both; NaN where nothing is promised, or where the loss is the same in all of the ball as far as seen.
    turn : Tensor of float64, shape (N,)
        Cosine of the angle between the gradient at the image and at random points of the ball, their mean
        (Andriushchenko and Flammarion 2020, arXiv:2007.02617, eq. 5); NaN where a gradient is zero.
    flat : Tensor of bool, shape (N,)
        The loss at those points is the same as at the image, to the bit.
    """

    zero: Tensor
    faint: Tensor
    kept: Tensor
    turn: Tensor
    flat: Tensor


def look_at_gradients(forward: Forward, batch: Batch, *, norm: str, eps: float) -> Gradients:
    """Measure what the gradients of a batch are worth; 6 forward and 4 backward passes a sample.

    Parameters
    ----------
    forward : Forward
        Differentiable.
    batch : Batch
        N samples with the ball of the attack.
    norm, eps
        Of that ball; eps > 0.
    """
    here = _slope(forward, batch.images, batch.labels, odds_against)
    beside = _slope(forward, batch.images, batch.labels, margin)
    starts = [batch.ball.random(batch.ids, seed=batch.seed, stream="sanity/ball", index=i) for i in range(POINTS)]
    there = [_slope(forward, start, batch.labels, odds_against) for start in starts]
    flat = torch.stack([(one.loss == here.loss) for one in there]).all(dim=0)
    zero = _is_zero(here.gradient) | _is_zero(beside.gradient)
    # What the gradient promises for a step to the edge of the ball, at least for one of a grey level.
    unit = 1 / 255 * (here.gradient[0].numel() ** 0.5 if norm == "l2" else 1)
    promise = _dual(here.gradient, norm) * max(eps, unit)
    faint = ~zero & (promise < _ROUNDING * here.scale)
    return Gradients(
        zero=zero,
        faint=faint,
        kept=_kept(forward, batch, starts[0], there[0], norm=norm, eps=eps).masked_fill(flat, torch.nan),
        turn=torch.stack([_cosine(here.gradient, one.gradient) for one in there]).mean(dim=0),
        flat=flat,
    )


POINTS = 2
"""Random points of the ball at which the gradient is compared with that at the image."""

_ROUNDING = 4 * float(torch.finfo(torch.float32).eps)
_STEPS = (0.1, 0.25)


@dataclass(frozen=True, slots=True)
class _Slope:
    """Loss (N,), its gradient (N, C, H, W), and the largest logit of each sample without its sign (N,)."""

    loss: Tensor
    gradient: Tensor
    scale: Tensor


def _slope(forward: Forward, points: Tensor, labels: Tensor, loss: Loss) -> _Slope:
    points = points.clone().requires_grad_()
    logits = forward(points)
    values = loss(logits, labels, None)
    gradient = input_gradient(values, points)
    return _Slope(values.detach().double(), gradient, logits.detach().abs().amax(dim=1).double())


def _kept(forward: Forward, batch: Batch, start: Tensor, slope: _Slope, *, norm: str, eps: float) -> Tensor:
    """Return the mean share of the promised rise that two steps from `start` bring."""
    # A ball around the start that takes any step: a step is cut at the bounds of the pixels only.
    box = BALLS[norm].around(start, 1.0 if norm == "linf" else start[0].numel() ** 0.5)
    shares = []
    for step in _STEPS:
        points = box.ascend(start, slope.gradient, step * eps)
        promised = (slope.gradient.double() * (points.double() - start.double())).flatten(1).sum(dim=1)
        with torch.no_grad():
            rise = odds_against(forward(points), batch.labels).double() - slope.loss
        heard = promised > _ROUNDING * slope.scale
        shares.append(torch.where(heard, rise / promised, torch.nan))
    return torch.stack(shares).mean(dim=0)


def _is_zero(gradient: Tensor) -> Tensor:
    return (gradient.flatten(1) == 0).all(dim=1)


def _dual(gradient: Tensor, norm: str) -> Tensor:
    """Return the length of a gradient in the dual norm: what it promises for a step of length 1."""
    length: Tensor = torch.linalg.vector_norm(gradient.double().flatten(1), ord=1 if norm == "linf" else 2, dim=1)
    return length


def _cosine(one: Tensor, other: Tensor) -> Tensor:
    a, b = one.double().flatten(1), other.double().flatten(1)
    # Scaled first: the square of a tiny gradient would be zero.
    a, b = a / a.abs().amax(dim=1, keepdim=True), b / b.abs().amax(dim=1, keepdim=True)
    return (a * b).sum(dim=1) / ((a**2).sum(dim=1) * (b**2).sum(dim=1)).sqrt()
