"""What a minimal attack keeps: the nearest adversarial image of every sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pytest_robustness.attacks.batch import Found
from pytest_robustness.attacks.class_gradients import lead

if TYPE_CHECKING:
    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.classifiers import Forward

_WORTH = 24
"""A batch is made smaller once one in so many of its samples is done: each new size has a cost of its own."""

_MARGIN = 0.05
"""A search on a line keeps this share of the bracket away from its ends, so that the bracket always shrinks."""


class Nearest:
    """The nearest adversarial image of every sample so far, while those that are done leave the batch.

    A sample that is fooled is not done: it goes on towards a nearer image, until the attack ends; or, where only one
    radius matters, until it is inside.

    Parameters
    ----------
    batch : Batch
        All samples.
    norm : {"linf", "l2"}
    within : float, optional
        Distance at which a sample is done; by default none is.

    Attributes
    ----------
    images : Tensor of shape (B, C, H, W)
        The nearest adversarial images, else the clean ones.
    distances : Tensor of float64, shape (B,)
        Infinite where none was found.
    rows : Tensor of int64
        Which samples the present batch consists of.
    """

    def __init__(self, batch: Batch, norm: str, *, within: float | None = None) -> None:
        self.images = batch.images.clone()
        self.distances = torch.full((len(batch),), torch.inf, dtype=torch.float64, device=batch.images.device)
        self.rows = torch.arange(len(batch), device=batch.images.device)
        self._batch = batch
        self._norm = norm
        self._within = -1.0 if within is None else within
        self._given_up = torch.zeros(len(batch), dtype=torch.bool, device=batch.images.device)

    @property
    def found(self) -> Tensor:
        """Which samples have an adversarial image, (B,) bool."""
        return self.distances.isfinite()

    def begin(self) -> Tensor:
        """Start another run, and return the samples that take part: all that are not done."""
        self._given_up.fill_(False)
        self.rows = (self.distances > self._within).nonzero()[:, 0]
        return self.rows

    def note(self, points: Tensor, fooled: Tensor) -> Tensor:
        """Take in which of the present images (A, C, H, W) fool the classifier, (A,) bool.

        Returns
        -------
        Tensor of bool, shape (A,)
            Which of them count: those that fool, but for samples that are done and were only carried along, so that
            nothing depends on when the batch is made smaller.
        """
        counting = fooled & ~self._done()
        self._take(points, counting)
        return counting

    def give_up(self, hopeless: Tensor) -> None:
        """Let those of the present samples, (A,) bool, leave that will not fall."""
        self._given_up[self.rows[hopeless]] = True

    def keep(self) -> Tensor | None:
        """Return the positions in the present batch to go on with; None for all, as long as too few are done."""
        done = self._done()
        if int(done.sum()) * _WORTH < max(len(done), 1):
            return None
        keep = (~done).nonzero()[:, 0]
        self.rows = self.rows[keep]
        return keep

    def end(self, forward: Forward) -> Found:
        """Return the images in the ball; a sample is fooled where that did not move its image, or it still fools."""
        images = self._batch.ball.project(self.images)
        moved = (images != self.images).flatten(1).any(dim=1)
        fooled = self.found & ~moved
        rows = (self.found & moved).nonzero()[:, 0]
        if len(rows):
            with torch.no_grad():
                fooled[rows] = self._batch.keep(rows).fooled(forward(images[rows]))
        return Found(images, fooled)

    def pull_back(self, forward: Forward, rounds: int, *, until: float | None = None) -> None:
        """Search the line from each clean image to its nearest adversarial one for a nearer one.

        Each round tries one point between the farthest that is known to resist and the nearest that is known to fool:
        where the margin would be zero if it were linear between the two, but not too close to either end. Samples that
        are nearer than `until` are left alone.
        """
        self.rows = (self.found & (self.distances > (-1.0 if until is None else until))).nonzero()[:, 0]
        if rounds == 0 or len(self.rows) == 0:
            return
        batch = self._batch.keep(self.rows)
        clean, way = batch.images.double(), self.images[self.rows].double() - batch.images.double()
        with torch.no_grad():
            ends = [lead(forward(points), batch).double() for points in (batch.images, self.images[self.rows])]
            low, high = torch.zeros_like(ends[0]), torch.ones_like(ends[0])
            for _ in range(rounds):
                share = (ends[0] / (ends[0] - ends[1]).clamp_max(-1e-30)).nan_to_num(0.5).clamp(_MARGIN, 1 - _MARGIN)
                middle = low + share * (high - low)
                points = (clean + middle[:, None, None, None] * way).float()
                logits = forward(points)
                fooled, value = batch.fooled(logits), lead(logits, batch).double()
                self._take(points, fooled)
                low, high = torch.where(fooled, low, middle), torch.where(fooled, middle, high)
                ends = [torch.where(fooled, ends[0], value), torch.where(fooled, value, ends[1])]

    def _done(self) -> Tensor:
        return (self.distances[self.rows] <= self._within) | self._given_up[self.rows]

    def _take(self, points: Tensor, fooled: Tensor) -> None:
        here = fooled.nonzero()[:, 0]
        rows = self.rows[here]
        points = points.detach()[here]
        found = distances(points, self._batch.images[rows], self._norm)
        nearer = (found < self.distances[rows]).nonzero()[:, 0]
        rows = rows[nearer]
        self.images[rows] = points[nearer]
        self.distances[rows] = found[nearer]


def distances(points: Tensor, clean: Tensor, norm: str) -> Tensor:
    """Return how far images (B, C, H, W) are from the clean ones, (B,) float64."""
    return lengths((points.double() - clean.double()).flatten(1), norm)


def lengths(moves: Tensor, norm: str) -> Tensor:
    """Return the norms of moves (..., D), in their dtype."""
    return moves.abs().amax(dim=-1) if norm == "linf" else moves.norm(dim=-1)
