"""The random moves of the Square attack: squares set to a corner of the Linf ball, bumps moved about in the L2 ball.

Both follow the protocol `Moves` of the random search: all randomness comes in from outside, as uniform numbers.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from pytest_robustness.attacks.balls import LinfBall

if TYPE_CHECKING:
    from torch import Tensor

_UNUSED = 1e-5
"""Share of an L2 radius that is left unused, so that what float32 rounds away keeps points inside the ball."""


class LinfMoves:
    """Squares of one colour corner each, ``x - eps`` or ``x + eps`` a channel (Algorithm 2 of the paper).

    A draw that would change nothing, because the square has that very colour, takes the opposite colour instead: with
    one channel the published attack wastes up to half of its queries on them.
    """

    def __init__(self, images: Tensor, eps: float) -> None:
        ball = LinfBall.around(images, eps)
        channels, self._height, self._across = images.shape[1:]
        self.points = images.clone()
        self.start_shape = (channels, self._across)
        self._corners = torch.stack([ball.lower.flatten(2), ball.upper.flatten(2)])
        self._changed = torch.zeros(len(images), channels, 0, dtype=torch.int64, device=images.device)
        self._old = self._changed.to(images.dtype)

    def published_start(self, draws: Tensor) -> Tensor:
        """Colour vertical stripes, one pixel wide."""
        lower, upper = self._corners.view(2, *self.points.shape)
        return torch.where(draws[:, :, None, :] < 0.5, lower, upper)

    def width(self, share: float) -> int:  # noqa: ARG002
        """Take two numbers for the place and one a channel for the colour."""
        return 2 + self.points.shape[1]

    def begin(self, points: Tensor) -> None:
        """Start from these points."""
        self.points = points.clone()

    def propose(self, draws: Tensor, share: float) -> Tensor:
        """Colour one square of each image."""
        size = square_size(share, self._height, self._across)
        index = windows(draws[:, :2], size, self._height, self._across)
        index = self._changed = index[:, None].expand(-1, self._corners.shape[2], -1)
        flat = self.points.flatten(2)
        old = self._old = flat.gather(2, index)
        lower, upper = self._corners[0].gather(2, index), self._corners[1].gather(2, index)
        high = (draws[:, 2:] < 0.5)[:, :, None]
        vain = (torch.where(high, upper, lower) == old).all(dim=2).all(dim=1)
        flat.scatter_(2, index, torch.where(high ^ vain[:, None, None], upper, lower))
        return self.points

    def settle(self, better: Tensor) -> None:
        """Give the squares that were no better their old colours back."""
        flat = self.points.flatten(2)
        kept = torch.where(better[:, None, None], flat.gather(2, self._changed), self._old)
        flat.scatter_(2, self._changed, kept)

    def keep(self, rows: Tensor) -> None:
        """Go on with the chosen rows."""
        self.points, self._corners = self.points[rows], self._corners[:, rows]


class L2Moves:
    """Bumps of two signs: the budget of one window is moved to another, and a bump added there (Algorithm 3)."""

    def __init__(self, images: Tensor, eps: float) -> None:
        channels, self._height, self._across = images.shape[1:]
        self._tile = max(1, min(self._height, self._across) // 5)
        self.points = self._proposed = images.clone()
        self.start_shape = (channels, self._height // self._tile, self._across // self._tile)
        self._clean = images.flatten(2)
        # Rounding a pixel in [0, 1] moves it by at most 3e-8.
        self._radius = max(0.0, eps * (1 - _UNUSED) - 3e-8 * math.sqrt(images[0].numel()))
        self._noise = torch.zeros_like(self._clean)
        self._energy = _energy(self._noise)

    def published_start(self, draws: Tensor) -> Tensor:
        """Lay bumps of random signs side by side, five along the shorter side."""
        noise = torch.zeros_like(self.points)
        tiles = torch.kron(_signs(draws), bump(self._tile).to(noise.device)[None, None])
        top, left = ((whole - part) // 2 for whole, part in zip(noise.shape[2:], tiles.shape[2:], strict=True))
        noise[:, :, top : top + tiles.shape[2], left : left + tiles.shape[3]] = tiles
        length = noise.flatten(1).norm(dim=1)[:, None, None, None]
        start: Tensor = (self.points + noise * (self._radius / length)).clamp_(0.0, 1.0)
        return start

    def width(self, share: float) -> int:  # noqa: ARG002
        """Take two numbers for each of two places, one for the shape, one a channel for the sign."""
        return 5 + self.points.shape[1]

    def begin(self, points: Tensor) -> None:
        """Start from these points."""
        self.points, self._proposed = points.clone(), points

    def propose(self, draws: Tensor, share: float) -> Tensor:
        """Move a window's budget into another window, and add a bump to what is there."""
        size = min(max(3, square_size(share, self._height, self._across)) | 1, self._height, self._across)
        channels = self._noise.shape[1]
        there, source = (
            windows(part, size, self._height, self._across)[:, None].expand(-1, channels, -1)
            for part in (draws[:, :2], draws[:, 2:4])
        )
        shape = bump(size).to(draws.device)
        shapes = torch.stack([shape.flatten(), shape.T.flatten()])[(draws[:, 4] < 0.5).long()]
        present = _unit(self._noise.gather(2, there))
        fresh = _unit(shapes[:, None] * _signs(draws[:, 5:])[:, :, None] + present)
        # What the two windows hold: the second is read after the first is emptied, so that nothing counts twice.
        noise, budget = self._noise.scatter(2, source, 0.0), _energy(self._noise.gather(2, source))
        budget += _energy(noise.gather(2, there))
        budget += (self._radius**2 - self._energy.sum(dim=1, keepdim=True)).clamp_min(0.0) / channels
        noise.scatter_(2, there, fresh * budget.sqrt()[:, :, None])
        self._proposed = noise.add_(self._clean).clamp_(0.0, 1.0).view_as(self.points)
        return self._proposed

    def settle(self, better: Tensor) -> None:
        """Take over what was better, and its noise as the bounds have cut it."""
        rows = better.nonzero()[:, 0]
        chosen = self._proposed[rows]
        noise = chosen.flatten(2) - self._clean[rows]
        self.points.index_copy_(0, rows, chosen)
        self._noise.index_copy_(0, rows, noise)
        self._energy.index_copy_(0, rows, _energy(noise))

    def keep(self, rows: Tensor) -> None:
        """Go on with the chosen rows."""
        self.points, self._clean = self.points[rows], self._clean[rows]
        self._noise, self._energy = self._noise[rows], self._energy[rows]


MOVES: dict[str, type[LinfMoves | L2Moves]] = {"linf": LinfMoves, "l2": L2Moves}


def square_size(share: float, height: int, across: int) -> int:
    """Return the side of a square with a share of the pixels, at least one pixel and at most the shorter side."""
    return min(max(1, round(math.sqrt(share * height * across))), height, across)


def windows(draws: Tensor, size: int, height: int, across: int) -> Tensor:
    """Return the flat pixels (B, size * size) of squares whose corners are drawn uniformly, by numbers (B, 2)."""
    top = (draws[:, 0] * (height - size + 1)).long()
    left = (draws[:, 1] * (across - size + 1)).long()
    steps = torch.arange(size, device=draws.device)
    inside = (steps[:, None] * across + steps).flatten()
    return (top * across + left)[:, None] + inside


@lru_cache(maxsize=64)
def bump(size: int) -> Tensor:
    """Return the bump of the L2 attack, (size, size), of norm 1: a hill in one half and a hollow in the other (eq. 2).

    At a distance of d pixels (the larger of rows and columns) from the middle of its half, its height is proportional
    to ``sum_{k >= d} 1 / (k + 1) ** 2``.
    """
    upper = size // 2
    shape = torch.cat([_hill(upper, size), -_hill(size - upper, size)])
    unit: Tensor = shape / shape.norm()
    return unit.float()


def _hill(rows: int, columns: int) -> Tensor:
    if rows == 0:
        return torch.zeros(0, columns, dtype=torch.float64)
    levels = 1 / torch.arange(1, max(rows, columns) // 2 + 2, dtype=torch.float64) ** 2
    heights = levels.flip(0).cumsum(0).flip(0)
    down, across = ((torch.arange(length) - length // 2).abs() for length in (rows, columns))
    hill: Tensor = heights[torch.maximum(down[:, None], across)]
    hill /= hill.norm()
    return hill


def _signs(draws: Tensor) -> Tensor:
    return torch.where(draws < 0.5, -1.0, 1.0)


def _energy(noise: Tensor) -> Tensor:
    """Return the sum of squares of each channel, (B, C)."""
    length: Tensor = torch.linalg.vector_norm(noise, dim=2)
    return length.square()


def _unit(part: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(part, dim=2, keepdim=True)
    return part / length.clamp_min(1e-12)
