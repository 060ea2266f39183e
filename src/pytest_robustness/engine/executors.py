"""Where blocks run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from pytest_robustness.errors import unknown_name
from pytest_robustness.evaluations import Block, Evaluation, Outcome, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Executor(Protocol):
    """Runs blocks and yields each with its outcome, in any order."""

    def run(self, evaluation: Evaluation, subject: Subject, blocks: Iterable[Block]) -> Iterator[tuple[Block, Outcome]]:
        """Run `blocks` of an evaluation."""


class SerialExecutor:
    """Runs one block after the other in this process."""

    def run(self, evaluation: Evaluation, subject: Subject, blocks: Iterable[Block]) -> Iterator[tuple[Block, Outcome]]:
        """Run `blocks` of an evaluation, in their order."""
        for block in blocks:
            yield block, timed_block(evaluation, subject, block)


EXECUTORS: dict[str, Callable[[], Executor]] = {"serial": SerialExecutor}


def make_executor(executor: str | Executor) -> Executor:
    """Return the executor with this name, or the executor itself where it is one already.

    Raises
    ------
    ParameterError
        For an unknown name, or an object that runs no blocks.
    """
    if not isinstance(executor, str) and callable(getattr(executor, "run", None)):
        return executor
    if executor not in tuple(EXECUTORS):
        raise unknown_name("executor", executor, EXECUTORS)
    return EXECUTORS[str(executor)]()


def timed_block(evaluation: Evaluation, subject: Subject, block: Block) -> Outcome:
    """Run one block and note what it cost."""
    passes = subject.classifier.passes
    forwards, backwards = passes.forwards, passes.backwards
    start = time.perf_counter()
    arrays = evaluation.run_block(subject, block)
    seconds = time.perf_counter() - start
    return Outcome(arrays, seconds, passes.forwards - forwards, passes.backwards - backwards)
