"""DeepFool."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.class_gradients import class_gradients, leads, likely_classes, nearest_boundary
from pytest_robustness.attacks.nearest import Nearest
from pytest_robustness.errors import check_number

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch, Found
    from pytest_robustness.classifiers import Forward

_FINAL_ROUNDS = 4
"""Points that are tried between an image and the adversarial one, at the end."""

_ANY = sys.float_info.max
"""Every adversarial image is near enough to stop at."""


@dataclass(frozen=True, kw_only=True)
class DeepFool(NormAttack):
    """DeepFool (Moosavi-Dezfooli et al. 2016, arXiv:1511.04599, Algorithm 2; for linf its eq. 10 to 12).

    Each step goes to the nearest of the linearised boundaries between the true class and the others, until the image
    is adversarial. Points are kept in the bounds of the pixels, and are looked at with the overshoot, so that the
    boundary is crossed and not only approached. What is added is a short search on the line back to the clean image,
    which makes the distance tight.

    Parameters
    ----------
    norm, eps, target
        See `NormAttack`.
    steps : int
        Steps at most.
    overshoot : float
        By which share the way from the image is made longer.
    candidates : int
        Classes that count: the true one and the most likely others.
    stop_at_eps : bool
        No search for a nearer image where the one that was found is within `eps`.
    """

    name = "deepfool"
    minimal = True

    steps: int = 50
    overshoot: float = field(default=0.02, metadata={"quiet": True})
    candidates: int = field(default=10, metadata={"quiet": True})
    stop_at_eps: bool = field(default=False, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)
        check_number("overshoot", self.overshoot, minimum=0.0)
        check_number("candidates", self.candidates, minimum=2, whole=True)

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        nearest = Nearest(batch, self.norm, within=_ANY)
        self._cross(forward, batch, nearest)
        nearest.pull_back(forward, _FINAL_ROUNDS, until=self.eps if self.stop_at_eps else None)
        return nearest.end(forward)

    def _cross(self, forward: Forward, batch: Batch, nearest: Nearest) -> None:
        """Step until the boundary is crossed; a sample that has crossed it leaves."""
        points = inner = batch.images
        classes = batch.labels[:, None] if batch.targets is None else batch.targets[:, None]
        for step in range(self.steps):
            points = points.detach().requires_grad_()
            logits = forward(points)
            if step == 0 and batch.targets is None:
                classes = likely_classes(logits, batch.labels, self.candidates - 1)
            ahead = leads(logits, batch, classes)
            gradients = class_gradients(ahead, points)
            points = points.detach()
            nearest.note(points, batch.fooled(logits))
            keep = nearest.keep()
            if keep is not None:
                if len(keep) == 0:
                    return
                batch, classes, points, inner = batch.keep(keep), classes[keep], points[keep], inner[keep]
                ahead, gradients = ahead[keep], gradients[keep]
            inner = self._step(inner, points, ahead.detach().to(points), gradients)
            points = (batch.images + (1 + self.overshoot) * (inner - batch.images)).clamp(0.0, 1.0)
        with torch.no_grad():
            nearest.note(points, batch.fooled(forward(points)))

    def _step(self, inner: Tensor, points: Tensor, ahead: Tensor, gradients: Tensor) -> Tensor:
        """Move the inner points onto the nearest boundary of the classifier linearised at the points."""
        slopes, value = nearest_boundary(ahead, gradients.flatten(2), self.norm)
        value = value + torch.linalg.vecdot(slopes, (inner - points).flatten(1))
        way, square = (slopes.sign(), slopes.abs()) if self.norm == "linf" else (slopes, slopes.square())
        length = -value / square.sum(dim=1).clamp_min(1.0)  # the largest slope is 1, or all are 0
        moved: Tensor = inner + (length[:, None] * way).reshape(inner.shape)
        return moved.clamp(0.0, 1.0)
