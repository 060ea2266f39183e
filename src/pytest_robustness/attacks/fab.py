"""The fast adaptive boundary attack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.class_gradients import class_gradients, leads, likely_classes, nearest_boundary
from pytest_robustness.attacks.nearest import Nearest, lengths
from pytest_robustness.attacks.projections import to_hyperplane
from pytest_robustness.errors import ParameterError, check_number

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch, Found
    from pytest_robustness.classifiers import Forward

_FINAL_ROUNDS = 3
"""Points that are tried between an image and the nearest adversarial one, at the end."""

_UNSETTLED = 2
"""Steps whose linear model says nothing yet about the boundary that a run will end at."""

_SHORTEST = 1e-8
"""Keeps the shares of two moves of no length apart from 0 / 0."""


@dataclass(frozen=True, kw_only=True)
class FAB(NormAttack):
    """Fast adaptive boundary attack (Croce and Hein 2020, arXiv:1907.02044, Algorithm 1).

    Each step linearises the classifier, moves onto the decision boundary of the linear one, and is drawn towards the
    clean image by aiming partly at the point of that boundary that is nearest to it. From an adversarial image it
    goes back on the line to the clean one. At the end a short search on that line.

    One thing differs from the published algorithm, which looks at the classifier twice a step: at the new point, to
    see whether it is adversarial, and after the way back, for the next gradient. Here the gradient is taken at the
    adversarial point, which lies nearer to the boundary, so that one pass serves both: half the passes.

    Parameters
    ----------
    norm, eps, target
        See `NormAttack`.
    steps : int
        Steps of each restart, towards each target.
    restarts : int
        Runs; those after the first start from random points half as far out as what is to be beaten.
    alpha_max : float
        Largest share of the aim at the point nearest to the clean image, in [0, 1].
    eta : float
        Overshoot: length of a step over the way to the boundary.
    beta : float
        Where on the line from the clean image (0) to an adversarial one (1) the way back ends.
    targets : int
        0 to go to the boundary that is nearest, for which each step needs the gradients of all classes; n to run
        towards each of the n most likely wrong classes, one gradient a step (FAB-T; section 4 of arXiv:2003.01690).
    stop_at_eps : bool
        A sample is done at its first adversarial image within `eps`, instead of looking for nearer ones.
    patience : float, optional
        A sample leaves a run when, at any step but the first two, the linearised boundary is farther from its clean
        image than ``patience * eps``. This gives up samples that would have fallen late: 1.05 in linf lost few of
        them or none; in l2 it takes 1.5, on a network with masked gradients, to lose as few.
    """

    name = "fab"
    minimal = True

    steps: int = 100
    restarts: int = field(default=1, metadata={"quiet": True})
    alpha_max: float = field(default=0.1, metadata={"quiet": True})
    eta: float = field(default=1.05, metadata={"quiet": True})
    beta: float = field(default=0.9, metadata={"quiet": True})
    targets: int = field(default=0, metadata={"quiet": True})
    stop_at_eps: bool = field(default=False, metadata={"quiet": True})
    patience: float | None = field(default=None, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)
        check_number("restarts", self.restarts, minimum=1, whole=True)
        check_number("targets", self.targets, minimum=0, whole=True)
        check_number("eta", self.eta, minimum=1.0)
        for name in ("alpha_max", "beta"):
            check_number(name, getattr(self, name), minimum=0.0)
            if getattr(self, name) > 1:
                raise ParameterError(f"{name} is out of range", got=getattr(self, name), allowed="0 to 1")
        if self.patience is not None:
            check_number("patience", self.patience, minimum=0.0, above=True)
        if self.target is not None and self.targets:
            raise ParameterError(
                "target and targets exclude each other",
                got=f"target={self.target!r}, targets={self.targets}",
                mend="target names the one class to reach; targets counts the wrong classes that are tried in turn.",
            )

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        nearest = Nearest(batch, self.norm, within=self.eps if self.stop_at_eps else None)
        aims = self._aims(forward, batch)
        for restart in range(self.restarts):
            for classes in aims:
                rows = nearest.begin()
                if len(rows):
                    self._descend(forward, batch.keep(rows), classes[rows], nearest, restart)
        nearest.pull_back(forward, _FINAL_ROUNDS, until=self.eps if self.stop_at_eps else None)
        return nearest.end(forward)

    def _aims(self, forward: Forward, batch: Batch) -> list[Tensor]:
        """Return for each run the classes (B, M) whose boundaries it may go to."""
        if batch.targets is not None:
            return [batch.targets[:, None]]
        with torch.no_grad():
            logits = forward(batch.images)
        likely = likely_classes(logits, batch.labels, self.targets or logits.shape[1])
        return [likely[:, k, None] for k in range(likely.shape[1])] if self.targets else [likely]

    def _start(self, batch: Batch, nearest: Nearest, restart: int) -> Tensor:
        if restart == 0:
            return batch.images.clone()
        random = batch.ball.random(batch.ids, seed=batch.seed, stream=f"{self.name}/start", index=restart)
        share = 0.5 * (nearest.distances[nearest.rows] / max(self.eps, _SHORTEST)).clamp_max(1).float()
        return torch.lerp(batch.images, random, share[:, None, None, None])

    def _descend(self, forward: Forward, batch: Batch, classes: Tensor, nearest: Nearest, restart: int) -> None:
        points = self._start(batch, nearest, restart)
        for step in range(self.steps):
            # One forward pass serves the test of this point and the gradients of the next step.
            points.requires_grad_()
            logits = forward(points)
            ahead = leads(logits, batch, classes)
            gradients = class_gradients(ahead, points)
            points, fooled = points.detach(), batch.fooled(logits)
            nearest.note(points, fooled)
            points, reach = self._step(batch.images, points, fooled, ahead.detach().to(points), gradients)
            if self.patience is not None and step >= _UNSETTLED:
                nearest.give_up(reach > self.patience * self.eps)
            keep = nearest.keep()
            if keep is not None:
                if len(keep) == 0:
                    return
                batch, points, classes = batch.keep(keep), points[keep], classes[keep]
        with torch.no_grad():
            nearest.note(points, batch.fooled(forward(points)))

    def _step(
        self, clean: Tensor, points: Tensor, fooled: Tensor, ahead: Tensor, gradients: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the next points, and how far the linearised boundary is from the clean images, (B,)."""
        centre, gradients = clean.flatten(1), gradients.flatten(2)
        out = points.flatten(1) - centre
        slopes, value = nearest_boundary(ahead, gradients, self.norm)
        # What the lead is short of, in the linear model, at the clean image, and after the way back.
        way = torch.linalg.vecdot(out, slopes)
        share = torch.where(fooled, self.beta, 1.0).to(out)
        origin = torch.addcmul(centre, out, share[:, None])
        short = torch.stack([(1 - share) * way - value, way - value])
        from_here, from_clean = moves = to_hyperplane(torch.stack([origin, centre]), slopes, short, self.norm)
        near, far = lengths(moves, self.norm).clamp_min(_SHORTEST)
        alpha = (near / (near + far)).clamp_max(self.alpha_max)[:, None]
        new = torch.lerp(origin, centre, alpha) + self.eta * torch.lerp(from_here, from_clean, alpha)
        return new.clamp(0.0, 1.0).reshape(clean.shape), far


@dataclass(frozen=True, kw_only=True)
class FABT(FAB):
    """FAB towards each of the nine most likely wrong classes, as in AutoAttack; parameters as those of `FAB`."""

    name = "fab-t"

    targets: int = field(default=9, metadata={"quiet": True})
