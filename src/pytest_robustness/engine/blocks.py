"""One block, with what it cost."""

from __future__ import annotations

import time

from pytest_robustness.evaluations import Block, Evaluation, Outcome, Subject


def timed_block(evaluation: Evaluation, subject: Subject, block: Block) -> Outcome:
    """Run one block and note what it cost."""
    passes = subject.classifier.passes
    forwards, backwards = passes.forwards, passes.backwards
    start = time.perf_counter()
    arrays = evaluation.run_block(subject, block)
    seconds = time.perf_counter() - start
    return Outcome(arrays, seconds, passes.forwards - forwards, passes.backwards - backwards)
