"""The Square attack: random search without gradients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.batch import Found, tries_in_turn
from pytest_robustness.attacks.pgd import climb
from pytest_robustness.attacks.random_search import noise, random_search
from pytest_robustness.attacks.square_moves import MOVES
from pytest_robustness.errors import ParameterError, check_number

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.attacks.square_moves import L2Moves, LinfMoves
    from pytest_robustness.classifiers import Forward

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""After so many of 10,000 queries the share of changed pixels is halved (section 5 of the paper)."""


@dataclass(frozen=True, kw_only=True)
class Square(NormAttack):
    """Random squares, each kept where it brings the classifier nearer to a mistake: needs scores, no gradients.

    Andriushchenko et al. 2020, arXiv:1912.00049, Algorithms 1 to 3. It maximises the margin, with a target the odds for
    it.

    Parameters
    ----------
    norm, eps, target
        See `NormAttack`.
    queries : int
        Images that the classifier is asked about for each sample and restart.
    restarts : int
        Runs with other noise; a later one works only on the samples that resisted the earlier ones.
    p_init : float
        Share of the pixels that the first squares change, at most 1; it is halved nine times on a schedule that is
        stretched to the number of `queries`.
    patience : float, optional
        Give up on the hopeless: the margin of a sample falls about linearly in the logarithm of the queries. After
        1/16, 1/8, 1/4 and 1/2 of them a sample leaves whose margin would stay above zero even if from now on it fell
        `patience` times as fast as it has since the first. By default none leaves.
    """

    name = "square"
    needs = "scores"

    queries: int = 5000
    restarts: int = field(default=1, metadata={"quiet": True})
    p_init: float = field(default=0.8, metadata={"quiet": True})
    patience: float | None = field(default=None, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("queries", self.queries, minimum=1, whole=True)
        check_number("restarts", self.restarts, minimum=1, whole=True)
        check_number("p_init", self.p_init, minimum=0.0, above=True)
        if self.p_init > 1:
            raise ParameterError("p_init is out of range", got=self.p_init, allowed="a share of the pixels: 0 to 1")
        if self.patience is not None:
            check_number("patience", self.patience, minimum=0.0)

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        def once(here: Batch, _: Tensor, restart: int) -> Found:
            return self._once(forward, here, restart)

        found = tries_in_turn(batch, range(self.restarts), once)
        return Found(batch.ball.project(found.images), found.fooled)

    def _once(self, forward: Forward, batch: Batch, restart: int) -> Found:
        moves = MOVES[self.norm](batch.images, self.eps)
        moves.begin(moves.published_start(noise(batch, f"{self.name}/start", moves.start_shape, index=restart)))
        return self._search(forward, batch, moves, restart)

    def _search(self, forward: Forward, batch: Batch, moves: LinfMoves | L2Moves, restart: int) -> Found:
        return random_search(
            forward,
            batch,
            moves,
            queries=self.queries,
            share=self._share,
            stream=f"{self.name}/{restart}",
            patience=self.patience,
        )

    def _share(self, query: int) -> float:
        """Return the share of the pixels that a query changes."""
        done = query * 10_000 // self.queries
        return self.p_init / 2.0 ** sum(done > threshold for threshold in _HALVINGS)


@dataclass(frozen=True, kw_only=True)
class GuidedSquare(Square):
    """The Square attack from the end of a short gradient attack instead of random stripes.

    Where gradients mislead, as they do in a model that has learned to mask them, a few hundred queries from where they
    led find more than thousands from anywhere else.

    Parameters
    ----------
    norm, eps, target, queries, restarts, p_init, patience
        See `Square`.
    steps : int
        Steps of `PGD` at the start.
    """

    name = "square-guided"
    needs = "gradients"

    queries: int = 500
    steps: int = 10

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)

    def _once(self, forward: Forward, batch: Batch, restart: int) -> Found:
        start = batch.ball.random(batch.ids, seed=batch.seed, stream=f"{self.name}/start", index=restart)
        images, fooled = climb(forward, batch, start, steps=self.steps, size=2.5 * self.eps / self.steps)
        rows = (~fooled).nonzero()[:, 0]
        if len(rows):
            rest = batch.keep(rows)
            moves = MOVES[self.norm](rest.images, self.eps)
            moves.begin(images[rows])
            images[rows], fooled[rows] = self._search(forward, rest, moves, restart)
        return Found(images, fooled)
