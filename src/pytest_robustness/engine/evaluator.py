"""The Evaluator: measures evaluations of one classifier on one data set."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_robustness.classifiers import Classifier, load_classifier
from pytest_robustness.datasets import Dataset, as_dataset
from pytest_robustness.engine.executors import Executor, make_executor
from pytest_robustness.engine.keys import block_key, digest, evaluation_key, is_identified, is_ours, model_state
from pytest_robustness.engine.store import Store
from pytest_robustness.errors import DatasetError, EvaluationError, check_confidence, check_number
from pytest_robustness.evaluations import Block, EarlyStop, Evaluation, Measurement, Outcome, Subject

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor as Futures

PROBE_SIZE = 8
BATCH_SIZE = 500
_LEVELS = 8  # kept of a measurement: intervals by bootstrap take longer than all else that is looked up


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a measurement has come: blocks done, of how many where that is known, and whether it has ended."""

    evaluation: Evaluation
    done: int
    total: int | None
    ended: bool = False

    def bar(self, width: int = 20) -> str:
        """Return a bar of plain characters and the share done, ``[#####...............]  25%``, or the blocks done."""
        if self.total is None:
            return f"{self.done} block{'' if self.done == 1 else 's'} done"
        share = self.done / max(self.total, 1)
        filled = round(width * share)
        return f"[{'#' * filled}{'.' * (width - filled)}] {share:4.0%}"


class Evaluator:
    """Measures evaluations of one classifier on one data set.

    Parameters
    ----------
    classifier : Classifier or anything that `load_classifier` takes
    dataset : Dataset, name, path or (images, labels)
    seed : int
        Seed of the order of the samples and of all noise.
    batch_size : int, optional
        Images in a forward pass; 500 by default. Results do not depend on it but for the rounding of the model itself.
    executor : str or Executor
        Where blocks run: ``"serial"``, ``"processes"``, ``"processes:4"``, an executor of `concurrent.futures` or an
        object that runs blocks. Results are the same to the bit, where the model computes with as many threads.
    cache : path, optional
        Folder of stored outcomes. Without it, outcomes live as long as the evaluator. Those of a model that cannot be
        identified (a callable), or whose outputs change from call to call, are kept nowhere.
    confidence : float
        Level of the intervals.
    progress : callable, optional
        Called with a `Progress` before the first block, after each, and at the end.

    Raises
    ------
    ClassifierError, DatasetError, ParameterError
        Where the classifier, the data, or the two together cannot be evaluated.
    """

    def __init__(
        self,
        classifier: object,
        dataset: object,
        *,
        seed: int = 0,
        batch_size: int | None = None,
        executor: str | Executor | Futures = "serial",
        cache: str | os.PathLike[str] | None = None,
        confidence: float = 0.95,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        check_number("seed", seed, minimum=0, whole=True)
        if batch_size is not None:
            check_number("batch_size", batch_size, minimum=1, whole=True)
        check_confidence(confidence)
        self.seed = seed
        self.confidence = confidence
        self.dataset = as_dataset(dataset)
        self.classifier = _bind(load_classifier(classifier), self.dataset)
        self.batch_size = batch_size or BATCH_SIZE
        self.executor = make_executor(executor)
        self.progress = progress
        self._stochastic = any(warning.startswith("stochastic") for warning in self.classifier.warnings)
        self._identified = self.classifier.cacheable and not self._stochastic
        self._store = Store(cache) if cache is not None and self._identified else None
        self._outcomes: dict[str, Outcome] = {}
        self._made_of = self.classifier.fingerprint, model_state(self.classifier)
        self._ordered = self.dataset.take(self.dataset.order(seed))

    def measure(
        self, evaluation: Evaluation, *, confidence: float | None = None, early: EarlyStop | None = None
    ) -> Measurement:
        """Measure an evaluation; what is already known of it is not computed again.

        Parameters
        ----------
        evaluation : Evaluation
        confidence : float, optional
            Level of the intervals, where it is not that of the evaluator.
        early : EarlyStop, optional
            The verdict that is wanted: the measurement may end as soon as it is known. Families whose `stops_early` is
            False measure all.

        Returns
        -------
        Measurement
            The family's main metric; its further metrics are in ``others``.

        Raises
        ------
        RobustnessError
            Where the evaluation cannot be completed; never a partial result.
        """
        level = self.confidence if confidence is None else confidence
        check_confidence(level)
        return self.levels(evaluation, early=early)(level)

    def levels(self, evaluation: Evaluation, *, early: EarlyStop | None = None) -> Callable[[float], Measurement]:
        """Run an evaluation once, and return what makes its measurement at any level of confidence.

        Parameters
        ----------
        evaluation, early
            As for `measure`.

        Raises
        ------
        RobustnessError
            As for `measure`.
        """
        state = self._look_at_model()
        further = evaluation.further_data(self._ordered, seed=self.seed)
        early = early if evaluation.stops_early else None
        subject = Subject(self.classifier, self._ordered, self.seed, self.batch_size, further, early)
        outcomes = self._run(evaluation, subject, evaluation_key(evaluation, subject, state))
        if not outcomes:
            raise EvaluationError(f"the evaluation {evaluation} planned no work")

        @lru_cache(maxsize=_LEVELS)
        def summarised(confidence: float) -> Measurement:
            main, *others = evaluation.summarise(subject, outcomes, confidence=confidence)
            main, *others = (self._with_doubts(m) for m in (main, *others))
            return replace(main, others=tuple(others))

        def at(confidence: float) -> Measurement:
            check_confidence(confidence)
            return summarised(confidence)

        return at

    def _look_at_model(self) -> str:
        """Return the state of the model; give the classifier another fingerprint where it is not what it was."""
        fingerprint, before = self._made_of
        now = model_state(self.classifier)
        if now != before:
            fingerprint = digest({"loaded": fingerprint, "now": now})
        self.classifier = replace(self.classifier, fingerprint=fingerprint)
        return now

    def _with_doubts(self, measurement: Measurement) -> Measurement:
        """Return a measurement with what is suspicious about the model itself."""
        faults = ["the outputs of the model change from call to call"] if self._stochastic else []
        return replace(
            measurement,
            warnings=(*self.classifier.warnings, *measurement.warnings),
            faults=(*faults, *measurement.faults),
        )

    def _run(self, evaluation: Evaluation, subject: Subject, key: str) -> dict[Block, Outcome]:
        keep = self._identified and is_identified(evaluation)
        store = self._store if keep and is_ours(evaluation) else None
        outcomes: dict[Block, Outcome] = {}
        planned, total = False, None
        with nullcontext() if store is None else store.lock(key):
            while blocks := evaluation.plan(subject, outcomes):
                keys = {block: block_key(key, subject, block) for block in blocks}
                if keep:
                    outcomes |= {block: found for block in blocks if (found := self._look_up(keys[block], store))}
                missing = [block for block in blocks if block not in outcomes]
                if not planned:
                    total = None if subject.early else evaluation.blocks_expected(subject, len(blocks))
                    planned = True
                elif total is not None and len(outcomes) + len(missing) > total:
                    total = None  # more than was expected: no share, lest it fall
                self._report(evaluation, len(outcomes), total)
                for block, outcome in self.executor.run(evaluation, subject, missing):
                    if block not in keys:
                        raise EvaluationError("the executor returned a block that it was not given", got=block)
                    if keep:
                        self._remember(keys[block], outcome, store)
                    outcomes[block] = outcome
                    self._report(evaluation, len(outcomes), total)
                _check_complete(blocks, outcomes)
        self._report(evaluation, len(outcomes), len(outcomes), ended=True)
        return outcomes

    def _look_up(self, key: str, store: Store | None) -> Outcome | None:
        if store is not None:
            return store.get(key)
        found = self._outcomes.get(key)
        return None if found is None else replace(found, cached=True)

    def _remember(self, key: str, outcome: Outcome, store: Store | None) -> None:
        if store is not None:
            store.put(key, outcome)
        else:
            self._outcomes[key] = outcome

    def _report(self, evaluation: Evaluation, done: int, total: int | None, *, ended: bool = False) -> None:
        if self.progress is not None:
            self.progress(Progress(evaluation, done, total, ended))


def _bind(classifier: Classifier, dataset: Dataset) -> Classifier:
    """Try the classifier on a few images; return it with its shape and its number of classes known."""
    bound = classifier.bound(dataset.images[:PROBE_SIZE])
    top = int(dataset.labels.max())
    if bound.num_classes is not None and top >= bound.num_classes:
        raise DatasetError(
            f"the data set {dataset.name!r} has a label beyond the {bound.num_classes} classes of the classifier",
            got=top,
            allowed=f"0 .. {bound.num_classes - 1}",
        )
    if int(dataset.labels.min()) < 0:
        raise DatasetError(f"the data set {dataset.name!r} has no labels", mend="Use it as outliers, or give labels.")
    return bound


def _check_complete(blocks: Sequence[Block], outcomes: dict[Block, Outcome]) -> None:
    lost = [block for block in blocks if block not in outcomes]
    if lost:
        raise EvaluationError(f"{len(lost)} of {len(blocks)} blocks came back without an outcome", got=lost[0])
