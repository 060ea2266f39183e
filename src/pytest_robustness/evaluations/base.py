"""What an evaluation is: a description that plans blocks, runs one block, and summarises outcomes.

An `Evaluation` is map and reduce over blocks. It knows nothing of executors, caches, progress or resuming: those belong
to the engine, which may run the blocks in any order, anywhere, or not at all where their outcomes are already known.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from pytest_robustness.datasets import Dataset
from pytest_robustness.errors import unknown_name

if TYPE_CHECKING:
    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.evaluations.early import EarlyStop
    from pytest_robustness.evaluations.measurement import Measurement

BLOCK_SIZE = 500
"""Samples in a block. A constant, so that the same work is cut alike everywhere and its outcomes can be shared."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Block:
    """A fixed run of consecutive samples of the seeded order: the unit of work, caching and distribution.

    Parameters
    ----------
    start, stop : int
        Positions in the order of the data set that `part` names.
    part : str
        Which data or which treatment: a corruption, ``"outliers"``, or ``""`` for the data set itself.
    points : tuple of tuple of float
        Points of a surface that are all evaluated on these samples; empty elsewhere.
    rows : tuple of int
        Positions of the samples where they are not consecutive: those that earlier blocks have left over. They lie in
        [start, stop).
    """

    start: int
    stop: int
    part: str = ""
    points: tuple[tuple[float, ...], ...] = ()
    rows: tuple[int, ...] = ()

    @property
    def positions(self) -> NDArray[np.int64]:
        """Positions of the samples in the order of their data set."""
        return np.array(self.rows, np.int64) if self.rows else np.arange(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one block yielded: per-sample arrays by name, and what they cost.

    `seconds` is wall time; `forwards` and `backwards` count images through the model. An outcome read from the store
    keeps the cost of the run that computed it and has ``cached=True``.
    """

    arrays: Arrays
    seconds: float = 0.0
    forwards: int = 0
    backwards: int = 0
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What is evaluated: a classifier on a data set in seeded order, with the further data that it takes.

    `early` is the verdict that is wanted, where the measurement may end as soon as it is known.
    """

    classifier: Classifier
    dataset: Dataset
    seed: int
    batch_size: int
    further: Mapping[str, Dataset] = field(default_factory=dict)
    early: EarlyStop | None = None

    def samples(self, block: Block) -> Dataset:
        """Return the samples of a block."""
        source = self.further.get(block.part, self.dataset)
        return source.take(block.positions)


class Evaluation(ABC):
    """A frozen, hashable description of one thing to measure. Subclasses are frozen dataclasses."""

    family: ClassVar[str]
    stops_early: ClassVar[bool] = False
    """Whether its plan ends as soon as the verdict that `Subject.early` asks for is known."""

    @classmethod
    def build(cls, **parameters: Any) -> Self:
        """Make the evaluation from keyword parameters, refusing the names that it does not have."""
        names = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
        for name in parameters:
            if name not in names:
                raise unknown_name(f"parameter of the family {cls.family!r}", name, names)
        return cls(**parameters)

    @classmethod
    def knows(cls, name: str) -> bool:
        """Return whether there is a parameter of this name."""
        return name in [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]

    def parameters(self) -> dict[str, Any]:
        """Return the parameters as builtin values: they name the row in the scorecard."""
        return parameters_of(self)

    def outcome_parameters(self) -> dict[str, Any]:
        """Return those that the outcome of a block depends on, and not only its place: they name it in the store."""
        return self.parameters()

    def check_bounds(self, metrics: Sequence[str]) -> None:
        """Raise ParameterError for a bound on a metric that these parameters do not yield: it would never be judged."""
        del metrics

    def further_data(self, dataset: Dataset, *, seed: int) -> Mapping[str, Dataset]:
        """Return the data that is needed beside `dataset`, by the part of the blocks that use it."""
        del dataset, seed
        return {}

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Return the blocks to run next, given the outcomes so far; an empty sequence ends the evaluation."""
        return [] if outcomes else blocks_of(len(subject.dataset))

    def blocks_expected(self, subject: Subject, planned: int) -> int | None:
        """Return how many blocks there will be at most, `planned` of them at first; None where nobody knows."""
        del subject
        return planned

    @abstractmethod
    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Evaluate the samples of one block. The result depends on nothing but the arguments."""

    @abstractmethod
    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce the outcomes to measurements, the family's main metric first."""


def parameters_of(instance: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as builtin values, without those marked quiet that are at their default."""
    values = {f: getattr(instance, f.name) for f in dataclasses.fields(instance)}
    return {f.name: to_plain(v) for f, v in values.items() if not (f.metadata.get("quiet") and v == f.default)}


def blocks_of(n: int, part: str = "", points: tuple[tuple[float, ...], ...] = ()) -> list[Block]:
    """Cut `n` samples into blocks of `BLOCK_SIZE`, the last one shorter."""
    return [Block(start, min(start + BLOCK_SIZE, n), part, points) for start in range(0, n, BLOCK_SIZE)]


def blocks_of_rows(rows: NDArray[np.int64], part: str, *, size: int = BLOCK_SIZE) -> list[Block]:
    """Cut positions of samples, ascending, into blocks of `size`."""
    pieces = [rows[start : start + size].tolist() for start in range(0, len(rows), size)]
    blocks = [Block(piece[0], piece[-1] + 1, part, rows=tuple(piece)) for piece in pieces]
    gapless = [block.stop - block.start == len(block.rows) for block in blocks]
    return [replace(b, rows=()) if whole else b for b, whole in zip(blocks, gapless, strict=True)]


def gather(outcomes: Mapping[Block, Outcome], name: str, *, part: str = "", axis: int = 0) -> NDArray[Any]:
    """Join one array of all blocks of a part, in the order of the samples."""
    chosen = sorted((b for b in outcomes if b.part == part), key=lambda block: block.start)
    return np.concatenate([outcomes[block].arrays[name] for block in chosen], axis=axis)


def to_plain(value: object) -> Any:
    """Turn a parameter into builtin values that JSON can hold; a data set becomes its name and fingerprint."""
    if isinstance(value, Dataset):
        return f"{value.name}:{value.fingerprint[:12]}"
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, Real):  # a scalar of numpy as well
        return int(value) if isinstance(value, Integral) else float(value)
    if isinstance(value, Iterable):
        return [to_plain(item) for item in value]
    return str(value)
