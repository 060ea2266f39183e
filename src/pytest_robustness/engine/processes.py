"""Blocks in other processes, or wherever an executor of `concurrent.futures` runs what it is given.

What all blocks share, the evaluation and its subject, is pickled once a run. Every worker unpickles it once, so a block
costs little more than its own work.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
import threading
from concurrent.futures import BrokenExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.engine.blocks import timed_block
from pytest_robustness.errors import EvaluationError, RobustnessError, check_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor as Futures
    from concurrent.futures import Future
    from types import ModuleType

    from pytest_robustness.evaluations import Block, Evaluation, Outcome, Subject

IDLE_SECONDS = 60
"""After which workers that have nothing to do end."""

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables of the libraries that would each take all cores in every worker."""

MEND = "Use the executor 'serial', or name the model by a source string."


@dataclass(frozen=True, slots=True)
class Work:
    """What all blocks of a run share: its pickle, or the file that holds it."""

    key: str
    content: bytes | Path = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer of a worker that cannot import a module which the work refers to."""

    module: str


class FuturesExecutor:
    """Runs blocks on an executor of `concurrent.futures`, or one with the same ``submit``, as a client of Dask has.

    Parameters
    ----------
    pool : concurrent.futures.Executor
        It is not shut down.
    """

    def __init__(self, pool: Futures) -> None:
        self.pool = pool

    def run(self, evaluation: Evaluation, subject: Subject, blocks: Iterable[Block]) -> Iterator[tuple[Block, Outcome]]:
        """Run `blocks` of an evaluation; they come back as they are done.

        Raises
        ------
        EvaluationError
            Where the model cannot be sent, or a worker is lost.
        """
        waiting = list(blocks)
        with ExitStack() as registered:
            while waiting:
                unknown = ""
                with self.packed(_pickled(evaluation, subject)) as work:
                    for block, found in _answers(self.pool_now(), work, waiting):
                        if isinstance(found, Unknown):
                            unknown = found.module
                            break
                        waiting.remove(block)
                        yield block, found
                if unknown:
                    registered.enter_context(_by_value(unknown))

    def pool_now(self) -> Futures:
        """Return the pool to submit to."""
        return self.pool

    @contextmanager
    def packed(self, content: bytes) -> Iterator[Work]:
        """Hold what is sent with every block: here all of it, for a worker may be on another machine."""
        yield Work(hashlib.sha256(content).hexdigest(), content)


class ProcessExecutor(FuturesExecutor):
    """Runs blocks in processes of this machine. They are kept for the next run, and end when idle.

    Parameters
    ----------
    workers : int, optional
        How many; by default as many as there are cores for this process.

    Notes
    -----
    The cores are shared out among the workers, one thread at least. Nothing is forked: a worker imports what it needs.
    """

    def __init__(self, workers: int | None = None) -> None:
        import loky

        if workers is not None:
            check_number("the number of processes", workers, minimum=1, whole=True)
        self.workers = workers or int(loky.cpu_count())

    def pool_now(self) -> Futures:
        """Return the one pool of this process, started again where it was lost, or is to have another size or place."""
        import loky

        threads = str(max(1, loky.cpu_count() // self.workers))
        env = {name: os.environ.get(name, threads) for name in THREADS}
        place = (str(Path.cwd()), tuple(sys.path))
        pool: Futures = loky.get_reusable_executor(
            max_workers=self.workers, timeout=IDLE_SECONDS, env=env, initializer=_begin, initargs=place
        )
        return pool

    @contextmanager
    def packed(self, content: bytes) -> Iterator[Work]:
        """Hold what is sent with every block: the path of a file that all workers can read."""
        with tempfile.TemporaryDirectory(prefix="robustness-") as folder:
            path = Path(folder, "work.pickle")
            path.write_bytes(content)
            yield Work(hashlib.sha256(content).hexdigest(), path)


def _answers(pool: Futures, work: Work, blocks: list[Block]) -> Iterator[tuple[Block, Outcome | Unknown]]:
    futures: dict[Future[Outcome | Unknown], Block] = {}
    try:
        for block in blocks:
            futures[_submitted(pool, work, block)] = block
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenExecutor as error:
        raise EvaluationError(
            "a process that ran blocks was lost",
            got=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            mend="It may have run out of memory, or the model ended it: try fewer processes, or 'serial', which shows"
            " where. Blocks that were done are kept where outcomes are stored.",
        ) from error
    finally:
        for future in futures:
            future.cancel()


def _submitted(pool: Futures, work: Work, block: Block) -> Future[Outcome | Unknown]:
    try:
        return pool.submit(run_remotely, work, block)
    except BrokenExecutor:
        raise
    except RuntimeError as error:
        mend = "Give an executor that is not shut down."
        raise EvaluationError(
            "the executor takes no work", got=f"{type(error).__name__}: {error}", mend=mend
        ) from error


def _begin(folder: str, path: tuple[str, ...]) -> None:
    """Look for modules and files where the process does that asks."""
    os.chdir(folder)
    sys.path[:] = path


def run_remotely(work: Work, block: Block) -> Outcome | Unknown:
    """Run one block in a worker."""
    try:
        evaluation, subject = _unpacked(work)
    except ModuleNotFoundError as error:
        return Unknown(error.name or "")
    except RobustnessError:
        raise
    except Exception as error:
        raise EvaluationError(
            "the model or the evaluation cannot be read in another process",
            got=f"{type(error).__name__}: {error}",
            mend=MEND,
        ) from error
    return timed_block(evaluation, subject, block)


_LATEST = threading.local()
"""The work that a thread has unpickled: each has a classifier of its own, which counts its own passes."""


def _unpacked(work: Work) -> tuple[Evaluation, Subject]:
    if getattr(_LATEST, "key", None) != work.key:
        content = work.content.read_bytes() if isinstance(work.content, Path) else work.content
        _LATEST.pair = pickle.loads(content)  # noqa: S301  # of this run's own making
        _LATEST.key = work.key
    pair: tuple[Evaluation, Subject] = _LATEST.pair
    return pair


def _pickled(evaluation: Evaluation, subject: Subject) -> bytes:
    import cloudpickle

    try:
        content: bytes = cloudpickle.dumps((evaluation, subject))
    except RobustnessError:
        raise
    except Exception as error:
        raise EvaluationError(
            f"{subject.classifier.name} cannot be sent to other processes",
            got=f"{type(error).__name__}: {error}",
            mend=MEND,
        ) from error
    return content


@contextmanager
def _by_value(name: str) -> Iterator[None]:
    """Have a module sent as a whole that workers cannot import: of a test file, or of a folder only this one knows."""
    import cloudpickle

    module: ModuleType | Any = sys.modules.get(name)
    if module is None or name in cloudpickle.list_registry_pickle_by_value():
        raise EvaluationError("a worker cannot import a module that the model needs", got=name, mend=MEND)
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)
