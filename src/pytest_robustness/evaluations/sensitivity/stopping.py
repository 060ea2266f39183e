"""The way to an early verdict: samples in slices, each point only as far as its own question needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.evaluations.base import BLOCK_SIZE, Block
from pytest_robustness.evaluations.early import SLICE
from pytest_robustness.evaluations.sensitivity.outcomes import IDENTITY, SURFACE
from pytest_robustness.evaluations.sensitivity.questions import Finding, Question, Seen
from pytest_robustness.evaluations.sensitivity.samplers import is_last_round
from pytest_robustness.evaluations.summaries import Estimate
from pytest_robustness.evaluations.thresholds import Settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Outcome, Subject
    from pytest_robustness.evaluations.early import EarlyStop
    from pytest_robustness.evaluations.sensitivity.box import Box, Point
    from pytest_robustness.evaluations.sensitivity.evaluation import Sensitivity
    from pytest_robustness.evaluations.thresholds import Decision

    Outcomes = Mapping[Block, Outcome]


def early_blocks(
    evaluation: Sensitivity, subject: Subject, outcomes: Outcomes, early: EarlyStop, *, size: int
) -> Sequence[Block]:
    """Return the next slices at the points that are open, or at new points; none where the verdict is known.

    A sampler goes on with what is estimated at points that are settled. Where only what is certain is a verdict, it
    must meet the points that it would meet without an early stop: there they are left before the end in its last round
    alone.

    Parameters
    ----------
    size : int
        Points in a block.
    """
    n, drops = len(subject.dataset), early.threshold.metric == "max_drop"
    points = seen_points(outcomes, drops=drops)
    if points:
        last = _is_last(evaluation, points)
        findings = _findings(_question(evaluation, subject, points, early), points)
        if any(finding.decision == "failed" and finding.n < n for finding in findings.values()):
            return []
        exact = early.alpha is None and not last
        going_on = {p: s for p, s in points.items() if s.n < n and (exact or findings[p].decision is None)}
        if going_on:
            return next_slices(going_on, n, outcomes, drops=drops, size=size, doubling=exact)
        if any(finding.decision == "failed" for finding in findings.values()) and evaluation.next_points(outcomes):
            return []
    if new := evaluation.next_points(outcomes):
        return next_slices(dict.fromkeys(new, Seen(0, 0, 0)), n, outcomes, drops=drops, size=size)
    return unchanged_left(outcomes, n) if all(seen.n == n for seen in points.values()) else []


def early_verdict(evaluation: Sensitivity, subject: Subject, outcomes: Outcomes, early: EarlyStop) -> Settled | None:
    """Return the verdict that a measurement ended with; None where all was measured after all."""
    points = seen_points(outcomes, drops=early.threshold.metric == "max_drop")
    question = _question(evaluation, subject, points, early)
    findings = _findings(question, points)
    n = len(subject.dataset)
    ended = all(f.decision is not None or f.n == n for f in findings.values()) and not evaluation.next_points(outcomes)
    if ended:  # how many points there are is known
        question = replace(question, most=len(points))
        findings = _findings(question, points)
    if ended and all(finding.n == n for finding in findings.values()):
        return None
    return settled_verdict(question, findings, evaluation.box)


def _is_last(evaluation: Sensitivity, points: Mapping[Point, Seen]) -> bool:
    known = dict.fromkeys(points, 0.0)
    return evaluation.tolerance is None and is_last_round(known, evaluation.sampler, int(evaluation.points))


def _question(evaluation: Sensitivity, subject: Subject, points: Mapping[Point, Seen], early: EarlyStop) -> Question:
    most = len(points) if _is_last(evaluation, points) else max(len(points), int(evaluation.points))
    population = subject.dataset.population
    return Question(early=early, n=len(subject.dataset), population=population, fewest=len(points), most=most)


def _findings(question: Question, points: Mapping[Point, Seen]) -> dict[Point, Finding]:
    known = {seen: question.finding(seen) for seen in set(points.values())}
    return {point: known[seen] for point, seen in points.items()}


def seen_points(outcomes: Outcomes, *, drops: bool) -> dict[Point, Seen]:
    """Return what is known at each point, in their order."""
    before = {b.start: o.arrays["correct"] for b, o in outcomes.items() if b.part == IDENTITY} if drops else {}
    counts: dict[tuple[Point, ...], NDArray[np.int64]] = {}
    for block, outcome in outcomes.items():
        if block.part == SURFACE:
            found = _counted(outcome.arrays["correct"], before.get(block.start))
            counts[block.points] = counts[block.points] + found if block.points in counts else found
    points: dict[Point, Seen] = {}
    for group, numbers in counts.items():
        for point, (n, lost, won) in zip(group, numbers.T.tolist(), strict=True):
            # Where points are left one by one, several groups hold the same one.
            known = points.get(point, Seen(0, 0, 0))
            points[point] = Seen(known.n + n, known.lost + lost, known.won + won)
    return dict(sorted(points.items()))


def _counted(correct: NDArray[np.bool_], before: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Return the images, and how many of them were lost and won, at each point: (3, points)."""
    n = np.full(len(correct), correct.shape[1])
    if before is None:
        return np.stack([n, n - np.count_nonzero(correct, axis=1), np.zeros_like(n)])
    return np.stack([n, np.count_nonzero(before & ~correct, axis=1), np.count_nonzero(~before & correct, axis=1)])


def next_slices(
    points: Mapping[Point, Seen], n: int, outcomes: Outcomes, *, drops: bool, size: int, doubling: bool = False
) -> list[Block]:
    """Return the blocks of the next images at some points, and of the same images unchanged where drops are asked for.

    Parameters
    ----------
    size : int
        Points in a block.
    doubling : bool
        Whether to look again only when twice as many images are seen.
    """
    by_start: dict[int, list[Point]] = {}
    for point, seen in points.items():
        by_start.setdefault(seen.n, []).append(point)
    blocks = []
    for seen_so_far, some in sorted(by_start.items()):
        for start, stop in _slices(n, seen_so_far, max(1, 2 * seen_so_far) if doubling else seen_so_far + 1):
            clean = Block(start, stop, IDENTITY)
            blocks += [clean] if drops and clean not in outcomes else []
            blocks += [Block(start, stop, SURFACE, tuple(some[i : i + size])) for i in range(0, len(some), size)]
    return blocks


def unchanged_left(outcomes: Outcomes, n: int) -> list[Block]:
    """Return blocks of the unchanged images that are not known yet."""
    known = {block.start for block in outcomes if block.part == IDENTITY}
    return [Block(start, stop, IDENTITY) for start, stop in _slices(n, 0, n) if start not in known]


def _slices(n: int, start: int, stop: int) -> list[tuple[int, int]]:
    """Return slices from `start` on until `stop` is reached, of which one at least.

    They end at 64, 128, 256 and 500 images, and then where the usual blocks do.
    """
    found = []
    while start < min(stop, n):
        end = min(n, max(SLICE, 2 * start), start - start % BLOCK_SIZE + BLOCK_SIZE)
        found.append((start, end))
        start = end
    return found


def settled_verdict(question: Question, findings: Mapping[Point, Finding], box: Box) -> Settled:
    """Return the verdict on all points: failed where one fails, passed where all pass."""
    decisions = {finding.decision for finding in findings.values()}
    pick = min if question.threshold.wants_high else max
    if "failed" in decisions:
        bad = {point: f for point, f in findings.items() if f.decision == "failed"}
        point = pick(bad, key=lambda point: bad[point].estimate.value)
        finding = bad[point]
        by = (
            f"all {finding.n:,} images"
            if finding.n == question.n
            else f"the first {finding.n:,} images: {finding.text}"
        )
        reason = f"{_in_words(question, finding.estimate, 'failed')} at {box.named(point)}, by {by}"
        return Settled(question.threshold, "failed", reason, *finding.estimate, finding.n)
    estimate = Estimate(*(pick(finding.estimate[end] for finding in findings.values()) for end in range(3)))
    fewest, most = (end(finding.n for finding in findings.values()) for end in (min, max))
    if decisions != {"passed"}:
        undecided = sum(finding.decision != "passed" for finding in findings.values())
        reason = f"{undecided} of {len(findings)} points are not settled by all {question.n:,} images"
        return Settled(question.threshold, "inconclusive", reason, *estimate, fewest)
    images = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    reason = f"{_in_words(question, estimate, 'passed')} at each of {len(findings)} points, by {images} images"
    # Where some points were settled by a test, all of the verdict has its error.
    texts = {finding.text for finding in findings.values() if finding.n < question.n}
    reason += f": {max(texts, key=lambda text: 'sequential' in text)}"
    return Settled(question.threshold, "passed", reason, *estimate, fewest)


def _in_words(question: Question, estimate: Estimate, decision: Decision) -> str:
    """Return between which ends the number lies that is asked for, as far as it matters."""
    if question.threshold.metric == "worst":
        return (
            f"at least {estimate.low:.4g} correct" if decision == "passed" else f"at most {estimate.high:.4g} correct"
        )
    return (
        f"a drop of at most {estimate.high:.4g}" if decision == "passed" else f"a drop of at least {estimate.low:.4g}"
    )
