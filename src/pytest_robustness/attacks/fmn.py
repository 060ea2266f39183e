"""The fast minimum-norm attack."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.batch import input_gradient
from pytest_robustness.attacks.class_gradients import lead, scaled
from pytest_robustness.attacks.nearest import Nearest, lengths
from pytest_robustness.errors import check_number

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch, Found
    from pytest_robustness.classifiers import Forward

_LAST_ALPHA = 0.01
_LAST_GAMMA = 0.02
"""The last values of the two rates, as shares of the first ones."""

_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class FMN(NormAttack):
    """Fast minimum-norm attack (Pintor et al. 2021, arXiv:2102.12827, Algorithm 1).

    Each step follows the gradient of the margin, inside a ball of its own around the image that grows while the point
    is not adversarial and shrinks while it is. Until a sample is first fooled, its ball reaches to the boundary of the
    linearised classifier and, other than in the paper, by the share of a growing ball beyond: else points whose pixels
    are cut to their bounds approach the boundary from inside and never cross it.

    Parameters
    ----------
    norm, eps, target
        See `NormAttack`.
    steps : int
        Steps; the paper takes up to 1000.
    alpha_init : float
        Euclidean length of the first step, which falls along a cosine to a hundredth.
    gamma_init : float
        Share by which the first ball grows or shrinks, which falls along a cosine to a fiftieth.
    stop_at_eps : bool
        A sample is done at its first adversarial image within `eps`, instead of looking for nearer ones.
    """

    name = "fmn"
    minimal = True

    steps: int = 100
    alpha_init: float = field(default=1.0, metadata={"quiet": True})
    gamma_init: float = field(default=0.05, metadata={"quiet": True})
    stop_at_eps: bool = field(default=False, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)
        check_number("alpha_init", self.alpha_init, minimum=0.0, above=True)
        check_number("gamma_init", self.gamma_init, minimum=0.0, above=True)

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        nearest = Nearest(batch, self.norm, within=self.eps if self.stop_at_eps else None)
        self._descend(forward, batch, nearest)
        return nearest.end(forward)

    def _descend(self, forward: Forward, batch: Batch, nearest: Nearest) -> None:
        points = batch.images
        radius = torch.full((len(batch),), torch.inf, device=points.device)
        for step in range(self.steps):
            points = points.detach().requires_grad_()
            logits = forward(points)
            values = lead(logits, batch)
            gradient = input_gradient(values, points).flatten(1)
            gradient, ahead = scaled(gradient, values.detach().to(gradient))
            points, fooled = points.detach(), batch.fooled(logits)
            nearest.note(points, fooled)
            out = (points - batch.images).flatten(1)
            best = nearest.distances[nearest.rows].to(out)
            gamma = self.gamma_init * _cosine(_LAST_GAMMA, step / self.steps)
            to_boundary = lengths(out, self.norm) - ahead / self._dual(gradient)
            outwards = (1 + gamma) * torch.where(best.isfinite(), radius, to_boundary)
            radius = torch.where(fooled, torch.minimum(radius * (1 - gamma), best), outwards)
            alpha = self.alpha_init * _cosine(_LAST_ALPHA, step / self.steps)
            out = out + alpha * gradient / gradient.norm(dim=1, keepdim=True).clamp_min(_TINY)
            points = (batch.images + self._within(out, radius).reshape(points.shape)).clamp(0.0, 1.0)
            keep = nearest.keep()
            if keep is not None:
                if len(keep) == 0:
                    return
                batch, points, radius = batch.keep(keep), points[keep], radius[keep]
        with torch.no_grad():
            nearest.note(points, batch.fooled(forward(points)))

    def _dual(self, gradient: Tensor) -> Tensor:
        size = gradient.abs().sum(dim=1) if self.norm == "linf" else gradient.norm(dim=1)
        return size.clamp_min(_TINY)

    def _within(self, moves: Tensor, radius: Tensor) -> Tensor:
        """Return the nearest moves (B, D) no longer than the radius (B,)."""
        if self.norm == "linf":
            return torch.minimum(torch.maximum(moves, -radius[:, None]), radius[:, None])
        share = radius / lengths(moves, "l2").clamp_min(_TINY)
        return moves * share.clamp_max(1.0)[:, None]


def _cosine(last: float, time: float) -> float:
    """Return the value at a time in [0, 1] of a cosine that falls from 1 to the last value."""
    return last + (1 - last) * (1 + math.cos(math.pi * time)) / 2
