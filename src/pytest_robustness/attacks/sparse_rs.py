"""Sparse-RS: random search over which few pixels to change, and to which colours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.batch import Found, tries_in_turn
from pytest_robustness.attacks.random_search import noise, random_search
from pytest_robustness.errors import ParameterError, check_number

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.classifiers import Forward

_DIVISORS = ((0, 2), (50, 4), (200, 5), (500, 6), (1000, 8), (2000, 10), (4000, 12), (6000, 15), (8000, 20))
"""After so many of 10,000 queries, by what alpha_init is divided (the authors' code; the paper gives it in words)."""


@dataclass(frozen=True, kw_only=True)
class SparseRS(NormAttack):
    """Random search for a few pixels and their colours: needs scores, no gradients.

    Croce et al. 2022, arXiv:2006.12834, Algorithm 1 and sections 3.1 and 3.2. Every changed pixel has a colour of 0 or
    1 in each channel. A query moves a few of the changed pixels elsewhere. It maximises the margin, with a target the
    odds for it.

    Parameters
    ----------
    norm : {"l0"}
    eps : int
        Pixels that may change.
    target
        See `NormAttack`.
    queries : int
        Images that the classifier is asked about for each sample and restart.
    restarts : int
        Runs with other noise; a later one works only on the samples that resisted the earlier ones.
    alpha_init : float
        Share of the changed pixels that the first queries move, at most 1; it falls to a twentieth on a schedule that
        is stretched to the number of `queries`. 0.3 is what the authors' experiments use; the default of the class in
        their code is 0.8.
    """

    name = "sparse-rs"
    needs = "scores"
    norms = ("l0",)

    norm: str = "l0"
    queries: int = 1000
    restarts: int = field(default=1, metadata={"quiet": True})
    alpha_init: float = field(default=0.3, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("queries", self.queries, minimum=1, whole=True)
        check_number("restarts", self.restarts, minimum=1, whole=True)
        check_number("alpha_init", self.alpha_init, minimum=0.0, above=True)
        if self.alpha_init > 1:
            raise ParameterError("alpha_init is out of range", got=self.alpha_init, allowed="a share: 0 to 1")

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        pixels = batch.images[0, 0].numel()
        # Of all pixels one stays out, so that there is always one to swap with.
        count = min(int(self.eps), pixels - 1)

        def once(here: Batch, _: Tensor, restart: int) -> Found:
            return self._once(forward, here, count, restart)

        found = tries_in_turn(batch, range(self.restarts if count > 0 else 0), once)
        return Found(batch.ball.project(found.images), found.fooled)

    def _once(self, forward: Forward, batch: Batch, count: int, restart: int) -> Found:
        channels, pixels = batch.images.shape[1], batch.images[0, 0].numel()
        order = noise(batch, f"{self.name}/places", (pixels,), index=restart).argsort(dim=1)
        moves = PixelMoves(batch.images, order, count)
        moves.begin(moves.coloured(noise(batch, f"{self.name}/colours", (count, channels), index=restart)))
        return random_search(
            forward, batch, moves, queries=self.queries, share=self._share, stream=f"{self.name}/{restart}"
        )

    def _share(self, query: int) -> float:
        """Return the share of the changed pixels that a query moves."""
        done = query * 10_000 // self.queries
        return self.alpha_init / max((divisor for after, divisor in _DIVISORS if done > after), default=1)


class PixelMoves:
    """Changed pixels moved elsewhere, where they take a random corner of the colour cube.

    Each sample has its pixels in an order of which the first `count` are the changed ones. A colour that would not
    change its pixel takes the opposite corner.
    """

    def __init__(self, images: Tensor, order: Tensor, count: int) -> None:
        self.points = images
        self._clean = images.flatten(2)
        self._order = order
        self._count = count
        self._moved = torch.zeros(2, len(images), 0, dtype=torch.int64, device=images.device)
        self._both = torch.zeros(len(images), images.shape[1], 0, dtype=torch.int64, device=images.device)
        self._old = self._both.to(images.dtype)

    def width(self, share: float) -> int:
        """Take, for each pixel that moves, one number for which, one for where to, and one a channel for the colour."""
        return self._size(share) * (2 + self.points.shape[1])

    def coloured(self, draws: Tensor) -> Tensor:
        """Return the images with all pixels that may change in colours by draws (B, count, C)."""
        index = self._order[:, None, : self._count].expand(-1, self.points.shape[1], -1)
        return self._clean.scatter(2, index, self._colours(index, draws)).view_as(self.points)

    def begin(self, points: Tensor) -> None:
        """Start from these points."""
        self.points = points.clone()

    def propose(self, draws: Tensor, share: float) -> Tensor:
        """Give a few changed pixels their old colours back, and colour as many others."""
        size = self._size(share)
        draws = draws[:, : self.width(share)].view(len(draws), size, -1)
        self._shuffle(draws[:, :, 0], 0, self._count)
        self._shuffle(draws[:, :, 1], self._count, self._order.shape[1])
        self._moved = torch.stack([self._order[:, :size], self._order[:, self._count : self._count + size]])
        back, fresh = self._moved[:, :, None].expand(-1, -1, self.points.shape[1], -1)
        flat = self.points.flatten(2)
        both = self._both = torch.cat([back, fresh], dim=2)
        self._old = flat.gather(2, both)
        flat.scatter_(2, both, torch.cat([self._clean.gather(2, back), self._colours(fresh, draws[:, :, 2:])], dim=2))
        return self.points

    def settle(self, better: Tensor) -> None:
        """Note the swaps that were better; take the others back."""
        size = self._moved.shape[2]
        swapped = better.nonzero()[:, 0]
        self._order[swapped, :size] = self._moved[1, swapped]
        self._order[swapped, self._count : self._count + size] = self._moved[0, swapped]
        flat = self.points.flatten(2)
        flat.scatter_(2, self._both, torch.where(better[:, None, None], flat.gather(2, self._both), self._old))

    def keep(self, rows: Tensor) -> None:
        """Go on with the chosen rows."""
        self.points, self._clean, self._order = self.points[rows], self._clean[rows], self._order[rows]

    def _size(self, share: float) -> int:
        return min(max(1, int(share * self._count)), self._order.shape[1] - self._count)

    def _shuffle(self, draws: Tensor, start: int, stop: int) -> None:
        """Bring random ones of the places start .. stop to the front of them, as many as there are draws (B, n)."""
        for step in range(draws.shape[1]):
            here = start + step
            there = here + (draws[:, step : step + 1] * (stop - here)).long()
            chosen, displaced = self._order.gather(1, there), self._order[:, here : here + 1].clone()
            self._order.scatter_(1, there, displaced)
            self._order[:, here : here + 1] = chosen

    def _colours(self, index: Tensor, draws: Tensor) -> Tensor:
        """Return corners of the colour cube for pixels (B, C, n) by draws (B, n, C), none of them the clean colour."""
        colours = (draws < 0.5).transpose(1, 2).to(self._clean.dtype)
        vain = (colours == self._clean.gather(2, index)).all(dim=1, keepdim=True)
        return torch.where(vain, 1 - colours, colours)
