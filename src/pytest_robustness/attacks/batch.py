"""The samples that an attack works on, and what it returns of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch
from torch import Tensor

from pytest_robustness.errors import ClassifierError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.attacks.balls import Ball
    from pytest_robustness.attacks.losses import Loss

_Try = TypeVar("_Try")


class Found(NamedTuple):
    """What an attack found: images (B, C, H, W) in the ball, and which of them fool the classifier, (B,) bool."""

    images: Tensor
    fooled: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """B samples that the classifier gets right, and the ball around each.

    Attributes
    ----------
    images : Tensor of float32, shape (B, C, H, W)
        Clean.
    labels : Tensor of int64, shape (B,)
    ball : Ball
    ids : ndarray of int64, shape (B,)
        Identity of each sample: the key of its noise.
    seed : int
    targets : Tensor of int64, shape (B,), optional
        The class that each sample is to be taken for; without it any wrong one will do.
    """

    images: Tensor
    labels: Tensor
    ball: Ball
    ids: NDArray[np.int64]
    seed: int
    targets: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.labels)

    def keep(self, rows: Tensor) -> Batch:
        """Return the batch of the chosen rows, given by position or by a mask."""
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            ball=self.ball.keep(rows),
            ids=self.ids[rows.cpu().numpy()],
            targets=None if self.targets is None else self.targets[rows],
        )

    def fooled(self, logits: Tensor) -> Tensor:
        """Return which rows of logits (B, K) mean success, (B,) bool."""
        predicted = logits.argmax(dim=1)
        return predicted != self.labels if self.targets is None else predicted == self.targets

    def loss(self, function: Loss, logits: Tensor) -> Tensor:
        """Return a loss (B,) of logits (B, K)."""
        return function(logits, self.labels, self.targets)


class Record:
    """The first fooling image of every sample, while those that are fooled leave the batch.

    An attack works on a batch that shrinks. `note` takes the logits of the present images of the present batch, and
    says which rows to go on with: all of them as long as too few have fallen for a smaller batch to be worth its cost.
    A sample that has fallen and is still carried along keeps its first fooling image.

    Parameters
    ----------
    batch : Batch
        All samples, before the first step.

    Attributes
    ----------
    images : Tensor of shape (B, C, H, W)
        The first fooling image of each sample, else the last one that was noted when it left or at the end.
    fooled : Tensor of bool, shape (B,)
    rows : Tensor of int64
        Which samples the present batch consists of.
    """

    def __init__(self, batch: Batch) -> None:
        self.images = batch.images.clone()
        self.fooled = torch.zeros(len(batch), dtype=torch.bool, device=batch.images.device)
        self.rows = torch.arange(len(batch), device=batch.images.device)
        self._fallen = 0

    @property
    def found(self) -> Found:
        """What was found so far."""
        return Found(self.images, self.fooled)

    def note(self, images: Tensor, fooled: Tensor) -> Tensor | None:
        """Take in which of the present images fool the classifier.

        Parameters
        ----------
        images : Tensor of shape (A, C, H, W)
            The present images of the present batch.
        fooled : Tensor of bool, shape (A,)

        Returns
        -------
        Tensor of int64 or None
            The positions in the present batch to go on with; None to go on with all. The caller keeps these rows of
            the batch and of its own state. Empty where all are fooled.
        """
        self._fallen += self._add(images, fooled)
        if self._fallen * _WORTH < len(self.rows):
            return None
        keep = (~self.fooled[self.rows]).nonzero()[:, 0]
        self.rows = self.rows[keep]
        self._fallen = 0
        return keep

    def end(self, images: Tensor, fooled: Tensor) -> Found:
        """Take in the last images of the present batch, which those that resisted keep, and return what was found."""
        self._add(images, fooled)
        resisted = ~self.fooled[self.rows]
        self.images[self.rows[resisted]] = images[resisted].detach()
        return self.found

    def _add(self, images: Tensor, fooled: Tensor) -> int:
        new = fooled & ~self.fooled[self.rows]
        count = int(new.sum())
        if count:
            fallen = self.rows[new]
            self.images[fallen] = images[new].detach()
            self.fooled[fallen] = True
        return count


_WORTH = 24
"""A batch is made smaller once one in so many of its samples has fallen: each new size has a cost of its own."""


def tries_in_turn(batch: Batch, tries: Iterable[_Try], once: Callable[[Batch, Tensor, _Try], Found]) -> Found:
    """Make one try after the other, each on the samples that resisted those before it.

    Parameters
    ----------
    batch : Batch
    tries : iterable
        What tells the tries apart, for instance the numbers of restarts.
    once : callable
        From the batch of those that are left, their rows and one of `tries` to what was found.
    """
    images = batch.images.clone()
    fooled = torch.zeros(len(batch), dtype=torch.bool, device=images.device)
    for one in tries:
        rows = (~fooled).nonzero()[:, 0]
        if len(rows) == 0:
            break
        images[rows], fooled[rows] = once(batch.keep(rows), rows, one)
    return Found(images, fooled)


def input_gradient(values: Tensor, points: Tensor) -> Tensor:
    """Return the gradient of each sample's value in its own point; zero where the model has cut the path between them.

    Raises
    ------
    ClassifierError
        Where the gradient is NaN or infinite.
    """
    if not values.requires_grad:
        return torch.zeros_like(points)
    (gradient,) = torch.autograd.grad(values.sum(), points, allow_unused=True)
    if gradient is None:
        return torch.zeros_like(points)
    return finite(gradient)


def finite(gradient: Tensor) -> Tensor:
    """Return a gradient as it is; raise ClassifierError where it is NaN or infinite."""
    # The sum of finite numbers may overflow, but it is finite wherever there is nothing to look for, and a cheap look.
    if not bool(gradient.sum().isfinite()) and not bool(gradient.isfinite().all()):
        raise ClassifierError(
            "the gradient of the model is not finite",
            got="NaN or infinity",
            mend="Look for a square root or a norm of zero, or an overflow: their slopes are infinite.",
        )
    return gradient
