"""Projected gradient descent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.batch import Found, Record, input_gradient, tries_in_turn
from pytest_robustness.attacks.losses import LOSSES, loss_named
from pytest_robustness.errors import check_number

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.attacks.losses import Loss
    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, kw_only=True)
class PGD(NormAttack):
    """Projected gradient descent (Madry et al. 2018, arXiv:1706.06083, section 2.1).

    Parameters
    ----------
    norm, eps, target
        See `NormAttack`.
    steps : int
        Gradient steps of each restart.
    step_size : float, optional
        Length of a step in the units of `eps`; by default ``2.5 * eps / steps``.
    restarts : int
        Runs from different random starts; a later one works only on the samples that resisted the earlier ones.
    random_start : bool
        Start from a random point of the ball instead of the image itself.
    loss : {"ce", "cw", "dlr"}
        What is maximised: the cross-entropy, the margin of Carlini and Wagner, or the difference-of-logits ratio.
    momentum : float
        Decay of the sum of past gradients that is followed instead of the last one (Dong et al. 2018,
        arXiv:1710.06081, eq. 6); 0 for none.
    """

    name = "pgd"

    steps: int = 40
    step_size: float | None = field(default=None, metadata={"quiet": True})
    restarts: int = field(default=1, metadata={"quiet": True})
    random_start: bool = field(default=True, metadata={"quiet": True})
    loss: str = field(default="ce", metadata={"quiet": True})
    momentum: float = field(default=0.0, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)
        check_number("restarts", self.restarts, minimum=1, whole=True)
        check_number("momentum", self.momentum, minimum=0.0)
        loss_named(self.loss)
        if self.step_size is not None:
            check_number("step_size", self.step_size, minimum=0.0, above=True)

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        size = 2.5 * self.eps / self.steps if self.step_size is None else self.step_size
        options: dict[str, Any] = {"loss": LOSSES[self.loss], "momentum": self.momentum}

        def once(here: Batch, _: Tensor, restart: int) -> Found:
            start = here.images
            if self.random_start:
                start = here.ball.random(here.ids, seed=here.seed, stream=f"{self.name}/start", index=restart)
            return climb(forward, here, start, steps=self.steps, size=size, **options)

        return tries_in_turn(batch, range(self.restarts), once)


def climb(
    forward: Forward,
    batch: Batch,
    points: Tensor,
    *,
    steps: int,
    size: float,
    loss: Loss = LOSSES["ce"],
    momentum: float = 0.0,
) -> Found:
    """Follow the gradient of a loss; a sample leaves the batch at the first point that fools the classifier.

    Parameters
    ----------
    forward : callable
        Images (B, C, H, W) to logits (B, K).
    batch : Batch
    points : Tensor of shape (B, C, H, W)
        Where to start, inside the ball.
    steps : int
    size : float
        Length of a step.
    loss : callable
        One of `LOSSES`.
    momentum : float
        Decay of the sum of past gradients, each divided by its mean absolute value.
    """
    record = Record(batch)
    points = points.clone()
    past = torch.zeros_like(points) if momentum else None
    for _ in range(steps):
        # One forward pass serves the test of this point and the gradient of the next step.
        points.requires_grad_()
        logits = forward(points)
        gradient = input_gradient(batch.loss(loss, logits), points)
        points = points.detach()
        keep = record.note(points, batch.fooled(logits))
        if keep is not None:
            if len(keep) == 0:
                return record.found
            batch, points, gradient = batch.keep(keep), points[keep], gradient[keep]
            past = None if past is None else past[keep]
        if past is not None:
            past = gradient = momentum * past + gradient / _mean_size(gradient)
        points = batch.ball.ascend(points, gradient, size)
    with torch.no_grad():
        return record.end(points, batch.fooled(forward(points)))


def _mean_size(gradient: Tensor) -> Tensor:
    size = gradient.abs().flatten(1).mean(dim=1).clamp_min(torch.finfo(gradient.dtype).tiny)
    return size[:, None, None, None]
