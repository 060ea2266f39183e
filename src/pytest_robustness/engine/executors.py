"""Where blocks run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pytest_robustness.engine.blocks import timed_block
from pytest_robustness.engine.processes import FuturesExecutor, ProcessExecutor
from pytest_robustness.errors import ParameterError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_robustness.evaluations import Block, Evaluation, Outcome, Subject


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


EXECUTORS: dict[str, Callable[[], Executor]] = {"serial": SerialExecutor, "processes": ProcessExecutor}


def make_executor(executor: object) -> Executor:
    """Return the executor with this name, or the executor itself where it is one already.

    Parameters
    ----------
    executor : str or object
        ``"serial"``; ``"processes"``, as many as there are cores, or ``"processes:4"``; an `Executor`; or an executor
        of `concurrent.futures`, which is not shut down.

    Raises
    ------
    ParameterError
        For an unknown name, a number of processes below 1, or an object that runs no blocks.
    """
    if not isinstance(executor, str):
        return _executor_of(executor)
    name, colon, number = executor.partition(":")
    if name not in EXECUTORS or (colon and name != "processes"):
        raise unknown_name("executor", executor, EXECUTORS, mend="Processes may be numbered, as in 'processes:4'.")
    if not colon:
        return EXECUTORS[name]()
    if not number.isdecimal():
        raise ParameterError(
            "the number of processes must be whole", got=executor, allowed="for instance 'processes:4'"
        )
    return ProcessExecutor(int(number))


def _executor_of(executor: Any) -> Executor:
    if callable(getattr(executor, "run", None)):
        found: Executor = executor
        return found
    if callable(getattr(executor, "submit", None)):
        return FuturesExecutor(executor)
    allowed = "a name, an object with run(evaluation, subject, blocks), or an executor of concurrent.futures"
    raise ParameterError("executor runs no blocks", got=executor, allowed=allowed)
