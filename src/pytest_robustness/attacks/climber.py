"""The samples of an Auto-PGD climb, and what one step does to them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pytest_robustness.attacks.batch import Batch, input_gradient
from pytest_robustness.attacks.losses import margin
from pytest_robustness.transforms.random import sample_generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_robustness.attacks.losses import Loss
    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How to climb.

    Attributes
    ----------
    steps : int
    size : float
        Length of the first step, in the units of the norm.
    loss : callable
        What is maximised, one of `LOSSES`.
    norm : {"linf", "l2"}
    rho : float
        A step size is halved where the loss rose in a smaller share of the steps since the last checkpoint.
    noise : float
        Size of the noise that is added to every gradient, as a multiple of its mean absolute value.
    patience : float, optional
        See `hopeless`; None to give nobody up.
    stream : str
        Name of the noise.
    """

    steps: int
    size: float
    loss: Loss
    norm: str
    rho: float = 0.75
    noise: float = 0.0
    patience: float | None = None
    stream: str = "apgd"


@dataclass(slots=True, kw_only=True)
class Climb:
    """The A samples that are still climbing, a row each; the loss grows towards success."""

    batch: Batch
    aims: Tensor | None
    points: Tensor
    before: Tensor
    gradient: Tensor
    best: Tensor
    best_gradient: Tensor
    size: Tensor
    value: Tensor
    top: Tensor
    top_checked: Tensor
    rises: Tensor
    halved: Tensor
    lead: Tensor
    first_lead: Tensor
    fell: Tensor

    def keep(self, rows: Tensor | None) -> bool:
        """Go on with some rows (None: all of them); return whether there are any."""
        if rows is None:
            return True
        if len(rows):
            for part in fields(self):
                value = getattr(self, part.name)
                if value is not None:
                    setattr(self, part.name, value.keep(rows) if isinstance(value, Batch) else value[rows])
        return len(rows) > 0

    def move(self, rules: Rules, step: int, index: int) -> None:
        """Take one step: a quarter of it is the last one again (eq. 3 and 4 of the paper)."""
        gradient, ball = self.gradient, self.batch.ball
        if rules.noise:
            gradient = _shaken(gradient, rules, sample_id=step, seed=self.batch.seed, index=index)
        ahead = ball.project(_DIRECTIONS[rules.norm](gradient).mul_(self.size).add_(self.points))
        if step > 1:
            ahead = ball.project(ahead.mul_(0.75).add_(self.points, alpha=0.5).sub_(self.before, alpha=0.25))
        self.before, self.points = self.points, ahead

    def look(self, forward: Forward, rules: Rules) -> None:
        """Take in loss, gradient, success and lead at the present points, all of one forward pass."""
        points = self.points.requires_grad_()
        logits = forward(points)
        loss = rules.loss(logits, self.batch.labels, self.aims)
        self.gradient = input_gradient(loss, points)
        self.points, value, logits = points.detach(), loss.detach(), logits.detach()
        self.fell = self.batch.fooled(logits)
        if rules.patience is not None:
            self.lead = torch.minimum(self.lead, -margin(logits, self.batch.labels, self.aims))
        better = value > self.top
        self._remember(better)
        self.rises = self.rises + (value > self.value)
        self.value, self.top = value, torch.maximum(value, self.top)

    def look_last(self, forward: Forward, rules: Rules) -> None:
        """Take in success at the last points, which need no gradient any more; they are the best where they fool."""
        with torch.no_grad():
            logits = forward(self.points)
            value = rules.loss(logits, self.batch.labels, self.aims)
        self.fell = self.batch.fooled(logits)
        self.best = torch.where(_wide(self.fell | (value > self.top)), self.points, self.best)

    def _remember(self, better: Tensor) -> None:
        """Take the present points and gradients of some samples as their best."""
        rows = better.nonzero()[:, 0]
        if len(rows) == len(better):
            self.best, self.best_gradient = self.points, self.gradient
        elif len(rows):
            self.best = self.best.index_copy(0, rows, self.points[rows])
            self.best_gradient = self.best_gradient.index_copy(0, rows, self.gradient[rows])

    def check(self, enough: float) -> None:
        """Halve the step of each sample that stalls, and send it back to its best point (conditions 1 and 2)."""
        stalls = (self.rises < enough) | (~self.halved & (self.top <= self.top_checked))
        wide = _wide(stalls)
        self.size = torch.where(wide, self.size / 2, self.size)
        self.points = torch.where(wide, self.best, self.points)
        self.gradient = torch.where(wide, self.best_gradient, self.gradient)
        self.value = torch.where(stalls, self.top, self.value)
        self.halved, self.top_checked, self.rises = stalls, self.top, torch.zeros_like(self.rises)


def begin(forward: Forward, batch: Batch, aims: Tensor | None, start: Tensor, rules: Rules) -> Climb:
    """Look at the starting points: better than nothing, whatever they are."""
    low = torch.full((len(batch),), -torch.inf, device=start.device)
    climb = Climb(
        batch=batch,
        aims=aims,
        points=start.clone(),
        before=start,
        gradient=start,
        best=start,
        best_gradient=start,
        size=torch.full_like(start[:, :1, :1, :1], rules.size),
        value=low,
        top=low,
        top_checked=low,
        rises=low,
        halved=torch.ones_like(low, dtype=torch.bool),
        lead=-low,
        first_lead=-low,
        fell=low.isnan(),
    )
    climb.look(forward, rules)
    climb.rises, climb.top_checked, climb.first_lead = torch.zeros_like(low), climb.top, climb.lead
    return climb


def _shaken(gradient: Tensor, rules: Rules, *, sample_id: int, seed: int, index: int) -> Tensor:
    """Add the same noise to all gradients: it depends on the step alone, so that no batch can change it."""
    shape = tuple(gradient.shape[1:])
    noise = sample_generator(seed, f"{rules.stream}/noise", sample_id, index).standard_normal(shape, dtype=np.float32)
    strength = gradient.abs().mean(dim=(1, 2, 3), keepdim=True) * rules.noise
    return torch.addcmul(gradient, strength, torch.as_tensor(noise, device=gradient.device))


def _unit(gradient: Tensor) -> Tensor:
    """Return the gradient at a Euclidean length of 1; a zero gradient stays zero."""
    length: Tensor = torch.linalg.vector_norm(gradient, dim=(1, 2, 3), keepdim=True, dtype=torch.float64)
    return gradient / length.clamp_min(torch.finfo(torch.float32).tiny).float()


def _wide(flags: Tensor) -> Tensor:
    """Return flags (A,) in a shape that goes with images."""
    return flags[:, None, None, None]


_DIRECTIONS: dict[str, Callable[[Tensor], Tensor]] = {"linf": torch.sign, "l2": _unit}
