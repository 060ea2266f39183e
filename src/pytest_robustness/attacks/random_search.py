"""Random search: propose a change to every sample, keep it where it brings the classifier nearer to a mistake."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import torch

from pytest_robustness.attacks.batch import Record
from pytest_robustness.attacks.losses import margin, odds_against
from pytest_robustness.transforms.random import sample_uniform

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch, Found
    from pytest_robustness.classifiers import Forward

_AHEAD, _NUMBERS = 250, 2000
"""Noise is drawn for so many queries at once, but not more than so many numbers a sample: making its generator costs as
much as drawing some hundred numbers."""


class Moves(Protocol):
    """The best points of B samples, and how they are changed."""

    points: Tensor
    """The best points so far, (B, C, H, W); not to be read between `propose` and `settle`."""

    def width(self, share: float) -> int:
        """Return how many uniform numbers one proposal for one sample takes."""

    def begin(self, points: Tensor) -> None:
        """Propose allowed points to start from."""

    def propose(self, draws: Tensor, share: float) -> Tensor:
        """Change a `share` of the pixels, or of those that may change, by draws (B, at least width)."""

    def settle(self, better: Tensor) -> None:
        """Keep the proposals of some samples, (B,) bool, and go back on the others."""

    def keep(self, rows: Tensor) -> None:
        """Go on with the chosen rows only."""


def random_search(
    forward: Forward,
    batch: Batch,
    moves: Moves,
    *,
    queries: int,
    share: Callable[[int], float],
    stream: str,
    patience: float | None = None,
) -> Found:
    """Ask about one point after the other; a sample leaves the batch when it is fooled.

    What is maximised is the margin, with targets the odds for them.

    Parameters
    ----------
    forward : callable
        Images (B, C, H, W) to scores (B, K).
    batch : Batch
    moves : Moves
        Of these very samples, with the points to begin with, which are the first that it asks about.
    queries : int
    share : callable
        What the moves are to change, from the number of queries already made; it never grows.
    stream : str
        Name of the noise.
    patience : float, optional
        See `Square`.
    """
    record, walk = Record(batch), _Walk(batch, moves)
    points, drawn_until = moves.points, 0
    checkpoints = set() if patience is None else {queries // part for part in (16, 8, 4, 2)} - {0, 1}
    for query in range(queries):
        if query == drawn_until:
            width = moves.width(share(query))
            ahead = max(1, min(_AHEAD, _NUMBERS // max(1, width), queries - query))
            walk.draw(stream, (ahead, width), index=query)
            drawn_until = query + ahead
        if query:
            points = moves.propose(walk.draws[query - drawn_until], share(query))
        logits = forward(points)
        keep = record.note(points, walk.batch.fooled(logits))
        walk.settle(logits)
        if keep is not None:
            walk.keep(keep)
        if patience is not None and query + 1 in checkpoints:
            walk.keep(_leave(record, moves.points, walk.reach(queries, query + 1, patience) < 0))
        if len(record.rows) == 0:
            return record.found
    return record.end(moves.points, torch.zeros_like(record.rows, dtype=torch.bool))


def noise(batch: Batch, stream: str, shape: tuple[int, ...], *, index: int) -> Tensor:
    """Return uniform numbers of each sample's own, (B, *shape) float64."""
    return torch.as_tensor(
        sample_uniform(batch.seed, stream, batch.ids, shape, index=index), device=batch.images.device
    )


class _Walk:
    """The samples that are still on their way: how near each has come to a mistake, and its noise ahead."""

    def __init__(self, batch: Batch, moves: Moves) -> None:
        self.batch, self.moves = batch, moves
        self.draws = torch.empty(0)
        self._best = self._first = torch.full((len(batch),), -torch.inf, device=batch.images.device)
        self._begun = False

    def draw(self, stream: str, shape: tuple[int, int], *, index: int) -> None:
        """Draw the noise of the queries ahead, (ahead, B, width)."""
        self.draws = noise(self.batch, stream, shape, index=index).transpose(0, 1).contiguous()

    def settle(self, logits: Tensor) -> None:
        """Have the proposals kept that are nearer to a mistake than all before."""
        values = self.batch.loss(margin if self.batch.targets is None else odds_against, logits)
        better = values > self._best
        self._best = torch.where(better, values, self._best)
        self.moves.settle(better)
        if not self._begun:
            self._first, self._begun = self._best, True

    def reach(self, queries: int, done: int, patience: float) -> Tensor:
        """Return how far each would come, (B,), if it went on `patience` times as fast for each doubling of queries."""
        return self._best + patience * (self._best - self._first) * math.log(queries / done) / math.log(done)

    def keep(self, rows: Tensor) -> None:
        """Go on with the chosen rows."""
        self.batch, self.draws = self.batch.keep(rows), self.draws[:, rows]
        self._best, self._first = self._best[rows], self._first[rows]
        self.moves.keep(rows)


def _leave(record: Record, points: Tensor, hopeless: Tensor) -> Tensor:
    """Let the hopeless leave with the points that they have come to; return the positions of the others."""
    standing = ~record.fooled[record.rows]
    leaving = hopeless & standing
    record.images[record.rows[leaving]] = points[leaving]
    stay = (standing & ~hopeless).nonzero()[:, 0]
    record.rows = record.rows[stay]
    return stay
