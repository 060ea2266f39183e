"""How far samples have come through stages that each of them stands or falls at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block


@dataclass(frozen=True, slots=True)
class Course:
    """The way of n samples through S stages: one that has fallen stays fallen and meets no further stage.

    Parameters
    ----------
    stages : int
        S.
    done : ndarray of int, shape (n,)
        Stages that the sample has been through.
    fell : ndarray of int, shape (n,)
        The number of the stage where it fell; S where it has not.
    """

    stages: int
    done: NDArray[np.int64]
    fell: NDArray[np.int64]

    @classmethod
    def of(cls, n: int, parts: Sequence[str], fallen: Iterable[tuple[Block, NDArray[np.bool_]]]) -> Course:
        """Read the course of `n` samples from blocks.

        Parameters
        ----------
        parts : sequence of str
            The part of the blocks of each stage, in the order of the stages.
        fallen : iterable of (Block, ndarray of bool)
            Which samples of a block have fallen; blocks of other parts are left out.
        """
        numbers = {part: number for number, part in enumerate(parts)}
        done, fell = np.zeros(n, np.int64), np.full(n, len(parts))
        for block, down in fallen:
            if block.part in numbers:
                number, rows = numbers[block.part], block.positions
                done[rows] = np.maximum(done[rows], number + 1)
                fell[rows[down]] = number
        return cls(len(parts), done, fell)

    @property
    def standing(self) -> NDArray[np.bool_]:
        """Which samples have not fallen, (n,)."""
        return np.asarray(self.fell == self.stages)

    @property
    def over(self) -> NDArray[np.bool_]:
        """Which samples have fallen or been through all stages, (n,)."""
        return np.asarray((self.done == self.stages) | ~self.standing)

    def waiting(self, stage: int) -> NDArray[np.int64]:
        """Return the positions of the samples that `stage` is next for."""
        return np.flatnonzero((self.done == stage) & self.standing)

    def prefix(self, stage: int) -> int:
        """Return how many samples, from the first on without a gap, have fallen or been through `stage`."""
        behind = (self.done <= stage) & self.standing
        return int(behind.argmax()) if behind.any() else len(behind)
