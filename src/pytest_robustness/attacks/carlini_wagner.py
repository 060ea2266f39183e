"""The L2 attack of Carlini and Wagner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.batch import input_gradient
from pytest_robustness.attacks.class_gradients import lead
from pytest_robustness.attacks.nearest import Nearest
from pytest_robustness.errors import check_number

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch, Found
    from pytest_robustness.classifiers import Forward

_INSIDE = 1 - 1e-6
"""Pixels are drawn in by this factor, from 0 and 1 towards the middle: the inverse of tanh is infinite there."""

_LARGEST_CONST = 1e10
_FINAL_ROUNDS = 4
"""Points that are tried between an image and the nearest adversarial one, at the end."""

_DECAYS = (0.9, 0.999)
_EPSILON = 1e-8


@dataclass(frozen=True)
class _Adam:
    """Variables of the tanh space (B, C, H, W), with the running mean of their gradient and of its square."""

    values: Tensor
    mean: Tensor
    square: Tensor

    @classmethod
    def at(cls, values: Tensor) -> _Adam:
        return cls(values, torch.zeros_like(values), torch.zeros_like(values))

    def step(self, gradient: Tensor, rate: float, count: int) -> _Adam:
        """Return the state after step number `count`, from 1 (Kingma and Ba 2015, arXiv:1412.6980, Algorithm 1)."""
        first, second = _DECAYS
        mean = torch.lerp(gradient, self.mean, first)
        square = torch.lerp(gradient.square(), self.square, second)
        size = (square / (1 - second**count)).sqrt_().add_(_EPSILON)
        return _Adam(torch.addcdiv(self.values, mean, size, value=-rate / (1 - first**count)), mean, square)

    def keep(self, rows: Tensor) -> _Adam:
        return _Adam(self.values[rows], self.mean[rows], self.square[rows])


@dataclass(frozen=True, kw_only=True)
class CarliniWagner(NormAttack):
    """L2 attack of Carlini and Wagner 2017 (arXiv:1608.04644, sections 5 and 6.A).

    Adam minimises ``||x' - x||^2 + c * max(z_y - max_{k != y} z_k + confidence, 0)`` over w, where
    ``x' = (tanh(w) + 1) / 2`` keeps the pixels in their bounds; the smallest c that succeeds is found by bisection.
    What is added is a short search on the line to the clean image, which takes away what Adam overshoots.

    Parameters
    ----------
    norm, eps, target
        See `NormAttack`; the norm is l2.
    steps : int
        Steps of Adam for each c. A sample whose loss has not fallen by 0.01 % in a tenth of them goes on to the next.
    learning_rate : float
    binary_search_steps : int
        Values of c that are tried.
    initial_const : float
        The first c; it grows tenfold until the attack succeeds.
    confidence : float
        By how much the margin has to be passed (kappa in the paper).
    stop_at_eps : bool
        A sample is done at its first adversarial image within `eps`, instead of looking for nearer ones.
    """

    name = "cw"
    minimal = True
    norms = ("l2",)

    norm: str = "l2"
    steps: int = 1000
    learning_rate: float = field(default=0.01, metadata={"quiet": True})
    binary_search_steps: int = field(default=9, metadata={"quiet": True})
    initial_const: float = field(default=0.01, metadata={"quiet": True})
    confidence: float = field(default=0.0, metadata={"quiet": True})
    stop_at_eps: bool = field(default=False, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)
        check_number("binary_search_steps", self.binary_search_steps, minimum=1, whole=True)
        check_number("learning_rate", self.learning_rate, minimum=0.0, above=True)
        check_number("initial_const", self.initial_const, minimum=0.0, above=True)
        check_number("confidence", self.confidence, minimum=0.0)

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        nearest = Nearest(batch, self.norm, within=self.eps if self.stop_at_eps else None)
        low = torch.zeros(len(batch), device=batch.images.device)
        high = torch.full_like(low, _LARGEST_CONST)
        const = torch.full_like(low, self.initial_const)
        for _ in range(self.binary_search_steps):
            rows = nearest.begin()
            if len(rows) == 0:
                break
            success = torch.zeros(len(batch), dtype=torch.bool, device=low.device)
            self._descend(forward, batch.keep(rows), const[rows], nearest, success)
            high = torch.where(success, torch.minimum(high, const), high)
            low = torch.where(success, low, torch.maximum(low, const))
            const = torch.where(high < _LARGEST_CONST, (low + high) / 2, 10 * const)
        if self.confidence == 0:
            nearest.pull_back(forward, _FINAL_ROUNDS, until=self.eps if self.stop_at_eps else None)
        return nearest.end(forward)

    def _descend(self, forward: Forward, batch: Batch, const: Tensor, nearest: Nearest, success: Tensor) -> None:
        """Run Adam for one c of each sample, and mark in `success`, of all samples, those that it was enough for."""
        adam = _Adam.at(torch.atanh((2 * batch.images - 1) * _INSIDE))
        before = torch.full_like(const, torch.inf)
        every = max(self.steps // 10, 1)
        for step in range(self.steps):
            scaled = adam.values.tanh()
            points = ((scaled + 1) / 2).requires_grad_()
            logits = forward(points)
            short = self.confidence - lead(logits, batch)
            slope = input_gradient(short.clamp_min(0), points)
            points, short = points.detach(), short.detach().to(const)
            success[nearest.rows] |= nearest.note(points, batch.fooled(logits) & (short <= 0))
            out = points - batch.images
            gradient = (2 * out + const[:, None, None, None] * slope) * (1 - scaled.square()) / 2
            adam = adam.step(gradient, self.learning_rate, step + 1)
            if (step + 1) % every == 0:
                loss = out.flatten(1).square().sum(dim=1) + const * short.clamp_min(0)
                nearest.give_up(loss > 0.9999 * before)
                before = loss
            keep = nearest.keep()
            if keep is not None:
                if len(keep) == 0:
                    return
                batch, adam, const, before = batch.keep(keep), adam.keep(keep), const[keep], before[keep]
