"""Projected gradient descent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pytest_robustness.attacks.base import Attack, input_gradient, odds_against
from pytest_robustness.errors import check_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.attacks.balls import Ball
    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, kw_only=True)
class PGD(Attack):
    """Projected gradient descent on the cross-entropy (Madry et al. 2018, arXiv:1706.06083, section 2.1).

    Parameters
    ----------
    norm, eps
        See `Attack`.
    steps : int
        Gradient steps of each restart.
    step_size : float, optional
        Length of a step in the units of `eps`; by default ``2.5 * eps / steps``.
    restarts : int
        Runs from different random starts; a later one works only on the samples that resisted the earlier ones.
    random_start : bool
        Start from a random point of the ball instead of the image itself.
    """

    name = "pgd"

    steps: int = 40
    step_size: float | None = field(default=None, metadata={"quiet": True})
    restarts: int = field(default=1, metadata={"quiet": True})
    random_start: bool = field(default=True, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)
        check_number("restarts", self.restarts, minimum=1, whole=True)
        if self.step_size is not None:
            check_number("step_size", self.step_size, minimum=0.0, above=True)

    def _perturb(
        self, forward: Forward, images: Tensor, labels: Tensor, ball: Ball, *, ids: NDArray[np.int64], seed: int
    ) -> Tensor:
        found = images.clone()
        resisting = torch.arange(len(images), device=images.device)
        size = 2.5 * self.eps / self.steps if self.step_size is None else self.step_size
        for restart in range(self.restarts):
            here = ball.keep(resisting)
            keys = ids[resisting.cpu().numpy()]
            start = (
                here.random(keys, seed=seed, stream=f"{self.name}/start", index=restart)
                if self.random_start
                else images[resisting]
            )
            ends, fooled = climb(forward, start, labels[resisting], here, steps=self.steps, size=size)
            found[resisting] = ends
            resisting = resisting[~fooled]
            if len(resisting) == 0:
                break
        return found


def climb(
    forward: Forward, points: Tensor, labels: Tensor, ball: Ball, *, steps: int, size: float
) -> tuple[Tensor, Tensor]:
    """Follow the gradient of the cross-entropy; a sample leaves the batch at the first point that fools the classifier.

    See `odds_against` for how that gradient is found.

    Parameters
    ----------
    forward : callable
        Images (B, C, H, W) to logits (B, K).
    points : Tensor of shape (B, C, H, W)
        Where to start, inside `ball`.
    labels : Tensor of shape (B,)
    ball : Ball
    steps : int
    size : float
        Length of a step.

    Returns
    -------
    ends : Tensor of shape (B, C, H, W)
        The first fooling point of each sample, or its last point.
    fooled : Tensor of bool, shape (B,)
    """
    ends = points.clone()
    fooled = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    rows = torch.arange(len(points), device=points.device)
    for step in range(steps + 1):
        # One forward pass serves the test of this point and, unless it is the last, the gradient of the next step.
        last = step == steps
        points = points.detach().requires_grad_(not last)
        with torch.set_grad_enabled(not last):
            logits = forward(points)
            wrong = logits.argmax(dim=1) != labels
            ends[rows] = points.detach()
            fooled[rows[wrong]] = True
            if last or wrong.all():
                break
            keep = ~wrong
            values = odds_against(logits[keep], labels[keep])
        gradient = input_gradient(values, points)
        rows, labels, ball = rows[keep], labels[keep], ball.keep(keep)
        points = ball.ascend(points.detach()[keep], gradient[keep], size)
    return ends, fooled
